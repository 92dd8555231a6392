"""Tests of the messages about a server that the system shows, and of reading what it shows."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpshell.transport import (
    FdAddress,
    Peer,
    Process,
    TcpAddress,
    UnixAddress,
    address_with,
    explain_delay,
    explain_mismatch,
    find_peer,
    parse_address,
)

QEMU = Process(7, "qemu-system-x86_64")
SHELL = Process(9, "qmpshell")


@pytest.mark.parametrize(
    ("peer", "text"),
    [
        (Peer(server=QEMU), ""),
        (Peer(server=QEMU, waiting=2), ""),
        (
            Peer(server=QEMU, is_held=True),
            "a: busy: another client holds this monitor (QEMU serves one at a time); end it, or give"
            " QEMU a second monitor",
        ),
        (
            Peer(server=QEMU, is_held=True, holder=SHELL),
            "a: busy: another client, qmpshell (pid 9), holds this monitor (QEMU serves one at a"
            " time); end it, or give QEMU a second monitor",
        ),
        (
            Peer(is_held=True, holder=SHELL, waiting=1),
            "a: busy: another client, qmpshell (pid 9), holds this monitor, and 1 more waits (QEMU"
            " serves one at a time); end it, or give QEMU a second monitor",
        ),
        (
            Peer(server=Process(7, "qemu-ga"), is_held=True, holder=SHELL),
            "a: busy: another client, qmpshell (pid 9), uses this guest agent; end it",
        ),
        (
            Peer(server=QEMU, is_held=True, user="virtserialport,name=org.qemu.guest_agent.0"),
            "a: busy: another client uses this guest agent; end it",
        ),
        (
            Peer(server=Process(7, "qemu", "T"), is_held=True, holder=SHELL),
            "a: qemu (pid 7) is stopped; kill -CONT 7 resumes it",
        ),
        (
            Peer(server=Process(7, "qemu", "t")),
            "a: qemu (pid 7) is stopped in a debugger; continue it there",
        ),
        (
            Peer(server=Process(7, "\x1b[2J", "T")),
            "a: \\x1b[2J (pid 7) is stopped; kill -CONT 7 resumes it",
        ),
    ],
)
def test_delay_message_names_process_and_remedy(peer: Peer, text: str) -> None:
    assert explain_delay("a", peer) == text


@pytest.mark.parametrize(
    ("option", "user", "text"),
    [
        ("", "", ""),
        ("socket,id=c,port=1,server=on", "chardev=c,mode=control", ""),
        ("socket,id=c,port=1,server=on,websocket=off", "mode=control,chardev=c", ""),
        ("tcp::1,server,websocket", "", "use websocket:a:1"),
        ("socket,id=c,port=1,websocket=on", "chardev=c", "use websocket:a:1"),
        ("socket,id=c,port=1,tls-creds=t", "chardev=c", "expects TLS here; add --tls-creds DIR"),
        ("socket,id=c,port=1", "isa-serial,chardev=c", "a device of the guest, not a monitor"),
        (
            "socket,id=c,port=1",
            "x,chardev=c,name=org.qemu.guest_agent.0",
            "use qmpshell --ga, or qmpshell ga",
        ),
    ],
)
def test_option_of_qemu_names_other_protocol(option: str, user: str, text: str) -> None:
    found = explain_mismatch("a:1", Peer(server=QEMU, option=option, user=user))
    assert text in found if text else found == ""


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("localhost:1", "telnet:localhost:1"),
        ("[::1]:1", "telnet:[::1]:1"),
        ("/run/vm.sock", "unix:/run/vm.sock,telnet=on"),
        ("vm.sock", "unix:vm.sock,telnet=on"),
        ("unix:a:1,abstract=on", "unix:a:1,abstract=on,telnet=on"),
        ("websocket:localhost:1", "telnet:localhost:1"),
        ("tcp:[::1]:1,tls-creds=t", "telnet:[::1]:1"),
        ("unix:a,websocket=on", "unix:a,telnet=on"),
        ("socket,path=a.sock,server=on", "socket,path=a.sock,server=on,telnet=on"),
        ("socket,host=a,websocket=on,port=1", "socket,host=a,port=1,telnet=on"),
        ("socket,host=a,port=1,websocket", "socket,host=a,port=1,telnet=on"),
        ("socket,host=a,websocket=y,port=1", "socket,host=a,port=1,telnet=on"),
    ],
)
def test_address_with_telnet_is_accepted_form(address: str, text: str) -> None:
    assert address_with(address, "telnet") == text
    parse_address(text, exists=lambda _path: False)


@pytest.mark.parametrize("address", ["websocket:a:1", "wss://a:1", "tcp:a:1,websocket=on"])
def test_websocket_to_websocket_is_no_mismatch(address: str) -> None:
    assert explain_mismatch(address, Peer(server=QEMU, option="socket,port=1,websocket=on")) == ""
    tls = Peer(server=QEMU, option="socket,port=1,websocket=on,tls-creds=t")
    assert explain_mismatch(address, tls).endswith("expects TLS here; add --tls-creds DIR")
    assert explain_mismatch("tcp:a:1,websocket=on,tls-creds=tls0", tls) == ""


def listen_unix(tmp_path: Path) -> tuple[socket.socket, UnixAddress]:
    server = socket.socket(socket.AF_UNIX)
    path = str(tmp_path / "a.sock")
    server.bind(path)
    server.listen(3)
    return server, UnixAddress(path)


def listen_link(tmp_path: Path) -> tuple[socket.socket, UnixAddress]:
    server, address = listen_unix(tmp_path)
    (tmp_path / "link").symlink_to(address.path)
    return server, UnixAddress(str(tmp_path / "link"))


def listen_abstract(_tmp_path: Path) -> tuple[socket.socket, UnixAddress]:
    server = socket.socket(socket.AF_UNIX)
    name = f"qmpshell-test-{os.getpid()}"
    server.bind(f"\0{name}")
    server.listen(3)
    return server, UnixAddress(name, abstract=True)


def listen_tcp(_tmp_path: Path) -> tuple[socket.socket, TcpAddress]:
    server = socket.create_server(("127.0.0.1", 0))
    return server, TcpAddress("localhost", server.getsockname()[1])


def listen_tcp6(_tmp_path: Path) -> tuple[socket.socket, TcpAddress]:
    server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    return server, TcpAddress("::1", server.getsockname()[1])


def listen_both(_tmp_path: Path) -> tuple[socket.socket, TcpAddress]:
    server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    return server, TcpAddress("127.0.0.1", server.getsockname()[1])


@pytest.mark.parametrize(
    "listen", [listen_unix, listen_link, listen_abstract, listen_tcp, listen_tcp6, listen_both]
)
def test_peer_is_held_until_connection_is_accepted(
    tmp_path: Path, listen: Callable[[Path], tuple[socket.socket, UnixAddress | TcpAddress]]
) -> None:
    server, address = listen(tmp_path)
    name = server.getsockname()
    if isinstance(address, TcpAddress):
        name = (address.host, address.port)
    with server, socket.socket(server.family) as first, socket.socket(server.family) as second:
        if address == TcpAddress(
            "127.0.0.1", address.port if isinstance(address, TcpAddress) else 1
        ):
            name = (f"::ffff:{name[0]}", name[1])
        found = find_peer(address)
        assert found is not None and found.server is not None
        assert (found.server.pid, found.is_held, found.waiting) == (os.getpid(), False, 0)
        first.connect(name)
        found = find_peer(address)
        assert found is not None and (found.is_held, found.waiting) == (False, 0)
        accepted, _ = server.accept()
        with accepted:
            found = find_peer(address)
            assert found is not None and (found.is_held, found.waiting) == (False, 0)
            second.connect(name)
            found = find_peer(address)
            assert found is not None and (found.is_held, found.waiting) == (True, 0)
            assert found.holder is not None and found.holder.pid == os.getpid()
            other, _ = server.accept()
            with other:
                found = find_peer(address)
                assert found is not None and (found.is_held, found.waiting) == (False, 0)


def test_peer_of_unused_address_is_none(tmp_path: Path) -> None:
    server, address = listen_unix(tmp_path)
    server.close()
    assert find_peer(address) is None
    assert find_peer(UnixAddress(str(tmp_path / "none"))) is None
    assert find_peer(UnixAddress("qmpshell-none", abstract=True)) is None
    assert find_peer(TcpAddress("192.0.2.1", 1)) is None
    assert find_peer(TcpAddress("localhost", 1)) is None
    assert find_peer(FdAddress(0)) is None


def test_peer_on_another_system_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, address = listen_unix(tmp_path)
    with server:
        monkeypatch.delattr(socket, "AF_NETLINK")
        assert find_peer(address) is None
