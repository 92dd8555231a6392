"""Test the command language at the prompt: types, redirects, secrets, waits and transactions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Installation, Server, one_version, start_qemu

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]


def wait_texts(terminal: Terminal, *texts: str) -> None:
    """Wait for an empty prompt with these texts above it, in order."""

    def shown() -> bool:
        position = 0
        for text in texts:
            position = terminal.text.find(text, position) + 1
            if position == 0:
                return False
        return terminal.current == "(QEMU)"

    terminal.wait(shown, f"prompt below {texts}")


def test_values_get_types_from_the_schema(installation: Installation, tmp_path: Path) -> None:
    with (
        start_qemu(installation, tmp_path / "vm.sock", machine="q35") as server,
        Terminal(server.address, "-v", columns=150) as terminal,
    ):
        terminal.wait_ready()
        terminal.line("blockdev-add driver=null-co node-name=n5 size=10M read-only=on")
        wait_texts(terminal, '"size": 10485760, "read-only": true', '{"return": {}}')
        terminal.line("block_resize node-name=n5 size=abc")
        wait_texts(terminal, "size takes a whole number, such as 5, 0x1f or 64k, not 'abc'", "^^^")


@one_version
def test_pipe_receives_replies_but_no_events(qemu: Server) -> None:
    with Terminal(qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line("cont | sed -e 's/return/REPLY/'")
        wait_texts(terminal, "RESUME", '{"REPLY": {}}')
        terminal.line("query-name | exit 3")
        wait_texts(terminal, "exit 3: ended with status 3")
        terminal.line("query-name | test -t 1 && printf 'a terminal'")
        wait_texts(terminal, "a terminal%")  # the prompt starts on a new line


def test_redirect_to_existing_file_needs_confirmation(one_qemu: Server, tmp_path: Path) -> None:
    path = tmp_path / "out"
    with Terminal(one_qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line(f"query-name > {path}")
        terminal.wait_prompt()
        terminal.wait(lambda: path.exists() and path.read_text() != "", "file")
        assert path.read_text() == '{"return": {}}\n'
        terminal.line(f"query-status > {path}")
        terminal.wait_for("exists and would be overwritten. Continue? [y/N]")
        terminal.type("n")
        wait_texts(terminal, "was not overwritten; nothing was sent")
        assert path.read_text() == '{"return": {}}\n'
        terminal.line(f"query-status > {path}")
        terminal.wait(lambda: terminal.current.endswith("Continue? [y/N]"), "question")
        terminal.type("y")
        terminal.wait_prompt()
        terminal.wait(lambda: "status" in path.read_text(), "new content")
        terminal.line(f"query-name >> {path}")
        terminal.wait(lambda: path.read_text().endswith('{"return": {}}\n'), "appended content")
        assert len(path.read_text().splitlines()) == 2
        terminal.line(f"query-name > {tmp_path}")
        wait_texts(terminal, "Is a directory")


def test_secret_is_read_without_echo_and_redacted(one_qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Terminal(one_qemu.address, "-v", "-l", str(log), columns=150) as terminal:
        terminal.wait_ready()
        terminal.line("object-add qom-type=secret id=s0 data=@?")
        terminal.wait(lambda: terminal.current == "data:", "question for the secret")
        terminal.line("hunter2")
        wait_texts(terminal, '"data": "<redacted>"', '{"return": {}}')
        terminal.line("object-add qom-type=secret id=s1 data=@?")
        terminal.wait(lambda: terminal.current == "data:", "question for the secret")
        terminal.type("\x03")
        wait_texts(terminal, "not sent")
        terminal.line("qom-list path=/objects | jq -r '.return[].name'")
        wait_texts(terminal, "s0")
        assert "s1" not in terminal.above
        assert b"hunter2" not in terminal.raw
        assert b"*" not in terminal.raw.partition(b"data: ")[2].partition(b"redacted")[0]
    assert "hunter2" not in log.read_text()


def test_transaction_can_span_lines_or_be_dropped(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("blockdev-add driver=null-co node-name=d0 size=1M")
        wait_texts(terminal, '{"return": {}}')
        terminal.line("transaction(")
        terminal.wait_prompt("...")
        terminal.line("block-dirty-bitmap-add node=d0 name=b0")
        terminal.wait_prompt("...")
        terminal.type("\x03")
        terminal.wait_prompt()
        for text in ("transaction(", "block-dirty-bitmap-add node=d0 name=b1"):
            terminal.line(text)
            terminal.wait_prompt("...")
        terminal.line(") properties.completion-mode=individual")
        wait_texts(terminal, '{"return": {}}')
        terminal.line("query-named-block-nodes | jq -c '[.return[][\"dirty-bitmaps\"][]?.name]'")
        wait_texts(terminal, '["b1"]')


def test_oob_command_overtakes_a_pending_command(scripted: Scripted) -> None:
    received: list[str] = []

    def part(peer: Peer) -> None:
        peer.negotiate()
        held = None
        while True:
            command = peer.read_the_users()
            name = command.get("execute") or command["exec-oob"]
            received.append(name)
            if name == "slow":
                held = command
            else:
                peer.reply(command, name)
            if "exec-oob" in command and held is not None:
                peer.reply(held, "at last")
                held = None

    with Terminal(scripted(part).address) as terminal:
        terminal.wait_ready()
        terminal.line("slow")
        wait_texts(terminal, "(QEMU) slow")
        terminal.line("query-name")
        terminal.line("/oob migrate-pause")
        wait_texts(
            terminal,
            '{"return": "migrate-pause"}',
            '{"return": "at last"}',
            '{"return": "query-name"}',
        )
        assert received == ["slow", "migrate-pause", "query-name"]


def test_wait_delays_next_command_until_ctrl_c(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line("/wait STOP; query-name")
        wait_texts(terminal, "(QEMU) /wait STOP; query-name")
        terminal.type("\x03")
        wait_texts(terminal, "no longer waiting for STOP", '{"return": {}}')
        terminal.line("cont; stop; /wait STOP; query-name")
        wait_texts(terminal, "RESUME", "STOP", '{"return": {}}')


@pytest.mark.parametrize("name", ["device-add", "query_status"])
def test_command_typo_gets_a_hint(one_qemu: Server, name: str) -> None:
    with Terminal(one_qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line(name)
        right = {"device-add": "device_add", "query_status": "query-status"}[name]
        wait_texts(terminal, "CommandNotFound", f"did you mean {right}?")


@one_version
def test_help_status_and_unknown_shell_command(qemu: Server) -> None:
    with Terminal(qemu.address, columns=200, rows=50) as terminal:
        terminal.wait_ready()
        terminal.line("/status")
        wait_texts(terminal, "connected", "capabilities: oob")
        terminal.line("/help")
        wait_texts(terminal, "/wait-job [-t SECONDS] ID")
        terminal.line("/nonsense")
        wait_texts(terminal, "unknown shell command /nonsense", "^^^^^^^^^", "/help shows the list")


def test_schema_is_loaded_once_in_background(one_qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Terminal(one_qemu.address, "-l", str(log)) as terminal:
        terminal.wait_ready()
        terminal.wait(lambda: "meta-type" in log.read_text(), "schema")
        terminal.line("resize id=5")
        wait_texts(terminal, "CommandNotFound")
        assert log.read_text().count('"query-qmp-schema", "id"') == 1


def test_no_probe_option_sends_only_typed_commands(one_qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Terminal(one_qemu.address, "--no-probe", "-l", str(log)) as terminal:
        terminal.wait_ready()
        terminal.line("query-nam")
        wait_texts(terminal, "CommandNotFound")
        terminal.line("query-name")
        wait_texts(terminal, '{"return": {}}')
    sent = [line for line in log.read_text().splitlines() if '"direction": "sent"' in line]
    assert len(sent) == 3  # qmp_capabilities and two lines
