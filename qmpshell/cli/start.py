"""A session from what was chosen on the command line.

Owns: whether it is a shell or a script, and putting the parts together. Must not know: how options
are spelled.
"""

from __future__ import annotations

import os
import time

from .. import exits
from ..errors import ConnectError, QmpShellError
from ..files import make_ports
from ..inputs import LineInput, ScriptLines
from ..render.escape import escape_lines
from ..script.output import Output, OutputFailed, ReaderGone
from ..script.run import ScriptRunner
from ..script.view import ScriptView
from ..session import Session
from ..settings import Settings
from ..transport.address import parse_address
from ..transport.opening import accept_one, open_patiently

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..language.command import Destination
    from ..raw import RawSession
    from ..script.diversion import Diversion
    from ..transport.address import Address
    from ..transport.stream import Stream


_READ_SIZE = 1 << 16


class UsageError(QmpShellError):
    """The command line cannot be carried out as it stands."""


class Choice:
    """What the command line says: the settings, and what they apply to.

    `commands` are the lines of `-c`, `file` the name of `-f`; `address` is as it was typed.
    """

    __slots__ = ("address", "commands", "file", "listen", "settings")

    def __init__(
        self,
        settings: Settings,
        *,
        address: str | None = None,
        commands: Sequence[str] = (),
        file: str | None = None,
        listen: bool = False,
    ) -> None:
        self.settings = settings
        self.address = address
        self.commands = commands
        self.file = file
        self.listen = listen


def start(choice: Choice, *, environment: Mapping[str, str]) -> int:
    """Connect and run; the exit status. Raises QmpShellError."""
    scripted = bool(choice.commands) or choice.file is not None or choice.settings.dry_run
    if choice.settings.dry_run and not choice.address:
        return _run_script(choice, None, environment)  # never to the environment's
    address = _address(choice, environment)
    if not scripted and _is_terminal(environment):
        session = _open(choice.settings, str(address), interactive=True)
        stream = open_address(choice.settings, address, listen=choice.listen)
        from ..terminal.start import run_terminal

        return run_terminal(
            choice.settings,
            session,
            stream,
            address=str(address),
            connect=lambda text: _reconnect(choice, address, text),
            environment=environment,
        )
    return _run_script(choice, address, environment)


def open_session(settings: Settings, *, address: str, interactive: bool) -> Session:
    """A session on this machine's files. Raises UsageError if its log cannot be opened."""
    try:
        return Session(settings, address=address, interactive=interactive, ports=make_ports())
    except QmpShellError as error:
        raise UsageError(str(error)) from error


def write_error(text: str) -> None:
    """Write text of ours to standard error, whatever becomes of it."""
    data = escape_lines(text).encode("utf-8") + b"\n"
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        pass


def open_address(settings: Settings, address: Address, *, listen: bool) -> Stream:
    """The stream that the settings ask for. Raises ConnectError."""
    if listen:
        return accept_one(address, wait=settings.wait)
    return open_patiently(
        address,
        wait=settings.wait,
        clock=time.monotonic,
        sleep=time.sleep,
        notice=lambda text: write_error(f"qmpshell: {text}"),
    )


def _address(choice: Choice, environment: Mapping[str, str]) -> Address:
    text = choice.address or environment.get("QMP_SOCKET")
    if not text:
        raise UsageError(
            "no ADDRESS: name the monitor's socket, or set QMP_SOCKET (see qmpshell --help)"
        )
    return parse_address(text, exists=os.path.exists)


def _is_terminal(environment: Mapping[str, str]) -> bool:
    return os.isatty(0) and os.isatty(1) and environment.get("TERM", "dumb") != "dumb"


def _run_script(choice: Choice, address: Address | None, environment: Mapping[str, str]) -> int:
    """Run a script at `address`, or without a server."""
    settings = choice.settings
    may_colour = _may_colour(environment)
    inputs = _inputs(choice)
    name = str(address) if address is not None else "no server"
    session = _open(settings, name, interactive=False)
    begun = time.monotonic()
    try:
        stream = None
        if address is not None:
            stream = open_address(settings, address, listen=choice.listen)
        runner = ScriptRunner(
            session,
            stream,
            lines=ScriptLines(inputs, verbatim=settings.hmp or settings.raw, raw=settings.raw),
            output=Output(1),
            view=lambda write: ScriptView(
                settings,
                name=f"qmpshell: {name}",
                colours=lambda: (
                    settings.color == "always" or (settings.color == "auto" and may_colour)
                ),
                pretty=os.isatty(1),
                out=write,
                err=write_error,
            ),
            clock=time.monotonic,
            divert=lambda destination: _divert(destination, environment),
            connect=lambda text: _reconnect(choice, address, text),
        )
        if stream is None:
            assert isinstance(session, Session)
            return runner.run(session.offline())
        give_up_at = None if settings.wait is None else begun + settings.wait
        begin = session.connected(
            time.monotonic(),
            give_up_at=give_up_at,
            passes_descriptors=stream.passes_descriptors,
        )
        return runner.run(begin)
    except ReaderGone:
        return exits.PIPE
    except OutputFailed as error:
        write_error(f"qmpshell: standard output could not be written: {error}")
        return exits.FAILED


def _reconnect(choice: Choice, address: Address | None, text: str | None) -> tuple[Stream, str]:
    """The stream to another address, or to the same one again. Raises QmpShellError."""
    to = parse_address(text, exists=os.path.exists) if text is not None else address
    if to is None:
        raise ConnectError("there is no address to go back to: /connect ADDRESS")
    listen = choice.listen and text is None
    return open_address(choice.settings, to, listen=listen), str(to)


def _open(settings: Settings, address: str, *, interactive: bool) -> Session | RawSession:
    if not settings.raw:
        return open_session(settings, address=address, interactive=interactive)
    from ..raw import RawSession

    return RawSession(address=address, interactive=interactive)


def _divert(destination: Destination, environment: Mapping[str, str]) -> Diversion:
    from ..script.diversion import Diversion  # few scripts need it

    return Diversion(destination, environment=environment)


def _may_colour(environment: Mapping[str, str]) -> bool:
    """Whether standard output has colours unless the settings say something else."""
    plain = environment.get("NO_COLOR") or environment.get("TERM", "dumb") == "dumb"
    return os.isatty(1) and not plain


def _inputs(choice: Choice) -> list[LineInput]:
    raw = choice.settings.raw
    if choice.commands:
        return [
            LineInput(f"-c#{number}", data=_encode(line), raw=raw)
            for number, line in enumerate(choice.commands, 1)
        ]
    if choice.file is None or choice.file == "-":
        return [_input("stdin", 0, raw=raw)]
    try:
        descriptor = os.open(choice.file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{choice.file}: {error.strerror}") from error
    return [_input(choice.file, descriptor, raw=raw)]


def _input(name: str, descriptor: int, *, raw: bool) -> LineInput:
    return LineInput(
        name, read=lambda: os.read(descriptor, _READ_SIZE), descriptor=descriptor, raw=raw
    )


def _encode(line: str) -> bytes:
    return os.fsencode(line) + b"\n"
