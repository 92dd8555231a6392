"""The driver for scripts: standard input, files, `-c`."""
