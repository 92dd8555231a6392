"""Tests of `/set` in a session: output, changes and error messages."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import FAILED, OK
from qmpshell.storage import CONFIRM, SETTINGS, SettingError, Settings
from tests.harness.program import run
from tests.harness.servers import Server
from tests.harness.sessions import DONE, Driver, mistake, own_question, reply, sent

USAGE = "usage: /set [NAME[=VALUE]…]"
QUOTE = "enclose a quote character in quotes of the other kind"


def listing(driver: Driver, call: str = "/set") -> list[str]:
    ((kind, text),) = driver.line(call)
    assert kind == "tell"
    return str(text).splitlines()


@pytest.mark.parametrize("interactive", [False, True])
def test_list_has_one_per_line_without_queries(interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    lines = listing(driver)
    assert [line.partition("=")[0] for line in lines] == [
        name for name, setting in SETTINGS.items() if not setting.file_only
    ]
    assert lines[0] == "color=auto        # use colours"
    assert lines[1] == "complete-while-typing=off  # open the completion menu without Tab"
    assert lines[2] == "confirm=guest-shutdown,quit,system_powerdown,system_reset"
    assert max(map(len, lines)) < 80
    assert driver.session.idle
    assert driver.status == OK


def test_list_output_is_valid_set_input() -> None:
    driver = Driver(events=("JOB_*",), pager="less -R #x", confirm=(), timeout=0.5, verbose=True)
    lines = listing(driver)
    assert 'pager="less -R #x"  # pager for long replies; if empty, $PAGER or less' in lines
    other = Driver()
    for line in lines:
        assert other.line(f"/set {line}") == []
    for name in vars(Settings()):
        assert getattr(other.session.settings, name) == getattr(driver.session.settings, name)


def test_one_setting_is_shown_with_valid_values() -> None:
    assert listing(Driver(), "/set fold") == [
        "fold=60",
        "  maximum lines of a reply at a terminal",
        "  it must be a number of lines, 0 for all",
    ]


def test_set_changes_and_shows_several_settings() -> None:
    driver = Driver()
    lines = listing(driver, "/set fold=3 layout verbose=on layout=pretty fold")
    assert [line for line in lines if line[0] != " "] == ["layout=pretty", "fold=3"]
    assert driver.session.settings.verbose


@pytest.mark.parametrize(
    ("words", "attribute", "value"),
    [
        ("confirm=quit,stop", "confirm", ("quit", "stop")),
        ("confirm=", "confirm", ()),
        ("confirm=''", "confirm", ()),
        ("confirm='quit, stop'", "confirm", ("quit", "stop")),
        ("events='JOB_*'", "events", ("JOB_*",)),
        ("events=none", "events", "none"),
        ("pager='less -R'", "pager", "less -R"),
        ('pager="a\\tb"', "pager", None),
        ("timeout=2.5", "timeout", 2.5),
        ("result=on # why", "result_only", True),
        ("style=monokai", "style", "monokai"),
        ("editing=vi", "editing", "vi"),
    ],
)
def test_set_changes_setting(words: str, attribute: str, value: object) -> None:
    driver = Driver()
    found = driver.line(f"/set {words}")
    if value is None:
        assert [effect[0] for effect in found] == ["error"]
        assert "pager cannot be 'a\\tb'" in found[0][1]
    else:
        assert found == []
        assert getattr(driver.session.settings, attribute) == value


NUMBER = "it must be a number of lines, 0 for all"
WRONG = [
    ("/set fol=1", "     ^^^", "unknown setting fol", "did you mean fold?"),
    ("/set Fold", "     ^^^^", "unknown setting Fold", "did you mean fold?"),
    (
        "/set nosuchthing=1",
        "     ^^^^^^^^^^^",
        "unknown setting nosuchthing",
        "/set shows the list",
    ),
    ("/set fold 10", "          ^^", "unknown setting 10", "did you mean fold=10?"),
    ("/set fold =5", "          ^^", "unknown setting =5", "did you mean fold=5?"),
    ("/set fold = 5", "          ^", "unknown setting =", "did you mean fold=…?"),
    ("/set fold.x=1", "     ^^^^^^", "unknown setting fold.x", "did you mean fold?"),
    (
        "/set pager=less -R",
        "                ^^",
        "unknown setting -R",
        "quote a value that contains blanks",
    ),
    ("/set quiet=on", "     ^^^^^", "quiet can only be set in the settings file", ""),
    ("/set quiet", "     ^^^^^", "quiet can only be set in the settings file", ""),
    ("/set {}", "     ^^", "/set has no argument '{}'", USAGE),
    ("/set fold:=1", "         ^^", "expected NAME=VALUE, not NAME :=", USAGE),
    ("/set fold=x", "          ^", f"fold cannot be 'x': {NUMBER}", ""),
    ("/set fold=", "          ^", f"fold cannot be '': {NUMBER}", ""),
    ("/set fold=1 fold=2", "            ^^^^", "fold occurs twice", ""),
    ("/set fold=[1]", "          ^^^", f"fold cannot be '[1]': {NUMBER}", ""),
    ("/set pager='x", "           ^^", "the quote is not closed", QUOTE),
    ("/set layout=pretty fold=x", "                        ^", f"fold cannot be 'x': {NUMBER}", ""),
]


@pytest.mark.parametrize("interactive", [False, True])
@pytest.mark.parametrize(("line", "carets", "reason", "hint"), WRONG)
def test_invalid_set_call_changes_nothing(
    line: str, carets: str, reason: str, hint: str, interactive: bool
) -> None:
    driver = Driver(interactive=interactive)
    place = "" if interactive else f"stdin:1:{carets.index('^') + 1}"
    assert driver.line(line) == [mistake(line, carets, reason, hint, place=place)]
    plain = Settings()
    for name in vars(Settings()):
        assert getattr(driver.session.settings, name) == getattr(plain, name)
    assert driver.status == FAILED


def test_line_with_invalid_value_sends_nothing() -> None:
    (error,) = Driver().line("stop; /set fold=x")
    assert error[0] == "error"


def test_set_applies_in_line_order() -> None:
    driver = Driver()
    driver.line("stop; /set timeout=7")
    assert driver.session.settings.timeout is None
    driver.bytes(DONE)
    assert driver.session.settings.timeout == 7
    assert driver.line("cont") == [sent('{"execute": "cont"}')]
    assert [effect[0] for effect in driver.after(7)] == ["error", "leave"]


def test_confirm_setting_changes_confirmed_commands() -> None:
    driver = Driver(interactive=True, probe=False)
    assert driver.line("stop") == [own_question(1, "stop")]
    driver.bytes(reply({}, 1))
    driver.line("/set confirm=stop")
    assert driver.line("stop") == [("ask", "stop needs confirmation (setting confirm)")]
    assert driver.answer(go_on=False) == [("tell", "not sent")]
    driver.line("/set confirm=")
    assert [effect[0] for effect in driver.line("quit")] == ["send"]


def test_setting_does_not_affect_other_sessions() -> None:
    driver = Driver(interactive=True)
    driver.line("/set confirm=")
    assert Driver(interactive=True).session.settings.confirm == CONFIRM


@given(st.text(max_size=20), st.sampled_from(["pager", "confirm", "events"]))
def test_shown_setting_can_be_set_again(text: str, name: str) -> None:
    driver = Driver()
    setting = SETTINGS[name]
    try:
        setattr(driver.session.settings, setting.attribute, setting.read(text))
    except SettingError:
        return
    shown = listing(driver, f"/set {name}")[0]
    other = Driver()
    assert other.line(f"/set {shown}") == []
    assert getattr(other.session.settings, setting.attribute) == getattr(
        driver.session.settings, setting.attribute
    )


def test_script_set_changes_output_format(one_qemu: Server) -> None:
    calls = ["/set layout=pretty", "/set layout=auto color=always", "/set color=auto result=on"]
    lines = ["query-name", *(line for call in calls for line in (call, "query-name"))]
    found = run(one_qemu.address, input="\n".join(lines))
    assert (found.status, found.err) == (0, "")
    assert found.out == (
        '{"return": {}}\n{\n  "return": {}\n}\n{\x1b[34m"return"\x1b[0m: {}}\n{}\n'
    )
