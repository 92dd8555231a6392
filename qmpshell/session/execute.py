"""Execution of lines, as generators: missing information, redirects, requests and confirmations."""

from __future__ import annotations

import re

from ..errors import ConnectionLost, LineError
from ..language import (
    MISSING_FILE,
    MISSING_SCHEMA,
    MISSING_SECRET,
    WORD,
    Command,
    Missing,
    RawCommand,
    ShellCommand,
    Token,
)
from ..qmp import DEVICE_ADD, command_facts
from ..render import escape
from .connection import CONNECTED, OFFLINE
from .effects import (
    CloseRedirect,
    Confirm,
    OpenFile,
    OpenRedirect,
    ReadFile,
    ReadSecret,
    ShowCommand,
)
from .failures import GENERIC_ERROR, LINE_ERROR
from .requests import (
    PreparedLine,
    confirmation_question,
    is_exit,
    is_shell_line,
    is_unanswered_info,
    make_hmp_request,
    make_request,
    prepare,
    prepare_hmp,
)
from .server import result_or_none
from .steps import Issue, NextCommand, NotConnected, Query, WaitStopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from typing import Any

    from ..complete import CompletionSources
    from ..language import Action, FileWord, Redirect, SourceLine
    from ..qmp import Reply
    from .lines import Task
    from .requests import Request
    from .state import SessionState
    from .steps import Step, Steps


NOT_LEFT = "the shell and the server continue"
# A query failed, and the line that depends on it is not sent.
UNANSWERED = (
    "the types of the values are unknown, because the server did not answer; nothing was sent"
)


class LineRunner:
    """Runs lines.

    `run_shell_command` returns the steps of a shell command, or None if it is done. `find_mistake`
    returns the error in a shell command that can be found before it runs.
    """

    def __init__(
        self,
        state: SessionState,
        *,
        run_shell_command: Callable[[Task, ShellCommand], Steps | None],
        find_mistake: Callable[[ShellCommand], LineError | None],
    ) -> None:
        self._state = state
        self._settings = state.settings
        self._server = state.server
        self._sender = state.sender
        self._connection = state.connection
        self._outbox = state.outbox
        self._failures = state.failures
        self._run_shell_command = run_shell_command
        self._find_mistake = find_mistake
        # The types for the warnings of a dry run.
        self._sources: CompletionSources | None = None

    def prepare(self, source: SourceLine) -> PreparedLine:
        """Parse and evaluate a line, possibly while an earlier one is in flight."""
        if self._settings.hmp and not is_shell_line(source.line.text):
            return prepare_hmp(source)
        prepared = prepare(source, self._server.introspection, encode=not self._state.interactive)
        for action in prepared.parsed.actions if prepared.parsed is not None else ():
            if isinstance(action, ShellCommand):
                error = self._find_mistake(action)
            else:
                error = self._find_missing_name(action)
            if error is not None:
                return PreparedLine(source, error=error)
        return prepared

    def _find_missing_name(self, action: Command | RawCommand) -> LineError | None:
        """Return the error of a typed command without an argument that the server requires.

        Such arguments are optional in the schema. Without the others, the error is the server's.
        """
        schema = self._server.introspection.schema
        if isinstance(action, RawCommand) or schema is None or self._settings.dry_run:
            return None
        if self._connection.is_lost:
            return None
        info = schema.command(action.name)
        if info is None:
            return None
        members = schema.members(info.arg_type)
        for name, member in members.items():
            if not member.optional and name not in action.arguments:
                return None
        for name in command_facts(action.name).needed:
            if name not in action.arguments:
                from ..language import suggestion_for  # few lines lack a name

                others = [key for key in action.arguments if key not in members]
                if any(suggestion_for(key, [name]) for key in others):
                    return None  # it is mistyped, which the server reports
                end = action.start + len(action.name)
                text = f"{action.name} needs {name}, although the schema does not say so"
                hint = f"add {name}=NAME; nothing was sent"
                return LineError(text, start=action.start, end=end, hint=hint)
        return None

    def run(self, task: Task) -> Steps:
        """Run a line."""
        answers = self._state.answers
        line: PreparedLine | None = task.line
        answers.start_line(task.line)
        if line is not None and line.missing is not None:
            line = yield from self._evaluate(line)
        if line is None:
            return
        if line.error is not None:
            # It is rejected, even if the query for a hint is not answered.
            task.is_evaluating = False
            yield from self.report_error(line.source, line.error)
            return
        if line.note:
            answers.cancel()
            self._outbox.show(self._failures.place(line.source, 0, line.note))
            return
        assert line.parsed is not None
        if self._settings.dry_run and any(map(_has_arguments, line.parsed.actions)):
            yield from self._warn(line)
        task.load(line)
        redirect = line.parsed.redirect
        if redirect is None or self._settings.dry_run:
            yield from self._run_actions(task)
        else:
            yield from self.open_redirect(task, redirect)
            if task.redirect is None:
                return
            try:
                yield from self._run_actions(task)
            except ConnectionLost:  # replies are still on their way to the file or command
                task.actions.clear()
            yield from self.close_redirect(task)
            answers.finish_item()
        self._server.introspection.objects.clear()

    def open_redirect(self, task: Task, redirect: Redirect) -> Steps:
        """Open the redirect of a line. `task.redirect` stays None after a failure, which is reported."""
        problem = yield OpenRedirect(redirect)
        if problem:
            end = redirect.start + len(redirect.text)
            error = LineError(problem, start=redirect.start, end=end)
            self._failures.report_line(task.source, error)
        else:
            task.redirect = redirect

    def close_redirect(self, task: Task) -> Steps:
        """Close the redirect of a line, if it is open, and report its failure."""
        redirect = task.redirect
        if redirect is None:
            return
        problem = yield CloseRedirect(redirect)
        task.redirect = None
        if problem:
            self._failures.report(task.source, redirect.start, escape(problem))

    def report_error(
        self, source: SourceLine, error: LineError, *, error_class: str = LINE_ERROR
    ) -> Steps:
        """Report the error in a line, with a hint if the line is meant for the human monitor."""
        from ..language import StrayWordError  # few lines are invalid

        if isinstance(error, StrayWordError) and self._connection.is_ready:
            self._failures.report_line(source, error, error_class=error_class, stops=False)
            from .hints import suggest_for_stray_word  # only after errors

            yield from suggest_for_stray_word(self._state, error, source)
        else:
            self._failures.report_line(source, error, error_class=error_class)

    def _warn(self, line: PreparedLine) -> Steps:
        """Report in a dry run what the server would reject, as far as its schema and drivers show it."""
        from ..complete import AnsweredNames, CompletionSources, find_rejections  # for dry runs

        introspection = self._server.introspection
        is_connected = self._connection.state == CONNECTED
        if not introspection.has_schema and is_connected:
            yield from self._server.query(Missing(MISSING_SCHEMA))
        if self._sources is None or self._sources.schema is not introspection.schema:
            self._sources = CompletionSources(schema=introspection.schema, live=AnsweredNames())
        if introspection.schema is not None and is_connected:
            assert line.parsed is not None
            for driver in _drivers(line.parsed.actions):
                yield from self._find_properties(driver)
        for start, text in find_rejections(line.source.line.text, self._sources):
            text = f"warning: {escape(text)}"
            self._outbox.show(self._failures.place(line.source, start, text))

    def _find_properties(self, driver: str) -> Steps:
        """Query the properties of a device driver, once."""
        from ..complete import AnsweredNames, NameQuery, queries_for
        from ..qmp import references as kinds

        assert self._sources is not None
        live = self._sources.live
        assert isinstance(live, AnsweredNames)
        while True:
            asked = queries_for(NameQuery(kinds.DEVICE_PROPERTY, driver), live.results)
            query = next((query for query in asked if query not in live.results), None)
            if query is None:
                return
            reply: Reply | None = yield Query(query.command, query.arguments)
            live.results[query] = result_or_none(reply)

    def run_in_background(self, task: Task) -> Steps:
        """Run the only command of a line that does not wait for the others."""
        task.load(task.line)
        yield from self._run_actions(task)

    def _evaluate(self, line: PreparedLine) -> Generator[Step, Any, PreparedLine | None]:
        """Query what a line needs, and evaluate it again. Return None if it cannot run."""
        line = self._prepare_again(line)  # the information may have arrived meanwhile
        while line.missing is not None:
            missing = line.missing
            if missing.kind == MISSING_SECRET:
                text = yield ReadSecret(missing.subject)
                if text is None:
                    self._outbox.show("not sent")
                    self._state.answers.fail(LINE_ERROR, "not sent")
                    return None
                line.secrets[missing.start] = text
            elif missing.kind == MISSING_FILE:
                line.files[missing.subject] = yield ReadFile(missing.subject)
            elif not (yield from self.find_missing(missing, line.source, 0)):
                self._failures.report(line.source, 0, UNANSWERED, error_class=LINE_ERROR)
                return None
            line = self._prepare_again(line)
        return line

    def find_missing(
        self, missing: Missing, source: SourceLine, start: int
    ) -> Generator[Step, Any, bool]:
        """Query missing information. Return False if the server does not answer."""
        if not self._sender.can_query:
            self._server.store(missing, None)
            self.note_untyped(source, start)
            return True
        reply = yield from self._server.query(missing)
        if reply is not None and reply.is_error:
            self.note_untyped(source, start)
        return reply is not None

    def _prepare_again(self, line: PreparedLine) -> PreparedLine:
        """Evaluate a line again, with its own secrets and files."""
        again = self._server.evaluate(
            lambda: self.prepare(line.source), files=line.files, secrets=line.secrets
        )
        again.secrets, again.files = line.secrets, line.files
        return again

    def note_untyped(self, source: SourceLine, start: int) -> None:
        """Report in a dry run that the types of a line's values are unknown."""
        if not self._settings.dry_run:
            return
        text = "evaluated without a schema: the server has none"
        if self._connection.state == OFFLINE:
            text = "evaluated without the server's schema: add an ADDRESS to use its types"
        self._outbox.show(self._failures.place(source, start, text))

    def _run_actions(self, task: Task) -> Steps:
        answers = self._state.answers
        if not task.actions:
            answers.cancel()
        while task.actions:
            action, request = task.actions.popleft()
            answers.start_item()
            try:
                if isinstance(action, ShellCommand):
                    yield from self._run_shell_command(task, action) or ()
                elif is_exit(action):
                    yield from self.leave()
                else:
                    yield from self.run_command(task, action, request)
            except LineError as error:  # earlier items of the line may have been sent
                yield from self.report_error(task.source, error, error_class=GENERIC_ERROR)
            except WaitStopped as stopped:
                if str(stopped):
                    self._failures.report(task.source, action.start, str(stopped))
            task.wait = None
            # The end of a redirect may fail, and then answers for the last item.
            if task.actions or task.redirect is None:
                answers.finish_item()
            if task.actions:
                yield NextCommand()

    def leave(self, then: Callable[[], None] | None = None) -> Steps:
        """Leave the shell, by `then` or after the replies. The user confirms it if the server ends too."""
        question = self._state.end_question()
        if question and not (yield Confirm(question, None)):
            self._outbox.show(NOT_LEFT)
        else:
            (then or self._state.leave)()

    def run_command(
        self, task: Task, command: Command | RawCommand, request: Request | None = None
    ) -> Generator[Step, Any, Reply | None]:
        """Send a command as if it had been typed, and return its reply.

        `request` is its encoded form, if any. Raises LineError.
        """
        if isinstance(command, RawCommand):
            request = request or make_request(command, task.source, None)
        else:
            error = self._find_missing_name(command)  # of /keyval, or the schema has come meanwhile
            if error is not None:
                raise error
            if request is None or self._sender.needs_ids:
                request = make_request(command, task.source, self._sender.next_id())
            if command.notes:
                self.show_notes(command)
        if command.file is not None and not self._settings.dry_run:
            request.descriptor = yield from self._open(command.file)
        return (yield from self.send(task, request))

    def run_hmp(self, task: Task, text: str, start: int) -> Steps:
        """Send a human monitor line. With -H, `/info` answers if the server has no human monitor."""
        request = self.hmp_request(task, text, start)
        reply = yield from self.send(task, request)
        if reply is not None and self._settings.hmp and is_unanswered_info(reply, request):
            words = [
                Token(WORD, found[0], start + found.start()) for found in re.finditer(r"\S+", text)
            ]
            call = ShellCommand("/info", words[1:], line=text, start=start)
            yield from self._run_shell_command(task, call) or ()
        elif reply is not None and reply.is_error and reply.error_class == "CommandNotFound":
            self._outbox.show("this server has no human monitor")

    def hmp_request(self, task: Task, text: str, start: int) -> Request:
        """Return the request for a human monitor line."""
        own_id = self._sender.next_id()
        return make_hmp_request(text, task.source, own_id, start=start, cpu=self._server.cpu)

    def send(
        self,
        task: Task,
        request: Request,
        *,
        is_repeated: bool = False,
        show: Callable[[dict[str, Any]], None] | None = None,
    ) -> Generator[Step, Any, Reply | None]:
        """Send a request, after confirmation unless it is repeated, and return its reply.

        `show` shows the message to the user as it is sent.
        """
        request.redirect = task.redirect
        if self._settings.dry_run:
            self._state.answers.add_command(ShowCommand(request.data, request))
            return None
        self.require_connection(task, request.start)
        if self._state.interactive and not is_repeated:
            question = confirmation_question(request, self._settings.confirm)
            if question and not (yield Confirm(question, request)):
                self._outbox.show("not sent")
                return None
        if show is not None:
            show(request.message)
        reply: Reply | None = yield Issue(request)
        return reply

    def require_connection(self, task: Task, start: int) -> None:
        """Raise NotConnected if the connection is lost."""
        if self._connection.is_lost:
            text = "not connected; nothing was sent"
            if self._state.interactive:
                child = self._state.ports.child
                has_ended = child is not None and child.process.poll() is not None
                text += "; use /restart" if has_ended else "; use /connect to reconnect"
            raise NotConnected(self._failures.place(task.source, start, text))

    def _open(self, file: FileWord) -> Generator[Step, Any, int | None]:
        """Open the file that a command passes. Return its descriptor. Raises LineError."""
        end = file.start + len(file.path)
        if self._connection.state != CONNECTED:
            return None
        if not self._connection.passes_descriptors:
            text = "a file can be passed only over a UNIX socket"
            raise LineError(text, start=file.start, end=end)
        ports, path, operator = self._state.ports, file.path, file.operator
        opened: int | Exception = yield OpenFile(
            path, lambda: ports.open_file(path, operator), ports.close_file
        )
        if isinstance(opened, Exception):
            reason = getattr(opened, "strerror", None) or str(opened)
            raise LineError(f"{path}: {reason}", start=file.start, end=end)
        return opened

    def show_notes(self, command: Command) -> None:
        """Show notes about deprecated or unstable members, each once."""
        if self._state.interactive or self._settings.verbose:
            for note in self._server.new_notes(command.notes):
                self._outbox.show(note)


def _has_arguments(action: Action) -> bool:
    """Return True if the schema describes the arguments of an action."""
    return not isinstance(action, ShellCommand) or action.name in ("/oob", "/keyval")


def _drivers(actions: Iterable[Action]) -> Iterator[str]:
    """Yield the drivers of device_add. Their properties are not in the schema."""
    for action in actions:
        if isinstance(action, Command) and action.name == DEVICE_ADD:
            driver = action.arguments.get("driver")
        elif isinstance(action, RawCommand) and action.value.get("execute") == DEVICE_ADD:
            arguments = action.value.get("arguments")
            driver = arguments.get("driver") if isinstance(arguments, dict) else None
        else:
            continue
        if isinstance(driver, str):
            yield driver
