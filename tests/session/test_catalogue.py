"""How a session comes by the human monitor's catalogue: in the background, once a server."""

from __future__ import annotations

from qmpshell.complete import HmpCatalogue
from qmpshell.session import Effect, HmpCatalogueLoader, QueryResult
from tests.harness.sessions import (
    GREETING,
    NEGOTIATED,
    Driver,
    Said,
    error,
    own_question,
    reply,
    said,
)

HELP = "cont|c  -- resume\r\n"
INFO = "info block  -- show\r\n"


def ask(number: int, line: str) -> Said:
    return own_question(number, "human-monitor-command", **{"command-line": line})


def load(driver: Driver, loader: HmpCatalogueLoader) -> list[Said]:
    return said(loader.load(driver.now))


def on_query_result(effects: list[Effect]) -> HmpCatalogue:
    (one,) = effects
    assert isinstance(one, QueryResult)
    assert isinstance(one.value, HmpCatalogue)
    return one.value


def test_help_and_help_info_build_catalogue() -> None:
    driver = Driver(interactive=True, hmp=True)
    loader = HmpCatalogueLoader(driver.session)
    assert load(driver, loader) == [ask(1, "help")]
    assert load(driver, loader) == []  # once
    assert driver.bytes(reply(HELP, 1)) == [ask(2, "help info")]
    catalogue = on_query_result(driver.session.receive(reply(INFO, 2), driver.now))
    assert catalogue.names == ["cont", "c"]
    assert catalogue.info_names == ["block"]
    assert load(driver, loader) == []
    assert driver.status == 0


def test_it_holds_up_no_line() -> None:
    driver = Driver(interactive=True, hmp=True)
    loader = HmpCatalogueLoader(driver.session)
    load(driver, loader)
    question = own_question(2, "human-monitor-command", **{"command-line": "info name"})
    assert driver.line("info name") == [question]
    assert driver.bytes(reply("guest\r\n", 2))[0][0] == "reply"
    assert driver.bytes(reply(HELP, 1)) == [ask(3, "help info")]
    assert driver.abandon() == []
    assert driver.line("/quit") == [("leave", 0)]


def test_a_server_without_a_human_monitor() -> None:
    driver = Driver(interactive=True)
    loader = HmpCatalogueLoader(driver.session)
    assert load(driver, loader) == [ask(1, "help")]
    refusal = error("The command human-monitor-command has not been found", "CommandNotFound", 1)
    assert driver.bytes(refusal) == []
    assert load(driver, loader) == []
    assert driver.status == 0


def test_answers_that_are_none() -> None:
    for help_answer in (reply({}, 1), reply(["cont -- x"], 1), reply(None, 1)):
        driver = Driver(interactive=True)
        load(driver, HmpCatalogueLoader(driver.session))
        assert driver.bytes(help_answer) == []
    driver = Driver(interactive=True)
    load(driver, HmpCatalogueLoader(driver.session))
    assert driver.bytes(reply("unknown command: 'help'\r\n", 1)) == [ask(2, "help info")]
    assert driver.bytes(reply("unknown command: 'help'\r\n", 2)) == []


def test_commands_without_help_info() -> None:
    driver = Driver(interactive=True)
    load(driver, HmpCatalogueLoader(driver.session))
    driver.bytes(reply(HELP, 1))
    assert driver.bytes(error("no", marker=2)) == [("learned", "human-monitor-command")]


def test_nothing_is_asked_that_may_not_be() -> None:
    for driver in (
        Driver(interactive=True, hmp=True, probe=False),
        Driver(interactive=True, hmp=True, negotiate=False),
    ):
        assert load(driver, HmpCatalogueLoader(driver.session)) == []
    driver = Driver(offline=True)
    assert load(driver, HmpCatalogueLoader(driver.session)) == []


def test_queries_run_only_while_ready() -> None:
    driver = Driver(interactive=True, greeted=False)
    loader = HmpCatalogueLoader(driver.session)
    assert load(driver, loader) == []
    driver.bytes(GREETING)
    assert load(driver, loader) == []
    driver.bytes(NEGOTIATED)
    assert load(driver, loader) == [ask(1, "help")]
    driver.gone()
    assert load(driver, loader) == []


def test_a_server_that_starts_anew_is_asked_anew() -> None:
    driver = Driver(interactive=True)
    loader = HmpCatalogueLoader(driver.session)
    load(driver, loader)
    assert ("learned", "human-monitor-command") not in driver.bytes(GREETING)
    assert load(driver, loader) == []
    driver.bytes(NEGOTIATED)
    (question,) = load(driver, loader)
    assert question == ask(2, "help")


def test_the_log_has_the_questions_and_the_answers() -> None:
    driver = Driver(interactive=True, log="log")
    load(driver, HmpCatalogueLoader(driver.session))
    driver.bytes(reply(HELP, 1))
    driver.bytes(reply(INFO, 2))
    messages = [message for _, message in driver.logs["log"].messages][-4:]
    assert [one["arguments"]["command-line"] for one in messages[::2]] == ["help", "help info"]
    assert [one["return"] for one in messages[1::2]] == [HELP, INFO]
