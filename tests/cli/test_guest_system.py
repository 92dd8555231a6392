"""Tests of the other commands of `qmpshell ga`, and of its connection."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from qmpshell.cli.guest import command as ga_command
from tests.harness.agents import ScriptedAgent, leave, never
from tests.harness.processes import wait_until
from tests.harness.program import COMMAND, Result, environment, run, start
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_agent

_FREEZE, _THAW = "guest-fsfreeze-freeze", "guest-fsfreeze-thaw"


@pytest.fixture
def agent(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    with start_agent(installation, tmp_path) as server:
        yield server


def ga(server: Server | ScriptedServer, *words: str) -> Result:
    return run("ga", "--wait", "60", "-s", server.address, *words)


def test_info_prints_version_and_commands(agent: Server, installation: Installation) -> None:
    result = ga(agent, "info")
    assert (result.status, result.err) == (0, "")
    lines = dict(line.split(": ", 1) for line in result.lines)
    assert lines["version"] == installation.version
    assert lines["host name"] == socket.gethostname()
    assert "guest-ping" in lines["enabled"].split(", ")
    assert "guest-shutdown" in lines["disabled"].split(", ")
    value = json.loads(ga(agent, "info", "--json").out)
    assert (value["version"], value["os"]["name"]) == (
        installation.version,
        lines["system"].split(" 1")[0],
    )


def test_ifconfig_prints_addresses(agent: Server) -> None:
    result = ga(agent, "ifconfig")
    assert (result.status, result.err) == (0, "")
    start = result.lines.index("lo:")
    assert result.lines[start + 1] == "    inet 127.0.0.1  netmask 255.0.0.0"
    names = [interface["name"] for interface in json.loads(ga(agent, "ifconfig", "--json").out)]
    assert "lo" in names


def test_ping_answers_by_status(agent: Server, tmp_path: Path) -> None:
    assert ga(agent, "ping") == Result(0, "", "")
    with Terminal("ga", "-s", agent.address, "ping") as terminal:
        assert terminal.end() == 0
        assert terminal.lines[0].startswith("the agent is ready after ")
    result = run("ga", "-s", str(tmp_path / "none"), "ping")
    assert (result.status, result.err.count("\n")) == (3, 1)


def test_options_may_precede_command(agent: Server, tmp_path: Path) -> None:
    assert run("ga", f"--address={agent.address}", "--wait", "60", "ping").status == 0
    assert run("ga", "ping", "--wait", "60", QGA_CLIENT_ADDRESS=agent.address).status == 0
    wrong = str(tmp_path / "none")
    assert run("ga", "-s", wrong, "ping", "-s", agent.address).status == 0
    missing = run("ga", "ping", QMP_SOCKET=agent.address)
    assert missing.status == 2
    assert "QGA_CLIENT_ADDRESS" in missing.err


def test_shell_runs_lines_on_agent(agent: Server) -> None:
    result = run("ga", "--wait", "60", "-s", agent.address, "shell", input="guest-sync id=7\n")
    assert (result.status, result.out) == (0, '{"return": 7}\n')


def test_disabled_command_is_reported(agent: Server) -> None:
    for words in (("fsfreeze", "freeze"), ("fstrim",), ("suspend", "ram"), ("shutdown",)):
        result = ga(agent, *words)
        assert (result.status, result.out, result.err.count("\n")) == (1, "", 1)
        assert "disabled" in result.err
    assert ga(agent, "fsfreeze", "status").out == "thawed\n"


# -- against a scripted agent ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "name", "arguments"),
    [
        (("suspend", "disk"), "guest-suspend-disk", {}),
        (("suspend", "ram"), "guest-suspend-ram", {}),
        (("suspend", "hybrid"), "guest-suspend-hybrid", {}),
        (("shutdown",), "guest-shutdown", {"mode": "powerdown"}),
        (("powerdown",), "guest-shutdown", {"mode": "powerdown"}),
        (("halt",), "guest-shutdown", {"mode": "halt"}),
        (("reboot",), "guest-shutdown", {"mode": "reboot"}),
    ],
)
def test_quiet_agent_is_success(
    tmp_path: Path, words: tuple[str, ...], name: str, arguments: dict[str, str]
) -> None:
    with ScriptedAgent(tmp_path / "s", {name: never}) as agent:
        assert run("ga", "-s", agent.address, "--timeout", "1", *words) == Result(0, "", "")
    assert agent.received == [(name, arguments)]
    with ScriptedAgent(tmp_path / "l", {name: leave}) as agent:
        assert run("ga", "-s", agent.address, *words) == Result(0, "", "")


def test_refused_shutdown_fails(tmp_path: Path) -> None:
    error = {"error": {"class": "GenericError", "desc": "child process\x1b failed"}}
    with ScriptedAgent(tmp_path / "s", {"guest-shutdown": error}) as agent:
        result = run("ga", "-s", agent.address, "halt")
    assert (result.status, result.err) == (1, "qmpshell: child process\\x1b failed\n")


def test_freeze_and_thaw_print_count(tmp_path: Path) -> None:
    answers = {_FREEZE: 2, f"{_FREEZE}-list": 1, _THAW: 0, "guest-fsfreeze-status": "frozen"}
    with ScriptedAgent(tmp_path / "s", answers) as agent:
        assert ga(agent, "fsfreeze", "freeze").out == "2 filesystems frozen\n"
        assert ga(agent, "fsfreeze", "freeze", "/a").out == "1 filesystem frozen\n"
        assert ga(agent, "fsfreeze", "status").out == "frozen\n"
        assert ga(agent, "fsfreeze", "thaw").out == "0 filesystems thawed\n"
    assert agent.received[1] == (f"{_FREEZE}-list", {"mountpoints": ["/a"]})
    assert run("ga", "-s", "/nowhere", "fsfreeze", "thaw", "/a").status == 2


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_freeze_thaws(tmp_path: Path, number: signal.Signals, status: int) -> None:
    with (
        ScriptedAgent(tmp_path / "s", {_FREEZE: never, _THAW: 2}) as agent,
        start("ga", "-s", agent.address, "fsfreeze", "freeze") as process,
    ):
        wait_until(lambda: _FREEZE in agent.names, "no freeze")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (status, b"")
        assert err == b"qmpshell: interrupted; 2 filesystems thawed\n"
        assert agent.names == [_FREEZE, _THAW]


def test_freeze_thaws_after_timeout(tmp_path: Path) -> None:
    with ScriptedAgent(tmp_path / "s", {_FREEZE: never, _THAW: 2}) as agent:
        result = run("ga", "-s", agent.address, "--timeout", "1", "fsfreeze", "freeze")
    assert (result.status, result.out, result.err.count("\n")) == (3, "", 1)
    assert result.err.endswith("; 2 filesystems thawed\n")


def test_freeze_thaws_without_output(tmp_path: Path) -> None:
    with (
        ScriptedAgent(tmp_path / "s", {_FREEZE: 2, _THAW: 2}) as agent,
        open("/dev/full", "wb") as full,
    ):
        done = subprocess.run(
            [*COMMAND, "ga", "-s", agent.address, "fsfreeze", "freeze"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.endswith(b"No space left on device; 2 filesystems thawed\n")
    assert agent.names == [_FREEZE, _THAW]


def test_freeze_of_lost_agent_names_remedy(tmp_path: Path) -> None:
    for answers in ({_FREEZE: leave}, {_FREEZE: never, _THAW: leave}):
        with ScriptedAgent(tmp_path / f"s{len(answers)}", answers) as agent:
            result = run("ga", "-s", agent.address, "--timeout", "1", "fsfreeze", "freeze")
        assert (result.status, result.err.count("\n")) == (3, 1)
        assert "file systems may be frozen: run 'qmpshell ga fsfreeze thaw'" in result.err


def test_slow_thaw_is_announced_and_interruptible(tmp_path: Path) -> None:
    with (
        ScriptedAgent(tmp_path / "s", {_FREEZE: never, _THAW: never}) as agent,
        start("ga", "-s", agent.address, "fsfreeze", "freeze") as process,
    ):
        wait_until(lambda: _FREEZE in agent.names, "no freeze")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert b"Ctrl-C stops waiting" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert b"interrupted; file systems may be frozen" in err


def test_fstrim_prints_one_line_per_path(tmp_path: Path) -> None:
    paths: list[dict[str, object]] = [
        {"path": "/", "trimmed": 3 << 20, "minimum": 0},
        {"path": "/boot", "error": "not supported"},
    ]
    with ScriptedAgent(tmp_path / "s", {"guest-fstrim": {"paths": paths}}) as agent:
        result = ga(agent, "fstrim", "64k")
        assert (result.status, result.lines) == (0, ["/: 3 MiB trimmed", "/boot: not supported"])
        assert json.loads(ga(agent, "fstrim", "--json").out) == {"paths": paths}
        paths.pop(0)
        assert ga(agent, "fstrim").status == 1
        assert ga(agent, "fstrim", "much").status == 2
    assert agent.received[0] == ("guest-fstrim", {"minimum": 65536})


@pytest.mark.parametrize(
    "reply", [7, None, [3], [{"name": "x", "ip-addresses": 3}], {"paths": [3]}]
)
def test_malformed_replies_are_reported(tmp_path: Path, reply: object) -> None:
    names = ("guest-info", "guest-network-get-interfaces", "guest-fstrim", "guest-exec")
    with ScriptedAgent(tmp_path / "s", dict.fromkeys(names, reply)) as agent:
        for words in (["info"], ["ifconfig"], ["fstrim"], ["exec", "prog"]):
            result = run("ga", "-s", agent.address, *words)
            assert (result.status, result.out, result.err.count("\n")) == (3, "", 1)
            assert "the agent's reply" in result.err


# -- synchronization -------------------------------------------------------------------------------


def test_stale_bytes_are_discarded(tmp_path: Path) -> None:
    stale = b'{"return": {"version": "stale"}}\n{"error": {"class": "x", "desc": "stale"}}\n{"retu'
    answers = {"guest-info": {"version": "9", "supported_commands": []}}
    with ScriptedAgent(tmp_path / "s", answers, before=stale) as agent:
        result = ga(agent, "info")
    assert (result.status, result.lines[0], result.err) == (0, "version: 9", "")


def test_silent_agent_is_reported_at_timeout(tmp_path: Path) -> None:
    with ScriptedServer(tmp_path / "s", lambda peer: peer.ended()) as server:
        result = run("ga", "-s", server.address, "ping", "0.3")
    assert (result.status, result.out, result.err.count("\n")) == (3, "", 1)
    assert "no answer: the guest agent may not be running" in result.err


def test_agent_silent_after_synchronization_is_reported(tmp_path: Path) -> None:
    with ScriptedAgent(tmp_path / "s", {"guest-info": never}) as agent:
        result = run("ga", "-s", agent.address, "--timeout", "1", "info")
    assert (result.status, result.out, result.err.count("\n")) == (3, "", 1)
    assert "the reply to guest-info did not arrive within 1 s" in result.err


def test_agent_that_dies_midway_is_reported(tmp_path: Path) -> None:
    with ScriptedAgent(tmp_path / "s", {"guest-info": leave}) as agent:
        result = run("ga", "-s", agent.address, "info")
    assert (result.status, result.out, result.err.count("\n")) == (3, "", 1)
    assert "connection lost" in result.err


def test_timeout_retries_until_agent_is_ready(tmp_path: Path) -> None:
    """At first there is no socket, then a server that leaves, then an agent."""
    path = tmp_path / "s"
    visits = 0

    def play(peer: Peer) -> None:
        nonlocal visits
        visits += 1
        if visits > 1:
            ready._play(peer)

    ready = ScriptedAgent(tmp_path / "unused", {})
    ready._listener.close()
    process = start("ga", "-s", str(path), "--timeout", "60", "ping")
    with process, ScriptedServer(path, play):
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err, visits) == (0, b"", 2)


def test_ctrl_c_ends_wait_for_agent(tmp_path: Path) -> None:
    connected = threading.Event()

    def play(peer: Peer) -> None:
        connected.set()
        peer.ended()

    with (
        ScriptedServer(tmp_path / "s", play) as server,
        start("ga", "-s", server.address, "--timeout", "60", "info") as process,
    ):
        assert connected.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (130, b"", b"")


def test_monitor_instead_of_agent_is_reported(one_qemu: Server) -> None:
    result = run("ga", "-s", one_qemu.address, "info")
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "this is a QMP monitor" in result.err


def test_ga_has_every_command_of_former_client() -> None:
    former = "cat fsfreeze fstrim halt ifconfig info ping powerdown reboot shutdown suspend"
    context = click.Context(ga_command)
    assert {*former.split(), "cp", "exec", "shell"} == set(ga_command.list_commands(context))
