"""Tests of errors shown with position, line and carets."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import LineError
from qmpshell.language import LogicalLine, SourceLine
from qmpshell.render import escape, excerpt, format_line_error, with_position


def source(*pieces: tuple[str, int], name: str = "stdin", first: int = 1) -> SourceLine:
    """Return a logical line of pieces: each is its text and the length of its dropped prefix."""
    line = LogicalLine()
    for number, (text, dropped) in enumerate(pieces, first):
        line.add(text[dropped:], number=number, line=text, dropped=dropped)
    return SourceLine(name, line)


@pytest.mark.parametrize(
    ("line", "start", "length", "shown", "carets"),
    [
        ("abc", 0, 1, "abc", "^"),
        ("abc", 1, 2, "abc", " ^^"),
        ("abc", 3, 1, "abc", "   ^"),
        ("ab", 1, 9, "ab", " ^"),
        ("", 0, 1, "", "^"),
        ("a\tb", 2, 1, "a\\x09b", "     ^"),
        ("a\tb", 1, 1, "a\\x09b", " ^^^^"),
        ("\x1b[2Jx", 4, 1, "\\x1b[2Jx", "       ^"),
        ("\u202ex", 1, 1, "\\u202ex", "      ^"),
        ("语语x", 2, 1, "语语x", "    ^"),
        ("a语b", 1, 1, "a语b", " ^^"),
        ("🙂x", 1, 1, "🙂x", "  ^"),
        ("éx", 1, 1, "éx", " ^"),
        ("e\u0301x", 2, 1, "e\u0301x", " ^"),
        ("ก้x", 2, 1, "ก้x", " ^"),
        ("ชื่x", 3, 1, "ชื่x", " ^"),
        ("किx", 2, 1, "किx", "  ^"),
        ("ﾊﾟx", 2, 1, "ﾊﾟx", "  ^"),
        ("x" * 27, 0, 1, "x" * 27, "^"),
    ],
)
def test_excerpt_places_carets_under_position(
    line: str, start: int, length: int, shown: str, carets: str
) -> None:
    assert excerpt(line, start, length) == (shown, carets)


@pytest.mark.parametrize("start", [0, 1, 49, 50, 51, 100, 173, 174, 175, 198, 199, 200])
@pytest.mark.parametrize("length", [1, 3, 150])
def test_excerpt_of_long_line_shows_the_position(start: int, length: int) -> None:
    line = "".join(chr(0x21 + number % 90) for number in range(200))
    shown, carets = excerpt(line, start, length)
    assert len(shown) <= 79
    assert shown.startswith("…") is (start > 50)
    assert len(carets) <= len(shown) + 1
    marked = "".join(char for char, caret in zip(shown, carets, strict=False) if caret == "^")
    assert start == 200 or (marked and line[start:].startswith(marked))
    body = shown.strip("…")
    assert body in line
    assert shown.endswith("…") is not line.endswith(body)


@given(st.text("aé语\t\x1b\u0301", max_size=120), st.integers(0, 120), st.integers(1, 40))
def test_excerpt_of_random_line_is_escaped(line: str, start: int, length: int) -> None:
    start = min(start, len(line))
    shown, carets = excerpt(line, start, length)
    assert escape(shown) == shown
    assert set(carets.lstrip(" ")) == {"^"}
    assert "\n" not in shown


def test_line_error_shows_position_line_carets_and_hint() -> None:
    error = LineError("no such thing", start=5, end=8, hint="try another")
    assert format_line_error(source(("stop xyz a", 0), first=7), error, named=True) == (
        "stdin:7:6: no such thing\n  stop xyz a\n       ^^^\n  try another"
    )


def test_unnamed_line_error_omits_position_numbers() -> None:
    error = LineError("no such thing", start=5, end=8)
    assert format_line_error(source(("stop xyz a", 0)), error, named=False) == (
        "no such thing\n  stop xyz a\n       ^^^"
    )


def test_error_on_later_line_shows_that_line() -> None:
    where = source(("-> a \\", 3), ("  b c", 0), name="x.qmp", first=3)
    start = where.line.text.index("b")
    error = LineError("wrong", start=start, end=start + 1)
    assert format_line_error(where, error, named=True) == "x.qmp:4:3: wrong\n    b c\n    ^"


def test_error_column_includes_dropped_prompt() -> None:
    error = LineError("wrong", start=0, end=4)
    assert format_line_error(source(("(QEMU) stop", 7)), error, named=True) == (
        "stdin:1:8: wrong\n  (QEMU) stop\n         ^^^^"
    )


def test_control_characters_in_error_are_escaped() -> None:
    error = LineError("bad \x1b[1m", start=0, hint="not \u202e")
    text = format_line_error(source(("\x07x", 0), name="\x9bfile"), error, named=True)
    assert text == (
        "\\x9bfile:1:1: bad \\x1b[1m\n  \\x07x\n  ^^^^\n  not \\u202e"
    )  # fmt: skip


def test_with_position_adds_source_line_and_column() -> None:
    assert with_position(source(("a; bc", 0), name="-c#2"), 3, "lost") == "-c#2:1:4: lost"
