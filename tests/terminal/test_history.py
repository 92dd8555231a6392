"""Test the history: saved lines, redacted secrets, search and suggestions."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

import pytest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document

from qmpshell.storage import HistoryFile, redact_entry
from qmpshell.terminal import HistorySuggester, SafeHistory, open_history, rest_of_line
from tests.harness.program import COMMAND
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_qemu

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
CTRL_R, CTRL_U = "\x12", "\x15"
SECRET = "hunter2"


@pytest.fixture
def directory() -> Path:
    """Return the directory of the history files."""
    return Path(os.environ["XDG_STATE_HOME"]) / "qmpshell"


def read_entries(path: Path) -> list[str]:
    """Return the entries of a history file, oldest first, without marks of failure."""
    found: list[str] = []
    for block in path.read_text(encoding="utf-8").split("\n# ")[1:]:
        lines = block.rstrip("\n").split("\n")[1:]
        if lines[0].startswith("+"):
            found.append("\n".join(line[1:] for line in lines))
    return found


def recalls(terminal: Terminal, line: str, *, prompt: str = "(QEMU)") -> None:
    """Press Up, and wait for the line at the prompt."""
    terminal.type(UP)
    terminal.wait(lambda: terminal.current == f"{prompt} {line}", f"recalled {line!r}")


# -- on disk ---------------------------------------------------------------------------------------


def test_history_is_recalled_in_next_shell(one_qemu: Server, directory: Path) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        for line in ("query-name", "query-status", "query-status"):
            terminal.line(line)
            terminal.wait_above(f"(QEMU) {line}", '{"return": ')
        terminal.type("\x04")
        assert terminal.end() == 0
    assert read_entries(directory / "history") == ["query-name", "query-status"]
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        recalls(terminal, "query-status")
        recalls(terminal, "query-name")
        terminal.type("\r")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
    assert read_entries(directory / "history") == ["query-name", "query-status", "query-name"]


def test_history_file_is_private_to_the_user(one_qemu: Server, directory: Path) -> None:
    command = ("sh", "-c", 'umask 0; exec "$@"', "sh", *COMMAND)
    with Terminal(one_qemu.address, command=command) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
    for path, mode in (
        (directory.parent, 0o700),
        (directory, 0o700),
        (directory / "history", 0o600),
    ):
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_history_of_two_concurrent_shells_is_complete(tmp_path: Path, directory: Path) -> None:
    names = "ab"
    with (
        start_qemu(SYSTEM, tmp_path / "a.sock") as a,
        start_qemu(SYSTEM, tmp_path / "b.sock") as b,
        Terminal("-q", a.address) as first,
        Terminal("-q", b.address) as second,
    ):
        for terminal in (first, second):
            terminal.wait_prompt()
        for number in range(60):
            first.line(f"a-{number}")
            second.line(f"b-{number}")
        for name, terminal in zip(names, (first, second), strict=True):
            terminal.wait_for(f"{name}-59 has not been found")
        recalls(first, "a-59")
        recalls(second, "b-59")
    found = read_entries(directory / "history")
    assert len(found) == 120
    for name in names:
        assert [entry for entry in found if entry[0] == name] == [
            f"{name}-{at}" for at in range(60)
        ]


def test_history_survives_a_killed_shell(one_qemu: Server, directory: Path) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line("/wait STOP")
        terminal.wait_above("(QEMU) /wait STOP")
        terminal.signal(signal.SIGKILL)
        with pytest.raises(AssertionError, match="ended by signal 9"):
            terminal.end()
    assert read_entries(directory / "history") == ["/wait STOP"]


def test_hmp_and_raw_modes_use_separate_history_files(one_qemu: Server, directory: Path) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
    with Terminal("-H", one_qemu.address) as terminal:
        terminal.wait_ready("(qemu)")
        terminal.line("info status")
        terminal.wait_above("VM status", prompt="(qemu)")
        terminal.line(f"set_password vnc {SECRET}")
        terminal.wait_above("set_password vnc", "", prompt="(qemu)")
        recalls(terminal, "info status", prompt="(qemu)")
        terminal.type(UP)
        terminal.type("\x01X")
        terminal.wait(lambda: terminal.current == "(qemu) Xinfo status", "no older line")
    with Terminal("--raw", one_qemu.address) as terminal:
        terminal.wait_for('{"QMP"')
        terminal.line("{'execute': 'qmp_capabilities'}")
        terminal.wait_above('{"return": {}}', prompt=">")
        arguments = f"{{'password': '{SECRET}'}}"
        terminal.line(f"{{'execute': 'change-vnc-password', 'arguments': {arguments}}}")
        terminal.wait_for('{"error": ')
    assert read_entries(directory / "history") == ["query-name"]
    assert read_entries(directory / "history-hmp") == ["info status"]
    assert read_entries(directory / "history-raw") == ["{'execute': 'qmp_capabilities'}"]


def test_multiline_input_is_one_history_entry(one_qemu: Server, directory: Path) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line('{"execute":')
        terminal.wait_prompt("...")
        terminal.line('   "query-name"}')
        terminal.wait_above('"query-name"}', '{"return": {}}')
        terminal.paste("-> query-status\n<- {}\nquery-name")
        terminal.type("\r")
        terminal.wait_above('"prelaunch"', "line 3: query-name", '{"return": {}}')
    assert read_entries(directory / "history") == [
        '{"execute":\n   "query-name"}',
        "query-status\nquery-name",
    ]
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.type(UP)
        terminal.wait(
            lambda: terminal.text == "(QEMU) query-status\n... query-name", "both lines of a paste"
        )
        terminal.type(UP + UP)
        terminal.wait(
            lambda: terminal.text == '(QEMU) {"execute":\n...    "query-name"}', "JSON over lines"
        )
        terminal.type("\r")
        terminal.wait_above('"query-name"}', '{"return": {}}')


def test_text_typed_ahead_is_shown_at_the_prompt(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=120) as terminal:
        terminal.type("query-st")
        terminal.wait(lambda: terminal.current == "(QEMU) query-st", "the typed text")
        terminal.wait(lambda: terminal.text.count("query-st") == 1, "no other text")


def test_up_typed_ahead_recalls_the_last_line(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name\r" + UP + "\r" + UP)
        terminal.wait(lambda: terminal.text.count('{"return": {}}') == 3, "three replies")
        assert terminal.lines.count("(QEMU) query-name") == 3


# -- excluded lines --------------------------------------------------------------------------------


def test_secret_is_saved_as_placeholder(one_qemu: Server, directory: Path) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line(f"set_password protocol=vnc password={SECRET}")
        terminal.wait_above("Could not set password")
        recalls(terminal, "set_password protocol=vnc password=@?")
        terminal.type("\x03")
        terminal.wait_prompt()
        terminal.line(f"object-add qom-type=secret id=s0 data={SECRET}")
        terminal.wait_above('{"return": {}}')
        terminal.line("object-add qom-type=secret id=s1 data=@?")
        terminal.wait(lambda: terminal.current == "data:", "question for the secret")
        terminal.line(SECRET)
        terminal.wait_above('{"return": {}}')
        terminal.paste(f"query-name\nset_password protocol=vnc \\\n  password={SECRET}")
        terminal.type("\r")
        terminal.wait_above("Could not set password")
    assert read_entries(directory / "history") == [
        "set_password protocol=vnc password=@?",
        "object-add qom-type=secret id=s0 data=@?",
        "object-add qom-type=secret id=s1 data=@?",
        "query-name\nset_password protocol=vnc \\\n  password=@?",
    ]


def test_leading_blank_or_json_secret_is_not_saved(one_qemu: Server, directory: Path) -> None:
    message = {"execute": "set_password", "arguments": {"protocol": "vnc", "password": SECRET}}
    with Terminal(one_qemu.address, columns=160) as terminal:
        terminal.wait_ready()
        for line in ("query-name", " query-status", json.dumps(message)):
            terminal.line(line)
            answer = '"GenericError"' if SECRET in line else '{"return": '
            terminal.wait_above(f"(QEMU) {line}"[:100], answer)
        recalls(terminal, "query-name")
    assert read_entries(directory / "history") == ["query-name"]


def test_line_dropped_with_ctrl_c_is_not_saved(one_qemu: Server, directory: Path) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type(f"half a secret {SECRET}")
        terminal.wait_for(SECRET)
        terminal.type("\x03")
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        recalls(terminal, "query-name")
    assert read_entries(directory / "history") == ["query-name"]


# -- search and suggestions ------------------------------------------------------------------------


def test_ctrl_r_finds_line_of_earlier_shell(one_qemu: Server, directory: Path) -> None:
    file = HistoryFile(str(directory / "history"), clock=lambda: 0.0)
    for entry in ("query-name", "query-status", "query-block"):
        file.append(entry)
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type(CTRL_R + "nam")
        terminal.wait_for("search)`nam': query-name")
        terminal.type("\r")
        terminal.wait(lambda: terminal.current == "(QEMU) query-name", "found line")
        terminal.type("\r")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')


def test_right_key_accepts_suggestion_from_history(one_qemu: Server, directory: Path) -> None:
    HistoryFile(str(directory / "history"), clock=lambda: 0.0).append("query-status\nquery-name")
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type("query-s")
        terminal.wait(
            lambda: (
                terminal.current == "(QEMU) query-status"
                and terminal.screen.cursor.x == len("(QEMU) query-s")
            ),
            "suggestion behind the cursor",
        )
        assert terminal.colour_of("tatus") == "brightblack"
        terminal.type(RIGHT)
        terminal.wait(lambda: terminal.screen.cursor.x == len("(QEMU) query-status"), "taken")
        terminal.type("\r")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')
        # A rejected suggestion is neither sent nor left on the screen.
        terminal.type("query-st")
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "suggestion")
        terminal.type("\r")
        terminal.wait_for("query-st has not been found")
        terminal.wait(lambda: "(QEMU) query-st" in terminal.lines, "line as it was sent")


@pytest.mark.parametrize("options", [{"NO_COLOR": "1"}, {"TERM": "vt100"}])
def test_suggestion_without_colours_is_underlined(
    one_qemu: Server, directory: Path, options: dict[str, str]
) -> None:
    HistoryFile(str(directory / "history"), clock=lambda: 0.0).append("query-status")
    with Terminal(one_qemu.address, variables=options) as terminal:
        terminal.wait_ready()
        terminal.type("query-s")
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "suggestion")
        row = terminal.screen.buffer[terminal.screen.cursor.y]
        length = len("(QEMU) query-s")
        assert not any(row[x].underscore for x in range(length))
        assert all(row[x].underscore for x in range(length, len("(QEMU) query-status")))
        terminal.line(RIGHT)
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("query-xyz", "has not been found"),
        ("stop xyz", "expected KEY=VALUE"),
        ("/xyz", "unknown shell command"),
        ('{"execute" xyz', "expected a colon"),
        ("stop; query-xyz", "has not been found"),
    ],
)
def test_failed_line_is_found_but_not_suggested(
    one_qemu: Server, directory: Path, line: str, shown: str
) -> None:
    for number in range(2):
        with Terminal("-q", one_qemu.address) as terminal:
            terminal.wait_prompt()
            if number == 0:
                terminal.line(line)
                terminal.wait(lambda: any(shown in row for row in terminal.above), "error")
                terminal.wait_prompt()
            terminal.type(line[:-2])
            terminal.wait_for(f"(QEMU) {line[:-2]}")
            terminal.type(RIGHT + "X")
            terminal.wait(lambda: terminal.current == f"(QEMU) {line[:-2]}X", "no suggestion")
            terminal.type(CTRL_U)
            terminal.wait_prompt()
            recalls(terminal, line)
    assert read_entries(directory / "history") == [line]


def test_line_that_succeeds_later_is_suggested(one_qemu: Server, directory: Path) -> None:
    file = HistoryFile(str(directory / "history"), clock=lambda: 0.0)
    file.append("query-name")
    file.append("query-name", has_failed=True)
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
        terminal.type("query-na")
        terminal.wait(lambda: terminal.current == "(QEMU) query-name", "suggestion")
    assert file.read_with_failed() == (["query-name"], set())


def test_line_with_another_error_is_suggested(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("device_del id=xyz")
        terminal.wait_for("DeviceNotFound")
        terminal.wait_prompt()
        terminal.type("device_de")
        terminal.wait(lambda: terminal.current == "(QEMU) device_del id=xyz", "suggestion")


@pytest.mark.parametrize("editing", ["emacs", "vi"])
def test_up_and_down_find_lines_with_same_start(
    one_qemu: Server, directory: Path, editing: str
) -> None:
    file = HistoryFile(str(directory / "history"), clock=lambda: 0.0)
    for entry in ("query-name", "stop", "query-block\nquery-pci", "cont", "query-status", "quit"):
        file.append(entry)
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line(f"/set editing={editing}")
        terminal.wait(lambda: len(terminal.above) > 0 and terminal.current == "(QEMU)", "prompt")
        terminal.type("query-x" + LEFT)
        terminal.wait(lambda: terminal.current == "(QEMU) query-x", "the draft")
        recalls(terminal, "query-status")
        terminal.type(UP)
        terminal.wait(lambda: terminal.current == "... query-pci", "lines")
        terminal.type(UP)
        recalls(terminal, "query-name")
        terminal.type(UP)
        terminal.type(DOWN)
        terminal.wait(lambda: terminal.current == "(QEMU) query-block", "lines")
        terminal.type(DOWN + DOWN)
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "the next line")
        terminal.type(DOWN)
        terminal.wait(lambda: terminal.current == "(QEMU) query-x", "the draft")
        terminal.type(CTRL_U)
        terminal.wait_prompt()
        recalls(terminal, f"/set editing={editing}")
        recalls(terminal, "quit")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  ", ""),
        ("query-n", "ame"),
        ("query-name", ""),
        ("query-", "block"),
        ("trans", "action("),
        ("transaction(\n", "  a x=1"),
        ("transaction(\n ", " a x=1"),
        ("other\n", ""),
        ("other\n ", ""),
        ("transaction(\n  a", " x=1"),
        ("transaction(\n  a x=1", ""),
        ("transaction(\n  a x=1\n", ") p=2"),
        ("transaction(\n  a x=1\n)", " p=2"),
        ("other\n  a", " x=1"),
        ("other\n)", " p=2"),
        ("a", ""),
        (" query-n", ""),
    ],
)
def test_rest_of_line_comes_from_latest_matching_entry(text: str, expected: str) -> None:
    entries = ["query-block", "query-name", "transaction(\n  a x=1\n) p=2", "  "]
    assert rest_of_line(lambda: entries, text) == expected


# -- unusable history files ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"XDG_STATE_HOME": "/dev/null"}, "/dev/null/qmpshell/history: Not a directory"),
        ({"XDG_STATE_HOME": "relative", "HOME": ""}, "HOME is not the path of a directory"),
    ],
)
@pytest.mark.parametrize("options", [(), ("-q",)])
def test_unusable_history_directory_is_reported_once(
    one_qemu: Server, variables: dict[str, str], reason: str, options: tuple[str, ...]
) -> None:
    with Terminal(*options, one_qemu.address, columns=120, variables=variables) as terminal:
        terminal.wait_for(f"the history is not saved: {reason}")
        terminal.wait_prompt()
        for line in ("query-name", "query-status"):
            terminal.line(line)
            terminal.wait_above(f"(QEMU) {line}", '{"return": ')
        recalls(terminal, "query-status")
        recalls(terminal, "query-name")
        assert terminal.text.count("is not saved") == 1


def test_unusable_raw_history_is_reported(one_qemu: Server) -> None:
    variables = {"XDG_STATE_HOME": "/dev/null"}
    with Terminal("--raw", one_qemu.address, columns=120, variables=variables) as terminal:
        terminal.wait_for("the history is not saved: /dev/null/qmpshell/history-raw: ")


def test_relative_state_directory_is_ignored(one_qemu: Server, tmp_path: Path) -> None:
    variables = {"XDG_STATE_HOME": "relative", "HOME": str(tmp_path)}
    with Terminal(one_qemu.address, variables=variables) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
    assert read_entries(tmp_path / ".local" / "state" / "qmpshell" / "history") == ["query-name"]


def test_full_disk_is_reported_once_without_corruption(one_qemu: Server, directory: Path) -> None:
    path = directory / "history"
    file = HistoryFile(str(path), clock=lambda: 0.0)
    file.append("first")
    file.append("x" * (1024 - 2 * path.stat().st_size + len("first") - len("query")))
    room = 1024 - path.stat().st_size
    assert 0 < room < 40
    limited = ("sh", "-c", 'ulimit -f 2; exec "$@"', "sh", *COMMAND)  # blocks of 512 bytes
    with Terminal(one_qemu.address, command=limited, columns=200) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_above("the history is not saved: ", '{"return": {}}')
        terminal.line("query-status")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')
        recalls(terminal, "query-status")
        assert terminal.text.count("is not saved") == 1
        assert f"{path}: an entry was cut off; is the disk full?" in terminal.text
    assert path.stat().st_size == 1024
    file.append("last")
    assert file.read()[0] == "first"
    assert file.read()[-1] == "last"


def test_link_to_dev_null_disables_history_file(one_qemu: Server, directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "history").symlink_to("/dev/null")
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        recalls(terminal, "query-name")
        assert "not saved" not in terminal.text
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type(UP + "x")
        terminal.wait(lambda: terminal.current == "(QEMU) x", "nothing to recall")


def test_damaged_history_file_is_escaped_and_kept(one_qemu: Server, directory: Path) -> None:
    directory.mkdir(parents=True)
    content = (
        b"\x00\x01 no history\n\x1b[2J\n+query-name\n\n"
        b"# \xff\n+query-\x1b]0;owned\x07\x1b[2J\xe2\x80\xae\xff\x9b\n\n# \x1b[2J\n+last"
    )
    (directory / "history").write_bytes(content)
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        recalls(terminal, "last")
        escaped = r"\u001b]0;owned\u0007\u001b[2J\u202e\udcff\udc9b"
        recalls(terminal, f"query-{escaped}")
        terminal.type("\x03query-\\")
        terminal.wait(lambda: terminal.current == f"(QEMU) query-{escaped}", "suggestion")
        terminal.type("\x03" + CTRL_R + "own")
        terminal.wait_for(f"search)`own': query-{escaped}")
        terminal.type("\x03\x03" + UP + UP)
        recalls(terminal, "query-name")
        for bad in (b"owned\x07", b"\x1b]0;", b"\x1b[2J\xe2"):
            assert bad not in terminal.raw
        terminal.type("\r")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
    assert (directory / "history").read_bytes().startswith(content + b"\n# 20")


# -- without a terminal ----------------------------------------------------------------------------


def test_pop_problem_returns_each_problem_once(tmp_path: Path) -> None:
    history = open_history({"HOME": ""}, human=False, raw=False, clock=lambda: 0.0)
    assert history.pop_problem().startswith("the history is not saved: ")
    assert history.pop_problem() == ""
    history = open_history({"HOME": str(tmp_path)}, human=True, raw=False, clock=lambda: 0.0)
    assert history.pop_problem() == ""
    path = tmp_path / ".local" / "state" / "qmpshell" / "history-hmp"
    path.unlink()
    path.mkdir()
    for line in ("info status", "info name"):
        history.append_string(line)
    assert history.pop_problem() == f"the history is not saved: {path}: Is a directory"
    history.append_string("stop")
    assert history.pop_problem() == ""
    assert history.get_strings() == ["info status", "info name", "stop"]


def test_lines_before_first_read_come_after_file(tmp_path: Path) -> None:
    file = HistoryFile(str(tmp_path / "history"), clock=lambda: 0.0)
    file.append("old")
    history = SafeHistory(file, human=False, raw=False)
    history.append_string("old")
    history.append_string('x a="\x1b"')
    assert history.get_strings() == ["old", 'x a="\\u001b"']
    assert list(history.load_history_strings()) == ['x a="\\u001b"', "old"]
    assert file.read() == ["old", 'x a="\\u001b"']
    suggest = HistorySuggester(history)
    found = suggest.get_suggestion(Buffer(), Document("x a"))
    assert found is not None and found.text == '="\\u001b"'
    assert suggest.get_suggestion(Buffer(), Document("y")) is None


def test_line_is_redacted_once_for_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    redacted: list[str] = []

    def count(text: str, *, human: bool, raw: bool) -> str | None:
        redacted.append(text)
        return redact_entry(text, human=human, raw=raw)

    monkeypatch.setattr("qmpshell.storage.redact_entry", count)
    history = SafeHistory(None, human=False, raw=False)
    secret = "set_password protocol=vnc password=x"
    for line in ("stop", "stop", "cont", secret, secret, "cont"):
        history.append_string(line)
    history.mark_failed("cont")
    assert redacted == ["stop", "cont", secret, secret]
    assert history.get_strings() == ["stop", "cont", secret.replace("=x", "=@?"), "cont"]
    assert list(history.to_suggest()) == [secret.replace("=x", "=@?"), "stop"]
