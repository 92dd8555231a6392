"""How a session comes by the names that only the running server knows: when it asks, what it keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from qmpshell.complete import NameQuery
from qmpshell.qmp import (
    CHARDEV,
    DEVICE_DRIVER,
    DEVICE_PROPERTY,
    EXPORT,
    IOTHREAD,
    JOB,
    NODE,
    OBJECT,
    QDEV,
    QOM_CHILD,
)
from qmpshell.session import LIVE, Effect, LiveCache, QueryResult, Send
from tests.harness.sessions import (
    GREETING,
    NEGOTIATED,
    Driver,
    error,
    event,
    reply,
    said,
)

NODES = NameQuery(NODE)
JOBS = NameQuery(JOB)
CHARDEVS = NameQuery(CHARDEV)
EXPORTS = NameQuery(EXPORT)


class App:
    """A driver that hands the session's effects to a cache, as a terminal does."""

    def __init__(self, **options: Any) -> None:
        self.driver = Driver(interactive=True, **options)
        self.session = self.driver.session
        self.cache = LiveCache(self.session)
        # Questions of the cache's that were sent: the ids, and what was asked.
        self.ids: list[str] = []
        self.asked: list[str] = []
        self.learned: list[NameQuery] = []
        self.shown = 0

    def find(self, want: NameQuery) -> list[str] | None:
        """Return what a key press finds, and perform its effects."""
        self.cache.begin(self.driver.now)
        found = self.cache.find(want)
        self._note(self.cache.send_queries(self.driver.now))
        return None if found is None else [one.name for one in found]

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

    def take(self) -> list[str]:
        """Remove and return the queries sent since the last call."""
        asked, self.asked = self.asked, []
        return asked

    def news(self) -> list[NameQuery]:
        learned, self.learned = self.learned, []
        return learned

    def _perform(self, effects: list[Effect]) -> None:
        self._note(effects)
        self._note(self.cache.on_effects(effects, self.driver.now))

    def _note(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                if effect.request is None or effect.request.source is not None:
                    continue
                message = json.loads(effect.data)
                self.ids.append(message["id"])
                self.asked.append(message["execute"])
            elif isinstance(effect, QueryResult):
                assert effect.name == LIVE
                assert isinstance(effect.value, NameQuery)
                self.learned.append(effect.value)
            else:
                self.shown += 1


def nodes(*names: str) -> list[dict[str, str]]:
    return [{"node-name": name} for name in names]


def test_unknown_answer_is_queried_once_and_announced() -> None:
    shell = App()
    assert shell.find(NODES) is None
    assert shell.take() == ["query-named-block-nodes"]
    assert shell.find(NODES) is None
    assert shell.take() == []  # it is under way
    before = shell.shown
    shell.answer(nodes("a", "b"))
    assert shell.news() == [NODES]
    assert shell.shown == before  # nothing is shown
    assert shell.find(NODES) == ["a", "b"]
    assert shell.take() == []
    assert shell.session.failures.status == 0


def test_old_answer_is_used_during_new_query() -> None:
    shell = App()
    shell.find(NODES)
    shell.answer(nodes("a"))
    shell.news()
    shell.after(1.9)
    assert shell.find(NODES) == ["a"]
    assert shell.take() == ["query-named-block-nodes"]
    shell.after(0.2)
    assert shell.find(NODES) == ["a"]
    assert shell.take() == ["query-named-block-nodes"]
    shell.answer(nodes("a"))
    assert shell.news() == [NODES]  # as it was, and certain now
    shell.after(2)
    assert shell.find(NODES) == ["a"]
    shell.answer(nodes("a", "b"))
    assert shell.news() == [NODES]
    assert shell.find(NODES) == ["a", "b"]


def test_one_answer_serves_all_kinds_that_need_it() -> None:
    shell = App()
    shell.find(NameQuery(OBJECT))
    assert shell.take() == ["qom-list"]
    assert shell.find(NameQuery(IOTHREAD)) is None
    assert shell.take() == []
    shell.answer([{"name": "i", "type": "child<iothread>"}, {"name": "t", "type": "child<x>"}])
    assert shell.news() == [NameQuery(OBJECT), NameQuery(IOTHREAD)]
    assert shell.find(NameQuery(OBJECT)) == ["i", "t"]
    assert shell.find(NameQuery(IOTHREAD)) == ["i"]


def test_two_queries_at_once_newest_first() -> None:
    shell = App()
    for want in (NODES, JOBS, CHARDEVS, EXPORTS):
        shell.find(want)
    assert shell.take() == ["query-named-block-nodes", "query-jobs"]
    shell.answer([], 0)
    assert shell.take() == ["query-block-exports"]
    shell.answer([], 1)
    assert shell.take() == ["query-chardev"]
    shell.answer([], 2)
    shell.answer([], 3)
    assert shell.take() == []


def test_what_has_two_answers_is_given_in_part() -> None:
    shell = App()
    want = NameQuery(QDEV)
    shell.find(want)
    assert shell.take() == ["qom-list", "qom-list"]
    shell.answer([{"name": "d", "type": "child<x>"}], 0)
    assert shell.news() == [want]
    assert shell.find(want) == ["d"]
    shell.answer([{"name": "device[0]", "type": "child<x>"}], 1)
    assert shell.news() == [want]
    assert shell.find(want) == ["d", "/machine/peripheral-anon/device[0]"]


# -- the person's own first ------------------------------------------------------------------------


def test_no_query_runs_during_a_command() -> None:
    shell = App()
    shell.line("stop")
    assert shell.find(NODES) is None
    assert shell.take() == []
    shell.bytes(reply({}, 1))
    assert shell.take() == ["query-named-block-nodes"]


def test_no_query_runs_while_user_lines_wait() -> None:
    shell = App()
    shell.line("stop")
    shell.line("cont")
    shell.find(NODES)
    shell.bytes(reply({}, 1))
    assert shell.take() == []
    shell.bytes(reply({}, 2))
    assert shell.take() == ["query-named-block-nodes"]
    shell = App()
    shell.line("quit")
    assert shell.session.asking is not None
    shell.find(NODES)
    assert shell.take() == []


def test_user_command_is_not_delayed_by_queries() -> None:
    shell = App()
    shell.find(NODES)
    effects = shell.session.submit(shell.driver.prepare("stop"), shell.driver.now)
    assert [type(one) for one in effects] == [Send]
    shell.driver.now += 1
    assert shell.session.deadline is None
    assert [type(one) for one in shell.session.abandon(shell.driver.now)] != [Send]


def test_internal_query_delays_nothing_without_timeout() -> None:
    shell = App(timeout=1.0)
    shell.find(NODES)
    assert shell.session.deadline is None
    shell.after(100)
    assert shell.session.tick(shell.driver.now) == []
    assert shell.session.abandon(shell.driver.now) == []
    assert not shell.session.is_blocked
    assert shell.driver.line("/quit") == [("leave", 0)]


# -- what makes it doubtful ------------------------------------------------------------------------


def learn(shell: App, want: NameQuery, value: object) -> None:
    shell.find(want)
    shell.answer(value)
    shell.take()
    shell.news()


@pytest.mark.parametrize("name", ["JOB_STATUS_CHANGE", "BLOCK_JOB_COMPLETED", "DEVICE_DELETED"])
def test_an_event_makes_it_be_asked_anew(name: str) -> None:
    shell = App()
    learn(shell, JOBS, [{"id": "j"}])
    shell.bytes(event("RTC_CHANGE"))
    assert shell.find(JOBS) == ["j"]
    assert shell.take() == []
    shell.bytes(event(name))
    assert shell.take() == []  # nobody wants it
    assert shell.find(JOBS) == ["j"]
    assert shell.take() == ["query-jobs"]
    shell.answer([])
    assert shell.news() == [JOBS]
    assert shell.find(JOBS) == []


def test_event_during_query_makes_answer_uncertain() -> None:
    shell = App()
    shell.find(JOBS)
    shell.take()
    shell.bytes(event("JOB_STATUS_CHANGE"))
    shell.answer([{"id": "j"}])
    assert shell.take() == []  # once for each wish: a storm of events is no storm of questions
    assert shell.find(JOBS) == ["j"]
    assert shell.take() == ["query-jobs"]


def test_state_changing_command_invalidates_all_answers() -> None:
    shell = App()
    learn(shell, CHARDEVS, [{"label": "c"}])
    shell.line("query-status")
    shell.bytes(reply({}, 2))
    shell.find(CHARDEVS)
    assert shell.take() == []
    shell.line("stop")
    shell.bytes(reply({}, 3))
    assert shell.find(CHARDEVS) == ["c"]
    assert shell.take() == ["query-chardev"]


def test_what_cannot_change_is_asked_once() -> None:
    shell = App()
    want = NameQuery(DEVICE_DRIVER)
    shell.find(want)
    assert shell.take() == ["qom-list-types"]
    shell.answer([{"name": "e1000"}])
    assert shell.take() == ["human-monitor-command"]
    shell.answer('name "e1000", bus PCI, alias "e"\r\n')
    shell.line("stop")
    shell.bytes(reply({}, 3))
    shell.bytes(event("DEVICE_DELETED"))
    shell.after(1e6)
    assert shell.find(want) == ["e", "e1000"]
    assert shell.take() == []


def test_properties_are_asked_of_known_drivers_only() -> None:
    shell = App()
    shell.find(NameQuery(DEVICE_DRIVER))
    shell.answer([{"name": "e1000"}])
    shell.answer("")
    shell.take()
    assert shell.find(NameQuery(DEVICE_PROPERTY, "e10")) == []
    assert shell.take() == []
    assert shell.find(NameQuery(DEVICE_PROPERTY, "e1000")) is None
    assert shell.take() == ["device-list-properties"]
    shell.answer([{"name": "mac"}])
    assert shell.find(NameQuery(DEVICE_PROPERTY, "e1000")) == ["mac"]


# -- failures --------------------------------------------------------------------------------------


def test_failure_is_cached_until_change_or_expiry() -> None:
    shell = App()
    want = NameQuery(QOM_CHILD, "/nosuch")
    shell.find(want)
    shell.take()
    shell.bytes(error("Device '/nosuch' not found", "DeviceNotFound", 1))
    assert shell.news() == [want]
    assert shell.find(want) == []
    shell.after(59)
    shell.find(want)
    assert shell.take() == []
    shell.after(2)
    shell.find(want)
    assert shell.take() == ["qom-list"]
    shell.bytes(error("Device '/nosuch' not found", "DeviceNotFound", 2))
    shell.line("stop")
    shell.bytes(reply({}, 3))
    shell.find(want)
    assert shell.take() == ["qom-list"]
    assert shell.session.failures.status == 0


def test_missing_command_is_queried_once() -> None:
    shell = App()
    shell.find(CHARDEVS)
    shell.bytes(error("no", "CommandNotFound", 1))
    shell.line("stop")
    shell.bytes(reply({}, 2))
    shell.after(1e6)
    shell.take()
    assert shell.find(CHARDEVS) == []
    assert shell.take() == []


def test_missing_command_is_not_queried() -> None:
    shell = App()
    shell.session.names = ["query-block-jobs"]
    assert shell.find(CHARDEVS) == []
    assert shell.take() == []
    shell.find(JOBS)
    assert shell.take() == ["query-block-jobs"]


def test_older_server_gets_older_commands() -> None:
    shell = App()
    shell.find(NODES)
    shell.bytes(error("Parameter 'flat' is unexpected", marker=1))
    assert shell.take() == ["query-named-block-nodes", "query-named-block-nodes"]
    shell.answer(nodes("a"))
    assert shell.find(NODES) == ["a"]
    assert shell.take() == []


@pytest.mark.parametrize("value", [None, {}, "text", 5, [[1]], [{"node-name": {}}]])
def test_an_answer_of_another_shape_is_no_names(value: object) -> None:
    shell = App()
    shell.find(NODES)
    shell.answer(value)
    if value is None:  # as good as a failure, which brings the older question
        shell.answer(value)
    assert shell.find(NODES) == []


def test_missing_answer_times_out() -> None:
    shell = App()
    shell.find(NODES)
    shell.find(JOBS)
    assert len(shell.take()) == 2
    shell.after(29)
    assert shell.find(CHARDEVS) is None
    assert shell.take() == []
    shell.after(1)
    shell.find(CHARDEVS)
    assert shell.take() == ["query-chardev"]
    assert shell.find(NODES) is None
    shell.answer(nodes("late"), 0)
    assert shell.find(NODES) == ["late"]


# -- other servers ---------------------------------------------------------------------------------


def test_connection_loss_clears_answers() -> None:
    shell = App()
    learn(shell, NODES, nodes("a"))
    shell.find(JOBS)
    shell.take()
    shell.bytes(b"")
    assert shell.find(NODES) == []
    assert shell.take() == []
    shell.reconnect()
    assert shell.find(NODES) is None
    assert "query-named-block-nodes" in shell.take()
    shell.find(JOBS)
    assert shell.take() == ["query-jobs"]


def test_a_server_that_starts_anew_is_asked_anew() -> None:
    shell = App()
    learn(shell, NODES, nodes("a"))
    shell.find(JOBS)
    shell.bytes(GREETING)
    shell.bytes(NEGOTIATED)
    shell.take()
    assert shell.find(NODES) is None
    assert shell.take() == ["query-named-block-nodes"]
    shell.find(JOBS)
    assert shell.take() == ["query-jobs"]


def test_query_before_a_crash_is_not_repeated() -> None:
    shell = App()
    want = NameQuery(DEVICE_DRIVER)
    shell.find(want)
    shell.find(NODES)
    assert shell.take() == ["qom-list-types", "query-named-block-nodes"]
    lost, why = said(shell.session.receive(b"", shell.driver.now))
    assert lost == ("error", "vm.sock: connection lost")
    assert why == (
        "tell",
        "connection lost while completion was running qom-list-types, possibly the cause; "
        "it will not be run on this server again",
    )
    shell.reconnect()
    shell.find(want)
    shell.find(NODES)
    assert shell.take() == ["query-named-block-nodes"]
    assert shell.find(want) == []


def test_a_server_that_was_left_is_not_blamed() -> None:
    shell = App()
    want = NameQuery(DEVICE_DRIVER)
    shell.find(want)
    assert shell.take() == ["qom-list-types"]
    told = said(shell.session.submit(shell.driver.prepare("/connect"), shell.driver.now))
    assert [one[0] for one in told] == ["connect"]
    shell.session.connected(shell.driver.now)
    shell.bytes(GREETING)
    shell.bytes(NEGOTIATED)
    assert shell.find(want) is None
    assert shell.take() == ["qom-list-types"]


def test_observer_gets_nothing_of_earlier_server() -> None:
    shell = App()
    learn(shell, NODES, nodes("a"))
    shell.bytes(GREETING)
    shell.bytes(NEGOTIATED)
    assert list(shell.cache.peek(NODES)) == []


def test_observer_gets_answers_without_queries() -> None:
    shell = App()
    assert list(shell.cache.peek(NODES)) == []
    shell.line("stop")
    shell.bytes(reply({}, 1))
    assert shell.take() == []
    learn(shell, NODES, nodes("a"))
    shell.after(100)
    assert [one.name for one in shell.cache.peek(NODES)] == ["a"]
    shell.line("stop")
    assert shell.take() == []


def test_other_questions_are_not_blamed_for_an_end() -> None:
    shell = App()
    shell.find(NODES)
    assert said(shell.session.receive(b"", shell.driver.now)) == [
        ("error", "vm.sock: connection lost")
    ]


# -- what cannot be relied on ----------------------------------------------------------------------


def test_pending_answer_is_uncertain() -> None:
    shell = App()
    shell.find(NODES)
    assert shell.cache.is_in_doubt
    shell.answer(nodes("a"))
    shell.find(NODES)
    assert not shell.cache.is_in_doubt


def test_partial_answers_are_marked_uncertain() -> None:
    shell = App()
    shell.find(NameQuery(QDEV))
    shell.answer([{"name": "d", "type": "child<x>"}], 0)
    assert shell.find(NameQuery(QDEV)) == ["d"]
    assert shell.cache.is_in_doubt


def test_answer_before_a_change_is_uncertain() -> None:
    shell = App()
    learn(shell, NODES, nodes("a"))
    shell.line("blockdev-add driver=null-co node-name=b")
    shell.bytes(reply({}, 2))
    shell.news()
    assert shell.find(NODES) == ["a"]
    assert shell.cache.is_in_doubt
    assert shell.news() == []  # it is still what was found
    shell.answer(nodes("a"))
    assert shell.news() == [NODES]
    shell.find(NODES)
    assert not shell.cache.is_in_doubt


def test_expired_answer_is_uncertain() -> None:
    shell = App()
    learn(shell, NODES, nodes("a"))
    shell.after(1)
    shell.find(NODES)
    assert not shell.cache.is_in_doubt
    shell.after(2)
    shell.find(NODES)
    assert shell.cache.is_in_doubt
    shell.answer(nodes("a"))
    assert shell.news() == [NODES]


def test_refused_query_is_a_certain_answer() -> None:
    shell = App()
    shell.find(CHARDEVS)
    shell.bytes(error("no", "CommandNotFound", 1))
    shell.find(CHARDEVS)
    assert not shell.cache.is_in_doubt


def test_the_doubt_is_about_what_is_found_now() -> None:
    shell = App()
    shell.find(NODES)
    assert shell.cache.is_in_doubt
    shell.cache.begin(shell.driver.now)
    assert not shell.cache.is_in_doubt


@pytest.mark.parametrize("options", [{"probe": False}, {"negotiate": False}, {"hmp": True}])
def test_nothing_is_asked_that_may_not_be(options: dict[str, bool]) -> None:
    shell = App(**options)
    assert shell.find(NODES) == []
    assert shell.take() == []
    shell.bytes(event("DEVICE_DELETED"))
    assert shell.take() == []


def test_nothing_is_asked_before_the_server_is_ready() -> None:
    shell = App(greeted=False)
    shell.find(NODES)
    shell.bytes(GREETING)
    assert shell.take() == []
    shell.bytes(NEGOTIATED)
    assert shell.take() == ["query-named-block-nodes"]


def test_the_log_has_the_questions_and_the_answers() -> None:
    shell = App(log="log")
    shell.find(CHARDEVS)
    shell.answer([{"label": "c"}])
    messages = [message for _, message in shell.driver.logs["log"].messages][-2:]
    assert messages[0]["execute"] == "query-chardev"
    assert messages[1]["return"] == [{"label": "c"}]


def test_old_queries_and_answers_are_discarded() -> None:
    shell = App()
    for number in range(400):
        shell.find(NameQuery(QOM_CHILD, f"/{number}"))
        shell.answer([{"name": "a", "type": "child<x>"}])
    assert shell.find(NameQuery(QOM_CHILD, "/399")) == ["a"]
    assert shell.find(NameQuery(QOM_CHILD, "/0")) is None
    for number in range(400):
        shell.find(NameQuery(DEVICE_PROPERTY, f"no driver {number}"))
    assert shell.find(NameQuery(QOM_CHILD, "/399")) == ["a"]
