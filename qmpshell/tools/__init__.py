"""What grew up around QMP: so far, starting QEMU."""
