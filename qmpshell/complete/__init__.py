"""What may stand at the cursor: a line as far as it is typed, and what is known of the server."""
