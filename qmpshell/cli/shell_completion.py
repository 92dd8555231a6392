"""Completion of the command line in the user's shell: click's, with whole words and addresses."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from ..qemu import AGENT, QMP, find_addresses
from ..qemu.runtime_dir import SOCKET
from ..storage import read_config

_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' type value

    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(env COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" \\
        COMP_WORDBREAKS="$COMP_WORDBREAKS" %(complete_var)s=bash_complete "$1")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/:=] ]]; then
        compopt -o nospace
    fi
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a response whole open shown shown_open
    local type value text
    (( ! $+commands[%(prog_name)s] )) && return 1

    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s)}")
    for type value text in "${response[@]}"; do
        if [[ $type == dir ]]; then
            _path_files -/
        elif [[ $type == file ]]; then
            [[ $PREFIX == --*=* ]] && compset -P '*='
            _path_files
        elif [[ $type == plain ]]; then
            [[ $text == _ ]] && text=$value || text="$value -- $text"
            if [[ $value == *[/:=] ]]; then
                open+=("$value")
                shown_open+=("$text")
            else
                whole+=("$value")
                shown+=("$text")
            fi
        fi
    done
    (( $#whole )) && compadd -Q -U -V words -d shown -a whole
    (( $#open )) && compadd -Q -U -S '' -V words -d shown_open -a open
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    # autoload from fpath, call function directly
    %(complete_func)s "$@"
else
    # eval/source/. command, register function for later
    compdef %(complete_func)s %(prog_name)s
fi
"""
_FISH = """\
function %(complete_func)s
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \\
        COMP_CWORD=(commandline -ct) %(prog_name)s)
    for completion in $response
        set -l found (string split -m 1 "," -- $completion)
        switch $found[1]
            case dir
                __fish_complete_directories $found[2]
            case file
                __fish_complete_path $found[2]
            case plain
                echo $found[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""
# Characters that need no backslash in bash and zsh.
_SPECIAL = r"[^\w@%+=:,./~-]"


class _WholeWords(ShellComplete):
    """Completes whole words: click leaves out `--color=` before a value, which zsh and fish replace."""

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
    source_template = _BASH

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
    source_template = _ZSH

    def format_completion(self, item: CompletionItem) -> str:
        """Return three lines for the script. None is empty."""
        return f"{item.type}\n{_escaped(item.value) or '_'}\n{item.help or '_'}"


class _Fish(_WholeWords, FishComplete):
    source_template = _FISH


def _escaped(text: str) -> str:
    return re.sub(_SPECIAL, r"\\\g<0>", text)


def register() -> None:
    """Replace click's completion."""
    for shell in (_Bash, _Zsh, _Fish):
        add_completion_class(shell)


_UNIX = "unix:"
_SCHEMES = (_UNIX, "tcp:", "fd:")


def addresses(
    incomplete: str, environment: Mapping[str, str], *, subcommands: tuple[str, ...]
) -> list[CompletionItem]:
    """Return what an address may be: subcommands, targets, sockets and the way to them."""
    found = [*subcommands, *sorted(read_config(environment).targets)]
    if incomplete:
        found += _SCHEMES
    values = [name for name in found if name.startswith(incomplete)]
    if incomplete.startswith(_UNIX):
        paths = [*_paths(incomplete.removeprefix(_UNIX)), *find_addresses(QMP, AGENT)]
        values = [path if path.startswith(_UNIX) else _UNIX + path for path in paths]
        values = [value for value in values if value.startswith(incomplete)]
    else:
        values += _paths(incomplete)
        found = [*_running(environment), *find_addresses(QMP, AGENT)]
        values += [address for address in found if address.startswith(incomplete)]
    return [CompletionItem(value) for value in dict.fromkeys(values)]


def _paths(typed: str) -> Iterator[str]:
    """Yield the sockets and directories with a path prefix, sockets first."""
    folder, slash, partial = typed.rpartition("/")
    directories: list[str] = []
    try:
        with os.scandir(os.path.expanduser(folder + slash) or ".") as entries:
            names = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in names:
        if not entry.name.startswith(partial) or (entry.name[0] == "." and not partial):
            continue
        path = f"{folder}{slash}{entry.name}"
        if entry.is_dir():
            directories.append(f"{path}/")
        elif _is_socket(entry.path):
            yield path
    yield from directories


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode) or stat.S_ISCHR(os.stat(path).st_mode)
    except OSError:
        return False


def _running(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the sockets of the QEMU processes that `qmpshell run` has started."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    folder = os.path.join(runtime, "qmpshell") if runtime else ""
    try:
        names = sorted(os.listdir(folder)) if folder else []
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name, SOCKET)
        if _is_socket(path):
            yield path
