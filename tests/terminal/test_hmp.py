"""Test completion of human monitor commands from the monitor's help text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.exchange import logged, logged_commands
from tests.harness.human_help import help_text, info_text
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Installation, Server, one_version, start_storage_daemon
from tests.harness.typing import clear, menu, wait_line

Start = Callable[[Callable[[Peer], object]], ScriptedServer]
DOWN, UP = "\x1b[B", "\x1b[A"
HUMAN = "(qemu)"


def wait_menu(terminal: Terminal, *entries: str) -> None:
    """Wait until each menu entry starts with the corresponding text."""

    def shown() -> bool:
        found = menu(terminal)
        return len(found) == len(entries) and all(map(str.startswith, found, entries))

    terminal.wait(shown, f"menu {entries}")


def wait_redraw(terminal: Terminal) -> None:
    """Resize the screen and wait for the redraw, which follows all earlier keys."""
    terminal.resize(terminal.screen.columns + 1, terminal.screen.lines)
    before = len(terminal.raw)
    terminal.wait(lambda: len(terminal.raw) > before, "answer to a new width")


def assert_no_completion(terminal: Terminal, text: str, prompt: str = HUMAN) -> None:
    """Assert that Tab after the text changes nothing, and clear the line."""
    terminal.type(text)
    wait_line(terminal, f"{prompt} {text}")
    terminal.type("\t")
    wait_redraw(terminal)
    wait_line(terminal, f"{prompt} {text}")
    assert menu(terminal) == []
    clear(terminal, prompt)


def is_logged(text: str, log: Path) -> bool:
    """Return True if the text is in the log, and the last line of the log is complete."""
    found = log.read_text()
    return text in found and found.endswith("\n")


def wait_help(terminal: Terminal, log: Path) -> None:
    """Wait until the help replies are logged; the shell parses them before the next key."""
    terminal.wait(lambda: is_logged("info version  -- ", log), "help in the log")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_hmp_commands_arguments_and_flags_complete(qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), qemu.address, columns=100) as terminal:
        terminal.wait_ready(HUMAN)
        wait_help(terminal, log)
        assert len(terminal.text.splitlines()) <= 5  # the help replies are hidden
        terminal.type("inf\t")
        wait_line(terminal, "(qemu) info ")
        terminal.type("blo\t")
        wait_menu(
            terminal,
            "block show info of one block device or all block devices",
            "block-jobs show progress of ongoing block device operations",
            "blockstats show block device statistics",
        )
        wait_line(terminal, "(qemu) info block")
        terminal.type(DOWN + DOWN)
        wait_line(terminal, "(qemu) info block-jobs")
        terminal.type(DOWN + UP + UP)
        wait_line(terminal, "(qemu) info block ")
        terminal.type(DOWN + "\r\r")
        terminal.wait_above("(qemu) info block-jobs", "No active jobs", prompt=HUMAN)
        terminal.type("help migr\t")
        wait_line(terminal, "(qemu) help migrate")
        terminal.wait_for("migrate_set_capability  Enable/Disable the usage of a capability")
        clear(terminal, HUMAN)
        terminal.type("? info st\t")
        wait_menu(terminal, "stats show statistics", "status show the current VM status")
        clear(terminal, HUMAN)
        terminal.type("help info registe\t")
        wait_line(terminal, "(qemu) help info registers")
        terminal.type("\r")
        terminal.wait_for("info registers [-a|vcpu] -- show the cpu registers")
        terminal.wait_prompt(HUMAN)
        terminal.type("info block \t")
        wait_menu(terminal, "-n show named nodes", "-v show details")
        clear(terminal, HUMAN)
        terminal.type("set_link net0 of\t")
        wait_line(terminal, "(qemu) set_link net0 off")


def test_completion_matches_commands_of_the_version(qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), qemu.address) as terminal:
        terminal.wait_ready(HUMAN)
        wait_help(terminal, log)
        is_new = "QEMU 10" in terminal.text
        if is_new:
            terminal.type("one-insn\t")
            wait_line(terminal, "(qemu) one-insn-per-tb ")
            clear(terminal, HUMAN)
            assert_no_completion(terminal, "singlestep o")
        else:
            terminal.type("singlestep of\t")
            wait_line(terminal, "(qemu) singlestep off")
            clear(terminal, HUMAN)
            assert_no_completion(terminal, "one-insn")


def test_exit_commands_of_shell_complete_too(one_qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), one_qemu.address) as terminal:
        terminal.wait_ready(HUMAN)
        wait_help(terminal, log)
        terminal.type("exi\t")
        wait_menu(terminal, "exit leave the shell", "exit_preconfig exit the preconfig")
        clear(terminal, HUMAN)
        assert_no_completion(terminal, "info exi")
        terminal.type("/qu\t")
        wait_line(terminal, "(qemu) /quit")
        terminal.type("\r")
        assert terminal.end() == 0


def test_tab_after_format_does_nothing(one_qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), one_qemu.address) as terminal:
        terminal.wait_ready(HUMAN)
        wait_help(terminal, log)
        for text in ("x/4", "x/4i ", "print/x "):
            assert_no_completion(terminal, text)


@one_version
def test_hmp_menu_at_forty_columns_fits_screen(qemu: Server, log: Path) -> None:
    with Terminal("-H", "-q", "-l", str(log), qemu.address, columns=40) as terminal:
        terminal.wait_prompt(HUMAN)
        wait_help(terminal, log)
        terminal.type("info migr\t")
        wait_menu(terminal, "migrate ", "migrate_capabilities ", "migrate_parameters ")
        wait_line(terminal, "(qemu) info migrate")
        assert "show " in menu(terminal)[0]
        terminal.type(DOWN + DOWN)
        wait_line(terminal, "(qemu) info migrate_capabilities")
        terminal.type("\r\r")
        terminal.wait_for("xbzrle: off")
        terminal.wait_prompt(HUMAN)


def test_hmp_command_in_qmp_shell_completes(qemu: Server, log: Path) -> None:
    with Terminal("-l", str(log), qemu.address) as terminal:
        terminal.wait_ready()
        terminal.wait(lambda: is_logged("meta-type", log), "schema")
        assert "human-monitor-command" not in str(logged_commands(log))
        terminal.type("/hmp ")
        wait_help(terminal, log)
        terminal.type("info st\t")
        wait_menu(terminal, "stats show statistics", "status show the current VM status")
        terminal.type(DOWN + DOWN)
        wait_line(terminal, "(QEMU) /hmp info status")
        terminal.type("\r\r")
        terminal.wait_above("(QEMU) /hmp info status", "VM status: paused")
        terminal.type("query-name; /hmp exi\t")
        wait_line(terminal, "(QEMU) query-name; /hmp exit_preconfig")  # /hmp has no exit command
        clear(terminal, "(QEMU)")
        # The human monitor treats ; as text.
        assert_no_completion(terminal, "/hmp info name; query-nam", "(QEMU)")
        terminal.type("query-nam\t")
        terminal.wait_for("query-named-block-nodes")
        lines = [
            command.get("arguments", {}).get("command-line") for command in logged_commands(log)
        ]
        assert [line for line in lines if line] == ["help", "help info", "info status"]


@pytest.mark.parametrize("options", [("-H", "--no-probe"), ("--no-probe",), ("-N",), ("-H", "-N")])
def test_no_probe_option_sends_no_help_query(
    one_qemu: Server, log: Path, options: tuple[str, ...]
) -> None:
    prompt, human = (HUMAN, "") if "-H" in options else ("(QEMU)", "/hmp ")
    with Terminal(*options, "-l", str(log), one_qemu.address) as terminal:
        terminal.wait_ready(prompt)
        terminal.type(f"{human}info stat\tu\ts\r")
        terminal.wait_for("VM status" if "-N" not in options else "CommandNotFound")
        terminal.wait(lambda: is_logged("info status", log), "command in the log")
    sent = [command for command in logged_commands(log) if command["execute"] != "qmp_capabilities"]
    assert [command["arguments"]["command-line"] for command in sent] == ["info status"]


@pytest.mark.parametrize("options", [("-H",), ()], ids=["-H", "/hmp"])
def test_server_without_human_monitor_completes_nothing(
    installation: Installation, tmp_path: Path, log: Path, options: tuple[str, ...]
) -> None:
    prompt, human = (HUMAN, "") if options else ("(QEMU)", "/hmp ")
    with (
        start_storage_daemon(installation, tmp_path / "qsd.sock") as server,
        Terminal(*options, "-l", str(log), server.address, columns=120) as terminal,
    ):
        terminal.wait_ready(prompt)
        terminal.type(human)
        terminal.wait(lambda: is_logged("CommandNotFound", log), "error in the log")
        terminal.type("inf")
        wait_redraw(terminal)
        assert "NotFound" not in terminal.text
        clear(terminal, prompt)
        assert_no_completion(terminal, f"{human}inf", prompt)
        terminal.type(f"{human}savevm x\r")
        terminal.wait_for("CommandNotFound: The command human-monitor-command has not been found")
        terminal.wait(lambda: is_logged("savevm x", log), "command in the log")
    lines = [command.get("arguments", {}).get("command-line") for command in logged_commands(log)]
    assert [line for line in lines if line] == ["help", "savevm x"]


def test_missing_help_reply_does_not_block_commands(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        assert peer.read()["arguments"] == {"command-line": "help"}
        command = peer.read()
        assert command["arguments"] == {"command-line": "infX"}
        peer.reply(command, "the reply\r\n")
        peer.ended()

    with Terminal("-H", scripted(part).address) as terminal:
        terminal.wait_ready(HUMAN)
        terminal.type("inf\tX\r")
        terminal.wait_above("(qemu) infX", "the reply", prompt=HUMAN)
        terminal.type("\x03")
        terminal.wait_for("Ctrl-D leaves the shell\n")  # the shell does not wait for the help query
        terminal.type("\x04")
        assert terminal.end() == 0


def test_help_reply_during_typing_keeps_the_line(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        command = peer.read()
        mark = peer.read()  # the shell sends the next query only after input
        peer.reply(mark, "now\r\n")
        peer.reply(command, help_text("10"))
        peer.reply(peer.read(), info_text("10"))
        peer.send(b'{"event": "LEARNT", "timestamp": {"seconds": 1, "microseconds": 0}}\r\n')
        peer.ended()

    with Terminal("-H", scripted(part).address) as terminal:
        terminal.wait_ready(HUMAN)
        terminal.type("go\rinf")
        terminal.wait_for("LEARNT")
        wait_line(terminal, "(qemu) inf")
        assert "--" not in terminal.text
        terminal.type("\t")
        wait_line(terminal, "(qemu) info ")


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b1A\u202eowned"


def test_hostile_help_text_is_escaped(scripted: Start, log: Path) -> None:
    names = f"in{HOSTILE}|inno\r\nin{HOSTILE}  -- x\r\ninfo x{HOSTILE} -- y{HOSTILE}\r\n"
    info = f"info in{HOSTILE}  -- x\r\ninfo version  -- v{HOSTILE}\r\ninfo vera  -- v\r\n"

    def part(peer: Peer) -> None:
        peer.negotiate()
        for text in (f"inno [-a] -- a{HOSTILE} (-a: b{HOSTILE})\r\n{names}", info):
            command = peer.read()
            message = {"return": text, "id": command["id"]}
            peer.send(json.dumps(message, ensure_ascii=False).encode() + b"\r\n")
        peer.ended()

    with Terminal("-H", "-l", str(log), scripted(part).address, columns=120) as terminal:
        terminal.wait_ready(HUMAN)
        wait_help(terminal, log)
        terminal.type("in\t")
        wait_menu(terminal, "info y\\x1b]0;owned\\x07\\x1b[2J\\x9b1A\\u202eowned", "inno a\\x1b")
        clear(terminal, HUMAN)
        terminal.type("info ve\t")
        wait_menu(terminal, "vera", "version v\\x1b")
        clear(terminal, HUMAN)
        terminal.type("inno \t")
        wait_line(terminal, "(qemu) inno -a")
        assert terminal.screen.title == ""
        output = terminal.raw.decode()
        assert [text for text in ("\x1b]0;owned", "\x9b", "\u202e", "\x07") if text in output] == []


def test_log_contains_help_queries_and_replies(qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), qemu.address) as terminal:
        terminal.wait_ready(HUMAN)
        wait_help(terminal, log)
    records = logged(log)
    query_ids = [message["id"] for _, message in records if "help" in str(message.get("arguments"))]
    answered = [message.get("id") for direction, message in records if direction == "received"]
    assert len(query_ids) == 2 and set(query_ids) <= set(answered)


@one_version
def test_f1_opens_long_help_in_the_pager(qemu: Server) -> None:
    with Terminal("-H", qemu.address) as terminal:
        terminal.wait_ready(HUMAN)
        terminal.type("\x1bOP")
        terminal.wait(lambda: terminal.current == ":", "pager")
        assert len(terminal.text.splitlines()) == 24
        terminal.type("q")
        terminal.wait_prompt(HUMAN)
        terminal.type("info\x1bOP")
        terminal.wait(lambda: terminal.current == ":", "pager")
        terminal.type("q")
        wait_line(terminal, "(qemu) info")


def test_last_shows_long_hmp_reply_in_pager(one_qemu: Server) -> None:
    with Terminal("-H", one_qemu.address) as terminal:
        terminal.wait_ready(HUMAN)
        terminal.line("help")
        terminal.wait_for("; /last shows all")
        terminal.wait_prompt(HUMAN)
        terminal.line("/last")
        terminal.wait(lambda: terminal.current == ":", "pager")
        terminal.type("q")
        terminal.wait_prompt(HUMAN)
        terminal.line("/last | grep -c info")
        terminal.wait(lambda: terminal.above[0].strip().isdecimal(), "count")


def test_shell_commands_work_in_the_human_monitor(one_qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), one_qemu.address, rows=60) as terminal:
        terminal.wait_ready(HUMAN)
        wait_help(terminal, log)
        terminal.line("/set fold=10")
        terminal.wait_prompt(HUMAN)
        terminal.line("/status")
        terminal.wait_for("capabilities: oob")
        terminal.wait_prompt(HUMAN)
        terminal.line("stop")
        terminal.line("/wait -t 1 POWERDOWN")
        terminal.wait_for("no POWERDOWN within 1 s")
        terminal.wait_prompt(HUMAN)
        terminal.line("/nonsense")
        terminal.wait_for("unknown shell command /nonsense")
        terminal.wait_prompt(HUMAN)
        terminal.type("/sta\t")
        wait_line(terminal, "(qemu) /status")
        clear(terminal, HUMAN)
        terminal.type("/set tool\t")
        wait_line(terminal, "(qemu) /set toolbar=")
        clear(terminal, HUMAN)
        terminal.type("/wait\x1bOP")
        terminal.wait_for("/wait [-t SECONDS | --check]")
    sent = [command.get("arguments", {}) for command in logged_commands(log)]
    assert [line for line in sent if "/" in str(line.get("command-line"))] == []
