"""Tests of the program under the names of QEMU's former scripts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from qmpshell.cli.main import OLD_NAMES
from tests.harness.program import environment
from tests.harness.servers import Server

PROGRAM = Path(sys.executable).parent / "qmpshell"
README = Path(__file__).parents[2] / "README.md"


def start_as(name: str, directory: Path, *words: str, **variables: str) -> tuple[int, str, str]:
    """Run the program by this name; return its status, output and errors."""
    link = directory / name
    link.symlink_to(PROGRAM)
    done = subprocess.run(
        [link, *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment(**variables),
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("name", "words", "output"),
    [
        ("qom-list", ("/machine/peripheral",), r"type\n"),
        ("qom-get", ("/machine.type",), r"none-machine\n"),
        ("qom-get", ("/machine", "type"), r"none-machine\n"),
        ("qom-set", ("/machine.graphics", "True"), r""),
        ("qom-tree", ("/machine/peripheral",), r"/machine/peripheral\n  type: container .*\n\n"),
        ("qom-tree", (), r"/\n  type: container \(string\)\n\n/(?s:.*)"),
    ],
)
def test_old_name_is_the_subcommand(
    one_qemu: Server, tmp_path: Path, name: str, words: tuple[str, ...], output: str
) -> None:
    status, out, err = start_as(name, tmp_path, "--socket", one_qemu.address, *words)
    assert (status, err) == (0, "")
    assert re.fullmatch(output, out)


def test_old_name_reads_address_from_environment(one_qemu: Server, tmp_path: Path) -> None:
    status, out, _ = start_as("qom-list", tmp_path, QMP_SOCKET=one_qemu.address)
    assert status == 0
    assert "machine/\n" in out


def test_old_name_with_other_form_keeps_it(one_qemu: Server, tmp_path: Path) -> None:
    status, out, _ = start_as("qom-tree", tmp_path, "-s", one_qemu.address, "--json")
    assert status == 0
    assert out.startswith('{"path": "/"')


@pytest.mark.parametrize("name", OLD_NAMES)
def test_old_name_shows_help(tmp_path: Path, name: str) -> None:
    status, out, err = start_as(name, tmp_path, "-h")
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: qmpshell {' '.join(OLD_NAMES[name][:2])} ")


def test_readme_creates_each_old_name() -> None:
    names = re.search(r"for name in (.*); do\n", README.read_text())
    assert names is not None
    assert sorted(names[1].split()) == sorted(OLD_NAMES)


def test_no_old_name_is_installed() -> None:
    text = (README.parent / "pyproject.toml").read_text()
    assert not any(name in text for name in OLD_NAMES)
