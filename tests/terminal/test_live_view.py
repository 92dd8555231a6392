"""Test the rows of the live views of /watch and /jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from prompt_toolkit.utils import get_cwidth

from qmpshell.qmp import encode_scalar
from qmpshell.render import utf8_string
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
    view = LiveView(string=utf8_string if unicode else encode_scalar, unicode=unicode)
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
    assert texts(rows) == ["query-x: every 2 s, 0.0 ms; Ctrl-C stops", '{"a": 2, "b": "x"}']
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
