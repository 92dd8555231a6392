"""What a session does for its shell commands."""

from __future__ import annotations

from ..language import MISSING_SECRET, Command, ParsedLine, RawCommand, SourceLine
from ..render import escape
from .connection import CONNECTED
from .effects import ShowDocument, ShowEvent, ShowMessage, ShowReply
from .execute import UNANSWERED, ask_for, learn, returned, version_numbers
from .requests import PreparedLine, Request, make_hmp_request, make_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..language import Command, Introspection, Missing, RawCommand, ShellCommand, Token
    from ..manual import Manual
    from ..qmp import Event, Reply
    from ..render import Block
    from ..storage import Settings
    from .effects import Effect
    from .lines import RunningLine
    from .session import Session
    from .waits import Wait


# How deep files may run files.
_MAX_SOURCE_DEPTH = 16
# A control character makes the server's parser discard incomplete input (qmp-spec, "Errors").
_RESYNC = b"\x01\n"


class CommandContext:
    """The session for one call of a shell command in the current line."""

    def __init__(self, session: Session, line: RunningLine, call: ShellCommand) -> None:
        self._session = session
        self._line = line
        self._call = call

    @property
    def can_probe(self) -> bool:
        """Whether qmpshell may send its own queries."""
        return self._session.can_probe

    @property
    def settings(self) -> Settings:
        """The settings of the session."""
        return self._session.settings

    @property
    def introspection(self) -> Introspection:
        """What is known of the server's types."""
        return self._session.introspection

    @property
    def now(self) -> float:
        """The current time of the session, in seconds."""
        return self._session.now

    def unclaimed_events(self) -> list[Event]:
        """Return the latest events that no `/wait` has consumed, oldest first."""
        return list(self._session.events)

    def claim_event(self, event: Event) -> None:
        """Remove an event that a wait consumes."""
        self._session.events.remove(event)

    def show_message(self, text: str) -> list[Effect]:
        """Show a message."""
        return [ShowMessage(text)]

    def page(self, blocks: list[Block]) -> list[Effect]:
        """Show a help document."""
        return [ShowDocument(blocks)]

    def manual(self, name: str = "") -> Manual:
        """Return the manual of the server, or the one that contains `name` if the server is unknown."""
        from ..manual import (
            AGENT,
            ManualCache,  # few scripts ask for help
            page_of,
        )

        session = self._session
        if session.manual_cache is None:
            session.manual_cache = ManualCache(session.ports.find_page)
        schema = session.introspection.schema
        commands = schema.commands() if schema is not None else session.names or ()
        if session.settings.agent:
            return session.manual_cache.manual(AGENT, version_numbers(session.agent_version))
        version = session.greeting.version if session.greeting is not None else None
        return session.manual_cache.manual(page_of(commands, name=name), version)

    def fail(self, text: str) -> list[Effect]:
        """Report the failure of the running command."""
        return self._session.failures.at(self._line.source, self._call.start, text)

    def ask(
        self, name: str, arguments: dict[str, Any], then: Callable[[Reply | None], list[Effect]]
    ) -> list[Effect]:
        """Send a query. `then` receives the reply, or None if there was none."""
        return self._session.ask(name, arguments, then)

    def satisfy(self, need: Missing, call: ShellCommand) -> list[Effect]:
        """Query what is missing, and run `call` again with the answer."""
        session = self._session
        if need.kind == MISSING_SECRET:
            return self.fail("only the arguments of a server command can be secrets")
        self._line.actions.appendleft((call, None))
        if not session.can_probe:
            learn(session.introspection, need, None)
            return session.runner.note_untyped(self._line.source, self._call.start)

        def answered(reply: Reply | None) -> list[Effect]:
            if reply is None:
                self._line.actions.clear()
                return self.fail(UNANSWERED)
            learn(session.introspection, need, returned(reply))
            note = session.runner.note_untyped(self._line.source, self._call.start)
            if reply.is_error and note:
                return note
            if self._line is not session.queue.current:
                return session.runner.run_at_once(self._line)
            return []

        return ask_for(session, need, answered)

    def wait(self, wait: Wait) -> list[Effect]:
        """Block the queue until `wait` is over."""
        session = self._session
        if session.settings.dry_run:
            return []
        wait.source, wait.start = self._line.source, self._call.start
        if session.link.state != CONNECTED:
            return session.runner.refuse(
                wait.source, wait.start, f"not connected: {escape(wait.label)} will not come"
            )
        session.waits.awaited = wait
        wait.since = session.now
        return []

    def watch(
        self, what: Command | RawCommand | Token, text: str, *, interval: float, count: int | None
    ) -> list[Effect]:
        """Send a command, or the human monitor line in a token, repeatedly. Raises LineError."""
        from .live_views import Watch  # few scripts need it

        session, line = self._session, self._line

        def make() -> Request:
            if isinstance(what, (Command, RawCommand)):
                return make_request(what, line.source, session.next_id())
            return make_hmp_request(
                what.text, line.source, session.next_id(), start=what.start, cpu=session.cpu
            )

        watch = Watch(
            session,
            text,
            make=make,
            interval=interval,
            count=count,
            redirect=line.redirect,
        )
        if session.settings.dry_run:
            return watch.send_first()
        notes = session.runner.notes(what) if isinstance(what, Command) else []
        effects = self._block_on(watch)
        if watch not in (session.waits.live_view, session.waits.awaited):
            return effects
        return [*notes, *effects, *watch.send_first()]

    def watch_jobs(self, deadline: float | None) -> list[Effect]:
        """Follow all jobs until they have ended."""
        from .live_views import JobsWatch
        from .vm import VmState  # few scripts need them

        session = self._session
        watch = JobsWatch(session, deadline=deadline)
        effects = self._block_on(watch)
        if watch not in (session.waits.live_view, session.waits.awaited):
            return effects
        if session.machine is None:
            session.machine = VmState(session, only_jobs=True)
            for event in session.recent:  # a job may have ended before the command ran
                session.machine.on_event(event)
        if session.interactive:
            session.machine.jobs.pop_ended()
        return [*effects, *session.machine.list_jobs(session.now)]

    def _block_on(self, wait: Wait) -> list[Effect]:
        """Block the queue until `wait` is over; not at a terminal if nothing depends on it."""
        session, line = self._session, self._line
        alone = not line.actions and line.redirect is None
        wait.is_beside = session.interactive and alone and not self._is_in_file
        if not wait.is_beside or session.link.state != CONNECTED:
            return self.wait(wait)
        wait.source, wait.start, wait.since = line.source, self._call.start, session.now
        before, session.waits.live_view = session.waits.live_view, wait
        return before.stop() if before is not None else []

    @property
    def _is_in_file(self) -> bool:
        return self._line.source.name in self._session.source_depth

    def recent_events(self) -> list[Event]:
        """Return the latest events, oldest first."""
        return list(self._session.recent)

    def show_event(self, event: Event) -> list[Effect]:
        """Show an event, even if it is hidden."""
        return [ShowEvent(event, again=True)]

    def finish_if_ended(self, wait: Wait) -> list[Effect]:
        """Continue if `wait` is over."""
        return self._session.waits.finish_if_ended(wait)

    def perform(self, command: Command) -> list[Effect]:
        """Send a command as if it had been typed."""
        return self._session.runner.perform(command)

    def perform_hmp(self, text: str, start: int) -> list[Effect]:
        """Send a human monitor line."""
        return self._session.runner.perform_hmp(text, start)

    def show_last(self) -> list[Effect]:
        """Show the last reply again, in the redirect of the line if there is one."""
        last = self._session.last
        if self._session.settings.dry_run:
            return []
        if last is None:
            return self.fail("no reply yet")
        return [
            ShowReply(
                last.reply,
                last.request,
                late=False,
                elapsed=last.elapsed,
                redirect=self._line.redirect,
                again=True,
            )
        ]

    def connect(self, text: str | None) -> list[Effect]:
        """Connect to the address in `text`, or with None to the same server again."""
        return [] if self._session.settings.dry_run else self._session.connecting.start(text)

    def resync(self) -> list[Effect]:
        """Reset the server's parser."""
        if self._session.settings.dry_run:
            return []
        if self._session.link.state != CONNECTED:
            return self._session.runner.refuse(self._line.source, self._call.start, "not connected")

        def answered(reply: Reply | None) -> list[Effect]:
            # The reply is an error without an id, and shows that the parser works.
            if reply is None:
                return self.fail("the server did not answer; it may be stopped")
            return [ShowMessage("the server's parser was reset")]

        return self._session.transmit(Request({}, data=_RESYNC, source=None, then=answered))

    def source(self, name: str, data: bytes) -> list[Effect]:
        """Run the lines of a file before the following ones."""
        from .input import LineInput, ScriptLines  # few scripts need it

        session = self._session
        depth = session.source_depth.get(self._line.source.name, 0) + 1
        if depth > _MAX_SOURCE_DEPTH:
            return self.fail(
                f"{escape(name)}: /source is nested more than {_MAX_SOURCE_DEPTH} deep"
            )
        session.source_depth[name] = depth
        lines = ScriptLines([LineInput(name, data=data)], verbatim=session.settings.hmp)
        found: list[PreparedLine] = []
        while not lines.ended:
            taken = lines.pop()
            if taken is not None:
                found.append(session.prepare(taken) if isinstance(taken, SourceLine) else taken)
        if self._line.actions:
            # The rest of the line runs after the file's lines.
            actions, requests = zip(*self._line.actions, strict=True)
            rest = PreparedLine(self._line.source, ParsedLine(list(actions)))
            rest.requests = list(requests)
            found.append(rest)
            self._line.actions.clear()
        session.queue.lines.extendleft(reversed(found))
        return []

    def set_log(self, path: str | None) -> None:
        """Start or end the log. Raises QmpShellError."""
        self._session.message_logger.open(path)

    def describe(self) -> str:
        """Describe the connection in several lines."""
        session = self._session
        protocol = session.link.protocol
        lines = [f"{session.link.address}: {session.link.state}"]
        if session.settings.agent:
            lines.append(f"server: guest agent {escape(session.agent_version)}".rstrip())
        elif protocol.greeting is not None and protocol.greeting.version is not None:
            version = ".".join(map(str, protocol.greeting.version))
            lines.append(f"server: QEMU {version} {escape(protocol.greeting.package)}".rstrip())
        if session.machine is not None and session.machine.status:
            lines.append(f"VM state: {escape(session.machine.status)}")
        if not session.settings.agent:
            lines.append(f"capabilities: {', '.join(sorted(protocol.capabilities)) or 'none'}")
            lines.append(f"unclaimed events: {len(session.events)}")
        if session.waiting is not None:
            lines.append(f"waiting for the reply to {session.waiting.label}")
        return "\n".join(lines)

    def leave(self) -> list[Effect]:
        """Leave the shell."""
        return self._session.leave()
