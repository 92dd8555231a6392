"""The connection of `qmpshell ga` to a guest agent, its output, and its messages about failures."""

from __future__ import annotations

import binascii
import codecs
import io
import os
import time

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
from ..render import escape, escape_lines
from ..storage import Output
from .signals import SignalReceived, Signals
from .start import Connector, write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar

    from ..storage import Settings
    from ..transport import Stream

    T = TypeVar("T")


# Seconds until an agent must be ready without --wait and --timeout.
_READY_TIMEOUT = 5.0
# Seconds between two connections, if the first one is lost before the agent is ready.
_RETRY_PAUSE = 0.1
# Seconds for the reply to a command that an agent carries out at once.
_REPLY_TIMEOUT = 60.0

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
    limit = settings.timeout if settings.wait is None else settings.wait
    settings.wait = limit
    connector = Connector(address, settings, environment)
    deadline = time.monotonic() + (_READY_TIMEOUT if limit is None else limit)
    while True:
        with signals.released():
            stream = connector.open()
        agent = Agent(stream, address=connector.name, signals=signals, limit=settings.timeout)
        left = deadline - time.monotonic()
        try:
            agent.negotiate(max(0.1, left), connector.address)
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


def report(error: BaseException, consequence: str = "") -> int:
    """Write one line about one of `FAILURES`. Return the exit status.

    `consequence` is what the user needs to know besides, such as that a file is incomplete.
    """
    after = f"; {consequence}" if consequence else ""
    if isinstance(error, SignalReceived):
        if consequence:
            write_error(f"qmpshell: interrupted{after}")
        return error.status
    if isinstance(error, OutputClosedError):
        return PIPE
    if isinstance(error, CommandError):
        write_error(f"qmpshell: {escape(error.desc)}{after}")
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
