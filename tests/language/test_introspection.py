"""Tests of the queries that a session makes before it can evaluate a line."""

from __future__ import annotations

from typing import Any

import pytest

from qmpshell.errors import CONNECTION, FAILED, OK
from tests.harness.sessions import (
    DONE,
    GREETING,
    SCHEMA,
    Driver,
    error,
    event,
    own_question,
    reply,
    sent,
)

ASKED = own_question(1, "query-qmp-schema")
RESIZE = sent('{"execute": "resize", "arguments": {"id": "5"}}')
UNTYPED = sent('{"execute": "resize", "arguments": {"id": 5}}')
STOP = sent('{"execute": "stop"}')
RESTARTED = b'{"return": {}, "id": "qmpshell-negotiation-2"}\r\n'


# -- the schema -----------------------------------------------------------------------------------

PLAIN = [
    "stop",
    "resize id=disk0",
    "resize id=5.0.0",
    'resize id="disk0"',
    "resize id:=5",
    'resize {"id": 5}',
    '{"execute": "resize", "arguments": {"id": 5}}',
    "guest-file-read handle=5",
    "/hmp info status",
    "/wait -t 0 STOP n=5",
    "# resize id=5",
]
OPEN = [
    "resize id=5",
    "resize id=64k",
    "resize id=0x10",
    "resize force=on",
    "resize id=true",
    "resize id=null",
    "resize id=[1]",
    'resize id={"a": 1}',
    'resize id="5"',
    "resize names.5=x",
    "transaction( resize id=5 )",
    "/oob resize id=5",
    "/keyval resize id=5",
]


@pytest.mark.parametrize("line", PLAIN)
@pytest.mark.parametrize("interactive", [False, True])
def test_unambiguous_line_makes_no_query(line: str, interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    driver.bytes(event("STOP", n=5))
    for effect in driver.line(line):
        if effect != ("event", "STOP"):
            assert effect[0] == "send"
            assert b"query-qmp-schema" not in effect[1]


@pytest.mark.parametrize("line", OPEN)
@pytest.mark.parametrize("interactive", [False, True])
def test_ambiguous_line_queries_the_schema(line: str, interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    assert driver.line(line) == [ASKED]
    assert not driver.session.idle
    assert (
        driver.session.state.sender.table.oldest_user_request is None
    )  # no command of the user is pending
    (found,) = [effect for effect in driver.bytes(reply(SCHEMA, 1)) if effect[0] != "tell"]
    assert found[0] in ("send", "error")
    assert found != ASKED


@pytest.mark.parametrize("line", OPEN)
@pytest.mark.parametrize("options", [{"probe": False}, {"negotiate": False}])
def test_line_without_probes_makes_no_query(line: str, options: dict[str, Any]) -> None:
    driver = Driver(**options)
    ((kind, data),) = driver.line(line)
    assert kind == "send"
    assert b"query-qmp-schema" not in data
    assert b'"id": "qmpshell' not in data


def test_line_is_evaluated_with_queried_schema() -> None:
    driver = Driver()
    assert driver.line("resize id=5 size=64k force=off names.0=7 base=null") == [ASKED]
    assert driver.bytes(reply(SCHEMA, 1)) == [
        sent(
            '{"execute": "resize", "arguments": {"id": "5", "size": 65536, "force": false,'
            ' "names": ["7"], "base": null}}'
        )
    ]
    assert driver.bytes(DONE) == [("reply", {"return": {}})]
    assert driver.end() == [("leave", OK)]


def test_schema_is_queried_once() -> None:
    driver = Driver()
    driver.line("resize id=5")
    driver.bytes(reply(SCHEMA, 1))
    driver.bytes(DONE)
    assert driver.line("resize id=5; /help stop") == [RESIZE]


@pytest.mark.parametrize("answer", [reply(SCHEMA, 1), error("no", "CommandNotFound", 1)])
def test_prepared_line_does_not_query_schema_again(answer: bytes) -> None:
    """Scripts prepare lines early, and users type while the schema is pending."""
    driver = Driver()
    driver.line("resize id=5")
    ahead = driver.prepare("resize id=5")
    (first,) = driver.bytes(answer)
    assert first in (RESIZE, UNTYPED)
    driver.bytes(DONE)
    assert driver.submit(ahead) == [first]


def test_lines_typed_during_schema_query_keep_order() -> None:
    driver = Driver(interactive=True)
    assert driver.line("resize id=5") == [ASKED]
    assert driver.line("resize id=6") == []
    assert driver.line("stop") == []
    found = driver.bytes(reply(SCHEMA, 1))
    found += driver.bytes(reply({}, 2))
    found += driver.bytes(reply({}, 3))
    assert [effect for effect in found if effect[0] == "send"] == [
        sent('{"execute": "resize", "arguments": {"id": "5"}, "id": "qmpshell-2"}'),
        sent('{"execute": "resize", "arguments": {"id": "6"}, "id": "qmpshell-3"}'),
        sent('{"execute": "stop", "id": "qmpshell-4"}'),
    ]


def test_invalid_line_sends_none_of_its_commands() -> None:
    driver = Driver()
    assert driver.line("stop; resize id=5 size=x") == [ASKED]
    ((kind, text),) = driver.bytes(reply(SCHEMA, 1))
    assert kind == "error"
    assert text.startswith("stdin:1:24: size takes a whole number")
    assert driver.session.idle


def test_source_file_queries_schema_once() -> None:
    driver = Driver(files={"f": "resize id=5\nresize id=5\n"})
    assert driver.line("/source f") == [ASKED]
    assert driver.bytes(reply(SCHEMA, 1)) == [RESIZE]
    assert driver.bytes(DONE)[1:] == [RESIZE]


def test_schema_query_waits_for_negotiation() -> None:
    driver = Driver(greeted=False)
    assert driver.line("resize id=5") == []
    driver.bytes(GREETING)
    assert driver.bytes(b'{"return": {}, "id": "qmpshell-negotiation-1"}') == [("ready",), ASKED]


def test_events_are_shown_during_schema_query() -> None:
    driver = Driver()
    driver.line("resize id=5")
    assert driver.bytes(event("STOP")) == [("event", "STOP")]
    assert not driver.session.idle


@pytest.mark.parametrize(
    "answer",
    [
        error("The command query-qmp-schema has not been found", "CommandNotFound", 1),
        error("The command query-qmp-schema has not been found", "CommandNotFound"),
        reply({}, 1),
        reply("no list", 1),
    ],
)
def test_failed_schema_query_evaluates_line_untyped(answer: bytes) -> None:
    driver = Driver()
    driver.line("resize id=5")
    assert driver.bytes(answer) == [UNTYPED]
    assert driver.bytes(DONE) == [("reply", {"return": {}})]
    assert driver.line("resize id=5") == [UNTYPED]
    driver.bytes(DONE)
    assert driver.end() == [("leave", OK)]


def test_reply_with_foreign_id_is_not_the_schema() -> None:
    driver = Driver()
    driver.line("resize id=5")
    found = driver.bytes(reply(SCHEMA, "libvirt-1"))
    assert [effect[0] for effect in found] == ["unexpected"]
    assert driver.bytes(reply(SCHEMA, 1)) == [RESIZE]


def test_schema_query_timeout_ends_the_script() -> None:
    driver = Driver(timeout=2)
    driver.line("resize id=5")
    assert driver.session.deadline == 102.0
    text = "stdin:1:1: no reply to query-qmp-schema within 2 s; nothing was sent"
    assert driver.after(2) == [("error", text), ("leave", CONNECTION)]


@pytest.mark.parametrize("interactive", [False, True])
def test_connection_loss_during_schema_query_drops_lines(interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    driver.line("resize id=5")
    driver.line("stop")
    found = driver.gone()
    assert found[0][0] == "error"
    assert found[0][1].startswith("vm.sock: connection lost")
    assert "2" in found[0][1] and "were not sent" in found[0][1]
    assert found[1:] == ([] if interactive else [("leave", CONNECTION)])
    assert driver.session.idle


def test_line_after_connection_loss_is_not_sent() -> None:
    driver = Driver(interactive=True)
    driver.gone()
    ((kind, text),) = driver.line("resize id=5")
    assert kind == "error"
    assert "nothing was sent" in text


def test_server_restart_repeats_pending_schema_query() -> None:
    driver = Driver()
    driver.line("resize id=5")
    driver.line("stop")
    assert [effect[0] for effect in driver.bytes(GREETING)] == ["send"]
    assert driver.bytes(RESTARTED) == [("ready",), own_question(2, "query-qmp-schema")]
    assert driver.bytes(reply(SCHEMA, 2)) == [RESIZE]
    assert driver.bytes(DONE)[1:] == [STOP]
    driver.bytes(DONE)
    assert driver.end() == [("leave", OK)]


def test_server_restart_clears_cached_schema() -> None:
    """A restarted server behind a serial line may have another version."""
    driver = Driver()
    driver.line("resize id=5")
    driver.bytes(reply(SCHEMA, 1))
    driver.bytes(DONE)
    driver.bytes(GREETING)
    driver.bytes(RESTARTED)
    assert driver.line("resize id=5") == [own_question(2, "query-qmp-schema")]


def test_abandon_during_schema_query_drops_the_line() -> None:
    """Ctrl-C must not send the line with untyped values."""
    driver = Driver(interactive=True)
    driver.line("resize id=5")
    found = driver.abandon()
    assert found and not [effect for effect in found if effect[0] == "send"]
    assert driver.bytes(reply(SCHEMA, 1)) == []
    assert driver.line("stop") == [sent('{"execute": "stop", "id": "qmpshell-2"}')]


def test_interactive_session_shows_schema_note_once() -> None:
    driver = Driver(interactive=True)
    driver.line("resize id=a force=on; resize id=b force=on")
    found = driver.bytes(reply(SCHEMA, 1))
    found += driver.bytes(reply({}, 2))
    notes = [effect for effect in found if effect[0] == "tell"]
    assert notes == [("tell", "force is deprecated")]


# -- a device's driver ----------------------------------------------------------------------------

DEVICE = own_question(1, "device-list-properties", typename="e1000")
PROPERTIES = [
    {"name": "multifunction", "type": "bool", "description": "on/off"},
    {"name": "addr", "type": "int32"},
    {"name": "mac", "type": "str"},
]


def device(arguments: str) -> tuple[str, bytes]:
    return sent(f'{{"execute": "device_add", "arguments": {{"driver": "e1000", {arguments}}}}}')


def test_device_add_queries_driver_properties_without_schema() -> None:
    driver = Driver()
    assert driver.line("device_add multifunction=on driver=e1000 id=5 mac=7") == [DEVICE]
    assert driver.bytes(reply(PROPERTIES, 1)) == [
        sent(
            '{"execute": "device_add", "arguments": {"multifunction": true, "driver": "e1000",'
            ' "id": "5", "mac": "7"}}'
        )
    ]


def test_driver_properties_are_queried_once() -> None:
    driver = Driver()
    driver.line("device_add driver=e1000 mac=7")
    ahead = driver.prepare("device_add driver=e1000 mac=8")
    assert driver.bytes(reply(PROPERTIES, 1)) == [device('"mac": "7"')]
    driver.bytes(DONE)
    assert driver.submit(ahead) == [device('"mac": "8"')]
    driver.bytes(DONE)
    assert driver.line("device_add driver=e1000 mac=9") == [device('"mac": "9"')]
    driver.bytes(DONE)
    assert driver.line("device_add driver=other mac=9") == [
        own_question(2, "device-list-properties", typename="other")
    ]


@pytest.mark.parametrize(
    "line",
    ["device_add driver=e1000 id=5 bus=0", "device_add driver=e1000 mac=x", "device_add mac=7"],
)
def test_unambiguous_device_add_makes_no_query(line: str) -> None:
    ((kind, data),) = Driver().line(line)
    assert kind == "send"
    assert b'"device_add"' in data


def test_unknown_driver_is_sent_to_the_server() -> None:
    driver = Driver()
    driver.line("device_add driver=e1000 mac=7")
    assert driver.bytes(error("Device 'e1000' not found", "DeviceNotFound", 1)) == [
        device('"mac": 7')
    ]
    assert driver.status == OK
    driver.bytes(DONE)
    assert driver.line("device_add driver=e1000 mac=7") == [device('"mac": 7')]


def test_device_add_without_probes_makes_no_query() -> None:
    assert Driver(probe=False).line("device_add driver=e1000 mac=7") == [device('"mac": 7')]


# -- an object's property -------------------------------------------------------------------------

OBJECT = own_question(1, "qom-list", path="/machine")


def qom_set(value: str) -> tuple[str, bytes]:
    return sent(
        '{"execute": "qom-set", "arguments": {"path": "/machine", "property": "p",'
        f' "value": {value}}}}}'
    )


@pytest.mark.parametrize(
    ("type_name", "text", "value"),
    [("bool", "on", "true"), ("string", "on", '"on"'), ("uint64", "64k", "65536")],
)
def test_qom_set_queries_the_property_type(type_name: str, text: str, value: str) -> None:
    driver = Driver()
    assert driver.line(f"qom-set path=/machine property=p value={text}") == [OBJECT]
    properties = [{"name": "p", "type": type_name}, {"name": "q", "type": "bool"}]
    assert driver.bytes(reply(properties, 1)) == [qom_set(value)]


def test_object_properties_are_queried_for_each_line() -> None:
    """Objects and their properties can change between lines."""
    driver = Driver()
    driver.line(
        "qom-set path=/machine property=p value=5; qom-set path=/machine property=p value=6"
    )
    assert driver.bytes(reply([{"name": "p", "type": "string"}], 1)) == [qom_set('"5"')]
    assert driver.bytes(DONE)[1:] == [qom_set('"6"')]
    driver.bytes(DONE)
    assert driver.line("qom-set path=/machine property=p value=5") == [
        own_question(2, "qom-list", path="/machine")
    ]


def test_missing_object_is_sent_to_the_server() -> None:
    driver = Driver()
    driver.line("qom-set path=/machine property=p value=5")
    assert driver.bytes(error("Device '/machine' not found", "DeviceNotFound", 1)) == [qom_set("5")]


def test_several_queries_are_sent_in_sequence() -> None:
    driver = Driver()
    line = "resize id=5; device_add driver=e1000 mac=7; qom-set path=/machine property=p value=5"
    assert driver.line(line) == [ASKED]
    assert driver.bytes(reply(SCHEMA, 1)) == [
        own_question(2, "device-list-properties", typename="e1000")
    ]
    assert driver.bytes(reply(PROPERTIES, 2)) == [own_question(3, "qom-list", path="/machine")]
    assert driver.bytes(reply([{"name": "p", "type": "string"}], 3)) == [RESIZE]
    assert driver.bytes(DONE)[1:] == [device('"mac": "7"')]
    assert driver.bytes(DONE)[1:] == [qom_set('"5"')]


# -- secrets -------------------------------------------------------------------------------------


def secret_sent(number: int, value: str, name: str = "x") -> tuple[str, bytes]:
    return sent(
        f'{{"execute": "{name}", "arguments": {{"password": "{value}"}}, "id": "qmpshell-{number}"}}'
    )


QUESTION = ("ask secret", "password")


@pytest.mark.parametrize("line", ["x password=@?", "x password:=@?"])
def test_secret_placeholder_prompts_the_user(line: str) -> None:
    driver = Driver(interactive=True)
    assert driver.line(line) == [QUESTION]
    assert not driver.session.idle
    assert driver.secret("5 o'clock") == [secret_sent(1, "5 o'clock")]
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]
    assert driver.session.idle


def test_secret_answer_is_used_once() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?")
    driver.secret("one")
    driver.bytes(reply({}, 1))
    assert driver.line("x password=@?") == [QUESTION]
    assert driver.secret("two") == [secret_sent(2, "two")]


def test_secret_answer_is_not_used_for_next_line() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?")
    driver.secret("one")
    assert driver.line("y password=@?") == []
    assert driver.bytes(reply({}, 1))[1:] == [QUESTION]
    assert driver.secret("two") == [secret_sent(2, "two", "y")]


def test_secret_answer_is_dropped_with_invalid_line() -> None:
    driver = Driver(interactive=True, probe=False)
    driver.line("x password=@? a=@missing")
    assert [effect[0] for effect in driver.secret("one")] == ["error"]
    assert driver.line("y password=@?") == [QUESTION]


def test_secret_answer_is_dropped_after_connection_loss() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?; /wait STOP")
    driver.secret("one")
    driver.bytes(reply({}, 1))
    driver.gone()
    assert not driver.session.introspection.secrets


def test_two_secrets_are_prompted_in_sequence() -> None:
    driver = Driver(interactive=True)
    assert driver.line("x a=@? b=@?") == [("ask secret", "a")]
    assert driver.secret("one") == [("ask secret", "b")]
    assert driver.secret("two") == [
        sent('{"execute": "x", "arguments": {"a": "one", "b": "two"}, "id": "qmpshell-1"}')
    ]


def test_secret_prompt_precedes_schema_query() -> None:
    driver = Driver(interactive=True)
    assert driver.line("resize id=@? size=5") == [("ask secret", "id")]
    assert driver.secret("007") == [ASKED]
    assert driver.bytes(reply(SCHEMA, 1)) == [
        sent('{"execute": "resize", "arguments": {"id": "007", "size": 5}, "id": "qmpshell-2"}')
    ]


def test_unanswered_secret_prompt_drops_the_line() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?; stop")
    assert driver.line("cont") == []
    assert driver.secret(None) == [
        ("tell", "not sent"),
        sent('{"execute": "cont", "id": "qmpshell-1"}'),
    ]


def test_empty_secret_answer_is_sent() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?")
    assert driver.secret("") == [secret_sent(1, "")]


def test_secret_prompt_waits_for_earlier_line() -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    assert driver.line("x password=@?") == []
    assert driver.bytes(reply({}, 1))[1:] == [QUESTION]


def test_secret_answer_after_connection_loss_is_ignored() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?")
    driver.gone()
    assert driver.secret("one") == []
    assert not driver.session.introspection.secrets


def test_abandon_during_secret_prompt_drops_the_line() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?")
    assert driver.abandon() == [("tell", "1 command was not sent")]
    assert driver.secret("one") == []
    assert driver.session.idle


def test_secret_in_transaction_prompts_the_user() -> None:
    driver = Driver(interactive=True)
    assert driver.line("transaction( x password=@? )") == [QUESTION]
    assert driver.secret("one") == [
        sent(
            '{"execute": "transaction", "arguments": {"actions": [{"type": "x", "data":'
            ' {"password": "one"}}]}, "id": "qmpshell-1"}'
        )
    ]


def test_secret_placeholder_in_script_fails() -> None:
    driver = Driver()
    ((kind, text),) = driver.line("x password=@?")
    assert kind == "error"
    assert text.startswith("stdin:1:12: only the interactive shell can ask for a value")
    assert driver.status == FAILED


def test_quoted_secret_placeholder_is_text() -> None:
    driver = Driver(interactive=True)
    assert driver.line('x password="@?"') == [secret_sent(1, "@?")]


def test_secrets_are_not_logged() -> None:
    driver = Driver(interactive=True)
    driver.line("/log f")
    driver.line("x password=@?")
    driver.secret("hush")
    assert "hush" not in repr(driver.logs["f"].messages)
    assert len(driver.logs["f"].messages) == 1


def test_unknown_driver_name_is_queried_as_alias() -> None:
    driver = Driver()
    driver.session.introspection.has_schema = True
    line = "device_add driver=virtio-net mq=on"
    assert driver.line(line) == [own_question(1, "device-list-properties", typename="virtio-net")]
    assert driver.bytes(error("Device 'virtio-net' not found", "DeviceNotFound", 1)) == [
        own_question(2, "device-list-properties", typename="virtio-net-pci")
    ]
    device_add = sent(
        '{"execute": "device_add", "arguments": {"driver": "virtio-net", "mq": true}}'
    )
    assert driver.bytes(reply([{"name": "mq", "type": "bool"}], 2)) == [device_add]
    driver.bytes(DONE)
    assert driver.line(line) == [device_add]  # cached under the typed name
