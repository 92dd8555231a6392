"""The human monitor's own completion, on its own help."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.exchange import logged, logged_commands
from tests.harness.human_help import help_text, info_text
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_storage_daemon
from tests.harness.typing import clear, menu, wait_line

Start = Callable[[Callable[[Peer], object]], ScriptedServer]
DOWN, UP = "\x1b[B", "\x1b[A"
HUMAN = "(qemu)"


def wait_menu(terminal: Terminal, *entries: str) -> None:
    """Until the menu has exactly these entries, each beginning so."""

    def shown() -> bool:
        found = menu(terminal)
        return len(found) == len(entries) and all(map(str.startswith, found, entries))

    terminal.wait(shown, f"menu {entries}")


def settle(terminal: Terminal) -> None:
    """Until the program has dealt with all keys: it draws anew for a new width, which comes later."""
    before = len(terminal.raw)
    terminal.resize(terminal.screen.columns + 1, terminal.screen.lines)
    terminal.wait(lambda: len(terminal.raw) > before, "answer to a new width")


def offered_nothing(terminal: Terminal, text: str, prompt: str = HUMAN) -> None:
    """Type a text and Tab, and see that this does nothing. Then clear the line."""
    terminal.type(text)
    wait_line(terminal, f"{prompt} {text}")
    terminal.type("\t")
    settle(terminal)
    wait_line(terminal, f"{prompt} {text}")
    assert menu(terminal) == []
    clear(terminal, prompt)


def wait_learnt(terminal: Terminal, log: Path) -> None:
    """Until the answers have come; they have been dealt with before the next key."""
    terminal.wait(lambda: "info version  -- " in log.read_text(), "help in the log")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_commands_info_and_help(qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), qemu.address, columns=100) as terminal:
        terminal.wait_ready(HUMAN)
        wait_learnt(terminal, log)
        assert len(terminal.text.splitlines()) <= 4  # nothing of that has been shown
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


def test_the_versions_differ(qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), qemu.address) as terminal:
        terminal.wait_ready(HUMAN)
        wait_learnt(terminal, log)
        is_new = "QEMU 10" in terminal.text
        if is_new:
            terminal.type("one-insn\t")
            wait_line(terminal, "(qemu) one-insn-per-tb ")
            clear(terminal, HUMAN)
            offered_nothing(terminal, "singlestep o")
        else:
            terminal.type("singlestep of\t")
            wait_line(terminal, "(qemu) singlestep off")
            clear(terminal, HUMAN)
            offered_nothing(terminal, "one-insn")


def test_what_leaves_is_offered_too(one_qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), one_qemu.address) as terminal:
        terminal.wait_ready(HUMAN)
        wait_learnt(terminal, log)
        terminal.type("exi\t")
        wait_menu(terminal, "exit leave the shell", "exit_preconfig exit the preconfig")
        clear(terminal, HUMAN)
        offered_nothing(terminal, "info exi")
        terminal.type("/\t")
        wait_line(terminal, "(qemu) /quit")
        terminal.type("\r")
        assert terminal.end() == 0


def test_formats_and_pipes_are_left_alone(one_qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), one_qemu.address) as terminal:
        terminal.wait_ready(HUMAN)
        wait_learnt(terminal, log)
        for text in ("x/4", "x/4i ", "print/x ", "info name | ", "info name | inf"):
            offered_nothing(terminal, text)


def test_forty_columns(qemu: Server, log: Path) -> None:
    with Terminal("-H", "-q", "-l", str(log), qemu.address, columns=40) as terminal:
        terminal.wait_prompt(HUMAN)
        wait_learnt(terminal, log)
        terminal.type("info migr\t")
        wait_menu(terminal, "migrate ", "migrate_capabilities ", "migrate_parameters ")
        wait_line(terminal, "(qemu) info migrate")
        assert "show " in menu(terminal)[0]
        terminal.type(DOWN + DOWN)
        wait_line(terminal, "(qemu) info migrate_capabilities")
        terminal.type("\r\r")
        terminal.wait_for("xbzrle: off")
        terminal.wait_prompt(HUMAN)


def test_hmp_in_the_shell(qemu: Server, log: Path) -> None:
    with Terminal("-l", str(log), qemu.address) as terminal:
        terminal.wait_ready()
        terminal.wait(lambda: "meta-type" in log.read_text(), "schema")
        assert "human-monitor-command" not in str(logged_commands(log))
        terminal.type("/hmp ")
        wait_learnt(terminal, log)
        terminal.type("info st\t")
        wait_menu(terminal, "stats show statistics", "status show the current VM status")
        terminal.type(DOWN + DOWN)
        wait_line(terminal, "(QEMU) /hmp info status")
        terminal.type("\r\r")
        terminal.wait_above("(QEMU) /hmp info status", "VM status: paused")
        terminal.type("query-name; /hmp exi\t")
        wait_line(terminal, "(QEMU) query-name; /hmp exit_preconfig")  # exit is none of its words
        clear(terminal, "(QEMU)")
        # For the human monitor ; is text.
        offered_nothing(terminal, "/hmp info name; query-nam", "(QEMU)")
        terminal.type("query-nam\t")
        terminal.wait_for("query-named-block-nodes")
        lines = [one.get("arguments", {}).get("command-line") for one in logged_commands(log)]
        assert [line for line in lines if line] == ["help", "help info", "info status"]


@pytest.mark.parametrize("options", [("-H", "--no-probe"), ("--no-probe",), ("-N",), ("-H", "-N")])
def test_nothing_is_asked_without_leave(
    one_qemu: Server, log: Path, options: tuple[str, ...]
) -> None:
    prompt, human = (HUMAN, "") if "-H" in options else ("(QEMU)", "/hmp ")
    with Terminal(*options, "-l", str(log), one_qemu.address) as terminal:
        terminal.wait_ready(prompt)
        terminal.type(f"{human}info stat\tu\ts\r")
        terminal.wait_for("VM status" if "-N" not in options else "CommandNotFound")
        terminal.wait_prompt(prompt)
    sent = [one for one in logged_commands(log) if one["execute"] != "qmp_capabilities"]
    assert [one["arguments"]["command-line"] for one in sent] == ["info status"]


@pytest.mark.parametrize("options", [("-H",), ()], ids=["-H", "/hmp"])
def test_a_server_without_a_human_monitor(
    installation: Installation, tmp_path: Path, log: Path, options: tuple[str, ...]
) -> None:
    prompt, human = (HUMAN, "") if options else ("(QEMU)", "/hmp ")
    with (
        start_storage_daemon(installation, tmp_path / "qsd.sock") as server,
        Terminal(*options, "-l", str(log), server.address, columns=120) as terminal,
    ):
        terminal.wait_ready(prompt)
        terminal.type(human)
        terminal.wait(lambda: "CommandNotFound" in log.read_text(), "error in the log")
        terminal.type("inf")
        settle(terminal)
        assert "NotFound" not in terminal.text
        clear(terminal, prompt)
        offered_nothing(terminal, f"{human}inf", prompt)
        terminal.type(f"{human}info name\r")
        terminal.wait_for("CommandNotFound: The command human-monitor-command has not been found")
        terminal.wait_prompt(prompt)
    lines = [one.get("arguments", {}).get("command-line") for one in logged_commands(log)]
    assert [line for line in lines if line] == ["help", "info name"]


def test_an_answer_that_never_comes_holds_up_nothing(scripted: Start) -> None:
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
        terminal.wait_for("Ctrl-D leaves the shell\n")  # there is no wait that could be abandoned
        terminal.type("\x04")
        assert terminal.end() == 0


def test_the_answer_that_comes_while_a_line_is_typed_leaves_it_alone(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        command = peer.read()
        mark = peer.read()  # the shell goes on by itself only when something is typed
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


def test_hostile_help_does_not_reach_the_screen(scripted: Start, log: Path) -> None:
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
        wait_learnt(terminal, log)
        terminal.type("in\t")
        wait_menu(terminal, "info y\\x1b]0;owned\\x07\\x1b[2J\\x9b1A\\u202eowned", "inno a\\x1b")
        clear(terminal, HUMAN)
        terminal.type("info ve\t")
        wait_menu(terminal, "vera", "version v\\x1b")
        clear(terminal, HUMAN)
        terminal.type("inno \t")
        wait_line(terminal, "(qemu) inno -a")
        assert terminal.screen.title == ""
        said = terminal.raw.decode()
        assert [one for one in ("\x1b]0;owned", "\x9b", "\u202e", "\x07") if one in said] == []


def test_the_log_says_what_was_asked(qemu: Server, log: Path) -> None:
    with Terminal("-H", "-l", str(log), qemu.address) as terminal:
        terminal.wait_ready(HUMAN)
        wait_learnt(terminal, log)
    records = logged(log)
    asked = [message["id"] for _, message in records if "help" in str(message.get("arguments"))]
    answered = [message.get("id") for direction, message in records if direction == "received"]
    assert len(asked) == 2 and set(asked) <= set(answered)
