"""What a script's outputs hold: replies and events, mistakes and notes, each in its place and form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qmpshell.language import LogicalLine, Redirect, SourceLine
from qmpshell.qmp import Event, Malformed, Message, NotQmp, Reply
from qmpshell.script import ScriptView
from qmpshell.session import (
    CloseRedirect,
    Confirm,
    Effect,
    Exit,
    OpenRedirect,
    QueryResult,
    ReadSecret,
    Ready,
    Request,
    Send,
    ShowBytes,
    ShowCommand,
    ShowEvent,
    ShowMessage,
    ShowReply,
    ShowUnexpected,
)
from qmpshell.storage import COMPACT, PRETTY, Settings

FILE = Redirect(">", "f", 0)


class Outputs:
    """A view whose outputs are kept: `out`, `err`, and what went to a destination, in order."""

    def __init__(self, layout: str = COMPACT, **options: Any) -> None:
        self.out = b""
        self.redirect_opened: list[tuple[Redirect, bytes]] = []
        self.err: list[str] = []
        settings = Settings(layout=layout, **options)
        self.view = ScriptView(settings, name="vm.sock", out=self._write, err=self.err.append)

    def _write(self, data: bytes, redirect: Redirect | None) -> None:
        if redirect is None:
            self.out += data
        else:
            self.redirect_opened.append((redirect, data))

    def show(self, *effects: Effect) -> Outputs:
        for effect in effects:
            self.view.show(effect)
        return self


def source(text: str, number: int = 3) -> SourceLine:
    line = LogicalLine()
    line.add(text, number=number, line=text, dropped=0)
    return SourceLine("stdin", line)


def request(
    message: dict[str, Any] | None = None,
    *,
    start: int = 0,
    text: str | None = None,
    own_id: str | None = None,
    redirect: Redirect | None = None,
    is_ours: bool = False,
    data: bytes | None = None,
) -> Request:
    message = message or {"execute": "x"}
    made = Request(
        message,
        data=data if data is not None else json.dumps(message).encode() + b"\n",
        source=None if is_ours else source("stop; x"),
        start=start,
        text=text,
        own_id=own_id,
    )
    made.redirect = redirect
    return made


def replied(raw: bytes, to: Request | None = None, *, strict: bool = True) -> ShowReply:
    answer = Reply(raw, json.loads(raw), strict=strict)
    to = to or request()
    return ShowReply(answer, to, late=False, elapsed=0.5, redirect=to.redirect)


def happened(raw: bytes) -> ShowEvent:
    return ShowEvent(Event(raw, json.loads(raw)))


GOOD = b'{"return": {"a": 1, "b": []}}'
BAD = b'{"error": {"class": "GenericError", "desc": "no \\u001b[2J"}}'
STOP = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'


# -- replies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [GOOD, BAD, b'{"id": 5, "return": 12345678901234567890.123456789}'])
def test_a_reply_is_a_line_as_it_came(raw: bytes) -> None:
    outputs = Outputs().show(replied(raw))
    assert (outputs.out, outputs.err) == (raw + b"\n", [])


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b'{"return":\r\n {"a": 1}}', b'{"return": {"a": 1}}\n'),
        (b'{"return": "\xc3\xa9"}', b'{"return": "\\u00e9"}\n'),
        (b'{"return": "\x7f"}', b'{"return": "\\u007f"}\n'),
    ],
)
def test_non_ascii_reply_is_escaped_on_one_line(raw: bytes, line: bytes) -> None:
    assert Outputs().show(replied(raw)).out == line


def test_a_pretty_reply() -> None:
    outputs = Outputs(PRETTY).show(replied(b'{"return": {"a": [1, {}]}}'))
    assert outputs.out == (b'{\n  "return": {\n    "a": [\n      1,\n      {}\n    ]\n  }\n}\n')
    assert outputs.err == []


@pytest.mark.parametrize(
    ("layout", "text"), [(COMPACT, b'{"return": 1}\n'), (PRETTY, b'{\n  "return": 1\n}\n')]
)
def test_internal_id_is_not_shown(layout: str, text: bytes) -> None:
    asked = request({"execute": "x", "id": "qmpshell-1"}, own_id="qmpshell-1")
    assert Outputs(layout).show(replied(b'{"return": 1, "id": "qmpshell-1"}', asked)).out == text


def test_an_id_of_the_users_is_shown() -> None:
    asked = request({"execute": "x", "id": "qmpshell-1"})
    raw = b'{"return": 1, "id": "qmpshell-1"}'
    assert Outputs().show(replied(raw, asked)).out == raw + b"\n"


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (GOOD, b'{"a": 1, "b": []}\n'),
        (b'{"return": {}}', b"{}\n"),
        (b'{"return": null}', b"null\n"),
        (b'{"return": "x"}', b'"x"\n'),
        (b'{"return": 5, "id": 1}', b"5\n"),
        (b'{"return": "\xe2\x80\xae"}', b'"\\u202e"\n'),
    ],
)
def test_with_result_only_what_was_returned(raw: bytes, line: bytes) -> None:
    outputs = Outputs(result_only=True).show(replied(raw))
    assert (outputs.out, outputs.err) == (line, [])


def test_with_result_only_and_pretty() -> None:
    outputs = Outputs(PRETTY, result_only=True).show(replied(GOOD))
    assert outputs.out == b'{\n  "a": 1,\n  "b": []\n}\n'


@pytest.mark.parametrize("layout", [COMPACT, PRETTY])
def test_result_only_error_has_its_location(layout: str) -> None:
    outputs = Outputs(layout, result_only=True).show(replied(BAD, request(start=6)))
    assert outputs.out == b""
    assert outputs.err == ["stdin:3:7: GenericError: no \\x1b[2J"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{"error": {}}', "stdin:3:1: GenericError: "),
        (b'{"error": {"class": "C", "desc": "a\\nb"}}', "stdin:3:1: C: a\\x0ab"),
    ],
)
def test_an_error_takes_one_line(raw: bytes, text: str) -> None:
    assert Outputs(result_only=True).show(replied(raw)).err == [text]


# -- destinations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"result_only": True}])
def test_replies_go_where_their_line_says(options: dict[str, Any]) -> None:
    outputs = Outputs(events="inline", **options)
    outputs.show(
        replied(b'{"return": 1}', request(redirect=FILE)),
        happened(STOP),
        replied(b'{"return": 2}'),
    )
    first, second = (b"1\n", b"2\n") if options else (b'{"return": 1}\n', b'{"return": 2}\n')
    assert outputs.redirect_opened == [(FILE, first)]
    assert outputs.out == STOP + b"\n" + second  # never events


def test_an_error_reply_goes_there_too() -> None:
    outputs = Outputs().show(replied(BAD, request(redirect=FILE)))
    assert outputs.redirect_opened == [(FILE, BAD + b"\n")]


def test_result_only_error_goes_to_stderr_only() -> None:
    outputs = Outputs(result_only=True).show(replied(BAD, request(redirect=FILE)))
    assert (outputs.redirect_opened, outputs.out) == ([], b"")
    assert len(outputs.err) == 1


def test_a_pretty_reply_is_pretty_there() -> None:
    outputs = Outputs(PRETTY).show(replied(b'{"return": {}}', request(redirect=FILE)))
    assert outputs.redirect_opened == [(FILE, b'{\n  "return": {}\n}\n')]


def test_human_text_goes_where_its_line_says() -> None:
    asked = request(text="info status", redirect=FILE)
    assert Outputs().show(replied(b'{"return": "ok\\r\\n"}', asked)).redirect_opened == [
        (FILE, b"ok\n")
    ]


# -- the human monitor ----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"result_only": True}, {"layout": PRETTY}])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("VM status: paused\r\n", "VM status: paused\n"),
        ("a\r\n\r\n\tb", "a\n\n\tb\n"),
        ("", ""),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07\n"),
        ("é\u202e", "é\\u202e\n"),
        ("\ud800", "\\ud800\n"),
        ({}, "{}\n"),
    ],
)
def test_human_text_is_shown_as_text(options: dict[str, Any], value: object, text: str) -> None:
    raw = json.dumps({"return": value}).encode()
    outputs = Outputs(**options).show(replied(raw, request(text="info status")))
    assert outputs.out.decode() == text
    assert outputs.err == []


@pytest.mark.parametrize("result_only", [False, True])
def test_hmp_error_goes_to_stderr(result_only: bool) -> None:
    outputs = Outputs(result_only=result_only).show(replied(BAD, request(text="x", start=6)))
    assert outputs.out == b""
    assert outputs.err == ["stdin:3:7: GenericError: no \\x1b[2J"]


# -- events ---------------------------------------------------------------------------------------

RESUME = STOP.replace(b"STOP", b"RESUME")


@pytest.mark.parametrize(
    ("events", "out", "err"),
    [
        (None, [STOP, RESUME], []),
        ("inline", [STOP, RESUME], []),
        ("stderr", [], [STOP, RESUME]),
        ("none", [], []),
        (("STOP",), [STOP], []),
        (("S*", "X"), [STOP], []),
        (("*",), [STOP, RESUME], []),
        (("?ESUME",), [RESUME], []),
        (("stop",), [], []),
        (("TOP", "STO"), [], []),
        (("-STOP",), [RESUME], []),
        (("stderr", "-STOP"), [], [RESUME]),
        (("none", "+STOP"), [STOP], []),
    ],
)
def test_which_events_are_shown(
    events: str | tuple[str, ...] | None, out: list[bytes], err: list[bytes]
) -> None:
    outputs = Outputs(events=events).show(happened(STOP), happened(RESUME))
    assert outputs.out == b"".join(one + b"\n" for one in out)
    assert outputs.err == [one.decode() for one in err]


def test_an_event_that_is_asked_for_is_shown() -> None:
    outputs = Outputs(events="none", result_only=True)
    asked = ShowEvent(happened(STOP).event, again=True)
    assert outputs.show(asked).out == STOP + b"\n"


def test_result_only_shows_requested_events_only() -> None:
    assert Outputs(result_only=True).show(happened(STOP)).out == b""
    assert Outputs(result_only=True, events="inline").show(happened(STOP)).out == STOP + b"\n"


def test_the_choice_can_change() -> None:
    settings = Settings(layout=COMPACT)
    found: list[bytes] = []
    view = ScriptView(settings, name="", out=lambda data, _where: found.append(data), err=print)
    view.show(happened(STOP))
    settings.events = "none"
    view.show(happened(STOP))
    assert found == [STOP + b"\n"]


def test_a_pretty_event() -> None:
    outputs = Outputs(PRETTY).show(happened(b'{"event": "STOP"}'))
    assert outputs.out == b'{\n  "event": "STOP"\n}\n'


def test_stderr_event_is_one_ascii_line() -> None:
    outputs = Outputs(PRETTY, events="stderr").show(happened('{"event": "\u202e"}'.encode()))
    assert outputs.err == ['{"event": "\\u202e"}']


# -- what is sent ---------------------------------------------------------------------------------


def test_with_verbose_commands_are_shown_on_stderr() -> None:
    asked = request({"execute": "stop"})
    outputs = Outputs(verbose=True).show(Send(asked.data, asked), replied(GOOD, asked))
    assert outputs.err == ['-> {"execute": "stop"}']
    assert outputs.out == GOOD + b"\n"


def test_without_verbose_they_are_not() -> None:
    asked = request({"execute": "stop"})
    assert Outputs().show(Send(asked.data, asked)).err == []


def test_verbose_shows_raw_json_as_sent() -> None:
    asked = request(
        {"execute": "stop", "id": "é"}, data="{ 'execute':'stop',\n\"id\":'é\u202e'}\n".encode()
    )
    outputs = Outputs(verbose=True).show(Send(asked.data, asked))
    assert outputs.err == ["-> { 'execute':'stop',\n\"id\":'é\\u202e'}"]


def test_talk_of_our_own_is_not_shown() -> None:
    asked = request({"execute": "query-qmp-schema", "id": "qmpshell-1"}, is_ours=True)
    outputs = Outputs(verbose=True).show(Send(asked.data, asked), Send(b"\x01\n"))
    assert (outputs.out, outputs.err) == (b"", [])


SECRETS = [
    {"execute": "set_password", "arguments": {"protocol": "vnc", "password": "hush"}},
    {"execute": "change-vnc-password", "arguments": {"password": "hush"}},
    {"execute": "object-add", "arguments": {"qom-type": "secret", "id": "s", "data": "hush"}},
    {
        "execute": "human-monitor-command",
        "arguments": {"command-line": "set_password vnc hush"},
    },
]


@pytest.mark.parametrize("message", SECRETS, ids=lambda one: str(one["execute"]))
def test_with_verbose_secrets_are_not_shown(message: dict[str, Any]) -> None:
    asked = request(message)
    (text,) = Outputs(verbose=True).show(Send(asked.data, asked)).err
    assert text.startswith(f'-> {{"execute": "{message["execute"]}"')
    assert "hush" not in text
    assert "redacted" in text


def test_verbose_shows_secret_id() -> None:
    asked = request(
        {"execute": "blockdev-add", "arguments": {"driver": "luks", "key-secret": "sec0"}}
    )
    (text,) = Outputs(verbose=True).show(Send(asked.data, asked)).err
    assert "sec0" in text


def test_a_dry_run_shows_what_would_be_sent() -> None:
    asked = request({"execute": "stop"})
    outputs = Outputs(PRETTY, dry_run=True, result_only=True).show(ShowCommand(asked.data, asked))
    assert (outputs.out, outputs.err) == (b'{"execute": "stop"}\n', [])


# -- everything else ------------------------------------------------------------------------------


def test_what_is_said_goes_to_stderr() -> None:
    outputs = Outputs().show(ShowMessage("a note"), ShowMessage("a\nmistake", is_error=True))
    assert (outputs.out, outputs.err) == (b"", ["a note", "a\nmistake"])


@pytest.mark.parametrize("options", [{}, {"result_only": True}, {"events": "none"}])
@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Reply(b'{"return": 1, "id": "x"}', {"return": 1, "id": "x"}), '{"return": 1, "id": "x"}'),
        (Message(b'{"a": 1}', {"a": 1}), '{"a": 1}'),
        (Malformed(b"abc\x1b[2J\xff\n"), "abc\\x1b[2J\\xff\\x0a"),
        (NotQmp(b"SSH-2.0"), "SSH-2.0"),
    ],
)
def test_what_nobody_asked_for_goes_to_stderr(
    options: dict[str, Any], item: Message | Malformed | NotQmp, text: str
) -> None:
    outputs = Outputs(**options).show(ShowUnexpected(item, "unreadable"))
    assert outputs.out == b""
    assert outputs.err == [f"vm.sock: unreadable: {text}"]


def test_huge_unexpected_data_is_truncated() -> None:
    (text,) = Outputs().show(ShowUnexpected(Malformed(b"x" * 1_000_000), "unreadable")).err
    assert 1000 < len(text) < 5000


def test_bytes_go_through() -> None:
    assert Outputs().show(ShowBytes(b"\x1b\xff\r\n")).out == b"\x1b\xff\r\n"


def test_the_rest_is_not_shown() -> None:
    silent: list[Effect] = [
        Ready(),
        QueryResult("query-commands", []),
        Confirm("?", request()),
        ReadSecret("password"),
        OpenRedirect(FILE),
        CloseRedirect(FILE),
        Exit(0),
    ]
    outputs = Outputs(verbose=True).show(*silent)
    assert (outputs.out, outputs.err, outputs.redirect_opened) == (b"", [], [])
