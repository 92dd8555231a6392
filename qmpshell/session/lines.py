"""Carrying out one line.

Owns: what each kind of line and action leads to: facts that are missing, local commands, requests, the
question before what destroys. Must not know: the order of lines, replies.
"""

from __future__ import annotations

from ..effects import Ask, AskSecret, Divert, Finish, ShowCommand, Tell
from ..errors import LineError
from ..guard import destroys
from ..language.command import Command, LocalCommand, RawCommand
from ..language.facts import SECRET
from ..requests import LEAVING, make_human_request, make_request
from .knowledge import UNANSWERED, ask_for, learn, returned
from .link import CONNECTED, OFFLINE
from .queue import CurrentLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import Action, FileWord
    from ..language.facts import Need
    from ..protocol.messages import Reply
    from ..requests import Prepared, Request, Source
    from .core import Session


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
        if need.kind == SECRET:
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
        from ..commands.registry import find  # few scripts need it
        from .local import LocalHost

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
