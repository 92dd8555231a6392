"""What a server says of its own commands, and how scalars are written for each type."""
