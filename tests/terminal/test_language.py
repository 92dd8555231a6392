"""The language at the prompt: types, destinations, secrets, waits, transactions, `/oob`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_qemu

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]


def shows(terminal: Terminal, *texts: str) -> None:
    """Wait for an empty prompt, and above it these texts, in order."""

    def shown() -> bool:
        position = 0
        for text in texts:
            position = terminal.text.find(text, position) + 1
            if position == 0:
                return False
        return terminal.current == "(QEMU)"

    terminal.wait(shown, f"prompt below {texts}")


def test_values_are_typed_by_the_schema(installation: Installation, tmp_path: Path) -> None:
    with (
        start_qemu(installation, tmp_path / "vm.sock", machine="q35") as server,
        Terminal(server.address, "-v", columns=150) as terminal,
    ):
        terminal.wait_ready()
        terminal.line("blockdev-add driver=null-co node-name=n5 size=10M read-only=on")
        shows(terminal, '"size": 10485760, "read-only": true', '{"return": {}}')
        terminal.line("block_resize node-name=n5 size=abc")
        shows(terminal, "size takes a whole number, such as 5, 0x1f or 64k, not 'abc'", "^^^")


def test_replies_go_to_a_shell_command_and_events_do_not(qemu: Server) -> None:
    with Terminal(qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line("cont | sed -e 's/return/REPLY/'")
        shows(terminal, "RESUME", '{"REPLY": {}}')
        terminal.line("query-name | exit 3")
        shows(terminal, "exit 3: ended with status 3")
        terminal.line("query-name | test -t 1 && printf 'a terminal'")
        shows(terminal, "a terminal%")  # the prompt begins a line


def test_a_file_that_exists_is_asked_about(one_qemu: Server, tmp_path: Path) -> None:
    path = tmp_path / "out"
    with Terminal(one_qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line(f"query-name > {path}")
        terminal.wait_prompt()
        terminal.wait(lambda: path.exists() and path.read_text() != "", "file")
        assert path.read_text() == '{"return": {}}\n'
        terminal.line(f"query-status > {path}")
        terminal.wait_for("exists and would be overwritten. Go on? [y/N]")
        terminal.type("n")
        shows(terminal, "was left as it is; nothing was sent")
        assert path.read_text() == '{"return": {}}\n'
        terminal.line(f"query-status > {path}")
        terminal.wait(lambda: terminal.current.endswith("Go on? [y/N]"), "question")
        terminal.type("y")
        terminal.wait_prompt()
        terminal.wait(lambda: "status" in path.read_text(), "new content")
        terminal.line(f"query-name >> {path}")
        terminal.wait(lambda: path.read_text().endswith('{"return": {}}\n'), "appended content")
        assert len(path.read_text().splitlines()) == 2
        terminal.line(f"query-name > {tmp_path}")
        terminal.wait(lambda: terminal.current.endswith("Go on? [y/N]"), "question")
        terminal.type("y")
        shows(terminal, "Is a directory")


def test_a_secret_is_asked_for_unseen_and_never_shown(one_qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Terminal(one_qemu.address, "-v", "-l", str(log), columns=150) as terminal:
        terminal.wait_ready()
        terminal.line("object-add qom-type=secret id=s0 data=@?")
        terminal.wait(lambda: terminal.current == "data:", "question for the secret")
        terminal.line("hunter2")
        shows(terminal, '"data": "<redacted>"', '{"return": {}}')
        terminal.line("object-add qom-type=secret id=s1 data=@?")
        terminal.wait(lambda: terminal.current == "data:", "question for the secret")
        terminal.type("\x03")
        shows(terminal, "not sent")
        terminal.line("qom-list path=/objects | jq -r '.return[].name'")
        shows(terminal, "s0")
        assert "s1" not in terminal.above
        assert b"hunter2" not in terminal.raw
        assert b"*" not in terminal.raw.partition(b"data: ")[2].partition(b"redacted")[0]
    assert "hunter2" not in log.read_text()


def test_a_transaction_over_several_lines(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("blockdev-add driver=null-co node-name=d0 size=1M")
        shows(terminal, '{"return": {}}')
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
        shows(terminal, '{"return": {}}')
        terminal.line("query-named-block-nodes | jq -c '[.return[][\"dirty-bitmaps\"][]?.name]'")
        shows(terminal, '["b1"]')


def test_oob_overtakes_and_a_wait_can_be_given_up(scripted: Scripted) -> None:
    seen: list[str] = []

    def part(peer: Peer) -> None:
        peer.negotiate()
        held = None
        while True:
            command = peer.read_the_users()
            name = command.get("execute") or command["exec-oob"]
            seen.append(name)
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
        shows(terminal, "(QEMU) slow")
        terminal.line("query-name")
        terminal.line("/oob migrate-pause")
        shows(
            terminal,
            '{"return": "migrate-pause"}',
            '{"return": "at last"}',
            '{"return": "query-name"}',
        )
        assert seen == ["slow", "migrate-pause", "query-name"]


def test_a_wait_holds_up_what_follows_until_ctrl_c(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line("/wait STOP; query-name")
        shows(terminal, "(QEMU) /wait STOP; query-name")
        terminal.type("\x03")
        shows(terminal, "no longer waiting for STOP", '{"return": {}}')
        terminal.line("cont; stop; /wait STOP; query-name")
        shows(terminal, "RESUME", "STOP", '{"return": {}}')


@pytest.mark.parametrize("name", ["device-add", "query_status"])
def test_a_wrong_name_gets_a_hint(one_qemu: Server, name: str) -> None:
    with Terminal(one_qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line(name)
        right = {"device-add": "device_add", "query_status": "query-status"}[name]
        shows(terminal, "CommandNotFound", f"did you mean {right}?")


def test_help_and_status(qemu: Server) -> None:
    with Terminal(qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line("/status")
        shows(terminal, "connected", "capabilities: oob")
        terminal.line("/help")
        shows(terminal, "/wait-job [-t SECONDS] ID")
        terminal.line("/nonsense")
        shows(terminal, "there is no local command /nonsense", "^^^^^^^^^", "/help lists them")


def test_the_schema_is_loaded_before_it_is_needed(one_qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Terminal(one_qemu.address, "-l", str(log)) as terminal:
        terminal.wait_ready()
        terminal.wait(lambda: "meta-type" in log.read_text(), "schema")
        terminal.line("resize id=5")
        shows(terminal, "CommandNotFound")
        assert log.read_text().count('"query-qmp-schema", "id"') == 1


def test_without_probes_only_what_is_typed_is_sent(one_qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Terminal(one_qemu.address, "--no-probe", "-l", str(log)) as terminal:
        terminal.wait_ready()
        terminal.line("query-nam")
        shows(terminal, "CommandNotFound")
        terminal.line("query-name")
        shows(terminal, '{"return": {}}')
    sent = [line for line in log.read_text().splitlines() if '"direction": "sent"' in line]
    assert len(sent) == 3  # qmp_capabilities and two lines
