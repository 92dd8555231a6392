"""The requests whose replies are outstanding.

Owns: which request a reply belongs to, and who is waited for. Must not know: what replies say.
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..protocol.messages import Reply
    from ..requests import Request


class Outstanding:
    """Requests in the order in which they were sent."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        # Those that would have been answered by now if they had failed.
        self._silent: list[Request] = []

    def __bool__(self) -> bool:
        return bool(self._requests)

    def add(self, request: Request) -> None:
        self._requests.append(request)

    def take(self, reply: Reply) -> Request | None:
        """The request that `reply` answers, no longer outstanding then."""
        fitting = [request for request in self._requests if request.answers(reply)]
        if len(fitting) > 1 and "id" not in reply.value:
            # One that was sent without an id is the likelier.
            fitting = [one for one in fitting if "id" not in one.message] or fitting
        if not fitting:
            return self._take_silent(reply)
        self._requests.remove(fitting[0])
        return fitting[0]

    def _take_silent(self, reply: Reply) -> Request | None:
        for request in self._silent:
            if reply.is_error and request.answers(reply):
                self._silent.remove(request)
                return request
        return None

    def dismiss(self, request: Request) -> None:
        """Its silence was its answer: it is awaited no longer. What it still says is late, and where
        nobody tells by an id whose it is, it is taken for the reply to what was sent since."""
        request.abandoned = True
        self._requests.remove(request)
        self._silent.append(request)

    @property
    def has_silent(self) -> bool:
        """Whether a reply may come that is not to what was sent last."""
        return bool(self._silent)

    def clear(self) -> list[Request]:
        """All of them, no longer outstanding."""
        requests = list(self._requests)
        self._requests.clear()
        self._silent.clear()
        return requests

    @property
    def holding(self) -> Request | None:
        """The oldest that holds up what follows: nobody gave up on it, and it is not asked in the
        background."""
        for request in self._requests:
            if not request.abandoned and not request.background:
                return request
        return None

    @property
    def has_foreground(self) -> bool:
        """Whether any is not asked in the background, given up on or not."""
        return any(not request.background for request in self._requests)

    @property
    def waiting(self) -> Request | None:
        """The oldest of the user's own that nobody gave up on."""
        for request in self._requests:
            if request.source is not None and not request.abandoned:
                return request
        return None

    @property
    def all_quit(self) -> bool:
        """Whether what is waited for, if anything, is the server's own end, or nothing at all."""
        return all(
            request.is_quit or request.is_silent
            for request in self._requests
            if request.source is not None and not request.abandoned
        )


def answer_own(request: Request, reply: Reply | None) -> list[Effect]:
    """Hand the reply to a question of our own to who asked, once; None where none came."""
    then, request.then = request.then, None
    return then(reply) if then is not None else []
