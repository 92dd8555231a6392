"""Tests of the folding of long output."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from qmpshell.render import (
    JSON_STRING,
    Piece,
    escape_lines,
    fold_pieces,
    remainder_text,
    style_json,
)

SLACK = 2

# Lines of any length, split into pieces anywhere.
plain_text = st.lists(st.text("abc d", max_size=40)).map("\n".join)
room = st.tuples(st.integers(1, 12), st.integers(1, 15))


@st.composite
def pieces_of(draw: st.DrawFn, texts: st.SearchStrategy[str] = plain_text) -> list[Piece]:
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    return [(f"style{number % 3}", part) for number, part in enumerate(parts)]


def joined(pieces: list[Piece]) -> str:
    return "".join(text for _, text in pieces)


def rows(text: str, columns: int) -> int:
    """Return the number of terminal rows that the text needs; each character takes one column."""
    return sum(max(1, -(-len(line) // columns)) for line in text.removesuffix("\n").split("\n"))


def columns_of(text: str) -> int:
    """Return the number of terminal columns of the text."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


@given(pieces_of(), room)
def test_shown_and_remaining_pieces_form_the_whole(
    pieces: list[Piece], limits: tuple[int, int]
) -> None:
    lines, columns = limits
    shown, rest = fold_pieces(pieces, lines=lines, columns=columns)
    both = [*shown, *(rest or [])]
    assert [pair for style, text in both for pair in zip(text, [style] * len(text), strict=True)] == [
        pair for style, text in pieces for pair in zip(text, [style] * len(text), strict=True)
    ]  # fmt: skip


@given(pieces_of(), room)
def test_fold_shows_the_maximum_of_rows(pieces: list[Piece], limits: tuple[int, int]) -> None:
    lines, columns = limits
    shown, rest = fold_pieces(pieces, lines=lines, columns=columns)
    if rows(joined(pieces), columns) <= lines + SLACK:
        assert rest is None
        return
    assert rest is not None
    text, left = joined(shown), joined(list(rest))
    assert rows(text + "\n", columns) == lines
    # A row is omitted as a whole, with the line end before it.
    last = text.rsplit("\n", 1)[-1]
    assert left.startswith("\n") or (last and len(last) % columns == 0)


@given(pieces_of(), room)
def test_fold_consumes_only_the_pieces_it_needs(
    pieces: list[Piece], limits: tuple[int, int]
) -> None:
    lines, columns = limits
    taken: list[Piece] = []

    def source() -> Iterator[Piece]:
        for piece in pieces:
            taken.append(piece)
            yield piece

    _, rest = fold_pieces(source(), lines=lines, columns=columns)
    if rest is not None:
        assert rows(joined(taken[:-1]), columns) <= lines + SLACK
        assert rows(joined(taken), columns) > lines + SLACK


@given(pieces_of())
def test_fold_without_limit_shows_everything(pieces: list[Piece]) -> None:
    assert fold_pieces(pieces, lines=0, columns=1) == (pieces, None)


wide_text = st.lists(st.text("a日本é̈ ", max_size=30)).map("\n".join)


@given(pieces_of(wide_text), st.tuples(st.integers(1, 8), st.integers(2, 15)))
def test_fold_counts_wide_characters(pieces: list[Piece], limits: tuple[int, int]) -> None:
    lines, columns = limits

    def wrapped(text: str) -> list[str]:
        """Return the rows of a text that is written character by character."""
        found = [""]
        for char in text:
            if char == "\n":
                found.append("")
            elif columns_of(found[-1] + char) > columns:
                found.append(char)
            else:
                found[-1] += char
        return found

    shown, rest = fold_pieces(pieces, lines=lines, columns=columns, width=columns_of)
    text = joined(pieces)
    if len(wrapped(text.removesuffix("\n"))) <= lines + SLACK:
        assert rest is None and shown == pieces
    else:
        assert rest is not None
        assert wrapped(joined(shown)) == wrapped(text)[:lines]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\tc", "a\tb\tc"),  # three rows
        ("a\tb\tc" * 4, "a\t"),
        ("\t\t\t\t\t\tabcdefg" * 4, "\t\t\t\t\t\t"),  # a tab stops at the edge
    ],
)
def test_fold_expands_tabs(text: str, shown: str) -> None:
    assert joined(fold_pieces([("", text)], lines=1, columns=8)[0]) == shown


@given(
    st.text(st.sampled_from('a"\\\x1b\x9bé日\U0001f600\U0001d11e\n'), min_size=60),
    st.integers(1, 4),
    st.integers(12, 30),
)
def test_json_escapes_are_not_split(value: str, lines: int, columns: int) -> None:
    shown, rest = fold_pieces(style_json(value, width=80), lines=lines, columns=columns)
    if rest is not None:
        head, tail = joined(shown), joined(list(rest))
        first, second = json.loads(head + '"'), json.loads('"' + tail)
        assert first + second == value
        # The last row lacks at most the width of one escape.
        assert lines * columns - 12 < len(head) <= lines * columns


@given(
    st.text(st.sampled_from("a\x1b\x9b\u202e\U000e0041"), min_size=60),
    st.integers(1, 4),
    st.integers(12, 30),
)
def test_text_escapes_are_not_split(value: str, lines: int, columns: int) -> None:
    text = escape_lines(value)
    shown, rest = fold_pieces([("", text)], lines=lines, columns=columns)
    if rest is not None:
        head = joined(shown)
        assert head in {escape_lines(value[:count]) for count in range(len(value))}
        assert lines * columns - 12 < len(head) <= lines * columns


def test_escape_ending_at_the_edge_is_shown() -> None:
    text = "ab\\ncdefghijklmnopqrstuvwxyz"
    assert fold_pieces([("", text)], lines=1, columns=4)[0] == [("", "ab\\n")]
    assert fold_pieces([("", text)], lines=1, columns=3)[0] == [("", "ab")]


def test_character_wider_than_terminal_is_shown() -> None:
    text = "日\n本\n語\n"
    assert fold_pieces([("", text)], lines=1, columns=1, width=columns_of) == ([("", text)], None)


def test_trailing_backslash_is_separate_from_line_end() -> None:
    shown, _ = fold_pieces([("", "ab\\\ncd\nef\ngh\nij")], lines=1, columns=10)
    assert shown == [("", "ab\\")]


def test_split_piece_keeps_its_style() -> None:
    shown, rest = fold_pieces([("a", "12345"), ("b", "67890" * 9)], lines=2, columns=4)
    assert shown == [("a", "12345"), ("b", "678")]
    assert rest is not None and list(rest) == [("b", "90" + "67890" * 8)]


def test_fold_measures_little_of_long_text() -> None:
    measured = 0

    def width(text: str) -> int:
        nonlocal measured
        measured += len(text)
        return len(text)

    for text in ("abcdefghi\n" * 1_000_000, "abcdefghij" * 1_000_000):
        shown, rest = fold_pieces([("", text)], lines=20, columns=50, width=width)
        assert rest is not None and rows(joined(shown), 50) == 20
    assert measured < 10_000


def test_fold_of_endless_pieces_returns() -> None:
    def endless() -> Iterator[Piece]:
        while True:
            yield (JSON_STRING, "x")

    shown, rest = fold_pieces(endless(), lines=3, columns=7)
    assert joined(shown) == "x" * 21
    assert rest is not None and next(rest) == (JSON_STRING, "x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\nabc", "1 more line"),
        ("\nabc\n", "1 more line"),
        ("\nabc\ndef\n", "2 more lines"),
        ("\n\n\n\n", "3 more lines"),
        ("abc\ndef", "1 more line"),
        ("abc", "3 more characters"),
        ("abc\n", "4 more characters"),
        ("a", "1 more character"),
        ("\nabc" * 3214, "3,214 more lines"),
        ("a" * 12_345, "12,345 more characters"),
    ],
)
def test_remainder_text_counts_lines_or_characters(text: str, words: str) -> None:
    assert remainder_text([("", text)], size=1) == words
    assert remainder_text([*(("", char) for char in text), ("", "")], size=1) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (600_000, "the rest of 600 KB"),
        (999_999, "the rest of 999 KB"),
        (1_000_000, "the rest of 1.0 MB"),
        (10_349_414, "the rest of 10.3 MB"),
        (2_500_000_000, "the rest of 2,500.0 MB"),
    ],
)
def test_remainder_text_gives_size_for_endless_pieces(size: int, words: str) -> None:
    def endless() -> Iterator[Piece]:
        while True:
            yield ("", "abc\n")

    assert remainder_text(endless(), size=size) == words


def test_fold_of_many_objects_counts_remaining_lines() -> None:
    value = {"return": [{"name": f"device{number}", "type": "x" * 60} for number in range(1000)]}
    shown, rest = fold_pieces(style_json(value, width=60), lines=10, columns=60)
    whole = joined(list(style_json(value, width=60)))
    assert rest is not None
    assert len(joined(shown).split("\n")) < 10  # a line of the reply is longer than 60 columns
    left = joined(list(rest))
    assert joined(shown) + left == whole
    assert remainder_text([("", left)], size=1) == f"{left.count(chr(10)):,} more lines"
