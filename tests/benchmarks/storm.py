"""Benchmark of echo, log and memory while a user types during an event storm.

QEMU has two monitors. On the second, a client stops and continues the VM as fast as possible and counts the
events; both monitors receive them.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from operator import sub
from pathlib import Path

from tests.harness.servers import INSTALLATIONS, NEWEST, Installation, start_qemu

from .measure import BIN
from .terminals import BARE, PROMPT, Terminal

# Number of lines per round and way of typing.
_ROUNDS, _LINES = 4, 2
_RATE = 20.0  # keystrokes per second
_MAX_ECHO = 0.050  # seconds, 99 of 100 keystrokes
_MIN_STORM_RATE = 2500  # events per second
_EVENTS = 1_000_000
# Bounds for memory growth from a fifth of the events to all; one must hold.
_MAX_GROWTH, _MAX_GROWTH_BYTES = 0.05, 2 << 20

_LINE = "blockdev-add driver=qcow2 node-name=fmt0 file.driver=file"
_CLEAR = "\x15"  # Ctrl-U
_TIMEOUT = 10.0  # seconds

# Send pairs of commands and read replies until standard input ends; then read the
# rest and print the number of events. Each input line requests the current number.
_CLIENT = r"""
import select, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rb", buffering=0)
f.readline()
s.sendall(b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}\n')
while b'"return"' not in f.readline():
    pass
s.setblocking(False)
commands = b'{"execute": "cont"}{"execute": "stop"}\n' * 64
rest, owed, events, tail, ending = b"", 0, 0, b"", False
while owed or not ending:
    wanted = [] if ending and not rest else [s]
    readable, writable, _ = select.select([s] if ending else [s, 0], wanted, [])
    if 0 in readable:
        ending = not sys.stdin.buffer.raw.read(1)
        if not ending:
            print(events, flush=True)
    if s in readable:
        data = tail + s.recv(1 << 18)
        end = data.rfind(b"\n") + 1
        data, tail = data[:end], data[end:]
        events += data.count(b'"event": "')
        owed -= data.count(b'"return": ')
    if writable:
        if not rest and not ending:
            rest = commands
            owed += 128
        if rest:
            try:
                rest = rest[s.send(rest):]
            except BlockingIOError:
                pass
print(events, flush=True)
"""


class _Storm:
    """The client on the second monitor; `events` is the total number of events."""

    def __init__(self, address: str) -> None:
        self._began = time.monotonic()
        self.seconds = 0.0
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CLIENT, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def events(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return self._count()

    def wait(self) -> None:
        """Wait until the storm runs."""
        while not self.events:
            pass

    def end(self) -> int:
        """Stop the storm; return the number of events after the last one arrives."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        events = self._count()
        self.seconds = time.monotonic() - self._began
        self._process.wait()
        return events

    def _count(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def __enter__(self) -> _Storm:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def _two_monitors(installation: Installation) -> Iterator[tuple[str, str]]:
    """Start a QEMU; yield the addresses of its two monitors."""
    with tempfile.TemporaryDirectory() as directory:
        first, second = f"{directory}/vm.sock", f"{directory}/second.sock"
        monitor = ("-qmp", f"unix:{second},server=on,wait=off")
        with start_qemu(installation, Path(first), *monitor) as server:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(first)
                probe.recv(1)  # after the greeting the other monitor exists, too
            yield server.address, second


@contextmanager
def _shell(address: str, *options: str) -> Iterator[Terminal]:
    """Start the program at a terminal and wait for the greeting."""
    with Terminal([str(BIN / "qmpshell"), *options, address]) as terminal:
        terminal.wait(lambda: terminal.typed == PROMPT and "Connected to" in terminal.text)
        yield terminal


# The time of each keystroke or echo, and the processor times of the program until then.
Moment = tuple[float, ...]


def _type(terminal: Terminal) -> list[Moment]:
    """Return the seconds from each keystroke to its echo: all, on a processor, and waiting for one.

    Keystrokes do not wait for earlier echoes.
    """
    echoes: list[Moment] = []
    due = time.monotonic()
    for _ in range(_LINES):
        pressed: list[Moment] = []
        shown = 0
        while shown < len(_LINE):
            if len(pressed) < len(_LINE) and time.monotonic() >= due:
                pressed.append((time.monotonic(), *terminal.processor_times))
                terminal.type(_LINE[len(pressed) - 1])
                due += 1 / _RATE
            waited = terminal.watch(due if len(pressed) < len(_LINE) else due + _TIMEOUT)
            if not waited and time.monotonic() > due + 1:
                raise TimeoutError(f"no echo:\n{terminal.text}")
            typed = terminal.typed
            if typed.startswith(PROMPT) and _LINE.startswith(typed[len(PROMPT) :]):
                echoed = len(typed) - len(PROMPT)
                if echoed > shown:
                    now = (time.monotonic(), *terminal.processor_times)
                    echoes += [tuple(map(sub, now, then)) for then in pressed[shown:echoed]]
                    shown = echoed
        terminal.type(_CLEAR)
        due = terminal.wait(lambda: terminal.typed == PROMPT)
    return echoes


def _catch_up(terminal: Terminal) -> float:
    """Return the seconds until the reply to a new command arrives behind all earlier events."""
    began = time.monotonic()
    terminal.type("query-name\r")
    return terminal.wait(lambda: '"return"' in terminal.text) - began


def _logged(path: Path) -> int:
    """Return the number of events in a log."""
    with path.open("rb") as log:
        return sum(b'"event": "' in line for line in log)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


class _Echoes:
    """Measurements of one way to type, over all rounds.

    `work` holds the processor seconds between a keystroke and its echo, which do not depend on
    other load; `waits` the seconds for which other processes used the processors.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.work: list[float] = []
        self.waits: list[float] = []
        self.events = 0
        self.storm_seconds = 0.0
        self.behind = 0.0
        self.missing = 0

    def type(self, terminal: Terminal) -> None:
        for seconds, work, waits in _type(terminal):
            self.seconds.append(seconds)
            self.work.append(work)
            self.waits.append(waits)

    def type_in_storm(self, terminal: Terminal, second: str) -> int:
        """Type during the storm; return the number of events."""
        with _Storm(second) as storm:
            storm.wait()
            self.type(terminal)
            events = storm.end()
            self.events += events
            self.storm_seconds += storm.seconds
        return events

    @property
    def p99(self) -> float:
        return _p99(self.seconds)

    @property
    def rate(self) -> float:
        return self.events / self.storm_seconds

    def report(self, title: str) -> None:
        p50, longest = statistics.median(self.seconds), max(self.seconds)
        print(
            f"  {title:26} p50 {p50 * 1000:5.1f} ms, p99 {self.p99 * 1000:6.1f} ms, longest"
            f" {longest * 1000:6.1f} ms; work p99 {_p99(self.work) * 1000:4.1f} ms, wait for a"
            f" processor p99 {_p99(self.waits) * 1000:5.1f} ms",
            end="",
        )
        print(f"; {self.events} events, {self.rate:.0f}/s" if self.events else "")


def echo() -> bool:
    """Measure typing without a storm, in a storm, and in a storm that is logged.

    A bare prompt that receives no events shows how much of the time is due to the busy processors.
    """
    good = True
    for installation in INSTALLATIONS:
        bare, calm, storm, logged = (_Echoes() for _ in range(4))
        with _two_monitors(installation) as (first, second):
            for _ in range(_ROUNDS):
                with Terminal(BARE) as terminal:
                    terminal.wait(lambda: terminal.typed == PROMPT)
                    bare.type_in_storm(terminal, second)
                with _shell(first) as terminal:
                    calm.type(terminal)
                    storm.type_in_storm(terminal, second)
                    storm.behind = max(storm.behind, _catch_up(terminal))
                _type_logged(logged, first, second)
        count = len(storm.seconds)
        print(f"Echo of {count} keystrokes, {_RATE:g}/s, QEMU {installation.name}")
        bare.report("bare PromptSession, storm")
        calm.report("qmpshell, calm")
        storm.report("qmpshell, storm")
        logged.report("qmpshell, storm, logged")
        behind = max(storm.behind, logged.behind)
        print(f"  behind at the end: {behind:.1f} s; missing in the log: {logged.missing}")
        rate = min(storm.rate, logged.rate)
        fast = max(storm.p99, logged.p99) <= _MAX_ECHO and rate >= _MIN_STORM_RATE
        good &= fast and not logged.missing
        text = f"  p99 at most {_MAX_ECHO * 1000:.1f} ms, at least {_MIN_STORM_RATE} events/s, none missing:"
        print(text, _verdict(fast and not logged.missing), end="\n\n", flush=True)
    return good


def _type_logged(logged: _Echoes, first: str, second: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "events.log"
        with _shell(first, "--log", str(log)) as terminal:
            events = logged.type_in_storm(terminal, second)
            logged.behind = max(logged.behind, _catch_up(terminal))
        logged.missing += abs(events - _logged(log))


def _verdict(good: bool) -> str:
    return "ok" if good else "TOO MUCH"


def memory() -> bool:
    """Measure the memory for a million logged events."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "events.log"
        with (
            _two_monitors(NEWEST) as (first, second),
            _shell(first, "--log", str(log)) as terminal,
            _Storm(second) as storm,
        ):
            print(f"Memory over {_EVENTS} real events, logged, MiB", end="")
            samples: list[int] = []
            for tenth in range(1, 11):
                while storm.events < _EVENTS * tenth // 10:
                    terminal.watch(time.monotonic() + 0.1)
                samples.append(terminal.memory)
                print(f"  {samples[-1] / 2**20:.1f}", end="", flush=True)
            events = storm.end()
            behind = _catch_up(terminal)
            samples.append(terminal.memory)
            print(f"  {samples[-1] / 2**20:.1f} at the end")
        logged = _logged(log)
    growth = max(samples[2:]) - samples[1]
    share = growth / samples[1]
    good = (growth <= _MAX_GROWTH_BYTES or share <= _MAX_GROWTH) and logged == events
    print(f"  {events} events, {events / storm.seconds:.0f}/s; {behind:.1f} s behind at the end")
    print(f"  events in the log: {logged}")
    print(f"  growth after a fifth: {growth / 2**20:.1f} MiB, {share:.1%}:", _verdict(good))
    print(flush=True)
    return good
