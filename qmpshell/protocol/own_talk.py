"""What a protocol says by itself, beside the user's commands.

Owns: what it wants to send, and the replies to that, until who has the stream takes them. Must not know:
which protocol it is.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .messages import Reply


class OwnTalk:
    """The base of both protocols."""

    def __init__(self) -> None:
        self._outgoing: list[bytes] = []
        # For who logs them: each with how many items of the same `receive` came before it.
        self._own_replies: list[tuple[int, Reply]] = []

    def data_to_send(self) -> bytes:
        """What it wants to say; call after each `receive`."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    def take_own_replies(self) -> list[tuple[int, Reply]]:
        """The replies that the last `receive` left out, each with how many items came before it."""
        replies, self._own_replies = self._own_replies, []
        return replies
