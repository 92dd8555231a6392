"""From the arguments of the process to its exit status.

Owns: which part of the program is imported for them, and what each error means as a status. Must not
know: how options are declared (`options`), or how a session is run (`start`).
"""

from __future__ import annotations

import os

from .. import exits
from ..errors import AddressError, CommandLineError, QmpShellError
from ..settings import Settings
from .connecting import UsageError, write_error
from .start import Choice, start
from .subcommands import SUBCOMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments ask for; the exit status. Raises nothing."""
    try:
        choice = _plain(arguments)
        if choice is None:
            from .options import parse

            parsed = parse(arguments)
            if isinstance(parsed, int):
                return parsed
            choice = parsed
        if choice.words is not None:
            from .run import run_qemu

            return run_qemu(choice, environment=os.environ)
        return start(choice, environment=os.environ)
    except (UsageError, AddressError, CommandLineError) as error:
        write_error(f"qmpshell: {error}")
        return exits.USAGE
    except QmpShellError as error:
        write_error(f"qmpshell: {error}")
        return exits.CONNECTION
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except Exception as error:
        from .crash import describe_crash

        write_error(f"qmpshell: {describe_crash(error, os.environ)}")
        return exits.FAILED


def _plain(arguments: Sequence[str]) -> Choice | None:
    """The choice where there are no options to be read: importing their parser takes longer than a
    short script."""
    if len(arguments) > 1 or "_QMPSHELL_COMPLETE" in os.environ:
        return None
    if arguments and (arguments[0].startswith("-") or arguments[0] in SUBCOMMANDS):
        return None
    return Choice(Settings(), address=arguments[0] if arguments else None)
