"""Tests of the answers of `--json-errors` in cases that a real server cannot be made to show."""

from __future__ import annotations

from typing import Any

from qmpshell.errors import CONNECTION, OK
from tests.harness.sessions import DONE, GREETING, NEGOTIATED, REFUSAL, Driver, Shown, error, event

EMPTY: dict[str, Any] = {"return": {}}


def answers(effects: list[Shown]) -> list[Any]:
    return [effect[1] for effect in effects if effect[0] == "answer"]


def failure(error_class: str, desc: str) -> dict[str, Any]:
    return {"error": {"class": error_class, "desc": desc}}


def test_replies_are_shown_unchanged_without_the_option() -> None:
    driver = Driver()
    driver.line("a")
    assert driver.bytes(DONE) == [("reply", EMPTY)]
    assert answers(driver.line("/status")) == []


def test_restart_of_server_answers_the_item() -> None:
    driver = Driver(json_errors=True)
    driver.line("a; b")
    desc = "the server was restarted; the outcome of a is unknown"
    assert answers(driver.bytes(GREETING)) == [failure("GenericError", desc)]
    driver.bytes(NEGOTIATED)
    assert answers(driver.bytes(DONE)) == [EMPTY]
    assert driver.session.idle


def test_reply_and_end_together_give_one_answer() -> None:
    driver = Driver(json_errors=True)
    driver.line("quit")
    assert answers(driver.bytes(DONE)) == [EMPTY]
    assert answers(driver.gone()) == []


def test_quit_without_reply_is_answered() -> None:
    driver = Driver(json_errors=True)
    driver.line("quit")
    driver.bytes(event("SHUTDOWN", guest=False, reason="host-qmp-quit"))
    assert answers(driver.gone()) == [EMPTY]
    assert driver.end() == [("leave", OK)]


def test_failed_redirect_answers_the_last_item() -> None:
    driver = Driver(json_errors=True)
    driver.line("a; b > f")
    driver.redirect_opened()
    assert driver.bytes(DONE)[:2] == [("reply", EMPTY), ("answer", EMPTY)]
    assert driver.bytes(DONE) == [("reply", EMPTY), ("finish", ">", "f")]
    assert answers(driver.redirect_closed("f: full")) == [failure("GenericError", "f: full")]


def test_lost_connection_with_redirect_gives_one_answer() -> None:
    driver = Driver(json_errors=True)
    driver.line("a > f")
    driver.redirect_opened()
    (answer,) = answers([*driver.gone(), *driver.redirect_closed()])
    assert answer["error"]["class"] == "ConnectionLost"
    assert driver.status == CONNECTION


def test_error_with_redirect_is_the_answer() -> None:
    driver = Driver(json_errors=True)
    driver.line("a > f")
    driver.redirect_opened()
    driver.bytes(REFUSAL)
    assert answers(driver.redirect_closed()) == [failure("GenericError", "no")]


def test_lost_connection_in_source_answers_it_once() -> None:
    driver = Driver(json_errors=True, files={"f": "a\nb\nc\n"})
    driver.line("/source f; d")
    assert answers(driver.bytes(DONE)) == []
    (answer,) = answers(driver.gone())
    first, second = answer["return"]
    assert first == EMPTY
    assert second["error"]["class"] == "ConnectionLost"


def test_late_reply_is_not_an_answer() -> None:
    driver = Driver(json_errors=True, agent=True, negotiate=False)
    driver.line("guest-suspend-ram")
    assert answers(driver.after(3)) == [EMPTY]
    late = driver.bytes(error("it cannot"))
    assert late[0][0] == "unexpected"
    assert late[0][2] == "a late reply"
    assert answers(late) == []


def test_secret_is_not_repeated_in_answer() -> None:
    driver = Driver(json_errors=True)
    (answer,) = answers(driver.line("set_password password=hunter2 password=hunter2"))
    assert answer["error"]["class"] == "LineError"
    assert "hunter2" not in str(answer)


def test_loss_after_reply_keeps_answer_of_piped_line() -> None:
    driver = Driver(json_errors=True, probe=False)
    driver.line("query-name | cat")
    driver.redirect_opened()
    assert [effect[0] for effect in driver.bytes(DONE)] == ["reply", "finish"]
    assert answers(driver.gone()) == [EMPTY]
