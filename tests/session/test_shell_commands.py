"""Tests of the shell commands in a session: effects and error messages."""

from __future__ import annotations

import pytest

from qmpshell.errors import FAILED, OK
from qmpshell.session import COMMANDS, find_command
from qmpshell.storage import event_place, parse_events
from tests.harness.schemas import schema
from tests.harness.sessions import (
    DONE,
    NOT_FOUND,
    REFUSAL,
    SCHEMA,
    Driver,
    error,
    event,
    mistake,
    own_question,
    reply,
    sent,
    shown,
)

ASKED = own_question(1, "query-qmp-schema")
MANY = 25


def test_every_registered_command_is_found() -> None:
    for name, (_, usage, summary) in COMMANDS.items():
        assert callable(find_command(name))
        assert usage.split()[0] == name
        assert summary
    assert find_command("/nosuch") is None
    assert find_command("help") is None


# -- invalid calls --------------------------------------------------------------------------------

HELP = "usage: /help [NAME [KEY] [KEY=VALUE…]]"
APROPOS = "usage: /apropos WORD…"
EVENTS = "usage: /events [inline|stderr|none|GLOB,…|-GLOB|+GLOB|list]"
WAIT = "usage: /wait [-t SECONDS | --check] EVENT [KEY=VALUE…]"
JOB = "usage: /wait-job [-t SECONDS] ID"
HMP = "usage: /hmp LINE"
OOB = "usage: /oob COMMAND [KEY=VALUE…]"
KEYVAL = "usage: /keyval COMMAND KEY=VALUE,…"
SOURCE = "usage: /source FILE"
LOG = "usage: /log FILE|off"
ARGUMENT = "expected KEY=VALUE"
ALONE = "a JSON object must be the only argument"

WRONG = [
    ("/help stop a cont", "             ^^^^", "expected at most one argument name", HELP),
    ("/help a=1", "      ^", "/help has no argument 'a'", HELP),
    ("/help {}", "      ^^", "/help has no argument '{}'", HELP),
    ("/help x {}", "        ^^", "/help has no argument '{}'", HELP),
    ("/help x b a=1 c", "              ^", "expected at most one argument name", HELP),
    ("/apropos", "^^^^^^^^", "a word to look for is missing", APROPOS),
    ("/apropos a=1", "         ^", "/apropos has no argument 'a'", APROPOS),
    ("/events ,", "        ^", "inline, stderr, none, or names with wildcards", EVENTS),
    ("/events -A,B", "        ^^^^", "start every name with - or +, or none", EVENTS),
    ("/events a=b", "        ^", "/events has no argument 'a'", EVENTS),
    ("/wait", "^^^^^", "the name of an event is missing", WAIT),
    ("  /wait", "  ^^^^^", "the name of an event is missing", WAIT),
    ("/wait a=1", "^^^^^", "the name of an event is missing", WAIT),
    ("/wait {}", "^^^^^", "the name of an event is missing", WAIT),
    ("/wait -t", "      ^^", "a number of seconds must follow -t", WAIT),
    ("/wait -x STOP", "      ^^", "/wait has no option '-x'", WAIT),
    ("/wait -t 5", "^^^^^", "the name of an event is missing", WAIT),
    ("/wait -t x STOP", "         ^", "'x' is not a number of seconds", WAIT),
    ("/wait -t STOP", "         ^^^^", "'STOP' is not a number of seconds", WAIT),
    ("/wait -t -1 STOP", "         ^^", "'-1' is not a number of seconds", WAIT),
    ("/wait -t nan STOP", "         ^^^", "'nan' is not a number of seconds", WAIT),
    ("/wait -t inf STOP", "         ^^^", "'inf' is not a number of seconds", WAIT),
    ("/wait -t 1e9 STOP", "         ^^^", "'1e9' is not a number of seconds", WAIT),
    ("/wait STOP now", "           ^^^", "STOP has no argument 'now'", WAIT),
    ("/wait STOP -t", "           ^^", "a number of seconds must follow -t", WAIT),
    ("/wait STOP {}", "           ^^", ALONE, ""),
    (
        "/wait STOP a=[1",
        "             ^^",
        "the bracket is not closed",
        "quote it to send it as text",
    ),
    ("/wait-job", "^^^^^^^^^", "the ID of a job is missing", JOB),
    ("/wait-job -t 5", "^^^^^^^^^", "the ID of a job is missing", JOB),
    ("/wait-job a b", "            ^", "/wait-job takes one ID", JOB),
    ("/wait-job -x", "          ^^", "/wait-job has no option '-x'", JOB),
    ("/wait-job id=j", "^^^^^^^^^", "the ID of a job is missing", JOB),
    ("/wait-job -t", "          ^^", "a number of seconds must follow -t", JOB),
    ("/wait-job -t j 5", "             ^", "'j' is not a number of seconds", JOB),
    ("/hmp", "^^^^", "a human monitor command is missing", HMP),
    ("/oob", "^^^^", "the name of a command is missing", OOB),
    ("/oob /status", "     ^^^^^^^", "only server commands can be sent out of band", OOB),
    ("/oob a=1", "^^^^", "the name of a command is missing", OOB),
    (
        '/oob {"execute": "x"}',
        "     ^^^^^^^^^^^^^^^^",
        "/oob takes no JSON message",
        'without /oob, send {"exec-oob": COMMAND, …}',
    ),
    ("/oob x now", "       ^^^", "x has no argument 'now'", ARGUMENT),
    ("/oob x a=1 a=2", "           ^", "a occurs twice", ""),
    ("/oob x {} a=1", "          ^", ALONE, ""),
    ("/keyval", "^^^^^^^", "the name of a command is missing", KEYVAL),
    ("/keyval blockdev", "^^^^^^^", "the option string of blockdev is missing", KEYVAL),
    ("/keyval a=1 b=2", "^^^^^^^", "the name of a command is missing", KEYVAL),
    (
        "/keyval x a=1,b",
        "              ^",
        "= must follow 'b'",
        "b=on, if b is a boolean argument; write ,, for a comma within a value",
    ),
    ("/keyval device_del d", "                   ^", "= must follow 'd'", "did you mean id=d?"),
    (
        "/keyval chardev-add null,id=c",
        "                    ^^^^^^^",
        "/keyval chardev-add takes KEY=VALUE,…",
        "use /hmp chardev-add null,id=c",
    ),
    (
        "/keyval -chardev-add null",
        "                     ^^^^",
        "/keyval chardev-add takes KEY=VALUE,…",
        "use /hmp chardev-add null",
    ),
    ("/keyval x a=1,a=2", "              ^", "a occurs twice", ""),
    ("/keyval x a.1=1", "            ^", "the list has no index 0", "…"),
    (
        "/keyval -drive file=a",
        "        ^^^^^^",
        "/keyval has no option -drive",
        "it has -blockdev, -device, -netdev, -object",
    ),
    (
        "/keyval -chardev null,id=c",
        "        ^^^^^^^^",
        "/keyval has no option -chardev",
        "use /hmp chardev-add null,id=c",
    ),
    (
        "/keyval -netdev 'user,id=n'",
        "                ^",
        "the option string is in quotes",
        "only the system shell needs the quotes",
    ),
    (
        "/keyval -netdev user,id=n -device e1000,netdev=n",
        "                          ^^^^^^^",
        "another option, -device, follows",
        "write one option per line",
    ),
    ("/source", "^^^^^^^", "a file name is missing", SOURCE),
    (
        "/source a b",
        "          ^",
        "/source takes one word; quote it if it contains blanks",
        SOURCE,
    ),
    ("/source none", "        ^^^^", f"none: {NOT_FOUND}", ""),
    ("/log", "^^^^", "a file name is missing, or off", LOG),
    ("/log -x", "     ^^", "/log has no option '-x'", "use ./-x for that name"),
    ("/log a b", "       ^", "/log takes one word; quote it if it contains blanks", LOG),
    (
        "/log forbidden",
        "     ^^^^^^^^^",
        "cannot open the log forbidden: Permission denied",
        "",
    ),
    ("/resync now", "        ^^^", "/resync takes no arguments", "usage: /resync"),
    ("/status now", "        ^^^", "/status takes no arguments", "usage: /status"),
    ("/quit now", "      ^^^", "/quit takes no arguments", "usage: /quit"),
    ("/quit a=1", "      ^", "/quit has no argument 'a'", "usage: /quit"),
    ("/", "^", "unknown shell command /", "/help shows the list"),
    ("/hlep", "^^^^^", "unknown shell command /hlep", "did you mean /help?"),
    ("/WAIT STOP", "^^^^^", "unknown shell command /WAIT", "did you mean /wait?"),
    ("/wait_job j", "^^^^^^^^^", "unknown shell command /wait_job", "did you mean /wait-job?"),
    ("/nosuchthing", "^^^^^^^^^^^^", "unknown shell command /nosuchthing", "/help shows the list"),
]
_HINTS = {"…": "the indexes of a list must be 0, 1, 2… without a gap"}


@pytest.mark.parametrize(("line", "carets", "reason", "hint"), WRONG)
def test_invalid_call_in_script_reports_location(
    line: str, carets: str, reason: str, hint: str
) -> None:
    driver = Driver(probe=False)
    column = carets.index("^") + 1
    expected = mistake(line, carets, reason, _HINTS.get(hint, hint), place=f"stdin:1:{column}")
    assert driver.line(line) == [expected]
    assert driver.session.idle
    assert driver.end() == [("leave", FAILED)]


@pytest.mark.parametrize(("line", "carets", "reason", "hint"), WRONG)
def test_invalid_call_at_terminal_reports_reason(
    line: str, carets: str, reason: str, hint: str
) -> None:
    driver = Driver(probe=False, interactive=True)
    assert driver.line(line) == [mistake(line, carets, reason, _HINTS.get(hint, hint))]
    assert driver.session.idle


def test_invalid_call_stops_on_error() -> None:
    driver = Driver(stop_on_error=True)
    found = driver.line("/resync now")
    assert [effect[0] for effect in found] == ["error", "leave"]
    assert found[1] == ("leave", FAILED)


@pytest.mark.parametrize("call", ["/nosuch", "/wait", "/resync now", "/log", "/hmp"])
def test_line_with_invalid_call_sends_nothing(call: str) -> None:
    driver = Driver()
    found = driver.line(f"stop; {call}")
    assert [effect[0] for effect in found] == ["error"]
    assert found[0][1].startswith("stdin:1:")
    found = driver.line(f"{call}; stop")
    if call != "/hmp":  # /hmp uses the rest of the line
        assert [effect[0] for effect in found] == ["error"]


def test_long_unknown_name_is_truncated() -> None:
    name = "/" + "x" * 100
    ((kind, text),) = Driver().line(name)
    assert kind == "error"
    assert text.split("\n")[0] == f"stdin:1:1: unknown shell command {name[:40]}"


# -- /help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("interactive", [False, True])
def test_help_lists_shell_commands_without_queries(interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    ((kind, text),) = driver.line("/help")
    assert kind == "page"
    page = " ".join(text.split())
    for _, usage, summary in COMMANDS.values():
        assert f" {usage} {summary}" in page
    assert max(map(len, text.splitlines())) <= 80
    assert driver.session.idle
    assert driver.status == OK


@pytest.mark.parametrize(("name", "probe"), [("wait-job", False), ("/wait-job", True)])
def test_help_of_shell_command_shows_usage(name: str, probe: bool) -> None:
    assert Driver(probe=probe).line(f"/help {name}") == [
        (
            "page",
            "/wait-job [-t SECONDS] ID\n"
            "    wait until a job has ended; fails if it failed or was cancelled",
        )
    ]


# -- /events --------------------------------------------------------------------------------------


def test_events_without_argument_shows_setting() -> None:
    assert Driver().line("/events") == [("tell", "events: inline")]
    assert Driver(events=("JOB_*", "STOP")).line("/events") == [("tell", "events: JOB_*,STOP")]


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        ("none", "none"),
        ("stderr", "stderr"),
        ("inline", "inline"),
        ("STOP", ("STOP",)),
        ("JOB_*,STOP", ("JOB_*", "STOP")),
        ("JOB_* STOP", ("JOB_*", "STOP")),
        ('"JOB_*"', ("JOB_*",)),
        ("'JOB_*'", ("JOB_*",)),
    ],
)
def test_events_changes_setting(words: str, mode: str | tuple[str, ...]) -> None:
    driver = Driver()
    assert driver.line(f"/events {words}") == []
    assert driver.session.settings.events == mode
    names = mode if isinstance(mode, str) else ",".join(mode)
    assert driver.line("/events") == [("tell", f"events: {names}")]


@pytest.mark.parametrize(
    ("before", "words", "after"),
    [
        ("inline", "-RTC_CHANGE", "inline,-RTC_CHANGE"),
        ("inline", "-RTC_* -JOB_*", "inline,-RTC_*,-JOB_*"),
        ("inline", "-RTC_*,-JOB_*", "inline,-RTC_*,-JOB_*"),
        ("stderr", "-STOP", "stderr,-STOP"),
        ("inline,-RTC_*,-JOB_*", "+RTC_*", "inline,-JOB_*"),
        ("inline,-RTC_*", "+RTC_*", "inline"),
        ("inline,-JOB_*", "+JOB_X", "inline,-JOB_*,+JOB_X"),
        ("inline,-JOB_X,-STOP", "+*", "inline"),
        ("inline,-JOB_X", "-JOB_*", "inline,-JOB_*"),
        ("inline", "+STOP", "inline"),
        ("inline", "-STOP +STOP", "inline"),
        ("none", "+STOP", "none,+STOP"),
        ("none", "-STOP", "none,-STOP"),
        ("JOB_*,STOP", "-JOB_X", "JOB_*,STOP,-JOB_X"),
        ("JOB_*", "+STOP", "JOB_*,+STOP"),
        ("none", "JOB_* -JOB_X", "JOB_*,-JOB_X"),
    ],
)
def test_events_prefixes_hide_and_show_events(before: str, words: str, after: str) -> None:
    driver = Driver(events=parse_events(before))
    assert driver.line(f"/events {words}") == []
    assert driver.line("/events") == [("tell", f"events: {after}")]
    # The command-line option accepts the same text.
    assert parse_events(after) == driver.session.settings.events


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-RES*", "events: inline,-RES*"),
        ("STOP", "events: STOP"),
        ("none", "events: none"),
        ("FOO*", "events: FOO*\nFOO* is not an event of this server"),
        (
            "-STOPP",
            "events: inline,-STOPP\nSTOPP is not an event of this server: did you mean STOP?",
        ),
    ],
)
def test_events_setting_is_confirmed_at_terminal(words: str, message: str) -> None:
    driver = Driver(interactive=True)
    assert driver.line(f"/events {words}") == [("tell", message.partition("\n")[0])]
    driver = Driver(interactive=True)
    driver.session.introspection.schema = schema("10")
    assert driver.line(f"/events {words}") == [("tell", message)]


def test_script_reports_unknown_event_names() -> None:
    driver = Driver()
    driver.session.introspection.schema = schema("10")
    assert driver.line("/events STOP,-JOB_*") == []
    assert driver.line("/events FOO") == [("tell", "FOO is not an event of this server")]
    assert driver.line("/set events=FOO") == [("tell", "FOO is not an event of this server")]
    assert driver.line("/set events=STOP fold=3") == []
    assert driver.line("/set events=inline") == []


@pytest.mark.parametrize("words", ["-", "+", "STOP -", "-A,,", "-A B", "stop", "stderr,STOP"])
def test_invalid_events_call_changes_nothing(words: str) -> None:
    driver = Driver()
    assert [effect[0] for effect in driver.line(f"/events {words}")] == ["error"]
    assert driver.session.settings.events == "inline"


@pytest.mark.parametrize(
    ("mode", "places"),
    [
        ("inline", ["inline"] * 3),
        ("inline,-JOB_*", ["inline", "", ""]),
        ("-JOB_*", ["inline", "", ""]),
        ("-JOB_*,+JOB_B", ["inline", "", "inline"]),
        ("stderr,-STOP", ["", "stderr", "stderr"]),
        ("none,+STOP", ["inline", "", ""]),
        ("JOB_*,-JOB_B", ["", "inline", ""]),
    ],
)
def test_events_setting_selects_output_of_event(mode: str, places: list[str]) -> None:
    parsed = parse_events(mode)
    assert parsed is not None
    assert [event_place(parsed, name) for name in ("STOP", "JOB_A", "JOB_B")] == places


def test_events_list_filters_received_events() -> None:
    driver = Driver(probe=False, events="none")
    driver.line("/wait STOP")  # /wait consumes the first STOP
    for name in ("STOP", "RESUME", "JOB_A", "JOB_B"):
        driver.bytes(event(name))

    def event_names(words: str) -> list[str]:
        return [effect[1] for effect in driver.line(f"/events list {words}")]

    assert event_names("") == ["STOP", "RESUME", "JOB_A", "JOB_B"]
    assert event_names("-n 2") == ["JOB_A", "JOB_B"]
    assert event_names("JOB_*,STOP") == ["STOP", "JOB_A", "JOB_B"]
    assert event_names("JOB_* STOP -n 1") == ["JOB_B"]
    assert event_names("-n 0") == []
    assert event_names("X*") == ["no such events have arrived"]
    assert Driver(probe=False).line("/events list") == [("tell", "no events have arrived")]


@pytest.mark.parametrize("words", ["-n", "-n x", "-n 1.5", "-n -1"])
def test_events_list_rejects_invalid_count(words: str) -> None:
    (effect,) = Driver().line(f"/events list {words}")
    assert effect[0] == "error"


def test_events_list_keeps_latest_thousand_events() -> None:
    driver = Driver()
    driver.bytes(b"".join(event(f"E{number}") for number in range(1200)))
    event_names = [effect[1] for effect in driver.line("/events list -n 5000")]
    assert (len(event_names), event_names[0], event_names[-1]) == (1000, "E200", "E1199")


def test_events_applies_in_line_order() -> None:
    driver = Driver()
    driver.line("stop; /events none")
    assert driver.session.settings.events == "inline"
    driver.bytes(DONE)
    assert driver.session.settings.events == "none"


# -- /hmp -----------------------------------------------------------------------------------------


def hmp_request(line: str, cpu: int | None = None) -> tuple[str, bytes]:
    index = "" if cpu is None else f', "cpu-index": {cpu}'
    text = (
        f'{{"execute": "human-monitor-command", "arguments": {{"command-line": "{line}"{index}}}}}'
    )
    return ("send", text.encode() + b"\n")


def test_hmp_uses_rest_of_line() -> None:
    driver = Driver()
    assert driver.line("stop; /hmp info status; x # y  ") == [sent('{"execute": "stop"}')]
    assert driver.bytes(DONE)[1:] == [hmp_request("info status; x # y")]
    assert driver.bytes(reply("ok\r\n")) == [("reply", {"return": "ok\r\n"})]
    assert driver.end() == [("leave", OK)]


def test_hmp_cpu_applies_to_later_lines() -> None:
    driver = Driver()
    assert driver.line("/hmp cpu 1") == [hmp_request("cpu 1", 1)]
    driver.bytes(reply(""))
    assert driver.line("/hmp info registers") == [hmp_request("info registers", 1)]


def test_hmp_command_error_gives_status_1() -> None:
    driver = Driver()
    driver.line("/hmp foo")
    driver.bytes(reply("unknown command: 'foo'\r\n"))
    assert driver.end() == [("leave", FAILED)]


def test_hmp_command_quit_is_confirmed_at_terminal() -> None:
    driver = Driver(interactive=True)
    assert driver.line("/hmp q") == [("ask", "quit ends the server and its VM")]
    assert driver.answer(go_on=False) == [("tell", "not sent")]


def test_hmp_pipe_before_number_is_not_redirect() -> None:
    driver = Driver()
    assert driver.line("/hmp p 1 | 2 | cat") == [("divert", "|", "cat")]
    assert driver.redirect_opened() == [hmp_request("p 1 | 2")]


# -- /oob -----------------------------------------------------------------------------------------


def test_script_oob_runs_in_line_order() -> None:
    driver = Driver(probe=False)
    driver.line("a")
    assert driver.line("/oob yank instances:=[] x.y=1") == []
    assert driver.bytes(DONE)[1:] == [
        sent('{"exec-oob": "yank", "arguments": {"instances": [], "x": {"y": 1}}}')
    ]
    assert driver.bytes(DONE) == [("reply", {"return": {}})]
    assert driver.end() == [("leave", OK)]


def test_terminal_oob_is_sent_before_queued_lines() -> None:
    driver = Driver(interactive=True)
    assert driver.line("a; d") == [sent('{"execute": "a", "id": "qmpshell-1"}')]
    assert driver.line("b") == []
    assert driver.line("/oob migrate-pause") == [
        sent('{"exec-oob": "migrate-pause", "id": "qmpshell-2"}')
    ]
    assert driver.bytes(reply({}, 2)) == [("reply", {"return": {}, "id": "qmpshell-2"})]
    assert driver.bytes(reply({}, 1))[1:] == [sent('{"execute": "d", "id": "qmpshell-3"}')]
    assert driver.bytes(reply({}, 3))[1:] == [sent('{"execute": "b", "id": "qmpshell-4"}')]


def test_oob_is_sent_during_event_wait() -> None:
    driver = Driver(probe=False, interactive=True)
    driver.line("/wait STOP")
    assert driver.line("/oob migrate-pause") == [
        sent('{"exec-oob": "migrate-pause", "id": "qmpshell-1"}')
    ]
    driver.bytes(reply({}, 1))
    assert driver.line("cont") == []
    assert driver.bytes(event("STOP")) == [
        ("event", "STOP"),
        sent('{"execute": "cont", "id": "qmpshell-2"}'),
    ]


def test_oob_waits_for_schema() -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    assert driver.line("/oob resize id=5") == [own_question(2, "query-qmp-schema")]
    assert driver.bytes(reply(SCHEMA, 2)) == [
        sent('{"exec-oob": "resize", "arguments": {"id": "5"}, "id": "qmpshell-3"}')
    ]
    driver.bytes(reply({}, 3))
    driver.bytes(reply({}, 1))
    assert driver.session.idle


def test_ambiguous_oob_value_is_sent_without_schema() -> None:
    driver = Driver(interactive=True)
    driver.line("/help x")
    driver.bytes(error("no", "CommandNotFound", 1))
    assert driver.line("/oob x a=5") == [
        sent('{"exec-oob": "x", "arguments": {"a": 5}, "id": "qmpshell-2"}')
    ]


def test_oob_waits_for_greeting() -> None:
    driver = Driver(interactive=True, greeted=False)
    assert driver.line("/oob migrate-pause") == []
    assert not driver.session.idle


def test_oob_reply_follows_the_redirect() -> None:
    driver = Driver(interactive=True)
    assert driver.line("/oob query-yank > yank.json") == [("divert", ">", "yank.json")]


def test_oob_after_loss_reports_error() -> None:
    driver = Driver(interactive=True)
    driver.gone()
    ((kind, text),) = driver.line("/oob migrate-pause")
    assert kind == "error"
    assert "nothing was sent" in text


def test_destructive_oob_command_is_confirmed() -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    found = driver.line("/oob system_reset")
    assert found == [("ask", "system_reset resets the VM")]
    assert driver.answer(go_on=True) == [sent('{"exec-oob": "system_reset", "id": "qmpshell-2"}')]


def test_invalid_oob_line_leaves_current_line_alone() -> None:
    driver = Driver(interactive=True)
    driver.line("a; b")
    assert [effect[0] for effect in driver.line("/oob x y")] == ["error"]
    assert driver.bytes(reply({}, 1))[1:] == [sent('{"execute": "b", "id": "qmpshell-2"}')]


# -- /keyval --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "blockdev null-co,node-name=n,,1",
            '"blockdev-add", "arguments": {"driver": "null-co", "node-name": "n,1"}',
        ),
        (
            "-blockdev driver=raw,file.driver=null-co",
            '"blockdev-add", "arguments": {"driver": "raw", "file": {"driver": "null-co"}}',
        ),
        ("blockdev-add raw", '"blockdev-add", "arguments": {"driver": "raw"}'),
        (
            "device e1000,id=n1,a.b=x",
            '"device_add", "arguments": {"driver": "e1000", "id": "n1", "a.b": "x"}',
        ),
        (
            "-netdev user,id=u",
            '"netdev_add", "arguments": {"type": "user", "id": "u"}',
        ),
        (
            "object_add rng-builtin,id=r",
            '"object-add", "arguments": {"qom-type": "rng-builtin", "id": "r"}',
        ),
        (
            "object rng-builtin,id=r",
            '"object-add", "arguments": {"qom-type": "rng-builtin", "id": "r"}',
        ),
        (
            "chardev-add id=c,backend.type=null",
            '"chardev-add", "arguments": {"id": "c", "backend": {"type": null}}',
        ),
        ("other a.0=x,a.1=y,b=1", '"other", "arguments": {"a": ["x", "y"], "b": 1}'),
        (
            'blockdev {"driver": "null-co", "size": 5}',
            '"blockdev-add", "arguments": {"driver": "null-co", "size": 5}',
        ),
    ],
)
def test_keyval_builds_arguments(words: str, message: str) -> None:
    driver = Driver(probe=False)
    assert driver.line(f"/keyval {words}") == [sent(f'{{"execute": {message}}}')]


def test_keyval_uses_schema_types() -> None:
    driver = Driver()
    assert driver.line("/keyval blockdev null-co,node-name=5,size=64k,read-only=on; stop") == [
        ASKED
    ]
    assert driver.bytes(reply(SCHEMA, 1)) == [
        sent(
            '{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "5",'
            ' "size": 65536, "read-only": true}}'
        )
    ]
    assert driver.bytes(DONE)[1:] == [sent('{"execute": "stop"}')]


def test_keyval_device_uses_driver_properties() -> None:
    driver = Driver()
    assert driver.line("/keyval -device e1000,id=5,multifunction=on") == [
        own_question(1, "device-list-properties", typename="e1000")
    ]
    properties = [{"name": "multifunction", "type": "bool"}]
    assert driver.bytes(reply(properties, 1)) == [
        sent(
            '{"execute": "device_add", "arguments": {"driver": "e1000", "id": "5",'
            ' "multifunction": true}}'
        )
    ]


def test_keyval_at_sign_is_text() -> None:
    """The option syntax of QEMU cannot read files with `@`."""
    driver = Driver(probe=False, files={"b": "secret"})
    assert driver.line("/keyval x a=@b") == [sent('{"execute": "x", "arguments": {"a": "@b"}}')]


def test_keyval_text_after_object_is_an_error() -> None:
    driver = Driver(probe=False)
    found = driver.line('/keyval blockdev {"driver": "raw"} junk')
    assert [effect[0] for effect in found] == ["error"]


def test_keyval_unclosed_object_is_an_error() -> None:
    driver = Driver(probe=False)
    found = driver.line('/keyval blockdev {"driver": "raw"')
    assert [effect[0] for effect in found] == ["error"]
    assert found[0][1].startswith("stdin:1:")


# -- /source --------------------------------------------------------------------------------------


def test_source_runs_file_before_following_lines() -> None:
    driver = Driver(files={"f.qmp": "\ufeffa\r\n# comment\n\nb\n"})
    assert driver.line("/source f.qmp") == [sent('{"execute": "a"}')]
    assert driver.line("c") == []
    assert driver.bytes(DONE)[1:] == [sent('{"execute": "b"}')]
    assert driver.bytes(DONE)[1:] == [sent('{"execute": "c"}')]
    assert driver.bytes(DONE)[1:] == []
    assert driver.session.idle


def test_source_runs_before_rest_of_line() -> None:
    driver = Driver(files={"f.qmp": "a\n"})
    assert driver.line("/source f.qmp; c") == [sent('{"execute": "a"}')]
    assert driver.bytes(DONE)[1:] == [sent('{"execute": "c"}')]


def test_source_of_empty_file_succeeds() -> None:
    driver = Driver(files={"empty": ""})
    assert driver.line("/source empty") == []
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


FILE = "a\n  x y\nb; c 5\n"
FIRST = (
    "  x y",
    "    ^",
    "x has no argument 'y'",
    "expected KEY=VALUE",
)
SECOND = (
    "b; c 5",
    "     ^",
    "c has no argument '5'",
    "expected KEY=VALUE",
)


@pytest.mark.parametrize("interactive", [False, True])
def test_error_in_file_reports_its_location(interactive: bool) -> None:
    """A terminal session needs the location, too: the user did not type the line."""
    driver = Driver(files={"f.qmp": FILE}, interactive=interactive, probe=False)
    driver.line("/source f.qmp")
    marker = 1 if interactive else None
    assert driver.bytes(reply({}, marker))[1:] == [
        mistake(*FIRST, place="f.qmp:2:5"),
        mistake(*SECOND, place="f.qmp:3:6"),
    ]
    assert driver.status == FAILED


def test_invalid_line_in_file_stops_on_error() -> None:
    driver = Driver(files={"f.qmp": FILE}, stop_on_error=True)
    driver.line("/source f.qmp")
    found = driver.bytes(DONE)[1:]
    assert found[0] == mistake(*FIRST, place="f.qmp:2:5")
    assert [effect[0] for effect in found] == ["error", "send"]  # a query for a hint
    assert driver.bytes(reply([], 1)) == [("leave", FAILED)]


def test_unfinished_last_line_is_an_error() -> None:
    driver = Driver(files={"f.qmp": '{"execute":\n'})
    assert driver.line("/source f.qmp") == [
        mistake(
            '{"execute":',
            "^",
            "the JSON object is not complete, but the input ends",
            place="f.qmp:1:1",
        )
    ]
    assert driver.line("stop") == [sent('{"execute": "stop"}')]


def test_error_in_sourced_file_counts() -> None:
    driver = Driver(files={"f.qmp": "a\n"})
    driver.line("/source f.qmp")
    driver.bytes(REFUSAL)
    assert driver.end() == [("leave", FAILED)]


def test_sourced_file_can_source_another_file() -> None:
    driver = Driver(files={"outer": "a\n/source inner\nd\n", "inner": "b\nx y\nc\n"}, probe=False)
    found = driver.line("/source outer")
    for _ in range(4):
        found += driver.bytes(DONE)
    assert [effect[1] for effect in found if effect[0] == "send"] == [
        b'{"execute": "%s"}\n' % name for name in (b"a", b"b", b"c", b"d")
    ]
    (text,) = [effect[1] for effect in found if effect[0] == "error"]
    assert text.startswith("inner:2:3: ")


@pytest.mark.parametrize("files", [{"f": "/source f\n"}, {"f": "/source g\n", "g": "/source f\n"}])
def test_mutually_sourcing_files_terminate(files: dict[str, str]) -> None:
    driver = Driver(files=files)
    ((kind, text),) = driver.line("/source f")
    assert kind == "error"
    assert text in [
        f"{name}:1:1: {other}: /source is nested more than 16 deep"
        for name in "fg"
        for other in "fg"
    ]
    assert driver.session.idle
    assert driver.status == FAILED


def test_source_may_be_nested_sixteen_deep() -> None:
    files = {f"f{number}": f"/source f{number + 1}\n" for number in range(1, 16)}
    driver = Driver(files=files | {"f16": "stop\n"})
    assert driver.line("/source f1") == [sent('{"execute": "stop"}')]


def test_one_file_can_be_sourced_repeatedly() -> None:
    driver = Driver(files={"f": "# nothing\n", "g": "/source f\n" * MANY})
    for _ in range(MANY):
        assert driver.line("/source f") == []
    assert driver.line("/source g") == []
    assert driver.status == OK


@pytest.mark.parametrize("name", ["my file", "a=b", "it's"])
def test_file_name_may_be_quoted(name: str) -> None:
    driver = Driver(files={name: "stop\n"})
    assert driver.line(f'/source "{name}"') == [sent('{"execute": "stop"}')]


def test_exit_in_sourced_file_ends_session() -> None:
    driver = Driver(files={"f": "a\nexit\nb\n"})
    driver.line("/source f")
    driver.line("c")
    assert driver.bytes(DONE) == [("reply", {"return": {}}), ("leave", OK)]


# -- /log -----------------------------------------------------------------------------------------


def test_log_records_both_directions_until_off() -> None:
    driver = Driver()
    driver.line("a")
    driver.bytes(DONE)
    assert driver.line("/log f") == []
    driver.line("b x=y")
    driver.bytes(event("STOP") + DONE)
    assert driver.line("/log off") == []
    driver.line("c")
    log = driver.logs["f"]
    assert [(direction, message.get("event", message)) for direction, message in log.messages] == [
        ("sent", {"execute": "b", "arguments": {"x": "y"}}),
        ("received", "STOP"),
        ("received", {"return": {}}),
    ]
    assert log.closed


def test_second_log_replaces_first() -> None:
    driver = Driver()
    driver.line("/log f")
    driver.line("/log g")
    driver.line("a")
    assert driver.logs["f"].closed and not driver.logs["f"].messages
    assert driver.logs["g"].messages == [("sent", {"execute": "a"})]


def test_unopenable_log_keeps_current_log() -> None:
    driver = Driver()
    driver.line("/log f")
    assert [effect[0] for effect in driver.line("/log forbidden")] == ["error"]
    driver.line("a")
    assert driver.logs["f"].messages == [("sent", {"execute": "a"})]


def test_log_off_without_log_succeeds() -> None:
    driver = Driver()
    assert driver.line("/log off") == []
    assert driver.status == OK


def test_log_does_not_contain_secrets() -> None:
    driver = Driver(probe=False)
    driver.line("/log f")
    driver.line("set_password protocol=vnc password=hush")
    driver.bytes(DONE)
    driver.line("/hmp set_password vnc hush")
    driver.bytes(reply(""))
    assert len(driver.logs["f"].messages) == 4
    assert "hush" not in repr(driver.logs["f"].messages)


def test_failed_log_write_is_reported() -> None:
    driver = Driver()
    driver.line("/log f")
    driver.logs["f"].full = True
    found = driver.line("a")
    assert sent('{"execute": "a"}') in found
    assert any(effect[0] in ("tell", "error") and "No space left" in effect[1] for effect in found)


def test_log_name_may_be_quoted() -> None:
    driver = Driver()
    assert driver.line('/log "my log"') == []
    assert list(driver.logs) == ["my log"]


def test_log_keeps_message_order() -> None:
    driver = Driver(greeted=False, log="f")
    driver.bytes(
        b'{"QMP": {"version": {}, "capabilities": []}}\r\n',
    )
    driver.bytes(event("STOP") + b'{"return": {}, "id": "qmpshell-negotiation-1"}\r\n')
    kinds = [
        next(iter(message.keys() - {"timestamp", "data", "id"}))
        for _, message in driver.logs["f"].messages
    ]
    assert kinds == ["QMP", "execute", "event", "return"]


# -- /resync --------------------------------------------------------------------------------------

RESYNC = ("send", b"\x01\n")
PARSE_ERROR = error("JSON parse error, expecting value")
PARSER_RESET = ("tell", "the server's parser was reset")


@pytest.mark.parametrize("interactive", [False, True])
def test_resync_error_reply_is_not_a_failure(interactive: bool) -> None:
    driver = Driver(interactive=interactive, stop_on_error=True)
    assert driver.line("/resync") == [RESYNC]
    assert not driver.session.idle
    assert driver.line("stop") == []
    found = driver.bytes(PARSE_ERROR)
    assert found[0] == PARSER_RESET
    assert [effect[0] for effect in found] == ["tell", "send"]
    assert driver.status == OK


def test_resync_runs_in_line_order() -> None:
    driver = Driver()
    driver.line("a; /resync; b")
    assert driver.bytes(DONE)[1:] == [RESYNC]
    assert driver.bytes(event("STOP")) == [("event", "STOP")]
    assert driver.bytes(PARSE_ERROR) == [PARSER_RESET, sent('{"execute": "b"}')]


def test_resync_restores_hanging_server() -> None:
    """The server hangs because it waits for the rest of a JSON text."""
    driver = Driver(interactive=True)
    driver.line("a")
    driver.abandon()
    assert driver.line("/resync") == [RESYNC]
    assert PARSER_RESET in driver.bytes(PARSE_ERROR)
    assert driver.line("b") == [sent('{"execute": "b", "id": "qmpshell-2"}')]


def test_ctrl_c_abandons_unanswered_resync() -> None:
    driver = Driver(interactive=True)
    driver.line("/resync")
    driver.line("b")
    assert driver.abandon()[-1:] == [sent('{"execute": "b", "id": "qmpshell-1"}')]


def test_resync_timeout_is_a_failure() -> None:
    driver = Driver(timeout=2)
    driver.line("/resync")
    found = driver.after(2)
    assert [effect[0] for effect in found][:1] == ["error"]


def test_resync_without_connection_reports_error() -> None:
    driver = Driver(interactive=True)
    driver.gone()
    ((kind, text),) = driver.line("/resync")
    assert kind == "error"
    assert "not connected" in text


# -- /status --------------------------------------------------------------------------------------


def test_status_shows_server_and_capabilities() -> None:
    driver = Driver()
    driver.bytes(event("STOP"))
    assert driver.line("/status") == [
        (
            "tell",
            "vm.sock: connected\nserver: QEMU 7.2.22\ncapabilities: oob\nevents that no /wait has returned: 1",
        )
    ]
    assert driver.status == OK


def test_status_without_negotiation_shows_no_server() -> None:
    assert Driver(negotiate=False).line("/status") == [
        ("tell", "vm.sock: connected\ncapabilities: none\nevents that no /wait has returned: 0")
    ]


def test_status_after_loss_shows_lost_connection() -> None:
    driver = Driver(interactive=True)
    driver.gone()
    ((kind, text),) = driver.line("/status")
    assert kind == "tell"
    assert text.splitlines()[0] == "vm.sock: lost"


def test_terminal_status_shows_pending_command() -> None:
    driver = Driver(interactive=True)
    driver.line("block-commit x=y")
    ((kind, text),) = driver.line("/status")
    assert kind == "tell"
    assert text.splitlines()[-1] == "waiting for the reply to block-commit"


# -- /quit and exit -------------------------------------------------------------------------------

EXIT_COMMANDS = ["/quit", "exit", "  exit  # so long", "/quit;"]


@pytest.mark.parametrize("word", EXIT_COMMANDS)
@pytest.mark.parametrize("interactive", [False, True])
def test_exit_command_ends_session(word: str, interactive: bool) -> None:
    assert Driver(interactive=interactive).line(word) == [("leave", OK)]


@pytest.mark.parametrize("word", ["/quit", "exit"])
@pytest.mark.parametrize("interactive", [False, True])
def test_exit_skips_rest_of_line(word: str, interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    assert [effect[0] for effect in driver.line(f"a; {word}; b")] == ["send"]
    driver.line("c")
    found = driver.bytes(reply({}, 1 if interactive else None))
    assert [effect[0] for effect in found] == ["reply", "leave"]
    assert found[1] == ("leave", OK)


@pytest.mark.parametrize("word", ["/quit", "exit"])
def test_exit_waits_only_for_pending_reply(word: str) -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    assert driver.line(word) == [("tell", "leaving after the reply to a; Ctrl-D leaves now")]
    assert driver.line("b") == []  # this line follows the exit
    found = driver.bytes(reply({}, 1))
    assert [effect[0] for effect in found] == ["reply", "leave"]


def test_exit_waits_for_queued_lines() -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    driver.line("b")
    assert driver.line("exit") == []
    assert [effect[0] for effect in driver.bytes(reply({}, 1))] == ["reply", "send"]
    assert [effect[0] for effect in driver.bytes(reply({}, 2))] == ["reply", "leave"]


def test_script_exit_after_error_gives_status_1() -> None:
    driver = Driver()
    driver.line("a; exit")
    assert driver.bytes(REFUSAL)[-1] == ("leave", FAILED)


def test_ctrl_c_during_wait_runs_queued_exit() -> None:
    driver = Driver(probe=False, interactive=True)
    driver.line("/wait STOP")
    driver.line("exit")
    assert driver.abandon() == [
        ("tell", "no longer waiting for STOP"),
        ("leave", OK),
    ]


@pytest.mark.parametrize("word", ["exit", "/quit"])
def test_exit_waits_for_redirect_to_close(word: str) -> None:
    driver = Driver()
    driver.line(f"a; {word} | sort")
    assert driver.redirect_opened() == [sent('{"execute": "a"}')]
    assert [effect[0] for effect in driver.bytes(DONE)] == ["reply", "finish"]
    assert driver.redirect_closed() == [("leave", OK)]


def test_immediate_exit_has_one_effect() -> None:
    driver = Driver(interactive=True)
    assert shown(driver.session.leave_now()) == [("leave", OK)]
