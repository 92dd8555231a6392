"""Tests of the asyncio client."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from textwrap import dedent
from typing import Any

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
)
from qmpshell.aio import Connection, connect
from qmpshell.qmp import encode_message
from qmpshell.transport import Address, Stream, connect_with_retries
from tests.client.greetings import (
    answer_after_another_connection,
    parametrize_greetings,
    refuse,
    serve_greeting,
)
from tests.harness.agents import serve_late_error
from tests.harness.scripted import GREETING, Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_agent, start_qemu
from tests.harness.waiting import sleeps_less_than

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]
TIMEOUT = 60


def complete(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a new event loop, with a limit, so that a fault is not a hang."""
    return asyncio.run(asyncio.wait_for(coroutine, TIMEOUT))


async def until_waiting() -> None:
    """Let the other tasks run until they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


# -- commands --------------------------------------------------------------------------------------


def test_execute_returns_result_or_raises(qemu: Server) -> None:
    async def main() -> None:
        async with connect(qemu.address) as qmp:
            assert await qmp.execute("query-name") == {}
            arguments = {"path": "/", "property": "type"}
            assert await qmp.execute("qom-get", arguments) == "container"
            assert qmp.greeting is not None
            assert "QMP" in qmp.greeting
            assert qmp.capabilities == {"oob"}
            assert await qmp.execute("query-yank", oob=True) == [{"type": "chardev", "id": "m"}]
            assert await qmp.send({"execute": "query-name", "id": [1]}) == {"return": {}, "id": [1]}
            with pytest.raises(CommandError) as caught:
                await qmp.execute("no-such")
            assert caught.value.error_class == "CommandNotFound"
            assert (await qmp.send({"exekute": "no"}))["error"]["class"] == "GenericError"
        with pytest.raises(ConnectionLost, match="the connection is closed; nothing was sent"):
            await qmp.execute("query-name")

    complete(main())


def test_awaited_connection_is_context_manager(qemu: Server) -> None:
    async def main() -> None:
        qmp = await connect(Path(qemu.address))
        async with qmp:
            assert await qmp.execute("query-name") == {}
        qmp.close()
        async with connect(qemu.address, wait=60) as again:  # the monitor is free
            assert await again.execute("query-name") == {}

    complete(main())


def test_concurrent_commands_get_their_own_replies(qemu: Server) -> None:
    async def main() -> None:
        async with connect(qemu.address) as qmp:
            replies = await asyncio.gather(
                *(qmp.send({"execute": f"no-{number}"}) for number in range(300))
            )
        for number, reply in enumerate(replies):
            assert f"no-{number} " in reply["error"]["desc"]

    complete(main())


def test_replies_in_another_order_are_matched_by_id(scripted: Scripted) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        first, second = peer.read(), peer.read()
        peer.reply(second, second["execute"])
        peer.reply(first, first["execute"])
        peer.ended()

    async def main() -> None:
        async with connect(scripted(serve).address) as qmp:
            assert [*await asyncio.gather(qmp.execute("a"), qmp.execute("b"))] == ["a", "b"]

    complete(main())


def test_late_reply_of_cancelled_command_is_discarded(qemu: Server) -> None:
    async def main() -> None:
        async with connect(qemu.address) as qmp:
            qemu.stop()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await qmp.execute("query-name")
            os.kill(qemu.process.pid, 18)
            assert "qemu" in await qmp.execute("query-version")

    complete(main())


def test_error_without_id_answers_oldest_command(scripted: Scripted) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        _cancelled, _first, second = peer.read(), peer.read(), peer.read()
        for text in ("cancelled", "first"):
            peer.send(encode_message({"error": {"class": "GenericError", "desc": text}}))
        peer.reply(second, "second")
        peer.ended()

    async def main() -> None:
        async with connect(scripted(serve).address) as qmp:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(qmp.execute("x"), 0.01)
            results = await asyncio.gather(
                qmp.execute("y"), qmp.execute("z"), return_exceptions=True
            )
        assert [str(result) for result in results] == ["GenericError: first", "second"]

    complete(main())


def test_large_command_to_stopped_server_blocks_nothing(qemu: Server) -> None:
    async def main() -> None:
        async with connect(qemu.address) as qmp:
            qemu.stop()
            large = asyncio.create_task(qmp.execute("x" * 300_000))
            with sleeps_less_than(5):
                await until_waiting()
            assert not large.done()
            os.kill(qemu.process.pid, 18)
            with pytest.raises(CommandError, match="has not been found"):
                await large

    complete(main())


def test_large_command_while_server_sends_events(scripted: Scripted) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        for _ in range(3000):
            peer.send(b'{"event": "E", "data": "' + b"x" * 1000 + b'"}\n')
        peer.reply(peer.read(), "done")
        peer.ended()

    async def main() -> None:
        async with connect(scripted(serve).address) as qmp:
            assert await qmp.execute("x", {"data": "y" * 3_000_000}) == "done"
            assert len(qmp.clear_events()) == 3000

    complete(main())


def test_files_are_passed(qemu: Server, tmp_path: Path) -> None:
    async def main() -> None:
        with (tmp_path / "file").open("wb") as file:
            async with connect(qemu.address) as qmp:
                assert (await qmp.execute("add-fd", fds=[file]))["fdset-id"] == 0
                with pytest.raises(CommandError, match="No file descriptor supplied"):
                    await qmp.execute("getfd", {"fdname": "u"})
                with pytest.raises(OSError, match="Bad file descriptor"):
                    await qmp.execute("getfd", {"fdname": "u"}, fds=[12345])

    complete(main())


# -- events ----------------------------------------------------------------------------------------


def test_iteration_yields_events_until_loss(qemu: Server) -> None:
    async def main() -> None:
        async with connect(qemu.address) as qmp:
            await qmp.execute("cont")
            assert (await anext(qmp))["event"] == "RESUME"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(qmp), 0.05)
            # A cancelled iteration can be repeated.
            await qmp.execute("stop")
            assert (await anext(qmp))["event"] == "STOP"
            quitting = asyncio.create_task(qmp.execute("quit"))
            assert names([event async for event in qmp]) == ["SHUTDOWN"]
            await asyncio.gather(quitting, return_exceptions=True)

    complete(main())


def test_wait_event_finds_earlier_and_later_events(qemu: Server) -> None:
    async def main() -> None:
        async with connect(qemu.address) as qmp:
            for name in ("cont", "stop", "cont"):
                await qmp.execute(name)
            assert (await qmp.wait_event("STOP"))["event"] == "STOP"
            assert names(qmp.clear_events()) == ["RESUME", "RESUME"]
            later = asyncio.create_task(
                qmp.wait_event("SHUTDOWN", match=lambda data: data["reason"] == "host-qmp-quit")
            )
            await qmp.execute("stop")
            await qmp.send({"execute": "quit"})
            assert (await later)["data"]["guest"] is False
            assert names(qmp.clear_events()) == ["STOP"]

    complete(main())


def test_wait_event_has_precedence_over_iteration(qemu: Server) -> None:
    async def main() -> None:
        async with connect(qemu.address) as qmp:
            seen: list[dict[str, Any]] = []

            async def watch() -> None:
                async for event in qmp:
                    seen.append(event)

            watching = asyncio.create_task(watch())
            await until_waiting()
            stopped = asyncio.create_task(qmp.wait_event("STOP"))
            await until_waiting()
            for name in ("cont", "stop", "cont"):
                await qmp.execute(name)
            assert (await stopped)["event"] == "STOP"
            while len(seen) < 2:
                await asyncio.sleep(0)
            assert names(seen) == ["RESUME", "RESUME"]
            qmp.close()
            await watching

    complete(main())


def test_event_of_cancelled_wait_goes_to_another_task(scripted: Scripted) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        command = peer.read()
        peer.send(b'{"event": "E"}\n' + encode_message({"return": {}, "id": command["id"]}))
        peer.ended()

    async def main() -> None:
        async with connect(scripted(serve).address) as qmp:
            # The task is cancelled when it has found the event and has not run since.
            first: asyncio.Task[Any] = asyncio.create_task(
                qmp.wait_event("E", match=lambda _data: first.cancel() is not None)
            )
            await until_waiting()
            iteration = asyncio.ensure_future(anext(qmp))
            await until_waiting()
            await qmp.execute("x")
            assert (await iteration)["event"] == "E"
            with pytest.raises(asyncio.CancelledError):
                await first

    complete(main())


def test_event_of_cancelled_wait_keeps_its_place(scripted: Scripted) -> None:
    def serve(peer: Peer) -> None:
        peer.negotiate()
        command = peer.read()
        for name in "EFG":
            peer.send(b'{"event": "%s"}\n' % name.encode())
        peer.reply(command)
        peer.ended()

    async def main() -> None:
        async with connect(scripted(serve).address) as qmp:
            waiting: asyncio.Task[dict[str, Any]] = asyncio.create_task(
                qmp.wait_event("F", match=lambda _data: waiting.cancel())
            )
            await until_waiting()
            await qmp.execute("x")
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert names(qmp.clear_events()) == ["E", "F", "G"]

    complete(main())


def test_match_that_raises_keeps_all_events(qemu: Server) -> None:
    async def main() -> None:
        async with connect(qemu.address) as qmp:
            later = asyncio.create_task(
                qmp.wait_event("STOP", match=lambda data: data["no-such-member"])
            )
            await until_waiting()
            for name in ("cont", "stop", "cont"):
                await qmp.execute(name)
            with pytest.raises(KeyError):
                await later
            with pytest.raises(KeyError):
                await qmp.wait_event("STOP", match=lambda data: data["no-such-member"])
            assert names(qmp.clear_events()) == ["RESUME", "STOP", "RESUME"]

    complete(main())


def test_dropped_events_are_counted(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpshell.client_state._MAX_EVENTS", 10)

    def serve(peer: Peer) -> None:
        peer.negotiate()
        for number in range(25):
            peer.send(b'{"event": "E%d"}\n' % number)
        peer.reply(peer.read())
        peer.ended()

    async def main() -> None:
        async with connect(scripted(serve).address) as qmp:
            await qmp.execute("x")
            assert names(qmp.clear_events()) == [f"E{number}" for number in range(15, 25)]
            assert qmp.events_dropped == 15

    complete(main())


# -- the end of a connection -----------------------------------------------------------------------


async def _waiters(qmp: Connection) -> list[asyncio.Task[Any]]:
    tasks = [
        asyncio.create_task(coroutine)
        for coroutine in (
            qmp.execute("query-name"),
            qmp.execute("query-version"),
            qmp.wait_event("STOP"),
            qmp.pull_event(),
        )
    ]
    await until_waiting()
    return tasks


def test_lost_connection_ends_all_waits(qemu: Server) -> None:
    async def main() -> None:
        async with connect(qemu.address) as qmp:
            await qmp.execute("cont")
            qemu.stop()
            assert (await qmp.pull_event())["event"] == "RESUME"
            tasks = await _waiters(qmp)
            qemu.kill()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            wanted = (
                "the reply to query-name",
                "the reply to query-version",
                "event STOP",
                "an event",
            )
            for result, what in zip(results, wanted, strict=True):
                assert isinstance(result, ConnectionLost)
                assert str(result).startswith(f"{qemu.address}: connection lost: ")
                assert f"{what} will not arrive" in str(result)
            assert [event async for event in qmp] == []
            with pytest.raises(ConnectionLost, match="nothing was sent"):
                await qmp.execute("query-name")

    complete(main())


def test_close_ends_all_waits(qemu: Server) -> None:
    async def main() -> None:
        qmp = await connect(qemu.address)
        qemu.stop()
        tasks = await _waiters(qmp)
        qmp.close()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, ConnectionLost)
            assert "the connection is closed; " in str(result)

    complete(main())


def test_write_to_dead_server_raises_but_keeps_events(qemu: Server) -> None:
    async def main() -> None:
        async with connect(qemu.address) as qmp:
            await qmp.execute("cont")
            qemu.kill()
            with pytest.raises(ConnectionLost, match="the reply to query-name will not arrive"):
                await qmp.execute("query-name")
            assert names([event async for event in qmp]) == ["RESUME"]

    complete(main())


def test_restarted_server_loses_commands(scripted: Scripted) -> None:
    """As behind a serial line, which has no end."""

    def serve(peer: Peer) -> None:
        peer.negotiate()
        peer.read()
        peer.send(GREETING)
        peer.reply(peer.read())
        peer.reply(peer.read(), "again")
        peer.ended()

    async def main() -> None:
        address = scripted(serve).address
        async with connect(address) as qmp:
            with pytest.raises(
                ConnectionLost,
                match=f"{re.escape(address)}: the server was restarted; the reply to x will not",
            ):
                await qmp.execute("x")
            assert await qmp.execute("y") == "again"

    complete(main())


def test_loop_that_ends_first_leaves_no_error(qemu: Server) -> None:
    async def main() -> Connection:
        return await connect(qemu.address)

    connection = complete(main())
    connection.close()
    gc.collect()


# -- connecting ------------------------------------------------------------------------------------


def test_failed_connect_raises_specific_error(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(ConnectError, match="no such socket"):
            await connect(tmp_path / "none")
        with pytest.raises(ConnectError, match="tried for"):
            await connect(tmp_path / "none", wait=0.05)
        with pytest.raises(AddressError):
            connect("host:port")

    complete(main())


@parametrize_greetings
def test_missing_greeting_raises_specific_error(
    scripted: Scripted, greeting: bytes, timeout: float, error: type[QmpShellError], complaint: str
) -> None:
    async def main() -> None:
        with pytest.raises(error, match=complaint):
            await connect(scripted(serve_greeting(greeting)).address, greeting_timeout=timeout)

    complete(main())


def test_another_connection_wakes_the_server(scripted: Scripted) -> None:
    async def main() -> None:
        address = scripted(answer_after_another_connection).address
        async with connect(address, greeting_timeout=60) as qmp:
            assert await qmp.execute("stop") == {}

    complete(main())


def test_refused_negotiation_raises_error(scripted: Scripted) -> None:
    async def main() -> None:
        with pytest.raises(NegotiationError, match="refused to negotiate: no"):
            await connect(scripted(refuse).address)

    complete(main())


def test_busy_monitor_is_diagnosed_and_awaited(one_qemu: Server) -> None:
    async def main() -> None:
        async with connect(one_qemu.address) as first:
            with pytest.raises(ConnectError, match=r"another client, python3? \(pid \d+\), holds"):
                await connect(one_qemu.address, wait=0.5)
            second = asyncio.ensure_future(connect(one_qemu.address, wait=60).__aenter__())
            assert await first.execute("query-name") == {}
        (await second).close()

    complete(main())


def test_cancelled_connect_ends_soon(one_qemu: Server, tmp_path: Path) -> None:
    async def main() -> None:
        for address in (str(tmp_path / "none"), one_qemu.address):
            async with connect(one_qemu.address, wait=60):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await connect(address, wait=1000)
        async with connect(one_qemu.address, wait=60) as qmp:  # nobody holds it
            assert await qmp.execute("query-name") == {}
        # The thread has ended too.
        while threading.active_count() > before:
            await asyncio.sleep(0.01)

    before = threading.active_count()
    complete(main())


def test_connection_after_cancelled_connect_is_closed(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_cancelled = threading.Event()
    errors: list[dict[str, Any]] = []

    def connect_late(address: Address, **options: Any) -> Stream:
        assert is_cancelled.wait(TIMEOUT)
        return connect_with_retries(address, **options)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await connect(server.address)
        is_cancelled.set()
        assert await asyncio.to_thread(has_ended.wait, TIMEOUT)

    def serve(peer: Peer) -> None:
        peer.ended()
        has_ended.set()

    has_ended = threading.Event()
    server = scripted(serve)
    monkeypatch.setattr("qmpshell.transport.background.connect_with_retries", connect_late)
    complete(main())
    assert errors == []


# -- transports and agents -------------------------------------------------------------------------


def test_client_uses_each_transport(installation: Installation, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    vm, telnet, third = (tmp_path / f"{name}.sock" for name in ("vm", "telnet", "third"))

    async def main() -> None:
        for address in (
            vm,
            ("127.0.0.1", port),
            f"unix:{telnet},telnet=on",
            f"exec:socat - UNIX:{third}",
        ):
            async with connect(address, wait=60) as qmp:
                replies = await asyncio.gather(*(qmp.execute("query-name") for _ in range(2)))
                assert replies == [{}, {}]
                await qmp.execute("cont")
                assert (await anext(qmp))["event"] == "RESUME"
                await qmp.execute("stop")

    with start_qemu(
        installation,
        vm,
        *("-qmp", f"tcp:127.0.0.1:{port},server=on,wait=off"),
        *("-qmp", f"unix:{third},server=on,wait=off"),
        *("-chardev", f"socket,id=t,path={telnet},server=on,wait=off,telnet=on"),
        *("-mon", "chardev=t,mode=control"),
    ):
        complete(main())


def test_agent_connection_synchronizes(installation: Installation, tmp_path: Path) -> None:
    async def main(path: Path) -> None:
        async with connect(path, agent=True, wait=60) as qga:
            ping, info = await asyncio.gather(qga.execute("guest-ping"), qga.execute("guest-info"))
            assert ping == {}
            assert "version" in info

    with start_agent(installation, tmp_path) as agent:
        complete(main(Path(agent.address)))


def test_silent_agent_command_succeeds(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpshell.aio.SILENT_SUCCESS_DELAY", 0.05)

    def serve(peer: Peer) -> None:
        assert peer.connection.recv(1) == b"\xff"
        command = peer.read()
        peer.send(b"\xff" + encode_message({"return": command["arguments"]["id"]}))
        peer.reply(peer.read())
        assert peer.read()["execute"] == "guest-shutdown"
        peer.reply(peer.read(), "pong")
        peer.ended()

    async def main() -> None:
        async with connect(scripted(serve).address, agent=True) as qga:
            assert await qga.execute("guest-shutdown") == {}
            assert await qga.execute("guest-ping") == "pong"

    complete(main())


def test_late_error_of_cancelled_silent_command_is_discarded(scripted: Scripted) -> None:
    async def main() -> None:
        async with connect(scripted(serve_late_error).address, agent=True) as qga:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(qga.execute("guest-suspend-ram"), 0.05)
            for name in ("guest-ping", "guest-info"):
                assert await qga.execute(name) == name

    complete(main())


def test_monitor_is_not_an_agent(one_qemu: Server) -> None:
    async def main() -> None:
        with pytest.raises(ProtocolError, match="this is a QMP monitor"):
            await connect(one_qemu.address, agent=True)

    complete(main())


# -- the package -----------------------------------------------------------------------------------


def test_client_has_at_most_250_lines() -> None:
    source = Path(qmpshell.__file__).with_name("aio.py").read_text()
    assert len(source.splitlines()) <= 250


def test_readme_example_runs(
    installation: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(qmpshell.__file__).parent.parent / "README.md").read_text()
    example = readme.partition("### asyncio")[2].partition("```")[0]
    block = re.search(r"(?:^    .*\n|^\n)+", example.partition("\n\n")[2], re.MULTILINE)
    assert block is not None
    code = dedent(block[0]).replace("vm.sock", str(tmp_path / "vm.sock"))
    with start_qemu(installation, tmp_path / "vm.sock", machine="q35"):
        exec(code, {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("prelaunch ")
    assert lines[-1].startswith("BLOCK_JOB_COMPLETED {")
