"""Benchmark of parsing: the time for 100 KB and 1 MB of a repeated text, relative to a tenth of it.

It covers what a script does with a line, and what the terminal does for each key and for Enter.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from prompt_toolkit.document import Document

from qmpshell.complete import complete, describe, logical_line
from qmpshell.render import format_line_error
from qmpshell.session import LineInput, PreparedLine, ScriptLines
from qmpshell.storage import hidden_spans, redact_command, redact_entry
from qmpshell.terminal import LineLexer
from tests.harness.completion import known
from tests.harness.schemas import SYSTEMS
from tests.harness.sessions import Driver

TEXTS = (
    *("(", '"', "'", "{", "[", "]", ",", ",,", "=", ":=", "a.", "\\", '\\"', "#", "é", " ", "\t"),
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
# Ten times the text takes ten times as long, with room for noise. Less time than this is noise.
MAX_RATIO = 20.0
_SHORTEST = 0.01  # seconds
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


def _highlight(text: str) -> None:
    LineLexer().lex_document(Document(text))


def _complete(text: str) -> None:
    """Find completions and the signature at the end, for each key."""
    line, cursor = logical_line(text, len(text))
    complete(line, cursor, _KNOWN)
    describe(line, cursor, _KNOWN)


_KNOWN = known(SYSTEMS[-1])
FUNCTIONS: dict[str, Callable[[str], object]] = {
    "script": _run_script,
    "script with -H": lambda text: _run_script(text, hmp=True),
    "colours": _highlight,
    "completion": _complete,
    "history": lambda text: redact_entry(text, human=False),
    "history with -H": lambda text: redact_entry(text, human=True),
    "raw history": lambda text: redact_entry(text, human=False, raw=True),
    "log": lambda text: redact_command({"execute": "x", "arguments": {"a": text}}),
}


def _seconds(function: Callable[[str], object], line: str) -> float:
    started = time.process_time()
    function(line)
    return time.process_time() - started


def ratio(function: Callable[[str], object], start: str, text: str, sizes: Sequence[int]) -> float:
    """Return how much longer the second of two sizes takes than the first, at least approximately."""
    short, long = (start + text * (size // len(text)) for size in sizes)
    found: list[float] = []
    # A second measurement, because the machine may have been busy.
    while len(found) < 2 and min(found, default=MAX_RATIO + 1) > MAX_RATIO:
        found.append(_seconds(function, long) / max(_seconds(function, short), _SHORTEST))
    return min(found)


def run() -> bool:
    print("Parsing of 100 KB and 1 MB of a repeated text, relative to a tenth of it")
    good = True
    starts = random.Random(1)
    for name, function in FUNCTIONS.items():
        worst, place = 0.0, ""
        for text in TEXTS:
            sample = starts.sample(STARTS, _SAMPLE)
            found = [(ratio(function, start, text, SIZES[:2]), start) for start in sample]
            slowest = max(found)[1]
            found.append((ratio(function, slowest, text, SIZES[1:]), slowest))
            if max(found)[0] > worst:
                worst, place = max(found)[0], f"{max(found)[1]}{text}"
        holds = worst <= MAX_RATIO
        good &= holds
        verdict = "ok" if holds else "TOO MUCH"
        print(
            f"  {name:15} at most {worst:5.1f} (at most {MAX_RATIO:g}) {verdict}: {place!r}…",
            flush=True,
        )
    print(flush=True)
    return good
