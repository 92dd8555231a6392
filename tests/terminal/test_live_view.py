"""Test the rows of the live views of /watch and /jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from prompt_toolkit.utils import get_cwidth

from qmpshell.terminal import LiveView
from tests.harness.sessions import Driver, error, reply

CHANGED = "class:changed"


def watching(line: str, *replies: bytes) -> Driver:
    driver = Driver(interactive=True)
    driver.line(f"/watch {line}")
    for number, message in enumerate(replies, 1):
        if number > 1:
            driver.after(2)
        driver.bytes(message)
    return driver


def rows_of(
    driver: Driver, *, columns: int = 80, rows: int = 10, unicode: bool = True
) -> list[Any]:
    view = LiveView(unicode=unicode)
    assert driver.session.live_view is not None
    found = view.rows(driver.session.live_view, columns=columns, rows=rows)
    assert len(found) <= rows
    for row in found:
        assert get_cwidth("".join(text for _, text in row)) <= columns
    return found


def texts(rows: list[Any]) -> list[str]:
    return ["".join(text for _, text in row) for row in rows]


def marked(rows: list[Any]) -> list[str]:
    return [text for row in rows for style, text in row if CHANGED in style]


def test_jobs_view_shows_how_to_end_ready_job() -> None:
    driver = Driver(interactive=True)
    driver.line("/jobs")
    jobs = [{"id": "m0", "type": "mirror", "status": "ready"}]
    driver.bytes(reply([*jobs, {"id": "m1", "type": "mirror", "status": "running"}], 1))
    assert texts(rows_of(driver)) == [
        "jobs; Ctrl-C stops",
        "m0  mirror         ready job-complete ends it",
        "m1  mirror         running",
    ]


def test_watch_before_first_reply_shows_title() -> None:
    assert texts(rows_of(watching("query-x"))) == ["query-x: every 2 s; Ctrl-C stops"]


def test_watch_marks_changed_value() -> None:
    driver = watching("-n 2 query-x", reply({"a": 1, "b": "x"}, 1), reply({"a": 2, "b": "x"}, 2))
    rows = rows_of(driver)
    assert texts(rows) == [
        "query-x: every 2 s, 0.0 ms; Ctrl-C stops",
        '{"a": 2 (+0.5/s), "b": "x"}',
    ]
    assert marked(rows) == ["2"]


def test_change_mark_lasts_for_a_minimum_time() -> None:
    values = (1, 2, 2)
    driver = Driver(interactive=True)
    driver.line("/watch -n 0.4 query-x")
    for number, value in enumerate(values, 1):
        driver.after(0.4)
        driver.bytes(reply(value, number))
    assert marked(rows_of(driver)) == ["2"]
    for number in range(4, 7):
        driver.after(0.4)
        driver.bytes(reply(2, number))
    assert marked(rows_of(driver)) == []


def test_watch_of_hmp_text_marks_changes() -> None:
    driver = watching(
        "/hmp info x", reply("a: 1\r\nb\x1b: 2\r\n", 1), reply("a: 7\r\nb\x1b: 2\r\n", 2)
    )
    rows = rows_of(driver)
    assert texts(rows)[1:] == ["a: 7", "b\\x1b: 2"]
    assert marked(rows) == ["7"]


def test_watch_shows_escaped_error() -> None:
    assert texts(rows_of(watching("query-x", error("not \x1b[2J now", marker=1))))[1:] == [
        "GenericError: not \\x1b[2J now"
    ]


def test_long_reply_is_cut_to_the_rows() -> None:
    rows = texts(rows_of(watching("query-x", reply(list(range(100)), 1)), columns=30, rows=5))
    assert len(rows) == 5
    assert rows[-1] == "… more"


@pytest.mark.parametrize("columns", [5, 20, 33, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_watch_rows_fit_any_width(columns: int, unicode: bool) -> None:
    value = {"name": "日本" * 30, "x": ["y" * 50, {"z": None}], "\x1b": "\u202e"}
    driver = watching("query-x", reply(value, 1))
    shown = "\n".join(texts(rows_of(driver, columns=columns, rows=40, unicode=unicode)))
    assert not any(char in shown for char in "\x1b\u202e")


def jobs(*listed: Mapping[str, object]) -> Driver:
    driver = Driver(interactive=True)
    driver.line("/jobs")
    driver.bytes(json.dumps({"return": listed, "id": "qmpshell-1"}).encode() + b"\n")
    return driver


JOB: dict[str, object] = {"id": "j0", "type": "mirror", "status": "running"}
HALF: dict[str, object] = {"current-progress": 1, "total-progress": 2}


def test_jobs_show_progress_bar_or_percentage() -> None:
    other = {"id": "job-1", "type": "create", "status": "running"}
    assert texts(rows_of(jobs(JOB | HALF, other))) == [
        "jobs; Ctrl-C stops",
        "j0     mirror         running    ▕██████████          ▏  50 %",
        "job-1  create         running",
    ]
    assert "[##########..........]" in texts(rows_of(jobs(JOB | HALF), unicode=False))[1]
    assert texts(rows_of(jobs(JOB | HALF), columns=40))[1] == "j0  running     50 %"


@pytest.mark.parametrize("columns", [5, 20, 200])
def test_job_rows_escape_hostile_names(columns: int) -> None:
    hostile = {"id": "\x1b[2J" * 9, "type": "\x9b", "status": "日" * 40}
    shown = texts(rows_of(jobs(JOB | hostile | HALF), columns=columns))
    assert not any(char in "".join(shown) for char in "\x1b\x9b")


# -- views ----------------------------------------------------------------------------------------


def blocks(*sizes: int) -> list[dict[str, object]]:
    return [{"device": f"d{number}", "rd_bytes": size} for number, size in enumerate(sizes)]


def test_table_marks_changes_and_shows_rates() -> None:
    driver = watching(
        "/table device,rd_bytes query-blockstats",
        reply(blocks(4096, 7), 1),
        reply(blocks(6144, 7), 2),
    )
    rows = rows_of(driver)
    assert texts(rows) == [
        "/table device,rd_bytes query-blockstats: every 2 s, 0.0 ms; Ctrl-C stops",
        "device         rd_bytes",
        "d0      6144 (+1 KiB/s)",
        "d1                    7",
    ]
    assert marked(rows) == ["6144", "(+1", "KiB/s)"]


def test_table_row_that_moved_is_not_marked() -> None:
    first, second = blocks(1, 2)
    driver = watching(
        "/table query-x", reply([first, second], 1), reply([{"device": "d9"}, first, second], 2)
    )
    assert marked(rows_of(driver)) == ["d9"]


def test_error_of_later_round_is_shown_in_view() -> None:
    driver = watching("/table query-x", reply(blocks(1), 1), error("not \x1b now", marker=2))
    assert texts(rows_of(driver))[1:] == ["GenericError: not \\x1b now"]
    driver.after(2)
    driver.bytes(reply(blocks(1), 3))
    assert texts(rows_of(driver))[1:] == ["device  rd_bytes", "d0             1"]


def test_column_that_vanishes_is_shown_in_view() -> None:
    driver = watching("/table rd_bytes query-x", reply(blocks(1), 1), reply([{"device": "d"}], 2))
    assert "no column 'rd_bytes'" in texts(rows_of(driver))[1]


@pytest.mark.parametrize("columns", [5, 20, 200])
def test_view_rows_fit_any_width(columns: int) -> None:
    value = [{"name": "日本" * 30, "x": "y" * 90, "\x1b": "\u202e"}] * 30
    driver = watching("/table query-x", reply(value, 1))
    rows = rows_of(driver, columns=columns)
    assert not any(char in "".join(texts(rows)) for char in "\x1b\u202e")
    assert len(rows) == 10


def test_graph_is_watched() -> None:
    driver = Driver(interactive=True)
    driver.line("/watch /graph pci")
    device = {
        "bus": 0,
        "function": 0,
        "qdev_id": "",
        "regions": [],
        "class_info": {"desc": "VGA", "class": 768},
        "id": {"vendor": 1, "device": 2},
    }
    driver.bytes(reply([{"bus": 0, "devices": [{**device, "slot": 1}]}], 1))
    driver.after(2)
    driver.bytes(reply([{"bus": 0, "devices": [{**device, "slot": 2}]}], 2))
    rows = rows_of(driver)
    assert texts(rows)[1:] == ["bus 0", "└─ 02.0  VGA  0001:0002"]
    assert marked(rows) == ["02.0"]
