"""Tests that history entries, of one line or several, are saved without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import partial

import pytest
from hypothesis import given, strategies as st

from qmpshell.language import LineAssembler, is_transcript
from qmpshell.storage import redact_entry, redact_line
from tests.storage.test_redact import HUMAN_SECRETS, SECRET, SECRET_COMMANDS, TYPED


def redact(text: str) -> str | None:
    return redact_entry(text, human=False)


def logical_lines(text: str) -> list[str]:
    """Return the logical lines of an entry, including an incomplete last line."""
    assembler = LineAssembler(transcript=is_transcript(text))
    found = [assembler.feed(line, number) for number, line in enumerate(text.split("\n"))]
    found.append(assembler.pop() if assembler.open else None)
    return [line.text for line in found if line is not None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set_password protocol=vnc password=hunter2", "set_password protocol=vnc password=@?"),
        (
            "stop\nset_password protocol=vnc password=hunter2\ncont",
            "stop\nset_password protocol=vnc password=@?\ncont",
        ),
        (
            "set_password protocol=vnc \\\n  password='hunter2' \\\n  connected=keep\nstop",
            "set_password protocol=vnc \\\n  password=@? \\\n  connected=keep\nstop",
        ),
        (
            "-> set_password \\\n password=hunter2 \\\n display=d0",
            "set_password \\\n password=@? \\\n display=d0",
        ),
        ('(QEMU) stop\n{"return": {}}\n(QEMU) cont', "stop\ncont"),
        (
            "{}\n(QEMU) transaction(\nTRANS> x password=hunter2\nTRANS> )\nhunter2",
            "transaction(\nx password=@?\n)",
        ),
        ("(QEMU) a \\\n... password=hunter2", "a \\\npassword=@?"),
        ("set_password password=hunter2 \\\n", "set_password password=@? \\"),
        (
            "transaction(\nx password=hunter2\ny b=c\n) new-password=hunter2\nstop",
            "transaction(\nx password=@?\ny b=c\n) new-password=@?\nstop",
        ),
        ("transaction(\nx password=hunter2", "transaction(\nx password=@?"),
        ("stop\nset_password vnc hunter2\ncont", "stop\ncont"),
        ("/hmp change vnc password hunter2\n  cont", "cont"),
        (
            'stop\n{"execute": "x",\n "arguments": {"password":\n "hunter2"}}\ncont',
            "stop\ncont",
        ),
        ('stop\n{"execute": "x",\n "arguments": {"password":\n "hunter2', "stop"),
    ],
)
def test_each_line_of_entry_is_redacted(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "object-add qom-type=secret id=s\n  data=hunter2\nstop",
            "object-add qom-type=secret id=s",
        ),
        ("set_password protocol=vnc\npassword=hunter2\nstop", "set_password protocol=vnc"),
        ("set_password password=\nhunter2\nstop", "set_password password="),
        ("guest-exec path=/x env=[\n'PASSWORD=a',\nhunter2]\nstop", "guest-exec path=/x env=["),
    ],
)
def test_line_without_its_backslash_is_redacted(text: str, expected: str) -> None:
    assert redact(text) == f"{expected}\nstop"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-> stop", "stop"),
        ("(QEMU) stop\n  (QEMU)   cont", "stop\n  cont"),
        ("TRANS> transaction(\n-> a\n)", "transaction(\n-> a\n)"),
        ('-> {"execute": "stop"}\n<- {"return": {}}', '{"execute": "stop"}'),
        (
            '-> { "execute": "a",\n     "id": 1 }\n<- { "return": [\n  1 ] }\n-> b\n<- {}\n',
            '{ "execute": "a",\n     "id": 1 }\nb',
        ),
        ('<- {"return": {"password": "hunter2"}}\nstop', "stop"),
        ('<- {"return": {}}', None),
        ("<- {\n...\n", None),
    ],
)
def test_pasted_prompts_and_replies_are_dropped(text: str, expected: str | None) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize("human", [False, True])
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    "text", ["", "\n", " stop", "\tstop", " \n", ' {"execute":\n"stop"}', " stop\ncont"]
)
def test_blank_or_indented_entry_is_dropped(text: str, human: bool, raw: bool) -> None:
    assert redact_entry(text, human=human, raw=raw) is None


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "query-status  ",
        "stop\n  cont\n\nquery-status",
        "# a remark \\\nstop",
        "blockdev-add driver=raw \\\n  node-name=n # \\",
        "object-add qom-type=secret id=s data=@?\nstop",
        "object-add qom-type=secret id=s \\\n data=@?",
        '{"execute":\n  "stop"}\n{"execute": "cont"}',
        '{"execute":\n  "sto',
        '{"execute" "stop"}\nstop',
        "transaction(\n  a x=1\n  b\n) p=1; c\nd",
        "data=@/run/key",
        "data=@?",
        "x data=1\nid=s node=2",
        'x "a',
        "/help secret\n/hmp info status",
    ],
)
def test_entry_without_secret_is_unchanged(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        '{"execute": "set_password" "arguments": {\n"protocol": "vnc",\n"password": "hunter2"}}',
        '{"execute": "object-add" "arguments": {"qom-type": "secret",\n "data": "hunter2"}}',
        '{"qom-type": "secret"]\n"data":\n"hunter2"}',
        '"data": "hunter2"}}',
        "id=s0 data=hunter2",
        "data:=hunter2",
        'set_password {"password":\n"hunter2"}',
    ],
)
def test_broken_line_with_secret_is_dropped(text: str) -> None:
    assert redact(text) is None
    assert redact(f"stop\n{text}") == "stop"
    assert redact_entry(text, human=False, raw=True) is None


def test_lines_after_broken_json_are_dropped_with_secret() -> None:
    text = '{"execute" "x"}\nobject-add qom-type=secret id=s data=hunter2'
    assert redact(text) is None
    assert redact("stop\n" + text.partition("\n")[0]) == 'stop\n{"execute" "x"}'


@pytest.mark.parametrize("line", [line for line, _ in HUMAN_SECRETS])
def test_hmp_and_raw_lines_with_secrets_are_dropped(line: str) -> None:
    text = f"info status\n{line}\ninfo name"
    assert redact_entry(text, human=True) == "info status\ninfo name"
    assert redact_entry(text, human=False, raw=True) is None
    assert redact(f"stop\n/hmp {line}") == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "info qom-tree secret",
        "-> x\n<- y",
        "info name\n  stop \\",
        "x/10i $pc",
        "'",
        '{"execute":\n "qmp_capabilities"}',
        '{"execute": "x"]',
    ],
)
def test_hmp_and_raw_entries_without_secret_are_unchanged(text: str) -> None:
    assert redact_entry(text, human=True) == text
    assert redact_entry(text, human=False, raw=True) == text


@pytest.mark.parametrize("command", SECRET_COMMANDS, ids=json.dumps)
def test_json_command_with_secret_is_dropped(command: dict[str, object]) -> None:
    for text in (json.dumps(command), "-> " + json.dumps(command, indent=4)):
        assert redact(text) is None
        assert redact(f"stop\n{text}\ncont") == "stop\ncont"
        assert redact_entry(text, human=False, raw=True) is None
        assert redact_entry(text, human=True) is None


# -- any text --------------------------------------------------------------------------------------

HARMLESS = [
    "stop",
    "  cont",
    "",
    "# a remark",
    "device_add driver=virtio-net-pci \\\n  id=n0 \\\n  bus=pcie.0",
    '{"execute": "query-name"}',
    '{ "execute":\n  "query-block",\n\n  "id": [1, {"a": "}"}] }',
    "transaction(\nblock-dirty-bitmap-add node=d0 name=b0\n)",
    "transaction( a x=1; b ) properties.completion-mode=grouped; c",
    "/wait STOP; /hmp info status",
    'blockdev-add driver=luks key-secret=s0 node-name="it\'s"',
]
HOLDING = [
    *(line.replace("SECRET", f'"a {SECRET}"') for line in TYPED),
    *(line.replace(" ", " \\\n  ").replace("SECRET", SECRET) for line in TYPED[:9]),
    *(json.dumps(command) for command in SECRET_COMMANDS),
    *(json.dumps(command, indent=2) for command in SECRET_COMMANDS),
]
HOLDING_HUMAN = [f"/hmp {line}" for line, _ in HUMAN_SECRETS]
REPLIES = ['<- {"return": {}}', '<- { "return": [\n  { "cookie": "hunter2" } ] }', "<- {\n...\n"]


@given(st.lists(st.sampled_from(HARMLESS), min_size=1), st.booleans())
def test_random_harmless_lines_are_unchanged(pieces: list[str], human: bool) -> None:
    text = "\n".join(pieces).lstrip().rstrip("\n")
    assert redact_entry(text, human=human) == (text or None)
    assert redact_entry(text, human=False, raw=True) == (text or None)


def stripped(lines: Iterable[str]) -> list[str]:
    return [line.strip() for line in lines if line.strip()]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "-> ", "(QEMU) "]),
            st.sampled_from([*HARMLESS, *HOLDING, *HOLDING_HUMAN, *REPLIES]),
        ),
        min_size=1,
    )
)
def test_redacted_entry_runs_the_same_redacted_lines(pieces: list[tuple[str, str]]) -> None:
    text = "\n".join(prompt + piece if piece[:1] != "<" else piece for prompt, piece in pieces)
    redacted = redact(text)
    if text[:1] == " ":
        assert redacted is None
        return
    expected_lines = [redact_line(line) for line in logical_lines(text)]
    assert stripped(logical_lines(redacted or "")) == stripped(filter(None, expected_lines))
    assert redact(redacted or "") == redacted


def unquoted_separators(text: str) -> list[int]:
    """Return the positions of blanks and punctuation outside quotes."""
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', lambda match: "x" * len(match[0]), text)
    return [at for at, char in enumerate(outside) if char in " \n,:{}[]="]


def truncate(text: str, at: int) -> str:
    return text[:at]


def insert_line_end(text: str, at: int) -> str:
    return f"{text[:at]}\n{text[at:]}"


def drop_character(text: str, at: int) -> str:
    return text[:at] + text[at + 1 :]


def insert_comma(text: str, at: int) -> str:
    return f"{text[:at]},{text[at:]}"


@given(st.data(), st.sampled_from([truncate, insert_line_end, drop_character, insert_comma]))
def test_secret_in_damaged_line_is_dropped(
    data: st.DataObject, damage: Callable[[str, int], str]
) -> None:
    choice = HOLDING
    if damage is truncate:  # other damage to an HMP line can give any valid line
        choice = HOLDING + HOLDING_HUMAN
    elif damage is insert_comma:  # an extra comma can become part of a key
        choice = [line for line in HOLDING if line[0] == "{"]
    line = data.draw(st.sampled_from(choice))
    before = data.draw(st.lists(st.sampled_from([*HARMLESS, *REPLIES])))
    after = data.draw(st.lists(st.sampled_from([*HARMLESS, *REPLIES])))
    raw = line[0] == "{"  # raw mode accepts only JSON
    places = unquoted_separators(line)
    if places:
        line = damage(line, data.draw(st.sampled_from(places)))
    text = "\n".join([*before, line, *after])
    assert SECRET not in (redact(text) or "")
    assert not raw or SECRET not in (redact_entry(text, human=False, raw=True) or "")


@given(st.text(alphabet="-> <{}\"':,=\\#ab1 \t[]\n") | st.text(), st.booleans(), st.booleans())
def test_random_entry_gives_nonblank_text_or_none(text: str, human: bool, raw: bool) -> None:
    redacted = redact_entry(text, human=human, raw=raw)
    assert redacted is None or (redacted.strip() and redacted[0] not in " \t")


def test_long_entries_take_linear_time(
    count_lines: Callable[[Callable[[], object]], int],
) -> None:
    for piece in ("stop\n", "a b=1 \\\n", '{"a": 1}\n', '"a": 1,\n', "x password=a\n"):
        small = count_lines(partial(redact, piece * 100))
        assert count_lines(partial(redact, piece * 400)) < 6 * small, piece


def test_shell_command_with_secret_leaves_hmp_history() -> None:
    secret = "/oob set_password protocol=vnc password=hunter2"
    for line in (secret, "/hmp set_password vnc hunter2"):
        assert redact_entry(line, human=True) is None
        assert redact_entry(f"info name\n{line}", human=True) == "info name"
    assert redact_entry("/last | less", human=True) == "/last | less"
