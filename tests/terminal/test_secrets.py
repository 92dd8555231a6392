"""Test that no secret that is typed at a terminal reaches the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.harness.screen import Terminal
from tests.harness.secret_forms import HMP_FORMS, QMP_FORMS, SECRET
from tests.harness.servers import Server

# `/connect` would leave the server. Human monitor lines have a test of their own.
QMP_LINES = [line for line in QMP_FORMS if not line.startswith(("/connect", '{"execute": "human'))]


def files(*directories: Path) -> str:
    """Return the text of all files in the directories."""
    paths = [path for directory in directories for path in directory.rglob("*") if path.is_file()]
    return "".join(path.read_text() for path in paths)


@pytest.mark.parametrize(
    ("options", "prompt", "lines"), [((), "(QEMU)", QMP_LINES), (("-H",), "(qemu)", HMP_FORMS)]
)
def test_typed_secrets_do_not_reach_the_disk(
    options: tuple[str, ...], prompt: str, lines: list[str], one_qemu: Server, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with Terminal("-v", "-l", str(log), *options, one_qemu.address) as terminal:
        terminal.wait_ready(prompt)
        for start in range(0, len(lines), 20):  # fewer than the terminal's input buffer holds
            for line in lines[start : start + 20]:
                terminal.line(line)
            terminal.line(f"no-command-{start}")
            terminal.wait_for(f"'no-command-{start}'" if options else f"no-command-{start} has")
            terminal.wait_prompt(prompt)
        terminal.type("\x04")
        assert terminal.end() == 0
    kept = files(Path(os.environ["XDG_STATE_HOME"]), tmp_path)
    assert SECRET not in kept
    assert "no-command-0" in kept
    assert kept.count("<redacted>") > 20
