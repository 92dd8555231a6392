"""Tests of the suggestions after a rejected command, and of the queries made for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from qmpshell.complete import CompletionSources, describe
from qmpshell.errors import CONNECTION, FAILED, LineError
from qmpshell.language import error_hint, parse, suggestion_for
from qmpshell.qmp import Reply, Schema
from qmpshell.session import COMMANDS as SHELL_COMMANDS, Request, unknown_command_name
from tests.harness.schemas import SYSTEMS, entities
from tests.harness.sessions import (
    DONE,
    REFUSAL,
    SCHEMA,
    Driver,
    error,
    mistake,
    own_question,
    reply,
    sent,
)

NAMES = ["device_add", "device_del", "block-stream", "query-block", "query-blockstats", "quit"]
COMMANDS = [{"name": name} for name in NAMES]
ASKED = own_question(1, "query-commands")


def missing(name: str, marker: int | None = None) -> bytes:
    return error(f"The command {name} has not been found", "CommandNotFound", marker)


def hint(text: str, *, place: str = "stdin:1:1") -> tuple[str, str]:
    return ("tell", f"{place}: {text}" if place else text)


# -- suggestions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("device-add", "device_add"),
        ("Device_Add", "device_add"),
        ("block_stream", "block-stream"),
        ("block-strem", "block-stream"),
        ("query-blok", "query-block"),
        ("query-blockstat", "query-blockstats"),
        ("quits", "quit"),
        ("/quit", "quit"),
        ("device_dle", "device_del"),
        ("evice_add", "device_add"),
        ("block-steram", "block-stream"),
        ("query-blockst", "query-blockstats"),
        ("query-bloc", "query-block or query-blockstats"),
        ("device", "device_add or device_del"),
        ("query", "query-block or query-blockstats"),
    ],
)
def test_similar_name_is_suggested(text: str, meant: str) -> None:
    assert suggestion_for(text, NAMES) == f"did you mean {meant}?"


@pytest.mark.parametrize(
    "text",
    ["", "x", "completely-different", "{", "é", "stop", "info", "dev", "q" * 99],
)
def test_dissimilar_name_gets_no_suggestion(text: str) -> None:
    assert suggestion_for(text, NAMES) == ""
    assert suggestion_for(text, []) == ""


def test_at_most_three_closest_names_are_suggested() -> None:
    names = ["query-ab-cd", "query-ax", "query-ay", "query-az", "query-aw"]
    assert suggestion_for("query-ab", names[1:]) == "did you mean query-ax, query-ay or query-az?"
    assert suggestion_for("query-ab", names[:2]) == "did you mean query-ax or query-ab-cd?"
    assert suggestion_for("drver", ["server", "driver"]) == "did you mean driver?"
    assert suggestion_for("name", [f"name-of-{number}" for number in range(9)]) == ""
    names = ["query-cpu-model-expansion", "query-cpu-definitions", "query-cpus-fast", "query-pci"]
    meant = "query-cpus-fast, query-cpu-definitions or query-cpu-model-expansion"
    assert suggestion_for("query-cpu", names) == f"did you mean {meant}?"
    names = ["query-sgx", "query-stats", "query-status"]
    assert suggestion_for("query-sta", names) == "did you mean query-stats or query-status?"


def test_name_with_other_dashes_is_preferred() -> None:
    assert suggestion_for("device_a", ["device_b", "device-a"]) == "did you mean device-a?"


def test_expected_string_error_suggests_quotes() -> None:
    desc = "Invalid parameter type for 'node-name', expected: string"
    hint = "quote the value of node-name to send it as text"
    assert error_hint(desc) == hint
    assert error_hint(desc.replace("string", "integer")) == ""
    assert error_hint("Parameter 'x' is missing") == ""


def test_empty_job_id_error_suggests_job_id() -> None:
    hint = "a job on a node needs an id: add job-id=NAME"
    assert error_hint("Invalid job ID ''") == hint
    assert error_hint("Invalid job ID 'a b'") == ""
    assert error_hint("") == ""


@pytest.mark.parametrize(
    ("desc", "error_class", "is_typed", "found"),
    [
        ("The command x has not been found", "CommandNotFound", True, "x"),
        ("The command x has not been found", "CommandNotFound", False, ""),
        ("The command x has been disabled: policy", "CommandNotFound", True, ""),
        ("Expecting capabilities negotiation", "CommandNotFound", True, ""),
        ("The command x has not been found", "GenericError", True, ""),
    ],
)
def test_unknown_command_name_requires_typed_missing_command(
    desc: str, error_class: str, is_typed: bool, found: str
) -> None:
    value = {"error": {"class": error_class, "desc": desc}}
    request = Request({"execute": "x"}, data=b"", source=None, is_typed=is_typed)
    assert unknown_command_name(Reply(b"", value), request) == found


# -- in a session ---------------------------------------------------------------------------------


@pytest.mark.parametrize("interactive", [False, True])
def test_command_names_are_queried_once(interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    place = "" if interactive else "stdin:1:1"
    assert driver.line("device-add driver=x") != [ASKED]
    found = driver.bytes(missing("device-add", 1 if interactive else None))
    number = 2 if interactive else 1
    assert [effect[0] for effect in found] == ["reply", "send"]
    assert found[1] == own_question(number, "query-commands")
    assert driver.bytes(reply(COMMANDS, number)) == [hint("did you mean device_add?", place=place)]
    assert driver.session.idle
    driver.line("block_stream")
    found = driver.bytes(missing("block_stream", 3 if interactive else None))
    place = "" if interactive else "stdin:2:1"
    assert [effect[0] for effect in found] == ["reply", "tell"]
    assert found[1] == hint("did you mean block-stream?", place=place)
    assert driver.status == FAILED


def test_next_command_waits_for_the_hint() -> None:
    driver = Driver()
    driver.line("  device-add; stop")
    assert driver.bytes(missing("device-add"))[1:] == [ASKED]
    assert driver.bytes(reply(COMMANDS, 1)) == [
        hint("did you mean device_add?", place="stdin:1:3"),
        sent('{"execute": "stop"}'),
    ]


def test_session_is_busy_until_hint_is_shown() -> None:
    driver = Driver()
    driver.line("device-add")
    driver.bytes(missing("device-add"))
    assert not driver.session.idle


def test_known_schema_avoids_query_for_names() -> None:
    driver = Driver()
    driver.line("resise id=5")
    driver.bytes(reply(SCHEMA, 1))
    assert driver.bytes(missing("resise"))[1:] == [hint("did you mean resize?")]


def test_names_from_terminal_are_not_queried_again() -> None:
    driver = Driver(interactive=True)
    driver.session.query_commands(driver.now)
    driver.bytes(reply(COMMANDS, 1))
    driver.line("device-add")
    assert driver.bytes(missing("device-add", 2))[1:] == [
        hint("did you mean device_add?", place="")
    ]


@pytest.mark.parametrize(
    ("name", "meant"), [("events", "/events"), ("wait", "/wait"), ("wait-jobs", "/wait-job")]
)
def test_similar_shell_command_is_suggested(name: str, meant: str) -> None:
    driver = Driver()
    driver.line(name)
    driver.bytes(missing(name))
    assert driver.bytes(reply(COMMANDS, 1)) == [hint(f"did you mean {meant}?")]


def test_session_shows_no_hint_for_dissimilar_name() -> None:
    driver = Driver()
    driver.line("zzzzzzzz")
    assert driver.bytes(missing("zzzzzzzz"))[1:] == [ASKED]
    assert driver.bytes(reply(COMMANDS, 1)) == []
    assert driver.session.idle


@pytest.mark.parametrize("options", [{"probe": False}, {"negotiate": False}])
def test_option_disables_query_for_command_names(options: dict[str, Any]) -> None:
    driver = Driver(**options)
    driver.line("device-add")
    found = driver.bytes(missing("device-add"))
    assert [effect for effect in found if effect[0] == "send"] == []
    assert found[0][0] == "reply"
    assert driver.status == FAILED


@pytest.mark.parametrize(
    "answer",
    [
        error("no", "CommandNotFound", 1),
        reply({}, 1),
        reply([5, None, {}, {"name": 5}, {"x": "device_add"}], 1),
    ],
)
def test_failed_query_for_names_is_not_repeated(answer: bytes) -> None:
    driver = Driver()
    driver.line("device-add")
    driver.bytes(missing("device-add"))
    assert driver.bytes(answer) == []
    driver.line("device-add")
    assert [effect[0] for effect in driver.bytes(missing("device-add"))] == ["reply"]
    assert driver.session.idle


def test_rejected_raw_json_gets_no_hint() -> None:
    driver = Driver()
    driver.line('{"execute": "device-add"}')
    assert [effect[0] for effect in driver.bytes(missing("device-add"))] == ["reply"]


def test_command_name_is_sent_unchanged() -> None:
    assert Driver().line("device-add") == [sent('{"execute": "device-add"}')]


def test_connection_loss_during_names_query_ends_session() -> None:
    driver = Driver()
    driver.line("device-add")
    driver.bytes(missing("device-add"))
    assert driver.gone() == [
        ("error", "vm.sock: connection lost"),
        ("leave", CONNECTION),
    ]


def test_names_query_timeout_continues_with_next_command() -> None:
    driver = Driver(timeout=1)
    driver.line("device-add; stop")
    driver.bytes(missing("device-add"))
    assert driver.after(1)[-1:] == [sent('{"execute": "stop"}')]
    assert driver.bytes(reply(COMMANDS, 1)) == []
    assert driver.bytes(DONE) == [("reply", {"return": {}})]


def test_wrong_type_error_gets_hint() -> None:
    driver = Driver(probe=False)
    driver.line("stop; resize id=5")
    driver.bytes(DONE)
    desc = "Invalid parameter type for 'id', expected: string"
    found = driver.bytes(error(desc))
    assert [effect[0] for effect in found] == ["reply", "tell"]
    text = "quote the value of id to send it as text"
    assert found[1] == hint(text, place="stdin:1:7")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("x model.name=off model.props.sse=off", "did you mean model.props.sse:=false?"),
        ("x sse=on", "did you mean sse:=true?"),
        ("x sse=maybe", ""),
        ("x no-sse=on", ""),
        ('{"execute": "x", "arguments": {"sse": "on"}}', ""),
    ],
)
def test_text_for_boolean_gets_hint(line: str, text: str) -> None:
    driver = Driver(probe=False)
    driver.line(line)
    found = driver.bytes(error("Invalid parameter type for 'sse', expected: boolean"))
    assert found[1:] == ([hint(text)] if text else [])


@pytest.mark.parametrize("line", ["device_dle id=x", "wait", "query-blok", "zzzzzzzz"])
def test_mistyped_command_has_same_hint_while_typing(line: str) -> None:
    entities = [{"name": name, "meta-type": "command", "arg-type": "0"} for name in NAMES]
    sources = CompletionSources(
        names=NAMES, schema=Schema([*SCHEMA, *entities]), shell_commands=SHELL_COMMANDS
    )
    found = describe(f"{line} ; stop", len(line) + 3, sources)
    name = line.partition(" ")[0]
    hint = suggestion_for(name, [*NAMES, *SHELL_COMMANDS])
    assert found is not None
    assert found.warnings[0] == f"the server has no command '{name}'{hint and f': {hint}'}"


def driver_with_schema(*, interactive: bool = False) -> Driver:
    driver = Driver(interactive=interactive)
    driver.line("resize size=1")
    driver.bytes(reply(SCHEMA, 1))
    driver.bytes(reply({}, 2 if interactive else None))
    assert driver.session.idle
    return driver


MISTYPED = [
    ("resize id=5 sizze=1", "resize has no argument 'sizze': did you mean size?"),
    ("resize id=5 hwo=fast", "resize has no argument 'hwo': did you mean how?"),
    ("resize id=“a”", 'id has typographic quotes: did you mean "a"?'),
    ("resize id=5 how=fsat", "how takes fast|slow, not 'fsat': did you mean fast?"),
    ("blockdev-add drver=null-co", "blockdev-add has no argument 'drver': did you mean driver?"),
    (
        "blockdev-add driver=raw node-name=a file.driver=null-co file.node_name=b",
        "blockdev-add file has no member 'node_name': did you mean node-name?",
    ),
]


@pytest.mark.parametrize("interactive", [False, True])
@pytest.mark.parametrize(("line", "text"), MISTYPED)
def test_mistyped_argument_has_same_hint_after_error(
    line: str, text: str, interactive: bool
) -> None:
    found = describe(f"{line} ", len(line) + 1, CompletionSources(schema=Schema(SCHEMA)))
    assert found is not None
    assert text in found.warnings
    driver = driver_with_schema(interactive=interactive)
    driver.line(line)
    shown = driver.bytes(error("Parameter 'x' is unexpected", marker=3 if interactive else None))
    assert shown[1:] == [hint(text, place="" if interactive else "stdin:2:1")]
    assert driver.session.idle


def test_argument_hint_queries_unknown_schema() -> None:
    driver = Driver()
    assert driver.line("blockdev-add node_name=a; stop") == [
        sent('{"execute": "blockdev-add", "arguments": {"node_name": "a"}}')
    ]
    asked = driver.bytes(error("Parameter 'node_name' is unexpected"))[1:]
    assert asked == [own_question(1, "query-qmp-schema")]
    assert driver.bytes(reply(SCHEMA, 1)) == [
        hint("blockdev-add has no argument 'node_name': did you mean node-name?"),
        sent('{"execute": "stop"}'),
    ]


@pytest.mark.parametrize(
    "line", ["resize id=5 zzz=1", '{"execute": "resize", "arguments": {"sizze": 1}}']
)
def test_unlike_or_raw_argument_gets_no_hint(line: str) -> None:
    driver = driver_with_schema()
    driver.line(line)
    shown = driver.bytes(error("Parameter 'x' is unexpected"))
    assert [effect[0] for effect in shown] == ["reply"]


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    ("line", "missing_name", "text"),
    [
        ("chardev-add id=c backend.type=null", "backend.data", "add backend.data={}"),
        ("transaction actions.0.type=abort", "actions[0].data", "add actions.0.data={}"),
        ("chardev-add id=c backend.type=file", "backend.data", ""),
        ("chardev-add backend.type=null", "id", ""),
    ],
)
def test_missing_object_without_required_members_gets_hint(
    server: str, line: str, missing_name: str, text: str
) -> None:
    driver = Driver()
    schema_entities = reply(entities(server), 1)
    if driver.line(line) == [own_question(1, "query-qmp-schema")]:
        driver.bytes(schema_entities)
    shown = driver.bytes(error(f"Parameter '{missing_name}' is missing"))
    if own_question(1, "query-qmp-schema") in shown:
        shown = [*shown[:1], *driver.bytes(schema_entities)]
    assert shown[1:] == ([hint(text)] if text else [])


def test_other_error_gets_no_hint() -> None:
    driver = Driver()
    driver.line("stop")
    assert [effect[0] for effect in driver.bytes(REFUSAL)] == ["reply"]


# -- human monitor lines --------------------------------------------------------------------------

MONITOR = [
    "change device filename  -- change a medium",
    "device_add driver  -- add a device",
    "drive_add [-n]  -- add a drive",
    "query_block device  -- an older form",
    "info [subcommand]  -- show",
    "migrate [-d] uri  -- migrate",
    "quit|q  -- quit",
    "resize name  -- resize",
    "x /fmt addr  -- memory dump",
]
HELP = "\r\n".join(MONITOR) + "\r\n"
HELP_QUERY = {"command-line": "help"}


def monitor_hint(line: str, *, interactive: bool = False, names: Sequence[str] = ()) -> list[str]:
    """Return the hints after a line, for a server with some commands and the human monitor."""
    driver = Driver(interactive=interactive)
    commands = [*COMMANDS, *({"name": name} for name in ("human-monitor-command", *names))]
    effects = [*driver.line(line)]
    for _ in range(5):
        (data,) = [effect[1] for effect in effects if effect[0] == "send"][-1:] or [b"{}"]
        message = json.loads(data)
        marker = int(message["id"].rpartition("-")[2]) if "id" in message else None
        if message.get("execute") == "query-commands":
            value = reply(commands, marker)
        elif message.get("arguments") == HELP_QUERY:
            value = reply(HELP, marker)
        elif message:
            value = missing(message["execute"], marker)
        else:
            break
        found = driver.bytes(value)
        effects = [*(effect for effect in effects if effect[0] != "send"), *found]
    assert driver.session.idle
    return [effect[1].removeprefix("stdin:1:1: ") for effect in effects if effect[0] == "tell"]


@pytest.mark.parametrize("interactive", [False, True])
@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("info block", "use /hmp info block"),
        ("info", "use /hmp info"),
        ("migrate -d tcp:localhost:1", "use /hmp migrate -d tcp:localhost:1"),
        ("drive_add 0 if=none,file=x", "use /hmp drive_add 0 if=none,file=x"),
        ("change ide1-cd0 a.iso | cat", "use /hmp change ide1-cd0 a.iso"),
        ("x/10i $pc", "use /hmp x/10i $pc"),
        ("info " + "x " * 50, f"use /hmp info {'x ' * 32}x…"),
        ("query_block d0", "use /hmp query_block d0"),
        ("query_block", "did you mean query-block?"),
        ("q/help query-block", "use /help query-block"),
        ("q", ""),
        ("q/x", ""),
        ("quit now", ""),
        ("device_del net1", ""),
        ("no-such word", ""),
        ("device_dle net1", "did you mean device_del?"),
        ("device-add", "did you mean device_add?"),
    ],
)
def test_human_monitor_line_is_recognized(line: str, hint: str, interactive: bool) -> None:
    assert monitor_hint(line, interactive=interactive) == ([hint] if hint else [])


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("/watch -c 2 info block", "use /watch -c 2 /hmp info block"),
        ("/watch x; info block", "use /hmp info block"),
    ],
)
def test_watched_human_monitor_line_is_recognized(line: str, hint: str) -> None:
    assert monitor_hint(line, interactive=True)[-1:] == [hint]


def test_human_monitor_command_with_qmp_name_is_recognized() -> None:
    assert monitor_hint("resize drive0", names=["resize"]) == ["use /hmp resize drive0"]


def test_human_monitor_help_is_queried_once() -> None:
    driver = Driver()
    driver.line("info block")
    driver.bytes(reply([*COMMANDS, {"name": "human-monitor-command"}], 1))
    driver.bytes(reply(HELP, 2))
    carets = "     ^^^"
    assert driver.line("info cpu") == [
        mistake(
            "info cpu",
            carets,
            "info has no argument 'cpu'",
            "expected KEY=VALUE",
            place="stdin:2:6",
        ),
        hint("use /hmp info cpu", place="stdin:2:1"),
    ]


def test_line_before_the_greeting_sends_no_query() -> None:
    driver = Driver(interactive=True, greeted=False)
    assert [effect[0] for effect in driver.line("info block")] == ["error"]


def test_words_of_shell_command_get_no_monitor_hint() -> None:
    (shown,) = Driver().line("/wait info now")
    assert shown[0] == "error"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("device_add e1000,id=n", "use /keyval device_add e1000,id=n"),
        ("device_add e1000,id=n,bus=b x=1", "use /keyval device_add e1000,id=n,bus=b x=1"),
        ("device_add driver=e1000,id=n", "use /keyval device_add driver=e1000,id=n"),
        ("-device e1000,id=n", "use /keyval device_add e1000,id=n"),
        ("-device e1000", "use /keyval device_add e1000"),
        ("-chardev null,id=c", "use /hmp chardev-add null,id=c"),
        ("-chardev null", "use /hmp chardev-add null"),
        ("chardev_add null,id=c", "use /hmp chardev-add null,id=c"),
        ("object_add secret,id=s", "use /keyval object-add secret,id=s"),
        (
            "blockdev-add driver=raw,file.driver=null-co",
            "use /keyval blockdev-add driver=raw,file.driver=null-co",
        ),
    ],
)
def test_option_string_suggests_keyval(line: str, hint: str) -> None:
    error = find_error(line)
    assert error is not None
    assert (error.hint, line[error.start :].startswith(line.split()[1])) == (hint, True)


@pytest.mark.parametrize(
    "line",
    [
        "device_add driver=x addr=1,2",
        "blockdev-add driver=file filename=a,b=c",
        'device_add driver="e1000,id=n"',
        'device_add "a,b"=1',
        "stop a,b=1",
    ],
)
def test_comma_in_value_is_no_option_string(line: str) -> None:
    assert find_error(line) is None


def find_error(line: str) -> LineError | None:
    item = parse(line).parts[0].item
    return item.errors[0] if item is not None and item.errors else None
