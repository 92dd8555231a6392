"""What of a signature fits in a row, and of warnings in a few."""

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


def shape(line: str) -> Signature:
    found = describe(line, len(line), KNOWN)
    assert found is not None
    return found


def shown(line: str, columns: int) -> str:
    found = shape(line)
    return "".join(text for _, text in shrink(found.parts, columns, found.current))


def test_everything_is_shown_when_it_fits() -> None:
    assert shown("block-stream on-error=x", 1000) == shape("block-stream on-error=x").text


def words(part: Sequence[tuple[str, str]]) -> set[str]:
    """Return the words of a part without its type."""
    text = "".join(text for style, text in part if style != "type")
    return set(text.replace(":", "").strip("[]").split())


def names(signature: Signature, index: int) -> str:
    """Return a part without its type."""
    part = signature.parts[index]
    return "".join(text for style, text in part if style != "type" and text != ": ")


@given(st.integers(1, 200), st.sampled_from([shape(line) for line in LINES]))
def test_shrunk_signature_fits_with_current_argument(columns: int, whole: Signature) -> None:
    text = "".join(piece for _, piece in shrink(whole.parts, columns, whole.current))
    assert 0 < len(text) <= columns
    assert "…" in text or all(words(part) <= words([("", text)]) for part in whole.parts)
    if whole.current is not None:
        name = names(whole, whole.current).rstrip("]")
        if len(name) + 5 <= columns:
            assert name in text


@given(st.integers(1, 200), st.sampled_from([shape(line) for line in LINES]))
def test_what_is_required_stays_before_types_and_neighbours(columns: int, whole: Signature) -> None:
    text = "".join(piece for _, piece in shrink(whole.parts, columns, whole.current))
    core = [
        names(whole, index)
        for index, part in enumerate(whole.parts)
        if index in (0, whole.current) or any(style == REQUIRED for style, _ in part)
    ]
    # With a mark in each gap between them.
    if sum(len(one) + 3 for one in core) <= columns:
        for one in core:
            assert one.strip("[]") in text


@pytest.mark.parametrize(
    ("line", "columns", "text"),
    [
        ("block-stream on-error=x", 60,
         "block-stream device … [on-error: report|ignore|enospc|…] …"),
        ("blockdev-add ", 40, "blockdev-add driver: blkdebug|… …"),
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
def test_a_narrow_terminal(line: str, columns: int, text: str) -> None:
    assert shown(line, columns) == text


def test_no_room_at_all() -> None:
    assert shrink([], 10, None) == []
    assert shrink(shape("block-stream ").parts, 0, None) == []


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
def test_warnings_are_wrapped(text: str, columns: int, rows: int, found: Sequence[str]) -> None:
    assert wrap(text, columns, rows) == found


@given(st.text("ab 日é", max_size=120), st.integers(2, 40), st.integers(1, 4))
def test_wrapped_rows_fit(text: str, columns: int, rows: int) -> None:
    found = wrap(text, columns, rows, width=get_cwidth)
    assert len(found) <= rows
    assert all(get_cwidth(row) <= columns for row in found)
    if "…" not in "".join(found):
        assert "".join(found).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(("columns", "most"), [(100, 2), (61, 2), (60, 3), (40, 3)])
def test_warnings_take_few_rows(columns: int, most: int) -> None:
    line = "block-stream " + " ".join(f"nonesuch{one}=x" for one in range(9)) + " "
    rows = SignatureLine(KNOWN).fragments(Document(line), columns)
    texts = ["".join(text for _, text in row) for row in rows]
    assert len(texts) == 1 + most
    assert all(get_cwidth(text) <= columns for text in texts)
    assert texts[0].startswith(" block-stream has no nonesuch0")
    assert texts[-2].endswith("…")
    # The signature keeps its place above the toolbar.
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


def test_line_is_completed_again_after_new_answers() -> None:
    live = FakeLive()
    line = SignatureLine(CompletionSources(schema=schema("10"), live=live))
    document = Document("device_add driver=e1000 disable-modern=maybe ")
    known_later, live.of_devices = live.of_devices, []
    before = line.fragments(document, 100)
    live.of_devices = known_later
    assert line.fragments(document, 100) == before
    line.forget()
    assert "not maybe" in str(line.fragments(document, 100))
