"""Carrying out one line.

Owns: what each kind of line and action leads to: facts that are missing, local commands, requests, the
question before what destroys. Must not know: the order of lines, replies.
"""

from __future__ import annotations

from ..errors import LineError
from ..language import (
    LEAVING,
    MISSING_DRIVER,
    MISSING_OBJECT,
    MISSING_SCHEMA,
    MISSING_SECRET,
    Command,
    Facts,
    LocalCommand,
    Need,
    PropertyType,
    RawCommand,
)
from ..qmp import meant_by
from .connection import CONNECTED, OFFLINE, UNCONNECTED
from .effects import Ask, AskSecret, Divert, Finish, ShowCommand, Tell
from .lines import CurrentLine
from .requests import Prepared, destroys, make_human_request, make_request, prepare, prepare_human

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..language import Action, FileWord, Need, Source
    from ..qmp import Reply
    from .effects import Effect
    from .requests import Prepared, Request
    from .session import Session


# A question of our own had no answer, and what depends on it is not sent.
UNANSWERED = "the server did not say of which types the values are; nothing was sent"


def question(need: Need) -> tuple[str, dict[str, Any]]:
    """The command, with its arguments, that answers a need."""
    if need.kind == MISSING_DRIVER:
        return "device-list-properties", {"typename": need.subject}
    if need.kind == MISSING_OBJECT:
        return "qom-list", {"path": need.subject}
    return "query-qmp-schema", {}


def ask_for(
    session: Session, need: Need, then: Callable[[Reply | None], list[Effect]]
) -> list[Effect]:
    """Ask the server for what is needed; of a driver whose name it does not know, for what that may be
    short for. `then` takes the last reply, or None where none came."""
    needs = [need]
    if need.kind == MISSING_DRIVER:
        needs += [Need(MISSING_DRIVER, name) for name in meant_by(need.subject)]

    def ask(index: int) -> list[Effect]:
        def answered(reply: Reply | None) -> list[Effect]:
            if reply is not None and reply.is_error and index + 1 < len(needs):
                return ask(index + 1)
            return then(reply)

        return session.ask(*question(needs[index]), answered)

    return ask(0)


def learn(facts: Facts, need: Need, value: object) -> None:
    """Take the answer to a need; None, or what cannot be an answer, means that there is none."""
    if need.kind == MISSING_SCHEMA:
        facts.has_schema = True
        if isinstance(value, list):
            from ..qmp import Schema  # many scripts need none

            facts.schema = Schema(value)
    else:
        table = facts.drivers if need.kind == MISSING_DRIVER else facts.objects
        table[need.subject] = _properties(value)


def list_commands(*, agent: bool) -> str:
    """The command that lists the server's commands."""
    if agent:
        from ..qmp import LIST_COMMANDS

        return LIST_COMMANDS
    return "query-commands"


def names_in(value: object) -> list[str]:
    """The names that `query-commands` returned, or of an agent's `guest-info` those that are enabled."""
    if isinstance(value, dict):
        value = value.get("supported_commands")
    if not isinstance(value, list):
        return []
    return [
        str(one.get("name"))
        for one in value
        if isinstance(one, dict) and one.get("enabled") is not False
    ]


def disabled_in(value: object) -> list[str]:
    """The names of the commands that an agent's `guest-info` says are switched off."""
    listed = value.get("supported_commands") if isinstance(value, dict) else None
    return [
        str(one.get("name"))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and one.get("enabled") is False
    ]


def agent_version(value: object) -> str:
    """The version in what `guest-info` returned, or nothing."""
    version = value.get("version") if isinstance(value, dict) else None
    return version if isinstance(version, str) else ""


def version_numbers(text: str) -> tuple[int, ...] | None:
    """(major, minor, micro) of a version such as an agent's, or None where it has none.

    >>> version_numbers("10.0.2 (Debian 1:10.0.2)")
    (10, 0, 2)
    """
    parts = text.partition(" ")[0].split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts):
        return None
    return tuple(map(int, parts[:3]))


def returned(reply: Reply | None) -> object:
    """What a reply returned; None for an error, or where none came."""
    return reply.value.get("return") if reply is not None else None


def _properties(value: object) -> dict[str, PropertyType] | None:
    if not isinstance(value, list):
        return None
    return {
        str(one.get("name")): PropertyType(str(one.get("type")), str(one.get("description", "")))
        for one in value
        if isinstance(one, dict)
    }


class LineRunner:
    """Does a session's lines, action by action."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, prepared: Prepared) -> list[Effect]:
        if prepared.error is not None:
            return self._session.failures.of_line(prepared.source, prepared.error)
        if prepared.need is not None and not prepared.is_fresh:
            # What it needs may have become known since it was read.
            self.read_again(prepared)
            return []
        if prepared.need is not None:
            return self._resolve(prepared, prepared.need)
        self._session.queue.current = CurrentLine(prepared)
        if self._session.settings.dry_run:
            self._session.queue.current.destination = None
        destination = self._session.queue.current.destination
        if destination is None:
            return []
        self._session.queue.opening = destination
        return [Divert(destination)]

    def _resolve(self, prepared: Prepared, need: Need) -> list[Effect]:
        """Get what a line needs before it can be read; then read it again."""
        if need.kind == MISSING_SECRET:
            self._session.queue.needing = prepared
            return [AskSecret(need.subject)]
        if not self._session.can_probe:
            learn(self._session.facts, need, None)
            self.read_again(prepared)
            return self.note_untyped(prepared.source, 0)
        self._session.queue.needing = prepared

        def answered(reply: Reply | None) -> list[Effect]:
            if self._session.queue.needing is not prepared:
                return []
            self._session.queue.needing = None
            if reply is None:
                return self._session.failures.at(prepared.source, 0, UNANSWERED)
            learn(self._session.facts, need, returned(reply))
            self.read_again(prepared)
            return self.note_untyped(prepared.source, 0) if reply.is_error else []

        return ask_for(self._session, need, answered)

    def note_untyped(self, source: Source, start: int) -> list[Effect]:
        """Say in a dry run that there was nothing to type a line's values by."""
        if not self._session.settings.dry_run:
            return []
        text = "read without a schema: the server gave none"
        if self._session.link.state == OFFLINE:
            text = "read without the server's schema: give an ADDRESS to have its types"
        return [Tell(self._session.failures.place(source, start, text))]

    def read_again(self, prepared: Prepared) -> None:
        """Read a line once more, now that more is known, with the secrets that are its own."""
        self._session.facts.secrets = prepared.secrets
        again = self._session.prepare(prepared.source)
        self._session.facts.secrets = {}
        again.secrets = prepared.secrets
        again.is_fresh = True
        self._session.queue.lines.appendleft(again)

    def step(self, line: CurrentLine) -> list[Effect]:
        if line.actions:
            return self._act(line, *line.actions.popleft())
        if line.destination is not None:
            self._session.queue.finishing = line.destination
            return [Finish(line.destination)]
        self._session.queue.current = None
        self._session.facts.objects.clear()
        return []

    def _act(self, line: CurrentLine, action: Action, request: Request | None) -> list[Effect]:
        try:
            if isinstance(action, LocalCommand):
                return self._run_local(line, action)
            if is_exit(action):
                return self._session.leave()
            return self.perform(action, request)
        except LineError as error:
            return self._session.failures.of_line(line.source, error)

    def _run_local(self, line: CurrentLine, call: LocalCommand) -> list[Effect]:
        """Raises LineError."""
        from .commands.registry import find  # few scripts need it
        from .context import LocalHost

        if call.name == "/hmp" and not call.tokens and self._session.settings.hmp:
            return self.perform_human(call.line, call.start)
        run = find(call.name)
        assert run is not None  # `prepare` has looked
        return run(LocalHost(self._session, line, call), call)

    def overtake(self, line: CurrentLine) -> list[Effect]:
        """Carry out a line before the one that is current: `/oob` at a terminal waits for nothing."""
        held, self._session.queue.current = self._session.queue.current, line
        line.destination = None
        effects: list[Effect] = []
        if line.actions:
            effects = self._act(line, *line.actions.popleft())
        self._session.queue.current = held
        return effects

    def perform(
        self, command: Command | RawCommand, request: Request | None = None
    ) -> list[Effect]:
        """Send a command as if it had been typed; `request` is what was made of it before, if
        anything. Raises LineError."""
        assert self._session.queue.current is not None
        if request is None or (self._session.needs_ids and not isinstance(command, RawCommand)):
            request = make_request(
                command, self._session.queue.current.source, self._session.next_id()
            )
        if isinstance(command, RawCommand):
            return self.send(request)
        if (
            command.file is not None
            and self._session.link.state == CONNECTED
            and not self._session.settings.dry_run
        ):
            request.descriptor = self._open(command.file)
        return [*self.notes(command), *self.send(request)]

    def perform_human(self, text: str, start: int) -> list[Effect]:
        """Send a line to the human monitor."""
        assert self._session.queue.current is not None
        source = self._session.queue.current.source
        return self.send(
            make_human_request(
                text, source, self._session.next_id(), start=start, cpu=self._session.cpu
            )
        )

    def send(self, request: Request) -> list[Effect]:
        """Send a request if there is a server, and if the person is sure."""
        if self._session.queue.current is not None:
            request.destination = self._session.queue.current.destination
        if self._session.settings.dry_run:
            return [ShowCommand(request.data, request)]
        if self._session.lost:
            text = "not connected; nothing was sent"
            if self._session.interactive:
                text += "; /connect goes back"
            return self.refuse(request.source, request.start, text)
        if self._session.interactive:
            what = destroys(request, self._session.settings.confirm)
            if what:
                self._session.asking = request
                return [Ask(what, request)]
        return self._session.transmit(request)

    def refuse(self, source: Source | None, start: int, text: str) -> list[Effect]:
        """There is no server for what a line says."""
        self._session.forget_lines()
        return self._session.failures.no_server(self._session.failures.place(source, start, text))

    def _open(self, file: FileWord) -> int:
        end = file.start + len(file.path)
        if not self._session.link.passes_descriptors:
            text = "an open file can be sent over a UNIX socket only"
            raise LineError(text, start=file.start, end=end)
        try:
            return self._session.ports.open_file(file.path, file.operator)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise LineError(f"{file.path}: {reason}", start=file.start, end=end) from None

    def notes(self, command: Command) -> list[Effect]:
        """What is deprecated or unstable in a command, once for each."""
        if not command.notes or not (self._session.interactive or self._session.settings.verbose):
            return []
        new = [note for note in dict.fromkeys(command.notes) if note not in self._session.told]
        self._session.told.update(new)
        return [Tell(note) for note in new]


def is_exit(action: Command | RawCommand) -> bool:
    """Whether it is `exit`, which no server has."""
    return isinstance(action, Command) and action.name in LEAVING and not action.arguments


# A person's commands that wait for none before them.
_AT_ONCE = ("/oob", "/status", "/help", "/apropos")


class Intake:
    """Takes the lines of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def prepare(self, source: Source) -> Prepared:
        """Read a line, which may be done while an earlier one is under way."""
        session = self._session
        if session.settings.hmp:
            return prepare_human(source)
        prepared = prepare(source, session.facts, encode=not session.interactive)
        if prepared.plan is not None:
            for action in prepared.plan.actions:
                if isinstance(action, LocalCommand):
                    from .commands.arguments import mistake  # few scripts need it

                    error = mistake(action)
                    if error is not None:
                        return Prepared(source, error=error)
        return prepared

    def submit(self, prepared: Prepared) -> list[Effect]:
        """Queue a line that was read, or say why it could not be read."""
        session = self._session
        if session.ending.is_leaving:
            return []
        if session.interactive:
            effects = self._at_once(prepared)
            if effects is not None:
                return effects
        session.queue.lines.append(prepared)
        return session.advance()

    def _at_once(self, prepared: Prepared) -> list[Effect] | None:
        """What a person's line does that waits for no other; None where it is to be queued."""
        session = self._session
        if self._may_overtake and any(_is_local(prepared, name) for name in _AT_ONCE):
            return session.runner.overtake(CurrentLine(prepared))
        if _is_local(prepared, "/connect"):
            effects = session.connecting.make_way()
            session.queue.lines.append(prepared)
            return [*effects, *session.advance()]
        if not session.queue.unsent and _leaves(prepared):
            if session.link.state == UNCONNECTED:
                return session.ending.left()
            return session.ending.leave_soon()
        if prepared.error is not None:
            return session.failures.of_line(prepared.source, prepared.error)
        return None

    @property
    def _may_overtake(self) -> bool:
        link = self._session.link
        return link.state == CONNECTED and link.is_ready and self._session.asking is None


def _is_local(prepared: Prepared, name: str) -> bool:
    """Whether the line is one local command, of this name."""
    plan = prepared.plan
    if plan is None or len(plan.actions) != 1:
        return False
    action = plan.actions[0]
    return isinstance(action, LocalCommand) and action.name == name and not plan.destination


def _leaves(prepared: Prepared) -> bool:
    plan = prepared.plan
    if plan is None or len(plan.actions) != 1:
        return False
    action = plan.actions[0]
    if isinstance(action, LocalCommand):
        return action.name == "/quit" and not action.tokens
    return is_exit(action)
