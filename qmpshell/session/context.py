"""What a session does for its local commands (`commands.host`).

Owns: turning their calls into the session's. Must not know: any of the commands.
"""

from __future__ import annotations

from typing import Protocol

from ..language import MISSING_SECRET, Command, Plan, RawCommand, Source
from ..render import escape
from .connection import CONNECTED
from .effects import Page, ShowEvent, ShowReply, Tell
from .execute import UNANSWERED, ask_for, learn, returned, version_numbers
from .requests import Prepared, Request, make_human_request, make_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..language import Command, Facts, LocalCommand, Need, RawCommand, Token
    from ..manual import Manual
    from ..qmp import Event, Reply
    from ..render import Block
    from ..storage import Settings
    from .effects import Effect
    from .lines import CurrentLine
    from .session import Session
    from .waits import Wait


# One file may run another so deep.
_DEEPEST_SOURCE = 16
# A control character makes the server's parser give up what it has (qmp-spec, "Errors").
_RESYNC = b"\x01\n"


class LocalHost:
    """The session as one call of a local command of the current line sees it."""

    def __init__(self, session: Session, line: CurrentLine, call: LocalCommand) -> None:
        self._session = session
        self._line = line
        self._call = call

    @property
    def can_probe(self) -> bool:
        return self._session.can_probe

    @property
    def settings(self) -> Settings:
        return self._session.settings

    @property
    def facts(self) -> Facts:
        return self._session.facts

    @property
    def now(self) -> float:
        return self._session.now

    def untaken_events(self) -> list[Event]:
        return list(self._session.events)

    def take_event(self, event: Event) -> None:
        self._session.events.remove(event)

    def tell(self, text: str) -> list[Effect]:
        return [Tell(text)]

    def page(self, blocks: list[Block]) -> list[Effect]:
        return [Page(blocks)]

    def manual(self, name: str = "") -> Manual:
        from ..manual import (
            AGENT,
            Library,  # few scripts ask for help
            page_of,
        )

        session = self._session
        if session.library is None:
            session.library = Library(session.ports.find_page)
        schema = session.facts.schema
        commands = schema.commands() if schema is not None else session.names or ()
        if session.settings.agent:
            return session.library.manual(AGENT, version_numbers(session.agent_version))
        version = session.greeting.version if session.greeting is not None else None
        return session.library.manual(page_of(commands, name=name), version)

    def fail(self, text: str) -> list[Effect]:
        return self._session.failures.at(self._line.source, self._call.start, text)

    def ask(
        self, name: str, arguments: dict[str, Any], then: Callable[[Reply | None], list[Effect]]
    ) -> list[Effect]:
        return self._session.ask(name, arguments, then)

    def satisfy(self, need: Need, call: LocalCommand) -> list[Effect]:
        session = self._session
        if need.kind == MISSING_SECRET:
            return self.fail("a secret is asked for only where a command itself takes it")
        self._line.actions.appendleft((call, None))
        if not session.can_probe:
            learn(session.facts, need, None)
            return session.runner.note_untyped(self._line.source, self._call.start)

        def answered(reply: Reply | None) -> list[Effect]:
            if reply is None:
                self._line.actions.clear()
                return self.fail(UNANSWERED)
            learn(session.facts, need, returned(reply))
            note = session.runner.note_untyped(self._line.source, self._call.start)
            if reply.is_error and note:
                return note
            if self._line is not session.queue.current:
                return session.runner.overtake(self._line)
            return []

        return ask_for(session, need, answered)

    def wait(self, wait: Wait) -> list[Effect]:
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
        from .waits import Watch  # few scripts need it

        session, line = self._session, self._line

        def make() -> Request:
            if isinstance(what, (Command, RawCommand)):
                return make_request(what, line.source, session.next_id())
            return make_human_request(
                what.text, line.source, session.next_id(), start=what.start, cpu=session.cpu
            )

        watch = Watch(
            session,
            text,
            make=make,
            interval=interval,
            count=count,
            destination=line.destination,
        )
        if session.settings.dry_run:
            return watch.begin()
        notes = session.runner.notes(what) if isinstance(what, Command) else []
        effects = self._look_on(watch)
        if watch not in (session.waits.panel, session.waits.awaited):
            return effects
        return [*notes, *effects, *watch.begin()]

    def watch_jobs(self, deadline: float | None) -> list[Effect]:
        from .vm import Machine  # few scripts need them
        from .waits import JobsWatch

        session = self._session
        watch = JobsWatch(session, deadline=deadline)
        effects = self._look_on(watch)
        if watch not in (session.waits.panel, session.waits.awaited):
            return effects
        if session.machine is None:
            session.machine = Machine(session, only_jobs=True)
            for event in session.recent:  # a job may have ended before anybody looked
                session.machine.see(event)
        if session.interactive:
            session.machine.jobs.take_ended()
        return [*effects, *session.machine.list_jobs(session.now)]

    def _look_on(self, wait: Wait) -> list[Effect]:
        """Hold up the lines until `wait` is over, but not at a terminal where nothing depends on it:
        a person who looks on may go on typing."""
        session, line = self._session, self._line
        alone = not line.actions and line.destination is None
        wait.is_beside = session.interactive and alone and not self._is_in_file
        if not wait.is_beside or session.link.state != CONNECTED:
            return self.wait(wait)
        wait.source, wait.start, wait.since = line.source, self._call.start, session.now
        before, session.waits.panel = session.waits.panel, wait
        return before.stop() if before is not None else []

    @property
    def _is_in_file(self) -> bool:
        return self._line.source.name in self._session.source_depth

    def recent_events(self) -> list[Event]:
        return list(self._session.recent)

    def show_event(self, event: Event) -> list[Effect]:
        return [ShowEvent(event, again=True)]

    def settle(self, wait: Wait) -> list[Effect]:
        return self._session.waits.settle(wait)

    def perform(self, command: Command) -> list[Effect]:
        return self._session.runner.perform(command)

    def perform_human(self, text: str, start: int) -> list[Effect]:
        return self._session.runner.perform_human(text, start)

    def show_last(self) -> list[Effect]:
        last = self._session.last
        if self._session.settings.dry_run:
            return []
        if last is None:
            return self.fail("there is no reply yet")
        return [
            ShowReply(
                last.reply,
                last.request,
                late=False,
                elapsed=last.elapsed,
                destination=self._line.destination,
                again=True,
            )
        ]

    def connect(self, text: str | None) -> list[Effect]:
        return [] if self._session.settings.dry_run else self._session.connecting.begin(text)

    def resync(self) -> list[Effect]:
        if self._session.settings.dry_run:
            return []
        if self._session.link.state != CONNECTED:
            return self._session.runner.refuse(self._line.source, self._call.start, "not connected")

        def answered(reply: Reply | None) -> list[Effect]:
            # The answer is an error without an id, and a good sign.
            if reply is None:
                return self.fail("the server did not answer; it may be stopped")
            return [Tell("the server's parser has begun anew")]

        return self._session.transmit(Request({}, data=_RESYNC, source=None, then=answered))

    def source(self, name: str, data: bytes) -> list[Effect]:
        from .input import LineInput, ScriptLines  # few scripts need it

        session = self._session
        depth = session.source_depth.get(self._line.source.name, 0) + 1
        if depth > _DEEPEST_SOURCE:
            return self.fail(f"{escape(name)}: files run files, more than {_DEEPEST_SOURCE} deep")
        session.source_depth[name] = depth
        lines = ScriptLines([LineInput(name, data=data)], verbatim=session.settings.hmp)
        found: list[Prepared] = []
        while not lines.ended:
            taken = lines.take()
            if taken is not None:
                found.append(session.prepare(taken) if isinstance(taken, Source) else taken)
        if self._line.actions:
            # What stands behind it in its line comes behind the file's lines.
            actions, requests = zip(*self._line.actions, strict=True)
            rest = Prepared(self._line.source, Plan(list(actions)))
            rest.requests = list(requests)
            found.append(rest)
            self._line.actions.clear()
        session.queue.lines.extendleft(reversed(found))
        return []

    def set_log(self, path: str | None) -> None:
        self._session.logbook.open(path)

    def describe(self) -> str:
        session = self._session
        protocol = session.link.protocol
        lines = [f"{session.link.address}: {session.link.state}"]
        if session.settings.agent:
            lines.append(f"server: guest agent {escape(session.agent_version)}".rstrip())
        elif protocol.greeting is not None and protocol.greeting.version is not None:
            version = ".".join(map(str, protocol.greeting.version))
            lines.append(f"server: QEMU {version} {escape(protocol.greeting.package)}".rstrip())
        if session.machine is not None and session.machine.status:
            lines.append(f"virtual machine: {escape(session.machine.status)}")
        if not session.settings.agent:
            lines.append(f"capabilities: {', '.join(sorted(protocol.capabilities)) or 'none'}")
            lines.append(f"events kept for /wait: {len(session.events)}")
        if session.waiting is not None:
            lines.append(f"waiting for the reply to {session.waiting.label}")
        return "\n".join(lines)

    def leave(self) -> list[Effect]:
        return self._session.leave()


class Host(Protocol):
    """A session, as its local commands see it. Every call returns effects to be passed on."""

    @property
    def settings(self) -> Settings: ...
    @property
    def facts(self) -> Facts: ...
    @property
    def now(self) -> float: ...
    @property
    def can_probe(self) -> bool:
        """Whether the server may be asked what nobody typed."""

    def untaken_events(self) -> list[Event]:
        """The latest events that no `/wait` has taken, oldest first."""

    def take_event(self, event: Event) -> None: ...
    def tell(self, text: str) -> list[Effect]: ...
    def page(self, blocks: list[Block]) -> list[Effect]:
        """Show a page of text."""

    def manual(self, name: str = "") -> Manual:
        """The manual of the server, or what there is of it; where it is not known which server it is,
        the one that has `name`."""

    def fail(self, text: str) -> list[Effect]:
        """The command that runs has failed."""

    def ask(
        self, name: str, arguments: dict[str, Any], then: Callable[[Reply | None], list[Effect]]
    ) -> list[Effect]:
        """Ask the server something of our own; `then` takes the reply, or None where none came."""

    def wait(self, wait: Wait) -> list[Effect]:
        """Hold up the lines that follow until `wait` is over."""

    def watch(
        self, what: Command | RawCommand | Token, text: str, *, interval: float, count: int | None
    ) -> list[Effect]:
        """Send a command, or the human monitor's line that a token is, again and again. Raises
        LineError."""

    def watch_jobs(self, deadline: float | None) -> list[Effect]:
        """Follow all jobs until they are done."""

    def recent_events(self) -> list[Event]:
        """The latest events, oldest first."""

    def show_event(self, event: Event) -> list[Effect]:
        """Show an event, whichever are wanted."""

    def settle(self, wait: Wait) -> list[Effect]:
        """Go on if `wait` is over."""

    def perform(self, command: Command) -> list[Effect]:
        """Send a command as if it had been typed."""

    def perform_human(self, text: str, start: int) -> list[Effect]:
        """Send a line to the human monitor."""

    def show_last(self) -> list[Effect]:
        """Show the last reply again, where the line's replies go."""

    def connect(self, text: str | None) -> list[Effect]:
        """Leave this server for what `text` names, or with None connect to it anew."""

    def resync(self) -> list[Effect]: ...
    def source(self, name: str, data: bytes) -> list[Effect]:
        """Run the lines of a file before what follows."""

    def set_log(self, path: str | None) -> None:
        """Raises QmpShellError."""

    def satisfy(self, need: Need, call: LocalCommand) -> list[Effect]:
        """Get what must be known first, and run `call` again; what is not to be had is known then."""

    def describe(self) -> str:
        """What the session is connected to, over several lines."""

    def leave(self) -> list[Effect]: ...
