"""Tests of completion in the user's shell from a server."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from qmpshell import connect
from qmpshell.cli import server_completion
from qmpshell.cli.shell_completion import complete_qom_path
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_qemu
from tests.harness.shell_completion import complete, complete_patiently

SCRIPTS = Path(__file__).parents[2] / "completions"


def use(server: Server) -> Server:
    """Return the server when it answers, and serves no client."""
    with connect(server.address, wait=60) as client:
        client.execute("query-name")
    return server


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    options = ("-device", "e1000e,id=net0", "-blockdev", "driver=null-co,node-name=disk0")
    with start_qemu(installation, tmp_path / "vm.sock", *options, machine="q35") as server:
        yield use(server)


@pytest.fixture
def context(machine: Server, monkeypatch: pytest.MonkeyPatch) -> click.Context:
    """Return the context of a command with the option -s."""
    for limit in ("_TIMEOUT", "_FREE_TIMEOUT"):
        monkeypatch.setattr(server_completion, limit, 60)
    found = click.Context(click.Command("get"))
    found.params = {"socket": machine.address}
    return found


def plain(*values: str) -> list[str]:
    return [f"plain,{value}" for value in values]


def test_exec_completes_commands_of_server(machine: Server) -> None:
    found = complete_patiently("exec", "-s", machine.address, "query-st")
    assert found == plain("query-stats", "query-stats-schemas", "query-status")
    found = complete_patiently("exec", "query-statu", QMP_SOCKET=machine.address)
    assert found == plain("query-status")
    found = complete_patiently("exec", "query-statu", QMP_PATH=machine.address)
    assert found == plain("query-status")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("block-stream", "device=disk0", "job"), ["job-id="]),
        (("block-stream", "--base-n"), ["--base-node="]),
        (("blockdev-add", "driver=nu"), ["null-aio", "null-co"]),
        (("blockdev-add", "driver=qcow2", "file.dr"), ["file.driver="]),
        (("set_link", "up=t"), ["true"]),
        (("blockdev-del", "node-name="), ["disk0"]),
        (("device_del", "id="), ["net0"]),
        (("nonsense", "x"), []),
    ],
)
def test_exec_completes_arguments_and_values(
    machine: Server, words: tuple[str, ...], expected: list[str]
) -> None:
    assert complete_patiently("exec", "-s", machine.address, *words) == plain(*expected)


def test_events_are_completed(machine: Server) -> None:
    assert complete_patiently("events", "-s", machine.address, "STO") == plain("STOP")
    found = complete_patiently("exec", "-s", machine.address, "--wait-event", "SHUT")
    assert found == plain("SHUTDOWN")


def test_exec_completes_options_before_command() -> None:
    assert complete("exec", "--wait-j") == plain("--wait-job")
    assert complete("exec", "query-name", "--wait-j") == []
    assert complete("ga", "exec", "--no-s") == plain("--no-stdin")
    assert complete("ga", "exec", "ls", "--no-s") == []


def test_agent_commands_need_no_connection() -> None:
    assert complete("exec", "--ga", "guest-fst") == plain("guest-fstrim")
    assert complete("exec", "--ga", "guest-file-open", "m") == plain("mode=")


def test_ga_completes_subcommands_and_options() -> None:
    assert complete("ga", "p") == plain("ping", "powerdown")
    assert complete("ga", "-s", "x", "susp") == plain("suspend")
    assert complete("ga", "suspend", "h") == plain("hybrid")
    assert complete("ga", "cp", "--time") == plain("--timeout")


def test_cp_completes_files_and_guest_prefix(tmp_path: Path) -> None:
    assert complete("ga", "cp", "", cwd=tmp_path) == ["file,"]
    assert complete("ga", "cp", "gu", cwd=tmp_path) == plain("guest:")
    assert complete("ga", "cp", "guest:/x", cwd=tmp_path) == []
    (tmp_path / "guide").touch()
    assert complete("ga", "cp", "x", "gu", cwd=tmp_path) == ["file,gu"]


def values(context: click.Context, incomplete: str) -> list[str]:
    argument = click.Argument(["words"], nargs=-1)
    return [item.value for item in complete_qom_path(context, argument, incomplete)]


def test_qom_path_completes_objects(context: click.Context) -> None:
    assert values(context, "") == ["/"]
    assert {"/machine", "/objects"} <= set(values(context, "/"))
    assert values(context, "/mach") == ["/machine", "/machine/"]
    assert {"/machine/q35", "/machine/unattached"} <= set(values(context, "/machine/"))
    assert "/machine/unattached/device[0]" in values(context, "/machine/unattached/dev")
    assert values(context, "/none/") == []


def test_qom_path_completes_properties(context: click.Context) -> None:
    assert values(context, "/machine/peripheral/net0.ma") == ["/machine/peripheral/net0.mac"]
    # A component with a point is not confused with a property.
    assert values(context, "/machine/q35/pcie.") == ["/machine/q35/pcie.0", "/machine/q35/pcie.0/"]
    context.params["words"] = ("/machine/peripheral/net0",)
    assert values(context, "ma") == ["mac"]


def test_bash_completes_names_from_server(machine: Server) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"PATH": path, "PS1": "first prompt", "INPUTRC": "/dev/null"}
    command = ("bash", "--norc", "--noprofile", "-i")
    with Terminal(command=command, variables=variables, columns=200) as terminal:
        directory = machine.path.parent
        terminal.type(f"cd {directory}; PS1='> '; . {SCRIPTS}/qmpshell.bash; clear\n")
        terminal.wait(lambda: terminal.current == ">", "empty prompt")
        for typed, shown in [
            ("exec -s vm.sock query-statu", "exec -s vm.sock query-status "),
            ("exec -s vm.sock block-stream --base-n", "exec -s vm.sock block-stream --base-node="),
            ("exec -s vm.sock device_del id=n", "exec -s vm.sock device_del id=net0 "),
        ]:
            # A server that needs more than 1.5 seconds completes nothing, so press Tab again.
            assert any(_is_completed(terminal, typed, shown.rstrip()) for _ in range(5)), shown


def _is_completed(terminal: Terminal, typed: str, shown: str) -> bool:
    give_up_at = time.monotonic() + 5

    def is_shown() -> bool:
        return f"> qmpshell {shown}" in terminal.text

    terminal.type(f"\x15qmpshell {typed}\t")
    terminal.wait(lambda: is_shown() or time.monotonic() > give_up_at, shown)
    return is_shown()


# -- servers that must not be disturbed ------------------------------------------------------------


def test_monitor_in_use_is_not_contacted(tmp_path: Path) -> None:
    visits = 0

    def play(peer: Peer) -> None:
        nonlocal visits
        visits += 1
        peer.negotiate()
        peer.ended()

    with ScriptedServer(tmp_path / "s", play) as server, connect(server.address, wait=60):
        assert complete("exec", "-s", server.address, "query-") == []
    assert visits == 1


def test_held_qemu_keeps_its_client(one_qemu: Server) -> None:
    with connect(one_qemu.address, wait=60) as client:
        assert complete("exec", "-s", one_qemu.address, "query-statu") == []
        assert client.execute("query-name") == {}
    found = complete_patiently("exec", "-s", one_qemu.address, "query-statu")
    assert found == plain("query-status")


def test_stopped_and_silent_servers_give_nothing(one_qemu: Server, tmp_path: Path) -> None:
    use(one_qemu).stop()
    started = time.monotonic()
    assert complete("exec", "-s", one_qemu.address, "query-") == []
    with ScriptedServer(tmp_path / "s", lambda peer: peer.ended()) as server:
        assert complete("exec", "-s", server.address, "query-") == []
    assert time.monotonic() < started + 15


@pytest.mark.parametrize(
    "part",
    [
        lambda peer: peer.send(b"garbage\r\n" * 9),
        lambda peer: peer.send(b'{"QMP": {}}'),
        lambda peer: _answer(peer, 7),
        lambda peer: _answer(peer, [{"name": 3}, {"nam": "query-x"}, "query-y", None]),
        lambda peer: _answer(peer, [{"name": "query-\x1b[2J"}]),
    ],
)
def test_odd_servers_give_nothing(tmp_path: Path, part: Callable[[Peer], object]) -> None:
    with ScriptedServer(tmp_path / "s", part) as server:
        assert complete("exec", "-s", server.address, "query-") == []
        assert complete("exec", "-s", server.address, "query-x", "a") == []
        assert complete("events", "-s", server.address, "S") == []


def _answer(peer: Peer, value: object) -> None:
    peer.negotiate()
    while True:
        peer.reply(peer.read(), value)


def test_other_addresses_are_not_opened(tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert complete("exec", "-s", f"'exec:touch {made}'", "query-") == []
    assert not made.exists()
    for address in (str(tmp_path), str(tmp_path / "none"), "192.0.2.1:5", "fd:0", "':::'"):
        assert complete("exec", "-s", address, "query-") == []
    assert complete("exec", "--tls-creds", "x", "-s", "localhost:1", "query-") == []


def test_targets_of_settings_are_found(one_qemu: Server, tmp_path: Path) -> None:
    config = tmp_path / "config"
    (config / "qmpshell").mkdir(parents=True)
    line = f"[targets]\nlab = {json.dumps(use(one_qemu).address)}\n"
    (config / "qmpshell" / "config.toml").write_text(line)
    found = complete_patiently("exec", "-s", "lab", "query-statu", XDG_CONFIG_HOME=str(config))
    assert found == plain("query-status")
