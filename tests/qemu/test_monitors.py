"""Tests of the monitors found in command lines."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import AddressError
from qmpshell.qemu import AGENT, HUMAN, QMP, find_monitors, machine_name, program_name
from qmpshell.transport import UnixAddress, parse_address

QEMU, DAEMON, GUEST = "qemu-system-x86_64", "qemu-storage-daemon", "qemu-ga"


def found(program: str, *words: str) -> list[tuple[str, str]]:
    return [
        (monitor.protocol, monitor.endpoint.address or f"({monitor.endpoint.kind})")
        for monitor in find_monitors([program, *words], program=program)
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-qmp unix:/a.sock,server=on,wait=off", [(QMP, "/a.sock")]),
        ("-qmp-pretty unix:/a.sock,server,nowait", [(QMP, "/a.sock")]),
        ("--qmp tcp:127.0.0.1:44,server=on", [(QMP, "127.0.0.1:44")]),
        ("-qmp tcp::44,server=on", [(QMP, "localhost:44")]),
        ("-qmp tcp:0.0.0.0:44,server=on", [(QMP, "localhost:44")]),
        ("-qmp tcp:[::1]:44,server=on", [(QMP, "[::1]:44")]),
        ("-qmp telnet:h:44,server=on", [(QMP, "telnet:h:44")]),
        ("-qmp tcp:h:44,server=on,telnet=on", [(QMP, "telnet:h:44")]),
        ("-qmp websocket:h:44,server=on", [(QMP, "websocket:h:44")]),
        ("-qmp unix:/a,,b.sock,server=on", [(QMP, "/a,b.sock")]),
        ("-qmp unix:n,abstract=on,server=on", [(QMP, "unix:n,abstract=on")]),
        ("-qmp pty", [(QMP, "(pty)")]),
        ("-qmp stdio", [(QMP, "(stdio)")]),
        ("-monitor unix:/h.sock,server=on", [(HUMAN, "/h.sock")]),
        ("-monitor mon:stdio", [(HUMAN, "(stdio)")]),
        ("-qmp chardev:c -chardev socket,id=c,path=/c,server=on", [(QMP, "/c")]),
        ("-chardev socket,path=/c,id=c,server=on -mon c", [(HUMAN, "/c")]),
        ("-mon chardev=c,mode=control -chardev socket,id=c,path=/c,server=on", [(QMP, "/c")]),
        ("-chardev socket,id=c,path=/c,server=on -mon mode=readline,chardev=c", [(HUMAN, "/c")]),
        (
            "-chardev socket,id=c,host=::,port=44,server=on,websocket=on -mon c,mode=control",
            [(QMP, "websocket:localhost:44")],
        ),
        ("-chardev socket,id=c,fd=7,server=on -mon c,mode=control", [(QMP, "(fd)")]),
        ("-chardev socket,id=c,path=/c,server=on", []),
        ("-mon nothing,mode=control", []),
        ("-append -qmp unix:/a.sock", []),
        ("-nodefaults -qmp unix:/a.sock,server", [(QMP, "/a.sock")]),
        (
            "-chardev socket,id=g,path=/g,server=on"
            " -device virtserialport,chardev=g,name=org.qemu.guest_agent.0",
            [(AGENT, "/g")],
        ),
        (
            "-chardev socket,id=g,path=/g,server=on -device"
            ' {"driver":"virtserialport","chardev":"g","name":"org.qemu.guest_agent.0"}',
            [(AGENT, "/g")],
        ),
        ("-chardev socket,id=g,path=/g,server=on -device virtserialport,chardev=g,name=x", []),
    ],
)
def test_qemu_options_give_monitors(words: str, expected: list[tuple[str, str]]) -> None:
    assert found(QEMU, *words.split(" ")) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--chardev socket,id=c,path=/c,server=on --monitor c", [(QMP, "/c")]),
        ("--chardev=socket,id=c,path=/c,server=on --monitor=chardev=c,pretty", [(QMP, "/c")]),
        ("--chardev socket,id=c,path=/c,server=on --daemonize --monitor c", [(QMP, "/c")]),
        ("--monitor unix:/c", []),
    ],
)
def test_storage_daemon_options_give_monitors(words: str, expected: list[tuple[str, str]]) -> None:
    assert found(DAEMON, *words.split(" ")) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-m unix-listen -p /g.sock", "/g.sock"),
        ("--method=unix-listen --path=/g.sock", "/g.sock"),
        ("--method unix-listen --path /g.sock", "/g.sock"),
        ("-dvp/g.sock -munix-listen", "/g.sock"),
        ("-b -p -m unix-listen -p /g.sock", "/g.sock"),
        ("-m vsock-listen -p 3:1234", "vsock:3:1234"),
        ("-d", "(virtio-serial)"),
    ],
)
def test_agent_options_give_its_address(words: str, expected: str) -> None:
    assert found(GUEST, *words.split(" ")) == [(AGENT, expected)]


@pytest.mark.parametrize(("server", "connects"), [("server=on", False), ("reconnect=1", True)])
def test_client_socket_is_marked(server: str, connects: bool) -> None:
    (monitor,) = find_monitors([QEMU, "-qmp", f"unix:/a,{server}"], program=QEMU)
    assert monitor.endpoint.connects is connects


def test_tls_is_marked() -> None:
    words = ["-chardev", "socket,id=c,host=h,port=1,server=on,tls-creds=t0", "-mon", "c"]
    (monitor,) = find_monitors([QEMU, *words], program=QEMU)
    assert monitor.endpoint.tls


def test_name_option_names_machine() -> None:
    assert machine_name([QEMU, "-name", "vm1"]) == "vm1"
    assert machine_name([QEMU, "-name", "debug-threads=on,guest=a,,b"]) == "a,b"
    assert machine_name([QEMU, "-append", "-name", "x"]) == ""


def test_only_programs_with_monitors_are_recognized() -> None:
    for word in ("/usr/bin/qemu-system-arm (deleted)", "kvm", "qemu-storage-daemon", "./qemu-ga"):
        assert program_name(word)
    for word in ("", "/bin/sh", "qemu-img", "qemu-nbd", "qemu-system-", "grep"):
        assert not program_name(word)


parts = st.sampled_from(
    [
        "-qmp",
        "-mon",
        "-monitor",
        "-chardev",
        "-device",
        "--monitor=",
        "-m",
        "-p",
        "unix:",
        "tcp:",
        "socket,",
        "id=",
        "path=",
        "server=on",
        ",",
        ",,",
        "=",
        "{",
        "fd=",
        "mode=control",
        "c",
    ]
)
words_of_parts = st.lists(st.lists(st.one_of(parts, st.text(max_size=4)), max_size=6).map("".join))


@given(st.sampled_from([QEMU, DAEMON, GUEST]), words_of_parts)
def test_any_words_give_monitors_without_exception(program: str, words: list[str]) -> None:
    for monitor in find_monitors([program, *words], program=program):
        assert monitor.protocol in (QMP, HUMAN, AGENT)
        assert isinstance(monitor.endpoint.address, str)
    machine_name([program, *words])


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


@given(names, st.booleans(), st.lists(st.sampled_from(["-S", "-m 64", "-name x"])))
def test_path_survives_both_forms(name: str, is_short: bool, others: list[str]) -> None:
    path = f"/{name}"
    escaped = path.replace(",", ",,")
    if is_short:
        own = ["-qmp", f"unix:{escaped},server=on"]
    else:
        own = ["-mon", "chardev=c,mode=control", "-chardev", f"socket,path={escaped},id=c,server"]
    words = [word for option in others for word in option.split()]
    assert found(QEMU, *words, *own, *words) == [(QMP, path)]
    assert str(parse_address(path, exists=lambda _: False)) == path


@given(names)
def test_abstract_name_survives_as_address(name: str) -> None:
    ((_, address),) = found(QEMU, "-qmp", f"unix:{name.replace(',', ',,')},abstract=on,server=on")
    try:
        parsed = parse_address(address, exists=lambda _: False)
    except AddressError:
        pytest.fail(f"{address!r} cannot be parsed")
    assert isinstance(parsed, UnixAddress)
    assert (parsed.path, parsed.abstract) == (name, True)
