"""What is typed or pasted at one prompt: when Enter ends it, and the lines that it is taken apart into."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, strategies as st

from qmpshell.language import Source
from qmpshell.session import Prepared
from qmpshell.storage import Settings
from qmpshell.terminal import Entry
from tests.harness.sessions import Driver

UNFINISHED = "but the input ends"


def taken_apart(text: str, settings: Settings | None = None) -> list[str]:
    """The lines to be read; a mistake comes as "!REASON"."""
    return [
        f"!{one.error.reason}" if isinstance(one, Prepared) and one.error else _text(one)
        for one in Entry(settings or Settings()).lines(text)
    ]


def _text(one: Source | Prepared) -> str:
    assert isinstance(one, Source)
    return one.line.text


DOCUMENTATION = """\
-> { "execute": "block-stream",
     "arguments": { "device": "virtio0",
                    "base": "/tmp/master.qcow2" } }
<- { "return": {} }

-> {"execute": "query-name"}
<- {
     "return": {...}
   }
(QEMU) query-status
"""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("  ", ["  "]),
        ("query-name", ["query-name"]),
        ("query-name\nquery-status\n", ["query-name", "query-status", ""]),
        ("query-name; stop", ["query-name; stop"]),
        ('{"execute":\n "stop"}', ['{"execute":\n "stop"}']),
        ('\n{"execute":\n\n"stop"}\nstop', ["", '{"execute":\n\n"stop"}', "stop"]),
        ("a x={'b':\n1}", ["a x={'b':", "1}"]),  # only raw JSON goes on by itself
        ("a x=1 \\\n  y=2", ["a x=1 \n  y=2"]),
        ("transaction(\na b=1\nc d=2\n)", ["transaction(\na b=1\nc d=2\n)"]),
        ("transaction( a; b )\nstop", ["transaction( a; b )", "stop"]),
        ("# a note\nstop # another", ["# a note", "stop # another"]),
        ('{"execute" 1}\nstop', ["!expected a colon", "stop"]),
        (
            DOCUMENTATION,
            [
                '{ "execute": "block-stream",\n     "arguments": { "device": "virtio0",\n'
                '                    "base": "/tmp/master.qcow2" } }',
                "",
                '{"execute": "query-name"}',
                "query-status",
                "",
            ],
        ),
    ],
)
def test_what_is_whole_is_taken_apart(text: str, lines: list[str]) -> None:
    entry = Entry(Settings())
    assert entry.is_whole(text)
    found = taken_apart(text)
    assert len(found) == len(lines)
    assert [one for one, line in zip(found, lines, strict=True) if not one.startswith(line)] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "the JSON object is not complete"),
        ('{"execute":', "the JSON object is not complete"),
        ('{"a": [{}]\n', "the JSON object is not complete"),
        ('-> {"execute":', "the JSON object is not complete"),
        ("query-name \\", "the line goes on"),
        ("query-name \\\n\\", "the line goes on"),
        ("transaction(", "the transaction is not closed by )"),
        ("transaction(\na b=1\n", "the transaction is not closed by )"),
        ("transaction(\na b=')'", "the transaction is not closed by )"),
        ("transaction(\na b=1)", "the transaction is not closed by )"),
        ("stop; transaction( a", "the transaction is not closed by )"),
    ],
)
def test_what_is_not_whole_goes_on_and_is_a_mistake_if_it_is_ended_all_the_same(
    text: str, reason: str
) -> None:
    assert not Entry(Settings()).is_whole(text)
    assert not Entry(Settings()).is_whole("query-name\n" + text)
    assert taken_apart("query-name\n" + text) == ["query-name", f"!{reason}, {UNFINISHED}"]


def test_a_mistake_needs_no_more_lines_and_shows_its_own() -> None:
    text = 'stop\n{"execute":\n  wrong}\ncont'
    assert Entry(Settings()).is_whole(text)
    stop, broken, cont = Entry(Settings()).lines(text)
    assert (_text(stop), _text(cont)) == ("stop", "cont")
    assert isinstance(broken, Prepared)
    assert broken.error is not None
    assert broken.source.line.locate(broken.error.start) == (3, 3, "  wrong}")


@pytest.mark.parametrize("text", ['{"a": "}', "{'a': '}", '{"execute": "a b'])
def test_a_string_ends_on_its_line(text: str) -> None:
    assert Entry(Settings()).is_whole(text)
    mistake, following = taken_apart(f"{text}\nstop")
    assert mistake.startswith("!the string is not closed")
    assert following == "stop"


@pytest.mark.parametrize("text", ["{", "transaction(", "info name \\", "a\n{"])
def test_the_human_monitors_lines_and_bytes_stand_each_on_its_own(text: str) -> None:
    assert Entry(Settings(hmp=True)).is_whole(text)
    assert taken_apart(text, Settings(hmp=True)) == text.split("\n")
    assert Entry(Settings(raw=True)).is_whole(text)
    assert taken_apart(text, Settings(raw=True)) == [line + "\n" for line in text.split("\n")]


# Any text, and texts from the pieces that the language is made of.
TEXTS = st.one_of(
    st.text(st.characters()),
    st.lists(
        st.sampled_from(
            [
                *("{", "}", '"', "'", "[", "]", ":", ",", "(", ")", "\\", ";", "|", ">", "<", "#"),
                *("\n", "\n", "\n", " ", " ", "\t", "\r", "transaction(", " )", "-> ", "<- "),
                *("(QEMU) ", '{"execute":', '"stop"}', "query-name", "a=1", "b:=2", "=@?", "/oob "),
                *("/wait ", "/connect", "/last", "quit", "exit", "\x00", "\udcff", "\u2028", "ü"),
            ]
        ),
        max_size=25,
    ).map("".join),
)


@given(TEXTS, st.sampled_from(["hmp", "raw", ""]))
@example('{"a" 1}\n{', "")
def test_enter_and_taking_apart_agree_on_what_is_whole(text: str, mode: str) -> None:
    settings = Settings(hmp=mode == "hmp", raw=mode == "raw")
    whole = Entry(settings).is_whole(text)
    lines = taken_apart(text, settings)
    mistakes = [line for line in lines if line.startswith("!") and line not in text.split("\n")]
    if not whole:
        assert mistakes == lines[-1:]
        assert UNFINISHED in lines[-1]
    elif mistakes:
        assert UNFINISHED not in mistakes[0]


@given(TEXTS)
def test_every_line_is_taken_once_and_in_order(text: str) -> None:
    places: list[int] = []
    for one in Entry(Settings()).lines(text):
        source = one.source if isinstance(one, Prepared) else one
        number, column, line = source.line.locate(0)
        assert line == text.split("\n")[number - 1]
        assert column >= 1
        places.append(number)
    assert places == sorted(set(places))


@given(st.dictionaries(st.text(), st.lists(st.text() | st.integers())), st.data())
def test_json_may_be_broken_wherever_a_blank_may_stand(
    value: dict[str, object], data: st.DataObject
) -> None:
    text = json.dumps({"execute": "x", "arguments": value}, indent=data.draw(st.integers(0, 4)))
    entry = Entry(Settings())
    lines = text.split("\n")
    part = "\n".join(lines[: data.draw(st.integers(1, len(lines)))])
    assert entry.is_whole(part) == (part == text)
    assert entry.is_whole(text)
    assert taken_apart(text) == [text]


@given(TEXTS, st.booleans())
def test_no_text_breaks_a_session(text: str, hmp: bool) -> None:
    driver = Driver(interactive=True, probe=False, hmp=hmp)
    for one in Entry(driver.session.settings).lines(text):
        driver.submit(driver.session.prepare(one) if isinstance(one, Source) else one)
