"""Tests of the background queries that load the HMP command catalogue."""

from __future__ import annotations

from qmpshell.complete import HmpCatalogue
from qmpshell.session import Effect, HmpCatalogueLoader, QueryResult
from tests.harness.sessions import (
    GREETING,
    NEGOTIATED,
    Driver,
    Shown,
    error,
    own_question,
    reply,
    shown,
)

HELP = "cont|c  -- resume\r\n"
INFO = "info block  -- show\r\n"


def help_query(number: int, line: str) -> Shown:
    return own_question(number, "human-monitor-command", **{"command-line": line})


def load(driver: Driver, loader: HmpCatalogueLoader) -> list[Shown]:
    return shown(loader.load(driver.now))


def catalogue_of(effects: list[Effect]) -> HmpCatalogue:
    (effect,) = effects
    assert isinstance(effect, QueryResult)
    assert isinstance(effect.value, HmpCatalogue)
    return effect.value


def test_help_and_help_info_build_catalogue() -> None:
    driver = Driver(interactive=True, hmp=True)
    loader = driver.session.make_catalogue_loader()
    assert load(driver, loader) == [help_query(1, "help")]
    assert load(driver, loader) == []  # the query runs only once
    assert driver.bytes(reply(HELP, 1)) == [help_query(2, "help info")]
    catalogue = catalogue_of(driver.session.receive(reply(INFO, 2), driver.now))
    assert list(catalogue.by_name) == ["cont", "c"]
    assert list(catalogue.info_by_name) == ["block"]
    assert load(driver, loader) == []
    assert driver.status == 0


def test_catalogue_queries_do_not_delay_lines() -> None:
    driver = Driver(interactive=True, hmp=True)
    loader = driver.session.make_catalogue_loader()
    load(driver, loader)
    question = own_question(2, "human-monitor-command", **{"command-line": "info name"})
    assert driver.line("info name") == [question]
    assert driver.bytes(reply("guest\r\n", 2))[0][0] == "reply"
    assert driver.bytes(reply(HELP, 1)) == [help_query(3, "help info")]
    assert driver.abandon() == []
    assert driver.line("/quit") == [("leave", 0)]


def test_server_without_hmp_is_queried_once() -> None:
    driver = Driver(interactive=True)
    loader = driver.session.make_catalogue_loader()
    assert load(driver, loader) == [help_query(1, "help")]
    refusal = error("The command human-monitor-command has not been found", "CommandNotFound", 1)
    assert driver.bytes(refusal) == []
    assert load(driver, loader) == []
    assert driver.status == 0


def test_invalid_help_replies_give_no_catalogue() -> None:
    for help_answer in (reply({}, 1), reply(["cont -- x"], 1), reply(None, 1)):
        driver = Driver(interactive=True)
        load(driver, driver.session.make_catalogue_loader())
        assert driver.bytes(help_answer) == []
    driver = Driver(interactive=True)
    load(driver, driver.session.make_catalogue_loader())
    assert driver.bytes(reply("unknown command: 'help'\r\n", 1)) == [help_query(2, "help info")]
    assert driver.bytes(reply("unknown command: 'help'\r\n", 2)) == []


def test_failed_help_info_still_gives_command_names() -> None:
    driver = Driver(interactive=True)
    load(driver, driver.session.make_catalogue_loader())
    driver.bytes(reply(HELP, 1))
    assert driver.bytes(error("no", marker=2)) == [("learned", "human-monitor-command")]


def test_disabled_probing_sends_no_catalogue_queries() -> None:
    for driver in (
        Driver(interactive=True, hmp=True, probe=False),
        Driver(interactive=True, hmp=True, negotiate=False),
    ):
        assert load(driver, driver.session.make_catalogue_loader()) == []
    driver = Driver(offline=True)
    assert load(driver, driver.session.make_catalogue_loader()) == []


def test_queries_run_only_while_ready() -> None:
    driver = Driver(interactive=True, greeted=False)
    loader = driver.session.make_catalogue_loader()
    assert load(driver, loader) == []
    driver.bytes(GREETING)
    assert load(driver, loader) == []
    driver.bytes(NEGOTIATED)
    assert load(driver, loader) == [help_query(1, "help")]
    driver.gone()
    assert load(driver, loader) == []


def test_restarted_server_is_queried_again() -> None:
    driver = Driver(interactive=True)
    loader = driver.session.make_catalogue_loader()
    load(driver, loader)
    assert ("learned", "human-monitor-command") not in driver.bytes(GREETING)
    assert load(driver, loader) == []
    driver.bytes(NEGOTIATED)
    (question,) = load(driver, loader)
    assert question == help_query(2, "help")


def test_log_contains_catalogue_queries_and_replies() -> None:
    driver = Driver(interactive=True, log="log")
    load(driver, driver.session.make_catalogue_loader())
    driver.bytes(reply(HELP, 1))
    driver.bytes(reply(INFO, 2))
    messages = [message for _, message in driver.logs["log"].messages][-4:]
    assert [message["arguments"]["command-line"] for message in messages[::2]] == [
        "help",
        "help info",
    ]
    assert [message["return"] for message in messages[1::2]] == [HELP, INFO]
