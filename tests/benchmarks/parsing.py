"""Benchmark of parsing: the processor time for 10, 100 and 1,000 KB of each repeated text.

It covers what a script does with a line, and what the terminal does for each key; with up to 100 KB
also what happens to a line after Enter.
"""

from __future__ import annotations

import gc
import random
import signal
import time
from collections.abc import Callable, Sequence

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from qmpshell.complete import complete, describe, logical_line
from qmpshell.language import parse
from qmpshell.render import format_line_error
from qmpshell.session import LineInput, PreparedLine, ScriptLines
from qmpshell.storage import hidden_spans, redact_command, redact_entry
from qmpshell.terminal import LineCompleter, LineLexer, SignatureLine
from tests.harness.completion import known
from tests.harness.schemas import SYSTEMS
from tests.harness.sessions import Driver

TEXTS = (
    *(
        "(",
        '"',
        "'",
        "{",
        "[",
        "]",
        ",",
        ",,",
        "=",
        ":=",
        "a.",
        "\\",
        '\\"',
        "#",
        "é",
        " ",
        "\t",
        "\u202fa=b ",
    ),
    *("; ", "| ", "<> ", "'a' ", " a=1", "-a ", "\n", " \\\n", '"\n', "=\n", ",\n", "{\n", "a=1\n"),
    *(
        "x; ",
        "-> ",
        "<- ",
        '"a":1,',
        "'a':",
        "-n 1 ",
        "fold ",
        "data=",
        "password=",
        "secret,",
        "://a:",
        "{}",
        "{};",
    ),
)
STARTS = (
    *(
        "",
        "x ",
        "x a=",
        "x {",
        '{"execute":',
        "/watch ",
        "/table ",
        "/hmp ",
        "/set ",
        "/help ",
        "/events list ",
    ),
    *(
        "/keyval blockdev-add ",
        "/keyval object secret,",
        "transaction( ",
        "<- ",
        "set_password vnc ",
    ),
    *("change vnc password ", "object-add qom-type=secret "),
)
SIZES = (10_000, 100_000, 1_000_000)
# The time for each character may double, because of noise and of the memory for larger values.
MAX_GROWTH = 2.0
_SHORTEST = 0.01  # seconds; less is noise
# A key on the longest line, and all else that is done once for a line.
_MAX_KEY, _MAX_SECONDS = 0.3, 30.0
# Where the largest size is measured too. All of it would take a quarter of an hour.
_LARGE = ("script", "key")
# How many starts are tried with each text. The largest size is measured with the slowest of them.
_SAMPLE = 2


def _run_script(text: str, *, hmp: bool = False) -> None:
    """Run the lines of a script, and format the first error."""
    driver = Driver(probe=False, hmp=hmp)
    lines = ScriptLines([LineInput("stdin", data=text.encode())], human=hmp)
    while (found := lines.pop()) is not None:
        prepared = found if isinstance(found, PreparedLine) else driver.session.prepare(found)
        if prepared.error is not None:
            hidden = hidden_spans(prepared.source.line.text, human=hmp)
            format_line_error(prepared.source, prepared.error, named=True, hidden=hidden)
            return


def _press_key(text: str) -> None:
    """Do what the prompt does for each key at the end of a line."""
    document = Document(text)
    LineLexer().lex_document(document)
    SignatureLine(_KNOWN).fragments(document, 100)
    list(_COMPLETER.get_completions(document, CompleteEvent(text_inserted=True)))


def _highlight(text: str) -> None:
    list(parse(text).leaves())


def _complete(text: str) -> None:
    """Find completions and the signature at the end."""
    line, cursor = logical_line(text, len(text))
    complete(line, cursor, _KNOWN)
    describe(line, cursor, _KNOWN)


_KNOWN = known(SYSTEMS[-1])
_COMPLETER = LineCompleter(_KNOWN, is_human=False)
FUNCTIONS: dict[str, Callable[[str], object]] = {
    "script": _run_script,
    "script with -H": lambda text: _run_script(text, hmp=True),
    "key": _press_key,
    "history": lambda text: redact_entry(text, human=False),
    "history with -H": lambda text: redact_entry(text, human=True),
    "raw history": lambda text: redact_entry(text, human=False, raw=True),
    "log": lambda text: redact_command({"execute": "x", "arguments": {"a": text}}),
}


# What a key does with a line that is not too long for it.
SHORT_FUNCTIONS: dict[str, Callable[[str], object]] = {
    "colours": _highlight,
    "completion": _complete,
}


class _SlowError(Exception):
    """A measurement took too long."""


def _stop(*_: object) -> None:
    raise _SlowError


def _seconds(function: Callable[[str], object], line: str) -> float:
    """Return the processor time, or infinity if it exceeds `_MAX_SECONDS`."""
    # The garbage collector runs by the number of objects, also those of earlier tests.
    gc.collect()
    gc.disable()
    before = signal.signal(signal.SIGPROF, _stop)
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, _MAX_SECONDS)
    try:
        function(line)
    except _SlowError:
        return float("inf")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        gc.enable()
    return time.process_time() - started


def measure(
    function: Callable[[str], object], start: str, text: str, sizes: Sequence[int]
) -> tuple[float, float]:
    """Return how much longer each character takes in the second of two sizes, and its seconds."""
    short, long = ((start + text * (size // len(text)))[:size] for size in sizes)
    growth, seconds = float("inf"), float("inf")
    for _ in range(2):  # the machine may have been busy
        seconds = min(seconds, _seconds(function, long))
        ratio = seconds / max(_seconds(function, short), _SHORTEST)
        growth = min(growth, ratio * sizes[0] / sizes[1])
        if growth <= MAX_GROWTH:
            break
    return growth, seconds


def run() -> bool:
    print("Parsing of 10, 100 and 1,000 KB of each repeated text, in seconds of processor time")
    good = True
    starts = random.Random(1)
    for name, function in FUNCTIONS.items():
        growth, longest, total = (0.0, ""), (0.0, ""), time.process_time()
        for text in TEXTS:
            sample = starts.sample(STARTS, _SAMPLE)
            found = [(*measure(function, start, text, SIZES[:2]), start) for start in sample]
            slowest = max(found, key=lambda item: item[1])[2]
            if name in _LARGE:
                found.append((*measure(function, slowest, text, SIZES[1:]), slowest))
            growth = max(growth, *((item[0], f"{item[2]}{text}") for item in found))
            longest = max(longest, (found[-1][1], f"{found[-1][2]}{text}"))
        limit = _MAX_KEY if name == "key" else _MAX_SECONDS
        holds = growth[0] <= MAX_GROWTH and longest[0] < limit
        good &= holds
        verdict = "ok" if holds else "TOO MUCH"
        size = "1,000 KB" if name in _LARGE else "100 KB"
        print(
            f"  {name:15} {verdict}, in {time.process_time() - total:.0f} s;"
            f" {size} at most {longest[0]:.2f} (at most {limit:g}): {longest[1]!r}…;"
            f" time for each character at ten times the size, at most {growth[0]:.2f} times as long"
            f" (at most {MAX_GROWTH:g}): {growth[1]!r}…",
            flush=True,
        )
    print(flush=True)
    return good
