"""Tests of the manual page: it contains what `--help` prints, and formatters accept it."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

from qmpshell.session.commands.registry import COMMANDS
from tests.man.page import PAGE, build, escape, option_records, read_plain, walk

CONTEXTS = list(walk())


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text("ascii") == build(), "run: python -m tests.man"


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: str(context.command_path))
def test_page_contains_help(context: click.Context) -> None:
    page = _join(read_plain(PAGE.read_text("ascii")))
    shown = _join(context.command.get_help(context))
    for text in (context.command.help or "", (context.command.epilog or "").replace("\b", "")):
        assert _join(text) in page
        assert _join(text) in shown
    usage = shown.removeprefix("Usage:").partition(_join(context.command.help or ""))[0]
    assert usage.startswith(_join(context.command_path))
    assert usage in page
    for names, text in option_records(context):
        assert _join(names + text) in page
        assert _join(names + text) in shown


def _join(text: str) -> str:
    """Return the text without blanks: `--help` breaks lines at other places."""
    return "".join(text.split())


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: str(context.command_path))
def test_help_has_examples(context: click.Context) -> None:
    """The examples are lines that are not filled, with the subcommand's own name."""
    blocks = (context.command.epilog or "").split("\n\n")
    lines = [line for block in blocks if block.startswith("\b\n") for line in block.splitlines()]
    assert any(f"{context.command_path} " in f"{line} " for line in lines)


def test_page_contains_shell_commands() -> None:
    page = read_plain(PAGE.read_text("ascii"))
    for _, usage, text in COMMANDS.values():
        assert f"{usage} {text}" in page


def test_escape_keeps_text() -> None:
    for text in (".a", "'b'", "\\-x", "a-b", "“…”", "~ ^ `"):
        assert read_plain(escape(text)) == text


def test_page_is_installed() -> None:
    project = tomllib.loads((PAGE.parents[2] / "pyproject.toml").read_text())
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared[f"qmpshell/cli/{PAGE.name}"] == "share/man/man1/qmpshell.1"


@pytest.mark.parametrize(
    "command",
    [("groff", "-man", "-ww", "-z", "-Tutf8"), ("mandoc", "-Tlint", "-W", "warning")],
    ids=lambda command: str(command[0]),
)
def test_formatters_accept_page(command: tuple[str, ...]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([*command, str(PAGE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_groff_prints_page_as_text() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbou", str(PAGE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "qmpshell exec -s vm.sock query-status" in done.stdout
    assert Path(PAGE).name not in done.stdout
