"""Bytes to QMP messages and back, without I/O."""
