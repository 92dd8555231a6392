"""What a session asks before it can read a line: once, in order, and never where it must not."""

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
def test_what_can_be_read_in_one_way_only_asks_nothing(line: str, interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    driver.bytes(event("STOP", n=5))
    for one in driver.line(line):
        assert one[0] == "send"
        assert b"query-qmp-schema" not in one[1]


@pytest.mark.parametrize("line", OPEN)
@pytest.mark.parametrize("interactive", [False, True])
def test_what_can_be_read_in_several_ways_asks_for_the_schema(line: str, interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    assert driver.line(line) == [ASKED]
    assert not driver.session.idle
    assert driver.session.waiting is None  # the user waits for no reply of theirs
    (found,) = [one for one in driver.bytes(reply(SCHEMA, 1)) if one[0] != "tell"]
    assert found[0] in ("send", "error")
    assert found != ASKED


@pytest.mark.parametrize("line", OPEN)
@pytest.mark.parametrize("options", [{"probe": False}, {"negotiate": False}])
def test_without_probes_nothing_is_asked(line: str, options: dict[str, Any]) -> None:
    driver = Driver(**options)
    ((kind, data),) = driver.line(line)
    assert kind == "send"
    assert b"query-qmp-schema" not in data
    assert b'"id": "qmpshell' not in data


def test_a_line_is_read_by_the_schema_that_was_asked_for() -> None:
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


def test_the_schema_is_asked_for_once() -> None:
    driver = Driver()
    driver.line("resize id=5")
    driver.bytes(reply(SCHEMA, 1))
    driver.bytes(DONE)
    assert driver.line("resize id=5; /help stop") == [RESIZE]


@pytest.mark.parametrize("answer", [reply(SCHEMA, 1), error("no", "CommandNotFound", 1)])
def test_a_line_that_was_read_ahead_does_not_ask_again(answer: bytes) -> None:
    """As a script does, and a person who types on while the schema is awaited."""
    driver = Driver()
    driver.line("resize id=5")
    ahead = driver.prepare("resize id=5")
    (first,) = driver.bytes(answer)
    assert first in (RESIZE, UNTYPED)
    driver.bytes(DONE)
    assert driver.submit(ahead) == [first]


def test_lines_typed_while_the_schema_is_asked_for_stay_in_order() -> None:
    driver = Driver(interactive=True)
    assert driver.line("resize id=5") == [ASKED]
    assert driver.line("resize id=6") == []
    assert driver.line("stop") == []
    found = driver.bytes(reply(SCHEMA, 1))
    found += driver.bytes(reply({}, 2))
    found += driver.bytes(reply({}, 3))
    assert [one for one in found if one[0] == "send"] == [
        sent('{"execute": "resize", "arguments": {"id": "5"}, "id": "qmpshell-2"}'),
        sent('{"execute": "resize", "arguments": {"id": "6"}, "id": "qmpshell-3"}'),
        sent('{"execute": "stop", "id": "qmpshell-4"}'),
    ]


def test_nothing_of_a_line_is_sent_before_all_of_it_is_understood() -> None:
    driver = Driver()
    assert driver.line("stop; resize id=5 size=x") == [ASKED]
    ((kind, text),) = driver.bytes(reply(SCHEMA, 1))
    assert kind == "error"
    assert text.startswith("stdin:1:24: size takes a whole number")
    assert driver.session.idle


def test_a_file_that_is_run_asks_once() -> None:
    driver = Driver(files={"f": "resize id=5\nresize id=5\n"})
    assert driver.line("/source f") == [ASKED]
    assert driver.bytes(reply(SCHEMA, 1)) == [RESIZE]
    assert driver.bytes(DONE)[1:] == [RESIZE]


def test_the_schema_is_asked_for_after_the_greeting() -> None:
    driver = Driver(greeted=False)
    assert driver.line("resize id=5") == []
    driver.bytes(GREETING)
    assert driver.bytes(b'{"return": {}, "id": "qmpshell-negotiation-1"}') == [("greeted",), ASKED]


def test_events_are_shown_while_the_schema_is_asked_for() -> None:
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
def test_an_error_means_reading_without(answer: bytes) -> None:
    driver = Driver()
    driver.line("resize id=5")
    assert driver.bytes(answer) == [UNTYPED]
    assert driver.bytes(DONE) == [("reply", {"return": {}})]
    assert driver.line("resize id=5") == [UNTYPED]
    driver.bytes(DONE)
    assert driver.end() == [("leave", OK)]


def test_a_stranger_s_reply_is_not_the_schema() -> None:
    driver = Driver()
    driver.line("resize id=5")
    found = driver.bytes(reply(SCHEMA, "libvirt-1"))
    assert [one[0] for one in found] == ["stray"]
    assert driver.bytes(reply(SCHEMA, 1)) == [RESIZE]


def test_a_schema_that_does_not_come_in_time() -> None:
    driver = Driver(timeout=2)
    driver.line("resize id=5")
    assert driver.session.deadline == 102.0
    text = "stdin:1:1: no reply to query-qmp-schema within 2 s; nothing was sent"
    assert driver.after(2) == [("error", text), ("leave", CONNECTION)]


@pytest.mark.parametrize("interactive", [False, True])
def test_a_loss_while_the_schema_is_asked_for(interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    driver.line("resize id=5")
    driver.line("stop")
    found = driver.gone()
    assert found[0][0] == "error"
    assert found[0][1].startswith("vm.sock: connection lost")
    assert "2" in found[0][1] and "were not sent" in found[0][1]
    assert found[1:] == ([] if interactive else [("leave", CONNECTION)])
    assert driver.session.idle


def test_a_line_after_a_loss_is_not_sent_and_asks_nothing() -> None:
    driver = Driver(interactive=True)
    driver.gone()
    ((kind, text),) = driver.line("resize id=5")
    assert kind == "error"
    assert "nothing was sent" in text


def test_a_server_that_starts_anew_is_asked_anew() -> None:
    driver = Driver()
    driver.line("resize id=5")
    driver.line("stop")
    assert [one[0] for one in driver.bytes(GREETING)] == ["send"]
    assert driver.bytes(RESTARTED) == [("greeted",), own_question(2, "query-qmp-schema")]
    assert driver.bytes(reply(SCHEMA, 2)) == [RESIZE]
    assert driver.bytes(DONE)[1:] == [STOP]
    driver.bytes(DONE)
    assert driver.end() == [("leave", OK)]


def test_the_schema_of_a_server_that_is_no_more_is_forgotten() -> None:
    """What starts anew behind a serial line may be another version."""
    driver = Driver()
    driver.line("resize id=5")
    driver.bytes(reply(SCHEMA, 1))
    driver.bytes(DONE)
    driver.bytes(GREETING)
    driver.bytes(RESTARTED)
    assert driver.line("resize id=5") == [own_question(2, "query-qmp-schema")]


def test_a_person_can_give_up_what_waits_for_the_schema() -> None:
    """Ctrl-C sends nothing: least of all the line with its values read otherwise."""
    driver = Driver(interactive=True)
    driver.line("resize id=5")
    found = driver.abandon()
    assert found and not [one for one in found if one[0] == "send"]
    assert driver.bytes(reply(SCHEMA, 1)) == []
    assert driver.line("stop") == [sent('{"execute": "stop", "id": "qmpshell-2"}')]


def test_notes_of_the_schema_are_told_once_at_a_terminal() -> None:
    driver = Driver(interactive=True)
    driver.line("resize id=a force=on; resize id=b force=on")
    found = driver.bytes(reply(SCHEMA, 1))
    found += driver.bytes(reply({}, 2))
    notes = [one for one in found if one[0] == "tell"]
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


def test_a_device_asks_for_the_properties_of_its_driver_and_for_no_schema() -> None:
    driver = Driver()
    assert driver.line("device_add multifunction=on driver=e1000 id=5 mac=7") == [DEVICE]
    assert driver.bytes(reply(PROPERTIES, 1)) == [
        sent(
            '{"execute": "device_add", "arguments": {"multifunction": true, "driver": "e1000",'
            ' "id": "5", "mac": "7"}}'
        )
    ]


def test_a_drivers_properties_are_asked_for_once() -> None:
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
def test_a_device_that_asks_nothing(line: str) -> None:
    ((kind, data),) = Driver().line(line)
    assert kind == "send"
    assert b'"device_add"' in data


def test_an_unknown_driver_is_the_servers_to_refuse() -> None:
    driver = Driver()
    driver.line("device_add driver=e1000 mac=7")
    assert driver.bytes(error("Device 'e1000' not found", "DeviceNotFound", 1)) == [
        device('"mac": 7')
    ]
    assert driver.status == OK
    driver.bytes(DONE)
    assert driver.line("device_add driver=e1000 mac=7") == [device('"mac": 7')]


def test_a_device_without_probes_asks_nothing() -> None:
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
def test_qom_set_asks_for_the_type_of_the_property(type_name: str, text: str, value: str) -> None:
    driver = Driver()
    assert driver.line(f"qom-set path=/machine property=p value={text}") == [OBJECT]
    properties = [{"name": "p", "type": type_name}, {"name": "q", "type": "bool"}]
    assert driver.bytes(reply(properties, 1)) == [qom_set(value)]


def test_an_objects_properties_are_asked_for_in_each_line() -> None:
    """Objects come and go, and properties with them."""
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


def test_an_object_that_is_not_there_is_the_servers_to_refuse() -> None:
    driver = Driver()
    driver.line("qom-set path=/machine property=p value=5")
    assert driver.bytes(error("Device '/machine' not found", "DeviceNotFound", 1)) == [qom_set("5")]


def test_several_facts_are_asked_for_one_after_the_other() -> None:
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


# -- what only the person knows -------------------------------------------------------------------


def secret_sent(number: int, value: str, name: str = "x") -> tuple[str, bytes]:
    return sent(
        f'{{"execute": "{name}", "arguments": {{"password": "{value}"}}, "id": "qmpshell-{number}"}}'
    )


QUESTION = ("ask secret", "password")


@pytest.mark.parametrize("line", ["x password=@?", "x password:=@?"])
def test_a_person_is_asked_for_a_secret(line: str) -> None:
    driver = Driver(interactive=True)
    assert driver.line(line) == [QUESTION]
    assert not driver.session.idle
    assert driver.secret("5 o'clock") == [secret_sent(1, "5 o'clock")]
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]
    assert driver.session.idle


def test_an_answer_is_used_once() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?")
    driver.secret("one")
    driver.bytes(reply({}, 1))
    assert driver.line("x password=@?") == [QUESTION]
    assert driver.secret("two") == [secret_sent(2, "two")]


def test_an_answer_is_not_used_for_a_line_typed_before_the_reply() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?")
    driver.secret("one")
    assert driver.line("y password=@?") == []
    assert driver.bytes(reply({}, 1))[1:] == [QUESTION]
    assert driver.secret("two") == [secret_sent(2, "two", "y")]


def test_an_answer_is_forgotten_with_a_line_that_could_not_be_read() -> None:
    driver = Driver(interactive=True, probe=False)
    driver.line("x password=@? a=@missing")
    assert [one[0] for one in driver.secret("one")] == ["error"]
    assert driver.line("y password=@?") == [QUESTION]


def test_an_answer_is_forgotten_with_a_line_that_was_given_up() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?; /wait STOP")
    driver.secret("one")
    driver.bytes(reply({}, 1))
    driver.gone()
    assert not driver.session.facts.secrets


def test_two_secrets_of_a_line_are_asked_for_one_after_the_other() -> None:
    driver = Driver(interactive=True)
    assert driver.line("x a=@? b=@?") == [("ask secret", "a")]
    assert driver.secret("one") == [("ask secret", "b")]
    assert driver.secret("two") == [
        sent('{"execute": "x", "arguments": {"a": "one", "b": "two"}, "id": "qmpshell-1"}')
    ]


def test_a_secret_and_the_schema_are_both_asked_for() -> None:
    driver = Driver(interactive=True)
    assert driver.line("resize id=@? size=5") == [("ask secret", "id")]
    assert driver.secret("007") == [ASKED]
    assert driver.bytes(reply(SCHEMA, 1)) == [
        sent('{"execute": "resize", "arguments": {"id": "007", "size": 5}, "id": "qmpshell-2"}')
    ]


def test_a_question_that_is_not_answered_drops_the_line() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?; stop")
    assert driver.line("cont") == []
    assert driver.secret(None) == [
        ("tell", "not sent"),
        sent('{"execute": "cont", "id": "qmpshell-1"}'),
    ]


def test_an_empty_answer_is_one() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?")
    assert driver.secret("") == [secret_sent(1, "")]


def test_a_secret_is_asked_for_in_its_turn() -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    assert driver.line("x password=@?") == []
    assert driver.bytes(reply({}, 1))[1:] == [QUESTION]


def test_a_secret_that_comes_after_a_loss_goes_nowhere() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?")
    driver.gone()
    assert driver.secret("one") == []
    assert not driver.session.facts.secrets


def test_a_secret_given_up_with_ctrl_c() -> None:
    driver = Driver(interactive=True)
    driver.line("x password=@?")
    assert driver.abandon() == [("tell", "1 was not sent")]
    assert driver.secret("one") == []
    assert driver.session.idle


def test_a_secret_in_a_transaction_is_asked_for_too() -> None:
    driver = Driver(interactive=True)
    assert driver.line("transaction( x password=@? )") == [QUESTION]
    assert driver.secret("one") == [
        sent(
            '{"execute": "transaction", "arguments": {"actions": [{"type": "x", "data":'
            ' {"password": "one"}}]}, "id": "qmpshell-1"}'
        )
    ]


def test_a_script_has_nobody_to_ask() -> None:
    driver = Driver()
    ((kind, text),) = driver.line("x password=@?")
    assert kind == "error"
    assert text.startswith("stdin:1:12: there is no terminal at which to ask")
    assert driver.status == FAILED


def test_in_quotes_it_is_text() -> None:
    driver = Driver(interactive=True)
    assert driver.line('x password="@?"') == [secret_sent(1, "@?")]


def test_secrets_do_not_reach_the_log() -> None:
    driver = Driver(interactive=True)
    driver.line("/log f")
    driver.line("x password=@?")
    driver.secret("hush")
    assert "hush" not in repr(driver.logs["f"].messages)
    assert len(driver.logs["f"].messages) == 1


def test_a_driver_that_is_not_known_is_asked_for_as_what_it_may_be_short_for() -> None:
    driver = Driver()
    driver.session.facts.has_schema = True
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
    assert driver.line(line) == [device_add]  # it is remembered by the name that was typed
