"""The shell commands: each is a function that runs when a line names it."""
