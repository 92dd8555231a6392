"""What the subcommands of `qmpshell ga` share: options, the agent, its output, messages about failures."""

from __future__ import annotations

import binascii
import codecs
import io
import os
import time
from functools import partial, wraps

import click

from ..client import Connection
from ..errors import (
    CONNECTION,
    FAILED,
    PIPE,
    CommandError,
    ConnectionLost,
    OutputClosedError,
    OutputError,
    ProtocolError,
    QmpShellError,
)
from ..qmp import MIN_GREETING_WAIT
from ..render import escape, escape_lines
from ..storage import Output, Settings
from .options import connection_options, subcommand
from .signals import SignalReceived, Signals
from .start import Connector, write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from ..transport import Stream
    from .options import RunSubcommand

    T = TypeVar("T")


# Seconds until an agent must be ready without --wait and --timeout.
_READY_TIMEOUT = 5.0
# Seconds for the agent's answer if the connection has taken all of --timeout.
_MIN_READY_TIMEOUT = 0.1
# Seconds between two connections, if the first one is lost before the agent is ready.
_RETRY_PAUSE = 0.1
# Seconds for the reply to a command that an agent carries out at once.
_REPLY_TIMEOUT = 60.0

_HELP = {
    "socket": "Connect to the agent at ADDRESS; the default is $QGA_CLIENT_ADDRESS.",
    "wait": "Retry until the agent is ready.",
    "timeout": "Stop waiting for the agent, or for a reply, after this time.",
}


def agent_options() -> list[click.Parameter]:
    """Return the options for the connection to the agent."""
    options = connection_options("timeout", aliases=["--address"])
    for option in options:
        if isinstance(option, click.Option):
            option.help = _HELP.get(option.name or "", option.help)
    return options


def pop_settings(values: dict[str, Any]) -> tuple[str | None, Settings]:
    """Remove the options for the connection. Return the address and settings of these and earlier ones.

    Earlier options precede the name of the subcommand.
    """
    parent = click.get_current_context().parent
    earlier: Mapping[str, Any] = parent.params if parent is not None else {}
    both: dict[str, Any] = {}
    for name in earlier:
        value = values.pop(name)
        both[name] = earlier[name] if value is None else value
    return both.pop("socket"), Settings(agent=True, color="auto", **both)


def agent_task(
    address: str | None, settings: Settings, action: Callable[[Agent], int]
) -> RunSubcommand:
    """Return the task that connects and runs a function, which returns the exit status."""

    def run(environment: Mapping[str, str]) -> int:
        try:
            agent = open_agent(settings, address, environment)
        except SignalReceived as error:
            return report(error)
        with agent:
            try:
                return action(agent)
            except FAILURES as error:
                return report(error)

    return run


def agent_command(
    name: str, epilog: str, **settings: Any
) -> Callable[[Callable[..., int]], click.Command]:
    """Return a decorator that makes a subcommand of `qmpshell ga`; `settings` are click's.

    The function gets the agent and its own options and arguments, and returns the exit status.
    """

    def decorate(function: Callable[..., int]) -> click.Command:
        @wraps(function)
        def make_task(**values: Any) -> RunSubcommand:
            address, options = pop_settings(values)
            return agent_task(address, options, partial(function, **values))

        return subcommand(name, params=agent_options(), epilog=epilog, **settings)(make_task)

    return decorate


# What can end a command of `qmpshell ga` before its time.
FAILURES = (QmpShellError, OutputClosedError, OutputError, SignalReceived, OSError)


class Agent(Connection):
    """The connection to an agent. Signals are raised only while it waits.

    `limit` is the value of --timeout: it is also the limit for commands that may take any time.
    """

    def __init__(
        self, stream: Stream, *, address: str, signals: Signals, limit: float | None
    ) -> None:
        super().__init__(
            stream,
            address=address,
            agent=True,
            timeout=_REPLY_TIMEOUT if limit is None else limit,
        )
        self.signals = signals
        self.limit = limit

    def _poll(self, timeout: float) -> bool:
        with self.signals.released():
            return super()._poll(timeout)

    def pause(self, seconds: float) -> None:
        """Sleep. Raises SignalReceived."""
        with self.signals.released():
            time.sleep(seconds)


def open_agent(settings: Settings, address: str | None, environment: Mapping[str, str]) -> Agent:
    """Return the connection to an agent that is ready.

    Retries for the time of --wait, or else --timeout. Raises QmpShellError or SignalReceived.
    """
    signals = Signals()
    signals.install()
    least, limit = MIN_GREETING_WAIT, settings.wait
    if limit is None:
        least, limit = _MIN_READY_TIMEOUT, settings.timeout
    settings.wait = limit
    connector = Connector(address, settings, environment)
    deadline = time.monotonic() + (_READY_TIMEOUT if limit is None else limit)
    while True:
        with signals.released():
            stream = connector.open()
        agent = Agent(stream, address=connector.name, signals=signals, limit=settings.timeout)
        left = deadline - time.monotonic()
        try:
            agent.negotiate(max(least, left), connector.address)
        except ConnectionLost:
            if limit is None or left < _RETRY_PAUSE:
                raise
            agent.pause(_RETRY_PAUSE)
            settings.wait = deadline - time.monotonic()
        else:
            return agent


def member(reply: Any, name: str, kind: type[T]) -> T:
    """Return a member of an agent's reply. Raises ProtocolError if it is missing or of another type."""
    value = reply.get(name) if isinstance(reply, dict) else None
    if not isinstance(value, kind):
        raise ProtocolError(f"the agent's reply has no valid member {name}")
    return value


def encode_base64(data: bytes | memoryview) -> str:
    """Return the base64 of bytes."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Return the bytes of base64 from the agent. Raises ProtocolError."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise ProtocolError(f"the agent's data are not base64: {error}") from error


class GuestOutput:
    """Standard output or error, for data from the guest.

    A terminal gets text without control characters, everything else the bytes as they are.
    """

    def __init__(self, descriptor: int, signals: Signals) -> None:
        self._output = Output(descriptor)
        self._signals = signals
        self._decoder: io.IncrementalNewlineDecoder | None = None
        if os.isatty(descriptor):
            utf8 = codecs.getincrementaldecoder("utf-8")("backslashreplace")
            self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)

    def write(self, data: bytes, *, is_last: bool = False) -> None:
        """Write all data. Raises OutputClosedError, OutputError or SignalReceived."""
        if self._decoder is not None:
            data = escape_lines(self._decoder.decode(data, is_last)).encode()
        with self._signals.released():
            self._output.write(data)
            self._output.drain()


def report(error: BaseException, consequence: str = "", *, path: str = "") -> int:
    """Write one line about one of `FAILURES`. Return the exit status.

    `consequence` is what the user needs to know besides, such as that a file is incomplete. `path`
    is that of the guest's file that an error reply is about; only some of these name it.
    """
    after = f"; {consequence}" if consequence else ""
    if isinstance(error, SignalReceived):
        if consequence:
            write_error(f"qmpshell: interrupted{after}")
        return error.status
    if isinstance(error, OutputClosedError):
        return PIPE
    if isinstance(error, CommandError):
        where = f"{escape(path)}: " if path and f"'{path}'" not in error.desc else ""
        write_error(f"qmpshell: {where}{escape(error.desc)}{after}")
        return FAILED
    if isinstance(error, OutputError):
        write_error(f"qmpshell: cannot write to standard output: {error}{after}")
        return FAILED
    if isinstance(error, QmpShellError):
        write_error(f"qmpshell: {error}{after}")
        return CONNECTION
    assert isinstance(error, OSError)
    where = f"{error.filename}: " if error.filename else ""
    write_error(f"qmpshell: {where}{error.strerror or error}{after}")
    return FAILED
