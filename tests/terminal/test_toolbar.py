"""Test the toolbar, /jobs, /watch and /events at a terminal with real servers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.program import run
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import (
    Installation,
    Server,
    one_version,
    start_agent,
    start_qemu,
    start_storage_daemon,
)

Start = Callable[[Callable[[Peer], object]], ScriptedServer]

ADD = "blockdev-add driver=null-co size=10G node-name="
MIRROR = "blockdev-mirror job-id=j0 device=a target=b sync=full speed="


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    with start_qemu(installation, tmp_path / "vm.sock", machine="q35") as server:
        yield server


def reverse_video(terminal: Terminal) -> bool:
    return bool(terminal.screen.buffer[terminal.screen.lines - 1][0].reverse)


def start_mirror(terminal: Terminal, speed: str) -> None:
    for line in (f"{ADD}a", f"{ADD}b", MIRROR + speed):
        terminal.line(line)
        terminal.wait_above('{"return": {}}')


# -- the toolbar ----------------------------------------------------------------------------------


def test_toolbar_follows_the_run_state(machine: Server) -> None:
    with Terminal(machine.address) as terminal:
        terminal.wait_ready()
        terminal.wait_toolbar("vm.sock", "QEMU", "prelaunch")
        assert re.search(r"QEMU (7\.2|10\.0)\.\d+ ", terminal.toolbar)
        assert reverse_video(terminal)
        terminal.line("cont")
        terminal.wait_toolbar("running")
        terminal.line("stop")
        terminal.wait_toolbar("paused")


@one_version
def test_toolbar_follows_changes_by_other_client(
    installation: Installation, tmp_path: Path
) -> None:
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    with (
        start_qemu(installation, tmp_path / "vm.sock", *options) as server,
        Terminal(server.address) as terminal,
    ):
        terminal.wait_ready()
        terminal.type("query-sta")
        run("-c", "cont", second)
        terminal.wait_toolbar("running")
        run("-c", "stop", second)
        terminal.wait_toolbar("paused")
        terminal.wait(lambda: terminal.current == "(QEMU) query-sta", "the line that is typed")
        run("-c", "quit", second)
        terminal.wait_toolbar("the server has exited")
        terminal.wait(lambda: terminal.current == "(QEMU) query-sta", "the line that is typed")


def test_toolbar_starts_with_the_pending_reply(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.wait_toolbar("prelaunch")
        one_qemu.stop()
        terminal.line("query-name; stop")
        terminal.line("query-uuid")
        terminal.wait_toolbar_time("waiting for the reply to query-name", 2)
        text = "Ctrl-C stops waiting; 2 more are queued"
        terminal.wait(
            lambda: terminal.toolbar.startswith("waiting for") and text in terminal.toolbar, "it"
        )
        terminal.resize(40, 24)
        terminal.wait(
            lambda: len(terminal._toolbar_rows) == 3 and text in terminal.toolbar,
            "three rows of it",
        )


def test_toolbar_shows_lost_connection(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        one_qemu.kill()
        terminal.wait_toolbar("vm.sock", "connection lost")


def test_toolbar_setting_and_small_screen_hide_it(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.wait_toolbar("prelaunch")
        terminal.line("/set toolbar=off")
        terminal.wait(lambda: terminal.toolbar == "", "no toolbar")
        terminal.line("/set toolbar=on")
        terminal.wait_toolbar("prelaunch")
        terminal.resize(100, 9)
        terminal.wait(lambda: terminal.toolbar == "", "no toolbar")
        terminal.resize(60, 24)
        terminal.wait_toolbar("prelaunch")


@pytest.mark.parametrize("options", [("--no-probe",), ("-N",)], ids=str)
def test_no_probe_option_sends_no_toolbar_query(scripted: Start, options: tuple[str, ...]) -> None:
    names: list[str] = []

    def part(peer: Peer) -> None:
        if "-N" not in options:
            peer.send(b'{"QMP": {"version": {"qemu": {"major": 9, "minor": 1, "micro": 0}}}}\r\n')
            peer.reply(peer.read())
        peer.send(b'{"event": "STOP"}\r\n{"event": "JOB_STATUS_CHANGE", "data":')
        peer.send(b' {"id": "j0", "status": "running"}}\r\n')
        for _ in range(2):
            command = peer.read()
            names.append(command["execute"])
            peer.reply(command)
        peer.ended()

    with Terminal("-q", *options, scripted(part).address) as terminal:
        terminal.wait_for("JOB_STATUS_CHANGE")
        terminal.wait_toolbar("scripted.sock")
        for line in ("one", "two"):
            terminal.line(line)
            terminal.wait_above(f"(QEMU) {line}", '{"return": {}}')
        assert names == ["one", "two"]
        assert not re.search("paused|j0", terminal.toolbar)


def test_toolbar_with_storage_daemon_shows_jobs_only(
    installation: Installation, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with (
        start_storage_daemon(installation, tmp_path / "qsd.sock") as server,
        Terminal("-l", str(log), server.address) as terminal,
    ):
        terminal.wait_ready()
        terminal.wait_toolbar("storage daemon ")
        start_mirror(terminal, "2M")
        terminal.wait_toolbar("mirror j0", " %")
        terminal.line("block-job-cancel device=j0 force=true")
        terminal.wait(lambda: "j0" not in terminal.toolbar, "no job")
    assert log.read_text().count('"execute": "query-status"') == 1
    assert log.read_text().count('"execute": "query-migrate"') == 1


@one_version
def test_toolbar_with_agent_shows_address(installation: Installation, tmp_path: Path) -> None:
    with (
        start_agent(installation, tmp_path) as server,
        Terminal("-N", "--wait", "60", server.address) as terminal,
    ):
        terminal.wait_prompt()
        terminal.line("guest-ping")
        terminal.wait_above('{"return": {}}')
        terminal.wait_toolbar("ga.sock")


def test_toolbar_follows_a_migration(installation: Installation, tmp_path: Path) -> None:
    options = ("-m", "2G")  # zero pages migrate quickly
    with (
        start_qemu(installation, tmp_path / "vm.sock", *options, machine="q35") as server,
        Terminal(server.address, columns=120) as terminal,
    ):
        terminal.wait_ready()
        terminal.line("migrate-set-parameters max-bandwidth=10000")
        terminal.wait_above('{"return": {}}')
        terminal.line('migrate uri="exec:cat > /dev/null"')
        terminal.wait_toolbar("migration", " %")
        terminal.line("migrate_cancel")
        terminal.wait_toolbar("migration cancelled")
        terminal.line("migrate-set-parameters max-bandwidth=10G")
        terminal.line('migrate uri="exec:cat > /dev/null"')
        terminal.wait_toolbar("migration completed", "postmigrate")


def test_ascii_terminal_gets_ascii_progress_bar(one_qemu_q35: Server) -> None:
    with Terminal(one_qemu_q35.address, variables={"PYTHONIOENCODING": "ascii"}) as terminal:
        terminal.wait_ready()
        start_mirror(terminal, "100M")
        terminal.wait_toolbar("mirror j0 [", "] ")
        assert terminal.toolbar.isascii()


@pytest.fixture
def one_qemu_q35(tmp_path: Path) -> Iterator[Server]:
    from tests.harness.servers import SYSTEM

    with start_qemu(SYSTEM, tmp_path / "vm.sock", machine="q35") as server:
        yield server


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}], ids=["colours", "NO_COLOR"])
def test_toolbar_colours_the_run_state(one_qemu: Server, variables: dict[str, str]) -> None:
    with Terminal(one_qemu.address, variables=variables) as terminal:
        terminal.wait_ready()
        terminal.wait_toolbar("prelaunch")
        assert terminal.colour_of("prelaunch") == ("default" if variables else "brown")
        assert reverse_video(terminal)
        terminal.line("cont")
        terminal.wait_toolbar("running")
        assert terminal.colour_of("running") == ("default" if variables else "green")


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_toolbar_is_one_row_at_any_width(one_qemu_q35: Server, columns: int) -> None:
    with Terminal("-q", one_qemu_q35.address, columns=columns) as terminal:
        terminal.wait_prompt()
        terminal.wait_toolbar("prelaunch")
        assert len(terminal._toolbar_rows) == 1


def test_toolbar_does_not_block_typing_during_storm(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        peer.reply(peer.read_the_users())
        command = None
        while command is None:
            peer.send(b'{"event": "RESUME"}\r\n{"event": "STOP"}\r\n' * 50)
            command = peer.poll_the_users()
        while command["execute"] != "query-uuid":
            peer.reply(command, {"status": "paused"})
            command = peer.read()
        peer.reply(command, "heard")
        peer.ended()

    with Terminal(scripted(part).address) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_for("STOP")
        terminal.type("query-uu")
        terminal.wait(lambda: terminal.current == "(QEMU) query-uu", "echo in the storm")
        terminal.type("id\r")
        terminal.wait_above('{"return": "heard"}')
        terminal.wait_toolbar("scripted.sock")


# -- /jobs ----------------------------------------------------------------------------------------


def test_jobs_view_shows_progress_until_done(machine: Server) -> None:
    with Terminal(machine.address) as terminal:
        terminal.wait_ready()
        start_mirror(terminal, "200M")
        terminal.line("/jobs")
        terminal.wait_for("jobs; Ctrl-C stops")
        terminal.wait_for("j0  mirror         running")
        terminal.wait(lambda: bool(re.search(r"▕█.*▏ +\d+ %", terminal.text)), "a bar")
        terminal.type("block-job-set-speed device=j0 speed=0")
        terminal.wait(lambda: terminal.current.endswith("speed=0"), "what is typed")
        terminal.type("\r")
        terminal.wait_for("j0  mirror         ready")
        terminal.line("block-job-complete device=j0")
        terminal.wait_for("job j0 (mirror): done")
        terminal.wait(lambda: "Ctrl-C ends it" not in terminal.text, "no view of the jobs")


def test_ctrl_c_ends_the_jobs_view(one_qemu_q35: Server) -> None:
    with Terminal(one_qemu_q35.address) as terminal:
        terminal.wait_ready()
        start_mirror(terminal, "2M")
        terminal.line("/jobs")
        terminal.wait_for("jobs; Ctrl-C stops")
        terminal.wait_prompt()
        terminal.type("\x03")
        terminal.wait_above("no longer watching the jobs")
        terminal.wait(lambda: "Ctrl-C ends it" not in terminal.text, "end of the view")
        terminal.wait_toolbar("mirror j0")


# -- /watch ---------------------------------------------------------------------------------------


def marked(terminal: Terminal) -> list[str]:
    """Return the texts in reverse video above the toolbar."""
    found = []
    for y in range(terminal.screen.lines):
        if y not in terminal._toolbar_rows:
            row = [terminal.screen.buffer[y][x] for x in range(terminal.screen.columns)]
            text = "".join(cell.data if cell.reverse else "\n" for cell in row)
            found += [part for part in text.split("\n") if part]
    return found


@one_version
def test_watch_redraws_in_place_and_marks_changes(machine: Server) -> None:
    with Terminal(machine.address, columns=80) as terminal:
        terminal.wait_ready()
        terminal.line("/watch -n 0.2 query-status")
        terminal.wait_for("query-status: every 0.2 s")
        terminal.wait_for('{"status": "prelaunch", ')
        terminal.wait_prompt()
        assert marked(terminal) == []
        terminal.line("cont")
        # The marks may be gone when the screen is looked at: they last a second.
        marks = re.compile(rb';7m"running".*;7mtrue', re.DOTALL)
        terminal.wait(lambda: bool(marks.search(terminal.raw)), "changes that are marked")
        terminal.wait(lambda: marked(terminal) == [], "no more changes")
        assert terminal.text.count("query-status: every") == 1
        terminal.type("\x03")
        terminal.wait_above('"status": "running"', "no longer watching query-status")
        terminal.wait(lambda: "every" not in terminal.text, "end of the view")


def test_watch_accepts_hmp_command(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line("/watch -n 0.2 /hmp info status")
        terminal.wait_for("VM status: paused")
        terminal.line("cont")
        terminal.wait_for("VM status: running")
        terminal.line("quit")
        terminal.wait(lambda: terminal.current.endswith("[y/N]"), "question")
        terminal.type("y")
        terminal.wait_for("the server has exited")
        terminal.wait(lambda: "every 0.2 s" not in terminal.text, "no view of the reply")


def test_watch_of_long_reply_keeps_prompt_visible(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, rows=20) as terminal:
        terminal.wait_ready()
        terminal.line("/watch -n 0.2 query-commands")
        terminal.wait_for("more")
        terminal.wait_prompt()
        assert terminal.screen.cursor.y < 12
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')


def test_events_appear_during_watch(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        for number in range(5):
            command = peer.read_the_users()
            peer.send(b'{"event": "TICK", "data": {"n": %d}}\r\n' % number)
            peer.reply(command, {"n": number})
        peer.ended()

    with Terminal(scripted(part).address) as terminal:
        terminal.wait_ready()
        terminal.line("/watch -n 0.1 query-name")
        terminal.wait_for('TICK {"n": 4}')
        terminal.wait(lambda: '\n{"n": 4 (+' in terminal.text, "the latest reply in the view")
        assert sum(line.startswith('{"n"') for line in terminal.lines) == 1


# -- /events --------------------------------------------------------------------------------------


def test_events_command_mutes_and_lists_events(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line("/events -RESUME")
        terminal.line("cont; stop")
        terminal.wait_above(" STOP", '{"return": {}}')
        assert "RESUME" not in terminal.text.replace("-RESUME", "")
        terminal.line("/events list")
        terminal.wait_above("(QEMU) /events list", " RESUME", " STOP")
        terminal.line("/events +RESUME")
        terminal.line("cont")
        terminal.wait_above("(QEMU) cont", " RESUME", '{"return": {}}')


# -- keys -----------------------------------------------------------------------------------------


def test_editing_setting_switches_vi_and_emacs_keys(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type("name\x01query-")  # Ctrl-A: start of line
        terminal.wait(lambda: terminal.current == "(QEMU) query-name", "emacs keys")
        terminal.type("\x05\x15")  # Ctrl-E, Ctrl-U
        terminal.line("/set editing=vi")
        terminal.wait_prompt()
        terminal.type("name\x1b")
        terminal.wait(lambda: terminal.screen.cursor.x == len("(QEMU) nam"), "vi's navigation")
        terminal.type("Iquery-")
        terminal.wait(lambda: terminal.current == "(QEMU) query-name", "vi keys")
        terminal.type("\r")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
        terminal.line("/set editing=emacs")
        terminal.wait_prompt()
        terminal.type("status\x01query-")
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "emacs keys again")
