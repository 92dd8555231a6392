"""The state of a session: its parts, and how it ends."""

from __future__ import annotations

from functools import cached_property

from ..errors import CONNECTION, OK
from .connection import ConnectionState, RequestSender
from .effects import Exit, Outbox
from .failures import AnswerLog, FailureReporter
from .files import FileSteps
from .lines import LineQueue, describe_unsent
from .log import EventLog, MessageLogger
from .server import ServerInfo, version_numbers
from .vm_tracker import VmTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..manual import Manual, ManualCache
    from ..storage import Settings
    from .effects import Effect
    from .ports import Ports
    from .requests import Request


class SessionState:
    """The state of a session.

    `interactive` is true if a user is present, `has_live_view` if there is a view below the prompt.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        address: str,
        interactive: bool,
        has_live_view: bool,
        ports: Ports,
    ) -> None:
        self.settings = settings
        self.interactive = interactive
        self.has_live_view = interactive and has_live_view
        self.ports = ports
        self.outbox = Outbox()
        self.lines = LineQueue()
        self.events = EventLog()
        self.connection = ConnectionState(
            address,
            settings,
            gives_up=not interactive,
            child_address=ports.child.directory.socket if ports.child is not None else "",
            find_peer=ports.find_peer,
            wake_server=ports.wake_server,
        )
        self.server = ServerInfo(read_variable=ports.read_variable, can_ask=interactive)
        self.message_logger = MessageLogger()
        self.sender = RequestSender(
            settings, self.connection, self.outbox, self.message_logger, interactive=interactive
        )
        self.vm = VmTracker(settings, self.connection, self.sender, self.outbox, self.lines)
        self.files = FileSteps(
            settings, self.outbox, self.lines, self.message_logger, interactive=interactive
        )
        # The files that `/source` runs, and how deep.
        self.source_depth: dict[str, int] = {}
        self.answers = AnswerLog(self.outbox, is_enabled=settings.json_errors and not interactive)
        self.failures = FailureReporter(
            settings,
            self.outbox,
            self.source_depth,
            answers=self.answers,
            interactive=interactive,
            stop=self._stop_at_failure,
        )

    @cached_property
    def manuals(self) -> ManualCache:
        """The loaded manual pages."""
        from ..manual import ManualCache  # few scripts ask for help

        return ManualCache(self.ports.find_page)

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
        greeting = self.connection.protocol.greeting
        version = greeting.version if greeting is not None else None
        return manuals.manual(page_of(commands, name=name), version)

    def abandon_requests(self) -> None:
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

    def abandon_connection(self, text: str) -> None:
        """End an unusable connection; `text` says why."""
        self.connection.end()
        self.drop_lines()
        self.failures.report_no_server(text)

    def explain_kept_connection(self, problem: str, *, unsent: int) -> str:
        """Return a message about a server that could not be reached from a working connection."""
        text = f"{problem}; still connected to {self.connection.address}"
        return f"{text}; {describe_unsent(unsent)}" if unsent else text

    def place(self, request: Request, text: str) -> str:
        """Return a text about a request, with its position if that is not obvious."""
        return self.failures.place(request.source, request.start, text)

    # -- the end ----------------------------------------------------------------------------------

    def leave(self) -> None:
        """Leave after the replies to what was sent. Queued lines are dropped."""
        self.lines.close(drops_rest=True)

    def exit(self) -> None:
        """Leave now."""
        self.write_log()
        for task in self.lines:
            if task.blocked_on is not None:  # it may have files to remove
                task.steps.close()
        self.answers.close()
        if self.connection.is_lost and not self.connection.ended_well:
            self.outbox.emit(Exit(CONNECTION))
        else:
            self.outbox.emit(Exit(OK if self.interactive else self.failures.status))

    def _stop_at_failure(self) -> None:
        """End a script at its first failure."""
        task = self.lines.current
        if task is not None and task.redirect is not None:
            self.leave()  # once the earlier replies have reached their redirect
            return
        self.drop_lines()
        self.outbox.emit(Exit(self.failures.status))

    def pop_effects(self) -> list[Effect]:
        """Return the effects of a call of the session, after its messages are written to the log."""
        if self.message_logger.is_open or self.message_logger.problem:
            self.write_log()
        self.files.update()
        return self.outbox.drain()

    def write_log(self) -> None:
        """Write the messages of a call to the log together. Report once that it could not be written."""
        self.message_logger.flush()
        problem = self.message_logger.pop_problem()
        if problem:
            self.failures.mark()
            self.outbox.show(problem, is_error=True)
