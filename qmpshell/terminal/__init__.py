"""The driver for a person at a terminal, on prompt_toolkit."""
