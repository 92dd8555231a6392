"""Tests of the framing of messages, with any chunking of the stream and any bytes."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import Event, Framer, Greeting, Malformed, Message, Reply, encode

GREETING = b'{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}'


def feed(data: bytes, sizes: list[int] | None = None) -> list[Message | Malformed]:
    framer = Framer()
    found = []
    cuts = [0]
    for size in sizes or []:
        cuts.append(cuts[-1] + size)
    for start, end in pairwise([*cuts, len(data)]):
        found += framer.feed(data[start:end])
    return found + framer.end()


def values(found: list[Message | Malformed]) -> list[Any]:
    return [item.value if isinstance(item, Message) else item.raw for item in found]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["{", "}", '"', "\\", "\n", '\\"', "[{", "a" * 9000, '{"QMP": {"']),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
objects = st.fixed_dictionaries({"return": json_values}, optional={"id": json_values})
layouts = st.sampled_from(["compact", "pretty", "packed", "utf8", "zero"])


def encode_as(value: object, layout: str) -> bytes:
    match layout:
        case "pretty":
            return json.dumps(value, indent=4).encode() + b"\r\n"
        case "packed":
            return json.dumps(value, separators=(",", ":")).encode()
        case "utf8":
            text = json.dumps(value, ensure_ascii=False)
            return text.encode("utf-8", "replace") + b"\n"
        case "zero":
            return json.dumps(value, indent=0).encode()
        case _:
            return json.dumps(value).encode() + b"\r\n"


@given(st.lists(st.tuples(objects, layouts), max_size=5), st.lists(st.integers(0, 5000)))
def test_any_chunking_gives_the_same_messages(
    written: list[tuple[dict[str, Any], str]], sizes: list[int]
) -> None:
    data = b"".join(encode_as(value, layout) for value, layout in written)
    found = feed(data, sizes)
    assert [type(item) for item in found] == [Reply] * len(written)
    whole = values(feed(data))
    assert values(found) == whole
    for (value, layout), got in zip(written, whole, strict=True):
        if layout != "utf8":  # UTF-8 cannot encode lone surrogates
            assert got == value


@given(st.lists(st.tuples(objects, layouts), min_size=1, max_size=3))
def test_message_is_returned_with_its_last_byte(written: list[tuple[dict[str, Any], str]]) -> None:
    framer = Framer()
    for value, layout in written:
        data = encode_as(value, layout).rstrip()
        for index in range(0, len(data) - 1, max(1, len(data) // 200)):
            assert (
                framer.feed(data[index : min(index + max(1, len(data) // 200), len(data) - 1)])
                == []
            )
        assert len(framer.feed(data[-1:])) == 1


PIECES: list[Any] = [
    {"a": [1, 2, {"b": None}], "c": 'x{["\\\\'},
    "\\" * 7 + '"' + "}" * 50,
    [[[[[[[["deep"]]]]]]]] * 20,
    "y" * 3000,
    [{}] * 300,
    {"k" + "\\" * 3: "\u00e9\n\t" * 200},
]


@given(
    st.lists(st.sampled_from(PIECES), min_size=10, max_size=60),
    layouts,
    st.lists(st.integers(1, 30_000), max_size=12),
)
def test_large_message_is_parsed_with_any_chunking(
    pieces: list[Any], layout: str, sizes: list[int]
) -> None:
    """The framer does not count brackets one by one in large messages."""
    first, second = {"return": pieces, "id": 1}, {"return": {}, "id": 2}
    data = encode_as(first, layout) + encode_as(second, layout)
    assert values(feed(data, sizes)) == [first, second]


noise = st.lists(
    st.binary(max_size=20)
    | st.sampled_from(
        [
            b"{",
            b"}",
            b'"',
            b"\\",
            b"\n",
            b"[",
            b"]",
            GREETING,
            b'{"QMP": {',
            b"\xff",
            b'{"event":"X"}',
            b":",
            b"x" * 5000,
        ]
    )
).map(b"".join)


@given(noise, st.lists(st.integers(0, 50)))
def test_random_bytes_with_random_chunking_raise_no_error(data: bytes, sizes: list[int]) -> None:
    found = feed(data, sizes)
    joined = values(found)
    assert [v for v in joined if isinstance(v, dict)] == [
        v for v in values(feed(data)) if isinstance(v, dict)
    ]
    for item in found:
        assert isinstance(item, (Message, Malformed))


@given(noise, st.lists(st.integers(0, 50)))
def test_bytes_of_message_alone_give_same_message(data: bytes, sizes: list[int]) -> None:
    for message in feed(data + b'\n{"event": "\xff", \r\n"a": inf}', sizes):
        if isinstance(message, Message):
            (again,) = feed(message.raw + b"\n")
            assert isinstance(again, Message)
            assert (type(again), again.raw, again.strict) == (
                type(message),
                message.raw,
                message.strict,
            )
            assert encode(again.value) == encode(message.value)


@given(noise)
def test_greeting_on_its_own_line_is_always_found(data: bytes) -> None:
    found = feed(data + b'"\n' + GREETING + b"\r\n")
    assert isinstance(found[-1], Greeting)


@pytest.mark.parametrize(
    "broken", [b'{"return": {"sta', b'{"return": {', b'{"return": {"a\\', b"{", b"x"]
)
@pytest.mark.parametrize("cut", range(12))
def test_greeting_after_broken_message_is_found(broken: bytes, cut: int) -> None:
    data = broken + GREETING + b"\r\n"
    found = feed(data, [len(broken) + cut])
    assert [type(item) for item in found] == [Malformed, Greeting]
    assert found[0].raw == broken


def test_each_message_gets_its_class() -> None:
    found = feed(
        GREETING + b'\r\n{"return": {}, "id": null}{"error": {"class": "C", "desc": "d"}}'
        b'{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "STOP"}\n{"x": 1}'
    )
    assert [type(item) for item in found] == [Greeting, Reply, Reply, Event, Message]
    greeting, _, error, event, _ = found
    assert isinstance(greeting, Greeting) and greeting.version == (7, 2, 22)
    assert greeting.capabilities == ["oob"]
    assert isinstance(error, Reply) and (error.error_class, error.desc) == ("C", "d")
    assert isinstance(event, Event) and event.name == "STOP"


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'""',
        b'{"version": []}',
        b'{"version": {"qemu": {"major": "x"}}, "capabilities": 3}',
    ],
)
def test_greeting_without_version_is_a_greeting(body: bytes) -> None:
    (found,) = feed(b'{"QMP": ' + body + b"}\n")
    assert isinstance(found, Greeting)
    assert found.version is None and found.capabilities == [] and found.package == ""


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"inf", float("inf")),
        (b"-inf", float("-inf")),
        (b"1e400", float("inf")),
        (b"1.2345678901234568e+22", 1.2345678901234568e22),
    ],
)
def test_large_and_infinite_numbers_are_parsed(number: bytes, value: float) -> None:
    (found,) = feed(b'{"return": ' + number + b"}\r\n")
    assert values([found]) == [{"return": value}]


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (b'{"return":{"a":1e2}}', '{"return":{"a":1e2}}'),
        (b'{"return":\r\n {}}', '{"return": {}}'),
        (b'{"return": "\xc3\xa9"}', r'{"return": "\u00e9"}'),
        (b'{"return": inf}', '{"return": 1e999}'),
    ],
)
def test_line_of_message_is_as_sent_if_possible(sent: bytes, line: str) -> None:
    (message,) = feed(sent + b"\r\n")
    assert isinstance(message, Message)
    assert message.as_line() == line


def test_nan_is_encoded_as_null() -> None:
    (found,) = feed(b'{"return": [nan, -nan, 5]}\r\n')
    assert isinstance(found, Reply)
    assert encode(found.value) == '{"return": [null, null, 5]}'


@pytest.mark.parametrize("depth", [900, 1024, 20000])
@pytest.mark.parametrize("end", [b"\r\n", b""])
def test_deeply_nested_message_is_parsed(depth: int, end: bytes) -> None:
    raw = b'{"return": ' + b"[" * depth + b"]" * depth + b"}"
    (found,) = feed(raw + end, [7])
    assert isinstance(found, Reply) and found.raw == raw
    assert encode(found.value).encode() == raw


def test_invalid_utf8_becomes_replacement_characters() -> None:
    (found,) = feed(b'{"return": "a\xfe\x80b"}\n')
    assert values([found]) == [{"return": "a��b"}]


def test_agent_delimiter_between_messages_is_ignored() -> None:
    assert values(feed(b'\xff{"return": 1}\n\xff\xff{"return": 2}')) == [
        {"return": 1},
        {"return": 2},
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", [b"HTTP/1.1 400 Bad Request"]),
        (b'abc{"return": 1}', [b"abc", {"return": 1}]),
        (b'{"a" 1}\n{"return": 1}\n', [b'{"a" 1}', {"return": 1}]),
        (b'{"a": "x\n{"return": 1}\n', [b'{"a": "x', {"return": 1}]),
        (b'{"return": [\n{"a": 1},\n{"b": 2}]}', [{"return": [{"a": 1}, {"b": 2}]}]),
        (b"[1]\n5\n", [b"[1]", b"5"]),
        (b'{"return": 1', [b'{"return": 1']),
        (b"{]{", [b"{]", b"{"]),
    ],
)
def test_malformed_bytes_are_reported_before_next_message(data: bytes, expected: list[Any]) -> None:
    assert values(feed(data)) == expected


def test_endless_malformed_bytes_are_returned_in_pieces() -> None:
    framer = Framer()
    got = [item for _ in range(100) for item in framer.feed(b"x" * 4096)]
    assert len(got) >= 5
    assert len(framer.pending) <= 4096


@pytest.mark.parametrize(
    "unit", [b"{}", b'{"a":1}', b'{"QMP": {"', b"{[", b'"\n{"', b"[", b'{"a":"\\\\"}', b"}"]
)
def test_framing_time_is_linear_in_size(unit: bytes, count_lines: Any) -> None:
    """Count executed lines: four times the bytes need about four times as many."""
    for sizes in (lambda data: [len(data) // 3], lambda data: [300] * (len(data) // 300)):
        small, large = (
            count_lines(lambda data=unit * size, sizes=sizes: feed(data, sizes(data)))
            for size in (400, 1600)
        )
        assert large < 6 * small + 2000


@pytest.mark.parametrize("size", [300, 4096, 30_000])
def test_large_message_takes_few_steps_per_bracket(size: int, count_lines: Any) -> None:
    """In chunks of any size, most of a large message is skipped without a look at each bracket."""
    data = encode_as({"return": [{"name": "a", "values": [1, {}]}] * 3000}, "compact")
    lines = count_lines(lambda: feed(data, [size] * (len(data) // size)))
    assert lines < data.count(b"{") * 10 + len(data) // size * 60


def test_large_message_in_chunks_needs_little_memory() -> None:
    """The bytes, their text, and the string in it exist at once, and no other copy."""
    size = 8 << 20
    data = b'{"return": "' + b"x" * size + b'"}\r\n'
    tracemalloc.start()
    try:
        feed(data, [1 << 16] * (len(data) >> 16))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3.3 * size
