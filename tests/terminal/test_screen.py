"""Test /screen, /type and /key with real screens and keyboards."""

from __future__ import annotations

import base64
import os
import re
import signal
import stat
import string
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpshell import connect
from qmpshell.render import Spans, plain_text_of
from qmpshell.render.views.screen import Picture, draw_picture, parse_ppm, read_text
from tests.harness.program import run, start
from tests.harness.screen import Terminal
from tests.harness.servers import NEWEST, Installation, Server, start_qemu
from tests.harness.sixel import decode_sixel
from tests.harness.vga import (
    CHARACTERS,
    ECHO,
    ECHO_PROMPT,
    picture_of,
    show_firmware,
    start_vga,
    wait_for_text,
)

_ROWS = 30
_CELL_WIDTH, _CELL_HEIGHT = 9, 16  # of a character, in pixels


@pytest.fixture
def vga(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    """Start a VM with a VGA, of each version."""
    with start_vga(installation, tmp_path) as server:
        yield server


@pytest.fixture
def one_vga(tmp_path: Path) -> Iterator[tuple[Server, Picture]]:
    """Start a VM that shows the text of its firmware, and return it with the picture."""
    with start_vga(NEWEST, tmp_path) as server:
        yield server, show_firmware(server, tmp_path)[1]


def runtime_files() -> list[Path]:
    return list(Path(os.environ["XDG_RUNTIME_DIR"]).glob("qmpshell/*"))


def expected(picture: Picture, columns: int, *, colors: bool, unicode: bool) -> list[Spans]:
    """Return the lines of a picture on a screen, which leaves four rows to others."""
    return list(
        draw_picture(picture, columns=columns, rows=_ROWS - 4, colors=colors, unicode=unicode)
    )


# -- pixels ---------------------------------------------------------------------------------------


def test_pixels_are_lit_where_the_firmware_wrote(vga: Server, tmp_path: Path) -> None:
    lines, picture = show_firmware(vga, tmp_path)
    result = run("-c", f"/screen {tmp_path}/a.ppm", vga.address)
    assert (result.status, result.out, result.err) == (0, "", "")
    found = parse_ppm((tmp_path / "a.ppm").read_bytes())
    assert found == picture
    assert (found.width, found.height) == (80 * _CELL_WIDTH, 25 * _CELL_HEIGHT)
    for row, line in enumerate(lines[:-1]):
        for column, char in enumerate(line):
            cell = b"".join(
                found.pixels[start : start + 3 * _CELL_WIDTH]
                for y in range(row * _CELL_HEIGHT, (row + 1) * _CELL_HEIGHT)
                for start in [3 * (y * found.width + column * _CELL_WIDTH)]
            )
            is_cursor = row and column == 0 and line.isspace()
            assert any(cell) == (char not in " \0") or is_cursor, (row, column)
    assert runtime_files() == []


def test_written_png_is_that_of_qemu(one_vga: tuple[Server, Picture], tmp_path: Path) -> None:
    server, _ = one_vga
    with connect(server.address) as qmp:
        qmp.execute("screendump", {"filename": f"{tmp_path}/b.png", "format": "png"})
    result = run(
        "-c", f"/screen {tmp_path}/a.png", "-c", f"/screen > {tmp_path}/c.png", server.address
    )
    assert (result.status, result.err) == (0, "")
    reference = (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "c.png").read_bytes() == reference


def test_every_character_of_a_vga_is_read(installation: Installation, tmp_path: Path) -> None:
    with (
        start_vga(installation, tmp_path, boot=CHARACTERS) as server,
        connect(server.address) as qmp,
    ):
        qmp.execute("cont")
        # The characters from 80 on, in the second row.
        wait_for_text(qmp, tmp_path, "PQRSTUVWXYZ[")
        found = read_text(picture_of(qmp, tmp_path))
    text = "".join(char for row in found for char, _, _ in row)
    assert len(found) == 4
    assert text[32:127] == bytes(range(32, 127)).decode("ascii")
    # A full block is a blank with a light background.
    assert text[128:255] == bytes(range(128, 255)).decode("cp437").replace("█", " ")
    assert text[1:32] == " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"[1:]


# -- the terminal ---------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_screen_shows_the_colors_of_the_picture(
    one_vga: tuple[Server, Picture], columns: int
) -> None:
    server, picture = one_vga
    with Terminal(
        server.address, columns=columns, rows=_ROWS, variables={"COLORTERM": "truecolor"}
    ) as terminal:
        terminal.wait_ready()
        terminal.line("/set pictures=blocks")
        terminal.line("/screen")
        lines = expected(picture, columns, colors=True, unicode=True)
        cells = [
            [(char, *_colors(style)) for style, text in line for char in text] for line in lines
        ]

        def is_shown() -> bool:
            end = terminal.screen.cursor.y
            rows = range(end - len(cells), end)
            return rows.start >= 0 and cells == [
                [
                    (cell.data, cell.fg if cell.data == "▀" else "", cell.bg)
                    for cell in terminal._cells(y)[: len(cells[0])]
                ]
                for y in rows
            ]

        terminal.wait(is_shown, "the picture")
        terminal.wait_prompt()
    assert runtime_files() == []


def _colors(style: str) -> tuple[str, str]:
    """Return foreground and background of a style."""
    fg, _, bg = style.rpartition("bg:#")
    return fg.strip(" #"), bg


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_picture_without_colors_has_other_characters(
    one_vga: tuple[Server, Picture], columns: int, unicode: bool
) -> None:
    server, picture = one_vga
    variables = {"NO_COLOR": "1"} | ({} if unicode else {"PYTHONIOENCODING": "ascii"})
    with Terminal(server.address, columns=columns, rows=_ROWS, variables=variables) as terminal:
        terminal.wait_ready()
        terminal.line("/set pictures=blocks")
        terminal.line("/screen")
        lines = expected(picture, columns, colors=False, unicode=unicode)
        terminal.wait_above(*(plain_text_of(line).rstrip() for line in lines))


FIRMWARE = [
    "Booting from Hard Disk...",
    "Boot failed: could not read the boot disk",
    "",
    "Booting from Floppy...",
    "Boot failed: could not read the boot disk",
    "",
    "No bootable device.",
]


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"COLORTERM": "truecolor"}])
def test_text_of_the_firmware_is_text(
    one_vga: tuple[Server, Picture], columns: int, variables: dict[str, str]
) -> None:
    server, _ = one_vga
    with Terminal(server.address, columns=columns, rows=_ROWS, variables=variables) as terminal:
        terminal.wait_ready()
        terminal.line("/screen")
        terminal.wait(lambda: set(FIRMWARE) <= set(terminal.lines), "the text of the firmware")
        terminal.wait_prompt()
        if "NO_COLOR" not in variables:
            assert terminal.colour_of("No bootable") == "a8a8a8"
        start = terminal.lines.index(FIRMWARE[0])
        assert terminal.lines[start : start + len(FIRMWARE)] == FIRMWARE
        assert terminal.lines[start - 1].startswith("SeaBIOS (version ")


def test_text_that_is_too_wide_is_a_picture(one_vga: tuple[Server, Picture]) -> None:
    server, _ = one_vga
    with Terminal(server.address, columns=79, rows=_ROWS) as terminal:
        terminal.wait_ready()
        terminal.line("/screen")
        terminal.wait_for("▀")
        assert FIRMWARE[0] not in terminal.lines


def test_screen_with_256_colors_has_no_others(one_vga: tuple[Server, Picture]) -> None:
    server, _ = one_vga
    with Terminal(server.address, variables={"TERM": "xterm-256color"}) as terminal:
        terminal.wait_ready()
        terminal.line("/set pictures=blocks")
        terminal.line("/screen")
        terminal.wait_for("▀")
        terminal.wait_prompt()
        assert b";5;" in terminal.raw
        assert b";2;" not in terminal.raw


def test_kitty_gets_the_png_unchanged(one_vga: tuple[Server, Picture], tmp_path: Path) -> None:
    server, _ = one_vga
    with connect(server.address) as qmp:
        qmp.execute("screendump", {"filename": f"{tmp_path}/b.png", "format": "png"})
    with Terminal(server.address, rows=_ROWS, variables={"KITTY_WINDOW_ID": "1"}) as terminal:
        terminal.wait_ready()
        terminal.line("/screen")
        end = re.compile(rb"m=0;[^\x1b]*\x1b\\")
        terminal.wait(lambda: bool(end.search(terminal.raw)), "the end of the picture")
        raw = terminal.raw
    chunks = re.findall(rb"\x1b_G([^;]*);([^\x1b]*)\x1b\\", raw)
    # 90 columns of 8 pixels, and half as many rows of 16.
    assert chunks[0][0] == b"a=T,f=100,q=2,C=1,c=90,r=25,m=1"
    assert all(control == b"m=1" for control, _ in chunks[1:-1])
    assert chunks[-1][0] == b"m=0"
    assert all(len(data) <= 4096 for _, data in chunks)
    assert (
        base64.b64decode(b"".join(data for _, data in chunks)) == (tmp_path / "b.png").read_bytes()
    )
    # The cursor goes up by the rows of the picture and down again.
    assert re.search(rb"\x1b\[25A\x1b_G.*\x1b\\(?:\x1b\[[0-9;]*m)*\x1b\[25B", raw, re.DOTALL)
    assert runtime_files() == []


def test_sixel_shows_every_pixel(one_vga: tuple[Server, Picture]) -> None:
    server, picture = one_vga
    variables = {"TERM": "foot"}
    with Terminal(server.address, columns=100, rows=_ROWS, variables=variables) as terminal:
        terminal.wait_ready()
        terminal.line("/screen")
        end = re.compile(rb"\x1bP0;1q[^\x1b]*\x1b\\\x1b8(?:\x1b\[[0-9;]*m)*\x1b\[25B")
        terminal.wait(lambda: bool(end.search(terminal.raw)), "the end of the picture")
        rows = decode_sixel(terminal.raw)
    colors = [color for row in rows for color in row]
    assert (len(rows[0]), len(rows)) == (picture.width, picture.height)
    expected = [round(each / 2.55) for each in picture.pixels]
    assert [each for color in colors for each in color] == expected


def test_setting_replaces_kitty_by_blocks(one_vga: tuple[Server, Picture]) -> None:
    server, _ = one_vga
    with Terminal(server.address, variables={"KITTY_WINDOW_ID": "1"}) as terminal:
        terminal.wait_ready()
        terminal.line("/set pictures=blocks")
        terminal.line("/screen")
        terminal.wait_for("▀")
        assert b"\x1b_G" not in terminal.raw


def test_existing_file_is_overwritten_only_after_confirmation(
    one_vga: tuple[Server, Picture], tmp_path: Path
) -> None:
    server, picture = one_vga
    file = tmp_path / "a.ppm"
    file.write_bytes(b"old")
    with Terminal(server.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line(f"/screen {file}")
        terminal.wait_for("would be overwritten")
        terminal.type("n")
        terminal.wait_for("was not overwritten")
        assert file.read_bytes() == b"old"
        terminal.line(f"/screen {file}")
        terminal.wait(lambda: terminal.text.count("Continue?") == 2, "the question")
        terminal.type("y")
        size = 3 * picture.width * picture.height
        terminal.wait(lambda: file.stat().st_size > size, "the picture")
        terminal.wait_prompt()
    assert parse_ppm(file.read_bytes()) == picture


def test_vm_without_screen_is_reported(tmp_path: Path) -> None:
    with start_qemu(NEWEST, tmp_path / "vm.sock") as server:
        result = run("-c", f"/screen {tmp_path}/a.png", server.address)
    assert result.status == 1
    assert "no console to take a screendump from" in result.err
    assert not (tmp_path / "a.png").exists()
    assert runtime_files() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start QEMU as another user")
def test_qemu_of_another_user_is_explained(tmp_path: Path) -> None:
    options = ("-vga", "std", "-run-with", "user=nobody")
    with start_qemu(NEWEST, tmp_path / "vm.sock", *options, machine="q35") as server:
        result = run("-c", f"/screen {tmp_path}/a.png", server.address)
    assert result.status == 1
    assert "Permission denied" in result.err
    assert "as another user" in result.err
    assert runtime_files() == []


# -- the keyboard ---------------------------------------------------------------------------------


def test_guest_reads_what_is_typed(installation: Installation, tmp_path: Path) -> None:
    text = string.punctuation + "aZ 09"
    with start_vga(installation, tmp_path, boot=ECHO) as server:
        with connect(server.address) as qmp:
            qmp.execute("cont")
            wait_for_text(qmp, tmp_path, ECHO_PROMPT)
        result = run("-c", f"/type {text}", "-c", "/key shift-q X", server.address)
        assert (result.status, result.out, result.err) == (0, "", "")
        with connect(server.address) as qmp:
            wait_for_text(qmp, tmp_path, f"{ECHO_PROMPT}{text}QX")


def test_keys_for_paused_vm_are_refused(tmp_path: Path) -> None:
    with start_vga(NEWEST, tmp_path) as server:
        result = run("-c", "/key ctrl-alt-delete", server.address)
        assert result.status == 1
        assert "the VM state is prelaunch, in which QEMU drops all keys" in result.err


# -- /watch ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_watched_screen_is_below_the_prompt(one_vga: tuple[Server, Picture], columns: int) -> None:
    server, picture = one_vga
    with Terminal(
        server.address, columns=columns, rows=_ROWS, variables={"NO_COLOR": "1"}
    ) as terminal:
        terminal.wait_ready()
        terminal.line("/set pictures=blocks")
        terminal.line("/watch -n 0.2 /screen")
        height = _ROWS // 2 - 2
        lines = draw_picture(picture, columns=columns, rows=height, colors=False, unicode=True)
        expected_rows = [plain_text_of(line).rstrip() for line in lines]

        def is_shown() -> bool:
            titles = [y for y, line in enumerate(terminal.lines) if line.startswith("/screen: ")]
            return (
                bool(titles)
                and terminal.screen.cursor.y < titles[0]
                and (terminal.lines[titles[0] + 1 :][: len(expected_rows)] == expected_rows)
            )

        terminal.wait(is_shown, "the picture below the prompt")
        terminal.line("query-status")
        terminal.wait_for('"paused"')
        terminal.wait(is_shown, "the picture below the prompt")
        terminal.type("\x03")
        terminal.wait_for("no longer watching /screen")
    assert runtime_files() == []


# -- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\x04", signal.SIGTERM, signal.SIGHUP])
def test_end_of_the_shell_removes_the_file(
    one_vga: tuple[Server, Picture], end: str | signal.Signals
) -> None:
    server, _ = one_vga
    with Terminal(server.address) as terminal:
        terminal.wait_ready()
        server.stop()
        terminal.line("/screen")
        terminal.wait(lambda: len(runtime_files()) == 1, "the directory of the picture")
        assert stat.S_IMODE(runtime_files()[0].stat().st_mode) == 0o700
        if isinstance(end, str):
            terminal.type(end)
        else:
            terminal.signal(end)
        terminal.end()
    assert runtime_files() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_to_a_script_removes_the_file(
    one_vga: tuple[Server, Picture], tmp_path: Path, number: signal.Signals
) -> None:
    server, _ = one_vga
    server.stop()
    with start("-N", "-c", f"/screen {tmp_path}/a.png", server.address) as process:
        deadline = time.monotonic() + 60
        while not runtime_files() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(runtime_files()) == 1
        process.send_signal(number)
        assert process.wait(60) == 128 + number or process.returncode == -number
    assert runtime_files() == []
