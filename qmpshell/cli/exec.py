"""`qmpshell exec`: runs one command from words that the user's shell has already unquoted."""

from __future__ import annotations

import json
import os
import re

import click

from ..storage import EVENTS_NONE, FLAT, Settings
from .options import connection_options, subcommand
from .shell_completion import complete_command, complete_command_words, complete_event
from .start import Invocation, old_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any


# A value that means the same in a line of qmpshell. Quotes and brackets open only at its start.
_PLAIN = re.compile(r"""(?![;"'{\[\\]|json:)[^\s\0-\x1f]*(?<!;)""")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_BARE = re.compile(r"[\w.:/@%+,-]+|<&[0-9]+")
_ASSIGNMENT = re.compile(r"([^\s=:\"']+(?:\"[^\"]*\"[^\s=:\"']*)*)(:?=)(.*)", re.DOTALL)
# The arguments that name a command's job, in order of precedence.
_JOB_KEYS = ("job-id", "id", "device")

_EPILOG = """Each argument is one word with its quoting already done: filename='a b.img'. KEY:=JSON is JSON,
KEY=@FILE is the content of a file; --KEY=VALUE and --FLAG (KEY=true) are possible too. COMMAND may be
a complete JSON object. Exit status: 0 success, 1 the command or what was waited for failed, 2 usage
error, 3 no connection, connection lost or no reply within --timeout.

\b
qmpshell exec -s vm.sock query-status
qmpshell exec -s vm.sock --wait-job block-stream device=d0 job-id=j0
qmpshell exec -s vm.sock --wait-event SHUTDOWN system_powerdown
qmpshell exec -s vm.sock --flat query-block"""


@subcommand(
    "exec",
    params=connection_options(
        *("layout", "verbose", "dry_run", "agent", "timeout", "log", "color"),
        limited="--wait-event, --wait-job and --wait-migration",
    ),
    epilog=_EPILOG,
    allow_interspersed_args=False,
)
@click.argument("name", metavar="COMMAND", shell_complete=complete_command)
@click.argument(
    "words",
    metavar="[KEY=VALUE]...",
    nargs=-1,
    type=click.UNPROCESSED,
    shell_complete=complete_command_words,
)
@click.option(
    "--flat", "layout", flag_value=FLAT, help="Print the result as lines such as a.b[0].c: value."
)
@click.option(
    "--wait-event",
    metavar="NAME[,KEY=VALUE...]",
    shell_complete=complete_event,
    help="Then wait for this event, and print it after the result.",
)
@click.option(
    "--wait-job",
    is_flag=True,
    help="Then wait until the command's job has ended; fail if it fails.",
)
@click.option(
    "--wait-migration",
    is_flag=True,
    help="Then wait until the migration has ended; fail if it fails.",
)
def command(
    name: str,
    words: Sequence[str],
    wait_event: str | None,
    wait_job: bool,
    wait_migration: bool,
    socket: str | None,
    **options: Any,
) -> Invocation:
    """Run one command and print its result."""
    _reject_options(words)
    lines = [("exec", make_line(name, words))]
    if wait_event is not None:
        event = " ".join(_event_words(wait_event))
        # A mistyped name is reported before the command changes anything.
        lines = [
            ("--wait-event", f"/wait --check {event}"),
            *lines,
            ("--wait-event", f"/wait {event}"),
        ]
    if wait_job:
        lines.append(("--wait-job", f"/wait-job {_quoted(_job(words))}"))
    if wait_migration:
        lines.append(("--wait-migration", "/wait-migration"))
    options["color"] = options["color"] or "auto"
    settings = Settings(result_only=True, stop_on_error=True, events=EVENTS_NONE, **options)
    return Invocation(
        settings,
        address=socket or old_address(os.environ, agent=settings.agent),
        commands=tuple(line for _, line in lines),
        command_names=tuple(source for source, _ in lines),
    )


def _reject_options(words: Sequence[str]) -> None:
    """Raise click.UsageError for a word after COMMAND that is an option of this subcommand."""
    context = click.get_current_context()
    for parameter in command.get_params(context):
        if not isinstance(parameter, click.Option):
            continue
        for word in words:
            if word not in parameter.opts:
                continue
            text = f"{word!r} is an option of qmpshell exec: options come before COMMAND"
            if word.startswith("--"):
                value = "true" if parameter.is_flag else "VALUE"
                text += f"; for an argument of that name, write {word[2:]}={value}"
            raise click.UsageError(f"{text}.", context)


def make_line(name: str, words: Sequence[str]) -> str:
    """Return the line of qmpshell that a command and its words denote. Raises click.UsageError."""
    if name.lstrip().startswith("{"):
        if words:
            raise click.UsageError("after a JSON object, no other argument is possible.")
        return " ".join(name.split("\n"))
    if not _NAME.fullmatch(name):
        raise click.UsageError(
            f"{name!r} is not the name of a command; use qmpshell -c for a line of the shell."
        )
    return " ".join([name, *map(_argument, words)])


def _argument(word: str) -> str:
    if word.startswith("{"):
        return " ".join(word.split("\n"))
    is_option = word.startswith("--") and len(word) > 2
    match = _ASSIGNMENT.fullmatch(word[2:] if is_option else word)
    if match is None:
        if is_option and _NAME.fullmatch(word[2:]):
            return f"{word[2:]}=true"
        if _BARE.fullmatch(word):
            return word  # the session's message says what is meant
        raise click.UsageError(f"{word!r}: expected KEY=VALUE.")
    key, operator, value = match.groups()
    if operator == ":=" or value[:1] in ("{", "["):
        return f"{key}{operator}{' '.join(value.splitlines())}"
    return f"{key}={_quoted(value)}"


def _quoted(value: str) -> str:
    """Return the value, in quotes if its characters mean something else in a line."""
    if _PLAIN.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _event_words(text: str) -> Iterator[str]:
    """Yield the words of `/wait` for NAME[,NAME...][,KEY=VALUE...]."""
    parts = text.split(",")
    names = [part for part in parts if "=" not in part]
    if not all(_NAME.fullmatch(re.sub(r"[*?\[\]!]", "_", part)) for part in names) or not names:
        raise click.UsageError(f"--wait-event: {text!r} is not the name of an event.")
    yield ",".join(names)
    yield from (_argument(part) for part in parts if "=" in part)


def _job(words: Sequence[str]) -> str:
    """Return the id of the job that a command with these words starts. Raises click.UsageError."""
    given: dict[str, object] = {}
    for word in words:
        if word.startswith("{"):
            try:
                given.update(json.loads(word))
            except (ValueError, RecursionError, TypeError):
                continue
        else:
            key, _, value = word.removeprefix("--").partition("=")
            given[key] = value
    job = next((given[key] for key in _JOB_KEYS if key in given), "")
    if not isinstance(job, str) or not job:
        raise click.UsageError("--wait-job: the command has no job-id=…, so that it names no job.")
    return job
