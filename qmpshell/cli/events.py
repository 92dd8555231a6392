"""`qmpshell events`: prints events as they arrive."""

from __future__ import annotations

import math
import os
import re
import select
import time
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial

import click

from ..errors import (
    CONNECTION,
    FAILED,
    OK,
    USAGE,
    CommandError,
    ConnectionLost,
    LineError,
    OutputClosedError,
)
from ..language import arguments, build_tree, tokenize
from ..qmp import Event, Schema
from ..render import escape, value_line
from ..session.commands.events import has_member
from ..storage import LONGEST_WAIT, Output, poll_events
from .exec import make_line
from .options import connection_options, open_connection, parse_seconds, subcommand
from .shell_completion import complete_event
from .start import write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..client import Connection
    from ..language import Argument
    from .options import RunSubcommand


_READ_TIMEOUT = 0.002  # seconds for the rest of an event of which a part has arrived

_EPILOG = """PATTERN is a name or a glob; without one, all events are printed. KEY=VALUE is a member that the
event's data must have. Exit status: 0 success, 1 --timeout passed before --count events, 2 usage error, 3 no
connection or connection lost, 141 the reader of the output has closed it.

\b
qmpshell events -s vm.sock 'JOB_*' id=j0
qmpshell events -s vm.sock --count 1 --timeout 30 SHUTDOWN"""


class _Filter:
    """Selects events by their names and members. Its creation raises click.UsageError."""

    def __init__(self, patterns: Sequence[str], members: Sequence[str], *, regex: bool) -> None:
        self._regex = regex
        self.patterns = patterns
        self.members = members
        try:
            self._expressions = [re.compile(pattern) for pattern in patterns if regex]
        except re.error as error:
            raise click.UsageError(
                f"{error.pattern!r} is not a regular expression: {error}."
            ) from error
        line = make_line("events", members)
        name, *tokens = tokenize(line)
        try:
            self._wanted: list[Argument] = arguments(line, name, tokens)
            build_tree(self._wanted)  # for a repeated key, which no event can match
        except LineError as error:
            raise click.UsageError(error.sentence) from error

    def accepts(self, event: Mapping[str, Any]) -> bool:
        """Return True if the event is to be printed."""
        name = str(event["event"])
        if self._regex:
            is_named = any(expression.search(name) for expression in self._expressions)
        else:
            is_named = any(fnmatchcase(name, pattern) for pattern in self.patterns)
        if self.patterns and not is_named:
            return False
        message = Event(b"", dict(event))
        return all(has_member(message, argument) for argument in self._wanted)

    def find_mistake(self, schema: Schema) -> str:
        """Return why no event of the server can match, or ""."""
        from ..complete import find_event_mistake

        names = "*" if self._regex or not self.patterns else ",".join(self.patterns)
        for member in ("", *self.members):
            mistake = find_event_mistake(schema, names, member)
            if mistake:
                return mistake
        return ""


@subcommand("events", params=connection_options(), epilog=_EPILOG)
@click.argument(
    "words", metavar="[PATTERN]... [KEY=VALUE]...", nargs=-1, shell_complete=complete_event
)
@click.option("--regex", is_flag=True, help="PATTERN is a regular expression, found anywhere.")
@click.option("--count", metavar="N", type=click.IntRange(min=1), help="Exit after N events.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=parse_seconds,
    help="Exit this long after the monitor has answered.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, also at a terminal.")
@click.option(
    "--timestamp",
    type=click.Choice(["local", "iso", "unix", "none"]),
    help="The form of the time; the default is the server's own in JSON, local at a terminal.",
)
def command(
    words: Sequence[str],
    regex: bool,
    count: int | None,
    timeout: float | None,
    as_json: bool,
    timestamp: str | None,
    **options: Any,
) -> RunSubcommand:
    """Print events as they arrive."""
    chosen = _Filter(
        [word for word in words if "=" not in word],
        [word for word in words if "=" in word],
        regex=regex,
    )
    format_event = partial(
        _format, is_json=as_json or not os.isatty(1), form=timestamp, now=datetime.now
    )

    def run(environment: Mapping[str, str]) -> int:
        with open_connection(environment, **options) as connection:
            mistake = _find_mistake(connection, chosen)
            if mistake:
                write_error(f"qmpshell: {mistake}")
                return USAGE
            return _print(
                connection,
                chosen,
                count=math.inf if count is None else count,
                deadline=math.inf if timeout is None else time.monotonic() + timeout,
                format_event=format_event,
            )

    return run


def _find_mistake(connection: Connection, chosen: _Filter) -> str:
    if not chosen.patterns and not chosen.members:
        return ""
    try:
        return chosen.find_mistake(Schema(connection.execute("query-qmp-schema", timeout=5)))
    except CommandError:  # an old server has none
        return ""


def _print(
    connection: Connection,
    chosen: _Filter,
    *,
    count: float,
    deadline: float,
    format_event: Callable[[dict[str, Any]], bytes],
) -> int:
    """Print events until `count` were printed, the deadline, or the end of the connection."""
    output, printed, is_shutdown = Output(1), 0, False
    try:
        while time.monotonic() < deadline:
            # Events may have arrived with an earlier reply: waiting comes last.
            while not output.is_full and time.monotonic() < deadline:
                event = connection.pull_event(timeout=_READ_TIMEOUT)
                if event is None:
                    break
                is_shutdown = is_shutdown or event["event"] == "SHUTDOWN"
                if chosen.accepts(event):
                    output.write(format_event(event))
                    printed += 1
                    if printed >= count:
                        return _finish(output, OK)
            output.flush()
            _wait(connection, output, deadline)
        return _finish(output, OK if math.isinf(count) else FAILED)
    except ConnectionLost as error:
        if is_shutdown:
            return _finish(output, OK if math.isinf(count) else FAILED)
        write_error(f"qmpshell: {error}")
        return _finish(output, CONNECTION)


def _finish(output: Output, status: int) -> int:
    output.drain()
    return status


def _wait(connection: Connection, output: Output, deadline: float) -> None:
    """Wait until the server or the output is ready. Raises OutputClosedError if its reader has gone."""
    poll = select.poll()
    if not output.is_full:
        poll.register(connection.fileno(), select.POLLIN)
    wanted = {output.fileno(): 0, **poll_events(output.waits_for)}
    for descriptor, mask in wanted.items():
        poll.register(descriptor, mask)
    left = min(max(0.0, deadline - time.monotonic()) * 1000, LONGEST_WAIT)
    for descriptor, events in poll.poll(math.ceil(left)):
        if descriptor == output.fileno() and events & (select.POLLERR | select.POLLHUP):
            raise OutputClosedError


def _format(
    event: dict[str, Any], *, is_json: bool, form: str | None, now: Callable[[], datetime]
) -> bytes:
    """Return the line of an event. `form` is the value of --timestamp."""
    if is_json and form is None:
        return value_line(event)
    stamp = _time(event, form or "local", now)
    if is_json:
        shown = {name: value for name, value in event.items() if name != "timestamp"}
        return value_line(shown if stamp is None else {"timestamp": stamp, **shown})
    parts = ["" if stamp is None else f"{stamp} ", escape(str(event["event"]))]
    if event.get("data"):
        parts.append(f" {value_line(event['data']).decode('ascii').rstrip()}")
    return f"{''.join(parts)}\n".encode()


def _time(event: dict[str, Any], form: str, now: Callable[[], datetime]) -> str | float | None:
    if form == "none":
        return None
    when = now()
    try:
        stamp = event["timestamp"]
        if stamp["seconds"] >= 0:  # -1 if the host has no clock (qmp-spec)
            when = datetime.fromtimestamp(stamp["seconds"] + stamp["microseconds"] / 1e6)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        pass
    if form == "unix":
        return round(when.timestamp(), 6)
    if form == "iso":
        return when.astimezone().isoformat(timespec="microseconds")
    return when.strftime("%H:%M:%S.") + f"{when.microsecond // 1000:03d}"
