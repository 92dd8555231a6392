"""Storms of events: what is folded, what is not, and that nothing is lost or out of order."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import Event
from qmpshell.terminal import OTHERS, Folded, Storm


class Screen:
    """A storm as the display drives it: what is due is flushed in time. `shown` is what came out,
    each with the number of its latest event and how many it stands for."""

    def __init__(self) -> None:
        self.storm = Storm()
        self.now = 1000.0
        self.number = 0
        self.given: list[str] = []
        self.shown: list[tuple[str, int, int]] = []

    def event(self, name: str) -> list[tuple[str, int, int]]:
        """What is shown because an event came: the number of the event is how many came before."""
        value = {"event": name, "data": {"number": self.number}}
        self.number += 1
        self.given.append(name)
        return self._show(self.storm.take(Event(b"", value), self.now))

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        if self.storm.due is not None and self.storm.due <= until:
            self.now = self.storm.due
            self.flush()
        self.now = until

    def flush(self) -> list[tuple[str, int, int]]:
        return self._show(self.storm.flush())

    def _show(self, found: list[Event | Folded]) -> list[tuple[str, int, int]]:
        new = [
            (one.name, one.last.value["data"]["number"], one.count)
            if isinstance(one, Folded)
            else (one.name, one.value["data"]["number"], 1)
            for one in found
        ]
        self.shown += new
        return new


def storm(
    name: str, *, rate: float = 1000, seconds: float = 3, screen: Screen | None = None
) -> Screen:
    """A screen in the middle of a storm of events of one name."""
    screen = screen or Screen()
    for _ in range(int(rate * seconds)):
        screen.event(name)
        screen.pass_time(1 / rate)
    return screen


def test_few_events_are_shown_as_they_come() -> None:
    screen = Screen()
    for number in range(30):
        assert screen.event("STOP") == [("STOP", number, 1)]
    assert screen.storm.due is None


def test_a_slow_stream_is_never_folded() -> None:
    screen = Screen()
    for number in range(2000):
        assert screen.event("TICK") == [("TICK", number, 1)]
        screen.pass_time(0.2)


def test_what_comes_faster_is_counted_and_told_once_a_second() -> None:
    screen = storm("TICK", rate=1000, seconds=20)
    screen.flush()
    assert [count for _, _, count in screen.shown[:30]] == [1] * 30
    counts = [count for _, _, count in screen.shown[30:]]
    assert len(counts) <= 21
    assert sum(counts) == 20_000 - 30
    assert counts[0] == pytest.approx(1000, rel=0.1)


def test_two_names_that_alternate_take_a_line_each() -> None:
    screen = Screen()
    for _ in range(5000):
        for name in ("STOP", "RESUME"):
            screen.event(name)
            screen.pass_time(0.001)
    screen.flush()
    assert len(screen.shown) <= 2 * (30 + 11)
    for name in ("STOP", "RESUME"):
        assert sum(count for shown, _, count in screen.shown if shown == name) == 5000


def test_a_rare_event_in_a_storm_is_shown_at_once_behind_what_was_counted() -> None:
    screen = storm("TICK")
    screen.event("TICK")
    screen.event("TICK")
    *counted, last = screen.event("SHUTDOWN")
    assert last == ("SHUTDOWN", 3002, 1)
    assert [(name, number) for name, number, _ in counted] == [("TICK", 3001)]
    assert screen.storm.due is None


def test_one_that_was_counted_alone_is_shown_as_it_is() -> None:
    screen = storm("TICK")
    screen.flush()
    assert screen.event("TICK") == []
    assert screen.storm.flush()[0].__class__ is Event


def test_calm_ends_a_storm() -> None:
    screen = storm("TICK")
    screen.pass_time(2)
    assert screen.event("TICK") == []  # not calm enough yet
    screen.pass_time(4)
    assert screen.event("TICK") == [("TICK", 3001, 1)]


def test_a_storm_that_only_slows_down_goes_on_until_it_is_calm() -> None:
    screen = storm("TICK")
    storm("TICK", rate=6, seconds=20, screen=screen)
    assert screen.event("TICK") == []
    storm("TICK", rate=2, seconds=6, screen=screen)
    assert [count for _, _, count in screen.event("TICK")][-1:] == [1]


def test_made_up_names_are_bounded_and_their_events_are_counted() -> None:
    screen = Screen()
    for number in range(5000):
        screen.event(f"MADE_UP_{number}")
    last = screen.flush()
    assert len(screen.shown) <= 256 + 30 + 1
    assert [name for name, _, _ in last] == [OTHERS]
    assert sum(count for _, _, count in screen.shown) == 5000


def test_names_that_were_known_before_keep_their_own_count() -> None:
    screen = Screen()
    screen.event("STOP")
    for number in range(5000):
        screen.event(f"MADE_UP_{number}")
    assert screen.event("STOP")[-1] == ("STOP", 5001, 1)


def test_memory_does_not_grow_with_events_or_with_names() -> None:
    subject = Storm()

    def feed(begin: int, count: int) -> None:
        for number in range(begin, begin + count):
            for name in ("TICK", f"MADE_UP_{number:0100}"):
                subject.take(Event(b"", {"event": name}), number / 1000)

    feed(0, 1000)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        feed(1000, 20_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 50_000


# Names, how many come at once, and what passes until the next.
ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from(["STOP", "RESUME", "TICK", "RTC_CHANGE", ""]),
        st.sampled_from([1, 1, 2, 7, 40, 200]),
        st.sampled_from([0.0, 0.001, 0.1, 0.25, 1.0, 1.5, 4.0, 30.0]),
    ),
    max_size=40,
)


@given(ARRIVALS)
def test_no_event_is_lost_and_none_is_shown_behind_a_later_one(
    arrivals: list[tuple[str, int, float]],
) -> None:
    screen = Screen()
    for name, count, gap in arrivals:
        for _ in range(count):
            begun = screen.now
            shown = screen.event(name)
            # Either it is shown, or it will be within a second.
            if not shown or shown[-1][1] != screen.number - 1:
                assert screen.storm.due is not None
                assert begun <= screen.storm.due <= begun + 1
        screen.pass_time(gap)
    screen.flush()
    assert screen.storm.due is None
    assert screen.flush() == []
    latest = [number for _, number, _ in screen.shown]
    assert latest == sorted(set(latest))
    told = dict.fromkeys(screen.given, 0)
    for name, number, count in screen.shown:
        told[name] += count
        assert screen.given[number] == name
        assert told[name] == screen.given[: number + 1].count(name)
    assert sum(told.values()) == len(screen.given)


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0.0, 0.3, 2.0])), max_size=1500))
def test_no_event_of_any_number_of_names_is_lost(arrivals: list[tuple[int, float]]) -> None:
    screen = Screen()
    for number, gap in arrivals:
        screen.event(f"MADE_UP_{number}")
        screen.pass_time(gap)
    screen.flush()
    latest = [number for _, number, _ in screen.shown]
    assert latest == sorted(set(latest))
    assert sum(count for _, _, count in screen.shown) == len(arrivals)
    assert len({name for name, _, _ in screen.shown}) <= 2 * 256 + 1


@given(ARRIVALS)
def test_a_rare_event_is_shown_at_once_whatever_else_comes(
    arrivals: list[tuple[str, int, float]],
) -> None:
    screen = Screen()
    for name, count, gap in arrivals:
        for _ in range(count):
            screen.event(name)
        screen.pass_time(0.2)  # the rare one comes five times a second at the most
        assert screen.event("SHUTDOWN")[-1] == ("SHUTDOWN", screen.number - 1, 1)
        screen.pass_time(gap)
