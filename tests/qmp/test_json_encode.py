"""Tests of the JSON encoder and decoder."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import JsonError, decode, decode_strict, encode, encode_scalar

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_random_value_survives_encode_and_decode(value: object) -> None:
    text = encode(value)
    assert text == json.dumps(value)
    assert text.isascii() and text.isprintable()
    data = text.encode()
    for found in (decode(data), decode_strict(data)):
        assert found == value
        assert json.dumps(found) == text


@given(json_values)
def test_slow_encoder_equals_fast_encoder(value: object) -> None:
    assert encode([value, math.inf]) == f"[{json.dumps(value)}, 1e999]"


@given(json_values)
def test_slow_parser_equals_fast_parser(value: object) -> None:
    assert decode(f"[{json.dumps(value)}, inf]".encode()) == [value, math.inf]


@given(st.binary(max_size=20) | st.text('{}[]",:1\\ nul', max_size=20).map(str.encode))
def test_random_bytes_give_value_or_error(data: bytes) -> None:
    try:
        value = decode(data)
    except JsonError:
        with pytest.raises((ValueError, RecursionError)):
            decode_strict(data)
    else:
        encode(value)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b' {"a": 1}\r\n', {"a": 1}),
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"12345678901234567890123", 12345678901234567890123),
        (b"inf", math.inf),
        (b'["\xff", -inf]', ["�", -math.inf]),
        (b'"a\xfe\x80b"', "a��b"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\ud800"', "\ud800"),
        (b"1e400", math.inf),
    ],
)
def test_decode_accepts_json_and_server_extensions(data: bytes, value: object) -> None:
    assert decode(data) == value


@pytest.mark.parametrize("data", [b"nan", b"-nan", b"NaN"])
def test_decode_accepts_nan(data: bytes) -> None:
    assert math.isnan(decode(data))


@pytest.mark.parametrize(
    ("data", "reason", "position"),
    [
        (b"", "the text ends inside a value", 0),
        (b'{"a":', "the text ends inside a value", 5),
        (b"1 2", "text after the value", 1),
        (b'{"a": 1}x', "text after the value", 8),
        (b"[1,]", "expected a value", 3),
        (b"'a'", "strings need double quotes", 0),
        (b'"\x01"', "a string may not hold a raw control character or line end", 1),
        (b"\xff", "expected a value", 0),
    ],
)
def test_decode_error_has_reason_and_position(data: bytes, reason: str, position: int) -> None:
    with pytest.raises(JsonError) as caught:
        decode(data)
    assert (caught.value.reason, caught.value.position) == (reason, position)


@pytest.mark.parametrize("data", [b"NaN", b"Infinity", b"nan", b'"\xff"', b"1 2", b"'a'"])
def test_decode_strict_rejects_invalid_json(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  JSONDecodeError, UnicodeDecodeError or another subclass
        decode_strict(data)


@pytest.mark.parametrize("depth", [1024, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": [', "]}")])
def test_deep_nesting_is_decoded_and_encoded(depth: int, opening: str, closing: str) -> None:
    text = opening * depth + closing * depth
    assert encode(decode(text.encode())) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.inf, "1e999"),
        (-math.inf, "-1e999"),
        (math.nan, "null"),
        ({"a": [math.inf, True, None, 1.5, "é\x7f"]}, '{"a": [1e999, true, null, 1.5, "\\u00e9\\u007f"]}'),
        ({}, "{}"),
        ([[], {}, math.nan], "[[], {}, null]"),
        ("\ud800", '"\\ud800"'),
        (1e22, "1e+22"),
        (10**400, "1" + "0" * 400),
    ],
)  # fmt: skip
def test_encode_returns_valid_ascii_json(value: object, text: str) -> None:
    assert encode(value) == text


@pytest.mark.parametrize(
    "value", [None, True, False, 0, -5, 2**64, 1.5, -0.0, 1e22, "", 'é\n"\\', "\u2028"]
)
def test_scalar_encodes_like_standard_library(value: object) -> None:
    assert encode_scalar(value) == json.dumps(value)


@pytest.mark.parametrize("value", [object(), {"a": object()}, [object(), math.inf], {1, 2}])
def test_encode_rejects_other_types(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)
