"""Test views at a terminal: tables, graphs, annotated numbers and live views, at several sizes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from qmpshell import connect
from tests.harness.machines import CHAIN, chain_options, make_images, set_up
from tests.harness.screen import Terminal
from tests.harness.servers import NEWEST, Server, start_qemu

ASCII = {"PYTHONIOENCODING": "ascii"}
COLOURS = {"TERM": "xterm-256color"}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Start the machine of the recorded replies."""
    monkeypatch.chdir(tmp_path)
    image = make_images(tmp_path, NEWEST)
    with start_qemu(NEWEST, tmp_path / "vm.sock", *chain_options(image), machine="q35") as server:
        with connect(server.address) as qmp:
            set_up(qmp)
        yield server


def shell(
    server: Server, *options: str, columns: int = 80, variables: Mapping[str, str] = {}
) -> Terminal:
    return Terminal("-q", *options, server.address, columns=columns, variables=variables)


def end_pager(terminal: Terminal) -> None:
    terminal.type("q")
    terminal.wait_prompt()
    assert terminal.leave() == 0


# -- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_wide_table_scrolls_sideways_in_pager(machine: Server, columns: int) -> None:
    with shell(machine, columns=columns, variables={"LESS": "-FX"}) as terminal:
        terminal.wait_prompt()
        terminal.line("/table node-name=n* query-named-block-nodes")
        terminal.wait_for("(END)")
        header = next(y for y, line in enumerate(terminal.lines) if line.startswith("node-name "))
        assert [line[:2] for line in terminal.lines[header + 1 :]][:2] == ["n1", "n0"]
        terminal.type("\x1b)")
        terminal.wait(
            lambda: not any(line.startswith("node-name ") for line in terminal.lines),
            "columns to the right",
        )
        end_pager(terminal)


def test_narrow_table_is_shown_at_once(machine: Server) -> None:
    with shell(machine, columns=40) as terminal:
        terminal.wait_prompt()
        terminal.line("/table node-name,drv drv=null-co query-named-block-nodes")
        terminal.wait_above("node-name  drv", "target     null-co", "n1         null-co", "n0")
        assert terminal.leave() == 0


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_view_setting_shows_lists_as_tables(machine: Server, columns: int) -> None:
    with shell(machine, columns=columns) as terminal:
        terminal.wait_prompt()
        terminal.line("/set view=table")
        terminal.wait_prompt()
        terminal.line("query-block")
        terminal.wait_for("… more columns; /last shows all")
        header, *rows = (line for line in terminal.lines if line.endswith("…"))
        assert "io-status" in header and len(header) == columns
        assert len(rows) == 2
        terminal.line("/last")
        terminal.wait_for("(END)")
        terminal.type("q")
        terminal.wait_prompt()
        terminal.line("query-block-exports")
        terminal.wait_above("id  node-name", "e0  n1")
        terminal.line("query-status")
        terminal.wait_for('"status": "prelaunch"')
        terminal.line("query-block-exports | cat")
        terminal.wait_for('{"return": [{"node-name": "n1"')
        assert terminal.leave() == 0


def test_folded_table_counts_rows(machine: Server) -> None:
    with shell(machine, columns=60) as terminal:
        terminal.wait_prompt()
        terminal.line("/set view=table fold=5")
        terminal.line("qom-list path=/machine/peripheral/vd0")
        terminal.wait_for("more rows; /last shows all")
        count = next(line for line in terminal.lines if "more rows" in line)
        assert re.match(r"… \d+ more rows; /last shows all", count)
        assert terminal.leave() == 0


def test_text_for_people_is_shown_as_text(machine: Server) -> None:
    with shell(machine) as terminal:
        terminal.wait_prompt()
        terminal.line("x-query-irq")
        terminal.wait(lambda: "IRQ statistics for ioapic:" in terminal.lines, "text")
        assert "human-readable-text" not in terminal.text
        terminal.line("x-query-irq | cat")
        terminal.wait_for('"human-readable-text": "')
        assert terminal.leave() == 0


def test_table_for_typed_pager_scrolls_sideways(machine: Server) -> None:
    with shell(machine, columns=40) as terminal:
        terminal.wait_prompt()
        terminal.line("/table query-block | less")
        terminal.wait_for("(END)")
        assert terminal.text.count("io-status") == 1
        assert "inserted.image" not in terminal.text
        end_pager(terminal)


def test_table_on_plain_terminal_goes_to_file(machine: Server, tmp_path: Path) -> None:
    with shell(machine, variables={"TERM": "dumb"}) as terminal:
        terminal.wait_prompt()
        terminal.line("/table --tsv id,type query-jobs > out")
        terminal.wait(lambda: (tmp_path / "out").exists(), "file")
        terminal.line("/table id,type query-jobs")
        terminal.wait_above("id  type", "j0  mirror")
        assert (tmp_path / "out").read_text() == "id\ttype\nj0\tmirror\n"
        assert terminal.leave() == 0


def test_header_is_bold_without_colours_too(machine: Server) -> None:
    with shell(machine, "--color", "never") as terminal:
        terminal.wait_prompt()
        terminal.line("/table id,type query-jobs")
        terminal.wait_above("id  type", "j0  mirror")
        y = terminal.lines.index("id  type")
        assert terminal.screen.buffer[y][0].bold
        assert not terminal.screen.buffer[y + 1][0].bold


# -- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["auto", "dark", "light"])
def test_meaning_of_number_is_dim(machine: Server, style: str) -> None:
    with shell(machine, variables=COLOURS) as terminal:
        terminal.wait_prompt()
        terminal.line(f"/set style={style}")
        terminal.line("query-memory-size-summary")
        terminal.wait_for('"base-memory": 134217728 (128 MiB)')
        number, note = terminal.colour_of("134217728"), terminal.colour_of("(128 MiB)")
        assert number != note
        assert terminal.leave() == 0


def test_meaning_of_number_is_neither_copied_nor_forced(machine: Server, tmp_path: Path) -> None:
    with shell(machine, "--color", "never") as terminal:
        terminal.wait_prompt()
        terminal.line("query-memory-size-summary > out")
        terminal.wait(lambda: (tmp_path / "out").exists(), "file")
        terminal.line("query-memory-size-summary")
        terminal.wait_for("(128 MiB)")
        assert json.loads((tmp_path / "out").read_text())["return"]["base-memory"] == 134217728
        terminal.line("/set units=off")
        terminal.type("\x0c")
        terminal.wait(lambda: "MiB" not in terminal.text, "empty screen")
        terminal.line("query-memory-size-summary")
        terminal.wait_for('"base-memory": 134217728, ')
        assert terminal.leave() == 0


# -- graphs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "rows"), [(80, 70), (200, 70)])
def test_block_graph_of_long_chain_fits(machine: Server, columns: int, rows: int) -> None:
    with Terminal("-q", machine.address, columns=columns, rows=rows) as terminal:
        terminal.wait_prompt()
        terminal.line("/graph block")
        terminal.wait_for("c consistent-read, w write")
        assert sum("backing: " in line for line in terminal.lines) == CHAIN
        assert "├─ root: filter  mirror_top  rw  1 GiB  [cw/cur]" in terminal.lines
        assert terminal.leave() == 0


def test_block_graph_in_40_columns_scrolls_sideways(machine: Server) -> None:
    with Terminal("-q", machine.address, columns=40, rows=24) as terminal:
        terminal.wait_prompt()
        terminal.line("/graph block")
        terminal.wait_for("├─ root: filter  mirror_top  rw  1 GiB >")
        terminal.wait(lambda: terminal.lines[23] == ":", "pager")
        assert terminal.lines[0] == "device vd0"
        end_pager(terminal)


def test_graph_without_unicode_has_plain_lines(machine: Server) -> None:
    with Terminal("-q", machine.address, rows=70, variables=ASCII) as terminal:
        terminal.wait_prompt()
        terminal.line("/graph block")
        terminal.wait_for("c consistent-read, w write")
        assert "|- root: filter  mirror_top  rw  1 GiB  [cw/cur]" in terminal.lines
        assert any(line.startswith("|  `- file: ") for line in terminal.lines)
        assert terminal.text.isascii()
        assert terminal.leave() == 0


def test_cut_cell_without_unicode_keeps_alignment(machine: Server) -> None:
    with Terminal("-q", machine.address, columns=100, variables=ASCII) as terminal:
        terminal.wait_prompt()
        terminal.line("/set view=table")
        terminal.line("query-migrate-capabilities; query-chardev")
        terminal.wait_for("frontend-open")
        assert terminal.text.isascii()
        assert terminal.leave() == 0


# -- live -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_watched_table_marks_growing_counter(machine: Server, columns: int) -> None:
    with shell(machine, columns=columns) as terminal:
        terminal.wait_prompt()
        terminal.line("blockdev-add driver=null-co node-name=t size=8G")
        terminal.line("/events none")
        terminal.line("blockdev-mirror job-id=j1 device=n0 target=t sync=full speed=32M")
        terminal.wait_toolbar("j1")
        terminal.line("/watch -n 0.3 /table device,offset device=j1 query-block-jobs")
        terminal.wait(lambda: marked_row(terminal) is not None, "marked row with a rate")
        terminal.type("\x03")
        terminal.wait_for("no longer watching")
        assert terminal.leave() == 0


def marked_row(terminal: Terminal) -> str | None:
    """Return the row of the job if its number is in reverse video and has a rate."""
    for y, line in enumerate(terminal.lines):
        match = re.match(r"j1 +\d+ \(\+.* [KM]iB/s\)$", line)
        if match is not None and terminal.screen.buffer[y][line.index("(") - 2].reverse:
            return line
    return None


def test_watched_graph_is_below_prompt(machine: Server) -> None:
    with shell(machine) as terminal:
        terminal.wait_prompt()
        terminal.line("/watch -n 0.2 /graph block")
        terminal.wait_for("device vd0")
        terminal.line("query-name")
        terminal.wait_for('{"return": {}}')
        terminal.wait_for("… more")
        terminal.type("\x03")
        terminal.wait_for("no longer watching /graph block")
        assert terminal.leave() == 0


def test_watched_info_shows_rate_of_growing_counter(machine: Server) -> None:
    with shell(machine, columns=80) as terminal:
        terminal.wait_prompt()
        terminal.line("blockdev-add driver=null-co node-name=t size=8G")
        terminal.line("/events none")
        terminal.line("blockdev-mirror job-id=j1 device=n0 target=t sync=full speed=32M")
        terminal.wait_toolbar("j1")
        terminal.line("/watch -n 0.3 /info block-jobs")
        rate = re.compile(r"^  offset: \d+ \(.+, \+.* [KM]iB/s\)$")
        terminal.wait(lambda: any(map(rate.match, terminal.lines)), "the rate of the job")
        terminal.type("\x03")
        terminal.wait_for("no longer watching")
        assert terminal.leave() == 0


def test_last_round_of_watched_table_is_clipped(machine: Server) -> None:
    with shell(machine, columns=60) as terminal:
        terminal.wait_prompt()
        terminal.line("/watch -n 0.1 -c 2 /table query-named-block-nodes flat=true")
        terminal.wait(
            lambda: any(line.startswith("top ") for line in terminal.lines), "the last round"
        )
        terminal.wait_prompt()
        (row,) = (line for line in terminal.lines if line.startswith("top "))
        assert (len(row), row[-1]) == (60, "…")
        assert terminal.leave() == 0
