"""Messages and mistakes to text for people."""
