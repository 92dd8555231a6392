"""A terminal with random keys, pasted text and sizes."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.harness.screen import Terminal
from tests.harness.servers import Server

TESTS, KEYS = 8, 250
WORDS = (
    *("query-status", "query-block", "query-", "device_add ", "blockdev-add ", "block-stream "),
    *("driver=", "qcow2", "node-name=", "file.", "a.0=", "x:=", '{"execute": ', '"', "'", "{", "}"),
    *(
        "[",
        "]",
        "(",
        ")",
        ",",
        ":",
        "=",
        "\\",
        ";",
        " ",
        "#",
        "@",
        "~",
        "0x",
        "é",
        "漢",
        "👍🏽",
        "\u200f",
    ),
    *(
        "transaction( ",
        " )",
        "/help ",
        "/jobs",
        "/watch query-status",
        "/set ",
        "/events ",
        "/hmp info ",
    ),
    *(" | cat", " | head -1", " > out", "exit now", "quit"),
)
CONTROLS = tuple(chr(number) for number in range(1, 32) if chr(number) not in "\x04\x1a")
SEQUENCES = (
    *("\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F", "\x1b[3~", "\x1b[5~", "\x1b[6~"),
    *("\x1bOP", "\x1b[Z", "\x1bb", "\x1bf", "\x1bd", "\x1b\x7f", "\x7f", "\t", "\t\t", "\r", "\r"),
    *("\x12que\x12", "\x13", "\x07", "\x18\x05", "\x1b", "\x1b[99;99R", "\x1b[", "\x1b[200~"),
    *("\x1b[201~", "\x1b[M !!", "\x1b[<0;1;1M"),
)
SIZES = ((80, 24), (100, 30), (40, 8), (20, 5), (10, 3), (200, 50), (1, 1))


@pytest.mark.parametrize("seed", range(TESTS))
@pytest.mark.parametrize("options", [(), ("-H",)], ids=["qmp", "hmp"])
def test_terminal_survives_random_keys(
    one_qemu: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    options: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)  # for the files that redirects create
    chosen = random.Random(f"{seed} {options}")
    # The editor of Ctrl-X Ctrl-E ends at once.
    variables = {"PAGER": "cat", "EDITOR": "true"}
    with Terminal("-q", *options, one_qemu.address, columns=80, variables=variables) as terminal:
        terminal.wait_prompt("(qemu)" if options else "(QEMU)")
        for _ in range(KEYS if not options else KEYS // 4):
            choice = chosen.random()
            if choice < 0.45:
                terminal.type(chosen.choice(WORDS))
            elif choice < 0.60:
                terminal.type(chosen.choice(CONTROLS))
            elif choice < 0.90:
                terminal.type(chosen.choice(SEQUENCES))
            elif choice < 0.97:
                terminal.paste(chosen.choice(("\n", "\t", " ")).join(chosen.choices(WORDS, k=4)))
            else:
                terminal.resize(*chosen.choice(SIZES))
        terminal.resize(80, 24)
        # End pasted text, an escape sequence, a search and a dialog; then leave.
        terminal.type("\x1b[201~\x1b[A\x07\x03")
        # Ctrl-C may arrive after the shell has restored the terminal.
        assert terminal.leave() in (0, 130)
        assert terminal.modes == terminal.modes_before
    for words in (b"Traceback", b"internal error", b"Unhandled"):
        assert words not in terminal.raw
    assert not list(Path(os.environ["XDG_STATE_HOME"]).rglob("crash-*"))
