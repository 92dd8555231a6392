"""Steps: what a running line waits for. A line yields a step and is resumed with the answer."""

from __future__ import annotations

from ..record import Record
from .effects import DriverStep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from .requests import Request
    from .waits import Wait


class Issue(Record):
    """Send a request. The answer is its Reply, or None if the user has stopped waiting for it."""

    request: Request


class Query(Record):
    """Run a command for qmpshell itself. The answer is its Reply, or None if there is none."""

    name: str
    arguments: dict[str, Any] = {}


class QueryAll(Record):
    """Run several commands for qmpshell itself. The answer is the list of replies, or None."""

    queries: list[Query]


class WaitFor(Record):
    """Wait until `wait` has ended. The answer is None."""

    wait: Wait


class Sleep(Record):
    """Wait until this time. The answer is None."""

    until: float


class MoveToBackground(Record):
    """Let the following lines run meanwhile. `view` is shown as the live view. The answer is None."""

    view: Wait


class NextCommand(Record):
    """Start the next command of the line as soon as nothing holds the lines. The answer is None."""


Step = Issue | Query | QueryAll | WaitFor | Sleep | MoveToBackground | NextCommand | DriverStep
if TYPE_CHECKING:
    Steps = Generator[Step, Any, None]


class WaitStopped(Exception):  # noqa: N818 - it is not an error
    """The user has stopped the wait of a shell command, or it has taken too long.

    The text is the failure, or "".
    """


class NotConnected(Exception):  # noqa: N818
    """There is no server to send to. The text is the message for the user."""
