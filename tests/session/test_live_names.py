"""Tests of the cached names from the running server: queries, expiry and failures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from qmpshell.complete import NameQuery
from qmpshell.qmp import references as kinds
from qmpshell.session import LIVE, Effect, QueryResult, Send
from tests.harness.sessions import (
    GREETING,
    NEGOTIATED,
    Driver,
    error,
    event,
    reply,
    shown,
)

NODES = NameQuery(kinds.NODE)
JOBS = NameQuery(kinds.JOB)
CHARDEVS = NameQuery(kinds.CHARDEV)
EXPORTS = NameQuery(kinds.EXPORT)


class App:
    """A terminal session whose effects also reach the live cache."""

    def __init__(self, **options: Any) -> None:
        self.driver = Driver(interactive=True, **options)
        self.session = self.driver.session
        self.cache = self.session.make_live_cache()
        # The ids and names of the queries that the cache sent.
        self.ids: list[str] = []
        self.queries: list[str] = []
        self.updates: list[NameQuery] = []
        self.other_effects = 0

    def find(self, name_query: NameQuery) -> list[str] | None:
        """Return the names for a completion request, and send the queries that it needs."""
        self.cache.on_ready(self.driver.now)
        found = self.cache.find(name_query)
        self._record(self.cache.send_queries(self.driver.now))
        return None if found is None else [name.name for name in found]

    def bytes(self, data: bytes) -> None:
        self._perform(self.session.receive(data, self.driver.now))

    def answer(self, value: object, index: int = -1) -> None:
        self.bytes(reply(value, self.ids[index]))

    def line(self, text: str) -> None:
        self._perform(self.session.submit(self.driver.prepare(text), self.driver.now))

    def after(self, seconds: float) -> None:
        self.driver.now += seconds

    def reconnect(self) -> None:
        self.line("/connect")
        self._perform(self.session.connected(self.driver.now))
        self.bytes(GREETING)
        self.bytes(NEGOTIATED)

    def pop_queries(self) -> list[str]:
        """Remove and return the names of the queries sent since the last call."""
        queries, self.queries = self.queries, []
        return queries

    def pop_updates(self) -> list[NameQuery]:
        updates, self.updates = self.updates, []
        return updates

    def _perform(self, effects: list[Effect]) -> None:
        self._record(effects)
        self._record(self.cache.on_effects(effects, self.driver.now))

    def _record(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                if effect.request is None or effect.request.source is not None:
                    continue
                message = json.loads(effect.data)
                self.ids.append(message["id"])
                self.queries.append(message["execute"])
            elif isinstance(effect, QueryResult):
                assert effect.name == LIVE
                assert isinstance(effect.value, NameQuery)
                self.updates.append(effect.value)
            else:
                self.other_effects += 1


def nodes(*names: str) -> list[dict[str, str]]:
    return [{"node-name": name} for name in names]


def test_unknown_answer_is_queried_once_and_announced() -> None:
    shell = App()
    assert shell.find(NODES) is None
    assert shell.pop_queries() == ["query-named-block-nodes"]
    assert shell.find(NODES) is None
    assert shell.pop_queries() == []  # the query is pending
    before = shell.other_effects
    shell.answer(nodes("a", "b"))
    assert shell.pop_updates() == [NODES]
    assert shell.other_effects == before  # the reply has no visible effect
    assert shell.find(NODES) == ["a", "b"]
    assert shell.pop_queries() == []
    assert shell.session.status == 0


def test_old_answer_is_used_during_new_query() -> None:
    shell = App()
    shell.find(NODES)
    shell.answer(nodes("a"))
    shell.pop_updates()
    shell.after(1.9)
    assert shell.find(NODES) == ["a"]
    assert shell.pop_queries() == ["query-named-block-nodes"]
    shell.after(0.2)
    assert shell.find(NODES) == ["a"]
    assert shell.pop_queries() == ["query-named-block-nodes"]
    shell.answer(nodes("a"))
    assert shell.pop_updates() == [NODES]  # unchanged, but no longer uncertain
    shell.after(2)
    assert shell.find(NODES) == ["a"]
    shell.answer(nodes("a", "b"))
    assert shell.pop_updates() == [NODES]
    assert shell.find(NODES) == ["a", "b"]


def test_one_answer_serves_all_kinds_that_need_it() -> None:
    shell = App()
    shell.find(NameQuery(kinds.OBJECT))
    assert shell.pop_queries() == ["qom-list"]
    assert shell.find(NameQuery(kinds.IOTHREAD)) is None
    assert shell.pop_queries() == []
    shell.answer([{"name": "i", "type": "child<iothread>"}, {"name": "t", "type": "child<x>"}])
    assert shell.pop_updates() == [NameQuery(kinds.OBJECT), NameQuery(kinds.IOTHREAD)]
    assert shell.find(NameQuery(kinds.OBJECT)) == ["i", "t"]
    assert shell.find(NameQuery(kinds.IOTHREAD)) == ["i"]


def test_two_queries_at_once_newest_first() -> None:
    shell = App()
    for name_query in (NODES, JOBS, CHARDEVS, EXPORTS):
        shell.find(name_query)
    assert shell.pop_queries() == ["query-named-block-nodes", "query-jobs"]
    shell.answer([], 0)
    assert shell.pop_queries() == ["query-block-exports"]
    shell.answer([], 1)
    assert shell.pop_queries() == ["query-chardev"]
    shell.answer([], 2)
    shell.answer([], 3)
    assert shell.pop_queries() == []


def test_query_with_two_answers_gives_partial_names() -> None:
    shell = App()
    name_query = NameQuery(kinds.QDEV)
    shell.find(name_query)
    assert shell.pop_queries() == ["qom-list", "qom-list"]
    shell.answer([{"name": "d", "type": "child<x>"}], 0)
    assert shell.pop_updates() == [name_query]
    assert shell.find(name_query) == ["d"]
    shell.answer([{"name": "device[0]", "type": "child<x>"}], 1)
    assert shell.pop_updates() == [name_query]
    assert shell.find(name_query) == ["d", "/machine/peripheral-anon/device[0]"]


# -- priority of user commands ---------------------------------------------------------------------


def test_no_query_runs_during_a_command() -> None:
    shell = App()
    shell.line("stop")
    assert shell.find(NODES) is None
    assert shell.pop_queries() == []
    shell.bytes(reply({}, 1))
    assert shell.pop_queries() == ["query-named-block-nodes"]


def test_no_query_runs_while_user_lines_wait() -> None:
    shell = App()
    shell.line("stop")
    shell.line("cont")
    shell.find(NODES)
    shell.bytes(reply({}, 1))
    assert shell.pop_queries() == []
    shell.bytes(reply({}, 2))
    assert shell.pop_queries() == ["query-named-block-nodes"]
    shell = App()
    shell.line("quit")
    assert shell.session.state.sender.table.oldest_blocking is None
    shell.find(NODES)
    assert shell.pop_queries() == []


def test_user_command_is_not_delayed_by_queries() -> None:
    shell = App()
    shell.find(NODES)
    effects = shell.session.submit(shell.driver.prepare("stop"), shell.driver.now)
    assert [type(effect) for effect in effects] == [Send]
    shell.driver.now += 1
    assert shell.session.deadline is None
    assert [type(effect) for effect in shell.session.abandon(shell.driver.now)] != [Send]


def test_internal_query_delays_nothing_without_timeout() -> None:
    shell = App(timeout=1.0)
    shell.find(NODES)
    assert shell.session.deadline is None
    shell.after(100)
    assert shell.session.tick(shell.driver.now) == []
    assert shell.session.abandon(shell.driver.now) == []
    assert not shell.session.is_blocked
    assert shell.driver.line("/quit") == [("leave", 0)]


# -- invalidation ----------------------------------------------------------------------------------


def cache_answer(shell: App, name_query: NameQuery, value: object) -> None:
    shell.find(name_query)
    shell.answer(value)
    shell.pop_queries()
    shell.pop_updates()


@pytest.mark.parametrize("name", ["JOB_STATUS_CHANGE", "BLOCK_JOB_COMPLETED", "DEVICE_DELETED"])
def test_related_event_causes_new_query(name: str) -> None:
    shell = App()
    cache_answer(shell, JOBS, [{"id": "j"}])
    shell.bytes(event("RTC_CHANGE"))
    assert shell.find(JOBS) == ["j"]
    assert shell.pop_queries() == []
    shell.bytes(event(name))
    assert shell.pop_queries() == []  # queries run on demand only
    assert shell.find(JOBS) == ["j"]
    assert shell.pop_queries() == ["query-jobs"]
    shell.answer([])
    assert shell.pop_updates() == [JOBS]
    assert shell.find(JOBS) == []


def test_event_during_query_makes_answer_uncertain() -> None:
    shell = App()
    shell.find(JOBS)
    shell.pop_queries()
    shell.bytes(event("JOB_STATUS_CHANGE"))
    shell.answer([{"id": "j"}])
    assert shell.pop_queries() == []  # one query per request, not per event
    assert shell.find(JOBS) == ["j"]
    assert shell.pop_queries() == ["query-jobs"]


def test_state_changing_command_invalidates_all_answers() -> None:
    shell = App()
    cache_answer(shell, CHARDEVS, [{"label": "c"}])
    shell.line("query-status")
    shell.bytes(reply({}, 2))
    shell.find(CHARDEVS)
    assert shell.pop_queries() == []
    shell.line("stop")
    shell.bytes(reply({}, 3))
    assert shell.find(CHARDEVS) == ["c"]
    assert shell.pop_queries() == ["query-chardev"]


def test_constant_names_are_queried_once() -> None:
    shell = App()
    name_query = NameQuery(kinds.DEVICE_DRIVER)
    shell.find(name_query)
    assert shell.pop_queries() == ["qom-list-types"]
    shell.answer([{"name": "e1000"}])
    assert shell.pop_queries() == ["human-monitor-command"]
    shell.answer('name "e1000", bus PCI, alias "e"\r\n')
    shell.line("stop")
    shell.bytes(reply({}, 3))
    shell.bytes(event("DEVICE_DELETED"))
    shell.after(1e6)
    assert shell.find(name_query) == ["e", "e1000"]
    assert shell.pop_queries() == []


def test_properties_are_queried_for_known_drivers_only() -> None:
    shell = App()
    shell.find(NameQuery(kinds.DEVICE_DRIVER))
    shell.answer([{"name": "e1000"}])
    shell.answer("")
    shell.pop_queries()
    assert shell.find(NameQuery(kinds.DEVICE_PROPERTY, "e10")) == []
    assert shell.pop_queries() == []
    assert shell.find(NameQuery(kinds.DEVICE_PROPERTY, "e1000")) is None
    assert shell.pop_queries() == ["device-list-properties"]
    shell.answer([{"name": "mac"}])
    assert shell.find(NameQuery(kinds.DEVICE_PROPERTY, "e1000")) == ["mac"]


# -- failures --------------------------------------------------------------------------------------


def test_failure_is_cached_until_change_or_expiry() -> None:
    shell = App()
    name_query = NameQuery(kinds.QOM_CHILD, "/nosuch")
    shell.find(name_query)
    shell.pop_queries()
    shell.bytes(error("Device '/nosuch' not found", "DeviceNotFound", 1))
    assert shell.pop_updates() == [name_query]
    assert shell.find(name_query) == []
    shell.after(59)
    shell.find(name_query)
    assert shell.pop_queries() == []
    shell.after(2)
    shell.find(name_query)
    assert shell.pop_queries() == ["qom-list"]
    shell.bytes(error("Device '/nosuch' not found", "DeviceNotFound", 2))
    shell.line("stop")
    shell.bytes(reply({}, 3))
    shell.find(name_query)
    assert shell.pop_queries() == ["qom-list"]
    assert shell.session.status == 0


def test_missing_command_is_queried_once() -> None:
    shell = App()
    shell.find(CHARDEVS)
    shell.bytes(error("no", "CommandNotFound", 1))
    shell.line("stop")
    shell.bytes(reply({}, 2))
    shell.after(1e6)
    shell.pop_queries()
    assert shell.find(CHARDEVS) == []
    assert shell.pop_queries() == []


def test_missing_command_is_not_queried() -> None:
    shell = App()
    shell.session.server.names = ["query-block-jobs"]
    assert shell.find(CHARDEVS) == []
    assert shell.pop_queries() == []
    shell.find(JOBS)
    assert shell.pop_queries() == ["query-block-jobs"]


def test_older_server_gets_older_commands() -> None:
    shell = App()
    shell.find(NODES)
    shell.bytes(error("Parameter 'flat' is unexpected", marker=1))
    assert shell.pop_queries() == ["query-named-block-nodes", "query-named-block-nodes"]
    shell.answer(nodes("a"))
    assert shell.find(NODES) == ["a"]
    assert shell.pop_queries() == []


@pytest.mark.parametrize("value", [None, {}, "text", 5, [[1]], [{"node-name": {}}]])
def test_invalid_answer_gives_no_names(value: object) -> None:
    shell = App()
    shell.find(NODES)
    shell.answer(value)
    if value is None:  # an invalid reply causes the fallback query
        shell.answer(value)
    assert shell.find(NODES) == []


def test_missing_answer_times_out() -> None:
    shell = App()
    shell.find(NODES)
    shell.find(JOBS)
    assert len(shell.pop_queries()) == 2
    shell.after(29)
    assert shell.find(CHARDEVS) is None
    assert shell.pop_queries() == []
    shell.after(1)
    shell.find(CHARDEVS)
    assert shell.pop_queries() == ["query-chardev"]
    assert shell.find(NODES) is None
    shell.answer(nodes("late"), 0)
    assert shell.find(NODES) == ["late"]


# -- other servers ---------------------------------------------------------------------------------


def test_connection_loss_clears_answers() -> None:
    shell = App()
    cache_answer(shell, NODES, nodes("a"))
    shell.find(JOBS)
    shell.pop_queries()
    shell.bytes(b"")
    assert shell.find(NODES) == []
    assert shell.pop_queries() == []
    shell.reconnect()
    assert shell.find(NODES) is None
    assert "query-named-block-nodes" in shell.pop_queries()
    shell.find(JOBS)
    assert shell.pop_queries() == ["query-jobs"]


def test_restarted_server_is_queried_again() -> None:
    shell = App()
    cache_answer(shell, NODES, nodes("a"))
    shell.find(JOBS)
    shell.bytes(GREETING)
    shell.bytes(NEGOTIATED)
    shell.pop_queries()
    assert shell.find(NODES) is None
    assert shell.pop_queries() == ["query-named-block-nodes"]
    shell.find(JOBS)
    assert shell.pop_queries() == ["query-jobs"]


def test_query_before_a_crash_is_not_repeated() -> None:
    shell = App()
    name_query = NameQuery(kinds.DEVICE_DRIVER)
    shell.find(name_query)
    shell.find(NODES)
    assert shell.pop_queries() == ["qom-list-types", "query-named-block-nodes"]
    lost, why = shown(shell.session.receive(b"", shell.driver.now))
    assert lost == ("error", "vm.sock: connection lost; /connect reconnects")
    assert why == (
        "tell",
        "connection lost while completion was running qom-list-types, possibly the cause; "
        "it will not be run on this server again",
    )
    shell.reconnect()
    shell.find(name_query)
    shell.find(NODES)
    assert shell.pop_queries() == ["query-named-block-nodes"]
    assert shell.find(name_query) == []


def test_query_pending_at_reconnect_is_repeated() -> None:
    shell = App()
    name_query = NameQuery(kinds.DEVICE_DRIVER)
    shell.find(name_query)
    assert shell.pop_queries() == ["qom-list-types"]
    effects = shown(shell.session.submit(shell.driver.prepare("/connect"), shell.driver.now))
    assert [effect[0] for effect in effects] == ["connect"]
    shell.session.connected(shell.driver.now)
    shell.bytes(GREETING)
    shell.bytes(NEGOTIATED)
    assert shell.find(name_query) is None
    assert shell.pop_queries() == ["qom-list-types"]


def test_peek_returns_nothing_after_server_restart() -> None:
    shell = App()
    cache_answer(shell, NODES, nodes("a"))
    shell.bytes(GREETING)
    shell.bytes(NEGOTIATED)
    assert list(shell.cache.peek(NODES)) == []


def test_peek_returns_cached_names_without_queries() -> None:
    shell = App()
    assert list(shell.cache.peek(NODES)) == []
    shell.line("stop")
    shell.bytes(reply({}, 1))
    assert shell.pop_queries() == []
    cache_answer(shell, NODES, nodes("a"))
    shell.after(100)
    assert [name.name for name in shell.cache.peek(NODES)] == ["a"]
    shell.line("stop")
    assert shell.pop_queries() == []


def test_loss_during_harmless_query_has_no_warning() -> None:
    shell = App()
    shell.find(NODES)
    assert shown(shell.session.receive(b"", shell.driver.now)) == [
        ("error", "vm.sock: connection lost; /connect reconnects")
    ]


# -- uncertain answers -----------------------------------------------------------------------------


def test_pending_answer_is_uncertain() -> None:
    shell = App()
    shell.find(NODES)
    assert shell.cache.may_be_wrong
    shell.answer(nodes("a"))
    shell.find(NODES)
    assert not shell.cache.may_be_wrong


def test_partial_answers_are_marked_uncertain() -> None:
    shell = App()
    shell.find(NameQuery(kinds.QDEV))
    shell.answer([{"name": "d", "type": "child<x>"}], 0)
    assert shell.find(NameQuery(kinds.QDEV)) == ["d"]
    assert shell.cache.may_be_wrong


def test_answer_before_a_change_is_uncertain() -> None:
    shell = App()
    cache_answer(shell, NODES, nodes("a"))
    shell.line("blockdev-add driver=null-co node-name=b")
    shell.bytes(reply({}, 2))
    shell.pop_updates()
    assert shell.find(NODES) == ["a"]
    assert shell.cache.may_be_wrong
    assert shell.pop_updates() == []  # the names are unchanged
    shell.answer(nodes("a"))
    assert shell.pop_updates() == [NODES]
    shell.find(NODES)
    assert not shell.cache.may_be_wrong


def test_expired_answer_is_uncertain() -> None:
    shell = App()
    cache_answer(shell, NODES, nodes("a"))
    shell.after(1)
    shell.find(NODES)
    assert not shell.cache.may_be_wrong
    shell.after(2)
    shell.find(NODES)
    assert shell.cache.may_be_wrong
    shell.answer(nodes("a"))
    assert shell.pop_updates() == [NODES]


def test_refused_query_is_a_certain_answer() -> None:
    shell = App()
    shell.find(CHARDEVS)
    shell.bytes(error("no", "CommandNotFound", 1))
    shell.find(CHARDEVS)
    assert not shell.cache.may_be_wrong


def test_uncertainty_is_reset_for_each_request() -> None:
    shell = App()
    shell.find(NODES)
    assert shell.cache.may_be_wrong
    shell.cache.on_ready(shell.driver.now)
    assert not shell.cache.may_be_wrong


@pytest.mark.parametrize("options", [{"probe": False}, {"negotiate": False}, {"hmp": True}])
def test_disabled_probing_sends_no_name_queries(options: dict[str, bool]) -> None:
    shell = App(**options)
    assert shell.find(NODES) == []
    assert shell.pop_queries() == []
    shell.bytes(event("DEVICE_DELETED"))
    assert shell.pop_queries() == []


def test_name_queries_start_after_negotiation() -> None:
    shell = App(greeted=False)
    shell.find(NODES)
    shell.bytes(GREETING)
    assert shell.pop_queries() == []
    shell.bytes(NEGOTIATED)
    assert shell.pop_queries() == ["query-named-block-nodes"]


def test_log_contains_name_queries_and_replies() -> None:
    shell = App(log="log")
    shell.find(CHARDEVS)
    shell.answer([{"label": "c"}])
    messages = [message for _, message in shell.driver.logs["log"].messages][-2:]
    assert messages[0]["execute"] == "query-chardev"
    assert messages[1]["return"] == [{"label": "c"}]


def test_old_queries_and_answers_are_discarded() -> None:
    shell = App()
    for number in range(400):
        shell.find(NameQuery(kinds.QOM_CHILD, f"/{number}"))
        shell.answer([{"name": "a", "type": "child<x>"}])
    assert shell.find(NameQuery(kinds.QOM_CHILD, "/399")) == ["a"]
    assert shell.find(NameQuery(kinds.QOM_CHILD, "/0")) is None
    for number in range(400):
        shell.find(NameQuery(kinds.DEVICE_PROPERTY, f"no driver {number}"))
    assert shell.find(NameQuery(kinds.QOM_CHILD, "/399")) == ["a"]
