"""The names that are subcommands where they stand first.

Owns: those names. Must not know: any other module; they are looked at before the options' parser is
imported.
"""

SUBCOMMANDS = ("run",)
