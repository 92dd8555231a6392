"""The manual that is installed beside the server: finding it and reading it."""
