"""Tests of /screen, /type and /key in a session without I/O."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qmpshell.errors import CONNECTION, FAILED, OK
from qmpshell.qmp import keys_for
from qmpshell.session import ScreenWatch, ShowPicture
from tests.harness.schemas import entities
from tests.harness.sessions import DONE, Driver, MemoryDirectory, Shown, error, mistake, reply

PATH = MemoryDirectory.picture
PPM = "P6\n1 1\n255\nabc"
RUNNING = {"status": "running", "running": True}
ELSEWHERE = (
    "QEMU runs on another machine, in a container or chroot, or as another user;"
    " screendump filename=FILE writes a file there"
)


def make(**options: Any) -> Driver:
    defaults: dict[str, Any] = {"interactive": True, "probe": False, "picture_format": "ppm"}
    return Driver(**defaults | options, files={PATH: PPM})


def sent_messages(effects: list[Shown]) -> list[dict[str, Any]]:
    """Return the messages that were sent, without their ids."""
    messages = [json.loads(item[1]) for item in effects if item[0] in ("send", "show")]
    return [{key: message[key] for key in message if key != "id"} for message in messages]


def screendump(**arguments: str) -> dict[str, Any]:
    return {"execute": "screendump", "arguments": {"filename": PATH, **arguments}}


def send_key(*keys: str) -> dict[str, Any]:
    codes = [{"type": "qcode", "data": key} for key in keys]
    return {"execute": "send-key", "arguments": {"keys": codes, "hold-time": 20}}


# -- /screen --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("picture_format", "arguments"), [("ppm", {}), ("png", {"format": "png"})])
def test_screen_shows_picture_and_removes_its_file(
    picture_format: str, arguments: dict[str, str]
) -> None:
    driver = make(picture_format=picture_format)
    assert sent_messages(driver.line("/screen")) == [screendump(**arguments)]
    assert len(driver.directories) == 1
    assert driver.bytes(reply({}, 1)) == [("picture", picture_format, PPM.encode())]
    assert driver.directories == []
    assert driver.session.idle


def test_screen_shows_its_request_with_verbose() -> None:
    driver = make(verbose=True)
    assert driver.line("/screen")[0] == (
        "tell",
        '-> {"execute": "screendump", "arguments": {"filename": "/private/picture"}}',
    )


@pytest.mark.parametrize(
    ("desc", "hint"),
    [
        (f"failed to open file '{PATH}': No such file or directory", f"; {ELSEWHERE}"),
        (f"failed to open file '{PATH}': Permission denied", f"; {ELSEWHERE}"),
        ("There is no console to take a screendump from", ""),
    ],
)
def test_failed_screendump_is_explained_and_leaves_nothing(desc: str, hint: str) -> None:
    driver = make()
    driver.line("/screen")
    ((kind, text),) = driver.bytes(error(desc, marker=1))
    assert kind == "error"
    assert text.startswith(f"GenericError: {desc}{hint}")
    assert text.endswith(desc) == (not hint)
    assert driver.directories == []


@pytest.mark.parametrize(
    "desc",
    ["Parameter 'format' is unexpected", "Enable PNG support with libpng for screendump"],
)
def test_server_without_png_gives_ppm_to_terminal_only(desc: str) -> None:
    driver = make(picture_format="png")
    driver.line("/screen")
    assert sent_messages(driver.bytes(error(desc, marker=1))) == [screendump()]
    assert driver.bytes(reply({}, 2)) == [("picture", "ppm", PPM.encode())]
    driver.line("/screen a.png")
    assert driver.bytes(error(desc, marker=3)) == [
        (
            "error",
            f"GenericError: {desc}; this QEMU writes only PPM: use a name that ends in .ppm",
        )
    ]
    assert driver.directories == []


def test_picture_that_is_not_here_is_explained() -> None:
    driver = make()
    driver.files.clear()
    driver.line("/screen")
    assert driver.bytes(reply({}, 1)) == [
        (
            "error",
            f"QEMU has written a picture to {PATH}, but here it cannot be read"
            f" (No such file or directory): {ELSEWHERE}",
        )
    ]
    assert driver.directories == []


def test_ctrl_c_stops_waiting_for_picture() -> None:
    driver = make()
    driver.line("/screen")
    driver.line("stop")
    assert driver.session.describe_blocker(driver.now + 2).startswith(
        "waiting for the reply to screendump, 2 s"
    )
    effects = driver.abandon()
    assert effects[0] == ("tell", "no longer waiting for the reply to screendump")
    assert driver.directories == []
    # The next line does not wait for the reply either.
    assert sent_messages(effects) == [{"execute": "stop"}]
    assert driver.bytes(reply({}, 1)) == []


def test_lost_connection_removes_the_file() -> None:
    driver = make()
    driver.line("/screen")
    driver.gone()
    assert driver.directories == []
    ((_, text),) = driver.line("/screen")
    assert text == "not connected; nothing was sent; use /connect to reconnect"
    assert driver.status == CONNECTION
    assert driver.directories == []


def test_timeout_removes_the_file() -> None:
    driver = make(interactive=False, timeout=5.0)
    driver.line("/screen a.png")
    ((_, text),) = driver.after(6)
    assert "no reply to screendump" in text
    assert driver.directories == []


@pytest.mark.parametrize(
    ("name", "arguments"), [("a.png", {"format": "png"}), ("a", {"format": "png"}), ("A.PPM", {})]
)
def test_screen_writes_its_file_after_the_picture(name: str, arguments: dict[str, str]) -> None:
    driver = make(interactive=False, picture_format="")
    assert sent_messages(driver.line(f"/screen {name}")) == [screendump(**arguments)]
    assert driver.bytes(DONE) == [("divert", ">", name)]
    assert driver.redirect_opened() == [("picture", "", PPM.encode()), ("finish", ">", name)]
    driver.redirect_closed()
    assert driver.session.idle
    assert (driver.status, driver.directories) == (OK, [])


def test_screen_passes_png_to_a_redirect() -> None:
    driver = make(interactive=False, picture_format="")
    driver.line("/screen | wc")
    assert sent_messages(driver.redirect_opened()) == [screendump(format="png")]
    assert driver.bytes(DONE) == [("picture", "png", PPM.encode()), ("finish", "|", "wc")]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("/screen", "pictures are shown only in the full shell; name a FILE"),
        ("/screen a b", "/screen takes one word; quote it if it contains blanks"),
    ],
)
def test_screen_in_a_script_needs_one_file(line: str, problem: str) -> None:
    driver = make(interactive=False, picture_format="")
    ((_, text),) = driver.line(line)
    assert problem in text
    assert driver.status == FAILED


def test_agent_has_neither_screen_nor_keyboard() -> None:
    driver = Driver(agent=True, negotiate=False)
    for line, what in (("/screen a", "screen"), ("/key a", "keyboard"), ("/type a", "keyboard")):
        assert f"a guest agent has no {what}" in driver.line(line)[0][1]


def test_dry_run_shows_commands_and_makes_no_directory() -> None:
    driver = make(offline=True, dry_run=True, interactive=False)
    assert sent_messages(driver.line("/screen a.png")) == [
        {"execute": "screendump", "arguments": {"filename": "a.png", "format": "png"}}
    ]
    assert sent_messages(driver.line("/key ctrl-a")) == [send_key("ctrl", "a")]
    assert sent_messages(driver.line("/type aB")) == [send_key("a"), send_key("shift", "b")]
    assert driver.directories == []


# -- /type ----------------------------------------------------------------------------------------


def test_type_presses_one_key_after_the_other() -> None:
    driver = make()
    assert sent_messages(driver.line('/type "aB\\n"')) == [send_key("a")]
    assert driver.bytes(reply({}, 1)) == []
    # The queue of QEMU is short, so each has the time to be pressed and released.
    assert driver.after(0.03) == []
    assert sent_messages(driver.after(0.02)) == [send_key("shift", "b")]
    driver.bytes(reply({}, 2))
    assert driver.after(0.07) == []
    assert sent_messages(driver.after(0.02)) == [send_key("ret")]
    assert driver.bytes(reply({}, 3)) == []
    assert driver.session.idle


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("/type  a | b", "a | b"),
        ("/type a > b; c # d", "a > b; c # d"),
        ('/type "a', '"a'),
        ('/type "a" "b"', '"a" "b"'),
        ('/type "\\ta\\u0041 \\"\\n"', '\taA "\n'),
        ("/type 'a'", "'a'"),
    ],
)
def test_type_sends_rest_of_line_unchanged(line: str, text: str) -> None:
    driver = make(offline=True, dry_run=True, interactive=False)
    assert sent_messages(driver.line(line)) == [send_key(*keys_for(char)) for char in text]


@pytest.mark.parametrize(
    ("line", "carets", "shown"),
    [
        ("stop; /type aé€bé", "             ^", "é, €"),
        ('/type "a\\u0000"', "      ^^^^^^^^^", r"'\x00'"),
    ],
)
def test_type_reports_unmappable_characters_before_sending(
    line: str, carets: str, shown: str
) -> None:
    driver = make()
    reason = f"a US keyboard has no key for {shown}"
    assert driver.line(line) == [mistake(line, carets, reason, "/key presses keys by name")]


@pytest.mark.parametrize(("line", "what"), [("/type a", "a"), ("/key ret", "ret")])
def test_keys_for_paused_vm_are_refused(line: str, what: str) -> None:
    driver = make(probe=True)
    assert sent_messages(driver.line(line)) == [{"execute": "query-status"}]
    assert driver.bytes(reply({"status": "paused", "running": False}, 1)) == [
        ("error", "the VM state is paused, in which QEMU drops all keys; cont runs the VM")
    ]
    driver.line(line)
    assert sent_messages(driver.bytes(reply(RUNNING, 2))) == [send_key(what)]


def test_ctrl_c_stops_typing_and_reports_position() -> None:
    driver = make()
    driver.line("/type abcd")
    driver.bytes(reply({}, 1))
    driver.after(0.05)
    driver.bytes(reply({}, 2))
    assert driver.abandon() == [
        ("tell", "no longer waiting for the end of the text"),
        ("error", "2 of 4 keys were pressed"),
    ]
    assert driver.after(5) == []


def test_failure_in_the_middle_reports_position() -> None:
    driver = make()
    driver.line("/type abc")
    driver.bytes(reply({}, 1))
    driver.after(0.05)
    assert driver.bytes(error("no", marker=2)) == [
        ("error", "GenericError: no; 1 of 3 keys were pressed")
    ]


def test_type_asks_for_a_hidden_text() -> None:
    driver = make()
    assert driver.line("/type @?") == [("ask secret", "text to type")]
    assert sent_messages(driver.secret("x")) == [send_key("x")]
    driver.bytes(reply({}, 1))
    driver.line("/type @?")
    assert driver.secret(None) == [("tell", "not sent")]
    driver.line("/type @?")
    ((_, text),) = driver.secret("pä")
    assert "no key for one of its characters" in text
    assert "ä" not in text
    assert driver.session.idle


def test_hidden_text_is_neither_shown_nor_logged() -> None:
    driver = make(verbose=True, log="log")
    driver.line("/type @?")
    effects = driver.secret("x")
    redacted = {"keys": "<redacted>", "hold-time": "<redacted>"}
    message = {"execute": "send-key", "arguments": redacted}
    assert effects[0] == ("tell", f"-> {json.dumps(message)}")
    assert sent_messages(effects) == [send_key("x")]
    ((direction, logged),) = driver.logs["log"].messages[-1:]
    assert direction == "sent"
    assert logged == {**message, "id": "qmpshell-1"}


def test_script_cannot_ask_for_a_hidden_text() -> None:
    driver = make(interactive=False)
    assert "only the interactive shell can ask for a value" in driver.line("/type @?")[0][1]


# -- /key -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "keys"),
    [
        ("ctrl-alt-f1", ["ctrl", "alt", "f1"]),
        ("Ctrl-Alt-Delete", ["ctrl", "alt", "delete"]),
        ("Ctrl-C", ["ctrl", "c"]),
        ("ctrl-shift-C", ["ctrl", "shift", "c"]),
        ("A", ["shift", "a"]),
        ("shift-A", ["shift", "a"]),
        ("ctrl-+", ["ctrl", "shift", "equal"]),
        ("ctrl--", ["ctrl", "minus"]),
        ("enter", ["ret"]),
    ],
)
def test_key_presses_a_combination_together(word: str, keys: list[str]) -> None:
    driver = make()
    assert sent_messages(driver.line(f"/key {word}")) == [send_key(*keys)]
    assert driver.bytes(reply({}, 1)) == []
    assert driver.session.idle


def test_key_presses_several_words_in_order() -> None:
    driver = make()
    assert sent_messages(driver.line("/key esc x")) == [send_key("esc")]
    driver.bytes(reply({}, 1))
    assert sent_messages(driver.after(0.05)) == [send_key("x")]


def test_unknown_key_is_reported_before_anything_is_sent() -> None:
    driver = make()
    ((_, text),) = driver.line("/key ret ctrl-bakspace")
    assert text == (
        "unknown key 'bakspace'\n"
        "  /key ret ctrl-bakspace\n"
        "                ^^^^^^^^\n"
        "  did you mean backspace?"
    )


def test_key_names_are_those_of_the_server() -> None:
    driver = make()
    assert sent_messages(driver.line("/key f13")) == [send_key("f13")]
    driver.bytes(reply({}, 1))
    driver = make(probe=True)
    driver.session.load_schema(driver.now)
    driver.bytes(reply(entities("7.2"), 1))
    assert "unknown key 'f13'" in driver.line("/key f13")[0][1]


# -- /watch ---------------------------------------------------------------------------------------


def watched_picture(driver: Driver) -> ShowPicture | None:
    view = driver.session.live_view
    assert isinstance(view, ScreenWatch)
    return view.picture


def test_watch_replaces_picture_beside_other_lines() -> None:
    driver = make()
    assert sent_messages(driver.line("/watch -n 1 /screen")) == [screendump()]
    assert watched_picture(driver) is None
    assert driver.bytes(reply({}, 1)) == []
    first = watched_picture(driver)
    assert first == ShowPicture(PPM.encode(), "ppm")
    assert driver.directories == []
    assert sent_messages(driver.line("stop")) == [{"execute": "stop"}]
    driver.bytes(reply({}, 2))
    assert sent_messages(driver.after(1)) == [screendump()]
    # The lines do not wait for the picture.
    assert sent_messages(driver.line("cont")) == [{"execute": "cont"}]
    driver.bytes(reply({}, 3))
    assert watched_picture(driver) is not first


def test_ctrl_c_ends_watched_screen() -> None:
    driver = make()
    driver.line("/watch /screen")
    driver.bytes(reply({}, 1))
    driver.after(2)
    assert driver.abandon() == [
        ("picture", "ppm", PPM.encode()),
        ("tell", "no longer watching /screen"),
    ]
    assert driver.session.live_view is None
    assert driver.directories == []


def test_watched_screen_ends_after_count() -> None:
    driver = make()
    driver.line("/watch -c 2 /screen; stop")
    assert driver.bytes(reply({}, 1)) == [("picture", "ppm", PPM.encode())]
    driver.after(2)
    effects = driver.bytes(reply({}, 2))
    assert effects[0] == ("picture", "ppm", PPM.encode())
    assert sent_messages(effects[1:]) == [{"execute": "stop"}]


def test_failure_ends_watched_screen() -> None:
    driver = make()
    driver.line("/watch /screen")
    driver.bytes(reply({}, 1))
    driver.after(2)
    assert driver.bytes(error("no", marker=2)) == [
        ("picture", "ppm", PPM.encode()),
        ("tell", "no longer watching /screen"),
        ("error", "GenericError: no"),
    ]


def test_lost_connection_ends_watched_screen() -> None:
    driver = make()
    driver.line("/watch /screen")
    driver.gone()
    assert driver.session.live_view is None
    assert driver.directories == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("/watch /screen a.png", "a watched screen has no file"),
        ("/watch /screen > a", "the pictures cannot be redirected"),
    ],
)
def test_watched_screen_has_no_file(line: str, problem: str) -> None:
    driver = make()
    driver.line(line)
    assert problem in str([*driver.redirect_opened(), *driver.line(line)])


@pytest.mark.parametrize("line", ["/screen", "/watch /screen"])
def test_leaving_the_shell_removes_the_file(line: str) -> None:
    driver = make()
    driver.line(line)
    assert len(driver.directories) == 1
    driver.session.leave_now()
    assert driver.directories == []
