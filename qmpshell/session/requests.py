"""A line of the user's, on its way to the server.

Owns: lines that were read, requests with or without an id, and matching replies to them. Must not
know: when they are sent, or how replies are shown.
"""

from __future__ import annotations

from collections import deque

from ..errors import LineError
from ..language import LEAVING, Command, LocalCommand, Need, Plan, RawCommand, read, split_human
from ..qmp import chosen_cpu, command_object, encode_message, human_command
from ..render import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ..language import Destination, Facts, Source
    from ..qmp import Reply
    from .effects import Effect


class Request:
    """One message to be sent. `name` is the command's name, `arguments` what it takes.

    `own_id` is the id that we added, and hide again, or None; `text` is the human monitor's line;
    `is_typed` tells a command line from raw JSON; `source` is None for questions of our own, whose
    reply goes to `then`, which gives effects. `descriptor` is an open file that is sent along, and then
    closed.
    """

    __slots__ = (
        "abandoned",
        "arguments",
        "background",
        "data",
        "descriptor",
        "destination",
        "is_typed",
        "message",
        "name",
        "own_id",
        "sent_at",
        "source",
        "start",
        "text",
        "then",
        "user_id",
    )

    def __init__(
        self,
        message: dict[str, Any],
        *,
        data: bytes,
        source: Source | None,
        start: int = 0,
        own_id: str | None = None,
        text: str | None = None,
        is_typed: bool = True,
        then: Callable[[Reply | None], list[Any]] | None = None,
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
        self.then = then
        self.destination: Destination | None = None
        self.descriptor: int | None = None
        self.sent_at = 0.0
        self.abandoned = False
        # A question of our own that holds nobody up.
        self.background = False

    @property
    def label(self) -> str:
        """What the user would call it."""
        return self.text or self.name or "the command"

    @property
    def is_quit(self) -> bool:
        """Whether it ends the server."""
        if self.name == "human-monitor-command":
            return self.arguments.get("command-line") in ("quit", "q")
        return self.name in ("quit", "guest-shutdown")

    @property
    def is_silent(self) -> bool:
        """Whether it is answered only where it fails."""
        if not self.name.startswith("guest-"):
            return False
        from ..qmp import SILENT  # most sessions have no agent

        return self.name in SILENT

    def answers(self, reply: Reply) -> bool:
        """Whether `reply` may be this request's. One without an id answers any (qmp-spec, "Error":
        the server may fail before it has read the id)."""
        if "id" not in reply.value:
            return reply.is_error or not self.is_silent
        return echoes(self.user_id if self.own_id is None else self.own_id, reply.value["id"])

    def visible(self, reply: Reply) -> dict[str, Any]:
        """What the user is shown of a reply: an id that we added is not part of it."""
        if self.own_id is None or reply.value.get("id") != self.own_id:
            return reply.value
        return {name: member for name, member in reply.value.items() if name != "id"}


def echoes(sent: object, got: object) -> bool:
    """Whether the server's `got` is the id that was `sent`.

    JSON's types are kept apart, as Python's equality does not, but an integer beyond 64 bits comes
    back as a double. Does not recurse: QEMU echoes a thousand levels.
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
            if one != other and not _as_double(one) == _as_double(other):
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


class Prepared:
    """What became of a line: its plan, or the need or the error that stopped it.

    `requests` holds what could be encoded ahead: for each action its request, or None; `secrets` what
    was typed for this line alone, by offset; `is_fresh` that all that is known was known when it was
    read.
    """

    __slots__ = ("error", "is_fresh", "need", "plan", "requests", "secrets", "source")

    def __init__(
        self,
        source: Source,
        plan: Plan | None = None,
        *,
        need: Need | None = None,
        error: LineError | None = None,
    ) -> None:
        self.source = source
        self.plan = plan
        self.need = need
        self.error = error
        self.secrets: dict[int, str] = {}
        self.is_fresh = False
        self.requests: list[Request | None] = [None] * len(plan.actions) if plan else []


def prepare(source: Source, facts: Facts, *, encode: bool = False) -> Prepared:
    """Read a line of commands; with `encode` also make the messages of those, without ids."""
    try:
        found = read(source.line.text, facts)
    except LineError as error:
        return Prepared(source, error=error)
    if isinstance(found, Need):
        return Prepared(source, need=found)
    prepared = Prepared(source, found)
    if encode:
        prepared.requests = [
            None if isinstance(action, LocalCommand) else make_request(action, source, None)
            for action in found.actions
        ]
    return prepared


def prepare_human(source: Source) -> Prepared:
    """A line for the human monitor: none of the language applies, but for a pipe."""
    line = source.line.text
    try:
        text, destination = split_human(line)
    except LineError as error:
        return Prepared(source, error=error)
    if not text:
        return Prepared(source, Plan([]))
    name = "/quit" if text in LEAVING else "/hmp"
    start = len(line) - len(line.lstrip())
    return Prepared(source, Plan([LocalCommand(name, [], line=text, start=start)], destination))


def make_request(command: Command | RawCommand, source: Source, own_id: str | None) -> Request:
    """The message of a command."""
    if isinstance(command, RawCommand):
        data = command.text.encode("utf-8") + b"\n"
        return Request(command.value, data=data, source=source, start=command.start, is_typed=False)
    message = command_object(command.name, command.arguments, oob=command.oob)
    if own_id is not None:
        message["id"] = own_id
    return Request(
        message, data=encode_message(message), source=source, start=command.start, own_id=own_id
    )


def make_human_request(
    text: str, source: Source, own_id: str | None, *, start: int, cpu: int | None
) -> Request:
    """The message that runs a line of the human monitor's, on the CPU that was chosen."""
    chosen = chosen_cpu(text)
    message = human_command(text, cpu if chosen is None else chosen)
    if own_id is not None:
        message["id"] = own_id
    return Request(
        message,
        data=encode_message(message),
        source=source,
        start=start,
        own_id=own_id,
        text=text,
    )


def mistaken_name(reply: Reply, request: Request) -> str:
    """The command's name if the server has none of that name, else nothing."""
    missing = reply.error_class == "CommandNotFound" and "has not been found" in reply.desc
    return request.name if missing and request.is_typed else ""


_QUESTIONS = {
    "quit": "quit ends the server, and the virtual machine with it",
    "system_reset": "system_reset resets the virtual machine",
    "system_powerdown": "system_powerdown asks the guest to power off",
    "guest-shutdown": "guest-shutdown ends what runs in the guest, and the virtual machine with it",
}
# The human monitor's own names for commands of QMP's.
_HUMAN = {
    "c": "cont",
    "delvm": "snapshot-delete",
    "loadvm": "snapshot-load",
    "nmi": "inject-nmi",
    "q": "quit",
    "s": "stop",
}
_WILDCARDS = "*?["


def destroys(request: Request, names: Sequence[str]) -> str:
    """What `request` would do, as a sentence; empty where it needs no question.

    `names` are the commands that need one, with wildcards if need be; - and _ are the same in them. A
    name of QMP's stands for the human monitor's command of the same meaning too, and for a
    transaction with an action of that name.
    """
    for name in _spellings(request):
        if name and any(_matches(name, wanted) for wanted in names):
            return _QUESTIONS.get(_HUMAN.get(name, name)) or (
                f"{escape(name)} is on the list of what is to be confirmed"
            )
    return ""


def _spellings(request: Request) -> Iterator[str]:
    """The names by which what a request does may be on the list."""
    if request.name != "human-monitor-command":
        yield request.name
    else:
        # Its parser ends a name at a slash too, where a format begins, as in x/10i.
        words = str(request.arguments.get("command-line", "")).replace("/", " ").split()
        if words:
            yield _HUMAN.get(words[0], words[0])
            yield words[0]
        yield request.name
    if request.name == "transaction":
        actions = request.arguments.get("actions")
        for action in actions if isinstance(actions, list) else ():
            if isinstance(action, dict):
                yield str(action.get("type", ""))


def _matches(name: str, wanted: str) -> bool:
    name, wanted = name.replace("_", "-"), wanted.replace("_", "-")
    if not any(char in wanted for char in _WILDCARDS):
        return name == wanted
    from fnmatch import fnmatchcase  # slow to import, and seldom needed

    return fnmatchcase(name, wanted)


class Outstanding:
    """Requests in the order in which they were sent."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        # Those that would have been answered by now if they had failed.
        self._silent: list[Request] = []

    def __bool__(self) -> bool:
        return bool(self._requests)

    def add(self, request: Request) -> None:
        self._requests.append(request)

    def take(self, reply: Reply) -> Request | None:
        """The request that `reply` answers, no longer outstanding then."""
        fitting = [request for request in self._requests if request.answers(reply)]
        if len(fitting) > 1 and "id" not in reply.value:
            # One that was sent without an id is the likelier.
            fitting = [one for one in fitting if "id" not in one.message] or fitting
        if not fitting:
            return self._take_silent(reply)
        self._requests.remove(fitting[0])
        return fitting[0]

    def _take_silent(self, reply: Reply) -> Request | None:
        for request in self._silent:
            if reply.is_error and request.answers(reply):
                self._silent.remove(request)
                return request
        return None

    def dismiss(self, request: Request) -> None:
        """Its silence was its answer: it is awaited no longer. What it still says is late, and where
        nobody tells by an id whose it is, it is taken for the reply to what was sent since."""
        request.abandoned = True
        self._requests.remove(request)
        self._silent.append(request)

    @property
    def has_silent(self) -> bool:
        """Whether a reply may come that is not to what was sent last."""
        return bool(self._silent)

    def clear(self) -> list[Request]:
        """All of them, no longer outstanding."""
        requests = list(self._requests)
        self._requests.clear()
        self._silent.clear()
        return requests

    @property
    def holding(self) -> Request | None:
        """The oldest that holds up what follows: nobody gave up on it, and it is not asked in the
        background."""
        for request in self._requests:
            if not request.abandoned and not request.background:
                return request
        return None

    @property
    def has_foreground(self) -> bool:
        """Whether any is not asked in the background, given up on or not."""
        return any(not request.background for request in self._requests)

    @property
    def waiting(self) -> Request | None:
        """The oldest of the user's own that nobody gave up on."""
        for request in self._requests:
            if request.source is not None and not request.abandoned:
                return request
        return None

    @property
    def all_quit(self) -> bool:
        """Whether what is waited for, if anything, is the server's own end, or nothing at all."""
        return all(
            request.is_quit or request.is_silent
            for request in self._requests
            if request.source is not None and not request.abandoned
        )


def answer_own(request: Request, reply: Reply | None) -> list[Effect]:
    """Hand the reply to a question of our own to who asked, once; None where none came."""
    then, request.then = request.then, None
    return then(reply) if then is not None else []
