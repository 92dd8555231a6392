"""The exit statuses of the program.

Owns: the numbers that scripts rely on. Must not know: any other module.
"""

OK = 0
FAILED = 1
USAGE = 2
CONNECTION = 3
INTERRUPTED = 130
PIPE = 141
TERMINATED = 143
