"""The parts of a session, which know nothing of each other's work."""

from __future__ import annotations

from .connection import ConnectionState
from .effects import Outbox
from .failures import FailureLog
from .lines import LineQueue
from .log import EventLog, MessageLogger
from .sender import RequestSender
from .server import ServerInfo
from .vm_tracker import VmTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..manual import ManualCache
    from ..storage import Settings
    from .ports import Ports
    from .requests import Request


class SessionState:
    """The state of a session. Each attribute is an object that alone changes its own attributes.

    `interactive` is true if a user is present. `leave` is called when a line ends the session, `stop`
    at the first failure if the session ends there.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        address: str,
        interactive: bool,
        ports: Ports,
        leave: Callable[[], None],
        stop: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.interactive = interactive
        self.ports = ports
        self.leave = leave
        self.outbox = Outbox()
        self.lines = LineQueue()
        self.events = EventLog()
        self.connection = ConnectionState(address, settings, gives_up=not interactive)
        self.server = ServerInfo(can_ask=interactive)
        self.message_logger = MessageLogger(ports.open_log)
        self.sender = RequestSender(
            settings, self.connection, self.outbox, self.message_logger, interactive=interactive
        )
        self.vm = VmTracker(settings, self.connection, self.sender, self.outbox, self.lines)
        self._manuals: ManualCache | None = None
        # The files that `/source` runs, and how deep.
        self.source_depth: dict[str, int] = {}
        self.failures = FailureLog(
            settings, self.outbox, self.source_depth, interactive=interactive, stop=stop
        )

    @property
    def manuals(self) -> ManualCache:
        """The loaded manual pages."""
        if self._manuals is None:
            from ..manual import ManualCache  # few scripts ask for help

            self._manuals = ManualCache(self.ports.find_page)
        return self._manuals

    @property
    def is_lost(self) -> bool:
        """Whether the connection is lost."""
        return self.connection.is_lost

    def forget_requests(self) -> None:
        """Stop waiting for all replies, because the user wants another connection."""
        for request in self.sender.table.clear():
            if request.source is None:
                request.answer(None)
            elif not request.abandoned:
                text = f"no longer waiting for the reply to {request.label}; its outcome is unknown"
                self.outbox.show(text)

    def drop_lines(self) -> int:
        """Drop all lines. Return how many commands were not sent."""
        unsent = self.lines.unsent
        self.lines.clear()
        return unsent

    def place(self, request: Request, text: str) -> str:
        """Return a text about a request, with its position if that is not obvious."""
        return self.failures.place(request.source, request.start, text)
