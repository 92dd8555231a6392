"""Handshake with a QEMU guest agent, which sends no greeting (qga/qapi-schema.json)."""

from __future__ import annotations

from .framing import Framer
from .messages import Event, Greeting, Message, NotQmp, Reply, command_object, encode_message
from .negotiation import GREETING, NEGOTIATING, READY, Handshake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .messages import Item, Malformed


LIST_COMMANDS = "guest-info"

_SENTINEL = b"\xff"
_OUR_ID = "qmpshell-synchronisation"
# Ids of guest-sync-delimited are int64 (qga/qapi-schema.json).
_MARKERS = 1 << 62


class AgentProtocol(Handshake):
    """One connection to a guest agent, without its stream; same methods as `QmpProtocol`.

    After `synchronize`, it is ready when the matching reply has arrived. Everything before that
    reply was meant for an earlier client and is dropped.
    """

    def __init__(self, *, negotiate: bool = True) -> None:
        super().__init__(negotiate=negotiate)
        self._marker: int | None = None
        # Bytes that are not a message, while no message has arrived.
        self._malformed = b""

    def synchronize(self, seed: int) -> None:
        """Start or restart the synchronization.

        `seed` makes an id that an earlier client is unlikely to have used.
        """
        if self._negotiate:
            self._marker = seed % _MARKERS
            self.state = GREETING
            command = command_object("guest-sync-delimited", {"id": self._marker})
            # The sentinel makes the agent discard what an earlier client has half sent.
            self.outgoing.append(_SENTINEL + encode_message(command))

    def discard_replies(self) -> None:
        """Discard all replies to commands that were sent so far, if it is ready."""
        if self._marker is not None:
            self.synchronize(self._marker + 1)

    @property
    def pending(self) -> bytes:
        """The start of an incomplete message, or bytes that are not a message."""
        return self._framer.pending or self._malformed

    def receive(self, data: bytes) -> list[Item]:
        """Return the complete messages in `data`, without the replies to the synchronization."""
        if self.state == READY:
            return self._sorted(self._framer.feed(data))
        items: list[Item] = []
        for number, piece in enumerate(data.split(_SENTINEL)):
            if number:
                self._framer = Framer()  # discard an incomplete message
            items += self._sorted(self._framer.feed(piece))
        return items

    def _sorted(self, found: Sequence[Message | Malformed]) -> list[Item]:
        items: list[Item] = []
        for item in found:
            if self.state == READY:
                items.append(_plain(item))
            elif isinstance(item, Reply):
                self.own_replies.append((len(items), item))
                self._reply(item)
            elif isinstance(item, Greeting):
                items.append(NotQmp(item.raw))
            else:
                self._malformed = item.raw
        return items

    def _reply(self, reply: Reply) -> None:
        if self.state == GREETING:
            value = reply.value.get("return")
            if type(value) is not int or value != self._marker:
                return
            if self.echoes_ids:
                self._ask_for_echo()
            else:
                self.state = READY
        elif reply.value.get("id") == self._own_id:
            self.state = READY
        elif "id" not in reply.value:
            self.echoes_ids = False
            self.state = READY

    def _ask_for_echo(self) -> None:
        self.state = NEGOTIATING
        self._asked += 1
        command = command_object("guest-sync", {"id": self._marker})
        self.outgoing.append(encode_message(command | {"id": self._own_id}))

    @property
    def _own_id(self) -> str:
        return f"{_OUR_ID}-{self._asked}"


def _plain(item: Message | Malformed) -> Message | Malformed:
    """Return the item as a plain message if only a QMP server can send its kind."""
    if isinstance(item, (Event, Greeting)):
        return Message(item.raw, item.value, strict=item.strict)
    return item
