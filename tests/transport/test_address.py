"""Tests of the parser of addresses, including QEMU's own option strings."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import AddressError
from qmpshell.transport import (
    Address,
    DeviceAddress,
    ExecAddress,
    FdAddress,
    TcpAddress,
    UnixAddress,
    VsockAddress,
    WebsocketAddress,
    parse_address,
)


def parse(text: str, *existing: str) -> Address:
    return parse_address(text, exists=lambda name: name in (*existing, "/dev/null"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("vm.sock", UnixAddress("vm.sock")),
        ("info", UnixAddress("info")),
        ("./info", UnixAddress("./info")),
        ("/run/a:1", UnixAddress("/run/a:1")),
        ("./localhost:4444", UnixAddress("./localhost:4444")),
        ("unix:vm.sock", UnixAddress("vm.sock")),
        ("unix:/run/vm.sock,server=on,wait=off", UnixAddress("/run/vm.sock")),
        ("unix:/run/vm.sock,server,nowait", UnixAddress("/run/vm.sock")),
        ("unix:a,,b,server", UnixAddress("a,b")),
        ("unix:a,reconnect=5", UnixAddress("a")),
        ("unix:name,abstract=on", UnixAddress("name", abstract=True)),
        ("unix:name,abstract", UnixAddress("name", abstract=True)),
        ("unix:name,abstract=off", UnixAddress("name")),
        ("localhost:4444", TcpAddress("localhost", 4444)),
        (":4444", TcpAddress("localhost", 4444)),
        ("127.0.0.1:1", TcpAddress("127.0.0.1", 1)),
        ("[::1]:65535", TcpAddress("::1", 65535)),
        ("tcp:localhost:4444,server=on,wait=off", TcpAddress("localhost", 4444)),
        ("tcp::4444,server,nowait,nodelay", TcpAddress("localhost", 4444)),
        ("tcp:[fe80::1%eth0]:4444", TcpAddress("fe80::1%eth0", 4444)),
        ("tcp://localhost:4444", TcpAddress("localhost", 4444)),
        ("tcp://[::1]:4444/", TcpAddress("::1", 4444)),
        ("unix:///run/vm.sock", UnixAddress("///run/vm.sock")),
        ("UNIX-CONNECT:/run/vm.sock", UnixAddress("/run/vm.sock")),
        ("UNIX:vm.sock", UnixAddress("vm.sock")),
        ("TCP:localhost:4444", TcpAddress("localhost", 4444)),
        ("TCP-CONNECT:[::1]:4444", TcpAddress("::1", 4444)),
        ("TCP:4444", TcpAddress("TCP", 4444)),
        ("unix:4444", UnixAddress("4444")),
        ("telnet:4444", TcpAddress("telnet", 4444)),
        ("fd:3", FdAddress(3)),
        (
            "exec:ssh host socat - UNIX:/run/vm.sock",
            ExecAddress("ssh host socat - UNIX:/run/vm.sock"),
        ),
        ("vsock:3:4444", VsockAddress(3, 4444)),
        ("websocket:[::1]:4444", WebsocketAddress("::1", 4444)),
        ("/dev/null", DeviceAddress("/dev/null")),
    ],
)
def test_parse_address_accepts_all_spellings(text: str, address: Address) -> None:
    assert parse(text) == address


def test_name_of_existing_file_is_a_path() -> None:
    assert parse("host:4444", "host:4444") == UnixAddress("host:4444")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the address is empty"),
        ("a\0b", "an address cannot hold a NUL character"),
        ("unix:", "unix: needs a path, as in unix:/run/vm.sock"),
        ("unix:a,sever=on", "unknown option 'sever' in the address"),
        (
            "host:x",
            "host:x: 'x' is not a port number (1 to 65535); for a socket of this name, use ./host:x",
        ),
        (
            "host:",
            "host:: '' is not a port number (1 to 65535); for a socket of this name, use ./host:",
        ),
        ("::1:44", "::1:44: write an IPv6 address as [::1]:4444, a path with a /"),
        ("[::1]", "[::1]: an IPv6 address is written [::1]:4444"),
        ("[::1:44", "[::1:44: an IPv6 address is written [::1]:4444"),
        ("fd:", "fd:: a file descriptor is a number, as in fd:3"),
        ("fd:-1", "fd:-1: a file descriptor is a number, as in fd:3"),
        ("telnet:localhost:4444", "telnet: addresses of this kind are not supported"),
        ("ws://localhost:4444", "ws: addresses of this kind are not supported"),
        ("socket,path=/x", "socket: addresses of this kind are not supported"),
        ("tcp:a:1,telnet=on", "telnet=on: addresses of this kind are not supported"),
        ("exec: ", "exec: needs a command, as in exec:ssh HOST socat - UNIX:PATH"),
        (
            "vsock:3",
            "vsock:3: write two numbers, as in vsock:3:4444 (CID and port)",
        ),
    ],
)
def test_invalid_address_is_rejected_with_reason(text: str, complaint: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse(text)
    assert str(caught.value) == complaint


@given(st.text() | st.from_regex(r"(unix|tcp|fd|ws|)(:|)[a-z\[\],=:.0-9]*", fullmatch=True))
def test_random_text_is_parsed_or_rejected(text: str) -> None:
    try:
        address = parse(text)
    except AddressError:
        return
    assert parse(str(address)) == address or "," in text or "[" in text
