"""Tests of requests: their bytes, and the replies that answer them."""

from __future__ import annotations

import json

import pytest

from qmpshell.language import (
    EXIT_COMMANDS,
    MISSING_SCHEMA,
    Command,
    Introspection,
    LogicalLine,
    ParsedLine,
    RawCommand,
    ShellCommand,
    SourceLine,
)
from qmpshell.qmp import Reply
from qmpshell.session import (
    PreparedLine,
    Request,
    make_hmp_request,
    make_request,
    prepare,
    prepare_hmp,
)
from tests.harness.evaluation import no_file


def source(text: str) -> SourceLine:
    line = LogicalLine()
    line.add(text, number=1, line=text, dropped=0)
    return SourceLine("stdin", line)


def prepare_line(text: str) -> PreparedLine:
    return prepare(source(text), Introspection(read_file=no_file, has_schema=True))


def parsed(prepared: PreparedLine) -> ParsedLine:
    assert prepared.error is None and prepared.missing is None
    assert prepared.parsed is not None
    return prepared.parsed


def requests(text: str, *, own: bool = False) -> list[Request]:
    """Return the requests of a line; with `own`, their ids are own-1, own-2 and so on."""
    prepared = prepare_line(text)
    found = []
    for number, action in enumerate(parsed(prepared).actions, 1):
        assert isinstance(action, (Command, RawCommand))
        found.append(make_request(action, prepared.source, f"own-{number}" if own else None))
    return found


def hmp_command(text: str) -> ShellCommand:
    (action,) = parsed(prepare_hmp(source(text))).actions
    assert isinstance(action, ShellCommand)
    return action


def reply(text: str) -> Reply:
    return Reply(text.encode(), json.loads(text))


@pytest.mark.parametrize(
    ("text", "own", "sent"),
    [
        ("stop", False, b'{"execute": "stop"}\n'),
        ("stop", True, b'{"execute": "stop", "id": "own-1"}\n'),
        ("x a=5 b.c=é", False, b'{"execute": "x", "arguments": {"a": 5, "b": {"c": "\\u00e9"}}}\n'),
        ("x {}", False, b'{"execute": "x"}\n'),
        ("{'execute' :'é'}", True, "{'execute' :'é'}\n".encode()),
        ('{"execute": "a",\n"id": 1}', True, b'{"execute": "a",\n"id": 1}\n'),
    ],
)
def test_request_bytes_match_line(text: str, own: bool, sent: bytes) -> None:
    (request,) = requests(text, own=own)
    assert request.data == sent


def test_request_fields_match_command() -> None:
    typed, raw = requests('x a=5;  {"exec-oob": "y", "arguments": {"b": 1}, "id": [2]}', own=True)
    assert (typed.name, typed.arguments, typed.start) == ("x", {"a": 5}, 0)
    assert (typed.own_id, typed.user_id, typed.is_typed) == ("own-1", None, True)
    assert (raw.name, raw.arguments, raw.start) == ("y", {"b": 1}, 8)
    assert (raw.own_id, raw.user_id, raw.is_typed) == (None, [2], False)
    assert typed.source is raw.source is not None


@pytest.mark.parametrize(
    "text", ["{}", '{"execute": 5}', '{"execute": null, "arguments": []}', '{"id": 1}']
)
def test_raw_non_command_json_is_sent(text: str) -> None:
    (request,) = requests(text)
    assert request.data == text.encode() + b"\n"
    assert (request.name, request.arguments) == ("", {})


@pytest.mark.parametrize(
    ("text", "names", "leaves"),
    [
        ("", [], False),
        ("# exit", [], False),
        ("exit", [], True),
        ("/quit", [], True),
        ("stop; exit", ["stop"], True),
        ("stop; exit; cont", ["stop"], True),
        ("quit", ["quit"], False),
        ("exit a=1", ["exit"], False),
        ('{"execute": "exit"}', ["exit"], False),
    ],
)
def test_exit_command_ends_requests_of_line(text: str, names: list[str], leaves: bool) -> None:
    actions = parsed(prepare_line(text)).actions
    found = []
    for action in actions:
        if is_exit(action):
            assert leaves
            break
        assert isinstance(action, (Command, RawCommand))
        found.append(make_request(action, source(text), None).name)
    else:
        assert not leaves
    assert found == names


def is_exit(action: object) -> bool:
    if isinstance(action, ShellCommand):
        return action.name in EXIT_COMMANDS
    return isinstance(action, Command) and action.name in EXIT_COMMANDS and not action.arguments


def test_invalid_line_has_no_requests() -> None:
    prepared = prepare_line("stop; x y")
    assert prepared.parsed is None and prepared.missing is None
    assert prepared.error is not None and prepared.error.start == 8
    assert prepared.source.name == "stdin"


def test_line_that_needs_schema_has_no_requests() -> None:
    prepared = prepare(source("stop; x a=5"), Introspection(read_file=no_file))
    assert prepared.parsed is None and prepared.error is None
    assert prepared.missing is not None and prepared.missing.kind == MISSING_SCHEMA


def answers(text: str, message: str, *, own: bool = False) -> bool:
    (request,) = requests(text, own=own)
    return request.answers(reply(message))


@pytest.mark.parametrize(
    ("text", "own", "message", "answered"),
    [
        ("x", True, '{"return": 1, "id": "own-1"}', True),
        ("x", True, '{"return": 1, "id": "own-2"}', False),
        ("x", True, '{"return": 1, "id": null}', False),
        ("x", True, '{"return": 1}', True),
        ("x", False, '{"return": 1}', True),
        ("x", False, '{"return": 1, "id": "own-1"}', False),
        ("x", False, '{"return": 1, "id": null}', True),
        ('{"id": null}', True, '{"return": 1, "id": null}', True),
        ('{"id": null}', True, '{"return": 1, "id": 0}', False),
        ('{"id": 1}', True, '{"return": 1, "id": 1}', True),
        ('{"id": 1}', True, '{"return": 1, "id": true}', False),
        ('{"id": 1.0}', True, '{"return": 1, "id": 1}', True),
        ('{"id": [true, 1]}', True, '{"return": 1, "id": [1, true]}', False),
        ('{"id": [1, 2]}', True, '{"return": 1, "id": [1]}', False),
        ('{"id": [1]}', True, '{"return": 1, "id": {"0": 1}}', False),
        ('{"id": {"a": 1}}', True, '{"return": 1, "id": {"b": 1}}', False),
        ('{"id": 5}', True, '{"return": 1, "id": "5"}', False),
        ('{"id": 18446744073709551615}', True, '{"return": 1, "id": 18446744073709551615}', True),
        (
            '{"id": 12345678901234567890123}',
            True,
            '{"return": 1, "id": 1.2345678901234568e+22}',
            True,
        ),
        ('{"id": [1, {"a": 2}]}', True, '{"return": 1, "id": [1, {"a": 2}]}', True),
        ('{"id": {"a": 1, "b": 2}}', True, '{"return": 1, "id": {"b": 2, "a": 1}}', True),
        ('{"id": "x"}', True, '{"error": {}, "id": "x"}', True),
        ('{"id": "x"}', True, '{"error": {}}', True),
    ],
)
def test_reply_answers_request_by_id(text: str, own: bool, message: str, answered: bool) -> None:
    assert answers(text, message, own=own) is answered


@pytest.mark.parametrize(
    ("text", "cpu", "own", "sent"),
    [
        (" info status ", None, False, {"command-line": "info status"}),
        ("info status", 2, True, {"command-line": "info status", "cpu-index": 2}),
        ("cpu 1", 0, False, {"command-line": "cpu 1", "cpu-index": 1}),
        ("it's {x; #", None, False, {"command-line": "it's {x; #"}),
        ("é", None, False, {"command-line": "é"}),
    ],
)
def test_hmp_line_request_has_command_line_and_cpu(
    text: str, cpu: int | None, own: bool, sent: dict[str, object]
) -> None:
    found = hmp_command(text)
    (token,) = found.tokens
    assert found.name == "/hmp"
    request = make_hmp_request(
        token.text, source(text), "own-1" if own else None, start=token.start, cpu=cpu
    )
    expected: dict[str, object] = {"execute": "human-monitor-command", "arguments": sent}
    if own:
        expected["id"] = "own-1"
    assert json.loads(request.data) == expected
    assert request.text == text.strip()
    assert text[request.start :].startswith(request.text)
    assert request.arguments["command-line"] == text.strip()


@pytest.mark.parametrize(
    ("text", "leaves"), [("", False), ("  ", False), ("exit", True), (" /quit ", True)]
)
def test_blank_or_exit_hmp_line_sends_nothing(text: str, leaves: bool) -> None:
    actions = parsed(prepare_hmp(source(text))).actions
    assert [action.name for action in actions if isinstance(action, ShellCommand)] == [
        "/quit"
    ] * leaves
    assert len(actions) == leaves


def test_internal_request_is_answered_by_its_id() -> None:
    request = Request({"execute": "x", "id": "q"}, data=b"", source=None, own_id="q")
    assert request.answers(reply('{"return": 1, "id": "q"}'))
    assert not request.answers(reply('{"return": 1, "id": "r"}'))
    assert not request.abandoned
