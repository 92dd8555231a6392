"""Tests of the assembly of physical lines into logical lines, and of their positions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import LineError
from qmpshell.language import (
    Introspection,
    LineAssembler,
    LogicalLine,
    evaluate_line,
    is_transcript,
)
from tests.harness.evaluation import no_file


def first_error(line: LogicalLine) -> LineError:
    """Return the mistake that is reported of a line."""
    with pytest.raises(LineError) as caught:
        evaluate_line(line.text, Introspection(read_file=no_file))
    return caught.value


def assemble(
    text: str, *, verbatim: bool = False, human: bool = False, transcript: bool = False
) -> list[str]:
    """Return the logical lines of a text; an error is returned as "!REASON"."""
    assembler = LineAssembler(verbatim=verbatim, human=human, transcript=transcript)
    found: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        whole = assembler.feed(line, number)
        if whole is not None:
            found.append(f"!{first_error(whole).reason}" if assembler.is_broken else whole.text)
    try:
        assembler.end()
    except LineError as error:
        found.append("!" + error.reason)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stop", ["stop"]),
        ("", [""]),
        ("a\nb", ["a", "b"]),
        ("a \\\nb=1", ["a \nb=1"]),
        ("a \\\n  b=1 \\\n  c=2", ["a \n  b=1 \n  c=2"]),
        ("a\t\\\nb", ["a\t\nb"]),
        ("\\\nb", ["\nb"]),
        ("a b=c\\\nd", ["a b=c\\", "d"]),
        ("a \\\\\nd", ["a \\\\", "d"]),
        ("# a \\\nb", ["# a \\", "b"]),
        ("  # a \\\nb", ["  # a \\", "b"]),
        ("a \\ \nb", ["a \\ ", "b"]),
        ("a \\", ["!the line is continued, but the input ends"]),
    ],
)
def test_backslash_joins_lines(text: str, expected: list[str]) -> None:
    assert assemble(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"execute": "stop"}', ['{"execute": "stop"}']),
        ('{ "execute":\n  "stop"\n}', ['{ "execute":\n  "stop"\n}']),
        ('{"a":\n\n1}\nstop', ['{"a":\n\n1}', "stop"]),
        ('  {\n# "}": 1}', ["!expected a name in quotes or }"]),
        ('{"a": "-> ",\n"b": "x"}', ['{"a": "-> ",\n"b": "x"}']),
        ("{'a':\n'}'}", ["{'a':\n'}'}"]),
        ('{"a": 1}\n{"b": 2}', ['{"a": 1}', '{"b": 2}']),
        ('{"a": 1} x', ['{"a": 1} x']),
        ('{"a": 1}{"b":\n2} {"c": 3}\nx', ['{"a": 1}{"b":\n2} {"c": 3}', "x"]),
        ('{"a":\n1};{"b":\n2}', ['{"a":\n1};{"b":\n2}']),
        ('{"a": 1} \xa0; {"b":\n\xa02}', ['{"a": 1} \xa0; {"b":\n\xa02}']),
        ('{"a": 1}{b', ["!expected a name in quotes or }"]),
        ('{"a": 1}{"b":', ["!the JSON object is not complete, but the input ends"]),
        ('{"a": [1,\n2]}; stop', ['{"a": [1,\n2]}; stop']),
        ('x {"a":\nstop', ['x {"a":', "stop"]),
        ('{"a":', ["!the JSON object is not complete, but the input ends"]),
        ("{", ["!the JSON object is not complete, but the input ends"]),
    ],
)
def test_open_json_joins_lines(text: str, expected: list[str]) -> None:
    assert assemble(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("transaction( a x=1; b )", ["transaction( a x=1; b )"]),
        ("transaction(\na x=1\nb\n)\nstop", ["transaction(\na x=1\nb\n)", "stop"]),
        ("  transaction(\n  a\n  ) p=1\nstop", ["  transaction(\n  a\n  ) p=1", "stop"]),
        ("transaction(\n\n# )\na\n)", ["transaction(\n\n# )\na\n)"]),
        ("transaction(\na x=)\n)", ["transaction(\na x=)\n)"]),
        ('transaction(\na x=" ) "\n)', ['transaction(\na x=" ) "\n)']),
        ("transaction(\na \\\n  x=1\nb\n)", ["transaction(\na    x=1\nb\n)"]),
        ("TRANS> transaction(\na\n)", ["transaction(\na\n)"]),
        ("transaction(\na\n); b\nstop", ["transaction(\na\n); b", "stop"]),
        ("transaction( a ); transaction(\nb\n)", ["transaction( a ); transaction(\nb\n)"]),
        ("transaction(\na x=1)", ["!a blank must precede )"]),
        (
            "transaction(\na x=1) \\\ny=2",
            ["!the transaction is not closed with ), but the input ends"],
        ),
        ("transaction(\na", ["!the transaction is not closed with ), but the input ends"]),
        ("transaction(a\nb", ["!the transaction is not closed with ), but the input ends"]),
        ("transaction(a\nb )\nc", ["transaction(a\nb )", "c"]),
        ("stop; transaction(\na\n)", ["stop; transaction(\na\n)"]),
    ],
)
def test_open_transaction_joins_lines(text: str, expected: list[str]) -> None:
    assert assemble(text) == expected


@pytest.mark.parametrize(
    ("lines", "reason", "number", "column"),
    [
        (["{]"], "expected a name in quotes or }", 1, 2),
        (["{stop"], "expected a name in quotes or }", 1, 2),
        (['{"a": 1,', ' "b" 2,', ' "c": 3}'], "expected a colon", 2, 6),
        (['{"a": "x', 'y"}'], "the string is not closed", 1, 7),
        (["{", '"a": [1,', "2}"], "expected a comma or ]", 3, 2),
        (['  {"a": True}'], "expected a value, not 'True'", 1, 9),
        (['-> {"a":', "nil}"], "expected a value, not 'nil'", 2, 1),
        (['-> {"a": nil}'], "expected a value, not 'nil'", 1, 10),
    ],
)
def test_json_error_reports_its_physical_line(
    lines: list[str], reason: str, number: int, column: int
) -> None:
    assembler = LineAssembler()
    for at, line in enumerate(lines[:number], 1):
        if at < number:
            assert assembler.feed(line, at) is None
            assert assembler.open
            continue
        taken = assembler.feed(line, at)
        assert taken is not None
        assert assembler.is_broken
        error = first_error(taken)
        assert error.reason == reason
        assert taken.locate(error.start) == (number, column, line)
    assert not assembler.open
    after = assembler.feed("stop", 9)
    assert after is not None and after.text == "stop"


DOCUMENTATION = """-> { "execute": "query-status" }
<- { "return": { "running": true,
                 "status": "running" } }
-> { "execute": "x",
     "arguments": { "a": [ 1,
                           2 ] } }
<- { "return": {} }
"""


def test_pasted_documentation_gives_its_commands() -> None:
    first, second, last = assemble(DOCUMENTATION)
    assert json.loads(first) == {"execute": "query-status"}
    assert json.loads(second) == {"execute": "x", "arguments": {"a": [1, 2]}}
    assert last == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-> stop", ["stop"]),
        ("\xa0-> stop", ["stop"]),
        ("  -> stop", ["stop"]),
        ("(QEMU) stop", ["stop"]),
        ("TRANS> stop", ["stop"]),
        ("->stop", ["->stop"]),
        ("(qemu) stop", ["(qemu) stop"]),
        ("-> -> stop", ["-> stop"]),
        ("a \\\n-> b", ["a \n-> b"]),
        ('<- {"return": {}}\nstop', ["stop"]),
        ('  <- {"return": {}}\nstop', ["stop"]),
        ('<- {"return": "{"}\nstop', ["stop"]),
        ('<- {"return": "\\"{"}\nstop', ["stop"]),
        ('<- {"return":\n[1,\n2]}\nstop', ["stop"]),
        ("<-\n{", ["<-", "!the JSON object is not complete, but the input ends"]),
        ('<- {"return": [\n...\n-> stop', ["stop"]),
        ('<- {"return": [\n...\n(QEMU) stop', ["stop"]),
        ('<- {"return": [\n...\n\nstop', ["", "stop"]),
        ('<- {"return": [\n...\n   \t\nstop', ["   \t", "stop"]),
        ('<- {"return": [\n<- {"event": 1}\nstop', ["stop"]),
        ('<- {"return": {}}\n<- {"event": "X"}\n-> stop\n<- {"return": {}}', ["stop"]),
        ('-> {"execute": "a"}\n<- {"return": {}}', ['{"execute": "a"}']),
        ('<- {"return": [', []),
        ('{"execute":\n<- x', ["!expected a value"]),
    ],
)
def test_pasted_prompts_and_replies_are_dropped(text: str, expected: list[str]) -> None:
    assert assemble(text) == expected


# A session of qmp-shell -v -p, and one of this shell, as copied from the screen.
QMP_SHELL = """\
Welcome to the QMP low-level shell!
Connected to QEMU 7.2.22

(QEMU) query-status
{"execute": "query-status", "arguments": {}}
{
    "return": {
        "status": "running",
...
    }
}
(QEMU)
(QEMU) transaction(
TRANS> block-dirty-bitmap-add node=d0 name=b0
TRANS> block-dirty-bitmap-add node=d0 name=b1
TRANS> )
{"return": {}}
Event: STOP
(QEMU) stop now
Error while parsing command line: Expected a key=value pair, got 'now'
command format: <command-name>  [arg-name1=arg1] ... [arg-nameN=argN]
(QEMU) """
OWN = """\
(QEMU) {"execute":
...  "query-name"}
{"return": {}}   (1 ms)
(QEMU) stop
... cont
...
{"return": {}}
12:00:00.123 RESUME
... 20 more lines
(QEMU) x \\
...   a=1
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            QMP_SHELL,
            [
                "query-status",
                "transaction(\nblock-dirty-bitmap-add node=d0 name=b0\n"
                "block-dirty-bitmap-add node=d0 name=b1\n)",
                "stop now",
            ],
        ),
        (OWN, ['{"execute":\n "query-name"}', "stop", "cont", "x \n  a=1"]),
        ('(QEMU) stop\n-> {"execute": "stop"}\n{"return": {}}', ["stop"]),
        ("(QGA) guest-ping\n{}\n(QGA)\tguest-info", ["guest-ping", "guest-info"]),
        ("(QEMU)\xa0stop\ncont", ["stop"]),
        ("...\nstop\n  ...", ["stop"]),
        ("<- {}\n(QEMU) stop\n<- {}\ncont", ["stop", "cont"]),
        ('{"execute":\n...\n"stop"}', ["!expected a value, not '...'", '"stop"}']),
        ("(QEMU)stop", ["(QEMU)stop"]),
    ],
)
def test_transcript_gives_the_commands_behind_prompts(text: str, expected: list[str]) -> None:
    assert [line for line in assemble(text) if line][: len(expected)] == expected
    assert len([line for line in assemble(text) if line]) == len(expected)


def test_transcript_that_begins_with_output_skips_it() -> None:
    text = '{"return": {}}\n(QEMU) stop\n{"return": {}}\n'
    assert is_transcript(text)
    assert assemble(text, transcript=True) == ["stop"]


@pytest.mark.parametrize(
    "banner",
    [
        "Connected to QEMU 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18) at a.sock.\n"
        "Tab completes, F1 explains what you type, /help lists the shell commands.\n"
        "Ctrl-D leaves the shell and QEMU running; quit ends QEMU itself.\nVM state: prelaunch",
        "Connected to a guest agent at a.sock. Ctrl-D leaves the shell.",
        "Connected to a server that sent no greeting at a.sock.",
        "Connected to QEMU, version unknown at a.sock.\n/help lists the shell commands.",
        "Connected to QEMU 7.2.22",
        "Tab completes, F1 explains what you type, help lists the commands.",
        "\n# a comment\nVM state: prelaunch",
    ],
)
@pytest.mark.parametrize("human", [False, True])
def test_own_banner_starts_a_transcript(banner: str, human: bool) -> None:
    prompt = "(qemu)" if human else "(QEMU)"
    found = assemble(f"{banner}\n{prompt} stop\n{{}}", human=human)
    assert [line for line in found if line and not line.startswith("#")] == ["stop"]


@pytest.mark.parametrize(
    "text",
    [
        "stop\nVM state: prelaunch",
        "Connected to a.sock",
        "VM state: a b",
        " VM state: a",
        "stop\nWelcome to the QMP low-level shell!",
    ],
)
def test_other_output_does_not_start_a_transcript(text: str) -> None:
    assert assemble(f"{text}\ncont") == [*text.split("\n"), "cont"]


@pytest.mark.parametrize("text", ["stop", "-> stop\n(QEMU) cont", "(qemu) stop", "a (QEMU) b"])
def test_text_with_arrows_is_not_a_transcript(text: str) -> None:
    assert not is_transcript(text)


def test_monitor_transcript_gives_the_commands_behind_prompts() -> None:
    text = (
        "QEMU 7.2.22 monitor - type 'help' for more information\n(qemu) info name\nvm\n"
        "(qemu)\n(qemu) x /2i $pc\n0xfff0: ljmpl *\n<- x\n(QEMU) stop\n"
    )
    found = ["info name", "x /2i $pc", "stop"]
    assert assemble(text, human=True) == found
    assert is_transcript(text, human=True)
    assert assemble(text.partition("\n")[2], human=True) == found


@pytest.mark.parametrize("line", ["-> x", "<- x", "a \\", "{", "", "  b", "..."])
def test_monitor_line_without_transcript_is_unchanged(line: str) -> None:
    assert assemble(line, human=True) == [line]


def test_note_about_skipped_lines_appears_once() -> None:
    assembler = LineAssembler()
    notes: list[str] = []
    for number, line in enumerate(("(QEMU) a", "", "x", "y", "(QEMU) b", "z"), 1):
        assembler.feed(line, number)
        notes.append(assembler.pop_note())
    assert [bool(note) for note in notes] == [False, False, True, False, False, False]
    assembler.feed("...", 1)
    assert LineAssembler().pop_note() == ""


def test_offset_of_is_the_inverse_of_locate() -> None:
    assembler = LineAssembler()
    assembler.feed("(QEMU) transaction(", 1)
    assembler.feed("TRANS> a", 2)
    line = assembler.pop()
    for offset in range(len(line.text)):
        number, column, _ = line.locate(offset)
        assert line.offset_of(number, column - 1) == offset
    assert line.offset_of(1, 0) == 0
    assert line.offset_of(1, 99) == line.text.index("\n")
    assert line.offset_of(2, 99) == len(line.text)


@pytest.mark.parametrize("line", ["(qemu) x", "-> x", "<- x", "a \\", "{", "", "  b"])
def test_verbatim_line_is_unchanged(line: str) -> None:
    assert assemble(line, verbatim=True) == [line]


@given(st.lists(st.text(alphabet="-> <{}\"':,\\#ab1 \t[]", max_size=12)))
def test_random_lines_report_errors_at_valid_positions(lines: list[str]) -> None:
    assembler = LineAssembler()
    for number, line in enumerate(lines, 1):
        whole = assembler.feed(line, number)
        if whole is not None and assembler.is_broken:
            at, column, _ = whole.locate(first_error(whole).start)
            assert at <= number
            assert 1 <= column <= len(lines[at - 1]) + 1
        if whole is not None:
            assert not assembler.open
            for offset, char in enumerate(whole.text):
                at, column, text = whole.locate(offset)
                assert text == lines[at - 1]
                if char != "\n":
                    assert text[column - 1] == char
    try:
        assembler.end()
    except LineError as error:
        assert assembler.open
        at, column, _ = assembler.pop().locate(error.start)
        assert 1 <= at <= len(lines) and column >= 1


def test_locate_returns_physical_line_and_column() -> None:
    assembler = LineAssembler()
    assert assembler.feed("-> a \\", 7) is None
    whole = assembler.feed("  b=1", 8)
    assert whole is not None
    assert whole.text == "a \n  b=1"
    assert whole.locate(0) == (7, 4, "-> a \\")
    assert whole.locate(whole.text.index("b")) == (8, 3, "  b=1")
    assert whole.locate(len(whole.text)) == (8, 6, "  b=1")


def test_locate_clamps_position_to_line_end() -> None:
    line = LogicalLine()
    line.add("abc", number=3, line="abc", dropped=0)
    assert line.locate(99) == (3, 4, "abc")


def test_locate_in_second_line_uses_its_number() -> None:
    assembler = LineAssembler()
    assembler.feed("a", 1)
    whole = assembler.feed("b", 2)
    assert whole is not None and whole.locate(0) == (2, 1, "b")


def test_pop_resets_the_assembler() -> None:
    assembler = LineAssembler()
    assert assembler.feed('{"a":', 1) is None
    assert assembler.pop().text == '{"a":'
    assert not assembler.open
    assembler.end()
    whole = assembler.feed("1}", 2)
    assert whole is not None and whole.text == "1}"


@pytest.mark.parametrize(
    ("lines", "place"),
    [(["", '  {"a":'], (2, 3)), (["x", "  y \\"], (2, 3)), (["x \\", "y \\"], (1, 1))],
)
def test_incomplete_input_reports_start_of_line(lines: list[str], place: tuple[int, int]) -> None:
    assembler = LineAssembler()
    for number, line in enumerate(lines, 1):
        assembler.feed(line, number)
    with pytest.raises(LineError) as caught:
        assembler.end()
    assert assembler.pop().locate(caught.value.start)[:2] == place


def test_assembler_work_is_linear_in_lines(count_lines: Any) -> None:
    """Four times the JSON may execute at most six times as many lines of Python."""

    def run(size: int) -> None:
        assembler = LineAssembler()
        assembler.feed("{", 1)
        for number in range(size):
            assembler.feed(f'"a{number}": 1,', number + 2)

    small, large = (count_lines(lambda size=size: run(size)) for size in (100, 400))
    assert large < 6 * small
