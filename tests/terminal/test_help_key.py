"""Test which help line F1 produces for each cursor position."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from qmpshell.session.commands.help import KEY_BINDINGS
from qmpshell.terminal import help_line, hmp_help_line
from qmpshell.terminal.keys import make_bindings

# ^ marks the cursor.
PLACES = [
    ("^", "/help"),
    ("   ^", "/help"),
    ("# comment^", "/help"),
    ("stop^", "/help stop"),
    ("^stop", "/help stop"),
    ("st^op", "/help stop"),
    ("stop ^", "/help stop"),
    ("block-stream dev^ice=d0", "/help block-stream device device=d0"),
    (
        "blockdev-add driver=^qcow2 node-name=x",
        "/help blockdev-add driver driver=qcow2 node-name=x",
    ),
    ("blockdev-add^ driver=qcow2", "/help blockdev-add driver=qcow2"),
    ("blockdev-add file.driver=file ^", "/help blockdev-add file.driver=file"),
    ("blockdev-add driver=a driver=b^", "/help blockdev-add driver driver=b"),
    ("x a=\"b c\" d={'e': 1} f=^", "/help x f"),
    ("x a=b|c d=1^", "/help x d d=1"),
    (
        "blockdev-add driver=qcow2 file.driver=file lazy-ref^",
        "/help blockdev-add lazy-ref driver=qcow2 file.driver=file",
    ),
    ("block-commit on-err^or=ig", "/help block-commit on-error on-error=ig"),
    ("block-commit on-error=i^g base=x", "/help block-commit on-error on-error=ig base=x"),
    ("block-commit on-error=ig  ^ base=x", "/help block-commit on-error=ig base=x"),
    ("x a='b c^ d' e=1", "/help x a e=1"),
    ("x a.b={'c'^: 1}", "/help x a.b"),
    ('x props."a.b"=^1', "/help x"),
    ("stop; co^nt; quit", "/help cont"),
    ("st^op; cont", "/help stop"),
    ("stop; ^", "/help"),
    ("stop;^ cont", "/help"),
    ("stop | less^", "/help stop"),
    ("/wait JOB_STATUS^_CHANGE", "/help JOB_STATUS_CHANGE"),
    ("/wait ^-t 5 STOP", "/help /wait"),
    ("/wai^t STOP", "/help /wait"),
    ("/wait STOP id=^x", "/help /wait"),
    ("/nosuch^", "/help"),
    ("/wa^", "/help /wa"),
    ("query-st^", "/help query-st"),
    ("/hmp info bl^ock", "/help /hmp"),
    ("/help block-str^eam", "/help block-stream"),
    ("help block-str^eam", "/help block-stream"),
    ("?^", "/help /help"),
    ('{"execute": "stop"^}', "/help stop"),
    ("{'exec-oob': 'yank', 'id': 1}^", "/help yank"),
    ('{"execute": "stop; quit"}^', "/help"),
    ('{"a": 1}^', "/help"),
    ("transaction(\nblock-dirty-bitmap-add node=^d0", "/help block-dirty-bitmap-add node node=d0"),
    ("transaction(^", "/help"),
    ("a;b^", "/help"),
]


@pytest.mark.parametrize(("line", "expected"), PLACES)
def test_help_line_at_cursor_names_command_and_argument(line: str, expected: str) -> None:
    assert help_line(line.replace("^", ""), line.index("^")) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("^", "help"),
        ("  ^ ", "help"),
        ("migr^ate -d tcp:x", "help migrate"),
        ("migrate -d tcp:x^", "help migrate"),
        ("info^", "help info"),
        ("info bl^ock -v", "help info block"),
        ("help info block^", "help info block"),
        ("? stop^", "help stop"),
        ("help^", "help"),
        ("x/4i^ $pc", "help x"),
        ("'a^", "help"),
        ("stop\ninfo^ vnc\ncont", "help info vnc"),
        ("info block | less^", "help info block"),
        ("info | less^", "help info"),
    ],
)
def test_hmp_help_line_at_cursor_names_command(line: str, expected: str) -> None:
    assert hmp_help_line(line.replace("^", ""), line.index("^")) == expected


@given(st.one_of(st.text(), st.sampled_from([line for line, _ in PLACES])), st.integers(0, 80))
def test_help_line_of_any_text_is_one_command(text: str, cursor: int) -> None:
    for end in range(len(text) + 1):
        line = help_line(text[:end], min(cursor, end))
        assert line.split()[0] == "/help"
        assert "\n" not in line
        assert ";" not in line
        assert "|" not in line


def test_every_key_is_in_the_help() -> None:
    names = {
        "c-m": "Enter",
        "c-i": "Tab",
        "escape": "Escape",
        "f1": "F1",
        "c-x c-e": "Ctrl-X Ctrl-E",
        "v": "(v in vi mode)",
    }
    bindings = make_bindings(
        complete=ignore,
        is_whole=bool,
        is_transcript=bool,
        interrupt=ignore,
        edit=ignore,
        suspend=ignore,
        help=ignore,
    )
    text = "\n".join(f"{key}: {what}" for key, what in KEY_BINDINGS)
    # `=` inserts itself, after it has replaced a dot.
    for binding in [item for item in bindings.bindings if item.keys != ("=",)]:
        keys = " ".join(getattr(key, "value", key) for key in binding.keys)
        assert names.get(keys, keys.replace("c-", "Ctrl-").title()) in text


def ignore(*_: object) -> None:
    """Do nothing."""
