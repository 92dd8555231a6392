"""Lines to commands without a schema: what is sent, and what each mistake is told to be, and where."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import LineError
from qmpshell.language import Command, Facts, Plan, RawCommand, no_file, read
from qmpshell.qmp import encode


def read_line(line: str) -> list[Command | RawCommand]:
    """The commands of a line, without local ones."""
    plan = read(line, Facts(read_file=no_file, has_schema=True))
    assert isinstance(plan, Plan) and plan.destination is None
    return [one for one in plan.actions if isinstance(one, (Command, RawCommand))]


def commands(line: str) -> list[tuple[str, object]]:
    """Each command with its arguments; raw JSON as "" with its text."""
    return [
        (one.name, one.arguments) if isinstance(one, Command) else ("", one.text)
        for one in read_line(line)
    ]


def arguments(words: str) -> dict[str, Any]:
    (one,) = read_line(f"x {words}")
    assert isinstance(one, Command) and one.name == "x"
    return one.arguments


def outcome(line: str) -> list[Command | RawCommand] | LineError:
    try:
        return read_line(line)
    except LineError as error:
        return error


def mistake(line: str) -> tuple[str, int, int, str]:
    with pytest.raises(LineError) as caught:
        read_line(line)
    error = caught.value
    return error.reason, error.start, error.end, error.cure


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
        ("__com.redhat_x a=1", [("__com.redhat_x", {"a": 1})]),
    ],
)
def test_items_of_a_line(line: str, expected: list[tuple[str, object]]) -> None:
    assert commands(line) == expected


def test_what_raw_json_says_and_where_each_item_stands() -> None:
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
def test_a_value_without_a_schema(text: str, value: object) -> None:
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
def test_a_value_that_is_json_whatever_the_schema_says(text: str, value: object) -> None:
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
def test_keys(words: str, expected: dict[str, Any]) -> None:
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
def test_the_order_of_the_words_makes_no_difference(words: str) -> None:
    pieces = words.split(" ")
    results = [arguments(" ".join(order)) for order in permutations(pieces)]
    assert all(one == results[0] for one in results)


names = st.text("abc-_", min_size=1, max_size=3)
paths = st.lists(names, min_size=1, max_size=3).map(".".join)


@given(st.dictionaries(paths, st.integers(), max_size=6), st.randoms(use_true_random=False))
def test_any_order_of_any_keys_gives_the_same_or_fails_alike(
    values: dict[str, int], random: Any
) -> None:
    def found(words: list[str]) -> object:
        try:
            return arguments(" ".join(words))
        except LineError:
            return "mistake"

    words = [f"{key}={value}" for key, value in values.items()]
    before = found(words)
    random.shuffle(words)
    assert found(words) == before


def test_arguments_keep_the_order_in_which_they_were_typed() -> None:
    assert list(arguments("c=1 a=2 b.z=1 b.y=2")) == ["c", "a", "b"]


NOT_A_NAME = "this is no command name"
LINE_IS = "a line is: command key=value …, or a JSON object"
NAME_FIRST = "the command's name comes first: command key=value …"
NO_BLANKS = "no blanks stand around the ="
NOT_CLOSED = "the quote is not closed"
OTHER_KIND = "a quote that belongs to the text stands in quotes of the other kind"
MUST_FOLLOW = "a blank must follow the closing quote or bracket"
QUOTE_WHOLE = "to have quotes inside a value, quote the whole of it"
ALONE = "a JSON object is the whole of the arguments; nothing may stand beside it"
TOO_LARGE = "the number is too large for JSON as QEMU reads it"
BACKSLASH = "a backslash is written \\\\ in double quotes, or put it in single quotes"
UNKNOWN_ESCAPE = "the string has an escape that JSON does not know"
ESCAPE_IT = "in JSON's double quotes it is written as an escape, such as \\u0007"


@pytest.mark.parametrize(
    ("line", "reason", "start", "end", "cure"),
    [
        ("a=1", NOT_A_NAME, 0, 3, NAME_FIRST),
        ("x; stop=1 a=2", NOT_A_NAME, 3, 9, NAME_FIRST),
        ('"x" a=1', NOT_A_NAME, 0, 3, LINE_IS),
        (" 'x'", NOT_A_NAME, 1, 4, LINE_IS),
        ("[1]", NOT_A_NAME, 0, 3, LINE_IS),
        ("<- x", NOT_A_NAME, 0, 2, LINE_IS),
        ("| x", NOT_A_NAME, 0, 1, LINE_IS),
        (
            "device_del net1",
            "'net1' is no argument of device_del",
            11,
            15,
            "an argument is KEY=VALUE: did you mean id=net1?",
        ),
        ("x --a", "'--a' is no argument of x", 2, 5, "did you mean a=…?"),
        ("x a= 5", "'5' is no argument of x", 5, 6, NO_BLANKS),
        ("x a = 5", "'a' is no argument of x", 2, 3, NO_BLANKS),
        ("x a =5", "'a' is no argument of x", 2, 3, NO_BLANKS),
        ("x a := 5", "'a' is no argument of x", 2, 3, NO_BLANKS),
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
        ("x a=1e400", TOO_LARGE, 4, 9, "to have it as text, put it in quotes"),
        ("x a:=", "JSON must follow :=", 3, 5, ""),
        ("x l=[1 2]", "expected a comma or ]", 7, 8, None),
        ("x l={1: 2}", "expected a name in quotes or }", 5, 6, None),
        ('x l={"a" 1}', "expected a colon", 9, 10, None),
        ('x l={"a": 1, "a": 2}', "the name 'a' is given twice", 13, 14, None),
        ("x l=[1}", "expected a comma or ]", 6, 7, None),
        ("x l=[nan]", "expected a value or ], not 'nan'", 5, 6, None),
        ('x {"a": 1} b=1', ALONE, 11, 12, ""),
        ('x b=1 {"a": 1}', ALONE, 6, 14, ""),
        ('x {"a": 1} {"b": 1}', ALONE, 11, 19, ""),
        ("x a=1 a=2", "a is given twice", 6, 7, ""),
        ("x a.b=1 a.b=1", "a.b is given twice", 8, 11, ""),
        ("x a.b=1 a=2", "a is given both a value and members", 8, 9, ""),
        ("x a=2 a.b=1", "a is given both a value and members", 6, 7, ""),
        ("x a={} a.b=1", "a is given both a value and members", 7, 8, ""),
        ("x a.b=1 a.b.c=1", "b is given both a value and members", 10, 11, ""),
        ("x a.b.c=1 a.b=1", "b is given both a value and members", 12, 13, ""),
        ("x a=null a.b=1", "a is given both a value and members", 9, 10, ""),
        ("x .a=1", "a part of the key is empty", 2, 3, ""),
        ("x a.=1", "a part of the key is empty", 3, 4, ""),
        ("x a..b=1", "a part of the key is empty", 4, 5, ""),
        ('x "\\q"=1', UNKNOWN_ESCAPE, 2, 6, ""),
        (
            '{"execute": "stop"} x',
            "text follows the JSON object",
            20,
            21,
            "a line of JSON is one object and nothing else",
        ),
        ("{]", "expected a name in quotes or }", 1, 2, ""),
        ('{"execute": True}', "expected a value, not 'True'", 12, 13, ""),
        ('{"a": 1,}', "expected a name in quotes", 8, 9, ""),
        ('x; {"a": nan}', "expected a value, not 'nan'", 9, 10, ""),
        ("x a\x07=1", "a control character (U+0007) stands in the line", 3, 4, ESCAPE_IT),
        ("x a=\x9b", "a control character (U+009B) stands in the line", 4, 5, ESCAPE_IT),
        ("x\0", "a control character (U+0000) stands in the line", 1, 2, ESCAPE_IT),
        ("x a=\ud800", "a byte that is no text in this terminal's encoding", 4, 5, ""),
    ],
)
def test_mistakes(line: str, reason: str, start: int, end: int, cure: str | None) -> None:
    """A cure of None stands where the text of it is the business of another test."""
    found = mistake(line)
    assert found[:3] == (reason, start, end)
    assert cure is None or found[3] == cure


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
def test_an_error_that_quoting_would_cure_says_so(line: str) -> None:
    _, _, _, cure = mistake(line)
    assert "quote" in cure


@pytest.mark.parametrize("line", ["x l=[1", 'x l={"a": [', "x {", 'x {"a": 1'])
def test_a_bracket_that_is_not_closed_is_marked_from_where_it_opens(line: str) -> None:
    reason, start, end, _ = mistake(line)
    assert reason == "the bracket is not closed"
    assert line[start] in "[{" and line[:start].rstrip(" ")[-1] in "=x"
    assert end == len(line)


def test_a_line_with_a_mistake_gives_nothing_of_itself() -> None:
    assert mistake("stop; cont; x y")[1:3] == (14, 15)


@pytest.mark.parametrize("digits", [4300, 5000, 100_000])
def test_an_integer_of_any_length_is_exact_or_refused(digits: int) -> None:
    for line in (f"x a={'9' * digits}", f"x a=[{'9' * digits}]", f"x a:={'9' * digits}"):
        found = outcome(line)
        if isinstance(found, LineError):
            assert found.reason == TOO_LARGE
        else:
            assert isinstance(found[0], Command)
            assert encode(found[0].arguments["a"]).strip("[]") == "9" * digits


@pytest.mark.parametrize("line", ["x a=[1e400]", "x a:=-1e400", 'x {"a": 1e999}'])
def test_a_number_too_large_is_refused_wherever_it_stands(line: str) -> None:
    assert mistake(line)[0] == TOO_LARGE


@given(st.integers())
def test_integers_are_exact(number: int) -> None:
    found = arguments(f"a={number} b:={number} c=[{number}]")
    assert found == {"a": number, "b": number, "c": [number]}


DEEP = 10_000


def test_deep_nesting_in_a_value() -> None:
    text = "[" * DEEP + "]" * DEEP
    assert encode(arguments(f"a={text}")["a"]) == text
    assert encode(arguments(f"a:={text}")["a"]) == text


def test_deep_nesting_as_all_the_arguments() -> None:
    text = '{"a": ' * DEEP + "1" + "}" * DEEP
    assert encode(arguments(text)) == text


def test_deep_nesting_in_raw_json() -> None:
    text = '{"a": ' * DEEP + "1" + "}" * DEEP
    (one,) = read_line(text)
    assert isinstance(one, RawCommand) and one.text == text
    assert encode(one.value) == text


@pytest.mark.parametrize("part", ["a", "0"])
def test_deep_nesting_in_a_key(part: str) -> None:
    found = arguments("k." + ".".join([part] * DEEP) + "=1")
    text = encode(found)
    assert text.count("{") + text.count("[") == DEEP + 1
    assert text.startswith('{"k": {"a": {"a": ' if part == "a" else '{"k": [[[')


SNIPPETS = """x = := a . 0 " ' { } [ ] ; # \\ json: 1e9 true , : "a" {'a':1} __c.d_e é""".split()
lines = st.lists(
    st.sampled_from([*SNIPPETS, " ", "\n", "\x1b", "\ud800"]) | st.text(max_size=4)
).map("".join)


@given(lines)
def test_any_text_gives_commands_or_a_mistake_in_its_place(line: str) -> None:
    found = outcome(line)
    if isinstance(found, LineError):
        assert found.reason
        assert 0 <= found.start < found.end
        assert found.start <= len(line)
        return
    for one in found:
        if isinstance(one, RawCommand):
            assert line[one.start :].startswith(one.text)
            assert isinstance(one.value, dict)
        else:
            assert line[one.start :].startswith(one.name)
            assert json.loads(encode(one.arguments)) == one.arguments


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
def test_any_json_can_be_given_as_a_value(value: object) -> None:
    assert arguments(f"a:={json.dumps(value)} b=1") == {"a": value, "b": 1}
    if not isinstance(value, (str, float)):
        assert arguments(f"a={json.dumps(value)}") == {"a": value}


@given(st.dictionaries(st.text(), json_values))
def test_any_json_object_can_be_the_arguments(value: dict[str, Any]) -> None:
    assert arguments(json.dumps(value)) == value


@given(st.text())
def test_any_text_can_be_given_in_quotes(text: str) -> None:
    assert arguments(f"a={json.dumps(text)}") == {"a": text}


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_any_key_can_be_given_in_quotes(parts: list[str]) -> None:
    expected: Any = 1
    for part in reversed(parts):
        expected = {part: expected}
    found = arguments(".".join(map(json.dumps, parts)) + "=1")
    if "0" not in parts[1:]:
        assert found == expected


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        ("x file={driver: null-co}", 'did you mean {"driver": "null-co"}?'),
        ("x {a: b, c: {d: [e, 5, -1.5, true, None]}}",
         'did you mean {"a": "b", "c": {"d": ["e", 5, -1.5, true, None]}}?'),
        ('x {"a": null-co}', 'did you mean {"a": "null-co"}?'),
        ("{execute: 'stop'}", 'did you mean {"execute": \'stop\'}?'),
        (f"x {{a: {'b' * 80}}}", "names and texts stand in quotes there"),
        ("x file={driver: a/b:c}", "to have it as text, put it in quotes"),
        ("x {a: b,, c: d}", ""),
        ('x {"a": "b" c}', ""),
    ],
)  # fmt: skip
def test_an_object_that_lacks_only_quotes_is_shown_with_them(line: str, cure: str) -> None:
    assert mistake(line)[3] == cure
