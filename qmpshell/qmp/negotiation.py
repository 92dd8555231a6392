"""The QMP handshake: from the greeting to command mode, and again if the server restarts.

Source: qmp-spec, "Capabilities Negotiation".
"""

from __future__ import annotations

from .framing import Framer
from .messages import (
    Event,
    Greeting,
    Item,
    Malformed,
    Message,
    NotQmp,
    Reply,
    command_object,
    encode_message,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


# The states of a connection.
GREETING = "greeting"  # nothing received yet that identifies a QMP server
NEGOTIATING = "negotiating"  # greeted; no reply to qmp_capabilities yet
READY = "ready"  # commands can be sent
REFUSED = "refused"  # the server refuses to negotiate; `refusal` is its reply

# Seconds without an answer until the system is asked for the cause, and until a diagnosis is shown or
# the server is woken.
INSPECTION_DELAY = 0.3
SILENCE_DELAY = 2.0
# Seconds without a greeting after which scripts and programs give up.
GREETING_TIMEOUT = 5.0
# Seconds for the negotiation in any case if the connection has taken all of `--wait`.
MIN_GREETING_WAIT = 1.0
# Seconds without a reply after which a command that is answered only if it fails has succeeded.
SILENT_SUCCESS_DELAY = 3.0


class Handshake:
    """Base class of the handshakes with a QMP server and with a guest agent.

    With `negotiate=False`, the connection is ready at once. `echoes_ids` is false for agents before
    QEMU 4.0, which reject a command with an `id`.
    """

    def __init__(self, *, negotiate: bool = True) -> None:
        self._framer = Framer()
        self._negotiate = negotiate
        # What `data_to_send` returns.
        self.outgoing: list[bytes] = []
        # For the log: each reply with the number of items of the same `receive` before it.
        self.own_replies: list[tuple[int, Reply]] = []
        # How often a handshake was started, for the ids of its commands.
        self._asked = 0
        self.state = GREETING if negotiate else READY
        self.greeting: Greeting | None = None
        self.refusal: Reply | None = None
        self.capabilities: frozenset[str] = frozenset()
        self.echoes_ids = True

    def is_only_success(self, data: bytes) -> bool:
        """Return True if `data` is one complete reply to a command, which reports success and has no id."""
        return self.state == READY and self._framer.is_only_success(data)

    def receive_end(self) -> list[Item]:
        """Handle the end of the stream. Return an incomplete message as Malformed."""
        return self._sorted(self._framer.end())

    def _sorted(self, found: Sequence[Message | Malformed]) -> list[Item]:
        """Handle messages. Return those that are not part of the handshake."""
        raise NotImplementedError

    def data_to_send(self) -> bytes:
        """Return the bytes that the handshake must send. Call it after each `receive`."""
        data = b"".join(self.outgoing)
        self.outgoing.clear()
        return data

    def pop_handshake_replies(self) -> list[tuple[int, Reply]]:
        """Return the replies that the last `receive` consumed, each with the number of items before it."""
        replies, self.own_replies = self.own_replies, []
        return replies


_OUR_ID = "qmpshell-negotiation"


class QmpProtocol(Handshake):
    """One QMP connection without its stream: bytes in, messages out, and the reverse.

    With `negotiate=False`, it is ready at once and treats a greeting like any message. Every other
    greeting restarts the negotiation: pty monitors greet twice, and a restarted server behind a
    serial line greets in mid-session. Commands in flight at that moment are lost.
    """

    def __init__(self, *, negotiate: bool = True) -> None:
        super().__init__(negotiate=negotiate)
        self._enable: list[str] = []

    @property
    def pending(self) -> bytes:
        """The start of an incomplete message."""
        return self._framer.pending

    def receive(self, data: bytes) -> list[Item]:
        """Return the complete messages in `data`, in order, without the replies to the handshake.

        While commands cannot be sent, a reply is meant for an earlier client and is dropped.
        """
        return self._sorted(self._framer.feed(data))

    def _sorted(self, found: Sequence[Message | Malformed]) -> list[Item]:
        items: list[Item] = []
        for item in found:
            if isinstance(item, Reply):
                if self._reply(item):
                    self.own_replies.append((len(items), item))
                else:
                    items.append(item)
            elif isinstance(item, Event):
                items.append(item)
            elif isinstance(item, Greeting):
                self._greeting(item)
                items.append(item)
            elif self.state == GREETING:
                items.append(NotQmp(item.raw))
            else:
                items.append(item)
        return items

    def _greeting(self, greeting: Greeting) -> None:
        self.greeting = greeting
        if self._negotiate:
            self._enable = [name for name in greeting.capabilities if name == "oob"]
            self._ask()

    def _ask(self) -> None:
        self._asked += 1
        self.state = NEGOTIATING
        command = command_object(
            "qmp_capabilities", {"enable": self._enable} if self._enable else None
        )
        self.outgoing.append(encode_message(command | {"id": f"{_OUR_ID}-{self._asked}"}))

    def _reply(self, reply: Reply) -> bool:
        """Handle a reply. Return True if it belongs to the handshake."""
        marker = reply.value.get("id")
        ours = isinstance(marker, str) and marker.startswith(_OUR_ID)
        if self.state == READY:
            # Each of several greetings was answered, and the last reply may be late.
            return ours and self._asked > 0
        if self.state != NEGOTIATING or (not ours and "id" in reply.value):
            return True
        if not reply.is_error:
            self._done(self._enable)
        elif reply.error_class == "CommandNotFound":
            # Either an earlier client of the stream has negotiated, or the server does not have
            # qmp_capabilities. Both accept commands.
            self._done([])
        elif self._enable:
            self._enable = []
            self._ask()
        else:
            self.state = REFUSED
            self.refusal = reply
        return True

    def _done(self, enabled: list[str]) -> None:
        self.state = READY
        self.capabilities = frozenset(enabled)
