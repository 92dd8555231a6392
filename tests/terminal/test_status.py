"""Test the layout and the parts of the toolbar."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from prompt_toolkit.utils import get_cwidth

from qmpshell.terminal import ToolbarPart, clip, clip_left, layout_toolbar, status_parts
from qmpshell.terminal.styles import Fragments
from tests.harness.sessions import GREETING, Driver, event, reply

PARTS = [
    ToolbarPart([[("", "/run/user/1000/vm.sock")], [("", "…/vm.sock")]], rank=3),
    ToolbarPart([[("", "QEMU 10.0.2")], [("", "10.0.2")]], rank=4),
    ToolbarPart([[("", "running")]], rank=0),
    ToolbarPart([[("", "mirror j0 ######## 43 %")], [("", "j0 43 %")]], rank=1),
]
WAITING = "waiting for the reply to query-status, 7 s; Ctrl-C stops waiting; 2 more are queued"


def texts(rows: list[Fragments]) -> list[str]:
    return ["".join(text for _, text in row) for row in rows]


def shown(columns: int, lead: str = "") -> list[str]:
    return [text.strip() for text in texts(layout_toolbar(lead, PARTS, columns))]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (20, "running  j0 43 %"),
        (30, "…/vm.sock  running  j0 43 %"),
        (40, "…/vm.sock  10.0.2  running  j0 43 %"),
        (60, "…/vm.sock  QEMU 10.0.2  running  mirror j0 ######## 43 %"),
        (80, "/run/user/1000/vm.sock  QEMU 10.0.2  running  mirror j0 ######## 43 %"),
    ],
)
def test_layout_drops_parts_by_rank(columns: int, line: str) -> None:
    assert shown(columns) == [line]


def test_layout_puts_uncut_wait_text_first() -> None:
    assert shown(120, WAITING) == [f"{WAITING}  …/vm.sock  running  j0 43 %"]
    assert shown(len(WAITING) + 2, WAITING) == [WAITING]
    assert " ".join(shown(40, WAITING)) == WAITING
    assert len(shown(40, WAITING)) == 3


def test_layout_cuts_wait_text_to_four_rows() -> None:
    rows = shown(20, WAITING * 3)
    assert len(rows) == 4
    assert rows[-1].endswith("…")


def test_layout_without_parts_has_no_rows() -> None:
    assert layout_toolbar("", [], 80) == []


forms = st.lists(st.text("ab 日é", min_size=1, max_size=30), min_size=1, max_size=3)
parts_of = st.lists(
    st.builds(
        lambda texts, rank: ToolbarPart([[("", text)] for text in texts], rank=rank),
        forms,
        st.integers(0, 5),
    ),
    max_size=6,
)


@given(st.text("ab 日é", max_size=200), parts_of, st.integers(20, 200))
def test_layout_rows_have_the_terminal_width(
    lead: str, parts: list[ToolbarPart], columns: int
) -> None:
    for row in texts(layout_toolbar(lead, parts, columns)):
        assert get_cwidth(row) == columns


@given(st.text("ab日", max_size=40), st.integers(0, 40))
def test_clip_returns_at_most_the_width(text: str, columns: int) -> None:
    for clipped in (clip(text, columns), clip_left(text, columns)):
        assert get_cwidth(clipped) <= columns
        assert clipped == text or get_cwidth(text) > columns


# -- the parts ------------------------------------------------------------------------------------


def line(driver: Driver, columns: int = 200, *, unicode: bool = True) -> str:
    (text,) = texts(layout_toolbar("", status_parts(driver.session, unicode=unicode), columns))
    return text.strip()


def styles_of(driver: Driver) -> dict[str, str]:
    (row,) = layout_toolbar("", status_parts(driver.session, unicode=True), 200)
    return {text.strip(): style for style, text in row if text.strip()}


def watching(status: str = "running") -> Driver:
    driver = Driver(interactive=True)
    driver.session.track_vm(driver.now)
    driver.after(0)
    driver.bytes(reply({"status": status}, 1))
    return driver


def test_parts_show_address_server_and_run_state() -> None:
    assert line(watching()) == "vm.sock  QEMU 7.2.22   running"
    assert line(Driver(interactive=True)) == "vm.sock  QEMU 7.2.22"


@pytest.mark.parametrize(
    ("status", "style"),
    [
        ("running", "class:toolbar.good"),
        ("paused", "class:toolbar.notable"),
        ("prelaunch", "class:toolbar.notable"),
        ("guest-panicked", "class:toolbar.bad"),
        ("io-error", "class:toolbar.bad"),
    ],
)
def test_run_state_style_depends_on_status(status: str, style: str) -> None:
    assert styles_of(watching(status))[status] == style


def test_lost_connection_replaces_other_parts() -> None:
    driver = watching()
    driver.gone()
    assert line(driver) == "vm.sock  connection lost"
    assert styles_of(driver)["connection lost"] == "class:toolbar.bad"


def test_shutdown_event_shows_server_exit() -> None:
    driver = watching()
    driver.bytes(event("SHUTDOWN"))
    driver.gone()
    assert line(driver) == "vm.sock  the server has exited"


def test_missing_greeting_is_shown() -> None:
    driver = Driver(interactive=True, greeted=False)
    assert line(driver) == "vm.sock  no greeting yet"
    driver.bytes(GREETING)
    assert line(driver) == "vm.sock  no answer yet"


def listed(**changes: object) -> dict[str, object]:
    job = {"id": "j0", "type": "mirror", "status": "running"}
    return job | {"current-progress": 43, "total-progress": 100} | changes


def with_jobs(*jobs: dict[str, object]) -> Driver:
    driver = watching()
    assert driver.session.vm is not None
    driver.session.vm.jobs.update(list(jobs))
    return driver


def test_running_job_has_progress_bar() -> None:
    driver = with_jobs(listed())
    assert line(driver).endswith("running   mirror j0 ▕███▍    ▏ 43 %")
    assert line(driver, unicode=False).endswith("running   mirror j0 [###.....] 43 %")
    assert line(driver, 30) == "vm.sock   running   j0 43 %"


def test_job_status_is_shown_unless_running() -> None:
    assert "mirror j0 ready ▕" in line(with_jobs(listed(status="ready")))
    idle = {"current-progress": 0, "total-progress": 0}
    assert line(with_jobs(listed(status="created") | idle)).endswith("mirror j0 created")


def test_several_jobs_show_their_count() -> None:
    driver = with_jobs(*(listed(id=f"job{number}") for number in range(9)))
    assert "9 jobs  mirror job0 ▕" in line(driver)
    assert line(driver, 30).startswith("running   9 jobs  job0 43 %")


def test_failed_job_is_shown_as_concluded() -> None:
    driver = with_jobs(listed(status="concluded", error="No space"), listed(id="j1"))
    assert line(driver).endswith("1 job concluded")
    assert styles_of(driver)["1 job concluded"] == "class:toolbar.bad"


def test_job_names_are_escaped() -> None:
    driver = with_jobs(listed(id="\x1b[2J", type="\x9b\u202e", status="\x07"))
    text = line(driver)
    assert "\\x1b[2J" in text and "\\x07" in text
    assert not any(char in text for char in "\x1b\x9b\u202e\x07")


def test_migration_shows_progress_and_failure() -> None:
    driver = watching()
    assert driver.session.vm is not None
    migration = driver.session.vm.migration
    migration.update({"status": "active", "ram": {"total": 100, "remaining": 25}})
    assert line(driver).endswith("migration ▕██████  ▏ 75 %")
    migration.update({"status": "pre-switchover", "ram": {"total": 100, "remaining": 25}})
    assert "migration pre-switchover ▕" in line(driver)
    migration.update({"status": "failed"})
    assert line(driver).endswith("migration failed")
    assert styles_of(driver)["migration failed"] == "class:toolbar.bad"
