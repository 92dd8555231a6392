"""The connection to the server: negotiation, timeouts, sending, and messages about losses."""

from __future__ import annotations

import re

from ..qmp import (
    GREETING,
    GREETING_TIMEOUT,
    INSPECTION_DELAY,
    MIN_GREETING_WAIT,
    NEGOTIATING,
    READY,
    SILENCE_DELAY,
    QmpProtocol,
    command_object,
)
from ..render import escape
from .effects import Send
from .requests import RequestTable, encode_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..qmp import AgentProtocol, Reply
    from ..storage import Settings
    from ..transport import Peer
    from .effects import Outbox, ShowReply
    from .log import MessageLogger
    from .requests import Request
    from .waits import Wait


# How the data of other servers starts, what they are, and what to do.
_KNOWN = (
    (b"HTTP/", "a web server (HTTP)", "; a monitor with websocket=on needs it in ADDRESS too"),
    (b"SSH-", "an SSH server", "; use exec:ssh HOST socat - UNIX:PATH for a monitor behind it"),
    (b"RFB ", "a VNC server", ""),
    (b"220 ", "a mail or FTP server", ""),
)
# A command of a telnet negotiation and its option (RFC 854). The framer skips the byte 0xFF before it.
_TELNET = rb"\xff?[\xfb-\xfe][\x00-\x31]"
# Records of TLS: an alert and a handshake (RFC 8446, section 5.1).
_TLS = (b"\x15\x03", b"\x16\x03")


def explain_garbage(address: str, raw: bytes, *, agent: bool = False) -> str:
    """Return a message about what sent `raw` instead of a greeting, or an agent's answer."""
    if agent and b'"QMP"' in raw:
        return f"{address}: this is a QMP monitor; --ga and qmpshell ga are for guest agents"
    expected = "a guest agent" if agent else "QMP"
    if (raw.startswith(b"QEMU ") and b"monitor" in raw) or raw.startswith(b"(qemu)"):
        remedy = "" if agent else "; start QEMU with -qmp, or with mode=control in -mon"
        return f"{address}: this is QEMU's human monitor, not {expected}{remedy}"
    if re.match(_TELNET, raw):
        from ..transport import address_with  # rarely needed

        return f"{address}: this server uses telnet; use {address_with(address, 'telnet')}"
    if raw.startswith(_TLS):
        return f"{address}: this server uses TLS; add --tls-creds DIR"
    for start, name, remedy in _KNOWN:
        if raw.startswith(start):
            return f"{address}: this is {name}, not {expected}: it sent {_quote(raw)}{remedy}"
    return f"{address}: this is not {expected}: it sent {_quote(raw)}"


def explain_silence(
    address: str, pending: bytes, *, greeted: bool, peer: Peer | None = None
) -> str:
    """Return a message about why the server has sent no greeting or no reply to `qmp_capabilities`."""
    known, _ = explain_peer(address, peer, has_answered=greeted or bool(pending))
    if known:
        return known
    if greeted:
        # QEMU 7.2 to 10.0 reads a websocket in its main thread, which does not wake the monitor's
        # I/O thread (io/channel-websock.c). Nothing that a client can send does.
        known = ""
        from ..transport import is_websocket  # rarely needed

        if is_websocket(address):
            known = "; QEMU's monitors do not work over websockets: use one without websocket=on"
        return f"{address}: the server sent a greeting, but does not answer qmp_capabilities{known}"
    if pending:
        if pending.lstrip()[:1] != b"{":
            return explain_garbage(address, pending)
        return f"{address}: only part of a greeting arrived: {_quote(pending)}"
    if peer is not None and peer.server is not None:
        return (
            f"{address}: connected, but no greeting: {peer.server} sends nothing; it may be a guest"
            " agent (try --ga), or a web, TLS or websocket server"
        )
    return (
        f"{address}: connected, but no greeting: another client may hold this monitor (QEMU serves"
        " one at a time), QEMU may be stopped, or this may be a guest agent (try --ga)"
    )


def explain_peer(
    address: str, peer: Peer | None, *, has_answered: bool = False, agent: bool = False
) -> tuple[str, bool]:
    """Return a message about what the system shows of a silent server, and if it is not a QMP server.

    The message is empty if nothing is certain.
    """
    if peer is None:
        return "", False
    from ..transport import explain_delay, explain_mismatch  # rarely needed

    if has_answered:
        peer.is_held = False
    delay = explain_delay(address, peer)
    if delay or has_answered or agent:
        return delay, False
    mismatch = explain_mismatch(address, peer)
    return mismatch, bool(mismatch)


def explain_quiet_agent(address: str, pending: bytes, *, peer: Peer | None = None) -> str:
    """Return a message about why a guest agent does not answer."""
    known, _ = explain_peer(address, peer, has_answered=bool(pending), agent=True)
    if known:
        return known
    if pending and pending.lstrip()[:1] != b"{":
        return explain_garbage(address, pending, agent=True)
    return (
        f"{address}: connected, but no answer: the guest agent may not be running in the guest, the guest"
        " may be stopped, or another client may hold the connection"
    )


def _quote(raw: bytes) -> str:
    text = raw[:60].decode("utf-8", "backslashreplace").strip()
    return f"“{escape(text)}{'…' if len(raw) > 60 else ''}”"


# Seconds until an agent is asked a second time.
_FIRST_RETRY = 4.0

UNCONNECTED = "unconnected"
CONNECTED = "connected"
LOST = "lost"
OFFLINE = "offline"  # a dry run without a server


class ConnectionState:
    """The state of a connection: one of those above.

    `inspect_at`, `silence_at` and `give_up_at` are the times at which the cause of a missing
    greeting is searched for, and the greeting is reported missing, and is fatal. `find_peer` returns
    what the system shows about the server at an address; with None, no cause is searched for.
    `child_address` is the address of a QEMU that qmpshell itself starts, or "".
    """

    def __init__(
        self,
        address: str,
        settings: Settings,
        *,
        gives_up: bool,
        child_address: str = "",
        find_peer: Callable[[str], Peer | None] | None = None,
        wake_server: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings
        self._find_peer = find_peer
        self._wake_server = wake_server
        self._gives_up = gives_up
        self._child_address = child_address
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
        self.inspect_at: float | None = None
        self.silence_at: float | None = None
        self.give_up_at: float | None = None
        # When the wait for an answer has started, and the explanation that was shown.
        self._expected_since = now
        self._explained = ""
        self._was_woken = False
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
    def can_reconnect(self) -> bool:
        """Whether the last server that sent a greeting has an address, and not only a descriptor."""
        return not self.greeted_address.startswith("fd:")

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

    def on_expected_end(self) -> None:
        """Record that the lost connection is not a failure, because the server was to end."""
        self.quit_answered = True

    def on_shutdown(self, data: object) -> None:
        """Handle the event SHUTDOWN with these data."""
        self.shutdown_seen = True
        self.was_quit |= isinstance(data, dict) and data.get("reason") == "host-qmp-quit"

    @property
    def deadlines(self) -> list[float]:
        """The times at which something is due, which is so only during the negotiation."""
        times = (self.inspect_at, self.silence_at, self.give_up_at, self.again_at)
        return [time for time in times if time is not None]

    def open(self, address: str | None, *, passes_descriptors: bool) -> None:
        """Record that the stream is open. `address` is the server's name from now on, if it is known."""
        self.address = address or self.address
        self.passes_descriptors = passes_descriptors
        self.state = CONNECTED

    def work_offline(self) -> None:
        """Record that there is no server."""
        self.state = OFFLINE

    def start_negotiation(self, now: float, *, give_up_at: float | None = None) -> None:
        """Start the negotiation on an open stream."""
        self.expect_answer(now, give_up_at=give_up_at)
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
        if self._find_peer is not None:
            self.inspect_at = now + INSPECTION_DELAY
        self.silence_at = now + SILENCE_DELAY
        if self._gives_up:
            if give_up_at is None:
                give_up_at = now + GREETING_TIMEOUT
            self.give_up_at = max(give_up_at, now + MIN_GREETING_WAIT)

    @property
    def expects_answer(self) -> bool:
        """Whether the time for the negotiation is limited."""
        return self.silence_at is not None or self.give_up_at is not None

    def end_negotiation(self) -> None:
        """End the negotiation: the server accepts commands, or the connection is lost."""
        if self.state == CONNECTED:
            self.greeted_address, self.greeted_text = self.address, self._text
        self.inspect_at = self.silence_at = self.give_up_at = self.again_at = None
        self._retry_after = _FIRST_RETRY

    def end(self) -> None:
        """Mark the connection as lost."""
        self.state = LOST
        self.end_negotiation()

    def inspect(self) -> tuple[str, bool]:
        """Return what the system shows of the silent server, and if it certainly is not a QMP server.

        The message may be empty. It is not repeated when the silence is explained.
        """
        self.inspect_at = None
        has_answered = bool(self.protocol.pending) or self.protocol.state != GREETING
        text, is_fatal = explain_peer(
            self.address,
            self._peer(),
            has_answered=has_answered,
            agent=self._agent is not None,
        )
        if text:
            self._explained, self.silence_at = text, None
        return text, is_fatal

    def _peer(self) -> Peer | None:
        return self._find_peer(self.address) if self._find_peer is not None else None

    def on_silence(self, now: float) -> str:
        """Return a message about why the server does not answer, or "" if it was only woken now."""
        is_greeted = self._agent is None and self.protocol.state == NEGOTIATING
        if is_greeted and self._wake_server is not None and not self._was_woken:
            self._was_woken = True
            self._wake_server(self.address)
            self.silence_at = now + SILENCE_DELAY
            return ""
        return self.explain_silence()

    def explain_silence(self) -> str:
        """Return a message about why the server does not answer."""
        self.silence_at = None
        pending, greeted = self.protocol.pending, self.protocol.state != GREETING
        peer = self._peer()
        if self._agent is not None:
            self._explained = explain_quiet_agent(self.address, pending, peer=peer)
        elif self.address == self._child_address and not greeted and not pending:
            # A debugger or another program in front of QEMU makes its start slow.
            remedy = "; --wait SECONDS waits longer" if self._gives_up else ""
            self._explained = f"{self.address}: QEMU has not opened its monitor yet{remedy}"
        else:
            self._explained = explain_silence(self.address, pending, greeted=greeted, peer=peer)
        return self._explained

    def explain_giving_up(self, now: float) -> str:
        """Return a message about the end of the wait for an answer, which repeats no explanation."""
        shown = self._explained
        text = self.explain_silence()
        if text != shown:
            return text
        waited = now - self._expected_since
        return f"{self.address}: gave up after {waited:.{int(waited < 1)}f} s"

    def explain_not_server(self, raw: bytes) -> str:
        """Return a message about what sent `raw` instead of a greeting or an agent's answer."""
        return explain_garbage(self.address, raw, agent=self._agent is not None)

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


class RequestSender:
    """Sends requests, and keeps those in flight in `table`.

    `last` is the last shown reply, for `/last`.
    """

    def __init__(
        self,
        settings: Settings,
        connection: ConnectionState,
        outbox: Outbox,
        message_logger: MessageLogger,
        *,
        interactive: bool,
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._outbox = outbox
        self._message_logger = message_logger
        self._interactive = interactive
        self._count = 0
        self.table = RequestTable()
        self.last: ShowReply | None = None

    @property
    def can_query(self) -> bool:
        """Whether qmpshell may send its own queries."""
        settings = self._settings
        return settings.probe and settings.negotiate and self._connection.state == CONNECTED

    @property
    def needs_ids(self) -> bool:
        """Whether requests need ids.

        A script has one command in flight and needs none; an id costs QEMU 20 % of its time.
        """
        return self._interactive or self.table.has_silent_requests

    def set_last(self, shown: ShowReply) -> None:
        """Keep a shown reply for `/last`."""
        self.last = shown

    def send_handshake(self) -> None:
        """Send what the handshake has to send, if anything."""
        data = self._connection.protocol.data_to_send()
        if data:
            self._message_logger.sent_bytes(data)
            self._outbox.emit(Send(data))

    def next_id(self) -> str | None:
        """Return an id for the next request, or None."""
        return self._own_id() if self.needs_ids else None

    def _own_id(self) -> str | None:
        if not self._connection.protocol.echoes_ids:
            return None
        self._count += 1
        return f"qmpshell-{self._count}"

    def transmit(self, request: Request) -> None:
        """Send a request at once."""
        request.sent_at = self._outbox.now
        if not self._interactive:
            self.last = None  # it may be large, and a script uses it at once or never
        self.table.add(request)
        self._message_logger.sent(request.message)
        self._outbox.emit(Send(request.data, request))

    def query(
        self,
        name: str,
        arguments: dict[str, Any],
        then: Callable[[Reply | None], None],
        *,
        background: bool = False,
    ) -> Request | None:
        """Send a query of qmpshell's own, and return it. `then` receives the reply, or None.

        With `background`, it does not block the queue.
        """
        if self._connection.state != CONNECTED:
            then(None)
            return None
        request = encode_request(command_object(name, arguments), None, self._own_id())
        request.then = then
        request.background = background
        self.transmit(request)
        return request
