"""Prepared lines, requests, confirmation of destructive requests, and matching of replies."""

from __future__ import annotations

from collections import deque

from ..errors import LineError
from ..language import (
    EXIT_COMMANDS,
    HUMAN,
    Command,
    Missing,
    ParsedLine,
    RawCommand,
    ShellCommand,
    ShellCommandItem,
    evaluate_line,
    parse,
    plain_blanks,
)
from ..qmp import (
    as_text,
    command_facts,
    command_object,
    encode_message,
    is_too_deep,
    qmp_name,
)
from ..record import Record
from ..render import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ..language import Action, Introspection, Redirect, SourceLine
    from ..qmp import Reply


class Request:
    """A message to send. `name` is the command's name.

    `own_id` is an id that qmpshell has added, or None. `text` is the human monitor's line.
    `is_typed` is true for a command line, false for raw JSON. `source` is None for qmpshell's own
    queries. `then` receives the reply, or None if there is none. `descriptor` is an open file that
    is passed along and then closed. `is_view` is true if a view shows the result instead of the
    reply. `is_quit` is true if it ends the server, `is_silent` if it is answered only if it fails.
    """

    def __init__(
        self,
        message: dict[str, Any],
        *,
        data: bytes,
        source: SourceLine | None,
        start: int = 0,
        own_id: str | None = None,
        text: str | None = None,
        is_typed: bool = True,
    ) -> None:
        name = message.get("execute", message.get("exec-oob", ""))
        arguments = message.get("arguments")
        self.message = message
        self.name = name if isinstance(name, str) else ""
        self.arguments: dict[str, Any] = arguments if isinstance(arguments, dict) else {}
        self.user_id = message.get("id") if own_id is None else None
        self.data = data
        self.source = source
        self.start = start
        self.own_id = own_id
        self.text = text
        self.is_typed = is_typed
        self.then: Callable[[Reply | None], None] | None = None
        self.redirect: Redirect | None = None
        self.descriptor: int | None = None
        self.sent_at = 0.0
        self.abandoned = False
        # True for a query that blocks nothing.
        self.background = False
        self.is_view = False
        name = self.name
        self.is_silent = not command_facts(name).replies_on_success
        if name == "human-monitor-command":
            name = qmp_name(as_text(self.arguments.get("command-line", "")).strip())
        self.is_quit = command_facts(name).ends_server

    @property
    def label(self) -> str:
        """The request in the user's terms, without secrets."""
        if not self.text:
            return self.name or "the command"
        from ..storage import hmp_secret_spans, redact_spans  # only for messages

        return redact_spans(self.text, hmp_secret_spans(self.text))

    def answer(self, reply: Reply | None) -> None:
        """Pass the reply to `then`, once."""
        then, self.then = self.then, None
        if then is not None:
            then(reply)

    def as_own(self) -> Request:
        """Return it as a query of qmpshell's own, which is not shown and blocks nothing."""
        own = Request(self.message, data=self.data, source=None, own_id=self.own_id)
        own.background = True
        return own

    def abandon(self) -> None:
        """Stop waiting for the reply. That to a line of the user is shown as late when it arrives."""
        self.abandoned = True
        self.answer(None)

    def answers(self, reply: Reply) -> bool:
        """Return True if `reply` may be this request's.

        A reply without an id may answer any request (qmp-spec, "Error": the server may fail before
        it has read the id).
        """
        if "id" not in reply.value:
            return not self.is_silent or reply.is_error
        return echoes(self.user_id if self.own_id is None else self.own_id, reply.value["id"])

    def visible(self, reply: Reply) -> dict[str, Any]:
        """Return a reply as the user should see it, without an id that qmpshell has added."""
        if self.own_id is None or reply.value.get("id") != self.own_id:
            return reply.value
        return {name: member for name, member in reply.value.items() if name != "id"}


def echoes(sent: object, got: object) -> bool:
    """Return True if the id in a reply equals the sent one.

    JSON types are distinguished, unlike in Python, but an integer beyond 64 bits returns as a
    double. Not recursive: QEMU echoes a thousand levels.
    """
    todo = [(sent, got)]
    while todo:
        one, other = todo.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            todo += [(one[name], other[name]) for name in one]
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            todo += zip(one, other, strict=True)
        elif _is_number(one) and _is_number(other):
            if one != other and _as_double(one) != _as_double(other):
                return False
        elif type(one) is not type(other) or one != other:
            return False
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _as_double(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


class PreparedLine(Record):
    """A line after parsing: its commands, or the missing information or error that stopped it.

    `note` is a remark for the user about the line, or "".

    `requests` contains the encoded request of each action, or None, or nothing if none is encoded;
    `secrets` those typed for this line, by offset; `files` the contents of the files that it names,
    or the errors. `first_request` is that of the first action, if the line does nothing before it
    sends that. `ends_file` is true if the line follows those of a `/source` that yields one answer.
    """

    source: SourceLine
    parsed: ParsedLine | None = None
    missing: Missing | None = None
    error: LineError | None = None
    note: str = ""
    ends_file: bool = False
    secrets: dict[int, str] = {}
    files: dict[str, bytes | OSError] = {}
    requests: list[Request | None] = []
    first_request: Request | None = None


def prepare(
    source: SourceLine, introspection: Introspection, *, encode: bool = False
) -> PreparedLine:
    """Parse and evaluate a line; with `encode`, also encode its messages, without ids."""
    try:
        found = evaluate_line(source.line.text, introspection)
    except LineError as error:
        return PreparedLine(source, error=error)
    if isinstance(found, Missing):
        return PreparedLine(source, missing=found)
    prepared = PreparedLine(source, found)
    if encode:
        try:
            prepared.requests = [
                None if isinstance(action, ShellCommand) else make_request(action, source, None)
                for action in found.actions
            ]
        except LineError as error:
            return PreparedLine(source, error=error)
        if found.actions and found.redirect is None and not _is_preceded(found.actions[0]):
            prepared.first_request = prepared.requests[0]
    return prepared


def _is_preceded(action: Action) -> bool:
    """Return True if an action opens a file or checks its arguments again before it is sent."""
    if isinstance(action, RawCommand):
        return action.file is not None
    if isinstance(action, ShellCommand) or is_exit(action):
        return True
    return action.file is not None or bool(command_facts(action.name).needed)


def is_exit(action: Command | RawCommand) -> bool:
    """Return True for `exit`, which is not a command of any server."""
    return isinstance(action, Command) and action.name in EXIT_COMMANDS and not action.arguments


def is_shell_line(line: str) -> bool:
    """Return True if a line starts with a shell command. No human monitor command starts with /."""
    return line.lstrip().startswith("/")


def prepare_hmp(source: SourceLine) -> PreparedLine:
    """Prepare a line for the human monitor: no syntax applies except a pipe."""
    line = source.line.text
    try:
        parsed = parse(line, human=True).items()
    except LineError as error:
        return PreparedLine(source, error=error)
    if not parsed.items:
        return PreparedLine(source, ParsedLine([]))
    (item,) = parsed.items
    assert isinstance(item, ShellCommandItem)
    (text,) = item.tokens
    call = ShellCommand(HUMAN, [text], line=line, start=text.start)
    if text.text in EXIT_COMMANDS:
        call = ShellCommand("/quit", [], line=line, start=text.start)
    return PreparedLine(source, ParsedLine([call], parsed.redirect))


def make_request(command: Command | RawCommand, source: SourceLine, own_id: str | None) -> Request:
    """Return the request for a command. Raises LineError if QEMU cannot parse it."""
    if isinstance(command, RawCommand):
        data = command.text.encode("utf-8") + b"\n"
        _check_depth(command, data)
        return Request(command.value, data=data, source=source, start=command.start, is_typed=False)
    message = command_object(command.name, command.arguments, oob=command.oob)
    request = encode_request(message, source, own_id, start=command.start)
    _check_depth(command, request.data)
    return request


def encode_request(
    message: dict[str, Any],
    source: SourceLine | None,
    own_id: str | None = None,
    *,
    start: int = 0,
    text: str | None = None,
) -> Request:
    """Return the request for a message, with the id `own_id` if there is one."""
    if own_id is not None:
        message["id"] = own_id
    data = encode_message(message)
    return Request(message, data=data, source=source, start=start, own_id=own_id, text=text)


def _check_depth(command: Command | RawCommand, data: bytes) -> None:
    if is_too_deep(data):
        raise LineError(
            "the JSON is nested deeper than QEMU accepts; nothing was sent",
            start=command.start,
            hint="the limit is 1,024 brackets; --raw sends lines unchecked",
        )


def make_hmp_request(
    text: str, source: SourceLine, own_id: str | None, *, start: int, cpu: int | None
) -> Request:
    """Return the request that runs a human monitor line, on the selected CPU."""
    from ..qmp import hmp_command, selected_cpu  # few scripts use the human monitor

    text = plain_blanks(text)
    chosen = selected_cpu(text)
    message = hmp_command(text, cpu if chosen is None else chosen)
    return encode_request(message, source, own_id, start=start, text=text)


def unknown_command_name(reply: Reply, request: Request) -> str:
    """Return the command's name if the server does not have it, else ""."""
    missing = reply.error_class == "CommandNotFound" and "has not been found" in reply.desc
    return request.name if missing and request.is_typed else ""


def is_unanswered_info(reply: Reply, request: Request) -> bool:
    """Return True for `info` if the server has no human monitor, such as the storage daemon."""
    is_info = request.text is not None and request.text.split()[:1] == ["info"]
    return is_info and bool(unknown_command_name(reply, request))


def confirmation_question(request: Request, names: Sequence[str]) -> str:
    """Return a sentence about what `request` destroys, or "" if it needs no confirmation.

    `names` are commands or globs; - and _ are equal in them. A QMP name also stands for the human
    monitor command with the same meaning, and for a transaction with an action of that name.
    """
    for name in _spellings(request):
        if name and any(_matches(name, wanted) for wanted in names):
            return command_facts(qmp_name(name)).confirmation or (
                f"{escape(name)} needs confirmation (setting confirm)"
            )
    return ""


def _spellings(request: Request) -> Iterator[str]:
    """Yield the names under which a request may be listed."""
    if request.name != "human-monitor-command":
        yield request.name
    else:
        # The human monitor ends a name at a slash too, where a format starts, as in x/10i.
        words = as_text(request.arguments.get("command-line", "")).replace("/", " ").split()
        if words:
            yield qmp_name(words[0])
            yield words[0]
        yield request.name
    if request.name == "transaction":
        actions = request.arguments.get("actions")
        for action in actions if isinstance(actions, list) else ():
            if isinstance(action, dict):
                yield as_text(action.get("type", ""))


def _matches(name: str, wanted: str) -> bool:
    from fnmatch import fnmatchcase  # scripts do not need it

    return fnmatchcase(name.replace("_", "-"), wanted.replace("_", "-"))


class RequestTable:
    """The requests in flight, in the order of sending."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        # Requests that would have been answered by now if they had failed.
        self._silent: list[Request] = []

    def __bool__(self) -> bool:
        return bool(self._requests)

    def add(self, request: Request) -> None:
        """Add a request that was sent."""
        self._requests.append(request)

    def match(self, reply: Reply) -> Request | None:
        """Remove and return the request that `reply` answers, or None."""
        has_id = "id" in reply.value
        found = None
        for request in self._requests:
            # Of those that a reply without an id may answer, one without an id is more likely.
            is_best = has_id or "id" not in request.message
            if (found is None or is_best) and request.answers(reply):
                found = request
                if is_best:
                    break
        if found is None:
            return self._match_silent(reply)
        self._requests.remove(found)
        return found

    def _match_silent(self, reply: Reply) -> Request | None:
        for request in self._silent:
            if reply.is_error and request.answers(reply):
                self._silent.remove(request)
                return request
        return None

    def dismiss(self, request: Request) -> None:
        """Treat the silence of a request as success.

        A later reply is shown as late. If ids do not tell, it is taken for the reply to a later
        request.
        """
        request.abandoned = True
        self._requests.remove(request)
        self._silent.append(request)

    @property
    def has_silent_requests(self) -> bool:
        """Whether a reply may belong to an earlier request than the last one."""
        return bool(self._silent)

    def clear(self) -> list[Request]:
        """Remove and return all requests."""
        requests = list(self._requests)
        self._requests.clear()
        self._silent.clear()
        return requests

    @property
    def only(self) -> Request | None:
        """The request that the next reply must answer, because it is the only one, or None."""
        return self._requests[0] if len(self._requests) == 1 and not self._silent else None

    @property
    def oldest_blocking(self) -> Request | None:
        """The oldest request that blocks the queue: not abandoned, not in the background."""
        for request in self._requests:
            if not request.abandoned and not request.background:
                return request
        return None

    @property
    def has_foreground(self) -> bool:
        """Whether any request is not in the background, abandoned or not."""
        return any(not request.background for request in self._requests)

    @property
    def oldest_is_background(self) -> bool:
        """Whether the next reply is expected for a query in the background."""
        return bool(self._requests) and self._requests[0].background

    @property
    def oldest_user_request(self) -> Request | None:
        """The oldest request of the user's that is not abandoned."""
        for request in self._requests:
            if request.source is not None and not request.abandoned:
                return request
        return None

    @property
    def only_quit_awaited(self) -> bool:
        """Whether only commands that end the server are awaited, or nothing."""
        return all(
            request.is_quit or request.is_silent
            for request in self._requests
            if request.source is not None and not request.abandoned
        )
