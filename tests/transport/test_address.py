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
    is_clear_text,
    parse_address,
)


def parse(text: str, *existing: str) -> Address:
    return parse_address(text, exists=lambda name: name in existing)


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
        ("unix-connect:vm.sock", UnixAddress("vm.sock")),
        ("UNIX:vm.sock", UnixAddress("vm.sock")),
        ("TCP:localhost:4444", TcpAddress("localhost", 4444)),
        ("TCP-CONNECT:[::1]:4444", TcpAddress("::1", 4444)),
        ("TCP:4444", TcpAddress("TCP", 4444)),
        ("unix:4444", UnixAddress("4444")),
        ("telnet:4444", TcpAddress("telnet", 4444)),
        ("telnet:localhost:4444", TcpAddress("localhost", 4444, telnet=True)),
        ("telnet::4444,server,nowait", TcpAddress("localhost", 4444, telnet=True)),
        ("telnet://localhost:4444/", TcpAddress("localhost", 4444, telnet=True)),
        ("websocket://[::1]:4444", TcpAddress("::1", 4444, websocket=True)),
        ("tcp:a:1,telnet=on", TcpAddress("a", 1, telnet=True)),
        ("tcp:a:1,telnet=off", TcpAddress("a", 1)),
        ("unix:/x,telnet=on", UnixAddress("/x", telnet=True)),
        ("unix:/x,websocket=on,server", UnixAddress("/x", websocket=True)),
        ("websocket:[::1]:1", TcpAddress("::1", 1, websocket=True)),
        ("ws://localhost:4444/", TcpAddress("localhost", 4444, websocket=True)),
        ("wss://localhost:4444", TcpAddress("localhost", 4444, websocket=True, tls="wss")),
        ("telnet:a:1,tls-creds=t0", TcpAddress("a", 1, telnet=True, tls="t0")),
        ("exec:ssh h socat - UNIX:/x,y", ExecAddress("ssh h socat - UNIX:/x,y")),
        ("vsock:3:4444", VsockAddress(3, 4444)),
        ("/dev/pts/3", DeviceAddress("/dev/pts/3")),
        ("pty:/dev/pts/3", DeviceAddress("/dev/pts/3")),
        ("serial:/tmp/link", DeviceAddress("/tmp/link")),
        ("socket,id=m,path=/x,server=on,wait=off", UnixAddress("/x")),
        ("socket,id=m,path=/a,,b,telnet=on,logfile=/l", UnixAddress("/a,b", telnet=True)),
        ("socket,path=x,abstract=on,tight=off", UnixAddress("x", abstract=True)),
        (
            "socket,id=m,host=::1,port=1,server=on,websocket=on,tls-creds=t0,tls-authz=z,ipv6=on",
            TcpAddress("::1", 1, websocket=True, tls="t0"),
        ),
        ("socket,port=1,reconnect-ms=5,nodelay", TcpAddress("localhost", 1)),
        ("fd:3", FdAddress(3)),
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
        ("unix:a,sever=on", "unix:a,sever=on: unknown option 'sever': did you mean server?"),
        ("unix:a,b", "unix:a,b: unknown option 'b'; write ,, for a comma in the path"),
        (
            "socket,path=a,b",
            "socket,path=a,b: unknown option 'b'; write ,, for a comma in the path",
        ),
        ("tcp:a:1,b", "tcp:a:1,b: unknown option 'b'"),
        (
            "host:x",
            "host:x: 'x' is not a port number (1 to 65535); write HOST:PORT, or ./host:x for a socket of that name",
        ),
        (
            "host:",
            "host:: '' is not a port number (1 to 65535); write HOST:PORT, or ./host: for a socket of that name",
        ),
        (
            "::1:44",
            "::1:44: unknown form of address; write an IPv6 address as [::1]:4444, a path with a /",
        ),
        ("[::1]", "[::1]: an IPv6 address is written [::1]:4444"),
        ("[::1:44", "[::1:44: an IPv6 address is written [::1]:4444"),
        ("fd:", "fd:: a file descriptor is a number, as in fd:3"),
        ("fd:-1", "fd:-1: a file descriptor is a number, as in fd:3"),
        (
            "telnet:a",
            "telnet:a: 'a' is not a port number (1 to 65535); write HOST:PORT, or ./telnet:a for a socket of that name",
        ),
        ("ws://u:secret@h/", "an address has no user name or password: write HOST:PORT"),
        ("exec:", "exec: needs a command, as in exec:ssh host socat - UNIX:/run/vm.sock"),
        ("vsock:1", "vsock:1: a vsock address is two numbers, as in vsock:3:4444"),
        ("vsock:x:1", "vsock:x:1: a vsock address is two numbers, as in vsock:3:4444"),
        ("pty:", "pty: needs a device, as in pty:/dev/pts/3"),
        ("socket,id=m", "a socket,… address needs path=PATH, or host=HOST,port=PORT"),
        (
            "socket,path=/x,tls-creds=t",
            "tls-creds in the address: only a TCP connection can use TLS",
        ),
        ("tcp:a:1,telnet=maybe", "telnet=maybe in the address: expected on or off"),
        (
            "socket,path=/x,telnet,websocket",
            "an address cannot have both telnet=on and websocket=on",
        ),
    ],
)
def test_invalid_address_is_rejected_with_reason(text: str, complaint: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse(text)
    assert str(caught.value) == complaint


@given(
    st.text()
    | st.from_regex(
        r"(unix|tcp|fd|ws|telnet|vsock|exec|pty|socket,path|)(:|)[a-z\[\],=:.0-9]*", fullmatch=True
    )
)
def test_random_text_is_parsed_or_rejected(text: str) -> None:
    try:
        address = parse(text)
    except AddressError:
        return
    assert parse(str(address)) == address or "," in text or "[" in text


@pytest.mark.parametrize(
    "path", ["Unix:/a", "UNIX-CONNECT:/a", "tcp:/a", "Socket,a/b", "a:b", "/a"]
)
def test_text_of_path_denotes_the_same_path(path: str) -> None:
    assert parse_address(str(UnixAddress(path)), exists=lambda _path: False) == UnixAddress(path)


@pytest.mark.parametrize(
    ("host", "is_clear"),
    [
        *((host, False) for host in ("localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1")),
        *((host, True) for host in ("host", "10.0.0.1", "127.example.com", "::2", "128.0.0.1")),
    ],
)
def test_clear_text_is_any_host_but_loopback(host: str, is_clear: bool) -> None:
    assert is_clear_text(TcpAddress(host, 1)) is is_clear
    assert is_clear_text(TcpAddress(host, 1, telnet=True)) is is_clear
    assert is_clear_text(TcpAddress(host, 1, websocket=True)) is is_clear
    assert not is_clear_text(TcpAddress(host, 1, tls="t"))
