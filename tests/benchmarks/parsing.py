"""Benchmark of parsing: the time for 100 KB of a repeated text, compared with that for 10 KB."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from itertools import product

from prompt_toolkit.document import Document

from qmpshell.errors import LineError
from qmpshell.language import Introspection, LineAssembler, evaluate_line, no_file, parse
from qmpshell.storage import redact_entry
from qmpshell.terminal import LineLexer

_TEXTS = (
    "(",
    '"',
    "'",
    "{",
    "[",
    "a.",
    ",,",
    "\\",
    "a=",
    "; ",
    "'a' ",
    "<> ",
    "#",
    ":=",
    "{}",
    "{};",
)
_STARTS = ("", "x ", "x a=", "/watch ", "/hmp ", "/keyval blockdev-add ", "transaction( ")
_SIZES = (10_000, 100_000)
# Ten times the text takes ten times as long, with room for noise. Less time than this is noise.
_MAX_RATIO = 20.0
_SHORTEST = 0.001  # seconds


def _evaluate(line: str) -> None:
    with contextlib.suppress(LineError):
        evaluate_line(line, Introspection(read_file=no_file))


def _assemble(line: str) -> None:
    with contextlib.suppress(LineError):
        LineAssembler().feed(line, 1)


def _highlight(line: str) -> None:
    LineLexer().lex_document(Document(line))


_FUNCTIONS: dict[str, Callable[[str], object]] = {
    "tree": parse,
    "evaluation": _evaluate,
    "logical lines": _assemble,
    "colours": _highlight,
    "redaction": lambda line: redact_entry(line, human=False),
}


def _seconds(function: Callable[[str], object], line: str) -> float:
    started = time.perf_counter()
    function(line)
    return time.perf_counter() - started


def run() -> bool:
    print(
        f"Parsing of {_SIZES[1] // 1000} KB of a repeated text, relative to {_SIZES[0] // 1000} KB"
    )
    good = True
    for name, function in _FUNCTIONS.items():
        worst, place = 0.0, ""
        for start, text in product(_STARTS, _TEXTS):
            short, long = (start + text * (size // len(text)) for size in _SIZES)
            ratio = _seconds(function, long) / max(_seconds(function, short), _SHORTEST)
            if ratio > worst:
                worst, place = ratio, f"{start}{text}…"
        holds = worst <= _MAX_RATIO
        good &= holds
        verdict = "ok" if holds else "TOO MUCH"
        print(f"  {name:14} at most {worst:5.1f} (at most {_MAX_RATIO:g}) {verdict}: {place}")
    print(flush=True)
    return good
