"""What people type, to commands."""
