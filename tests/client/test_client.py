"""Tests of the library interface."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import qmpshell
from qmpshell import (
    AddressError,
    CommandError,
    ConnectError,
    ConnectionLost,
    NegotiationError,
    ProtocolError,
    QmpShellError,
    ReplyTimeout,
    connect,
    listen,
)
from tests.harness.processes import wait_until
from tests.harness.scripted import GREETING, Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_agent, start_qemu

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]


def test_execute_returns_result_or_raises(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        assert qmp.execute("query-name") == {}
        assert qmp.execute("qom-get", {"path": "/", "property": "type"}) == "container"
        assert qmp.greeting is not None
        assert "QMP" in qmp.greeting
        assert qmp.capabilities == {"oob"}
        assert qmp.execute("query-yank", oob=True) == [{"type": "chardev", "id": "m"}]
        with pytest.raises(CommandError) as caught:
            qmp.execute("no-such")
        assert caught.value.error_class == "CommandNotFound"
        assert caught.value.desc == "The command no-such has not been found"
        assert caught.value.reply["error"]
        assert str(caught.value) == "CommandNotFound: The command no-such has not been found"
    with pytest.raises(ConnectionLost):
        qmp.execute("query-name")


def test_send_returns_whole_reply(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        assert qmp.send({"execute": "query-name"}) == {"return": {}}
        assert qmp.send({"execute": "query-name", "id": [None]}) == {"return": {}, "id": [None]}
        assert qmp.send({"execute": "no"})["error"]["class"] == "CommandNotFound"
        assert qmp.send({"exekute": "no"})["error"]["class"] == "GenericError"


def test_iteration_yields_events(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        qmp.execute("cont")
        qmp.execute("stop")
        assert [event["event"] for event in qmp.events(timeout=0)] == ["RESUME", "STOP"]
        qmp.execute("cont")
        for event in qmp:
            assert event["event"] == "RESUME"
            assert event["timestamp"]["seconds"] > 0
            break
        assert qmp.pull_event(timeout=0) is None


def test_get_and_clear_events_return_received_events(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        assert qmp.get_events() == []
        qmp.execute("cont")
        assert [event["event"] for event in qmp.get_events()] == ["RESUME"]
        qmp.execute("stop")
        assert [event["event"] for event in qmp.clear_events()] == ["STOP"]
        assert qmp.clear_events() == []


def test_wait_event_matches_earlier_events(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        qmp.execute("cont")
        qmp.execute("stop")
        qmp.execute("cont")
        assert qmp.wait_event("STOP", timeout=5)["event"] == "STOP"
        assert [event["event"] for event in qmp.clear_events()] == ["RESUME", "RESUME"]
        with pytest.raises(ReplyTimeout, match="event STOP did not arrive within"):
            qmp.wait_event("STOP", timeout=0.01)
        qmp.send({"execute": "quit"})
        event = qmp.wait_event("SHUTDOWN", match=lambda data: data["reason"] == "host-qmp-quit")
        assert event["data"]["guest"] is False


def test_late_reply_is_not_matched_to_next(scripted: Scripted) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        first = peer.read()
        second = peer.read()
        peer.reply(first, "late")
        peer.reply(second, "right")
        peer.ended()

    with connect(scripted(serve).address) as qmp:
        with pytest.raises(ReplyTimeout, match=r"the reply to first did not arrive within 0\.05 s"):
            qmp.execute("first", timeout=0.05)
        assert qmp.execute("second", timeout=5) == "right"


def test_connection_timeout_applies_to_execute(qemu: Server) -> None:
    with connect(qemu.address, timeout=0.05) as qmp:
        qmp.execute("query-name")
        qemu.stop()
        with pytest.raises(TimeoutError):
            qmp.execute("query-name")


def test_error_without_id_answers_pending_request(scripted: Scripted) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        peer.read()
        peer.send(b'{"error": {"class": "GenericError", "desc": "JSON parse error"}}\n')
        peer.ended()

    with connect(scripted(serve).address) as qmp, pytest.raises(CommandError, match="JSON parse"):
        qmp.execute("x", timeout=5)


def test_connection_loss_raises_and_keeps_events(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        qmp.execute("cont")
        qemu.kill()
        with pytest.raises(ConnectionLost):
            qmp.execute("query-name")
        assert [event["event"] for event in qmp] == ["RESUME"]
        with pytest.raises(ConnectionLost, match="nothing was sent"):
            qmp.execute("query-name")


def test_failed_connect_raises_specific_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="no such socket"):
        connect(str(tmp_path / "none"))
    with pytest.raises(AddressError):
        connect("host:port")
    with pytest.raises(ConnectError, match="tried for"):
        connect(str(tmp_path / "none"), wait=0.05)


@pytest.mark.parametrize(
    ("greeting_bytes", "error", "complaint"),
    [
        (b"SSH-2.0-x\r\n", ProtocolError, "SSH"),
        (b"", ReplyTimeout, "no greeting"),
        (GREETING, ReplyTimeout, "does not answer qmp_capabilities"),
        (b'{"QMP": {}', ReplyTimeout, "only part of a greeting"),
    ],
)
def test_missing_greeting_raises_specific_error(
    scripted: Scripted, greeting_bytes: bytes, error: type[QmpShellError], complaint: str
) -> None:
    def serve(peer: Peer) -> None:
        peer.send(greeting_bytes)
        peer.ended()

    with pytest.raises(error, match=complaint):
        connect(scripted(serve).address, greeting_timeout=0.1)


def test_refused_negotiation_raises_error(scripted: Scripted) -> None:
    def serve(peer: Peer) -> None:
        peer.send(b'{"QMP": {}}')
        peer.reply(peer.read(), error={"class": "GenericError", "desc": "no"})

    with pytest.raises(NegotiationError, match="refused to negotiate: no"):
        connect(scripted(serve).address)


def test_agent_connection_without_negotiation_executes_commands(
    installation: Installation, tmp_path: Path
) -> None:
    with (
        start_agent(installation, tmp_path) as agent,
        connect(agent.address, negotiate=False, wait=10) as qga,
    ):
        assert qga.execute("guest-ping", timeout=10) == {}


def test_listen_accepts_connection_from_qemu(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "listen.sock"
    with (
        listen(str(path)) as server,
        start_qemu(
            installation,
            tmp_path / "vm.sock",
            *("-chardev", f"socket,id=c,path={path}", "-mon", "chardev=c,mode=control"),
        ),
        server.accept(wait=10) as qmp,
    ):
        assert qmp.execute("query-name") == {}
    assert not path.exists()


def test_fileno_can_be_polled(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        poll = select.poll()
        poll.register(qmp.fileno(), select.POLLIN)
        assert poll.poll(0) == []
        qmp.execute("cont")
        assert len(qmp.get_events()) == 1


def test_files_and_descriptors_are_passed(qemu: Server, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "file").open("wb") as file, connect(qemu.address) as qmp:
        qmp.execute("getfd", {"fdname": "s"}, fds=[theirs])
        qmp.execute("getfd", {"fdname": "t"}, fds=[theirs.fileno()])
        assert qmp.send({"execute": "add-fd"}, fds=[file])["return"]["fdset-id"] == 0
        qmp.execute("closefd", {"fdname": "s"})
        with pytest.raises(CommandError, match="No file descriptor supplied"):
            qmp.execute("getfd", {"fdname": "u"})
        assert theirs.fileno() >= 0
        with pytest.raises(OSError, match="Bad file descriptor"):
            qmp.execute("getfd", {"fdname": "u"}, fds=[12345])


def test_files_are_not_passed_over_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as file:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with (
            connect(address, negotiate=False) as qmp,
            pytest.raises(AddressError, match="files can be passed only over a UNIX socket"),
        ):
            qmp.execute("getfd", {"fdname": "s"}, fds=[file])


def test_large_command_while_server_replies(scripted: Scripted) -> None:
    """The client must read and write at the same time."""

    def serve(peer: Peer) -> None:
        peer.negotiate()
        for _ in range(3000):
            peer.send(b'{"event": "E", "data": "' + b"x" * 1000 + b'"}\n')
        peer.reply(peer.read(), "done")
        peer.ended()

    with connect(scripted(serve).address) as qmp:
        assert qmp.execute("x", {"data": "y" * 3_000_000}, timeout=20) == "done"
        assert len(qmp.clear_events()) == 3000


def test_dropped_events_are_counted(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpshell.client._MAX_EVENTS", 10)

    def serve(peer: Peer) -> None:
        peer.negotiate()
        for number in range(25):
            peer.send(b'{"event": "E%d"}\n' % number)
        peer.reply(peer.read())
        peer.ended()

    with connect(scripted(serve).address) as qmp:
        qmp.execute("x")
        assert [event["event"] for event in qmp.clear_events()] == [
            f"E{number}" for number in range(15, 25)
        ]
        assert qmp.events_dropped == 15


def test_exported_names_exist() -> None:
    for name in qmpshell.__all__:
        assert getattr(qmpshell, name) is not None
    with pytest.raises(AttributeError):
        qmpshell.no_such_name  # type: ignore[attr-defined]  # noqa: B018


def test_close_is_idempotent_and_frees_monitor(qemu: Server) -> None:
    qmp = connect(qemu.address)
    qmp.close()
    qmp.close()
    with pytest.raises(ConnectionLost):
        qmp.pull_event()

    def is_greeted() -> bool:
        with socket.socket(socket.AF_UNIX) as again:
            again.connect(qemu.address)
            again.settimeout(10)
            return bool(again.recv(10))

    # QEMU may close a new connection while it still handles the end of the one before.
    wait_until(is_greeted, "no greeting")
