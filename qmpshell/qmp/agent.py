"""Into step with a guest agent, which greets nobody.

Owns: the synchronisation that takes a greeting's place (qga/qapi-schema.json, guest-sync-delimited), and
how else an agent differs from a QMP server: it may not know ids, and says nothing where some commands
succeed. Must not know: I/O, time, its other commands.
"""

from __future__ import annotations

from .framing import Framer
from .messages import Event, Foreign, Greeting, Message, Reply, command_object, encode_message
from .negotiation import GREETING, NEGOTIATING, READY, OwnTalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .messages import Garbage, Item


# They are answered only where they fail (`success-response`: false).
SILENT = ("guest-shutdown", "guest-suspend-disk", "guest-suspend-hybrid", "guest-suspend-ram")
LIST_COMMANDS = "guest-info"

_SENTINEL = b"\xff"
_OUR_ID = "qmpshell-synchronisation"
# Ids of guest-sync are int64 (qga/qapi-schema.json).
_MARKERS = 1 << 62


class AgentProtocol(OwnTalk):
    """One connection to an agent without its stream; the same calls as `QmpProtocol`.

    After `synchronise` it is ready when the answer to that has come; all that came before was for a
    former client, and is left out. `echoes_ids` is false for agents before QEMU 4.0, which refuse a
    command with an `id`. With `negotiate` false it is ready at once.
    """

    greeting: Greeting | None = None
    refusal: Reply | None = None
    capabilities: frozenset[str] = frozenset()

    def __init__(self, *, negotiate: bool = True) -> None:
        super().__init__()
        self._framer = Framer()
        self._negotiate = negotiate
        self._marker: int | None = None
        self._count = 0
        # What came that is no message, while nothing else did.
        self._strange = b""
        self.state = GREETING if negotiate else READY
        self.echoes_ids = True

    def synchronise(self, seed: int) -> None:
        """Begin, or begin anew, with what there is to send then; `seed` is a number that no client
        before us is likely to have taken."""
        if self._negotiate:
            self._marker = seed % _MARKERS
            self.state = GREETING
            command = command_object("guest-sync-delimited", {"id": self._marker})
            # The sentinel makes the agent forget what a former client has half sent.
            self._outgoing.append(_SENTINEL + encode_message(command))

    @property
    def pending(self) -> bytes:
        """The beginning of a message that has not come whole, or what came and is none."""
        return self._framer.pending or self._strange

    def receive(self, data: bytes) -> list[Item]:
        """What `data` completed, in order, without the answers to our own synchronisation."""
        if self.state == READY:
            return self._sorted(self._framer.feed(data))
        items: list[Item] = []
        for number, piece in enumerate(data.split(_SENTINEL)):
            if number:
                self._framer = Framer()  # whatever was half read is not continued
            items += self._sorted(self._framer.feed(piece))
        return items

    def receive_end(self) -> list[Item]:
        """The stream has ended; a message that was cut off comes out as garbage."""
        return self._sorted(self._framer.end())

    def _sorted(self, found: Sequence[Message | Garbage]) -> list[Item]:
        items: list[Item] = []
        for item in found:
            if self.state == READY:
                items.append(_plain(item))
            elif isinstance(item, Reply):
                self._own_replies.append((len(items), item))
                self._reply(item)
            elif isinstance(item, Greeting):
                items.append(Foreign(item.raw))
            else:
                self._strange = item.raw
        return items

    def _reply(self, reply: Reply) -> None:
        if self.state == GREETING:
            value = reply.value.get("return")
            if type(value) is int and value == self._marker:
                self._ask_for_echo()
        elif reply.value.get("id") == self._own_id:
            self.state = READY
        elif "id" not in reply.value:
            self.echoes_ids = False
            self.state = READY

    def _ask_for_echo(self) -> None:
        self.state = NEGOTIATING
        self._count += 1
        command = command_object("guest-sync", {"id": self._marker})
        self._outgoing.append(encode_message(command | {"id": self._own_id}))

    @property
    def _own_id(self) -> str:
        return f"{_OUR_ID}-{self._count}"


def _plain(item: Message | Garbage) -> Message | Garbage:
    """What only a QMP server sends means nothing from an agent, which the guest may speak for."""
    if isinstance(item, (Event, Greeting)):
        return Message(item.raw, item.value, strict=item.strict)
    return item
