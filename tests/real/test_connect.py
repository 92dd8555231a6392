"""Test `/connect` between addresses of different kinds, after a loss, and with `--wait`."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import qmpshell
from tests.harness.processes import wait_until
from tests.harness.program import run, start
from tests.harness.relay import start_relay
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import SYSTEM, start_qemu

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]


def free_port(family: socket.AddressFamily, host: str) -> int:
    with socket.create_server((host, 0), family=family) as free:
        port: int = free.getsockname()[1]
    return port


def kinds(tmp_path: Path) -> dict[str, str]:
    """Return an address of each kind, by the options of a socket that is listened on."""
    four, six = free_port(socket.AF_INET, "127.0.0.1"), free_port(socket.AF_INET6, "::1")
    name = f"qmpshell-test-{os.getpid()}"
    return {
        f"path={tmp_path}/a.sock": f"unix:{tmp_path}/a.sock,server=on,wait=off",
        f"path={name},abstract=on": f"unix:{name},abstract=on",
        f"host=127.0.0.1,port={four}": f"localhost:{four}",
        f"host=::1,port={six}": f"tcp:[::1]:{six}",
        f"path={tmp_path}/t.sock,telnet=on": f"unix:{tmp_path}/t.sock,telnet=on",
        f"path={tmp_path}/e.sock": f"exec:socat - UNIX:{tmp_path}/e.sock 2>/dev/null",
    }


def monitors(options: Iterator[str] | list[str]) -> list[str]:
    """Return the options of QEMU for one monitor at each address."""
    words = []
    for number, option in enumerate(options):
        words += ["-chardev", f"socket,id=k{number},{option},server=on,wait=off"]
        words += ["-mon", f"chardev=k{number},mode=control"]
    return words


def test_connect_switches_between_all_kinds(tmp_path: Path) -> None:
    found = kinds(tmp_path)
    with start_qemu(SYSTEM, tmp_path / "vm.sock", "-name", "it", *monitors(list(found))) as qemu:
        addresses = [qemu.address, *found.values()]
        route = [address for pair in itertools.permutations(addresses, 2) for address in pair]
        lines = "".join(f"/connect '{address}'\nquery-name\n" for address in route)
        result = run("--wait", "60", qemu.address, input=lines)
        assert (result.status, result.err) == (0, "")
        assert result.lines == ['{"return": {"name": "it"}}'] * len(route)


def test_terminal_connect_switches_between_all_kinds(tmp_path: Path) -> None:
    found = kinds(tmp_path)
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", "-name", "it", *monitors(list(found))) as qemu,
        Terminal("-q", "--wait", "60", qemu.address, columns=200) as terminal,
    ):
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        for address in (*found.values(), qemu.address, *reversed(found.values())):
            terminal.line(f"/connect '{address}'; query-name")
            terminal.wait_above(f"/connect '{address}'; query-name", '"it"', "VM state: prelaunch")
            terminal.type("\x0c")


def test_connect_switches_between_websocket_and_inherited_sockets(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("w", "a", "b")]
    with (
        ExitStack() as stack,
        start_qemu(
            SYSTEM,
            tmp_path / "vm.sock",
            *("-name", "it", *monitors([f"path={path}" for path in paths])),
        ) as qemu,
        start_relay(paths[0], websocket=True) as port,
    ):
        qmpshell.connect(qemu.address, wait=60).close()  # it listens everywhere now
        web, inherited = f"websocket:localhost:{port}", []
        for path in paths[1:]:
            inherited.append(stack.enter_context(socket.socket(socket.AF_UNIX)))
            inherited[-1].connect(path)
        first, second = (number.fileno() for number in inherited)
        route = [web, f"fd:{first}", web, qemu.address, f"fd:{second}", web]
        result = run(
            *("--wait", "60", qemu.address),
            input="".join(f"/connect {address}\nquery-name\n" for address in route),
            pass_fds=[first, second],
        )
        assert (result.status, result.err) == (0, "")
        assert result.lines == ['{"return": {"name": "it"}}'] * len(route)


def test_connect_to_same_port_by_other_name(tmp_path: Path) -> None:
    port = free_port(socket.AF_INET, "127.0.0.1")
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", *monitors([f"host=127.0.0.1,port={port}"])),
        Terminal("-q", "--wait", "60", f"127.0.0.1:{port}", columns=200) as terminal,
    ):
        terminal.wait_prompt()
        terminal.line(f"/connect localhost:{port}; query-name")
        terminal.wait_above('{"return": {}}', "VM state: prelaunch")


def test_connect_with_wait_waits_for_each_kind(tmp_path: Path) -> None:
    # QEMU may crash if a client connects while it starts and has telnet=on: see start_tls_qemu.
    found = {name: address for name, address in kinds(tmp_path).items() if "telnet" not in name}
    with start_qemu(SYSTEM, tmp_path / "vm.sock") as first:
        for number, (option, address) in enumerate(found.items()):
            with start("--wait", "60", first.address) as shell:
                assert shell.stdin is not None and shell.stdout is not None
                shell.stdin.write(f"query-name\n/connect '{address}'\nquery-name\n".encode())
                shell.stdin.flush()
                assert shell.stdout.readline() == b'{"return": {}}\n'
                # The client has left the first server, and the second one is not there yet.
                run("--wait", "60", "-c", "query-name", first.address)
                path = tmp_path / f"{number}.sock"
                with start_qemu(SYSTEM, path, "-name", "late", *monitors([option])):
                    assert shell.communicate(timeout=60) == (
                        b'{"return": {"name": "late"}}\n',
                        b"",
                    )
                    assert shell.returncode == 0


def test_loss_offers_to_reconnect_and_sends_once(tmp_path: Path) -> None:
    received: list[str] = []
    connections: list[int] = []

    def part(peer: Peer) -> None:
        connections.append(1)
        peer.negotiate()
        while True:
            command = peer.read_the_users()
            received.append(command["execute"])
            if command["execute"] == "stop":
                return
            peer.reply(command)

    with (
        ScriptedServer(tmp_path / "s.sock", part) as server,
        Terminal("-q", server.address, columns=200) as terminal,
    ):
        terminal.wait_prompt()
        terminal.paste("stop\ncont\nsystem_wakeup")
        terminal.type("\r")
        terminal.wait_above(
            "connection lost while waiting for the reply to stop; its outcome is unknown;"
            " 2 more were not sent; /connect reconnects"
        )
        terminal.line("/connect")
        wait_until(lambda: len(connections) == 2, "no second connection")
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        assert received == ["stop", "query-name"]


def test_script_does_not_repeat_command_after_loss(tmp_path: Path) -> None:
    received: list[str] = []

    def part(peer: Peer) -> None:
        peer.negotiate()
        while True:
            command = peer.read_the_users()
            received.append(command["execute"])
            if command["execute"] == "stop":
                return
            peer.reply(command)

    with ScriptedServer(tmp_path / "s.sock", part) as server:
        result = run(server.address, input="query-name\nstop\n/connect\nquery-name\n")
        assert result.status == 3
        assert "/connect reconnects" not in result.err  # nobody is there to do it
        assert received == ["query-name", "stop"]


@pytest.mark.parametrize("wait", ["0.5", "8"])
def test_connect_wait_limits_wait_for_greeting(tmp_path: Path, wait: str) -> None:
    """The greeting comes after 6 seconds, which is later than without `--wait`."""
    leave = threading.Event()

    def part(peer: Peer) -> None:
        leave.wait(6)
        peer.negotiate()
        peer.reply(peer.read_the_users())
        peer.ended()

    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock") as first,
        ScriptedServer(tmp_path / "s.sock", part) as server,
    ):
        lines = f"/connect {server.address}\nquery-name\n"
        result = run("--wait", wait, first.address, input=lines)
        leave.set()
        if wait == "8":
            assert (result.status, result.out) == (0, '{"return": {}}\n')
        else:
            assert result.status == 3
            assert "no greeting" in result.err
