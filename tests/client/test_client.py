"""Tests of the library interface."""

from __future__ import annotations

import contextlib
import gc
import inspect
import math
import os
import pickle
import re
import select
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import partial
from pathlib import Path
from textwrap import dedent
from types import FrameType
from typing import Any

import pytest

import qmpshell
from qmpshell import (
    AddressError,
    CommandError,
    ConnectError,
    Connection,
    ConnectionLost,
    NegotiationError,
    OperationError,
    ProtocolError,
    QmpShellError,
    ReplyTimeout,
    connect,
    listen,
)
from qmpshell.client import rest_for_greeting
from qmpshell.errors import LineError
from qmpshell.qmp import encode_message
from tests.client.greetings import (
    answer_after_another_connection,
    parametrize_greetings,
    refuse,
    serve_greeting,
)
from tests.harness.agents import serve_late_error, synchronize_without_ids
from tests.harness.mutation import RAW
from tests.harness.processes import wait_until
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import SYSTEM, Installation, Server, start_agent, start_qemu
from tests.harness.waiting import sleeps_less_than

CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


def nest(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


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


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        (2**64 - 1, 2**64 - 1),
        (2**64 + 1, 2.0**64),
        ({"a": [-(10**400)]}, {"a": [float("-inf")]}),
        ((1, True), [1, True]),
        ({1: None}, {"1": None}),
        ("\ufdd0", None),
        ("\uffff", None),
    ],
)
def test_id_that_server_changes_is_matched(qemu: Server, sent: Any, returned: Any) -> None:
    with connect(qemu.address, timeout=30) as qmp:  # seconds, so that a fault is not a hang
        reply = qmp.send({"execute": "query-name", "id": sent})
        assert reply.get("id") == returned
        assert qmp.execute("query-name") == {}


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


@pytest.mark.parametrize(
    "pull",
    [
        lambda qmp: qmp.pull_event(timeout=0),
        lambda qmp: next(qmp.events(timeout=0)),
        lambda qmp: qmp.wait_event("RESUME", timeout=0),
    ],
)
def test_timeout_of_zero_returns_arrived_event(
    tmp_path: Path, pull: Callable[[Connection], dict[str, Any]]
) -> None:
    second = tmp_path / "second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as server,
        connect(server.address) as qmp,
        connect(second, wait=60) as other,
    ):
        other.execute("cont")
        assert select.select([qmp], [], [], 60)[0]
        assert pull(qmp)["event"] == "RESUME"


def test_get_events_raises_after_last_event(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        qmp.execute("cont")
        qemu.kill()
        assert select.select([qmp], [], [], 60)[0]
        assert [event["event"] for event in qmp.get_events()] == ["RESUME"]
        with pytest.raises(ConnectionLost, match="no event will arrive"):
            qmp.get_events()


def test_wait_event_matches_earlier_events(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        qmp.execute("cont")
        qmp.execute("stop")
        qmp.execute("cont")
        assert qmp.wait_event("STOP", timeout=60)["event"] == "STOP"
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
        assert qmp.execute("second", timeout=60) == "right"


def test_connection_timeout_applies_to_execute(qemu: Server) -> None:
    with connect(qemu.address, timeout=0.05) as qmp:
        qmp.execute("query-name", timeout=60)
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
        qmp.execute("x", timeout=60)


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
    with pytest.raises(TypeError, match="an address is a text, a path, or"):
        connect(5)  # type: ignore[arg-type]
    with pytest.raises(ConnectError, match="tried for"):
        connect(str(tmp_path / "none"), wait=0.05)


@parametrize_greetings
def test_missing_greeting_raises_specific_error(
    scripted: Scripted, greeting: bytes, timeout: float, error: type[QmpShellError], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        connect(scripted(serve_greeting(greeting)).address, greeting_timeout=timeout)


def test_another_connection_wakes_the_server(scripted: Scripted) -> None:
    with connect(scripted(answer_after_another_connection).address, greeting_timeout=60) as qmp:
        assert qmp.execute("stop") == {}


def test_refused_negotiation_raises_error(scripted: Scripted) -> None:
    with pytest.raises(NegotiationError, match="refused to negotiate: no"):
        connect(scripted(refuse).address)


def test_agent_connection_without_negotiation_executes_commands(
    installation: Installation, tmp_path: Path
) -> None:
    with (
        start_agent(installation, tmp_path) as agent,
        connect(agent.address, negotiate=False, wait=60) as qga,
    ):
        assert qga.execute("guest-ping", timeout=60) == {}


@pytest.mark.parametrize(
    ("timeout", "wait", "least", "most"),
    [(3.0, 0.0, 3, 3), (None, None, 5, 5), (None, 0.0, 1, 1), (None, 60.0, 30, 60)],
)
def test_wait_limits_the_wait_for_the_greeting(
    timeout: float | None, wait: float | None, least: float, most: float
) -> None:
    assert least <= rest_for_greeting(timeout, wait, time.monotonic()) <= most


def test_agent_connection_synchronizes(installation: Installation, tmp_path: Path) -> None:
    with start_agent(installation, tmp_path) as agent:
        path = Path(agent.address)
        with connect(path, negotiate=False, agent=True, wait=60) as earlier:
            earlier._write(b'{"execute": "guest-ping"}\n{"execute": "guest-pi', ())
            # The agent exits if it cannot write the reply.
            assert select.select([earlier], [], [], 60)[0]
            assert os.read(earlier.fileno(), 100)
        with connect(path, agent=True, wait=60) as qga:
            assert qga.execute("guest-ping") == {}
            assert "version" in qga.execute("guest-info")


def test_silent_agent_command_succeeds(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpshell.client.SILENT_SUCCESS_DELAY", 0.05)

    def serve(peer: Peer) -> None:
        command = _after_sentinel(peer)
        peer.send(b"\xff" + encode_message({"return": command["arguments"]["id"]}))
        peer.reply(peer.read())
        assert peer.read()["execute"] == "guest-shutdown"
        peer.reply(peer.read(), error={"class": "GenericError", "desc": "no"})
        peer.ended()

    with connect(scripted(serve).address, agent=True) as qga:
        assert qga.execute("guest-shutdown") == {}
        with pytest.raises(CommandError, match="no"):
            qga.execute("guest-suspend-ram", timeout=60)


def test_late_error_of_silent_command_is_discarded(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpshell.client.SILENT_SUCCESS_DELAY", 0.05)
    with connect(scripted(serve_late_error).address, agent=True, timeout=60) as qga:
        assert qga.execute("guest-suspend-ram") == {}
        for name in ("guest-ping", "guest-info"):
            assert qga.execute(name) == name


def _after_sentinel(peer: Peer) -> dict[str, Any]:
    assert peer.connection.recv(1) == b"\xff"
    return peer.read()


def test_agent_is_asked_again_regularly(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpshell.client_state._FIRST_RETRY", 0.01)
    monkeypatch.setattr("qmpshell.client_state._LAST_RETRY", 0.02)

    def serve(peer: Peer) -> None:
        for _ in range(15):  # with ever longer pauses, that takes minutes
            command = peer.read_any()
        peer.send(b"\xff")
        while True:
            peer.reply(command, command["arguments"]["id"])
            command = peer.read_any()

    with connect(scripted(serve).address, agent=True, wait=60) as qga:
        assert qga.execute("guest-sync", {"id": 7}) == 7


def test_reply_after_interrupt_is_discarded(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agents before QEMU 4.0 send no ids, so that only the order of the replies is left."""

    def serve(peer: Peer) -> None:
        synchronize_without_ids(peer)
        commands = [peer.read_any() for _ in range(2)]
        for command in commands:
            peer.reply(command, command["execute"])

    def interrupt(_timeout: float) -> bool:
        raise KeyboardInterrupt

    with connect(scripted(serve).address, agent=True) as qga:
        with monkeypatch.context() as patch:
            patch.setattr(qga, "_poll", interrupt)
            with pytest.raises(KeyboardInterrupt):
                qga.execute("guest-ping")
        assert qga.execute("guest-info", timeout=60) == "guest-info"


class Interrupt(BaseException):
    """What a signal handler raises."""


def interrupt() -> None:
    raise Interrupt


def interrupted(
    call: Callable[[], object], number: int, handle: Callable[[], object] = interrupt
) -> bool:
    """Run `call`. Call `handle` in it at the start or end of a function, as a signal can do.

    `number` selects the function. Return False if `call` has ended before.
    """
    left = number

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        # Not where a generator yields: Python handles no signal there.
        is_end = event == "return" and not frame.f_code.co_flags & inspect.CO_GENERATOR
        if event == "call" or is_end:
            left -= 1
            if left == 0:
                handle()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return left <= 0


def test_interrupt_neither_repeats_nor_hangs(scripted: Scripted) -> None:
    # What the server has received on each connection that has ended.
    ended: list[list[str]] = []

    def serve(peer: Peer) -> None:
        received: list[str] = []
        try:
            peer.negotiate()
            while True:
                command = peer.read()
                received.append(command["execute"])
                peer.reply(command, command["execute"])
        finally:
            ended.append(received)

    server = scripted(serve)
    number, is_interrupted = 0, True
    while is_interrupted:
        number += 1
        with connect(server.address) as qmp:
            descriptor = qmp.fileno()
            is_interrupted = interrupted(partial(qmp.execute, "first"), number)
            with contextlib.suppress(ConnectionLost):
                assert qmp.execute("second", timeout=60) == "second"
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
        wait_until(lambda: len(ended) == number, "the end of the connection")  # noqa: B023
        assert ended[-1] in ([], ["first"], ["second"], ["first", "second"]), number
    assert number > 50


def test_interrupted_connection_frees_the_monitor(one_qemu: Server) -> None:
    number, lost = 0, 0
    while lost < 3:
        number += 1
        with connect(one_qemu.address, wait=60) as qmp:
            assert interrupted(partial(qmp.execute, "query-name"), number)
            try:
                qmp.execute("query-name")
            except ConnectionLost:
                lost += 1
                with connect(
                    one_qemu.address, wait=60
                ) as other:  # although the first is not closed
                    other.execute("query-name")


@pytest.mark.parametrize(
    "call", [lambda qmp: qmp.get_events(), lambda qmp: qmp.wait_event("E", timeout=0)]
)
def test_signal_handler_can_close_connection(
    scripted: Scripted, call: Callable[[Connection], object]
) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        peer.ended()

    server = scripted(serve)
    number, is_interrupted = 0, True
    while is_interrupted:
        number += 1
        qmp = connect(server.address)
        descriptors = {qmp.fileno(), qmp._wake.fileno(), qmp._waker.fileno()}

        def use(qmp: Connection = qmp) -> None:
            with contextlib.suppress(ConnectionLost, ReplyTimeout):
                call(qmp)

        is_interrupted = interrupted(use, number, qmp.close)
        qmp.close()
        for descriptor in descriptors:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(descriptor)
    assert number > 20


def test_unclosed_connection_leaves_no_descriptor(scripted: Scripted) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        peer.ended()

    server = scripted(serve)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        connect(server.address)
        before = os.listdir("/proc/self/fd")
        connect(server.address)
        gc.collect()
    # The server, which runs in this process, may close its end later.
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= len(before), "closed descriptors")


def test_monitor_is_not_an_agent(one_qemu: Server) -> None:
    with pytest.raises(ProtocolError, match="this is a QMP monitor"):
        connect(one_qemu.address, agent=True)


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
        before = os.listdir("/proc/self/fd")
        with pytest.raises(OSError, match="Bad file descriptor"):
            qmp.execute("getfd", {"fdname": "u"}, fds=[theirs, 12345])
        assert os.listdir("/proc/self/fd") == before


def test_too_many_files_raise_value_error(qemu: Server, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, connect(qemu.address) as qmp:
        with pytest.raises(ValueError, match=r"at most 253 files .*; nothing was sent"):
            qmp.execute("add-fd", fds=[file] * 254)
        with contextlib.suppress(CommandError):  # QEMU receives fewer
            qmp.execute("add-fd", fds=[file] * 253)
        assert qmp.execute("query-name") == {}


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
        assert qmp.execute("x", {"data": "y" * 3_000_000}, timeout=60) == "done"
        assert len(qmp.clear_events()) == 3000


def test_dropped_events_are_counted(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpshell.client_state._MAX_EVENTS", 10)

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


# -- exceptions ------------------------------------------------------------------------------------


def _subclasses(cls: type[QmpShellError]) -> list[type[QmpShellError]]:
    return [cls, *(inner for sub in cls.__subclasses__() for inner in _subclasses(sub))]


@pytest.mark.parametrize("copy", [lambda error: pickle.loads(pickle.dumps(error)), deepcopy])
def test_every_exception_can_be_pickled(copy: Callable[[QmpShellError], QmpShellError]) -> None:
    special = [
        CommandError({"error": {"class": "GenericError", "desc": "no"}, "id": 1}),
        LineError("reason", start=3, end=5, hint="hint"),
        ConnectError("text", retriable=True, busy=True),
    ]
    done = {type(error) for error in special}
    public = [cls for cls in _subclasses(QmpShellError) if cls.__module__ == "qmpshell.errors"]
    errors = special + [cls("text") for cls in public if cls not in done]
    assert len(errors) > 10
    for error in errors:
        again = copy(error)
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_error_with_any_value_is_raised(
    scripted: Callable[[Callable[[Peer], object]], ScriptedServer], raw: str
) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        command = peer.read()
        for error in (raw, f'{{"class": {raw}, "desc": {raw}}}'):
            peer.send(f'{{"error": {error}, "id": "{command["id"]}"}}\r\n'.encode())
            command = peer.read()
        peer.send(f'{{"event": {raw}}}\r\n'.encode())
        peer.reply(command)
        peer.ended()

    with connect(scripted(serve).address) as qmp:
        for _ in range(2):
            with pytest.raises(CommandError) as raised:
                qmp.execute("x")
            assert isinstance(raised.value.desc, str)
            assert str(raised.value)
        qmp.execute("x")
        with pytest.raises(ReplyTimeout):
            qmp.wait_event("STOP", timeout=0)


@pytest.mark.parametrize(
    "arguments",
    [{"a": float("nan")}, {"a": float("inf")}, {"a": [CIRCLE]}, {"a": nest(1500)}],
    ids=["nan", "infinite", "circular", "deep"],
)
def test_impossible_argument_raises_value_error(one_qemu: Server, arguments: Any) -> None:
    with connect(one_qemu.address) as qmp:
        with pytest.raises(ValueError):  # noqa: PT011 - the text is Python's
            qmp.execute("query-name", arguments)
        assert qmp.execute("query-name") == {}


def test_deepest_argument_that_qemu_accepts(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        # Two brackets are those of the message and of the arguments.
        with pytest.raises(CommandError, match="'a' is unexpected"):
            qmp.execute("query-name", {"a": nest(1022)})
        with pytest.raises(ValueError, match="nested deeper than QEMU accepts; nothing was sent"):
            qmp.execute("query-name", {"a": nest(1023)})
        assert qmp.execute("query-name") == {}


@pytest.mark.parametrize("timeout", [1e9, 1e300, float("inf")])
def test_very_long_timeout_is_accepted(one_qemu: Server, timeout: float) -> None:
    with connect(one_qemu.address, timeout=timeout) as qmp:
        assert qmp.execute("query-name", timeout=timeout) == {}
        qmp.execute("cont")
        assert qmp.wait_event("RESUME", timeout=timeout)["event"] == "RESUME"


def test_closed_objects_raise_own_errors(one_qemu: Server, tmp_path: Path) -> None:
    connection = connect(one_qemu.address)
    connection.close()
    with pytest.raises(ConnectionLost, match="closed"):
        connection.fileno()
    server = listen(tmp_path / "listen.sock")
    server.close()
    with pytest.raises(ConnectError, match="closed"):
        server.accept(wait=1)


def test_dead_server_error_names_address_and_reply(one_qemu: Server) -> None:
    with connect(one_qemu.address) as qmp:
        one_qemu.kill()
        with pytest.raises(ConnectionLost) as caught:
            qmp.execute("query-name")
        assert str(caught.value).startswith(f"{one_qemu.address}: connection lost: ")
        assert "the reply to query-name will not arrive" in str(caught.value)
        with pytest.raises(
            ConnectionLost, match=r"connection lost: .*; event STOP will not arrive"
        ):
            qmp.wait_event("STOP")


def test_lost_connection_while_waiting_names_event(scripted: Scripted) -> None:
    server = scripted(lambda peer: peer.negotiate())
    with connect(server.address) as qmp:
        expected = f"{server.address}: connection lost: the server closed it; event STOP with a=1"
        with pytest.raises(ConnectionLost, match=re.escape(f"{expected} will not arrive")):
            qmp.wait_event("STOP", match={"a": 1})


def test_connection_closed_before_greeting_is_lost(scripted: Scripted) -> None:
    with pytest.raises(ConnectionLost, match="the server closed it; the greeting will not arrive"):
        connect(scripted(lambda _peer: None).address)


def test_busy_monitor_raises_connect_error_within_wait(one_qemu: Server) -> None:
    with connect(one_qemu.address):
        begun = time.monotonic()
        with (
            pytest.raises(
                ConnectError, match=r"another client, python[\d.]* \(pid \d+\), holds"
            ) as caught,
            sleeps_less_than(4),
        ):
            connect(one_qemu.address, wait=0.3)
        assert caught.value.busy
        assert isinstance(caught.value, ReplyTimeout)
        assert time.monotonic() - begun > 0.2
        with pytest.raises(ConnectError), sleeps_less_than(4):
            connect(one_qemu.address, greeting_timeout=0.1)


def test_wait_outlasts_another_client(one_qemu: Server) -> None:
    first = connect(one_qemu.address)
    timer = threading.Timer(0.3, first.close)
    timer.start()
    with connect(one_qemu.address, wait=60) as qmp:
        assert qmp.execute("query-name") == {}
    timer.join()


# -- close from another thread ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda qmp: qmp.wait_event("STOP"),
        lambda qmp: qmp.pull_event(),
        lambda qmp: qmp.execute("query-name"),
        lambda qmp: qmp.wait_migration(),
    ],
)
def test_close_in_another_thread_ends_waiting_call(
    one_qemu: Server, call: Callable[[Connection], object]
) -> None:
    qmp = connect(one_qemu.address)
    descriptor = qmp.fileno()
    one_qemu.stop()
    timer = threading.Timer(0.2, qmp.close)
    timer.start()
    with pytest.raises(ConnectionLost, match=r"the connection is closed; .* will not arrive"):
        call(qmp)
    timer.join()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_close_in_another_thread_ends_iteration(one_qemu: Server) -> None:
    qmp = connect(one_qemu.address)
    timer = threading.Timer(0.2, qmp.close)
    timer.start()
    assert list(qmp) == []
    timer.join()


def test_use_during_call_of_other_thread_raises(tmp_path: Path) -> None:
    other = tmp_path / "other.sock"

    def wait_for_stop(qmp: Connection) -> str:
        while True:
            try:
                return str(qmp.wait_event("STOP")["event"])
            except RuntimeError:  # the main thread was first
                continue

    def is_refused(qmp: Connection) -> bool:
        try:
            qmp.execute("query-name")
        except RuntimeError as error:
            return "another thread uses this connection" in str(error)
        return False

    options = ("-qmp", f"unix:{other},server=on,wait=off")
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as server,
        connect(server.address) as qmp,
        ThreadPoolExecutor() as threads,
    ):
        waiting = threads.submit(wait_for_stop, qmp)
        wait_until(lambda: is_refused(qmp), "RuntimeError")
        with connect(other) as second:
            second.execute("cont")
            second.execute("stop")
        assert waiting.result() == "STOP"
        assert qmp.execute("query-name") == {}


def test_close_of_server_ends_accept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        for _ in range(100):
            server = listen(tmp_path / "l.sock")
            accepted = threads.submit(server.accept, wait=60)
            closed = [threads.submit(server.close), threads.submit(server.close)]
            with pytest.raises(ConnectError, match=r"stopped listening|closed, so that"):
                accepted.result(60)
            for each in closed:
                each.result(60)
            assert list(tmp_path.iterdir()) == []


# -- addresses and timeouts ------------------------------------------------------------------------


def test_path_and_host_with_port_are_addresses(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = tmp_path / "vm.sock"
    with start_qemu(SYSTEM, path, "-qmp", f"tcp:127.0.0.1:{port},server=on,wait=off"):
        with connect(path) as qmp:
            assert qmp.execute("query-name") == {}
        with connect(("127.0.0.1", port), wait=60) as qmp:
            assert qmp.execute("query-name") == {}
    # A Path without a slash is a path too, and never a host.
    with pytest.raises(ConnectError, match=r"^unix:host:1: no such socket"):
        connect(Path("host:1"))
    with pytest.raises(AddressError, match="0 is not a port number"):
        connect(("host", 0))
    with listen(tmp_path / "listen.sock"):
        assert (tmp_path / "listen.sock").exists()


def test_infinite_timeouts_mean_no_limit(one_qemu: Server, tmp_path: Path) -> None:
    with connect(
        one_qemu.address, wait=math.inf, timeout=math.inf, greeting_timeout=math.inf
    ) as qmp:
        qmp.execute("cont", timeout=math.inf)
        assert qmp.wait_event("RESUME", timeout=math.inf)["event"] == "RESUME"
        qmp.execute("stop", timeout=1e300)
        assert qmp.pull_event(timeout=math.inf) is not None
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        connect(("127.0.0.1", tcp.getsockname()[1]), negotiate=False, wait=math.inf).close()
    with listen(tmp_path / "l.sock") as server, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "l.sock"))
        server.accept(negotiate=False, wait=math.inf).close()


# -- events, jobs and migration --------------------------------------------------------------------


def test_match_that_raises_keeps_all_events(one_qemu: Server) -> None:
    with connect(one_qemu.address) as qmp:
        for name in ("cont", "stop", "cont"):
            qmp.execute(name)
        with pytest.raises(KeyError):
            qmp.wait_event("STOP", match=lambda data: data["no-such-member"], timeout=60)
        assert [event["event"] for event in qmp.clear_events()] == ["RESUME", "STOP", "RESUME"]


def test_match_by_members_ignores_other_events(scripted: Scripted) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        for data in (
            "",
            ', "data": null',
            ', "data": {"path": "p"}',
            ', "data": {"device": "n", "path": "q"}',
        ):
            peer.send(b'{"event": "E"%s}\n' % data.encode())
        peer.ended()

    with connect(scripted(serve).address) as qmp:
        event = qmp.wait_event("E", match={"device": "n"}, timeout=60)
        assert event["data"]["path"] == "q"
        assert len(qmp.clear_events()) == 3


def test_readme_example_works_for_virtio_devices(
    installation: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(qmpshell.__file__).parent.parent / "README.md").read_text()
    indented = readme.partition("## Python library")[2].partition("\n`launch`")[0]
    path = tmp_path / "vm.sock"
    code = dedent(indented).replace("vm.sock", str(path))
    second = tmp_path / "second.sock"
    monitor = ("-qmp", f"unix:{second},server=on,wait=off")
    with start_qemu(installation, path, *monitor, machine="pc"), connect(second, wait=60) as other:
        other.execute("device_add", {"driver": "virtio-net-pci", "id": "net1"})
        thread = threading.Thread(target=exec, args=(code, {}), daemon=True)
        thread.start()
        deleted: list[dict[str, Any]] = []
        while thread.is_alive() and not deleted:
            # In place of a guest: the deletion that the example requests is done at a reset.
            other.execute("system_reset")
            deleted = [event for event in other.events(timeout=0.1) if "DEL" in event["event"]]
        thread.join(60)
    output = capsys.readouterr().out
    assert output.startswith("prelaunch\n")
    assert "DeviceNotFound" not in output
    assert "RESET" in output  # the example has reached its end


def test_wait_job_returns_at_the_end(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        _add_disks(qmp)
        for job in ("a", "b"):
            backup = {"job-id": job, "device": "d0", "target": "d1", "sync": "full"}
            qmp.execute("blockdev-backup", backup)
            qmp.wait_job(job, timeout=60)
        qmp.wait_job("a")  # it has ended before
        assert "JOB_STATUS_CHANGE" in {event["event"] for event in qmp.clear_events()}
        with pytest.raises(OperationError, match="there is no job none"):
            qmp.wait_job("none")


def test_wait_job_timeout_names_the_state(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        _add_disks(qmp)
        mirror = {"job-id": "m", "device": "d0", "target": "d1", "sync": "full"}
        qmp.execute("blockdev-mirror", mirror)
        qmp.wait_event("BLOCK_JOB_READY", timeout=60)
        expected = r"job m did not end within 0\.05 s: it is ready; job-complete ends it"
        with pytest.raises(ReplyTimeout, match=expected):
            qmp.wait_job("m", timeout=0.05)
        qmp.execute("job-complete", {"id": "m"})
        qmp.wait_job("m", timeout=60)


def test_wait_job_raises_for_a_failed_job(one_qemu: Server) -> None:
    with connect(one_qemu.address) as qmp:
        node = {"driver": "null-co", "size": 1 << 20}
        qmp.execute("blockdev-add", {**node, "node-name": "d1"})
        error = {"event": "none", "iotype": "read", "errno": 5}
        bad = {"driver": "blkdebug", "node-name": "d0", "image": node, "inject-error": [error]}
        qmp.execute("blockdev-add", bad)
        backup = {"job-id": "j", "device": "d0", "target": "d1", "sync": "full"}
        qmp.execute("blockdev-backup", backup)
        with pytest.raises(OperationError, match="job j failed: Input/output error"):
            qmp.wait_job("j", timeout=60)


def _add_disks(qmp: Connection) -> None:
    for name in ("d0", "d1"):
        qmp.execute("blockdev-add", {"driver": "null-co", "node-name": name, "size": 1 << 20})


@pytest.mark.parametrize(
    ("limit", "call"),
    [
        (None, lambda qmp: qmp.wait_migration(timeout=0.1)),
        (None, lambda qmp: qmp.wait_job("j", timeout=0.1)),
        (0.1, lambda qmp: qmp.wait_migration()),
        (0.1, lambda qmp: qmp.wait_job("j")),
    ],
)
def test_wait_with_silent_server_ends(
    scripted: Scripted, limit: float | None, call: Callable[[Connection], object]
) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        peer.read_any()
        peer.ended()

    with (
        connect(scripted(serve).address, timeout=limit) as qmp,
        pytest.raises(ReplyTimeout, match=r"did not (arrive|end) within"),
    ):
        call(qmp)


def is_migrating(qmp: Connection) -> bool:
    return any(instance["type"] == "migration" for instance in qmp.execute("query-yank"))


def test_wait_migration_returns_or_raises(installation: Installation, tmp_path: Path) -> None:
    with (
        start_qemu(installation, tmp_path / "vm.sock", machine="q35") as server,
        connect(server.address) as qmp,
    ):
        with pytest.raises(OperationError, match="there is no migration"):
            qmp.wait_migration()
        qmp.execute("migrate", {"uri": "exec:exit 1"})
        with pytest.raises(OperationError, match="the migration failed"):
            qmp.wait_migration(timeout=60)
        # QEMU may need a moment after a failed migration before it allows another one.
        wait_until(lambda: not is_migrating(qmp), "end of the failed migration")
        qmp.execute("migrate", {"uri": "exec:cat >/dev/null"})
        assert qmp.wait_migration(timeout=60)["status"] == "completed"


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
            again.settimeout(60)
            return bool(again.recv(10))

    # QEMU may close a new connection while it still handles the end of the one before.
    wait_until(is_greeted, "no greeting")
