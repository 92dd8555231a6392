"""Completion of the command line in the user's shell: click's, with whole words and addresses."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping

from click import echo
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import click

# Subcommands import this module for their arguments. What follows is imported for completion only.

# The directories that can hold the scripts of the system's shells: installed, or in the source.
_INSTALLED = os.path.join(os.path.dirname(__file__), "completions")
_SOURCE = os.path.join(os.path.dirname(__file__), "..", "..", "completions")
# Characters that need no backslash in bash and zsh.
_SPECIAL = r"[^\w@%+=:,./~-]"


class _WholeWords(ShellComplete):
    """Completes whole words: click leaves out `--color=` before a value, which zsh and fish replace."""

    def source(self) -> str:
        """Return the script for the shell."""
        directory = _INSTALLED if os.path.isdir(_INSTALLED) else _SOURCE
        with open(os.path.join(directory, f"qmpshell.{self.name}"), encoding="ascii") as file:
            return file.read()

    def complete(self) -> str:
        """Write the completions. Return what click writes after them: nothing but a line end."""
        # As bytes, because names of files may not be UTF-8.
        echo(super().complete().encode("utf-8", "surrogateescape"), nl=False)
        return ""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return the completions of a word."""
        name, equals, _ = incomplete.partition("=")
        before = f"{name}=" if equals and name.startswith("--") else ""
        items = super().get_completions(args, incomplete)
        for item in items:
            if item.type == "plain":
                item.value = before + item.value
        return items


class _Bash(_WholeWords, BashComplete):
    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor and the one at it, which bash splits at `:` and `=`."""
        line = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])]
        words = split_arg_string(line)
        if line[-1:].isspace():
            words.append("")
        return words[1:-1], words[-1] if len(words) > 1 else ""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return the completions, without the part of the word that bash does not replace."""
        breaks = [char for char in ":=" if char in os.environ.get("COMP_WORDBREAKS", "")]
        start = max((incomplete.rfind(char) for char in breaks), default=-1) + 1
        items = super().get_completions(args, incomplete)
        for item in items:
            if item.type == "plain":
                item.value = item.value[start:]
        return items

    def format_completion(self, item: CompletionItem) -> str:
        """Return one line for the script."""
        return f"{item.type},{_escaped(item.value)}"


class _Zsh(_WholeWords, ZshComplete):
    def format_completion(self, item: CompletionItem) -> str:
        """Return three lines for the script. None is empty."""
        return f"{item.type}\n{_escaped(item.value) or '_'}\n{item.help or '_'}"


class _Fish(_WholeWords, FishComplete):
    """Completes in fish."""


def _escaped(text: str) -> str:
    return re.sub(_SPECIAL, r"\\\g<0>", text)


def register() -> None:
    """Replace click's completion."""
    for shell in (_Bash, _Zsh, _Fish):
        add_completion_class(shell)


_UNIX = "unix:"
_SCHEMES = (_UNIX, "tcp:", "telnet:", "websocket:", "vsock:", "exec:", "fd:")


def addresses(
    incomplete: str, environment: Mapping[str, str], *, subcommands: tuple[str, ...]
) -> list[CompletionItem]:
    """Return what an address may be: subcommands, targets, sockets and the way to them."""
    from ..qemu import AGENT, QMP, find_addresses
    from ..storage import read_config
    from ..transport import UnixAddress, parse_address

    found = [*subcommands, *sorted(read_config(environment).targets)]
    if incomplete:
        found += _SCHEMES
    values = [name for name in found if name.startswith(incomplete)]
    if incomplete.startswith(_UNIX):
        paths = [
            address.removeprefix(_UNIX)
            for address in find_addresses(QMP, AGENT)
            if isinstance(parse_address(address, exists=os.path.exists), UnixAddress)
        ]
        values = [_UNIX + path for path in (*_paths(incomplete.removeprefix(_UNIX)), *paths)]
        values = [value for value in values if value.startswith(incomplete)]
    else:
        values += _paths(incomplete)
        found = [*_running(environment), *find_addresses(QMP, AGENT)]
        values += [address for address in found if address.startswith(incomplete)]
    return [CompletionItem(value) for value in dict.fromkeys(values)]


def _paths(typed: str) -> Iterator[str]:
    """Yield the sockets and directories with a path prefix, sockets first."""
    directory, slash, partial = typed.rpartition("/")
    directories: list[str] = []
    try:
        with os.scandir(os.path.expanduser(directory + slash) or ".") as entries:
            names = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in names:
        if not entry.name.startswith(partial) or (entry.name[0] == "." and not partial):
            continue
        path = f"{directory}{slash}{entry.name}"
        if entry.is_dir():
            directories.append(f"{path}/")
        elif _is_socket(entry.path):
            yield path
    yield from directories


def _is_socket(path: str) -> bool:
    """Return True if the path is that of a socket or, like a pty, of a character device."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def _running(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the sockets of the QEMU processes that `qmpshell run` has started."""
    from ..qemu.runtime_dir import SOCKET

    runtime = environment.get("XDG_RUNTIME_DIR")
    directory = os.path.join(runtime, "qmpshell") if runtime else ""
    try:
        names = sorted(os.listdir(directory)) if directory else []
    except OSError:
        return
    for name in names:
        path = os.path.join(directory, name, SOCKET)
        if _is_socket(path):
            yield path


def complete_copied_path(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete a file of this machine, or `guest:` if there is none with that name."""
    from glob import escape, iglob

    guest = "guest:"
    if incomplete and guest.startswith(incomplete) and not any(iglob(f"{escape(incomplete)}*")):
        return [CompletionItem(guest)]
    return [] if incomplete.startswith(guest) else [CompletionItem(incomplete, type="file")]


def _from_server(function: str) -> Callable[..., list[CompletionItem]]:
    """Return the completion by a function of `server_completion`, which is imported when it is used."""

    def complete(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ..errors import QmpShellError
        from . import server_completion

        earlier = context.params.get(parameter.name or "")
        words = earlier if isinstance(earlier, (tuple, list)) else ()
        found: list[str] = []
        with contextlib.suppress(QmpShellError, OSError):  # there are no completions then
            found = getattr(server_completion, function)(context, words, incomplete)
        return [
            CompletionItem(word)
            for word in dict.fromkeys(found)
            if word.startswith(incomplete) and word.isprintable()
        ]

    return complete


complete_command = _from_server("command_names")
complete_command_words = _from_server("command_words")
complete_event = _from_server("event_names")
complete_qom_path = _from_server("qom_words")
