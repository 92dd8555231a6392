"""Helpers of the tests: servers, the program, a terminal and sessions without I/O."""
