"""Test when Enter ends the input and how the input is split into lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, strategies as st

from qmpshell.errors import LineError
from qmpshell.language import RawItem, SourceLine, parse
from qmpshell.session import PreparedLine
from qmpshell.storage import Settings
from qmpshell.terminal import InputSplitter
from tests.harness.sessions import Driver

UNFINISHED = "but the input ends"


def _error(line: SourceLine | PreparedLine) -> LineError | None:
    if isinstance(line, PreparedLine):
        return line.error
    items = [part.item for part in parse(line.line.text).parts]
    errors = [item.json.error for item in items if isinstance(item, RawItem)]
    return next(filter(None, errors), None)


def split(text: str, settings: Settings | None = None) -> list[str]:
    """Split the text and return the lines; an error in one or in its JSON becomes "!REASON"."""
    is_plain = settings is not None and (settings.hmp or settings.raw)
    return [
        f"!{error.reason}" if (error := _error(line)) is not None and not is_plain else _text(line)
        for line in InputSplitter(settings or Settings()).lines(text)
        if not (isinstance(line, PreparedLine) and line.note)
    ]


@pytest.mark.parametrize(
    ("settings", "prompt", "found"),
    [
        (Settings(), "(QEMU)", ["", "stop", "cont"]),
        (Settings(hmp=True), "(qemu)", ["", "stop", "cont"]),
        (Settings(raw=True), "(qemu)", None),
    ],
)
def test_pasted_transcript_gives_one_note_and_its_commands(
    settings: Settings, prompt: str, found: list[str] | None
) -> None:
    text = f'{{"return": {{}}}}\n{prompt} stop\n{{"return": {{}}}}\n{prompt}\n{prompt} cont\nx'
    items = list(InputSplitter(settings).lines(text))
    notes = [item.note for item in items if isinstance(item, PreparedLine)]
    if found is None:
        assert notes == [] and len(items) == 6
        return
    lines = [item.line.text if isinstance(item, SourceLine) else "" for item in items]
    assert lines == found
    assert len(notes) == 1 and prompt in notes[0]
    assert InputSplitter(settings).is_transcript(text)


def _text(line: SourceLine | PreparedLine) -> str:
    assert isinstance(line, SourceLine)
    return line.line.text


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
        ("a x={'b':\n1}", ["a x={'b':", "1}"]),  # only raw JSON continues without \
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
def test_complete_input_is_split_into_lines(text: str, lines: list[str]) -> None:
    entry = InputSplitter(Settings())
    assert entry.is_whole(text)
    found = split(text)
    assert len(found) == len(lines)
    assert [
        text for text, line in zip(found, lines, strict=True) if not text.startswith(line)
    ] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "the JSON object is not complete"),
        ('{"execute":', "the JSON object is not complete"),
        ('{"a": [{}]\n', "the JSON object is not complete"),
        ('-> {"execute":', "the JSON object is not complete"),
        ("query-name \\", "the line is continued"),
        ("query-name \\\n\\", "the line is continued"),
        ("transaction(", "the transaction is not closed with )"),
        ("transaction(\na b=1\n", "the transaction is not closed with )"),
        ("transaction(\na b=')'", "the transaction is not closed with )"),
        ("stop; transaction( a", "the transaction is not closed with )"),
    ],
)
def test_incomplete_input_continues_and_fails_at_end(text: str, reason: str) -> None:
    assert not InputSplitter(Settings()).is_whole(text)
    assert not InputSplitter(Settings()).is_whole("query-name\n" + text)
    assert split("query-name\n" + text) == ["query-name", f"!{reason}, {UNFINISHED}"]


@pytest.mark.parametrize("end", ["] }", "\n", "-> stop", "<- {}", "(QEMU) stop"])
def test_reply_continues_until_its_end(end: str) -> None:
    text = '<- { "return": [\n{ "execute": "cont" },\n'
    assert not InputSplitter(Settings()).is_whole(text.rstrip())
    assert InputSplitter(Settings()).is_whole(text + end)
    assert [line for line in split(text + end) if line] == ["-> stop"[3:]] * ("stop" in end)


def test_json_error_ends_input_and_locates_itself() -> None:
    text = 'stop\n{"execute":\n  wrong}\ncont'
    assert InputSplitter(Settings()).is_whole(text)
    stop, broken, cont = InputSplitter(Settings()).lines(text)
    assert (_text(stop), _text(cont)) == ("stop", "cont")
    error = _error(broken)
    assert isinstance(broken, SourceLine)
    assert error is not None
    assert broken.line.locate(error.start) == (3, 3, "  wrong}")


def test_bracket_in_last_word_ends_input() -> None:
    text = "transaction(\n  a b=1)"
    assert InputSplitter(Settings()).is_whole(text)
    assert split(text) == ["!a blank must precede )"]
    (line,) = InputSplitter(Settings()).lines(text)
    error = _error(line)
    assert isinstance(line, PreparedLine)
    assert error is not None
    assert line.source.line.locate(error.start) == (2, 8, "  a b=1)")


@pytest.mark.parametrize("text", ['{"a": "}', "{'a': '}", '{"execute": "a b'])
def test_unclosed_string_ends_at_the_line_end(text: str) -> None:
    assert InputSplitter(Settings()).is_whole(text)
    mistake, following = split(f"{text}\nstop")
    assert mistake.startswith("!the string is not closed")
    assert following == "stop"


@pytest.mark.parametrize("text", ["{", "transaction(", "info name \\", "a\n{"])
def test_hmp_and_raw_lines_are_always_complete(text: str) -> None:
    assert InputSplitter(Settings(hmp=True)).is_whole(text)
    assert split(text, Settings(hmp=True)) == text.split("\n")
    assert InputSplitter(Settings(raw=True)).is_whole(text)
    assert split(text, Settings(raw=True)) == [line + "\n" for line in text.split("\n")]


# Arbitrary text, and text built from the tokens of the language.
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
@example("<- {", "")
def test_is_whole_agrees_with_lines(text: str, mode: str) -> None:
    settings = Settings(hmp=mode == "hmp", raw=mode == "raw")
    whole = InputSplitter(settings).is_whole(text)
    lines = split(text, settings)
    mistakes = [line for line in lines if line.startswith("!") and line not in text.split("\n")]
    if not whole and not mistakes:
        assert "<- " in text  # lines of a reply are skipped until it is complete
    elif not whole:
        assert mistakes == lines[-1:]
        assert UNFINISHED in lines[-1]
    elif mistakes:
        assert UNFINISHED not in mistakes[0]


@given(TEXTS)
def test_lines_have_increasing_line_numbers(text: str) -> None:
    places: list[int] = []
    for item in InputSplitter(Settings()).lines(text):
        source = item.source if isinstance(item, PreparedLine) else item
        number, column, line = source.line.locate(0)
        assert line == text.split("\n")[number - 1]
        assert column >= 1
        places.append(number)
    assert places == sorted(set(places))


@given(st.dictionaries(st.text(), st.lists(st.text() | st.integers())), st.data())
def test_indented_json_is_one_complete_input(value: dict[str, object], data: st.DataObject) -> None:
    text = json.dumps({"execute": "x", "arguments": value}, indent=data.draw(st.integers(0, 4)))
    entry = InputSplitter(Settings())
    lines = text.split("\n")
    part = "\n".join(lines[: data.draw(st.integers(1, len(lines)))])
    assert entry.is_whole(part) == (part == text)
    assert entry.is_whole(text)
    assert split(text) == [text]


@given(TEXTS, st.booleans())
def test_session_accepts_any_split_text(text: str, hmp: bool) -> None:
    driver = Driver(interactive=True, probe=False, hmp=hmp)
    for line in InputSplitter(driver.session.settings).lines(text):
        driver.submit(driver.session.prepare(line) if isinstance(line, SourceLine) else line)
