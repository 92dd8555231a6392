"""Tests of the incremental JSON parser: dialects, chunks, positions of errors and deep nesting."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import (
    LITERAL,
    QEMU,
    SERVER,
    Dialect,
    JsonError,
    JsonReader,
    json_number,
    json_string,
)

ALL = {"server": SERVER, "qemu": QEMU, "literal": LITERAL}
every_dialect = pytest.mark.parametrize("dialect", ALL.values(), ids=ALL)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def parse(text: str, dialect: Dialect) -> Any:
    reader = JsonReader(dialect)
    end = reader.feed(text)
    assert reader.complete and end == len(text) and reader.depth == 0
    return reader.value


def parse_error(text: str, dialect: Dialect) -> tuple[str, int]:
    with pytest.raises(JsonError) as caught:
        JsonReader(dialect).feed(text)
    return caught.value.reason, caught.value.position


@every_dialect
@given(value=json_values, indent=st.sampled_from([None, 0, 3]), ascii_only=st.booleans())
def test_json_parses_like_standard_library(
    dialect: Dialect, value: object, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    found = parse(text, dialect)
    assert found == value
    assert json.dumps(found) == json.dumps(value)  # distinguishes 1, 1.0 and True


@given(json_values)
def test_python_repr_parses_as_literal(value: object) -> None:
    text = repr(value)
    if "\\x" not in text and "\\U" not in text:
        assert parse(text, LITERAL) == value


@given(st.lists(st.text("{}[]\",:'1 \\anulte-.\n", max_size=4)).map("".join))
def test_any_text_gives_value_or_located_error(text: str) -> None:
    for dialect in ALL.values():
        reader = JsonReader(dialect)
        position = -1
        try:
            end = reader.feed(text)
        except JsonError as error:
            position = error.position
        else:
            assert reader.complete or end == len(text)
        assert position <= len(text)


@given(json_values)
def test_value_in_several_chunks_is_parsed(value: object) -> None:
    """The chunks end at line ends: strings, words and numbers are never split."""
    lines = json.dumps(value, indent=1).split("\n")
    reader = JsonReader(QEMU)
    for number, line in enumerate(lines):
        assert not reader.complete
        assert reader.feed(line) == len(line)
        assert reader.complete is (number == len(lines) - 1)
    assert reader.value == value


@pytest.mark.parametrize(
    ("text", "end"), [("5 6", 1), ('{"a": 1}; b', 8), ("[] ", 2), ('  "x"y', 5), ("null,", 4)]
)
def test_parser_stops_after_the_value(text: str, end: int) -> None:
    reader = JsonReader(QEMU)
    assert reader.feed(text) == end
    assert reader.complete


def test_parser_starts_at_given_position() -> None:
    reader = JsonReader(QEMU)
    assert reader.feed('x={"a": 5} y', 2) == 10
    assert reader.value == {"a": 5}


@pytest.mark.parametrize(
    ("text", "depth"), [("", 0), (" ", 0), ("{", 1), ('{"a": [', 2), ('{"a": []', 1), ("[[], [", 2)]
)
def test_incomplete_text_reports_its_depth(text: str, depth: int) -> None:
    reader = JsonReader(QEMU)
    assert reader.feed(text) == len(text)
    assert (reader.complete, reader.depth) == (False, depth)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("[inf]", [math.inf]),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("1e400", math.inf),
    ],
)
def test_server_dialect_accepts_infinity_and_duplicates(text: str, value: object) -> None:
    assert parse(text, SERVER) == value


@pytest.mark.parametrize("text", ["nan", "-nan", "NaN"])
def test_server_dialect_accepts_nan(text: str) -> None:
    assert math.isnan(parse(text, SERVER))


@pytest.mark.parametrize("dialect", [QEMU, LITERAL], ids=["qemu", "literal"])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a'", "a"),
        ("''", ""),
        ("'\\''", "'"),
        ("'\"'", '"'),
        ("'\\\"'", '"'),
        ("'\\\\'", "\\"),
        ("'\\n\\u0041'", "\nA"),
        ("{'a': \"b\"}", {"a": "b"}),
        ("['é', 'it\\'s']", ["é", "it's"]),
    ],
)
def test_single_quoted_string_is_parsed(dialect: Dialect, text: str, value: object) -> None:
    assert parse(text, dialect) == value


def test_escaped_single_quote_in_double_quotes_is_parsed() -> None:
    assert parse('"it\\\'s"', QEMU) == "it's"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("True", True),
        ("False", False),
        ("None", None),
        ("[1,]", [1]),
        ("{'a': True,}", {"a": True}),
        ("[[], {},]", [[], {}]),
    ],
)
def test_only_literal_dialect_accepts_python(text: str, value: object) -> None:
    assert parse(text, LITERAL) == value
    parse_error(text, QEMU)
    parse_error(text, SERVER)


NOT_CLOSED = "the string is not closed"
CONTROL = "a string may not hold a raw control character or line end"
ESCAPE = "the string has an escape that is not valid in JSON"


@pytest.mark.parametrize(
    ("text", "dialect", "reason", "position"),
    [
        ("@", QEMU, "expected a value", 0),
        ("}", QEMU, "expected a value", 0),
        ("é", QEMU, "expected a value", 0),
        ("  stop", QEMU, "expected a value, not 'stop'", 2),
        ("x" * 50, QEMU, f"expected a value, not '{'x' * 40}'", 0),
        ("01", QEMU, "expected a value, not '01'", 0),
        ("1.", QEMU, "expected a value, not '1.'", 0),
        ("+1", QEMU, "expected a value, not '+1'", 0),
        ("-", QEMU, "expected a value, not '-'", 0),
        ("-true", QEMU, "expected a value, not '-true'", 0),
        ("-true", SERVER, "expected a value, not '-true'", 0),
        ("nan", QEMU, "expected a value, not 'nan'", 0),
        ("inf", LITERAL, "expected a value, not 'inf'", 0),
        ("[,]", LITERAL, "expected a value or ]", 1),
        ("[1,]", QEMU, "expected a value", 3),
        ("[1, ,]", LITERAL, "expected a value or ]", 4),
        ("[1}", QEMU, "expected a comma or ]", 2),
        ("[1 2]", QEMU, "expected a comma or ]", 3),
        ("{]", QEMU, "expected a name in quotes or }", 1),
        ("{1: 2}", QEMU, "expected a name in quotes or }", 1),
        ("{,}", LITERAL, "expected a name in quotes or }", 1),
        ('{"a": 1,}', QEMU, "expected a name in quotes", 8),
        ('{"a": 1, b}', LITERAL, "expected a name in quotes or }", 9),
        ('{"a" 1}', QEMU, "expected a colon", 5),
        ('{"a"}', QEMU, "expected a colon", 4),
        ('{"a": }', QEMU, "expected a value", 6),
        ('{"a": 1]', QEMU, "expected a comma or }", 7),
        ('{"a": 1, "a": 2}', LITERAL, "the name 'a' occurs twice", 9),
        ("'a'", SERVER, "strings need double quotes", 0),
        ('["a]', QEMU, NOT_CLOSED, 1),
        ('["a\\', QEMU, NOT_CLOSED, 1),
        ('"a\nb"', QEMU, CONTROL, 2),
        ('"a\tb"', QEMU, CONTROL, 2),
        ('"a\x00b"', SERVER, CONTROL, 2),
        ('["\\x"]', QEMU, ESCAPE, 2),
        ('"\\u12"', QEMU, ESCAPE, 2),
        ("'a", QEMU, "the string is not closed on its line", 0),
        ("['a\nb']", QEMU, "the string is not closed on its line", 1),
        ("['\\x']", QEMU, ESCAPE, 1),
        ("['a\tb']", LITERAL, CONTROL, 3),
    ],
)
def test_invalid_json_reports_reason_and_position(
    text: str, dialect: Dialect, reason: str, position: int
) -> None:
    assert parse_error(text, dialect) == (reason, position)


def test_error_position_is_relative_to_chunk() -> None:
    reader = JsonReader(QEMU)
    reader.feed('{"a":')
    with pytest.raises(JsonError) as caught:
        reader.feed("  ]")
    assert caught.value.position == 2
    assert str(caught.value) == "expected a value at offset 2"


@every_dialect
@pytest.mark.parametrize("depth", [1024, 100_000])
def test_deep_nesting_is_parsed(dialect: Dialect, depth: int) -> None:
    value = parse("[" * depth + "]" * depth, dialect)
    for _ in range(depth - 1):
        (value,) = value
    assert value == []


@every_dialect
@pytest.mark.parametrize(
    "number",
    [
        0,
        2**64 - 1,
        -(2**63),
        2**64,
        12345678901234567890123,
        -0.5,
        1.2345678901234568e22,
        5e-324,
        10**4299,
    ],
)
def test_numbers_are_parsed_exactly(dialect: Dialect, number: float) -> None:
    found = parse(repr(number), dialect)
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-5", -5),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("18446744073709551615", 2**64 - 1),
        ("", None),
        ("-", None),
        ("007", None),
        ("0x1", None),
        ("1_0", None),
        (" 1", None),
        ("1 ", None),
        ("1\n", None),
        ("١", None),
        ("nan", None),
    ],
)
def test_json_number_parses_only_valid_numbers(text: str, number: float | None) -> None:
    found = json_number(text)
    assert found == number
    assert type(found) is type(number)


def test_json_string_returns_value_and_end() -> None:
    assert json_string('x"a\\u00e9" y', 1) == ("aé", 10)
    with pytest.raises(JsonError) as caught:
        json_string('x"a', 1)
    assert (caught.value.reason, caught.value.position) == (NOT_CLOSED, 1)
