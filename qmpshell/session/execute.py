"""Execution of one line: missing information, shell commands, requests, and confirmations."""

from __future__ import annotations

from ..errors import LineError
from ..language import (
    EXIT_COMMANDS,
    MISSING_DRIVER,
    MISSING_OBJECT,
    MISSING_SCHEMA,
    MISSING_SECRET,
    Command,
    Introspection,
    Missing,
    PropertyType,
    RawCommand,
    ShellCommand,
)
from ..qmp import expand_driver_alias
from .connection import CONNECTED, OFFLINE, UNCONNECTED
from .effects import CloseRedirect, Confirm, OpenRedirect, ReadSecret, ShowCommand, ShowMessage
from .lines import RunningLine
from .requests import (
    PreparedLine,
    confirmation_question,
    make_hmp_request,
    make_request,
    prepare,
    prepare_hmp,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..language import Action, FileWord, Missing, SourceLine
    from ..qmp import Reply
    from .effects import Effect
    from .requests import PreparedLine, Request
    from .session import Session


# A query failed, and the line that depends on it is not sent.
UNANSWERED = (
    "the types of the values are unknown, because the server did not answer; nothing was sent"
)


def question(need: Missing) -> tuple[str, dict[str, Any]]:
    """Return the command and arguments that query missing information."""
    if need.kind == MISSING_DRIVER:
        return "device-list-properties", {"typename": need.subject}
    if need.kind == MISSING_OBJECT:
        return "qom-list", {"path": need.subject}
    return "query-qmp-schema", {}


def ask_for(
    session: Session, need: Missing, then: Callable[[Reply | None], list[Effect]]
) -> list[Effect]:
    """Query missing information. `then` receives the last reply, or None.

    For a driver that the server does not know, the drivers that its name may stand for are queried.
    """
    needs = [need]
    if need.kind == MISSING_DRIVER:
        needs += [Missing(MISSING_DRIVER, name) for name in expand_driver_alias(need.subject)]

    def ask(index: int) -> list[Effect]:
        def answered(reply: Reply | None) -> list[Effect]:
            if reply is not None and reply.is_error and index + 1 < len(needs):
                return ask(index + 1)
            return then(reply)

        return session.ask(*question(needs[index]), answered)

    return ask(0)


def learn(introspection: Introspection, need: Missing, value: object) -> None:
    """Store the answer to a query. None or an invalid answer means that there is none."""
    if need.kind == MISSING_SCHEMA:
        introspection.has_schema = True
        if isinstance(value, list):
            from ..qmp import Schema  # many scripts need none

            introspection.schema = Schema(value)
    else:
        table = introspection.drivers if need.kind == MISSING_DRIVER else introspection.objects
        table[need.subject] = _properties(value)


def list_commands(*, agent: bool) -> str:
    """Return the command that lists the server's commands."""
    if agent:
        from ..qmp import LIST_COMMANDS

        return LIST_COMMANDS
    return "query-commands"


def names_in(value: object) -> list[str]:
    """Return the names in a result of `query-commands`, or the enabled ones of an agent's `guest-info`."""
    if isinstance(value, dict):
        value = value.get("supported_commands")
    if not isinstance(value, list):
        return []
    return [
        str(item.get("name"))
        for item in value
        if isinstance(item, dict) and item.get("enabled") is not False
    ]


def disabled_in(value: object) -> list[str]:
    """Return the names of the commands that `guest-info` reports as disabled."""
    listed = value.get("supported_commands") if isinstance(value, dict) else None
    return [
        str(entry.get("name"))
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, dict) and entry.get("enabled") is False
    ]


def agent_version(value: object) -> str:
    """Return the version in a result of `guest-info`, or ""."""
    version = value.get("version") if isinstance(value, dict) else None
    return version if isinstance(version, str) else ""


def version_numbers(text: str) -> tuple[int, ...] | None:
    """Return (major, minor, micro) of a version text, or None.

    >>> version_numbers("10.0.2 (Debian 1:10.0.2)")
    (10, 0, 2)
    """
    parts = text.partition(" ")[0].split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts):
        return None
    return tuple(map(int, parts[:3]))


def returned(reply: Reply | None) -> object:
    """Return what a reply returned, or None for an error or no reply."""
    return reply.value.get("return") if reply is not None else None


def _properties(value: object) -> dict[str, PropertyType] | None:
    if not isinstance(value, list):
        return None
    return {
        str(item.get("name")): PropertyType(str(item.get("type")), str(item.get("description", "")))
        for item in value
        if isinstance(item, dict)
    }


class LineRunner:
    """Executes the lines of a session, action by action."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def start(self, prepared: PreparedLine) -> list[Effect]:
        """Start a line."""
        if prepared.error is not None:
            return self._session.failures.of_line(prepared.source, prepared.error)
        if prepared.need is not None and not prepared.is_fresh:
            # The missing information may have arrived since the line was parsed.
            self.read_again(prepared)
            return []
        if prepared.need is not None:
            return self._resolve(prepared, prepared.need)
        self._session.queue.current = RunningLine(prepared)
        if self._session.settings.dry_run:
            self._session.queue.current.redirect = None
        redirect = self._session.queue.current.redirect
        if redirect is None:
            return []
        self._session.queue.opening = redirect
        return [OpenRedirect(redirect)]

    def _resolve(self, prepared: PreparedLine, need: Missing) -> list[Effect]:
        """Query what a line needs, then evaluate it again."""
        if need.kind == MISSING_SECRET:
            self._session.queue.missing_line = prepared
            return [ReadSecret(need.subject)]
        if not self._session.can_probe:
            learn(self._session.introspection, need, None)
            self.read_again(prepared)
            return self.note_untyped(prepared.source, 0)
        self._session.queue.missing_line = prepared

        def answered(reply: Reply | None) -> list[Effect]:
            if self._session.queue.missing_line is not prepared:
                return []
            self._session.queue.missing_line = None
            if reply is None:
                return self._session.failures.at(prepared.source, 0, UNANSWERED)
            learn(self._session.introspection, need, returned(reply))
            self.read_again(prepared)
            return self.note_untyped(prepared.source, 0) if reply.is_error else []

        return ask_for(self._session, need, answered)

    def note_untyped(self, source: SourceLine, start: int) -> list[Effect]:
        """Report in a dry run that the types of a line's values are unknown."""
        if not self._session.settings.dry_run:
            return []
        text = "evaluated without a schema: the server has none"
        if self._session.link.state == OFFLINE:
            text = "evaluated without the server's schema: add an ADDRESS to use its types"
        return [ShowMessage(self._session.failures.place(source, start, text))]

    def read_again(self, prepared: PreparedLine) -> None:
        """Evaluate a line again, with its own secrets."""
        self._session.introspection.secrets = prepared.secrets
        again = self._session.prepare(prepared.source)
        self._session.introspection.secrets = {}
        again.secrets = prepared.secrets
        again.is_fresh = True
        self._session.queue.lines.appendleft(again)

    def step(self, line: RunningLine) -> list[Effect]:
        """Run the next action of a line, or finish it."""
        if line.actions:
            return self._act(line, *line.actions.popleft())
        if line.redirect is not None:
            self._session.queue.closing = line.redirect
            return [CloseRedirect(line.redirect)]
        self._session.queue.current = None
        self._session.introspection.objects.clear()
        return []

    def _act(self, line: RunningLine, action: Action, request: Request | None) -> list[Effect]:
        try:
            if isinstance(action, ShellCommand):
                return self._run_local(line, action)
            if is_exit(action):
                return self._session.leave()
            return self.perform(action, request)
        except LineError as error:
            return self._session.failures.of_line(line.source, error)

    def _run_local(self, line: RunningLine, call: ShellCommand) -> list[Effect]:
        """Run a shell command. Raises LineError."""
        from .commands.registry import find_command  # few scripts need it
        from .context import CommandContext

        if call.name == "/hmp" and not call.tokens and self._session.settings.hmp:
            return self.perform_hmp(call.line, call.start)
        run = find_command(call.name)
        assert run is not None  # `prepare` has checked that
        return run(CommandContext(self._session, line, call), call)

    def run_at_once(self, line: RunningLine) -> list[Effect]:
        """Execute a line before the current one: `/oob` at a terminal does not wait."""
        held, self._session.queue.current = self._session.queue.current, line
        line.redirect = None
        effects: list[Effect] = []
        if line.actions:
            effects = self._act(line, *line.actions.popleft())
        self._session.queue.current = held
        return effects

    def perform(
        self, command: Command | RawCommand, request: Request | None = None
    ) -> list[Effect]:
        """Send a command as if it had been typed. `request` is its encoded form, if any. Raises LineError."""
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

    def perform_hmp(self, text: str, start: int) -> list[Effect]:
        """Send a human monitor line."""
        assert self._session.queue.current is not None
        source = self._session.queue.current.source
        return self.send(
            make_hmp_request(
                text, source, self._session.next_id(), start=start, cpu=self._session.cpu
            )
        )

    def send(self, request: Request) -> list[Effect]:
        """Send a request, after confirmation if necessary."""
        if self._session.queue.current is not None:
            request.redirect = self._session.queue.current.redirect
        if self._session.settings.dry_run:
            return [ShowCommand(request.data, request)]
        if self._session.lost:
            text = "not connected; nothing was sent"
            if self._session.interactive:
                text += "; use /connect to reconnect"
            return self.refuse(request.source, request.start, text)
        if self._session.interactive:
            what = confirmation_question(request, self._session.settings.confirm)
            if what:
                self._session.asking = request
                return [Confirm(what, request)]
        return self._session.transmit(request)

    def refuse(self, source: SourceLine | None, start: int, text: str) -> list[Effect]:
        """Report that there is no server."""
        self._session.drop_lines()
        return self._session.failures.no_server(self._session.failures.place(source, start, text))

    def _open(self, file: FileWord) -> int:
        end = file.start + len(file.path)
        if not self._session.link.passes_descriptors:
            text = "a file can be passed only over a UNIX socket"
            raise LineError(text, start=file.start, end=end)
        try:
            return self._session.ports.open_file(file.path, file.operator)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise LineError(f"{file.path}: {reason}", start=file.start, end=end) from None

    def notes(self, command: Command) -> list[Effect]:
        """Return notes about deprecated or unstable members, each once."""
        if not command.notes or not (self._session.interactive or self._session.settings.verbose):
            return []
        new = [note for note in dict.fromkeys(command.notes) if note not in self._session.told]
        self._session.told.update(new)
        return [ShowMessage(note) for note in new]


def is_exit(action: Command | RawCommand) -> bool:
    """Return True for `exit`, which is not a command of any server."""
    return isinstance(action, Command) and action.name in EXIT_COMMANDS and not action.arguments


# Shell commands that do not wait for earlier lines at a terminal.
_AT_ONCE = ("/oob", "/status", "/help", "/apropos")


class LineSubmitter:
    """Accepts the lines of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def prepare(self, source: SourceLine) -> PreparedLine:
        """Parse and evaluate a line, possibly while an earlier one is in flight."""
        session = self._session
        if session.settings.hmp:
            return prepare_hmp(source)
        prepared = prepare(source, session.introspection, encode=not session.interactive)
        if prepared.plan is not None:
            for action in prepared.plan.actions:
                if isinstance(action, ShellCommand):
                    from .commands.arguments import find_mistake  # few scripts need it

                    error = find_mistake(action)
                    if error is not None:
                        return PreparedLine(source, error=error)
        return prepared

    def submit(self, prepared: PreparedLine) -> list[Effect]:
        """Queue a line, or report its error."""
        session = self._session
        if session.ending.is_leaving:
            return []
        if session.interactive:
            effects = self._at_once(prepared)
            if effects is not None:
                return effects
        session.queue.lines.append(prepared)
        return session.advance()

    def _at_once(self, prepared: PreparedLine) -> list[Effect] | None:
        """Run a line that does not wait for others. None if it must be queued."""
        session = self._session
        if self._may_overtake and any(_is_local(prepared, name) for name in _AT_ONCE):
            return session.runner.run_at_once(RunningLine(prepared))
        if _is_local(prepared, "/connect"):
            effects = session.connecting.abandon_all()
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


def _is_local(prepared: PreparedLine, name: str) -> bool:
    """Return True if the line consists of this shell command."""
    plan = prepared.plan
    if plan is None or len(plan.actions) != 1:
        return False
    action = plan.actions[0]
    return isinstance(action, ShellCommand) and action.name == name and not plan.redirect


def _leaves(prepared: PreparedLine) -> bool:
    plan = prepared.plan
    if plan is None or len(plan.actions) != 1:
        return False
    action = plan.actions[0]
    if isinstance(action, ShellCommand):
        return action.name == "/quit" and not action.tokens
    return is_exit(action)
