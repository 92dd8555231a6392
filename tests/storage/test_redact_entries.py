"""Entries of the history, of one line and of several: no secret survives, and all else does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import partial

import pytest
from hypothesis import given, strategies as st

from qmpshell.language import LineAssembler
from qmpshell.storage import redact_entry, redact_line
from tests.storage.test_redact import HUMAN_SECRETS, SECRET, SECRET_COMMANDS, TYPED


def keep(text: str) -> str | None:
    return redact_entry(text, human=False)


def logical_lines(text: str) -> list[str]:
    """What the shell reads of an entry; what is not whole is a line too."""
    assembler = LineAssembler()
    found = [assembler.feed(line, number) for number, line in enumerate(text.split("\n"))]
    found.append(assembler.take() if assembler.open else None)
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
def test_each_line_loses_its_own_secret(text: str, expected: str) -> None:
    assert keep(text) == expected
    assert keep(expected) == expected


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
def test_a_line_whose_backslash_was_forgotten(text: str, expected: str) -> None:
    assert keep(text) == f"{expected}\nstop"


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
def test_prompts_and_replies_that_were_pasted_are_not_kept(text: str, expected: str | None) -> None:
    assert keep(text) == expected


@pytest.mark.parametrize("human", [False, True])
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    "text", ["", "\n", " stop", "\tstop", " \n", ' {"execute":\n"stop"}', " stop\ncont"]
)
def test_an_entry_that_begins_with_a_blank_or_is_empty_is_not_kept(
    text: str, human: bool, raw: bool
) -> None:
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
def test_what_has_no_secret_comes_back_as_it_is(text: str) -> None:
    assert keep(text) == text


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
def test_broken_pieces_with_a_secret_are_not_kept(text: str) -> None:
    assert keep(text) is None
    assert keep(f"stop\n{text}") == "stop"
    assert redact_entry(text, human=False, raw=True) is None


def test_what_follows_broken_json_is_judged_with_it() -> None:
    text = '{"execute" "x"}\nobject-add qom-type=secret id=s data=hunter2'
    assert keep(text) is None
    assert keep("stop\n" + text.partition("\n")[0]) == 'stop\n{"execute" "x"}'


@pytest.mark.parametrize(("line", "redacted"), HUMAN_SECRETS)
def test_lines_of_the_human_monitor_and_raw_ones_are_kept_whole_or_not_at_all(
    line: str, redacted: str
) -> None:
    text = f"info status\n{line}\ninfo name"
    assert redact_entry(text, human=True) == "info status\ninfo name"
    assert redact_entry(text, human=False, raw=True) is None
    assert keep(f"stop\n/hmp {line}") == "stop"


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
def test_other_human_and_raw_lines_are_left_as_they_are(text: str) -> None:
    assert redact_entry(text, human=True) == text
    assert redact_entry(text, human=False, raw=True) == text


@pytest.mark.parametrize("command", SECRET_COMMANDS, ids=json.dumps)
def test_json_with_a_secret_is_not_kept_anywhere(command: dict[str, object]) -> None:
    for text in (json.dumps(command), "-> " + json.dumps(command, indent=4)):
        assert keep(text) is None
        assert keep(f"stop\n{text}\ncont") == "stop\ncont"
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
    *(json.dumps(one) for one in SECRET_COMMANDS),
    *(json.dumps(one, indent=2) for one in SECRET_COMMANDS),
]
HOLDING_HUMAN = [f"/hmp {line}" for line, _ in HUMAN_SECRETS]
REPLIES = ['<- {"return": {}}', '<- { "return": [\n  { "cookie": "hunter2" } ] }', "<- {\n...\n"]


@given(st.lists(st.sampled_from(HARMLESS), min_size=1), st.booleans())
def test_harmless_lines_come_back_as_they_are(pieces: list[str], human: bool) -> None:
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
def test_what_runs_again_is_what_is_kept(pieces: list[tuple[str, str]]) -> None:
    text = "\n".join(prompt + piece if piece[:1] != "<" else piece for prompt, piece in pieces)
    kept = keep(text)
    if text[:1] == " ":
        assert kept is None
        return
    wanted = [redact_line(line) for line in logical_lines(text)]
    assert stripped(logical_lines(kept or "")) == stripped(filter(None, wanted))
    assert keep(kept or "") == kept


def plain_blanks(text: str) -> list[int]:
    """Where a blank, a comma or a bracket stands outside quotes."""
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', lambda match: "x" * len(match[0]), text)
    return [at for at, char in enumerate(outside) if char in " \n,:{}[]="]


def cut_off(text: str, at: int) -> str:
    return text[:at]


def broken_in_two(text: str, at: int) -> str:
    return f"{text[:at]}\n{text[at:]}"


def one_lost(text: str, at: int) -> str:
    return text[:at] + text[at + 1 :]


def one_too_many(text: str, at: int) -> str:
    return f"{text[:at]},{text[at:]}"


@given(st.data(), st.sampled_from([cut_off, broken_in_two, one_lost, one_too_many]))
def test_no_secret_survives_a_line_that_is_broken(
    data: st.DataObject, damage: Callable[[str, int], str]
) -> None:
    choice = HOLDING
    if damage is cut_off:  # what else were left of a line for the human monitor may be anything
        choice = HOLDING + HOLDING_HUMAN
    elif damage is one_too_many:  # as may be a key with a comma in it
        choice = [line for line in HOLDING if line[0] == "{"]
    line = data.draw(st.sampled_from(choice))
    before = data.draw(st.lists(st.sampled_from([*HARMLESS, *REPLIES])))
    after = data.draw(st.lists(st.sampled_from([*HARMLESS, *REPLIES])))
    raw = line[0] == "{"  # in raw mode the rest means nothing
    places = plain_blanks(line)
    if places:
        line = damage(line, data.draw(st.sampled_from(places)))
    text = "\n".join([*before, line, *after])
    assert SECRET not in (keep(text) or "")
    assert not raw or SECRET not in (redact_entry(text, human=False, raw=True) or "")


@given(st.text(alphabet="-> <{}\"':,=\\#ab1 \t[]\n") | st.text(), st.booleans(), st.booleans())
def test_any_entry_is_safe(text: str, human: bool, raw: bool) -> None:
    kept = redact_entry(text, human=human, raw=raw)
    assert kept is None or (kept.strip() and kept[0] not in " \t")


def test_long_entries_take_time_in_proportion(
    count_lines: Callable[[Callable[[], object]], int],
) -> None:
    for piece in ("stop\n", "a b=1 \\\n", '{"a": 1}\n', '"a": 1,\n', "x password=a\n"):
        small = count_lines(partial(keep, piece * 100))
        assert count_lines(partial(keep, piece * 400)) < 6 * small, piece
