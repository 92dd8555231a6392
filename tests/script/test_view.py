"""Tests of the script view: the stream and the format of replies, events and messages."""

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
    """A script view that records `out`, `err` and the redirected data."""

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
    is_internal: bool = False,
    data: bytes | None = None,
) -> Request:
    message = message or {"execute": "x"}
    made = Request(
        message,
        data=data if data is not None else json.dumps(message).encode() + b"\n",
        source=None if is_internal else source("stop; x"),
        start=start,
        text=text,
        own_id=own_id,
    )
    made.redirect = redirect
    return made


def show_reply(raw: bytes, to: Request | None = None, *, strict: bool = True) -> ShowReply:
    answer = Reply(raw, json.loads(raw), strict=strict)
    to = to or request()
    return ShowReply(answer, to, late=False, elapsed=0.5, redirect=to.redirect)


def show_event(raw: bytes) -> ShowEvent:
    return ShowEvent(Event(raw, json.loads(raw)))


GOOD = b'{"return": {"a": 1, "b": []}}'
BAD = b'{"error": {"class": "GenericError", "desc": "no \\u001b[2J"}}'
STOP = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'


# -- replies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [GOOD, BAD, b'{"id": 5, "return": 12345678901234567890.123456789}'])
def test_reply_is_shown_unchanged_on_one_line(raw: bytes) -> None:
    outputs = Outputs().show(show_reply(raw))
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
    assert Outputs().show(show_reply(raw)).out == line


def test_pretty_reply_is_indented() -> None:
    outputs = Outputs(PRETTY).show(show_reply(b'{"return": {"a": [1, {}]}}'))
    assert outputs.out == (b'{\n  "return": {\n    "a": [\n      1,\n      {}\n    ]\n  }\n}\n')
    assert outputs.err == []


@pytest.mark.parametrize(
    ("layout", "text"), [(COMPACT, b'{"return": 1}\n'), (PRETTY, b'{\n  "return": 1\n}\n')]
)
def test_internal_id_is_not_shown(layout: str, text: bytes) -> None:
    sent_request = request({"execute": "x", "id": "qmpshell-1"}, own_id="qmpshell-1")
    assert (
        Outputs(layout).show(show_reply(b'{"return": 1, "id": "qmpshell-1"}', sent_request)).out
        == text
    )


def test_user_id_is_shown() -> None:
    sent_request = request({"execute": "x", "id": "qmpshell-1"})
    raw = b'{"return": 1, "id": "qmpshell-1"}'
    assert Outputs().show(show_reply(raw, sent_request)).out == raw + b"\n"


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
def test_result_only_shows_return_value(raw: bytes, line: bytes) -> None:
    outputs = Outputs(result_only=True).show(show_reply(raw))
    assert (outputs.out, outputs.err) == (line, [])


def test_pretty_result_only_indents_return_value() -> None:
    outputs = Outputs(PRETTY, result_only=True).show(show_reply(GOOD))
    assert outputs.out == b'{\n  "a": 1,\n  "b": []\n}\n'


@pytest.mark.parametrize("layout", [COMPACT, PRETTY])
def test_result_only_error_has_its_location(layout: str) -> None:
    outputs = Outputs(layout, result_only=True).show(show_reply(BAD, request(start=6)))
    assert outputs.out == b""
    assert outputs.err == ["stdin:3:7: GenericError: no \\x1b[2J"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{"error": {}}', "stdin:3:1: GenericError: "),
        (b'{"error": {"class": "C", "desc": "a\\nb"}}', "stdin:3:1: C: a\\x0ab"),
    ],
)
def test_result_only_error_is_on_one_line(raw: bytes, text: str) -> None:
    assert Outputs(result_only=True).show(show_reply(raw)).err == [text]


# -- redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"result_only": True}])
def test_replies_follow_redirect_of_their_line(options: dict[str, Any]) -> None:
    outputs = Outputs(events="inline", **options)
    outputs.show(
        show_reply(b'{"return": 1}', request(redirect=FILE)),
        show_event(STOP),
        show_reply(b'{"return": 2}'),
    )
    first, second = (b"1\n", b"2\n") if options else (b'{"return": 1}\n', b'{"return": 2}\n')
    assert outputs.redirect_opened == [(FILE, first)]
    assert outputs.out == STOP + b"\n" + second  # redirects receive no events


@pytest.mark.parametrize("options", [{}, {"result_only": True}, {"layout": PRETTY}])
def test_error_of_redirected_line_goes_to_stderr(options: dict[str, Any]) -> None:
    outputs = Outputs(**options).show(show_reply(BAD, request(redirect=FILE)))
    assert (outputs.redirect_opened, outputs.out) == ([], b"")
    assert outputs.err == ["stdin:3:1: GenericError: no \\x1b[2J"]


def test_redirected_hmp_failure_goes_to_stderr() -> None:
    text = "unknown command: 'inof'"
    raw = json.dumps({"return": f"{text}\r\n"}).encode()
    outputs = Outputs().show(show_reply(raw, request(text="inof", redirect=FILE)))
    assert (outputs.redirect_opened, outputs.out, outputs.err) == ([], b"", [text])


def test_redirected_reply_is_indented_with_pretty_layout() -> None:
    outputs = Outputs(PRETTY).show(show_reply(b'{"return": {}}', request(redirect=FILE)))
    assert outputs.redirect_opened == [(FILE, b'{\n  "return": {}\n}\n')]


def test_hmp_text_follows_redirect() -> None:
    sent_request = request(text="info status", redirect=FILE)
    assert Outputs().show(show_reply(b'{"return": "ok\\r\\n"}', sent_request)).redirect_opened == [
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
def test_hmp_reply_is_shown_as_escaped_text(
    options: dict[str, Any], value: object, text: str
) -> None:
    raw = json.dumps({"return": value}).encode()
    outputs = Outputs(**options).show(show_reply(raw, request(text="info status")))
    assert outputs.out.decode() == text
    assert outputs.err == []


@pytest.mark.parametrize("result_only", [False, True])
def test_hmp_error_goes_to_stderr(result_only: bool) -> None:
    outputs = Outputs(result_only=result_only).show(show_reply(BAD, request(text="x", start=6)))
    assert outputs.out == b""
    assert outputs.err == ["stdin:3:7: GenericError: no \\x1b[2J"]


# -- events ---------------------------------------------------------------------------------------

RESUME = STOP.replace(b"STOP", b"RESUME")


@pytest.mark.parametrize(
    ("events", "out", "err"),
    [
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
def test_events_setting_selects_stream_of_events(
    events: str | tuple[str, ...], out: list[bytes], err: list[bytes]
) -> None:
    outputs = Outputs(events=events).show(show_event(STOP), show_event(RESUME))
    assert outputs.out == b"".join(event + b"\n" for event in out)
    assert outputs.err == [event.decode() for event in err]


def test_requested_event_is_shown_despite_setting() -> None:
    outputs = Outputs(events="none", result_only=True)
    effect = ShowEvent(show_event(STOP).event, again=True)
    assert outputs.show(effect).out == STOP + b"\n"


def test_events_setting_change_takes_effect() -> None:
    settings = Settings(layout=COMPACT)
    found: list[bytes] = []
    view = ScriptView(settings, name="", out=lambda data, _where: found.append(data), err=print)
    view.show(show_event(STOP))
    settings.events = "none"
    view.show(show_event(STOP))
    assert found == [STOP + b"\n"]


def test_pretty_event_is_indented() -> None:
    outputs = Outputs(PRETTY).show(show_event(b'{"event": "STOP"}'))
    assert outputs.out == b'{\n  "event": "STOP"\n}\n'


def test_stderr_event_is_one_ascii_line() -> None:
    outputs = Outputs(PRETTY, events="stderr").show(show_event('{"event": "\u202e"}'.encode()))
    assert outputs.err == ['{"event": "\\u202e"}']


# -- sent messages --------------------------------------------------------------------------------


def test_verbose_shows_commands_on_stderr() -> None:
    sent_request = request({"execute": "stop"})
    outputs = Outputs(verbose=True).show(
        Send(sent_request.data, sent_request), show_reply(GOOD, sent_request)
    )
    assert outputs.err == ['-> {"execute": "stop"}']
    assert outputs.out == GOOD + b"\n"


def test_commands_are_hidden_without_verbose() -> None:
    sent_request = request({"execute": "stop"})
    assert Outputs().show(Send(sent_request.data, sent_request)).err == []


def test_verbose_shows_raw_json_as_sent() -> None:
    sent_request = request(
        {"execute": "stop", "id": "é"}, data="{ 'execute':'stop',\n\"id\":'é\u202e'}\n".encode()
    )
    outputs = Outputs(verbose=True).show(Send(sent_request.data, sent_request))
    assert outputs.err == ["-> { 'execute':'stop',\n\"id\":'é\\u202e'}"]


def test_verbose_hides_internal_requests() -> None:
    sent_request = request({"execute": "query-qmp-schema", "id": "qmpshell-1"}, is_internal=True)
    outputs = Outputs(verbose=True).show(Send(sent_request.data, sent_request), Send(b"\x01\n"))
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


@pytest.mark.parametrize("message", SECRETS, ids=lambda message: str(message["execute"]))
def test_verbose_redacts_secrets(message: dict[str, Any]) -> None:
    sent_request = request(message)
    (text,) = Outputs(verbose=True).show(Send(sent_request.data, sent_request)).err
    assert text.startswith(f'-> {{"execute": "{message["execute"]}"')
    assert "hush" not in text
    assert "redacted" in text


def test_verbose_shows_secret_id() -> None:
    sent_request = request(
        {"execute": "blockdev-add", "arguments": {"driver": "luks", "key-secret": "sec0"}}
    )
    (text,) = Outputs(verbose=True).show(Send(sent_request.data, sent_request)).err
    assert "sec0" in text


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("", b'{"execute": "stop"}\n'),
        (PRETTY, b'{\n  "execute": "stop"\n}\n'),
    ],
)
def test_dry_run_shows_message_on_stdout(layout: str, text: bytes) -> None:
    sent_request = request({"execute": "stop"})
    outputs = Outputs(layout, dry_run=True, result_only=True).show(
        ShowCommand(sent_request.data, sent_request)
    )
    assert (outputs.out, outputs.err) == (text, [])


# -- other effects --------------------------------------------------------------------------------


def test_messages_are_shown_on_stderr() -> None:
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
def test_unexpected_data_is_shown_on_stderr(
    options: dict[str, Any], item: Message | Malformed | NotQmp, text: str
) -> None:
    outputs = Outputs(**options).show(ShowUnexpected(item, "not a JSON object"))
    assert outputs.out == b""
    assert outputs.err == [f"vm.sock: not a JSON object: {text}"]


def test_huge_unexpected_data_is_truncated() -> None:
    (text,) = Outputs().show(ShowUnexpected(Malformed(b"x" * 1_000_000), "not a JSON object")).err
    assert 1000 < len(text) < 5000


def test_raw_bytes_are_shown_unchanged() -> None:
    assert Outputs().show(ShowBytes(b"\x1b\xff\r\n")).out == b"\x1b\xff\r\n"


def test_other_effects_are_not_shown() -> None:
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
