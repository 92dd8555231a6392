"""Test the guest agent, whose arguments get their types from the built-in schema."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpshell.qmp import COMMANDS, load_agent_schema
from tests.harness.exchange import messages, returns, script, sent_arguments
from tests.harness.program import run
from tests.harness.servers import Installation, Server, start_agent, start_qemu


@pytest.fixture
def agent(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    with start_agent(installation, tmp_path) as server:
        yield server


def test_agent_file_commands_get_typed_arguments(agent: Server, tmp_path: Path) -> None:
    file = tmp_path / "5"
    line = f"guest-file-open path={file} mode=w+\n"
    (handle,) = returns(run("-N", "--wait", "60", agent.address, input=line))
    result = run(
        "-N",
        "-v",
        agent.address,
        input=script(
            f"guest-file-write handle={handle} buf-b64=NQo=",
            f"guest-file-flush handle={handle}",
            f"guest-file-seek handle={handle} offset=0 whence=set",
            f"guest-file-seek handle={handle} offset=-2 whence=2",
            f"guest-file-read handle={handle} count=1k",
            f"guest-file-close handle={handle}",
        ),
    )
    assert (result.status, file.read_bytes()) == (0, b"5\n")
    arguments = sent_arguments(result)
    assert arguments[2] == {"handle": handle, "offset": 0, "whence": "set"}
    assert arguments[3] == {"handle": handle, "offset": -2, "whence": 2}
    assert arguments[4] == {"handle": handle, "count": 1024}
    assert returns(result)[4]["buf-b64"] == "NQo="


def test_guest_exec_gets_typed_arguments(agent: Server) -> None:
    result = run(
        "-N",
        "-v",
        "--wait",
        "60",
        agent.address,
        input=script(
            "guest-exec path=/bin/echo arg.0=5 arg.1=on arg.2=null capture-output=on",
            "guest-exec path=/bin/echo arg=['a b', \"5\"] env.0=A=5 capture-output=no",
            "guest-exec-status pid=0x7fffffff",
            "guest-sync id=0x10",
        ),
    )
    first, second, missing, synchronised = messages(result)
    assert isinstance(first["return"]["pid"], int)
    assert isinstance(second["return"]["pid"], int)
    assert "error" in missing
    assert synchronised == {"return": 16}
    arguments = sent_arguments(result)
    assert arguments[0]["arg"] == ["5", "on", "null"]
    assert arguments[0]["capture-output"] is True
    assert arguments[1]["arg"] == ["a b", "5"]
    assert arguments[1]["env"] == ["A=5"]
    assert arguments[1]["capture-output"] is False
    assert arguments[2] == {"pid": 0x7FFFFFFF}


def test_no_negotiation_sends_no_query_to_agent(agent: Server) -> None:
    """The agent implements neither query-qmp-schema nor query-commands."""
    result = run("-N", "-v", "--wait", "60", agent.address, input="guest-pong\nguest-ping a=5\n")
    assert result.status == 1
    assert [set(message) for message in messages(result)] == [{"error"}, {"error"}]
    assert sent_arguments(result) == [{}, {"a": 5}]


def test_blocked_agent_command_returns_error(agent: Server) -> None:
    result = run("-N", "--wait", "60", agent.address, input="guest-fsfreeze-freeze\n")
    assert result.status == 1
    assert messages(result)[0]["error"]["class"] == "CommandNotFound"


# -- synchronisation -------------------------------------------------------------------------------


def test_ga_option_synchronises_before_first_command(
    agent: Server, installation: Installation, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    result = run(
        *("--ga", "--wait", "60", "-l", str(log), agent.address),
        input="guest-ping\nguest-exec-status pid=5 # none\nguest-info\n",
    )
    ping, missing, info = messages(result)
    assert (ping, set(missing), result.status) == ({"return": {}}, {"error"}, 1)
    assert info["return"]["version"] == installation.version
    sent = [record["message"] for record in map(json.loads, log.read_text().splitlines())]
    assert [message["execute"] for message in sent if "execute" in message] == [
        "guest-sync-delimited",
        "guest-sync",
        "guest-ping",
        "guest-exec-status",
        "guest-info",
    ]


def test_agent_input_of_earlier_client_is_discarded(agent: Server) -> None:
    assert run("--ga", "--wait", "60", "-c", "guest-ping", agent.address).status == 0
    with socket.socket(socket.AF_UNIX) as former:
        former.connect(agent.address)
        former.sendall(b'{"execute": "guest-ping"}\n{"execute": "guest-pi')
        assert former.recv(100)  # the agent exits if it cannot write the reply
    result = run("--ga", "-r", "-c", "guest-sync id=77", agent.address)
    assert (result.out, result.status) == ("77\n", 0)


def test_agent_address_comes_from_its_own_variable(agent: Server, tmp_path: Path) -> None:
    monitor = str(tmp_path / "none")
    ping = ("--ga", "--wait", "60", "-c", "guest-ping")
    assert run(*ping, QGA_CLIENT_ADDRESS=agent.address, QMP_SOCKET=monitor).status == 0
    without = run("--ga", "-c", "guest-ping", QMP_SOCKET=agent.address)
    assert without.status == 2
    assert (
        "name the agent's socket (after a subcommand with -s), or set QGA_CLIENT_ADDRESS"
        in without.err
    )


def test_ga_option_mismatch_is_explained(agent: Server, one_qemu: Server) -> None:
    wrong = run("--ga", "-c", "guest-ping", one_qemu.address)
    assert wrong.status == 3
    assert "this is a QMP monitor; --ga and qmpshell ga are for guest agents" in wrong.err
    silent = run("--wait", "3", "-c", "query-name", agent.address)
    assert silent.status == 3
    assert "this is a guest agent, qemu-ga (pid" in silent.err


def test_agent_in_stopped_guest_is_explained(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "qga.sock"
    port = (
        *("-chardev", f"socket,id=ga,path={path},server=on,wait=off", "-device", "virtio-serial"),
        *("-device", "virtserialport,chardev=ga,name=org.qemu.guest_agent.0"),
    )
    with start_qemu(installation, tmp_path / "vm.sock", *port, machine="q35") as server:
        assert run("--wait", "60", "-c", "query-name", server.address).status == 0
        result = run("--ga", "--wait", "1", "-c", "guest-ping", str(path))
    assert (result.status, result.out) == (3, "")
    assert "the guest agent may not be running in the guest" in result.err


def test_agent_schema_contains_every_command(agent: Server) -> None:
    result = run("--ga", "--wait", "60", "-r", "-c", "guest-info", agent.address)
    commands = json.loads(result.out)["supported_commands"]
    known = load_agent_schema()
    assert {command["name"] for command in commands} <= set(known.commands())
    silent = {command["name"] for command in commands if not command["success-response"]}
    assert silent == {name for name, facts in COMMANDS.items() if not facts.replies_on_success}


def test_disabled_agent_command_returns_error(agent: Server) -> None:
    result = run("--ga", "--wait", "60", "-c", "guest-suspend-ram", agent.address)
    assert result.status == 1
    assert messages(result)[0]["error"]["class"] == "CommandNotFound"
