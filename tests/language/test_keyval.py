"""Tests of the parsers of QEMU's option strings: values, errors and their positions."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import LineError
from qmpshell.language import QUOTED, parse_options, unquote
from tests.harness.servers import Installation

Pairs = list[tuple[list[str], str]]


def parse_keyval(text: str, *, implied_key: str | None) -> Pairs:
    return parsed(text, "blockdev-add", implied_key)


def parse_device_options(text: str, *, implied_key: str | None) -> Pairs:
    return parsed(text, "device_add", implied_key)


def parsed(text: str, command: str, implied_key: str | None) -> Pairs:
    found = parse_options(text, 0, command, implied_key=implied_key)
    if found.error is not None:
        raise found.error
    return [
        (
            [name for name, _ in argument.path],
            unquote(argument.value) if argument.value.kind == QUOTED else argument.value.text,
        )
        for argument in found.given
    ]


def joined(text: str, implied_key: str | None = None) -> dict[str, str]:
    """Return the parsed pairs with dotted keys."""
    return {".".join(path): value for path, value in parse_keyval(text, implied_key=implied_key)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1,b=2", {"a": "1", "b": "2"}),
        ("a=1,", {"a": "1"}),
        ("a=", {"a": ""}),
        ("a=,b=", {"a": "", "b": ""}),
        ("a==", {"a": "="}),
        ("a=b=c", {"a": "b=c"}),
        ("a=x,,y", {"a": "x,y"}),
        ("a=,,", {"a": ","}),
        ("a=,,,b=,,,,", {"a": ",", "b": ",,"}),
        ("a=x,,,b=y", {"a": "x,", "b": "y"}),
        ("a= x ", {"a": " x "}),
        ("a=line\nline", {"a": "line\nline"}),
        ("a.b.c=1,a.b.d=2", {"a.b.c": "1", "a.b.d": "2"}),
        ("a.0=x,a.1=y", {"a.0": "x", "a.1": "y"}),
        ("a.1=y,a.0=x", {"a.1": "y", "a.0": "x"}),
        ("a.00=x,a.01=y", {"a.0": "x", "a.1": "y"}),
        ("a.0.b=x,a.0.c=y,a.1.b=z", {"a.0.b": "x", "a.0.c": "y", "a.1.b": "z"}),
        ("a-b_c9=1", {"a-b_c9": "1"}),
        ("__com.example_x=1", {"__com.example_x": "1"}),
        ("file.filename=/a.b/c=d", {"file.filename": "/a.b/c=d"}),
        ('a={"b": 1}', {"a": '{"b": 1}'}),
    ],
)
def test_parse_keyval_returns_dotted_keys_in_order(text: str, expected: dict[str, str]) -> None:
    assert joined(text) == expected
    assert list(joined(text)) == list(expected)


def test_downstream_prefix_keeps_its_dots() -> None:
    pairs = parse_keyval("a.__com.example_x.y=1", implied_key=None)
    assert pairs == [(["a", "__com.example_x", "y"], "1")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user,hostfwd=a", ["type=user", "hostfwd.0.str=a"]),
        (
            "user,hostfwd=a,dnssearch=b,hostfwd=c",
            ["type=user", "hostfwd.0.str=a", "dnssearch.0.str=b", "hostfwd.1.str=c"],
        ),
        ("user,hostfwd.0.str=a,hostfwd=c", ["type=user", "hostfwd.0.str=a", "hostfwd.1.str=c"]),
    ],
)
def test_repeated_key_of_netdev_adds_items(text: str, expected: list[str]) -> None:
    pairs = parsed(text, "netdev_add", "type")
    assert [f"{'.'.join(path)}={value}" for path, value in pairs] == expected


@pytest.mark.parametrize(
    ("text", "reason", "start"),
    [
        ("id=a,id=b", "id occurs twice", 5),
        ("hostfwd=a,hostfwd.0.str=b", "hostfwd.0.str occurs twice", 10),
        ("hostfwd=a,hostfwd", "= must follow 'hostfwd'", 10),
    ],
)
def test_netdev_string_reports_other_repeated_keys(text: str, reason: str, start: int) -> None:
    with pytest.raises(LineError) as caught:
        parsed(text, "netdev_add", "type")
    assert (caught.value.reason, caught.value.start) == (reason, start)


@pytest.mark.parametrize("read", [parse_keyval, parse_device_options])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("qcow2", [(["driver"], "qcow2")]),
        ("qcow2,", [(["driver"], "qcow2")]),
        ("qcow2,node-name=n", [(["driver"], "qcow2"), (["node-name"], "n")]),
        ("a,,b=c,x=1", [(["driver"], "a,b=c"), (["x"], "1")]),
        ("driver=qcow2", [(["driver"], "qcow2")]),
        ("node-name=n,driver=qcow2", [(["node-name"], "n"), (["driver"], "qcow2")]),
        ("e1000 x", [(["driver"], "e1000 x")]),
        ("", []),
    ],
)
def test_implied_key_is_inserted(
    read: Callable[..., object], text: str, expected: list[tuple[list[str], str]]
) -> None:
    assert read(text, implied_key="driver") == expected


@pytest.mark.parametrize(
    ("text", "place", "reason", "hint"),
    [
        ("=1", (0, 1), "a key is missing", "must precede ="),
        ("a=1,=2", (4, 5), "a key is missing", "must precede ="),
        (",a=1", (0, 1), "a key is missing", "write ,,"),
        ("a=1,b=2,,c=3,=4", (13, 14), "a key is missing", "must precede ="),
        ("a", (0, 1), "= must follow 'a'", "did you mean driver=a?"),
        ("a=1,read-only", (4, 13), "= must follow 'read-only'", "read-only=on"),
        ("a=1,b.c,d=2", (4, 7), "= must follow 'b.c'", "write ,,"),
        ("a=x,b.img", (4, 9), "= must follow 'b.img'", "write ,,"),
        (".a=1", (0, 1), "a part of the key is empty", "single dots"),
        ("a..b=1", (2, 3), "a part of the key is empty", "single dots"),
        ("x=1,a.=1", (5, 6), "a part of the key is empty", "single dots"),
        ("0=1", (0, 1), "cannot start with a list index", "NAME.0"),
        ("1.a=x", (0, 3), "cannot start with a list index", "NAME.0"),
        ("a b=1", (1, 2), "'a b' is not a key", "starts with a letter"),
        (" a=1", (0, 1), "' a' is not a key", "no blanks around"),
        ("a=1, b=2", (4, 5), "' b' is not a key", "no blanks around"),
        ("a =1", (1, 2), "'a ' is not a key", "no blanks around"),
        ("a$=1", (1, 2), "'a$' is not a key", "starts with a letter"),
        ("a.5b=1", (3, 4), "'5b' is not a key", "starts with a letter"),
        ("_a=1", (0, 1), "'_a' is not a key", "starts with a letter"),
        ("é=1", (0, 1), "'é' is not a key", "starts with a letter"),
        ("a[0]=1", (1, 2), "'a[0]' is not a key", "starts with a letter"),
        ("f=/x,y z=1", (6, 7), "'y z' is not a key", "write ,,"),
        ("b=1,a=1,a=2", (8, 9), "a occurs twice", ""),
        ("x.a.b=1,x.a.b=2", (8, 13), "x.a.b occurs twice", ""),
        ("a.0=x,a.00=y", (6, 10), "a.00 occurs twice", ""),
        ("a.b=1,a=2", (6, 7), "a has both a value and members", ""),
        ("x.a=2,x.a.b=1", (8, 9), "a has both a value and members", ""),
        ("a.b=1,a.0=2", (8, 9), "contradict each other", ""),
        ("a.0=2,a.b=1", (8, 9), "contradict each other", ""),
        ("a.1=x", (2, 3), "the list has no index 0", "without a gap"),
        ("a.0=x,a.3=y,a.2=z", (14, 15), "the list has no index 1", "without a gap"),
        ("b=1,a.0.c.4=x", (10, 11), "the list has no index 0", "without a gap"),
        ("k." + "x" * 128 + "=1", (2, 130), "longer than 127 characters", ""),
        ("k." + "1" * 5000 + "=1", (2, 5002), "longer than 127 characters", ""),
    ],
)
def test_invalid_keyval_reports_reason_position_and_hint(
    text: str, place: tuple[int, int], reason: str, hint: str
) -> None:
    with pytest.raises(LineError, match=re.escape(reason)) as caught:
        parse_keyval(text, implied_key=None)
    assert (caught.value.start, caught.value.end) == place
    assert hint in caught.value.hint


@pytest.mark.parametrize("read", [parse_keyval, parse_device_options])
def test_repeated_implied_key_is_rejected(read: Callable[..., object]) -> None:
    with pytest.raises(LineError, match="driver occurs twice") as caught:
        read("raw,driver=qcow2", implied_key="driver")
    assert (caught.value.start, caught.value.end) == (4, 10)
    assert "first word" in caught.value.hint


def test_empty_implied_value_is_rejected() -> None:
    with pytest.raises(LineError, match="a key is missing") as caught:
        parse_keyval(",a=1", implied_key="driver")
    assert caught.value.start == 0


# -- the syntax of -device ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", {"a": "on"}),
        ("a,b", {"a": "on", "b": "on"}),
        ("a=1,b,c=x,,y", {"a": "1", "b": "on", "c": "x,y"}),
        ("noa", {"noa": "on"}),
        ("sse4.1=off", {"sse4.1": "off"}),
        ("a=1,a.b=2", {"a": "1", "a.b": "2"}),
        ("p[0]=1,0x=2", {"p[0]": "1", "0x": "2"}),
        ("a b=1", {"a b": "1"}),
    ],
)
def test_device_options_are_parsed(text: str, expected: dict[str, str]) -> None:
    pairs = parse_device_options(text, implied_key=None)
    assert {name: value for [name], value in pairs} == expected


@pytest.mark.parametrize(
    ("text", "start", "reason"),
    [("=1", 0, "missing"), ("a=1,=2", 4, "missing"), ("a,,b", 2, "missing"), ("a,a=1", 2, "twice")],
)
def test_invalid_device_options_report_the_position(text: str, start: int, reason: str) -> None:
    with pytest.raises(LineError, match=reason) as caught:
        parse_device_options(text, implied_key=None)
    assert caught.value.start == start


# -- any text ----------------------------------------------------------------------------------

_PART = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,9}", fullmatch=True)
_VALUES = st.text() | st.text(",=.a")


@given(st.dictionaries(_PART, _VALUES))
def test_doubled_commas_round_trip(values: dict[str, str]) -> None:
    text = ",".join(f"{key}={value.replace(',', ',,')}" for key, value in values.items())
    assert joined(text) == values
    assert {name: value for [name], value in parse_device_options(text, implied_key=None)} == values


@given(_VALUES.filter(lambda value: value and value[0] != "," and "=" not in value))
def test_implied_value_round_trips(value: str) -> None:
    assert joined(value.replace(",", ",,") + ",x=1", "driver") == {"driver": value, "x": "1"}


@given(
    st.text() | st.text("ab,=.01_- "),
    st.sampled_from([None, "driver"]),
    st.sampled_from([parse_keyval, parse_device_options]),
)
def test_random_text_is_parsed_or_reports_position(
    text: str, implied_key: str | None, read: Callable[..., object]
) -> None:
    mistake = None
    try:
        read(text, implied_key=implied_key)
    except LineError as error:
        mistake = error
    if mistake is not None:
        assert 0 <= mistake.start < mistake.end <= len(text)
        assert mistake.reason


_KEYVAL_CASES = (
    *("a=1,", "a=x,,", "a=1,,,", "a.00=x,a.1=y", "__com.example_x=1", "___a=1", "a-=1", "x.a.0=1"),
    *(
        "=1",
        "a",
        ",a=1",
        "a..b=1",
        "a.=1",
        ".a=1",
        "0=1",
        "a.1b=1",
        "a.-=1",
        "_a=1",
        "__c=1",
        "é=1",
    ),
    *("a.1=x", "a.0=x,a.b=y", "a=1,a.b=2", "a.b=1,a=2", "a b=1", "a[0]=1", "a,,=1"),
)


def test_parser_and_qemu_agree_on_option_strings(installation: Installation) -> None:
    """-compat parses its value as keyval and rejects these keys only after that."""
    for text in _KEYVAL_CASES:
        done = subprocess.run(
            [
                installation.program("qemu-system-x86_64"),
                *("-machine", "none", "-nodefaults", "-display", "none", "-compat", text),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1, text
        try:
            parse_keyval(text, implied_key=None)
            reads = True
        except LineError:
            reads = False
        assert reads == ("is unexpected" in done.stderr), (text, done.stderr)


def test_long_keys_take_linear_time(count_lines: Callable[[Callable[[], object]], int]) -> None:
    def lines(depth: int) -> int:
        text = "a." * depth + "a=" + "x,," * depth
        return count_lines(lambda: parse_keyval(text, implied_key=None))

    assert lines(20_000) < 11 * lines(2_000)
