"""A line of the user's, on its way to the server.

Owns: lines that were read, requests with or without an id, and matching replies to them. Must not
know: when they are sent, or how replies are shown.
"""

from __future__ import annotations

from .errors import LineError
from .language.command import Command, LocalCommand, Plan, RawCommand
from .language.facts import Need
from .language.read import read, split_human
from .protocol.commands import command_object, encode_message
from .protocol.human_monitor import chosen_cpu, human_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .language.command import Destination
    from .language.facts import Facts
    from .language.lines import LogicalLine
    from .protocol.messages import Reply

# No command of any server's is called so; `quit` is the server's own.
LEAVING = ("exit", "/quit")


class Source:
    """Where a line stands: the name of its file, and the line itself."""

    __slots__ = ("line", "name")

    def __init__(self, name: str, line: LogicalLine) -> None:
        self.name = name
        self.line = line


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
        from .protocol.agent import SILENT  # most sessions have no agent

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
