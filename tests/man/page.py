"""Builds the manual page from click's commands, the shell commands, and a template with the prose.

The page contains what `--help` prints, for every subcommand that exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from qmpshell import __version__
from qmpshell.cli import shell_command
from qmpshell.cli.options import FrontCommand
from qmpshell.session.commands.registry import COMMANDS

TEMPLATE = Path(__file__).parent / "template.roff"
PAGE = Path(__file__).parents[2] / "qmpshell" / "cli" / "qmpshell.1"

# Characters that roff would change, with the backslash first.
_ESCAPES = {
    "\\": "\\e",
    "-": "\\-",
    "'": "\\(aq",
    "`": "\\(ga",
    "~": "\\(ti",
    "^": "\\(ha",
}
# click's mark for a paragraph whose lines it does not fill.
_VERBATIM = "\b\n"


def build() -> str:
    """Return the page."""
    contexts = list(walk())
    values = {
        "VERSION": __version__,
        "SYNOPSIS": "\n.br\n".join(f"{_usage(context)}" for context in contexts),
        "HELP": escape(" ".join((contexts[0].command.help or "").split())),
        "OPTIONS": "\n".join(_options(contexts[0])),
        "EPILOG": "\n".join(_paragraphs(contexts[0].command.epilog)),
        "SUBCOMMANDS": "\n".join(line for context in contexts[1:] for line in _section(context)),
        "SHELL_COMMANDS": "\n".join(
            f".TP\n\\fB{escape(usage)}\\fR\n{escape(text)}" for _, usage, text in COMMANDS.values()
        ),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return _ascii(text)


def walk(
    command: click.Command = shell_command,
    parent: click.Context | None = None,
    name: str = "qmpshell",
) -> Iterator[click.Context]:
    """Yield the contexts of a command and of its subcommands at all levels."""
    context = click.Context(command, info_name=name, parent=parent)
    yield context
    # The subcommands of a FrontCommand have no parent, and a name of several words.
    is_front = isinstance(command, FrontCommand)
    for child_name, child in _children(command, context):
        if is_front:
            yield from walk(child, None, f"{name} {child_name}")
        else:
            yield from walk(child, context, child_name)


def _children(
    command: click.Command, context: click.Context
) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, FrontCommand):
        names, find = list(command.subcommands), command.find_subcommand
        yield from ((name, child) for name in names if (child := find(name)) is not None)
    elif isinstance(command, click.Group):
        found = ((name, command.get_command(context, name)) for name in command.commands)
        yield from ((name, child) for name, child in found if child is not None)


def _usage(context: click.Context) -> str:
    pieces = context.command.collect_usage_pieces(context)
    return f"\\fB{escape(context.command_path)}\\fR {escape(' '.join(pieces))}"


def _section(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f".SS {escape(context.command_path)}"
    yield _usage(context)
    yield from _paragraphs(command.help)
    yield from _options(context)
    yield from _paragraphs(command.epilog)


def _options(context: click.Context) -> Iterator[str]:
    """Yield the options that the command does not share with the command above it."""
    parent = context.parent
    above = option_records(parent) if parent is not None else []
    records = option_records(context)
    for names, text in records:
        if (names, text) not in above:
            yield f".TP\n{_emphasize(names)}\n{escape(text)}"
    if parent is not None and any(record in above for record in records):
        yield f".PP\nThe options of {escape(parent.command_path)} are also possible."


def option_records(context: click.Context) -> list[tuple[str, str]]:
    """Return the names and the text of each option, as `--help` prints them.

    Those that all subcommands have, --help and --version, are left out.
    """
    common = ("--help",) if context.command is shell_command else ("--help", "--version")
    records = (
        parameter.get_help_record(context)
        for parameter in context.command.get_params(context)
        if isinstance(parameter, click.Option)
    )
    return [record for record in records if record and not record[0].endswith(common)]


def _emphasize(names: str) -> str:
    """Return the names of an option in bold, and its value in italics."""
    return re.sub(
        r"(?<!\S)(-\S*?)(,?)(?!\S)|(\S+)",
        lambda found: (
            f"\\fB{escape(found[1])}\\fR{found[2]}" if found[1] else f"\\fI{escape(found[3])}\\fR"
        ),
        names,
    )


def _paragraphs(text: str | None) -> Iterator[str]:
    for paragraph in (text or "").strip("\n").split("\n\n"):
        if paragraph.startswith(_VERBATIM):
            lines = paragraph.removeprefix(_VERBATIM).splitlines()
            yield "\n".join([".PP", ".RS 4", ".nf", *map(escape, lines), ".fi", ".RE"])
        elif paragraph.strip():
            yield f".PP\n{escape(' '.join(paragraph.split()))}"


def escape(text: str) -> str:
    r"""Return text as roff prints it unchanged.

    >>> escape(".a -b \\n")
    '\\&.a \\-b \\en'
    """
    text = "".join(_ESCAPES.get(character, character) for character in text)
    return f"\\&{text}" if text.startswith(".") else text


def _ascii(text: str) -> str:
    """Write other characters as roff's escapes."""
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", text)


def read_plain(text: str) -> str:
    """Return the text of a page without markup, with one blank between words."""
    text = re.sub(r"^\.(TP|PP|RS 4|RE|nf|fi|br|SH|SS|B|I)\b", "", text, flags=re.MULTILINE)
    text = re.sub(r"\\f[BIR]|\\&", "", text)
    text = re.sub(r"\\\[u([0-9A-F]+)\]", lambda found: chr(int(found[1], 16)), text)
    for character, replacement in reversed(_ESCAPES.items()):
        text = text.replace(replacement, character)
    return " ".join(text.split())
