"""Test EventThrottle: folding of frequent events without loss or reordering."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import Event
from qmpshell.terminal import OTHERS, EventCount, EventThrottle


class Screen:
    """A throttle that is flushed when due; `shown` has a name, latest number and count per line."""

    def __init__(self) -> None:
        self.storm = EventThrottle()
        self.now = 1000.0
        self.number = 0
        self.sent: list[str] = []
        self.shown: list[tuple[str, int, int]] = []

    def event(self, name: str) -> list[tuple[str, int, int]]:
        """Add an event, numbered from 0, and return the lines that it causes."""
        value = {"event": name, "data": {"number": self.number}}
        self.number += 1
        self.sent.append(name)
        return self._show(self.storm.allow(Event(b"", value), self.now))

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        if self.storm.due is not None and self.storm.due <= until:
            self.now = self.storm.due
            self.flush()
        self.now = until

    def flush(self) -> list[tuple[str, int, int]]:
        return self._show(self.storm.flush())

    def _show(self, found: list[Event | EventCount]) -> list[tuple[str, int, int]]:
        new = [
            (item.name, item.last.value["data"]["number"], item.count)
            if isinstance(item, EventCount)
            else (item.name, item.value["data"]["number"], 1)
            for item in found
        ]
        self.shown += new
        return new


def storm(
    name: str, *, rate: float = 1000, seconds: float = 3, screen: Screen | None = None
) -> Screen:
    """Return a screen during a storm of events with one name."""
    screen = screen or Screen()
    for _ in range(int(rate * seconds)):
        screen.event(name)
        screen.pass_time(1 / rate)
    return screen


def test_few_events_are_shown_at_once() -> None:
    screen = Screen()
    for number in range(30):
        assert screen.event("STOP") == [("STOP", number, 1)]
    assert screen.storm.due is None


def test_slow_event_stream_is_never_folded() -> None:
    screen = Screen()
    for number in range(2000):
        assert screen.event("TICK") == [("TICK", number, 1)]
        screen.pass_time(0.2)


def test_fast_event_stream_is_counted_each_second() -> None:
    screen = storm("TICK", rate=1000, seconds=20)
    screen.flush()
    assert [count for _, _, count in screen.shown[:30]] == [1] * 30
    counts = [count for _, _, count in screen.shown[30:]]
    assert len(counts) <= 21
    assert sum(counts) == 20_000 - 30
    assert counts[0] == pytest.approx(1000, rel=0.1)


def test_alternating_names_are_counted_separately() -> None:
    screen = Screen()
    for _ in range(5000):
        for name in ("STOP", "RESUME"):
            screen.event(name)
            screen.pass_time(0.001)
    screen.flush()
    assert len(screen.shown) <= 2 * (30 + 11)
    for name in ("STOP", "RESUME"):
        assert sum(count for shown, _, count in screen.shown if shown == name) == 5000


def test_rare_event_flushes_counts_and_appears_last() -> None:
    screen = storm("TICK")
    screen.event("TICK")
    screen.event("TICK")
    *counted, last = screen.event("SHUTDOWN")
    assert last == ("SHUTDOWN", 3002, 1)
    assert [(name, number) for name, number, _ in counted] == [("TICK", 3001)]
    assert screen.storm.due is None


def test_single_counted_event_is_shown_unfolded() -> None:
    screen = storm("TICK")
    screen.flush()
    assert screen.event("TICK") == []
    assert screen.storm.flush()[0].__class__ is Event


def test_pause_ends_a_storm() -> None:
    screen = storm("TICK")
    screen.pass_time(2)
    assert screen.event("TICK") == []  # the pause is too short
    screen.pass_time(4)
    assert screen.event("TICK") == [("TICK", 3001, 1)]


def test_slowing_storm_ends_at_low_rate() -> None:
    screen = storm("TICK")
    storm("TICK", rate=6, seconds=20, screen=screen)
    assert screen.event("TICK") == []
    storm("TICK", rate=2, seconds=6, screen=screen)
    assert [count for _, _, count in screen.event("TICK")][-1:] == [1]


def test_many_event_names_share_one_count() -> None:
    screen = Screen()
    for number in range(5000):
        screen.event(f"MADE_UP_{number}")
    last = screen.flush()
    assert len(screen.shown) <= 256 + 30 + 1
    assert [name for name, _, _ in last] == [OTHERS]
    assert sum(count for _, _, count in screen.shown) == 5000


def test_earlier_names_keep_their_own_count() -> None:
    screen = Screen()
    screen.event("STOP")
    for number in range(5000):
        screen.event(f"MADE_UP_{number}")
    assert screen.event("STOP")[-1] == ("STOP", 5001, 1)


def test_memory_is_bounded_for_events_and_names() -> None:
    subject = EventThrottle()

    def feed(start: int, count: int) -> None:
        for number in range(start, start + count):
            for name in ("TICK", f"MADE_UP_{number:0100}"):
                subject.allow(Event(b"", {"event": name}), number / 1000)

    feed(0, 1000)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        feed(1000, 20_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 50_000


# Event name, burst size, and seconds until the next burst.
ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from(["STOP", "RESUME", "TICK", "RTC_CHANGE", ""]),
        st.sampled_from([1, 1, 2, 7, 40, 200]),
        st.sampled_from([0.0, 0.001, 0.1, 0.25, 1.0, 1.5, 4.0, 30.0]),
    ),
    max_size=40,
)


@given(ARRIVALS)
def test_events_are_shown_completely_and_in_order(
    arrivals: list[tuple[str, int, float]],
) -> None:
    screen = Screen()
    for name, count, gap in arrivals:
        for _ in range(count):
            arrival = screen.now
            shown = screen.event(name)
            # A hidden event must be due within one second.
            if not shown or shown[-1][1] != screen.number - 1:
                assert screen.storm.due is not None
                assert arrival <= screen.storm.due <= arrival + 1
        screen.pass_time(gap)
    screen.flush()
    assert screen.storm.due is None
    assert screen.flush() == []
    latest = [number for _, number, _ in screen.shown]
    assert latest == sorted(set(latest))
    counted = dict.fromkeys(screen.sent, 0)
    for name, number, count in screen.shown:
        counted[name] += count
        assert screen.sent[number] == name
        assert counted[name] == screen.sent[: number + 1].count(name)
    assert sum(counted.values()) == len(screen.sent)


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0.0, 0.3, 2.0])), max_size=1500))
def test_events_with_many_names_are_not_lost(arrivals: list[tuple[int, float]]) -> None:
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
def test_rare_event_is_always_shown_at_once(
    arrivals: list[tuple[str, int, float]],
) -> None:
    screen = Screen()
    for name, count, gap in arrivals:
        for _ in range(count):
            screen.event(name)
        screen.pass_time(0.2)  # at most five rare events per second
        assert screen.event("SHUTDOWN")[-1] == ("SHUTDOWN", screen.number - 1, 1)
        screen.pass_time(gap)
