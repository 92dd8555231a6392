"""A line of the user's, on its way to the server.

Owns: turning understood commands into bytes with or without an id, and matching replies to them.
Must not know: when they are sent, or how replies are shown.
"""

from __future__ import annotations

from .errors import LineError
from .language.command import Command, RawCommand
from .language.read import read_line
from .protocol.commands import command_object, encode_message
from .protocol.human_monitor import CPU_COMMAND, human_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

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
    `is_typed` tells a command line from raw JSON; `source` is None for questions of our own.
    """

    __slots__ = (
        "abandoned",
        "arguments",
        "data",
        "is_typed",
        "name",
        "own_id",
        "sent_at",
        "source",
        "start",
        "text",
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
    ) -> None:
        name = message.get("execute", message.get("exec-oob", ""))
        arguments = message.get("arguments")
        self.name = name if isinstance(name, str) else ""
        self.arguments: dict[str, Any] = arguments if isinstance(arguments, dict) else {}
        self.user_id = message.get("id") if own_id is None else None
        self.data = data
        self.source = source
        self.start = start
        self.own_id = own_id
        self.text = text
        self.is_typed = is_typed
        self.sent_at = 0.0
        self.abandoned = False

    def answers(self, reply: Reply) -> bool:
        """Whether `reply` may be this request's. One without an id answers any (qmp-spec, "Error":
        the server may fail before it has read the id)."""
        if "id" not in reply.value:
            return True
        return echoes(self.user_id if self.own_id is None else self.own_id, reply.value["id"])


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
    """What became of a line: its requests, or the error that stopped it.

    `leaves` says that the user leaves once they are answered.
    """

    __slots__ = ("error", "leaves", "requests", "source")

    def __init__(
        self,
        source: Source,
        requests: list[Request],
        error: LineError | None = None,
        *,
        leaves: bool = False,
    ) -> None:
        self.source = source
        self.requests = requests
        self.error = error
        self.leaves = leaves


def prepare(source: Source, *, next_id: Callable[[], str | None]) -> Prepared:
    """Read a line of commands. `next_id` gives the id of each, or None for none."""
    try:
        commands = read_line(source.line.text)
    except LineError as error:
        return Prepared(source, [], error)
    requests: list[Request] = []
    for command in commands:
        if isinstance(command, Command) and command.name in LEAVING and not command.arguments:
            return Prepared(source, requests, leaves=True)
        requests.append(_request(command, source, next_id))
    return Prepared(source, requests)


def _request(
    command: Command | RawCommand, source: Source, next_id: Callable[[], str | None]
) -> Request:
    if isinstance(command, RawCommand):
        data = command.text.encode("utf-8") + b"\n"
        return Request(command.value, data=data, source=source, start=command.start, is_typed=False)
    message = command_object(command.name, command.arguments)
    own_id = next_id()
    if own_id is not None:
        message["id"] = own_id
    return Request(
        message, data=encode_message(message), source=source, start=command.start, own_id=own_id
    )


def prepare_human(source: Source, *, next_id: Callable[[], str | None]) -> Prepared:
    """A line for the human monitor; what is sent is made by `encode_human`, when it is."""
    text = source.line.text.strip()
    if not text or text in LEAVING:
        return Prepared(source, [], leaves=bool(text))
    message = human_command(text, None)
    request = Request(message, data=b"", source=source, own_id=next_id(), text=text)
    return Prepared(source, [request])


def encode_human(request: Request, *, cpu: int | None) -> None:
    """Give a line for the human monitor its data, for the CPU that is chosen by then."""
    assert request.text is not None
    chosen = CPU_COMMAND.fullmatch(request.text)
    message = human_command(request.text, int(chosen[1]) if chosen else cpu)
    if request.own_id is not None:
        message["id"] = request.own_id
    request.data = encode_message(message)
