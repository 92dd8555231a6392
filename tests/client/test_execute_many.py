"""Tests of commands that are sent without waiting for each reply."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qmpshell import CommandError, ConnectionLost, ReplyTimeout, connect
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Server

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]
TYPE = ("qom-get", {"path": "/", "property": "type"})
MISSING = ("qom-get", {"path": "/", "property": "x"})


def test_execute_many_yields_results_in_order(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        first, second, third = qmp.execute_many([TYPE, MISSING, ("query-name", {})])
        assert (first, third) == ("container", {})
        assert isinstance(second, CommandError)
        assert list(qmp.execute_many([])) == []
        assert list(qmp.execute_many(TYPE for _ in range(1000))) == ["container"] * 1000


def test_execute_many_that_is_abandoned_shifts_nothing(qemu: Server) -> None:
    with connect(qemu.address) as qmp:
        for _ in range(3):
            results = qmp.execute_many([TYPE, MISSING, MISSING])
            assert next(results) == "container"
            results.close()
            assert qmp.execute("query-name") == {}
            results = qmp.execute_many([TYPE, MISSING])
            assert next(results) == "container"
            results.close()
            assert list(qmp.execute_many([("query-name", {})])) == [{}]


def test_execute_many_sends_before_replies(scripted: Scripted) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        commands = [peer.read() for _ in range(3)]
        for command in commands:
            peer.reply(command, command["arguments"])
        peer.ended()

    with connect(scripted(play).address, timeout=60) as qmp:
        results = list(qmp.execute_many(("x", {"n": n}) for n in range(3)))
    assert results == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_execute_many_limits_waiting_commands(scripted: Scripted) -> None:
    taken: list[int] = []

    def numbers() -> list[tuple[str, dict[str, object]]]:
        return [("x", {"n": n}) for n in range(1000)]

    def play(peer: Peer) -> None:
        peer.negotiate()
        while True:
            command = peer.read()
            peer.reply(command, command["arguments"])

    with connect(scripted(play).address, timeout=60) as qmp:
        results = qmp.execute_many(taken.append(n) or item for n, item in enumerate(numbers()))  # type: ignore[func-returns-value]
        next(results)
        assert len(taken) < 500
        assert [result["n"] for result in results] == list(range(1, 1000))


def test_execute_many_times_out_for_each_reply(scripted: Scripted) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        commands = [peer.read(), peer.read()]
        peer.reply(commands[0])
        late = peer.read()
        for command in (commands[1], late):
            peer.reply(command, {"name": command["execute"]})
        peer.ended()

    with connect(scripted(play).address) as qmp:
        results = qmp.execute_many([("a", {}), ("b", {})], timeout=1)
        assert next(results) == {}
        with pytest.raises(ReplyTimeout, match="the reply to b did not arrive"):
            next(results)
        assert list(qmp.execute_many([("c", {})], timeout=60)) == [{"name": "c"}]


def test_execute_many_reports_lost_connection(scripted: Scripted) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        peer.reply(peer.read())

    with connect(scripted(play).address) as qmp:
        results = qmp.execute_many([("a", {}), ("b", {})])
        assert next(results) == {}
        with pytest.raises(ConnectionLost, match="the reply to b will not arrive"):
            next(results)
