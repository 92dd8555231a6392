"""Tests that a mistake has the same message and place while typing and after Enter."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given, strategies as st

from qmpshell.complete import describe
from qmpshell.complete.diagnostics import find_mistake as find_typed_mistake
from qmpshell.errors import LineError
from qmpshell.language import (
    Introspection,
    LineAssembler,
    ShellCommand,
    evaluate_line,
    parse,
)
from qmpshell.session import find_mistake
from tests.harness.completion import LINES, known
from tests.harness.evaluation import no_file
from tests.harness.schemas import schema

_KNOWN = known("10")
# The cursor is in another command before the line.
_BEFORE = "stop; "
_CURSOR = 2
_PIECES = (
    *(
        '"',
        "'",
        "{",
        "}",
        "[",
        "]",
        ",",
        ".",
        "=",
        ":=",
        ";",
        " ",
        "|",
        " | ",
        " > ",
        " < f ",
        "(",
        ")",
    ),
    *("\\", "x", "1", "@", ":", " x", " x=1", " x=[", " a.b=2", " a=1", "\x07", "-", "null", "5x"),
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Draw a realistic line with one or two changes."""
    line = draw(st.sampled_from(LINES))
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(line)))
        end = start + draw(st.integers(0, 3))
        line = line[:start] + draw(st.sampled_from(("", *_PIECES))) + line[end:]
    return line


def mistake_after_enter(line: str) -> LineError | None:
    """Return the error that Enter reports."""
    facts = Introspection(read_file=no_file, schema=schema("10"), can_ask=True)
    facts.drivers.update(dict.fromkeys(("virtio-net-pci", "e1000", "virtio-blk-pci")))
    try:
        parsed = evaluate_line(line, facts)
    except LineError as error:
        return error
    for action in getattr(parsed, "actions", []):
        mistake = find_mistake(action) if isinstance(action, ShellCommand) else None
        if mistake is not None:
            return mistake
    return None


@given(mutated())
@example("block-stream device=x speed=fast")
@example("block-stream device=x device=y")
@example("block-stream device=x on-error=[")
@example("migrate-set-capabilities capabilities.1=x")
@example("query-status > a b")
@example("migrate uri=exec:cat > f")
@example("query-status a=\x07")
@example('{"execute": "stop" "id": 1}')
@example("device_del id:=abc")
@example("blockdev-add driver.x=a")
@example("transaction( block-dirty-bitmap-add node=a granularity=x )")
@example("transaction( block-dirty-bitmap-add node=a name=b)")
@example("transaction(abort; abort)")
@example("transaction (abort; abort)")
@example("/wait -t x STOP")
@example("/keyval blockdev size=1,size=2")
def test_mistake_is_the_same_before_enter(line: str) -> None:
    error = mistake_after_enter(_BEFORE + line)
    assume(error is not None and error.reason != "the transaction is not closed")
    assume("@" not in line)
    assert error is not None
    tree = parse(_BEFORE + line)
    assume(len(tree.parts) < 20)
    found = [find_typed_mistake(tree, _CURSOR, _KNOWN)]
    found += [find_typed_mistake(tree, _CURSOR, _KNOWN, part) for part in tree.parts if part.tokens]
    places = [(other.sentence, other.start, other.end) for other in found if other is not None]
    assert (error.sentence, error.start, error.end) in places
    signature = describe(_BEFORE + line, _CURSOR, _KNOWN)
    assert signature is not None
    assert error.sentence in signature.warnings
    if len(places) == 1:
        assert signature.warnings[0] == error.sentence


@given(mutated())
@example('{"execute": "stop" "id": 1}')
@example("x {a: 1}")
@example("x a:=b c=[")
@example("x a=\x07 > a b")
@example("transaction( transaction( x ) )")
def test_enter_reports_the_first_error_of_the_tree(line: str) -> None:
    errors = list(parse(line).all_errors)
    error = mistake_after_enter(line)
    if errors:
        assert error is not None
        assert (error.sentence, error.start, error.end) == (
            errors[0].sentence,
            errors[0].start,
            errors[0].end,
        )


@pytest.mark.parametrize(
    "line",
    [
        '{execute: "stop"}',
        '{"execute": stop}',
        '{"execute": "stop"} {"execute" "stop"}',
        '{"a": 1]}',
        "{'a\\q': 1}",
        '{"a": 1}; {b}',
    ],
)
def test_mistake_in_raw_json_is_the_same(line: str) -> None:
    whole = LineAssembler().feed(line, 1)
    assert whole is not None
    error = mistake_after_enter(whole.text)
    assert error is not None
    signature = describe(f"{line} ; stop", len(line) + 3, _KNOWN)
    assert signature is not None
    assert signature.warnings[0] == error.sentence


@pytest.mark.parametrize("line", ["x a={", 'x a="', "x <", "query-status | ", "device_del x"])
def test_mistake_at_the_cursor_is_not_shown(line: str) -> None:
    found = describe(line, len(line), _KNOWN)
    error = mistake_after_enter(line)
    assert error is not None
    assert found is None or error.sentence not in found.warnings
