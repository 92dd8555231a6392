"""Tests of a `--raw` session: unchanged bytes in both directions, and the exit conditions."""

from __future__ import annotations

import pytest

from qmpshell.errors import CONNECTION, OK
from qmpshell.language import LogicalLine, SourceLine
from qmpshell.session import Effect, Exit, RawSession, Send, ShowBytes, ShowMessage


def source(text: str) -> SourceLine:
    line = LogicalLine()
    line.add(text, number=1, line=text, dropped=0)
    return SourceLine("stdin", line)


def effect_tuples(effects: list[Effect]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for effect in effects:
        match effect:
            case Send():
                found.append(("send", effect.data))
            case ShowBytes():
                found.append(("show", effect.data))
            case ShowMessage():
                found.append(("error" if effect.is_error else "tell", effect.text))
            case Exit():
                found.append(("leave", effect.status))
            case _:
                raise AssertionError(effect)
    return found


def session(*, interactive: bool = False) -> RawSession:
    found = RawSession(address="vm.sock", interactive=interactive)
    connect_effects = effect_tuples(found.connected(100.0))
    assert [kind for kind, _ in connect_effects] == ["tell"] * interactive
    return found


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", b""),
        ("stop\n", b"stop\n"),
        ("stop\r\n", b"stop\r\n"),
        ("stop", b"stop"),
        (" /quit; # | x \\\n", b" /quit; # | x \\\n"),
        ("é\x00\x1b\n", "é\x00\x1b\n".encode()),
        ("\udcff\n", b"\xff\n"),
        ('{"execute": "sto\n', b'{"execute": "sto\n'),
        ("-> a\n", b"-> a\n"),
    ],
)
def test_raw_line_is_sent_unchanged(text: str, data: bytes) -> None:
    raw = session()
    prepared = raw.prepare(source(text))
    assert prepared.error is None and prepared.parsed is None
    assert effect_tuples(raw.submit(prepared, 100.0)) == [("send", data)]


def test_raw_session_does_not_wait_for_replies() -> None:
    raw = session()
    for _ in range(3):
        assert raw.idle
        raw.submit(raw.prepare(source("stop\n")), 100.0)
    assert raw.deadline is None


@pytest.mark.parametrize("data", [b'{"QMP": {}}\r\n', b"\xff\x00\x1b[2J", b'{"ret'])
def test_received_bytes_are_shown_unchanged(data: bytes) -> None:
    assert effect_tuples(session().receive(data, 100.0)) == [("show", data)]


def test_raw_session_exits_after_one_quiet_second() -> None:
    raw = session()
    assert raw.end_of_input(100.0) == []
    assert raw.deadline == 101.0
    assert raw.tick(100.9) == []
    assert effect_tuples(raw.receive(b"x", 100.9)) == [("show", b"x")]
    assert raw.deadline == 101.9
    assert raw.tick(101.0) == []
    assert effect_tuples(raw.tick(101.9)) == [("leave", OK)]
    assert raw.deadline is None
    assert raw.tick(200.0) == []


def test_open_input_has_no_deadline() -> None:
    raw = session()
    raw.receive(b"x", 100.0)
    assert raw.deadline is None
    assert raw.tick(1000.0) == []


def test_close_after_end_of_input_succeeds() -> None:
    raw = session()
    raw.end_of_input(100.0)
    assert effect_tuples(raw.receive(b"", 100.5)) == [("leave", OK)]
    assert raw.lost
    assert raw.deadline is None


def test_server_exit_with_unsent_commands_is_loss() -> None:
    raw = session()
    assert effect_tuples(raw.receive(b"", 100.0)) == [
        ("error", "vm.sock: connection closed"),
        ("leave", CONNECTION),
    ]


@pytest.mark.parametrize("ended", [False, True])
def test_connection_error_gives_status_3(ended: bool) -> None:
    raw = session()
    if ended:
        raw.end_of_input(100.0)
    assert effect_tuples(raw.connection_lost("Connection reset by peer")) == [
        ("error", "vm.sock: connection lost: Connection reset by peer"),
        ("leave", CONNECTION),
    ]


def test_terminal_session_survives_connection_loss() -> None:
    raw = session(interactive=True)
    assert effect_tuples(raw.connection_lost("")) == [("error", "vm.sock: connection closed")]
    assert effect_tuples(raw.submit(raw.prepare(source("x\n")), 100.0)) == [
        ("error", "not connected; nothing was sent")
    ]
    assert [effect[0] for effect in effect_tuples(raw.leave_now())] == ["leave"]


def test_exit_at_terminal_succeeds() -> None:
    assert effect_tuples(session(interactive=True).leave_now()) == [("leave", OK)]
