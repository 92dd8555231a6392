"""The state of the connection to the server: negotiation, timeouts, and messages about losses."""

from __future__ import annotations

from ..qmp import GREETING, READY, QmpProtocol
from ..render import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..qmp import AgentProtocol, Greeting
    from ..storage import Settings
    from .requests import Request
    from .waits import Wait


_KNOWN = (
    (b"HTTP/", "a web server (HTTP)"),
    (b"SSH-", "an SSH server"),
    (b"RFB ", "a VNC server"),
    (b"220 ", "a mail or FTP server"),
    (b"\xfb", "a telnet server"),
    (b"\x16\x03", "a TLS server"),
    (b"\x15\x03", "a TLS server"),
)


def explain_garbage(address: str, raw: bytes) -> str:
    """Return a message about what sent `raw` instead of a greeting."""
    if (raw.startswith(b"QEMU ") and b"monitor" in raw) or raw.startswith(b"(qemu)"):
        return (
            f"{address}: this is QEMU's human monitor, not QMP; start QEMU with -qmp, or with"
            " mode=control in -mon"
        )
    for start, name in _KNOWN:
        if raw.startswith(start):
            return f"{address}: this is {name}, not QMP: it sent {_quote(raw)}"
    return f"{address}: this is not QMP: it sent {_quote(raw)}"


def explain_silence(address: str, pending: bytes, *, greeted: bool) -> str:
    """Return a message about why the server has sent no greeting or no reply to `qmp_capabilities`."""
    if greeted:
        # The I/O thread of QEMU 7.2 to 10.0 polls the socket below a websocket only if it is woken.
        known = "; QEMU has a bug with QMP over websockets" if _is_websocket(address) else ""
        return f"{address}: the server sent a greeting, but does not answer qmp_capabilities{known}"
    if pending:
        if pending.lstrip()[:1] != b"{":
            return explain_garbage(address, pending)
        return f"{address}: only part of a greeting arrived: {_quote(pending)}"
    return (
        f"{address}: connected, but no greeting: another client may hold this monitor (QEMU serves"
        " one at a time), QEMU may be stopped, or this may be a guest agent (try --ga)"
    )


def _is_websocket(address: str) -> bool:
    return address.startswith(("websocket:", "ws:", "wss:"))


def explain_monitor(address: str) -> str:
    """Return a message about a QMP greeting where a guest agent was expected."""
    return f"{address}: this is a QMP monitor, not a guest agent: omit --ga"


def explain_quiet_agent(address: str, pending: bytes) -> str:
    """Return a message about why a guest agent does not answer."""
    if pending and pending.lstrip()[:1] != b"{":
        return f"{address}: this is not a guest agent: it sent {_quote(pending)}"
    return (
        f"{address}: connected, but no answer: the guest agent may not be running in the guest, the guest"
        " may be stopped, or another client may hold the connection"
    )


def _quote(raw: bytes) -> str:
    text = raw[:60].decode("utf-8", "backslashreplace").strip()
    return f"“{escape(text)}{'…' if len(raw) > 60 else ''}”"


# Seconds without a greeting until a diagnosis is shown, and until a script gives up.
_SILENCE = 2.0
_GIVE_UP = 5.0
# Seconds until an agent is asked a second time.
_FIRST_RETRY = 4.0

UNCONNECTED = "unconnected"
CONNECTED = "connected"
LOST = "lost"
OFFLINE = "offline"  # a dry run without a server


class ConnectionState:
    """The state of a connection: one of those above.

    `silence_at` and `give_up_at` are the times at which a missing greeting is reported, and fatal.
    """

    def __init__(self, address: str, settings: Settings, *, gives_up: bool) -> None:
        self._settings = settings
        self._gives_up = gives_up
        # The address of the last server that sent a greeting, as a name and as the user typed it.
        self.greeted_address = address
        self.greeted_text: str | None = None
        self.reset(address, None, now=0.0)

    def reset(self, address: str, text: str | None, *, now: float) -> None:
        """Start again without a connection.

        `address` is the server's name in messages; `text` is the typed address, None for the first.
        """
        settings = self._settings
        self.address = address
        self._text = text
        self.protocol: QmpProtocol | AgentProtocol
        self._agent: AgentProtocol | None = None
        if settings.agent:
            from ..qmp import AgentProtocol  # few sessions have one

            self.protocol = self._agent = AgentProtocol(negotiate=settings.negotiate)
        else:
            self.protocol = QmpProtocol(negotiate=settings.negotiate)
        self.state = UNCONNECTED
        self.silence_at: float | None = None
        self.give_up_at: float | None = None
        # When the wait for an answer has started, and the explanation that was shown.
        self._expected_since = now
        self._explained = ""
        self.passes_descriptors = False
        self.quit_answered = False
        # When the connection was requested.
        self.since = now
        self.shutdown_seen = False
        # Whether the server ends because of `quit`, of this client or another one.
        self.was_quit = False
        # When an agent that did not answer is asked again, and the pause after that.
        self.again_at: float | None = None
        self._retry_after = _FIRST_RETRY

    @property
    def is_ready(self) -> bool:
        """Whether lines can be handled, if only by rejecting them."""
        return self.state != CONNECTED or self.protocol.state == READY

    @property
    def is_working(self) -> bool:
        """Whether the server has sent its greeting and accepts commands."""
        return self.state == CONNECTED and self.protocol.state == READY

    @property
    def is_lost(self) -> bool:
        """Whether the connection is lost."""
        return self.state == LOST

    @property
    def has_greeting(self) -> bool:
        """Whether the server has shown that it is one: by its greeting, or as an agent by an answer."""
        return self.protocol.state == READY or self.protocol.greeting is not None

    @property
    def ended_well(self) -> bool:
        """Whether the server announced the end of the connection."""
        return self.quit_answered or self.shutdown_seen

    def on_quit(self) -> None:
        """Handle an answered `quit`."""
        self.quit_answered = self.was_quit = True

    def on_shutdown(self, data: object) -> None:
        """Handle the event SHUTDOWN with these data."""
        self.shutdown_seen = True
        self.was_quit |= isinstance(data, dict) and data.get("reason") == "host-qmp-quit"

    @property
    def has_deadlines(self) -> bool:
        """Whether something is due at some time, which is so only during the negotiation."""
        return (
            self.silence_at is not None or self.give_up_at is not None or self.again_at is not None
        )

    @property
    def deadlines(self) -> list[float]:
        """Return the times at which something is due."""
        times = (self.silence_at, self.give_up_at, self.again_at)
        return [time for time in times if time is not None]

    @property
    def greeting(self) -> Greeting | None:
        """The server's greeting, or None."""
        return self.protocol.greeting

    def start_negotiation(self, now: float, *, give_up_at: float | None = None) -> None:
        """Start the negotiation on an open stream."""
        self.expect_answer(now, give_up_at=give_up_at)
        if self._agent is not None:
            self.synchronize(now)

    def synchronize(self, now: float) -> None:
        """Synchronize with an agent. Retries become rarer: data sent while the guest starts may be lost."""
        if self._agent is not None:
            self._agent.synchronize(int(now * 1e6))
            self.again_at = now + self._retry_after
            self._retry_after *= 2

    def expect_answer(self, now: float, *, give_up_at: float | None = None) -> None:
        """Limit the time for the negotiation from now on."""
        self._expected_since, self._explained = now, ""
        self.silence_at = now + _SILENCE
        if self._gives_up:
            self.give_up_at = give_up_at if give_up_at is not None else now + _GIVE_UP

    @property
    def expects_answer(self) -> bool:
        """Whether the time for the negotiation is limited."""
        return self.silence_at is not None or self.give_up_at is not None

    def end_negotiation(self) -> None:
        """End the negotiation: the server accepts commands, or the connection is lost."""
        if self.state == CONNECTED:
            self.greeted_address, self.greeted_text = self.address, self._text
        self.silence_at = self.give_up_at = self.again_at = None
        self._retry_after = _FIRST_RETRY

    def end(self) -> None:
        """Mark the connection as lost."""
        self.state = LOST
        self.end_negotiation()

    def explain_silence(self) -> str:
        """Return a message about why the server does not answer."""
        pending, greeted = self.protocol.pending, self.protocol.state != GREETING
        if self._agent is not None:
            self._explained = explain_quiet_agent(self.address, pending)
        else:
            self._explained = explain_silence(self.address, pending, greeted=greeted)
        return self._explained

    def explain_giving_up(self, now: float) -> str:
        """Return a message about the end of the wait for an answer, which repeats no explanation."""
        shown = self._explained
        text = self.explain_silence()
        if text != shown:
            return text
        return f"{self.address}: gave up after {now - self._expected_since:.0f} s"

    def explain_not_server(self, raw: bytes) -> str:
        """Return a message about what sent `raw` instead of a greeting or an agent's answer."""
        if self._agent is not None:
            return explain_monitor(self.address)
        return explain_garbage(self.address, raw)

    def explain_early_loss(self, reason: str) -> str:
        """Return a message about a loss before commands could be sent."""
        early = self.protocol.state == GREETING
        when = "before the server's greeting" if early else "during the negotiation"
        if self._agent is not None:
            when = "before the guest agent answered"
        return f"{self.address}: the connection was closed {when}{_because(reason)}"

    def explain_loss(self, reason: str, request: Request | None, wait: Wait | None) -> str:
        """Return a message about a loss while a reply or something else was awaited."""
        lost = f"connection lost{_because(reason)}"
        if request is not None:
            return f"{lost} while waiting for the reply to {request.label}; its outcome is unknown"
        if wait is not None:
            return f"{self.address}: {lost} while waiting for {escape(wait.label)}"
        return f"{self.address}: {lost}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
