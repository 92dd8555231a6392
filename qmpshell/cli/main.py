"""The entry point: signals, standard descriptors, and exceptions turned into exit statuses."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from types import FrameType
else:
    import _signal as signal  # `signal` makes enumerations, which takes a fiftieth of a script's start

SUBCOMMANDS = ("run", "exec", "events", "info", "qom", "ls", "ga")

# The scripts of QEMU that subcommands replace. Started by such a name, the program is the subcommand.
OLD_NAMES: dict[str, tuple[str, ...]] = {
    "qom-fuse": ("qom", "fuse"),
    "qom-get": ("qom", "get"),
    "qom-list": ("qom", "list"),
    "qom-set": ("qom", "set"),
    "qom-tree": ("qom", "tree", "--flat"),
    "qemu-ga-client": ("ga",),
}

_INTERRUPTED, _TERMINATED = 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program with these arguments (None: those of the process). Does not return."""
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
    gc.disable()  # until everything is imported: see `enable_garbage_collection`
    _open_standard_descriptors()
    from .main import run

    status = run(_own_arguments() if arguments is None else arguments)
    # All output has been written. The interpreter's own flush would fail again on a closed stream,
    # and unloading modules takes as long as a short script.
    os._exit(status)


def _own_arguments() -> Sequence[str]:
    """Return the arguments of the process, after those that its name stands for."""
    return [*OLD_NAMES.get(os.path.basename(sys.argv[0]), ()), *sys.argv[1:]]


def _end(number: int, _frame: FrameType | None) -> None:
    # A script's output is written, and `CleanupOnSignal` has removed its files. Exiting here does not
    # depend on what was interrupted. The terminal installs its own handlers.
    os._exit(_INTERRUPTED if number == signal.SIGINT else _TERMINATED)


def _open_standard_descriptors() -> None:
    """Open missing standard descriptors, so that no socket becomes stdout."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # For reading only: writing to it fails, as it would have.
            os.open(os.devnull, os.O_RDONLY)


def run(arguments: Sequence[str]) -> int:
    """Run the command line. Return the exit status. Never raises."""
    from ..errors import (
        CONNECTION,
        FAILED,
        INTERRUPTED,
        PIPE,
        USAGE,
        AddressError,
        CommandLineError,
        OutputClosedError,
        OutputError,
        QmpShellError,
    )
    from .start import UsageError, write_error

    try:
        return _run(arguments)
    except (UsageError, AddressError, CommandLineError) as error:
        write_error(f"qmpshell: {error}")
        return USAGE
    except QmpShellError as error:
        write_error(f"qmpshell: {error}{_suggest_subcommand(arguments, str(error))}")
        return CONNECTION
    except OutputClosedError:
        return PIPE
    except OutputError as error:
        write_error(f"qmpshell: cannot write to standard output: {error}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        write_error(f"qmpshell: {describe_crash(error, os.environ)}")
        return FAILED


def _run(arguments: Sequence[str]) -> int:
    """Run the command line. Return the exit status."""
    from .start import needs_address, parse_common_options, start

    invocation = None
    if "_QMPSHELL_COMPLETE" not in os.environ and not (arguments and arguments[0] in SUBCOMMANDS):
        invocation = parse_common_options(arguments)
    if invocation is None:
        from .options import parse_arguments

        parsed = parse_arguments(arguments)
        if isinstance(parsed, int):
            return parsed
        if callable(parsed):
            return parsed(os.environ)
        invocation = parsed
    if invocation.words is not None:
        from .run import run_qemu

        return run_qemu(invocation, environment=os.environ)
    if needs_address(invocation, os.environ):
        from .ls import choose_address

        invocation.address = choose_address(agent=invocation.settings.agent)
    return start(invocation, environment=os.environ)


def _suggest_subcommand(arguments: Sequence[str], problem: str) -> str:
    """Return "; " and a hint if the path in a problem looks like a mistyped subcommand, or ""."""
    word = arguments[0] if arguments else ""
    if not word.isalpha() or not problem.startswith(f"{word}: no such socket"):
        return ""
    from ..language import suggestion_for  # only after mistakes

    hint = suggestion_for(word, SUBCOMMANDS)
    return f"; {hint}" if hint else ""


def describe_crash(error: BaseException, environment: Mapping[str, str]) -> str:
    """Return a message for the user, and write the details to a file."""
    import traceback  # slow to import

    from .. import __version__

    text = "".join(traceback.format_exception(error))
    path = _write(f"qmpshell {__version__}\n{text}", environment)
    where = f"; the details are in {path}" if path else ""
    return f"internal error: {type(error).__name__}: {error}{where}"


def _write(text: str, environment: Mapping[str, str]) -> str:
    """Write the text to a new file. Return its path, or ""."""
    import contextlib
    import time

    from ..storage import state_directory

    directory = state_directory(environment)
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
