"""Functions that extract replies, events, commands and log records from a run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .program import Result


def messages(result: Result) -> list[Any]:
    """Return the messages on stdout."""
    return [json.loads(line) for line in result.lines]


def replies(result: Result) -> list[Any]:
    return [message for message in messages(result) if "event" not in message]


def returns(result: Result) -> list[Any]:
    """Return the values of the replies; assert that none is an error."""
    return [_value(reply) for reply in replies(result)]


def _value(reply: dict[str, Any]) -> Any:
    assert "return" in reply, reply
    return reply["return"]


def events(result: Result, name: str) -> list[Any]:
    """Return the data of the events of that name."""
    return [message.get("data", {}) for message in messages(result) if message.get("event") == name]


def sent(result: Result) -> list[Any]:
    """Return the sent commands, which -v prints."""
    return [json.loads(line[3:]) for line in result.err.splitlines() if line.startswith("-> ")]


def sent_arguments(result: Result) -> list[Any]:
    return [command.get("arguments", {}) for command in sent(result)]


def complaints(result: Result) -> list[str]:
    """Return the other lines on stderr, printed with -v."""
    return [line for line in result.err.splitlines() if not line.startswith("-> ")]


def script(*lines: str | Iterable[str]) -> str:
    """Return lines, and lists of lines, as a script."""
    return "".join(
        f"{line}\n" for part in lines for line in ([part] if isinstance(part, str) else part)
    )


def logged(path: Path) -> list[tuple[str, Any]]:
    """Return the directions and messages of the log."""
    records = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert [set(record) for record in records] == [{"time", "direction", "message"}] * len(records)
    assert [record["time"] for record in records] == sorted(record["time"] for record in records)
    return [(record["direction"], record["message"]) for record in records]


def logged_commands(path: Path) -> list[Any]:
    """Return the sent commands in the log."""
    return [message for direction, message in logged(path) if direction == "sent"]
