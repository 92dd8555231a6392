"""What a shell command can use of its session. Use methods that return steps with `yield from`."""

from __future__ import annotations

from ..language import (
    MISSING_FILE,
    MISSING_SCHEMA,
    MISSING_SECRET,
    Command,
    Missing,
    MissingError,
    RawCommand,
)
from ..qmp import command_object, encode
from ..record import Record
from ..render import REDACTED, escape, escape_json
from .connection import CONNECTED
from .effects import ReadFile, ShowDocument, ShowEvent, ShowResult
from .execute import UNANSWERED
from .failures import GENERIC_ERROR
from .requests import encode_request, make_request
from .steps import Issue, NotConnected, Query, QueryAll, Sleep, WaitFor, WaitStopped
from .waits import Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, TypeVar

    from ..language import ShellCommand
    from ..qmp import Event, Reply
    from ..render import Block
    from .execute import LineRunner
    from .lines import Task
    from .state import SessionState
    from .steps import Step, Steps

    T = TypeVar("T")


_POLL_INTERVAL = 0.25  # seconds


class WatchRound(Record):
    """A round of `/watch`: the document, or what went wrong, or that the user has stopped it.

    `with_rates` returns the result of a command with its rates at a time. `is_in_background` is true if only
    the live view shows it.
    """

    with_rates: Callable[[object, str, float], object]
    is_first: bool
    is_in_background: bool
    blocks: list[Block] = []
    problem: str = ""
    is_stopped: bool = False


class CommandContext:
    """The session for the call of a shell command in a line.

    `runner` runs the line `task` that contains the call. `watch_round` is the round of `/watch` that
    the call is part of, if any.
    """

    def __init__(
        self,
        state: SessionState,
        runner: LineRunner,
        task: Task,
        call: ShellCommand,
        *,
        watch_round: WatchRound | None = None,
    ) -> None:
        self.state = state
        self.settings = state.settings
        # What is known of the server's types.
        self.introspection = state.server.introspection
        self.runner = runner
        self.task = task
        self._call = call
        self._round = watch_round
        # Whether the requests of this command are shown, as by the shell's own -v.
        self.shows_requests = False

    @property
    def now(self) -> float:
        """The current time of the session, in seconds."""
        return self.state.outbox.now

    def deadline(self, timeout: float | None) -> float | None:
        """Return the end of a wait with this timeout, or with that of the settings, or None."""
        seconds = self.settings.timeout if timeout is None else timeout
        return None if seconds is None else self.now + seconds

    def show_result(self, value: object) -> None:
        """Show the result of the command, or write it to the redirect of the line."""
        if self.task.redirect is None:
            self.state.answers.set_result(value)
        self.state.outbox.emit(ShowResult(value, self.task.redirect))

    def show_message(self, text: str) -> None:
        """Show a message."""
        if self._is_live:
            from ..render import EMPHASIS, Lines  # few scripts need it

            self._add([Lines([[(EMPHASIS, text)]])])
        else:
            self.state.outbox.show(text)

    @property
    def _is_live(self) -> bool:
        """Whether the command runs for a live view, which shows everything."""
        return self._round is not None and self._round.is_in_background

    def _add(self, blocks: list[Block]) -> None:
        if self._round is not None:
            from ..render import Lines  # few scripts need it

            # Rounds are compared, so lines that are made when they are shown are made now.
            self._round.blocks += [
                Lines(list(block.lines), wrap=block.wrap) if isinstance(block, Lines) else block
                for block in blocks
            ]

    def show_event(self, event: Event) -> None:
        """Show an event, even if it is hidden."""
        self.state.outbox.emit(ShowEvent(event, again=True))

    def show_document(self, blocks: list[Block]) -> None:
        """Show a help document."""
        self._add(blocks)
        if self._is_live:
            return
        self.state.outbox.emit(ShowDocument(blocks, self.task.redirect))

    def show_view(self, blocks: list[Block], value: Callable[[], object]) -> None:
        """Show a document as the result of the command. `value` returns it for `--json-errors`."""
        answers, redirect = self.state.answers, self.task.redirect
        self._add(blocks)
        if self._is_live:
            return
        if answers.is_enabled and redirect is None:
            answers.set_result(value())
        elif blocks:
            self.state.outbox.emit(ShowDocument(blocks, redirect, is_result=True))

    def fail(self, text: str, *, error_class: str = GENERIC_ERROR) -> None:
        """Report the failure of the command."""
        if self._round is not None:
            self._round.problem = text
        if self._is_live:
            return
        self.state.failures.report(
            self.task.source, self._call.start, text, error_class=error_class
        )

    # -- missing information ----------------------------------------------------------------------

    def evaluated(self, evaluate: Callable[[], T]) -> Generator[Step, Any, T | None]:
        """Call `evaluate` until it has the information that it needs. Return its result.

        Return None after a failure, which is reported.
        """
        files: dict[str, bytes | OSError] = {}
        while True:
            try:
                return self.state.server.evaluate(evaluate, files=files)
            except MissingError as error:
                missing = error.missing
            if missing.kind == MISSING_SECRET:
                self.fail("only the arguments of a server command can be secrets")
                return None
            if missing.kind == MISSING_FILE:
                files[missing.subject] = yield ReadFile(missing.subject)
            elif not (yield from self.find_missing(missing)):
                return None

    def read_file(self, path: str) -> Generator[Step, Any, bytes]:
        """Return the content of a file. Raises OSError."""
        data: bytes | OSError = yield ReadFile(path)
        if isinstance(data, OSError):
            raise data
        return data

    def load_schema(self) -> Generator[Step, Any, bool]:
        """Query the schema if it is unknown. Return False after a failure, which is reported."""
        if self.introspection.has_schema:
            return True
        return (yield from self.find_missing(Missing(MISSING_SCHEMA)))

    def find_missing(self, missing: Missing) -> Generator[Step, Any, bool]:
        """Query missing information. Return False after a failure, which is reported."""
        start = self._call.start
        if (yield from self.runner.find_missing(missing, self.task.source, start)):
            return True
        self.task.actions.clear()
        self.fail(UNANSWERED)
        return False

    # -- requests of views ------------------------------------------------------------------------

    def ask(self, queries: list[Query]) -> Generator[Step, Any, list[Reply]]:
        """Run commands for a view. Return their replies. A dry run ends the line."""
        if self.settings.dry_run:
            for query in queries:
                message = command_object(query.name, query.arguments)
                yield from self.runner.send(self.task, encode_request(message, self.task.source))
            raise WaitStopped
        self.require_connection("not connected; nothing was sent")
        replies: list[Reply] | None = yield QueryAll(queries)
        if replies is not None:
            return replies
        text, timeout = f"no reply to {escape(queries[0].name)}", self.settings.timeout
        if timeout is not None:
            text += f" within {timeout:g} s"
        if self.state.interactive:
            raise WaitStopped(text)
        raise NotConnected(self._place(text))

    def require_connection(self, text: str) -> None:
        """Raise NotConnected with this text if there is no connection."""
        if self.state.connection.state != CONNECTED:
            raise NotConnected(self._place(text))

    def _place(self, text: str) -> str:
        return self.state.failures.place(self.task.source, self._call.start, text)

    # -- commands ---------------------------------------------------------------------------------

    def fetch(self, command: Command | RawCommand) -> Generator[Step, Any, Reply | None]:
        """Send a command for a view, which shows the result. An error is shown.

        Return None if there is no reply, or nothing is sent. Raises LineError.
        """
        request = make_request(command, self.task.source, self.state.sender.next_id())
        request.is_view = True
        watch_round = self._round
        is_repeated = watch_round is not None and not watch_round.is_first
        if not is_repeated and isinstance(command, Command):
            self.runner.show_notes(command)
        is_shown = self.shows_requests and not self.settings.verbose and not is_repeated
        sent = request.as_own() if self._is_live else request
        reply = yield from self.runner.send(
            self.task,
            sent,
            is_repeated=is_repeated,
            show=self._show_request if is_shown else None,
        )
        if watch_round is not None:
            watch_round.is_stopped |= reply is None
            if reply is not None and reply.is_error:
                watch_round.problem = escape(f"{reply.error_class}: {reply.desc}")
        return reply

    def with_rates(self, value: object, command: str) -> object:
        """Return the result of a command. In `/watch`, growing integers have rates."""
        return value if self._round is None else self._round.with_rates(value, command, self.now)

    # -- waits ------------------------------------------------------------------------------------

    def wait(self, wait: Wait, *, polled: str = "") -> Steps:
        """Block the following lines until `wait` has ended, and report its failure.

        The command `polled` is run repeatedly for it, if the server may be queried.
        """
        if self.settings.dry_run:
            return
        self.start_wait(wait)
        wait.blocks_user = self.state.interactive
        while polled and self.state.sender.can_query and not wait.ended:
            wait.on_answer((yield Query(polled)))
            for message in wait.new_messages():
                self.state.outbox.emit(message)
            if not wait.ended:
                yield Sleep(self.now + _POLL_INTERVAL)
        yield WaitFor(wait)
        if wait.failure:
            self.fail(wait.failure)

    def start_wait(self, wait: Wait) -> None:
        """Record what the line waits for. Raises NotConnected."""
        self.require_connection(f"not connected: {escape(wait.label)} will not come")
        self.task.wait = wait
        wait.since = self.now

    @property
    def is_in_background(self) -> bool:
        """Whether a view does not block the following lines, because nothing depends on it."""
        task = self.task
        is_alone = not task.actions and task.redirect is None
        return (
            self.state.has_live_view
            and is_alone
            and task.source.name not in self.state.source_depth
        )

    # -- views ------------------------------------------------------------------------------------

    def query(self, command: Command, *, is_secret: bool = False) -> Generator[Step, Any, Any]:
        """Run a command for a view and return its result. Show it with -v.

        The arguments are neither shown nor logged if one `is_secret`. Raises WaitStopped if it
        fails.
        """
        task = self.task
        self.runner.require_connection(task, self._call.start)
        request = make_request(command, task.source, self.state.sender.next_id()).as_own()
        request.background = self._is_live_view
        if is_secret:
            request.message |= {"arguments": dict.fromkeys(command.arguments, REDACTED)}
        if (self.settings.verbose or self.shows_requests) and not self._is_live_view:
            self._show_request(request.message)
        if task.wait is None:
            task.wait = Wait(f"the reply to {command.name}", None)
            task.wait.since = self.now
        try:
            reply: Reply | None = yield Issue(request)
        finally:
            request.abandoned = True  # if the wait was stopped; otherwise this has no effect
        if reply is None:
            raise WaitStopped(f"no reply to {command.name}")
        if reply.is_error:
            raise WaitStopped(escape(f"{reply.error_class}: {reply.desc}"))
        return reply.value["return"]

    def _show_request(self, message: dict[str, Any]) -> None:
        from ..storage import redact_command  # few lines need it

        shown = {name: value for name, value in message.items() if name != "id"}
        self.show_message(f"-> {escape_json(encode(redact_command(shown)))}")

    @property
    def _is_live_view(self) -> bool:
        """Whether the command runs below the prompt, while other lines run."""
        return self.state.lines.view_task is self.task
