"""The parts of a session, which know nothing of each other's work."""

from __future__ import annotations

from .answers import AnswerLog
from .connection import ConnectionState
from .effects import Outbox
from .failures import FailureLog
from .lines import LineQueue, describe_unsent
from .log import EventLog, MessageLogger
from .sender import RequestSender
from .server import ServerInfo, version_numbers
from .vm_tracker import VmTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..manual import Manual, ManualCache
    from ..storage import Settings
    from .ports import Ports
    from .requests import Request


class SessionState:
    """The state of a session. Each attribute is an object that alone changes its own attributes.

    `interactive` is true if a user is present, `has_live_view` if there is a view below the prompt.
    `leave` is called when a line ends the session, `stop`
    at the first failure if the session ends there.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        address: str,
        interactive: bool,
        has_live_view: bool,
        ports: Ports,
        leave: Callable[[], None],
        stop: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.interactive = interactive
        self.has_live_view = interactive and has_live_view
        self.ports = ports
        self.leave = leave
        self.outbox = Outbox()
        self.lines = LineQueue()
        self.events = EventLog()
        self.connection = ConnectionState(
            address, settings, gives_up=not interactive, find_peer=ports.find_peer
        )
        self.server = ServerInfo(read_variable=ports.read_variable, can_ask=interactive)
        self.message_logger = MessageLogger(ports.open_log)
        self.sender = RequestSender(
            settings, self.connection, self.outbox, self.message_logger, interactive=interactive
        )
        self.vm = VmTracker(settings, self.connection, self.sender, self.outbox, self.lines)
        self._manuals: ManualCache | None = None
        # The files that `/source` runs, and how deep.
        self.source_depth: dict[str, int] = {}
        self.answers = AnswerLog(self.outbox, is_enabled=settings.json_errors and not interactive)
        self.failures = FailureLog(
            settings,
            self.outbox,
            self.source_depth,
            answers=self.answers,
            interactive=interactive,
            stop=stop,
        )

    @property
    def manuals(self) -> ManualCache:
        """The loaded manual pages."""
        if self._manuals is None:
            from ..manual import ManualCache  # few scripts ask for help

            self._manuals = ManualCache(self.ports.find_page)
        return self._manuals

    def end_question(self) -> str:
        """Return a question for the user because the server ends with the shell, or ""."""
        child = self.ports.child
        return child.end_question() if self.interactive and child and not child.keep else ""

    def manual(self, name: str = "") -> Manual:
        """Return the manual of the server, or the one that contains `name` if the server is unknown."""
        from ..manual import AGENT, page_of  # few scripts ask for help

        server, manuals = self.server, self.manuals
        schema = server.introspection.schema
        commands = schema.commands() if schema is not None else server.names or ()
        if self.settings.agent:
            return manuals.manual(AGENT, version_numbers(server.agent_version))
        greeting = self.connection.greeting
        version = greeting.version if greeting is not None else None
        return manuals.manual(page_of(commands, name=name), version)

    @property
    def gives_hints(self) -> bool:
        """Whether an error may be followed by a hint. It comes too late if the error ends a script."""
        return self.interactive or not self.settings.stop_on_error

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

    def explain_kept_connection(self, problem: str, *, unsent: int) -> str:
        """Return a message about a server that could not be reached from a working connection."""
        text = f"{problem}; still connected to {self.connection.address}"
        return f"{text}; {describe_unsent(unsent)}" if unsent else text

    def place(self, request: Request, text: str) -> str:
        """Return a text about a request, with its position if that is not obvious."""
        return self.failures.place(request.source, request.start, text)
