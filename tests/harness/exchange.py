"""What a run of the program says of the exchange with the server.

Owns: telling replies, events, what was sent and what the log holds apart. Must not know: servers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .program import Result


def messages(result: Result) -> list[Any]:
    """Everything on stdout, a message a line."""
    return [json.loads(line) for line in result.lines]


def replies(result: Result) -> list[Any]:
    return [message for message in messages(result) if "event" not in message]


def returns(result: Result) -> list[Any]:
    """The values of the replies, none of which may be an error."""
    return [_value(reply) for reply in replies(result)]


def _value(reply: dict[str, Any]) -> Any:
    assert "return" in reply, reply
    return reply["return"]


def events(result: Result, name: str) -> list[Any]:
    """The data of the events of that name."""
    return [message.get("data", {}) for message in messages(result) if message.get("event") == name]


def sent(result: Result) -> list[Any]:
    """With -v: the commands that were sent."""
    return [json.loads(line[3:]) for line in result.err.splitlines() if line.startswith("-> ")]


def sent_arguments(result: Result) -> list[Any]:
    return [command.get("arguments", {}) for command in sent(result)]


def complaints(result: Result) -> list[str]:
    """With -v: the other lines on stderr."""
    return [line for line in result.err.splitlines() if not line.startswith("-> ")]


def script(*lines: str | Iterable[str]) -> str:
    """Lines, and lists of lines, as a script."""
    return "".join(
        f"{line}\n" for part in lines for line in ([part] if isinstance(part, str) else part)
    )


def logged(path: Path) -> list[tuple[str, Any]]:
    """The log's directions and messages."""
    records = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert [set(one) for one in records] == [{"time", "direction", "message"}] * len(records)
    assert [one["time"] for one in records] == sorted(one["time"] for one in records)
    return [(one["direction"], one["message"]) for one in records]


def logged_commands(path: Path) -> list[Any]:
    """The commands that the log says were sent."""
    return [message for direction, message in logged(path) if direction == "sent"]
