"""Test that a silent or foreign server is explained: who holds the monitor, what to do, and when."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from qmpshell import connect
from qmpshell.errors import ConnectError, ProtocolError
from tests.harness.processes import wait_until
from tests.harness.program import PYTHON, run, start
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import SYSTEM, Server, start_agent, start_qemu
from tests.harness.waiting import takes_less_than

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]
# It must not give up while the test starts other programs.
WAITING = ("--wait", "60", "-c", "query-name")
TLS = ("-object", "tls-creds-anon,id=t,endpoint=server")


def hold(server: str) -> subprocess.Popen[bytes]:
    """Start a client that holds the monitor until its stdin ends."""
    client = start(server)
    assert client.stdin is not None and client.stdout is not None
    client.stdin.write(b"query-name\n")
    client.stdin.flush()
    assert client.stdout.readline() == b'{"return": {}}\n'
    return client


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def start_on_port(tmp_path: Path, options: str, *more: str) -> tuple[Server, str]:
    """Start a QEMU with a second monitor on a port. Return it and the address."""
    port = free_port()
    server = start_qemu(
        SYSTEM,
        tmp_path / "vm.sock",
        *("-chardev", f"socket,id=c,host=127.0.0.1,port={port},server=on,wait=off{options}"),
        *("-mon", "chardev=c,mode=control"),
        *more,
    )
    with connect(server.address, wait=60):
        pass  # the other monitor is there too
    return server, f"127.0.0.1:{port}"


def busy(address: str, holder: subprocess.Popen[bytes], more: str = "") -> str:
    return (
        f"{address}: busy: another client, {PYTHON} (pid {holder.pid}), holds this monitor{more}"
        " (QEMU serves one at a time); end it, or give QEMU a second monitor\n"
    )


def test_client_of_busy_monitor_is_named(one_qemu: Server) -> None:
    address = one_qemu.address
    with hold(address) as first, start(*WAITING, address) as second:
        assert second.stderr is not None
        assert second.stderr.readline().decode() == busy(address, first)
        # The second client is served when the first one has left.
        assert first.stdin is not None
        first.stdin.close()
        assert second.communicate(timeout=60) == (b'{"return": {}}\n', b"")
        assert second.returncode == 0


def test_client_of_busy_port_is_named(tmp_path: Path) -> None:
    server, address = start_on_port(tmp_path, "")
    with server, hold(address) as first, start(*WAITING, address) as second:
        assert second.stderr is not None
        assert second.stderr.readline().decode() == busy(address, first)
        with start(*WAITING, address) as third:
            assert third.stderr is not None
            assert third.stderr.readline().decode() == busy(address, first, ", and 1 more waits")
            assert first.stdin is not None
            first.stdin.close()
            assert second.communicate(timeout=60)[0] == b'{"return": {}}\n'
            assert third.communicate(timeout=60)[0] == b'{"return": {}}\n'


def test_full_backlog_of_monitor_names_its_client(one_qemu: Server) -> None:
    address = one_qemu.address
    with ExitStack() as stack:
        first = stack.enter_context(hold(address))
        waiting = [stack.enter_context(start(*WAITING, address)) for _ in range(2)]
        for client in waiting:
            assert client.stderr is not None
            client.stderr.readline()
        result = run("--wait", "1", "-c", "query-name", address)
        assert result.status == 3
        assert result.err.startswith(f"qmpshell: {busy(address, first, ', and 2 more wait')}")
        with pytest.raises(ConnectError) as caught:
            connect(address, wait=0.2)
        assert caught.value.busy
        text = busy(address, first, ", and 2 more wait").rstrip()
        assert str(caught.value) == f"{text} (tried for 0.2 s)"
        assert first.stdin is not None
        first.stdin.close()
        for client in waiting:
            assert client.communicate(timeout=60)[0] == b'{"return": {}}\n'


def test_clients_that_have_left_are_not_counted(one_qemu: Server) -> None:
    address = one_qemu.address
    with hold(address) as first:
        for _ in range(2):
            result = run("--wait", "1", "-c", "query-name", address)
            assert result.err.startswith(busy(address, first))
        assert first.stdin is not None
        first.stdin.close()


@pytest.mark.parametrize("waiting", [0, 2])
def test_stopped_qemu_is_named_with_remedy(one_qemu: Server, waiting: int) -> None:
    address, pid = one_qemu.address, one_qemu.process.pid
    connect(address, wait=60).close()
    with ExitStack() as stack:
        one_qemu.stop()
        wait_until(lambda: is_stopped(pid), "not stopped")
        clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(waiting)]
        for client in clients:
            client.connect(address)
        shell = stack.enter_context(start("--wait", "60", "-c", "query-name", address))
        assert shell.stderr is not None
        line = shell.stderr.readline().decode()
        assert line.endswith(
            f"{address}: qemu-system-x86_64 (pid {pid}) is stopped; kill -CONT {pid} resumes it\n"
        )
        one_qemu.process.send_signal(signal.SIGCONT)
        for client in clients:
            client.close()
        assert shell.communicate(timeout=60)[0] == b'{"return": {}}\n'


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_guest_agent_is_named_with_remedy(tmp_path: Path) -> None:
    with start_agent(SYSTEM, tmp_path) as server:
        wait_until(server.path.exists, "no agent")
        result = run("-c", "guest-ping", server.address)
        pid = server.process.pid
        text = f"{server.address}: this is a guest agent, qemu-ga (pid {pid}); use qmpshell --ga, or qmpshell ga"
        assert (result.status, result.err) == (3, f"{text}\n")
        with pytest.raises(ProtocolError, match="this is a guest agent") as caught:
            connect(server.address, wait=60)
        assert str(caught.value) == text
        assert run("--ga", "-c", "guest-ping", server.address).status == 0


@pytest.mark.parametrize(
    ("device", "text"),
    [
        (
            "virtserialport,chardev=c,name=org.qemu.guest_agent.0",
            "this is the channel of a guest agent"
            " (virtserialport,chardev=c,name=org.qemu.guest_agent.0); use qmpshell --ga, or qmpshell ga",
        ),
        (
            "isa-serial,chardev=c",
            "this is a device of the guest, not a monitor (isa-serial,chardev=c)",
        ),
    ],
)
def test_device_of_guest_is_named(tmp_path: Path, device: str, text: str) -> None:
    path = tmp_path / "device.sock"
    with start_qemu(
        SYSTEM,
        tmp_path / "vm.sock",
        *("-chardev", f"socket,id=c,path={path},server=on,wait=off"),
        *("-device", "virtio-serial", "-device", device),
        machine="q35",
    ) as server:
        connect(server.address, wait=60).close()
        result = run("-c", "query-name", str(path))
        assert (result.status, result.err) == (3, f"{path}: {text}\n")


def test_telnet_monitor_is_named_with_remedy(tmp_path: Path) -> None:
    server, address = start_on_port(tmp_path, ",telnet=on")
    with server:
        result = run("-c", "query-name", address)
    assert (result.status, result.err) == (
        3,
        f"{address}: this server uses telnet; use telnet:{address}\n",
    )


def test_websocket_monitor_is_named_with_remedy(tmp_path: Path) -> None:
    server, address = start_on_port(tmp_path, ",websocket=on")
    with server:
        result = run("-c", "query-name", address)
        name = f"qemu-system-x86_64 (pid {server.process.pid})"
    assert (result.status, result.err) == (
        3,
        f"{address}: {name} expects a websocket here; use websocket:{address}\n",
    )


@pytest.mark.parametrize("inherited", [False, True])
def test_tls_monitor_is_named_with_remedy(tmp_path: Path, inherited: bool) -> None:
    if inherited:
        server = start_qemu(SYSTEM, tmp_path / "vm.sock", *TLS, chardev=",tls-creds=t")
        address = server.address
    else:
        server, address = start_on_port(tmp_path, ",tls-creds=t", *TLS)
    with server:
        result = run("-c", "query-name", address)
        name = f"qemu-system-x86_64 (pid {server.process.pid})"
    assert (result.status, result.err) == (
        3,
        f"{address}: {name} expects TLS here; add --tls-creds DIR\n",
    )


def test_tls_alert_is_named_with_remedy(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.connection.recv(100)
        peer.send(b"\x15\x03\x01\x00\x02\x02\x16")  # as QEMU answers what is not TLS
        peer.ended()

    address = scripted(part).address
    result = run("--ga", "--wait", "1", "-c", "guest-ping", address)
    assert result.status == 3
    assert f"{address}: this server uses TLS; add --tls-creds DIR\n" in result.err


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            "this is an SSH server, not QMP: it sent “SSH-2.0-OpenSSH_9.2”; use exec:ssh HOST",
        ),
        (
            b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n",
            "this is a web server (HTTP), not QMP: it sent “HTTP/1.1 408 Request Timeout”; a monitor",
        ),
    ],
)
def test_foreign_server_is_named_at_once(scripted: Scripted, data: bytes, text: str) -> None:
    def part(peer: Peer) -> None:
        peer.send(data)
        peer.ended()

    address = scripted(part).address
    result = run("--wait", "60", "-c", "query-name", address)
    assert (result.status, result.out) == (3, "")
    assert result.err.startswith(f"{address}: {text}")
    assert result.err.count("\n") == 1


def test_terminal_names_client_of_busy_monitor(one_qemu: Server) -> None:
    with hold(one_qemu.address) as first, Terminal(one_qemu.address, columns=220) as terminal:
        terminal.wait_for(f"busy: another client, {PYTHON} (pid {first.pid}), holds this monitor")
        first.communicate()
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')


def test_connect_to_busy_monitor_fails_at_once(tmp_path: Path) -> None:
    with (
        start_qemu(SYSTEM, tmp_path / "a.sock") as current,
        start_qemu(SYSTEM, tmp_path / "b.sock") as other,
        hold(other.address) as first,
        Terminal("-q", current.address, columns=300) as terminal,
    ):
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        reason = f"pid {first.pid}), holds this monitor"

        def fail() -> None:
            reported = terminal.text.count(reason)
            terminal.line(f"/connect {other.address}")
            terminal.wait(lambda: terminal.text.count(reason) > reported, reason)
            terminal.wait_prompt()

        assert takes_less_than(4, fail)  # not the 5 seconds of a script
        terminal.wait_for(f"still connected to {current.address}")
        first.communicate()
        terminal.line(f"/connect {other.address}; query-name")
        terminal.wait_above('{"return": {}}')
