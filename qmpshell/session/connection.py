"""How a session stands with its server.

Owns: whether there is a connection, how long the negotiation may take, whether an end was a good one,
and the words for a loss. Must not know: lines, requests' order, time (`now` is handed in).
"""

from __future__ import annotations

from ..qmp import GREETING, READY, QmpProtocol
from ..render import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..qmp import AgentProtocol
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
    """What sent `raw` where a greeting was due."""
    if (raw.startswith(b"QEMU ") and b"monitor" in raw) or raw.startswith(b"(qemu)"):
        return (
            f"{address}: this is QEMU's human monitor, not QMP; start QEMU with -qmp, or with"
            " mode=control in -mon"
        )
    for start, name in _KNOWN:
        if raw.startswith(start):
            return f"{address}: this is {name}, not QMP: it says {_quote(raw)}"
    return f"{address}: this is not QMP: it says {_quote(raw)}"


def explain_silence(address: str, pending: bytes, *, greeted: bool) -> str:
    """What it may mean that the server has not greeted, or not answered `qmp_capabilities`."""
    if greeted:
        return f"{address}: the server greeted, but does not answer qmp_capabilities"
    if pending:
        if pending.lstrip()[:1] != b"{":
            return explain_garbage(address, pending)
        return f"{address}: only the beginning of a greeting came: {_quote(pending)}"
    return (
        f"{address}: connected, but no greeting: another client may hold this monitor (QEMU serves"
        " one at a time), QEMU may be stopped, or this may be a guest agent (try --ga)"
    )


def explain_monitor(address: str) -> str:
    """What greeted where a guest agent was meant."""
    return f"{address}: this is a QMP monitor, and no guest agent: leave out --ga"


def explain_quiet_agent(address: str, pending: bytes) -> str:
    """What it may mean that a guest agent does not answer."""
    if pending and pending.lstrip()[:1] != b"{":
        return f"{address}: this is no guest agent: it says {_quote(pending)}"
    return (
        f"{address}: connected, but no answer: the guest agent may not be running in the guest, the guest"
        " may be stopped, or another client may hold the connection"
    )


def _quote(raw: bytes) -> str:
    text = raw[:60].decode("utf-8", "backslashreplace").strip()
    return f"“{escape(text)}{'…' if len(raw) > 60 else ''}”"


# Seconds without a greeting until the user is told why that may be, and until a script gives up.
_SILENCE = 2.0
_GIVE_UP = 5.0
# Seconds until an agent is asked for the second time.
_PATIENCE = 4.0

UNCONNECTED = "unconnected"
CONNECTED = "connected"
LOST = "lost"
OFFLINE = "offline"  # a dry run without a server


class Link:
    """`state` is one of those above. `silence_at` and `give_up_at` are when the lack of a greeting is
    to be told, and to be the end."""

    def __init__(self, address: str, settings: Settings, *, gives_up: bool) -> None:
        self.address = address
        self.protocol: QmpProtocol | AgentProtocol
        self._agent: AgentProtocol | None = None
        if settings.agent:
            from ..qmp import AgentProtocol  # most sessions have none

            self.protocol = self._agent = AgentProtocol(negotiate=settings.negotiate)
        else:
            self.protocol = QmpProtocol(negotiate=settings.negotiate)
        self.state = UNCONNECTED
        self.silence_at: float | None = None
        self.give_up_at: float | None = None
        self.passes_descriptors = False
        self.quit_answered = False
        # When it was begun.
        self.since = 0.0
        self.shutdown_seen = False
        self._gives_up = gives_up
        # When an agent is asked again that did not answer, and how long it is given then.
        self.again_at: float | None = None
        self._patience = _PATIENCE

    @property
    def is_ready(self) -> bool:
        """Whether lines can be dealt with, be it by refusing them."""
        return self.state != CONNECTED or self.protocol.state == READY

    @property
    def ended_well(self) -> bool:
        return self.quit_answered or self.shutdown_seen

    @property
    def deadlines(self) -> list[float]:
        """When something is due if nothing comes."""
        times = (self.silence_at, self.give_up_at, self.again_at)
        return [time for time in times if time is not None]

    def begin(self, now: float, *, give_up_at: float | None = None) -> None:
        """The stream is open: the server is to greet, or the agent to be greeted."""
        self.expect_answer(now, give_up_at=give_up_at)
        if self._agent is not None:
            self.synchronise(now)

    def synchronise(self, now: float) -> None:
        """Get into step with an agent. Where it does not answer it is asked again and again, ever more
        seldom: what was sent while the guest was starting may be lost."""
        if self._agent is not None:
            self._agent.synchronise(int(now * 1e6))
            self.again_at = now + self._patience
            self._patience *= 2

    def expect_answer(self, now: float, *, give_up_at: float | None = None) -> None:
        """From now on the negotiation must get on."""
        self.silence_at = now + _SILENCE
        if self._gives_up:
            self.give_up_at = give_up_at if give_up_at is not None else now + _GIVE_UP

    @property
    def expects_answer(self) -> bool:
        return self.silence_at is not None or self.give_up_at is not None

    def settle(self) -> None:
        """The negotiation is over."""
        self.silence_at = self.give_up_at = self.again_at = None
        self._patience = _PATIENCE

    def end(self) -> None:
        """There is no connection any more."""
        self.state = LOST
        self.settle()

    def explain_silence(self) -> str:
        pending, greeted = self.protocol.pending, self.protocol.state != GREETING
        if self._agent is not None:
            return explain_quiet_agent(self.address, pending)
        return explain_silence(self.address, pending, greeted=greeted)

    def explain_early_loss(self, reason: str) -> str:
        """What to say of a loss before commands could be sent."""
        early = self.protocol.state == GREETING
        when = "before the server greeted" if early else "during the negotiation"
        if self._agent is not None:
            when = "before the guest agent answered"
        return f"{self.address}: the connection was closed {when}{_because(reason)}"

    def explain_loss(self, reason: str, waiting: Request | None, awaited: Wait | None) -> str:
        """What to say of a loss while a reply, or something else, was waited for."""
        lost = f"connection lost{_because(reason)}"
        if waiting is not None:
            return f"{lost} while waiting for the reply to {waiting.label}; its outcome is unknown"
        if awaited is not None:
            return f"{self.address}: {lost} while waiting for {escape(awaited.label)}"
        return f"{self.address}: {lost}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
