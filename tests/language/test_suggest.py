"""What may have been meant: guesses after a refusal, and what they may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from qmpshell.errors import CONNECTION, FAILED
from qmpshell.language import hint_for
from qmpshell.qmp import Reply
from qmpshell.session import Request, mistaken_name
from tests.harness.sessions import (
    DONE,
    REFUSAL,
    SCHEMA,
    Driver,
    error,
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


# -- the guess ------------------------------------------------------------------------------------


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
    ],
)
def test_a_close_name(text: str, meant: str) -> None:
    assert hint_for(text, NAMES) == f"did you mean {meant}?"


@pytest.mark.parametrize("text", ["", "x", "completely-different", "{", "é"])
def test_nothing_close(text: str) -> None:
    assert hint_for(text, NAMES) == ""
    assert hint_for(text, []) == ""


def test_a_name_that_differs_in_its_dashes_is_closer_than_any_other() -> None:
    assert hint_for("device_a", ["device_b", "device-a"]) == "did you mean device-a?"


def test_a_type_that_quotes_would_give() -> None:
    desc = "Invalid parameter type for 'node-name', expected: string"
    cure = "to have it as text, put the value of node-name in quotes"
    assert hint_for(desc, None) == cure
    assert hint_for(desc.replace("string", "integer"), None) == ""
    assert hint_for("Parameter 'x' is missing", None) == ""


def test_a_job_without_a_name() -> None:
    cure = "a job on a node needs a name of its own: job-id=NAME"
    assert hint_for("Invalid job ID ''", None) == cure
    assert hint_for("Invalid job ID 'a b'", None) == ""
    assert hint_for("", None) == ""


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
def test_only_a_typed_name_that_is_not_there_is_mistaken(
    desc: str, error_class: str, is_typed: bool, found: str
) -> None:
    value = {"error": {"class": error_class, "desc": desc}}
    request = Request({"execute": "x"}, data=b"", source=None, is_typed=is_typed)
    assert mistaken_name(Reply(b"", value), request) == found


# -- in a session ---------------------------------------------------------------------------------


@pytest.mark.parametrize("interactive", [False, True])
def test_the_names_are_asked_for_once(interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    place = "" if interactive else "stdin:1:1"
    assert driver.line("device-add driver=x") != [ASKED]
    found = driver.bytes(missing("device-add", 1 if interactive else None))
    number = 2 if interactive else 1
    assert [one[0] for one in found] == ["reply", "send"]
    assert found[1] == own_question(number, "query-commands")
    assert driver.bytes(reply(COMMANDS, number)) == [hint("did you mean device_add?", place=place)]
    assert driver.session.idle
    driver.line("block_stream")
    found = driver.bytes(missing("block_stream", 3 if interactive else None))
    place = "" if interactive else "stdin:2:1"
    assert [one[0] for one in found] == ["reply", "tell"]
    assert found[1] == hint("did you mean block-stream?", place=place)
    assert driver.status == FAILED


def test_what_follows_waits_for_the_hint() -> None:
    driver = Driver()
    driver.line("  device-add; stop")
    assert driver.bytes(missing("device-add"))[1:] == [ASKED]
    assert driver.bytes(reply(COMMANDS, 1)) == [
        hint("did you mean device_add?", place="stdin:1:3"),
        sent('{"execute": "stop"}'),
    ]


def test_the_end_of_the_input_waits_for_the_hint() -> None:
    driver = Driver()
    driver.line("device-add")
    driver.bytes(missing("device-add"))
    assert not driver.session.idle


def test_where_the_schema_is_known_nothing_is_asked() -> None:
    driver = Driver()
    driver.line("resise id=5")
    driver.bytes(reply(SCHEMA, 1))
    assert driver.bytes(missing("resise"))[1:] == [hint("did you mean resize?")]


def test_what_the_terminal_learned_is_not_asked_for_again() -> None:
    driver = Driver(interactive=True)
    driver.session.probes.learn_commands(driver.now)
    driver.bytes(reply(COMMANDS, 1))
    driver.line("device-add")
    assert driver.bytes(missing("device-add", 2))[1:] == [
        hint("did you mean device_add?", place="")
    ]


@pytest.mark.parametrize(
    ("name", "meant"), [("help", "/help"), ("wait", "/wait"), ("wait-jobs", "/wait-job")]
)
def test_a_local_command_may_have_been_meant(name: str, meant: str) -> None:
    driver = Driver()
    driver.line(name)
    driver.bytes(missing(name))
    assert driver.bytes(reply(COMMANDS, 1)) == [hint(f"did you mean {meant}?")]


def test_nothing_is_said_where_nothing_is_close() -> None:
    driver = Driver()
    driver.line("zzzzzzzz")
    assert driver.bytes(missing("zzzzzzzz"))[1:] == [ASKED]
    assert driver.bytes(reply(COMMANDS, 1)) == []
    assert driver.session.idle


@pytest.mark.parametrize(
    "options", [{"stop_on_error": True}, {"probe": False}, {"negotiate": False}]
)
def test_nothing_is_asked_where_it_must_not_be(options: dict[str, Any]) -> None:
    driver = Driver(**options)
    driver.line("device-add")
    found = driver.bytes(missing("device-add"))
    assert [one for one in found if one[0] == "send"] == []
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
def test_names_that_cannot_be_had_are_not_asked_for_again(answer: bytes) -> None:
    driver = Driver()
    driver.line("device-add")
    driver.bytes(missing("device-add"))
    assert driver.bytes(answer) == []
    driver.line("device-add")
    assert [one[0] for one in driver.bytes(missing("device-add"))] == ["reply"]
    assert driver.session.idle


def test_raw_json_gets_no_guess() -> None:
    driver = Driver()
    driver.line('{"execute": "device-add"}')
    assert [one[0] for one in driver.bytes(missing("device-add"))] == ["reply"]


def test_a_name_is_sent_as_it_was_typed() -> None:
    assert Driver().line("device-add") == [sent('{"execute": "device-add"}')]


def test_a_loss_while_the_names_are_asked_for() -> None:
    driver = Driver()
    driver.line("device-add")
    driver.bytes(missing("device-add"))
    assert driver.gone() == [
        ("error", "vm.sock: connection lost"),
        ("leave", CONNECTION),
    ]


def test_names_that_do_not_come_in_time_are_done_without() -> None:
    driver = Driver(timeout=1)
    driver.line("device-add; stop")
    driver.bytes(missing("device-add"))
    assert driver.after(1)[-1:] == [sent('{"execute": "stop"}')]
    assert driver.bytes(reply(COMMANDS, 1)) == []
    assert driver.bytes(DONE) == [("reply", {"return": {}})]


def test_a_wrong_type_gets_its_cure() -> None:
    driver = Driver(probe=False)
    driver.line("stop; resize id=5")
    driver.bytes(DONE)
    desc = "Invalid parameter type for 'id', expected: string"
    found = driver.bytes(error(desc))
    assert [one[0] for one in found] == ["reply", "tell"]
    cure = "to have it as text, put the value of id in quotes"
    assert found[1] == hint(cure, place="stdin:1:7")


def test_an_error_of_another_kind_gets_no_hint() -> None:
    driver = Driver()
    driver.line("stop")
    assert [one[0] for one in driver.bytes(REFUSAL)] == ["reply"]
