"""Tests of the evaluation of lines without a schema: commands, errors and their positions."""

from __future__ import annotations

import json
import re
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import LineError
from qmpshell.language import Command, Introspection, ParsedLine, RawCommand, evaluate_line
from qmpshell.qmp import encode
from tests.harness.evaluation import no_file


def read_line(line: str) -> list[Command | RawCommand]:
    """Return the commands of a line without its shell commands."""
    parsed = evaluate_line(line, Introspection(read_file=no_file, has_schema=True))
    assert isinstance(parsed, ParsedLine) and parsed.redirect is None
    return [action for action in parsed.actions if isinstance(action, (Command, RawCommand))]


def commands(line: str) -> list[tuple[str, object]]:
    """Return each command with its arguments; raw JSON has the name "" and its text."""
    return [
        (action.name, action.arguments) if isinstance(action, Command) else ("", action.text)
        for action in read_line(line)
    ]


def arguments(words: str) -> dict[str, Any]:
    (action,) = read_line(f"x {words}")
    assert isinstance(action, Command) and action.name == "x"
    return action.arguments


def outcome(line: str) -> list[Command | RawCommand] | LineError:
    try:
        return read_line(line)
    except LineError as error:
        return error


def mistake(line: str) -> tuple[str, int, int, str]:
    with pytest.raises(LineError) as caught:
        read_line(line)
    error = caught.value
    return error.reason, error.start, error.end, error.hint


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("  \t ", []),
        ("# only", []),
        ("  # a=; b", []),
        (";", []),
        ("query-status", [("query-status", {})]),
        ("  query-status\t", [("query-status", {})]),
        ("stop; cont", [("stop", {}), ("cont", {})]),
        ("stop ; cont;", [("stop", {}), ("cont", {})]),
        ("; stop", [("stop", {})]),
        ("stop;cont", [("stop;cont", {})]),
        ("stop # c; cont", [("stop", {})]),
        ("stop #c", [("stop", {})]),
        ("x a=b; y c=d", [("x", {"a": "b"}), ("y", {"c": "d"})]),
        ("x a=b;c; y", [("x", {"a": "b;c"}), ("y", {})]),
        ('x a="b; c"; y', [("x", {"a": "b; c"}), ("y", {})]),
        ("x a=[1]; y", [("x", {"a": [1]}), ("y", {})]),
        ("x a=; y", [("x", {"a": ""}), ("y", {})]),
        ('x {"a": 1}', [("x", {"a": 1})]),
        ("x {'a': True,}; y", [("x", {"a": True}), ("y", {})]),
        ("x {}", [("x", {})]),
        ('{"execute": "stop"}', [("", '{"execute": "stop"}')]),
        ('  {"execute": "stop"} # c', [("", '{"execute": "stop"}')]),
        ("{ 'execute' :\t'stop'}", [("", "{ 'execute' :\t'stop'}")]),
        ('{"a": "}"}; cont', [("", '{"a": "}"}'), ("cont", {})]),
        ('{"execute": "a", "execute": "b"}', [("", '{"execute": "a", "execute": "b"}')]),
        ("{}", [("", "{}")]),
        ("stop; {}", [("stop", {}), ("", "{}")]),
        ("{'a': 1}{'b': 2}", [("", "{'a': 1}"), ("", "{'b': 2}")]),
        ("{'a': 1} \t\xa0{'b': 2}; stop", [("", "{'a': 1}"), ("", "{'b': 2}"), ("stop", {})]),
        ("{'a': 1};{'b': 2} ;stop", [("", "{'a': 1}"), ("", "{'b': 2}"), ("stop", {})]),
        ("stop\xa0; x\u202fa=[1,\xa02]", [("stop", {}), ("x", {"a": [1, 2]})]),
        ('{\'a\':\xa0\'\xa0\',\u202f"b":"\\"\xa0"}', [("", '{\'a\': \'\xa0\', "b":"\\"\xa0"}')]),
        ("__com.redhat_x a=1", [("__com.redhat_x", {"a": 1})]),
    ],
)
def test_evaluate_line_returns_all_items(line: str, expected: list[tuple[str, object]]) -> None:
    assert commands(line) == expected


def test_raw_json_keeps_value_and_start_position() -> None:
    line = " {'execute': \"a\\u00e9\", 'id': null}; b"
    raw, command = read_line(line)
    assert isinstance(raw, RawCommand)
    assert raw.value == {"execute": "aé", "id": None}
    assert (raw.start, command.start) == (1, len(line) - 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("5", 5),
        ("-5", -5),
        ("0", 0),
        ("+5", "+5"),
        ("007", "007"),
        ("08", "08"),
        ("-07", "-07"),
        ("0x10", "0x10"),
        ("10G", "10G"),
        ("5.0", 5.0),
        ("-1.5e-3", -0.0015),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("1e1x", "1e1x"),
        ("1.", "1."),
        (".5", ".5"),
        ("-", "-"),
        ("1_000", "1_000"),
        ("١", "١"),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("12345678901234567890123", 12345678901234567890123),
        ("9007199254740993", 2**53 + 1),
        ("true", True),
        ("True", True),
        ("false", False),
        ("False", False),
        ("null", None),
        ("None", None),
        ("TRUE", "TRUE"),
        ("on", "on"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ('"true"', "true"),
        ('"null"', "null"),
        ('"5"', "5"),
        ("'5'", "5"),
        ('""', ""),
        ("''", ""),
        ('"a b"', "a b"),
        ('"a\\u00e9\\n\\"\\\\"', 'aé\n"\\'),
        ("'a\\n\"'", 'a\\n"'),
        ("it's", "it's"),
        ('a"b"c', 'a"b"c'),
        ("a\\b", "a\\b"),
        ("/a/device[0]", "/a/device[0]"),
        ("b#c", "b#c"),
        ("#c", "#c"),
        ("a=b", "a=b"),
        ("=b", "=b"),
        ("a;b", "a;b"),
        ("unix:/tmp/x,server=on", "unix:/tmp/x,server=on"),
        ("语", "语"),
        ('json:{"driver": "raw"}', 'json:{"driver": "raw"}'),
        ('json:["a b", {}]', 'json:["a b", {}]'),
        ("json:'a b'", "json:'a b'"),
        ("json:", "json:"),
        ("json:x", "json:x"),
        ("{'a': true, \"b\": None,}", {"a": True, "b": None}),
        ('[{"a": 1}]', [{"a": 1}]),
        ("[ 1 , 'b;  c' ,True]", [1, "b;  c", True]),
        ("[]", []),
        ("{}", {}),
        ('{"a": "}]"}', {"a": "}]"}),
        ("['it\\'s']", ["it's"]),
        ("[18446744073709551615, 1.0]", [2**64 - 1, 1.0]),
    ],
)
def test_value_without_schema_gets_its_json_type(text: str, value: object) -> None:
    found = arguments(f"a={text}")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)
    assert arguments(f"b=1 a={text} c=2") == {"b": 1, "a": value, "c": 2}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ('"x y"', "x y"),
        ("'x y'", "x y"),
        ("true", True),
        ("null", None),
        ("[1,  2]", [1, 2]),
        ('{"a": {}}', {"a": {}}),
        ("12345678901234567890123", 12345678901234567890123),
    ],
)
def test_json_operator_value_is_parsed_as_json(text: str, value: object) -> None:
    assert arguments(f"a:={text}") == {"a": value}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a.b=1 a.c=2", {"a": {"b": 1, "c": 2}}),
        ("a.b.c=1 e=3", {"a": {"b": {"c": 1}}, "e": 3}),
        (
            "file.driver=null-co driver=raw node-name=n9",
            {"file": {"driver": "null-co"}, "driver": "raw", "node-name": "n9"},
        ),
        ("a.0=x a.1=y", {"a": ["x", "y"]}),
        ("a.0.b=1 a.1.b=2", {"a": [{"b": 1}, {"b": 2}]}),
        ("a.0.0=1", {"a": [[1]]}),
        ("a.0=x a.2=y", {"a": {"0": "x", "2": "y"}}),
        ("a.1=x", {"a": {"1": "x"}}),
        ("a.00=x", {"a": {"00": "x"}}),
        ("a.0=x a.b=y", {"a": {"0": "x", "b": "y"}}),
        ("0=a 1=b", {"0": "a", "1": "b"}),
        ('props."sse4.1"=true', {"props": {"sse4.1": True}}),
        ('"a.b".c=1', {"a.b": {"c": 1}}),
        ('"a=b c"=1', {"a=b c": 1}),
        ('""=1', {"": 1}),
        ("__com.example_x=1", {"__com.example_x": 1}),
        ("__com.example_x.y=1", {"__com.example_x": {"y": 1}}),
        ("a.__com.example_x=1", {"a": {"__com.example_x": 1}}),
        ("a:b.c=1", {"a:b": {"c": 1}}),
        ("é=ü", {"é": "ü"}),
    ],
)
def test_dotted_keys_build_nested_arguments(words: str, expected: dict[str, Any]) -> None:
    assert arguments(words) == expected


@pytest.mark.parametrize(
    "words",
    [
        "a.1=y a.0=x a.2=z",
        "a.b=1 c=2 a.d.e=3",
        'driver=raw file.driver=null-co node-name=n9 "q.r".s=[1]',
        "a.0.b=1 a.1.b=2 a.0.c=3",
    ],
)
def test_word_order_does_not_change_the_arguments(words: str) -> None:
    pieces = words.split(" ")
    results = [arguments(" ".join(order)) for order in permutations(pieces)]
    assert all(action == results[0] for action in results)


names = st.text("abc-_", min_size=1, max_size=3)
paths = st.lists(names, min_size=1, max_size=3).map(".".join)


@given(st.dictionaries(paths, st.integers(), max_size=6), st.randoms(use_true_random=False))
def test_random_keys_in_any_order_give_same_outcome(values: dict[str, int], random: Any) -> None:
    def found(words: list[str]) -> object:
        try:
            return arguments(" ".join(words))
        except LineError:
            return "mistake"

    words = [f"{key}={value}" for key, value in values.items()]
    before = found(words)
    random.shuffle(words)
    assert found(words) == before


def test_environment_variable_is_inserted_verbatim() -> None:
    values = {"A": b' it\'s "x" ', "J": b'{"a": [1]}', "B": b"\xff"}
    introspection = Introspection(read_file=no_file, read_variable=values.get, has_schema=True)
    parsed = evaluate_line('x a=@$A b:=@$J c=$A d="@$A"', introspection)
    assert isinstance(parsed, ParsedLine)
    (command,) = parsed.actions
    assert isinstance(command, Command)
    assert command.arguments == {
        "a": ' it\'s "x" ',
        "b": {"a": [1]},
        "c": "$A",
        "d": "@$A",
    }
    for text, reason in (
        ("@$N", "the environment variable N is not set"),
        ("@$", "the name of an environment variable must follow @$"),
        ("@$B", "$B is not UTF-8"),
    ):
        with pytest.raises(LineError, match=re.escape(reason)):
            evaluate_line(f"x a={text}", introspection)


def test_arguments_keep_typed_order() -> None:
    assert list(arguments("c=1 a=2 b.z=1 b.y=2")) == ["c", "a", "b"]


NOT_A_NAME = "not a command name"
LINE_IS = "a line is COMMAND KEY=VALUE…, or a JSON object"
NAME_FIRST = "the command's name comes first: COMMAND KEY=VALUE…"
NO_BLANKS = "there must be no blanks around ="
NOT_CLOSED = "the quote is not closed"
OTHER_KIND = "enclose a quote character in quotes of the other kind"
MUST_FOLLOW = "a blank must follow the closing quote or bracket"
QUOTE_WHOLE = "quote the whole value if it contains quotes"
ALONE = "a JSON object must be the only argument"
TOO_LARGE = "the number is too large for JSON as QEMU reads it"
BACKSLASH = "write \\\\ for a backslash in double quotes, or use single quotes"
UNKNOWN_ESCAPE = "the string has an escape that is not valid in JSON"
ESCAPE_IT = "in double quotes, write it as a JSON escape, such as \\u0007"


@pytest.mark.parametrize(
    ("line", "reason", "start", "end", "hint"),
    [
        ("a=1", NOT_A_NAME, 0, 3, NAME_FIRST),
        ("x; stop=1 a=2", NOT_A_NAME, 3, 9, NAME_FIRST),
        ('"x" a=1', NOT_A_NAME, 0, 3, LINE_IS),
        (" 'x'", NOT_A_NAME, 1, 4, LINE_IS),
        ("[1]", NOT_A_NAME, 0, 3, LINE_IS),
        ("}", NOT_A_NAME, 0, 1, LINE_IS),
        ("] }", NOT_A_NAME, 0, 1, LINE_IS),
        ("<- x", NOT_A_NAME, 0, 2, LINE_IS),
        ("| x", NOT_A_NAME, 0, 1, LINE_IS),
        (
            "device_del net1",
            "device_del has no argument 'net1'",
            11,
            15,
            "expected KEY=VALUE: did you mean id=net1?",
        ),
        ("device_del id", "id has no value", 11, 13, "expected id=VALUE"),
        (
            "device_del \N{EN DASH}id",
            "device_del has no argument '\N{EN DASH}id'",
            11,
            14,
            "expected KEY=VALUE",
        ),
        ("x --a", "x has no argument '--a'", 2, 5, "did you mean a=…?"),
        ("x -- a=1", "x has no argument '--'", 2, 4, "expected KEY=VALUE"),
        (
            "x a=b c.d.",
            "x has no argument 'c.d.'",
            6,
            10,
            "expected c.d.MEMBER=VALUE, or c.d={} without members",
        ),
        ("x a= 5", "x has no argument '5'", 5, 6, NO_BLANKS),
        ("x a = 5", "x has no argument 'a'", 2, 3, NO_BLANKS),
        ("x a =5", "x has no argument 'a'", 2, 3, NO_BLANKS),
        ("x a := 5", "x has no argument 'a'", 2, 3, NO_BLANKS),
        ('x a="b', NOT_CLOSED, 4, 6, OTHER_KIND),
        ("x a='b c=d", NOT_CLOSED, 4, 10, OTHER_KIND),
        ('x a="b\\"', NOT_CLOSED, 4, 8, OTHER_KIND),
        ('x a="b"c', MUST_FOLLOW, 7, 8, QUOTE_WHOLE),
        ("x q='it's'", MUST_FOLLOW, 8, 9, QUOTE_WHOLE),
        ('x a="b";c', MUST_FOLLOW, 7, 8, QUOTE_WHOLE),
        ("x l=[1]x", MUST_FOLLOW, 7, 8, QUOTE_WHOLE),
        ('x f=json:{"a": 1}x', MUST_FOLLOW, 17, 18, QUOTE_WHOLE),
        ('x a="\\q"', UNKNOWN_ESCAPE, 5, 6, BACKSLASH),
        ('x a="C:\\dir"', UNKNOWN_ESCAPE, 7, 8, BACKSLASH),
        ("x a=1e400", TOO_LARGE, 4, 9, "quote it to send it as text"),
        ("x a:=", "JSON must follow :=", 3, 5, ""),
        ("x a:= b=1", "JSON must follow :=", 3, 5, ""),
        ("x a:= 5", "JSON must follow :=", 3, 5, NO_BLANKS),
        ("x l=[1 2]", "expected a comma or ]", 7, 8, None),
        ("x l={1: 2}", "expected a name in quotes or }", 5, 6, None),
        ('x l={"a" 1}', "expected a colon", 9, 10, None),
        ('x l={"a": 1, "a": 2}', "the name 'a' occurs twice", 13, 14, None),
        ("x l=[1}", "expected a comma or ]", 6, 7, None),
        ("x l=[nan]", "expected a value or ], not 'nan'", 5, 6, None),
        ('x {"a": 1} b=1', ALONE, 11, 12, ""),
        ('x b=1 {"a": 1}', ALONE, 6, 14, ""),
        ('x {"a": 1} {"b": 1}', ALONE, 11, 19, ""),
        ("x a=1 a=2", "a occurs twice", 6, 7, ""),
        ("x a.b=1 a.b=1", "a.b occurs twice", 8, 11, ""),
        ("x a.b=1 a=2", "a has both a value and members", 8, 9, ""),
        ("x a=2 a.b=1", "a has both a value and members", 6, 7, ""),
        ("x a={} a.b=1", "a has both a value and members", 7, 8, ""),
        ("x a.b=1 a.b.c=1", "b has both a value and members", 10, 11, ""),
        ("x a.b.c=1 a.b=1", "b has both a value and members", 12, 13, ""),
        ("x a=null a.b=1", "a has both a value and members", 9, 10, ""),
        ("x .a=1", "a part of the key is empty", 2, 3, ""),
        ("x a.=1", "a part of the key is empty", 3, 4, ""),
        ("x a..b=1", "a part of the key is empty", 4, 5, ""),
        ('x "\\q"=1', UNKNOWN_ESCAPE, 2, 6, ""),
        (
            '{"execute": "stop"} x',
            "text after the JSON object",
            20,
            21,
            "only another JSON object or ; COMMAND may follow",
        ),
        ("{]", "expected a name in quotes or }", 1, 2, ""),
        ('{"execute": True}', "expected a value, not 'True'", 12, 13, ""),
        ('{"a": 1,}', "expected a name in quotes", 8, 9, ""),
        ('x; {"a": nan}', "expected a value, not 'nan'", 9, 10, ""),
        ("x a\x07=1", "a control character (U+0007) in the line", 3, 4, ESCAPE_IT),
        ("x a=\x9b", "a control character (U+009B) in the line", 4, 5, ESCAPE_IT),
        ("x\0", "a control character (U+0000) in the line", 1, 2, ESCAPE_IT),
        ("x a=\ud800", "a byte that is not valid in this terminal's encoding", 4, 5, ""),
    ],
)
def test_invalid_line_reports_reason_position_and_hint(
    line: str, reason: str, start: int, end: int, hint: str | None
) -> None:
    """A hint of None is not checked."""
    found = mistake(line)
    assert found[:3] == (reason, start, end)
    assert hint is None or found[3] == hint


@pytest.mark.parametrize(
    "line",
    [
        "x q='it's'",
        'x a="b',
        'x a="b"c',
        "x name=[a",
        "x name={a",
        "x name=[a]",
        "x name=[0-3]",
        "x name={a}b",
        "x desc=hello world",
        "x a=1e400",
        "x a:=b",
        'x a="\\q"',
    ],
)
def test_error_hint_suggests_quotes(line: str) -> None:
    _, _, _, hint = mistake(line)
    assert "quote" in hint


@pytest.mark.parametrize("line", ["x l=[1", 'x l={"a": [', "x {", 'x {"a": 1'])
def test_unclosed_bracket_is_marked_from_its_start(line: str) -> None:
    reason, start, end, _ = mistake(line)
    assert reason == "the bracket is not closed"
    assert line[start] in "[{" and line[:start].rstrip(" ")[-1] in "=x"
    assert end == len(line)


def test_invalid_last_item_rejects_whole_line() -> None:
    assert mistake("stop; cont; x y")[1:3] == (14, 15)


@pytest.mark.parametrize("digits", [4300, 5000, 100_000])
def test_long_integer_is_exact_or_rejected(digits: int) -> None:
    for line in (f"x a={'9' * digits}", f"x a=[{'9' * digits}]", f"x a:={'9' * digits}"):
        found = outcome(line)
        if isinstance(found, LineError):
            assert found.reason == TOO_LARGE
        else:
            assert isinstance(found[0], Command)
            assert encode(found[0].arguments["a"]).strip("[]") == "9" * digits


@pytest.mark.parametrize("line", ["x a=[1e400]", "x a:=-1e400", 'x {"a": 1e999}'])
def test_too_large_number_is_rejected_everywhere(line: str) -> None:
    assert mistake(line)[0] == TOO_LARGE


@given(st.integers())
def test_random_integers_are_exact(number: int) -> None:
    found = arguments(f"a={number} b:={number} c=[{number}]")
    assert found == {"a": number, "b": number, "c": [number]}


DEEP = 10_000


def test_deeply_nested_value_is_evaluated() -> None:
    text = "[" * DEEP + "]" * DEEP
    assert encode(arguments(f"a={text}")["a"]) == text
    assert encode(arguments(f"a:={text}")["a"]) == text


def test_deeply_nested_arguments_object_is_evaluated() -> None:
    text = '{"a": ' * DEEP + "1" + "}" * DEEP
    assert encode(arguments(text)) == text


def test_deeply_nested_raw_json_is_evaluated() -> None:
    text = '{"a": ' * DEEP + "1" + "}" * DEEP
    (action,) = read_line(text)
    assert isinstance(action, RawCommand) and action.text == text
    assert encode(action.value) == text


@pytest.mark.parametrize("part", ["a", "0"])
def test_deeply_nested_key_is_evaluated(part: str) -> None:
    found = arguments("k." + ".".join([part] * DEEP) + "=1")
    text = encode(found)
    assert text.count("{") + text.count("[") == DEEP + 1
    assert text.startswith('{"k": {"a": {"a": ' if part == "a" else '{"k": [[[')


SNIPPETS = [
    "x",
    "=",
    ":=",
    "a",
    ".",
    "0",
    '"',
    "'",
    "{",
    "}",
    "[",
    "]",
    ";",
    "#",
    "\\",
    "json:",
    "1e9",
    "true",
    ",",
    ":",
    '"a"',
    "{'a':1}",
    "__c.d_e",
    "é",
]
lines = st.lists(
    st.sampled_from([*SNIPPETS, " ", "\n", "\x1b", "\ud800"]) | st.text(max_size=4)
).map("".join)


@given(lines)
def test_random_text_gives_commands_or_positioned_error(line: str) -> None:
    found = outcome(line)
    if isinstance(found, LineError):
        assert found.reason
        assert 0 <= found.start < found.end
        assert found.start <= len(line)
        return
    for action in found:
        if isinstance(action, RawCommand):
            assert line[action.start :].startswith(action.text)
            assert isinstance(action.value, dict)
        else:
            assert line[action.start :].startswith(action.name)
            assert json.loads(encode(action.arguments)) == action.arguments


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_random_json_value_round_trips(value: object) -> None:
    assert arguments(f"a:={json.dumps(value)} b=1") == {"a": value, "b": 1}
    if not isinstance(value, (str, float)):
        assert arguments(f"a={json.dumps(value)}") == {"a": value}


@given(st.dictionaries(st.text(), json_values))
def test_random_json_object_round_trips_as_arguments(value: dict[str, Any]) -> None:
    assert arguments(json.dumps(value)) == value


@given(st.text())
def test_random_quoted_text_round_trips(text: str) -> None:
    assert arguments(f"a={json.dumps(text)}") == {"a": text}


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_random_quoted_keys_round_trip(parts: list[str]) -> None:
    expected: Any = 1
    for part in reversed(parts):
        expected = {part: expected}
    found = arguments(".".join(map(json.dumps, parts)) + "=1")
    if "0" not in parts[1:]:
        assert found == expected


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("x file={driver: null-co}", 'did you mean file={"driver": "null-co"}?'),
        ("x devices:=[top, base]", 'did you mean devices:=["top", "base"]?'),
        ("x devices=[top]", "quote it to send it as text"),
        ("x {a: b, c: {d: [e, 5, -1.5, true, None]}}",
         'did you mean {"a": "b", "c": {"d": ["e", 5, -1.5, true, None]}}?'),
        ('x {"a": null-co}', 'did you mean {"a": "null-co"}?'),
        ("{execute: 'stop'}", 'did you mean {"execute": \'stop\'}?'),
        (f"x {{a: {'b' * 80}}}", "names and texts need quotes in JSON"),
        ("x file={driver: a/b:c}", "quote it to send it as text"),
        ("x {a: b,, c: d}", ""),
        ('x {"a": "b" c}', ""),
    ],
)  # fmt: skip
def test_unquoted_object_hint_shows_quoted_object(line: str, hint: str) -> None:
    assert mistake(line)[3] == hint


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("{“execute”: “query-status”}", 'did you mean {"execute": "query-status"}?'),
        ('{"execute": ‘stop’, "id": 1}', 'did you mean {"execute": "stop", "id": 1}?'),
        ("x file={“driver”: “a“}", 'did you mean file={"driver": "a"}?'),
        ("x l=[“a”, b]", 'did you mean l=["a", "b"]?'),
        ("x a:=“b”", "after := comes JSON, with text in double quotes; after = comes plain text"),
        ("{“execute”: 1 2}", ""),
    ],
)
def test_typographic_quotes_in_json_get_plain_ones(line: str, hint: str) -> None:
    reason, *_, found = mistake(line)
    assert (reason, found) == ("the quotes are typographic", hint)
