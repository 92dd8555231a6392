"""Tests of the shortening of signatures and warnings to the terminal width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st
from prompt_toolkit.document import Document
from prompt_toolkit.utils import get_cwidth

from qmpshell.complete import REQUIRED, CompletionSources, Signature, describe, shrink, wrap
from qmpshell.qmp import Schema
from qmpshell.terminal import SignatureLine
from tests.harness.completion import FakeLive, known
from tests.harness.schemas import schema

KNOWN = known("10")
LINES = (
    "block-stream device=x",
    "blockdev-add driver=qcow2 refcount-cache-size=5",
    "blockdev-add driver=raw file.driver=file file.filename=/x",
    "set_link up=on",
    "block-stream ",
    "block-stream filter-node-name=",
    "blockdev-mirror speed=5",
)


def signature_of(line: str) -> Signature:
    found = describe(line, len(line), KNOWN)
    assert found is not None
    return found


def shrunk_text(line: str, columns: int) -> str:
    found = signature_of(line)
    return "".join(text for _, text in shrink(found.parts, columns, found.current))


def test_short_signature_is_shown_completely() -> None:
    assert (
        shrunk_text("block-stream on-error=x", 1000) == signature_of("block-stream on-error=x").text
    )


def words(part: Sequence[tuple[str, str]]) -> set[str]:
    """Return the words of a part without its type."""
    text = "".join(text for style, text in part if style != "type")
    return set(text.replace(":", "").strip("[]").split())


def names(signature: Signature, index: int) -> str:
    """Return a part without its type."""
    part = signature.parts[index]
    return "".join(text for style, text in part if style != "type" and text != ": ")


@given(st.integers(1, 200), st.sampled_from([signature_of(line) for line in LINES]))
def test_shrunk_signature_fits_with_current_argument(columns: int, whole: Signature) -> None:
    text = "".join(piece for _, piece in shrink(whole.parts, columns, whole.current))
    assert 0 < len(text) <= columns
    assert "…" in text or all(words(part) <= words([("", text)]) for part in whole.parts)
    if whole.current is not None:
        name = names(whole, whole.current).rstrip("]")
        if len(name) + 5 <= columns:
            assert name in text


@given(st.integers(1, 200), st.sampled_from([signature_of(line) for line in LINES]))
def test_required_arguments_are_kept_before_types(columns: int, whole: Signature) -> None:
    text = "".join(piece for _, piece in shrink(whole.parts, columns, whole.current))
    core = [
        names(whole, index)
        for index, part in enumerate(whole.parts)
        if index in (0, whole.current) or any(style == REQUIRED for style, _ in part)
    ]
    # Each gap between them may hold an ellipsis.
    if sum(len(argument) + 3 for argument in core) <= columns:
        for argument in core:
            assert argument.strip("[]") in text


@pytest.mark.parametrize(
    ("line", "columns", "text"),
    [
        ("block-stream on-error=x", 60,
         "block-stream device … [on-error: report|ignore|enospc|…] …"),
        ("blockdev-add ", 40, "blockdev-add driver node-name: str …"),
        ("blockdev-mirror ", 40, "blockdev-mirror device target sync …"),
        ("blockdev-mirror ", 46, "blockdev-mirror device: str target: str sync …"),
        ("blockdev-add driver=raw file.driver=file file.filename=/x", 80,
         "blockdev-add file. … filename: str [node-name: str] [discard: ignore|unmap] …"),
        ("blockdev-add driver=raw file.driver=file file.filename=/x", 40,
         "blockdev-add file. … filename: str …"),
        ("blockdev-add driver=raw file.driver=file file.filename=/x", 24, "file. … filename: str …"),
        ("blockdev-add driver=raw file.driver=file file.filename=/x", 12, "… filename …"),
    ],
)  # fmt: skip
def test_narrow_terminal_shows_shrunk_signature(line: str, columns: int, text: str) -> None:
    assert shrunk_text(line, columns) == text


def test_empty_signature_or_zero_columns_gives_nothing() -> None:
    assert shrink([], 10, None) == []
    assert shrink(signature_of("block-stream ").parts, 0, None) == []


# -- warnings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "columns", "rows", "found"),
    [
        ("", 10, 2, [""]),
        ("one two", 10, 2, ["one two"]),
        ("one two three", 8, 2, ["one two", "three"]),
        ("one two three four", 8, 2, ["one two", "three …"]),
        ("one two three", 8, 1, ["one …"]),
        ("one three4567 two", 11, 2, ["one", "three4567 …"]),
        ("abcdefghijkl", 5, 3, ["abcde", "fghij", "kl"]),
        ("abcdefghijkl", 5, 2, ["abcde", "…"]),
        ("one", 0, 2, []),
    ],
)
def test_long_warning_is_wrapped_and_truncated(
    text: str, columns: int, rows: int, found: Sequence[str]
) -> None:
    assert wrap(text, columns, rows) == found


@given(st.text("ab 日é", max_size=120), st.integers(2, 40), st.integers(1, 4))
def test_random_wrapped_rows_fit_the_width(text: str, columns: int, rows: int) -> None:
    found = wrap(text, columns, rows, width=get_cwidth)
    assert len(found) <= rows
    assert all(get_cwidth(row) <= columns for row in found)
    if "…" not in "".join(found):
        assert "".join(found).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(("columns", "most"), [(100, 2), (61, 2), (60, 3), (40, 3)])
def test_many_warnings_use_few_rows(columns: int, most: int) -> None:
    line = "block-stream " + " ".join(f"nonesuch{number}=x" for number in range(9)) + " "
    rows = SignatureLine(KNOWN).fragments(Document(line), columns)
    texts = ["".join(text for _, text in row) for row in rows]
    assert len(texts) == 1 + most
    assert all(get_cwidth(text) <= columns for text in texts)
    assert texts[0].startswith(" block-stream has no argument")
    assert texts[-2].endswith("…")
    # The signature stays in the row above the toolbar.
    assert texts[-1].startswith(" block-stream device: str ")


HOSTILE = "\x1b[2J\u202e" * 4


@pytest.mark.parametrize("columns", [30, 80])
def test_control_characters_in_names_are_measured_escaped(
    columns: int,
) -> None:
    entities: list[dict[str, Any]] = [
        {"name": "str", "meta-type": "builtin", "json-type": "string"},
        {"name": "0", "meta-type": "object", "members": [{"name": HOSTILE, "type": "str"}]},
        {"name": "x", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
    ]
    line = SignatureLine(CompletionSources(schema=Schema(entities)))
    for row in line.fragments(Document("x a=1 "), columns):
        text = "".join(text for _, text in row)
        assert get_cwidth(text) <= columns
        assert "\x1b" not in text


def test_signature_is_updated_after_forget() -> None:
    live = FakeLive()
    line = SignatureLine(CompletionSources(schema=schema("10"), live=live))
    document = Document("device_add driver=e1000 disable-modern=maybe ")
    known_later, live.of_devices = live.of_devices, []
    before = line.fragments(document, 100)
    live.of_devices = known_later
    assert line.fragments(document, 100) == before
    line.clear()
    assert "not 'maybe'" in str(line.fragments(document, 100))
