"""What is kept of a session, and what is kept out of it."""
