"""Sending of requests: ids, the log, and queries of qmpshell's own."""

from __future__ import annotations

from ..qmp import command_object, encode_message
from .connection import CONNECTED
from .effects import Send
from .requests import Request, RequestTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..qmp import Reply
    from ..storage import Settings
    from .connection import ConnectionState
    from .effects import Outbox, ShowReply
    from .log import MessageLogger


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
        own_id = self._own_id()
        message = command_object(name, arguments)
        if own_id is not None:
            message["id"] = own_id
        data = encode_message(message)
        request = Request(message, data=data, source=None, own_id=own_id, then=then)
        request.background = background
        self.transmit(request)
        return request
