"""The entry point: signals, standard descriptors, and exceptions turned into exit statuses."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from .start import Choice

SUBCOMMANDS = ("run",)

_INTERRUPTED, _TERMINATED = 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program with these arguments (None: the process's own); the exit status."""
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
    _open_standard_descriptors()
    from .main import run

    status = run(list(sys.argv[1:] if arguments is None else arguments))
    # All output is written by then. The interpreter's own flushing would fail a second time where a
    # standard stream is closed, and tearing down modules takes as long as a short script.
    os._exit(status)


def _end(number: int, frame: FrameType | None) -> None:
    # A script has nothing to tidy up: what it wrote is written. Leaving from here, wherever "here"
    # is, needs no cooperation of what was interrupted. The terminal installs handlers of its own.
    os._exit(_INTERRUPTED if number == signal.SIGINT else _TERMINATED)


def _open_standard_descriptors() -> None:
    """Let no socket of ours become standard output because that was closed."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # Open for reading only: what is written to it fails, as it would have.
            os.open(os.devnull, os.O_RDONLY)


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments ask for; the exit status. Raises nothing."""
    from ..errors import (
        CONNECTION,
        FAILED,
        INTERRUPTED,
        USAGE,
        AddressError,
        CommandLineError,
        QmpShellError,
    )
    from .start import UsageError, start, write_error

    try:
        choice = _plain(arguments)
        if choice is None:
            from .options import parse_arguments

            parsed = parse_arguments(arguments)
            if isinstance(parsed, int):
                return parsed
            choice = parsed
        if choice.words is not None:
            from .run import run_qemu

            return run_qemu(choice, environment=os.environ)
        return start(choice, environment=os.environ)
    except (UsageError, AddressError, CommandLineError) as error:
        write_error(f"qmpshell: {error}")
        return USAGE
    except QmpShellError as error:
        write_error(f"qmpshell: {error}")
        return CONNECTION
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        write_error(f"qmpshell: {describe_crash(error, os.environ)}")
        return FAILED


def _plain(arguments: Sequence[str]) -> Choice | None:
    """The choice where there are no options to be read: importing their parser takes longer than a
    short script."""
    if len(arguments) > 1 or "_QMPSHELL_COMPLETE" in os.environ:
        return None
    if arguments and (arguments[0].startswith("-") or arguments[0] in SUBCOMMANDS):
        return None
    from ..storage import Settings
    from .start import Choice

    return Choice(Settings(), address=arguments[0] if arguments else None)


def describe_crash(error: BaseException, environment: Mapping[str, str]) -> str:
    """What to tell the user; the details go to a file of the user's own."""
    import traceback  # slow to import

    from .. import __version__

    text = "".join(traceback.format_exception(error))
    path = _write(f"qmpshell {__version__}\n{text}", environment)
    where = f"; the details are in {path}" if path else ""
    return f"a mistake of qmpshell's own: {type(error).__name__}: {error}{where}"


def _write(text: str, environment: Mapping[str, str]) -> str:
    """The path of a new file with the text; empty where none can be written."""
    import contextlib
    import time

    from ..storage import state_folder

    directory = state_folder(environment)
    if directory is None:
        return ""
    path = os.path.join(directory, f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt")
    with contextlib.suppress(OSError):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return path
    return ""
