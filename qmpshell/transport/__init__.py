"""An address to a stream of bytes."""
