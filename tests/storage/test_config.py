"""Tests of the settings file: its place, its contents, its permissions and its errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

import qmpshell
from qmpshell.storage import SETTINGS, Configuration, config_path, read_config
from tests.harness.program import Result, run
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_qemu

LEFT = "the file is ignored"


class Home:
    """A directory for a settings file, and the environment variables that select it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.path = base / "qmpshell" / "config.toml"
        self.path.parent.mkdir(parents=True)
        self.variables = {"XDG_CONFIG_HOME": str(base)}

    def write(self, text: str | bytes) -> Home:
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.path.chmod(0o600)
        return self

    def read(self) -> Configuration:
        return read_config(self.variables | {"HOME": "/home/somebody"})

    def run(self, *arguments: str, socket: str = "") -> Result:
        """Run a script in any current directory."""
        return run(
            *arguments,
            XDG_CONFIG_HOME=str(self.base),
            QMP_SOCKET=socket,
            PYTHONPATH=str(Path(qmpshell.__file__).parent.parent),
        )

    def problems(self) -> list[str]:
        """Return the errors of the file without its path."""
        found = self.read()
        problems = [*found.problems, *found.setting_problems]
        assert all(problem.startswith(str(self.path)) for problem in problems)
        return [problem.removeprefix(str(self.path)) for problem in problems]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "config")


# -- path ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}, "/c/qmpshell/config.toml"),
        ({"HOME": "/h"}, "/h/.config/qmpshell/config.toml"),
        ({"XDG_CONFIG_HOME": "", "HOME": "/h"}, "/h/.config/qmpshell/config.toml"),
        ({"XDG_CONFIG_HOME": "c", "HOME": "/h"}, "/h/.config/qmpshell/config.toml"),
        ({"XDG_CONFIG_HOME": "./c", "HOME": "/h"}, "/h/.config/qmpshell/config.toml"),
        ({"HOME": "h"}, None),
        ({"XDG_CONFIG_HOME": "c", "HOME": "."}, None),
    ],
)
def test_config_path_follows_environment(variables: dict[str, str], path: str | None) -> None:
    assert config_path(variables) == path


def test_relative_config_directories_are_ignored(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write("fold = 5")
    monkeypatch.chdir(tmp_path)
    assert home.read().values == {"fold": 5}
    for variables in ({"XDG_CONFIG_HOME": "config", "HOME": "/nowhere"}, {"HOME": "config"}):
        assert read_config(variables).values == {}


def test_missing_file_gives_no_problems(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for base in (str(home.base), str(tmp_path / "none"), "/dev/null", str(file)):
        found = read_config({"XDG_CONFIG_HOME": base})
        assert (found.values, found.targets, found.problems) == ({}, {}, [])


# -- contents ------------------------------------------------------------------------------------


def test_all_settings_and_targets_are_read(home: Home) -> None:
    home.write(
        """
        color = "always"
        confirm = ["quit", "blockdev-*"]
        editing = "vi"
        events = ["JOB_*", "STOP"]
        fold = 0
        layout = "compact"
        pager = "most -s"
        pictures = "kitty"
        quiet = true
        result = true
        style = "monokai"
        timeout = 2.5
        toolbar = false
        complete-while-typing = true
        units = false
        verbose = true
        view = "table"

        [targets]
        lab = "unix:/run/lab.sock,server=on"
        "düne-1.x" = "lab.example:4444"
        here = "~/vm.sock"
        there = "unix:~/vm.sock,server=on"
        other = "~other/vm.sock"
        """
    )
    found = home.read()
    assert (found.problems, found.setting_problems) == ([], [])
    assert found.values == {
        "color": "always",
        "complete-while-typing": True,
        "confirm": ("quit", "blockdev-*"),
        "editing": "vi",
        "events": ("JOB_*", "STOP"),
        "fold": 0,
        "layout": "compact",
        "pager": "most -s",
        "pictures": "kitty",
        "quiet": True,
        "result": True,
        "style": "monokai",
        "timeout": 2.5,
        "toolbar": False,
        "units": False,
        "verbose": True,
        "view": "table",
    }
    assert found.values.keys() == SETTINGS.keys()
    assert found.targets == {
        "lab": "unix:/run/lab.sock,server=on",
        "düne-1.x": "lab.example:4444",
        "here": "/home/somebody/vm.sock",
        "there": "unix:/home/somebody/vm.sock,server=on",
        "other": "~other/vm.sock",
    }


def test_readme_example_has_no_errors(home: Home) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    _, _, section = readme.partition("## Settings\n")
    lines = [
        line for line in section.partition("\n## ")[0].splitlines() if line[:4] in ("    ", "")
    ]
    found = home.write("\n".join(line.strip() for line in lines)).read()
    assert (found.problems, found.setting_problems) == ([], [])
    assert found.values["style"] == "dark"
    assert found.targets["far"] == "lab.example:4444"


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"\xef\xbb\xbffold = 7\r\n", b"[targets]\n"])
def test_empty_file_bom_and_crlf_are_accepted(home: Home, text: bytes) -> None:
    found = home.write(text).read()
    assert (found.problems, found.setting_problems) == ([], [])
    assert found.values == ({"fold": 7} if b"fold" in text else {})


# -- errors --------------------------------------------------------------------------------------

EXAMPLE = 'lab = "/run/lab.sock"'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\nfold 7\n", f":2:6: expected '=' after a key in a key/value pair; {LEFT}"),
        ("fold =", f": Invalid value (at end of document); {LEFT}"),
        (
            'verbose = true\nfold = "7"',
            ":2: fold cannot be '7': it must be a number of lines, 0 for all",
        ),
        ("colour = 1", ":1: unknown setting colour; did you mean color?"),
        ("\n\nnosuch = 1", f":3: unknown setting nosuch; there are {', '.join(SETTINGS)}"),
        ("[target]\nlab = '/x'", ":1: unknown setting target; did you mean targets?"),
        (
            "[confirm]\nquit = true",
            ":1: confirm cannot be {'quit': True}: it must be a list of names",
        ),
        (
            "timeout = 2024-01-01",
            ":1: timeout cannot be datetime.date(2024, 1, 1): it must be a number",
        ),
        ('"x\\u001b[2J" = 1', ": unknown setting x\\x1b[2J; there are "),
        (
            "targets = 'x'",
            f":1: targets must be a table: a line [targets], then lines such as {EXAMPLE}",
        ),
        ("[[targets]]\nlab = 'x'", ": targets must be a table: a line [targets], then"),
        (
            "[targets]\nlab = 5",
            f":2: the target lab has no address, which must be text, as in {EXAMPLE}",
        ),
        ("[targets]\nlab = ''", ":2: the target lab has no address, which must be text"),
        ("[targets.lab]\nsocket = ''", ": the target lab has no address, which must be text"),
        (
            "[targets]\n'a/b' = '/x'",
            ":2: 'a/b' cannot be the name of a target, which must not contain blanks, / : ",
        ),
        (
            "[targets]\n'a b' = '/x'",
            ":2: 'a b' cannot be the name of a target, which must not contain blanks, / : ",
        ),
        (
            "[targets]\n'' = '/x'",
            ":2: '' cannot be the name of a target, which must not contain blanks, / : ",
        ),
        (
            "[targets]\n-r = '/x'",
            ":2: '-r' cannot be the name of a target, which must not contain blanks, / :",
        ),
        (
            "[targets]\nlab = '/x'\nstyle = 'dark'",
            ":3: style below [targets] would be a target; settings must precede the first table",
        ),
        (b"fold = 7\npager = '\xff'", f":2: this is not UTF-8; {LEFT}"),
        (b"fold = \0", f":1:8: invalid value; {LEFT}"),
        (
            "fold = " + "9" * 5000,
            ": Exceeds the limit (4300 digits) for integer string conversion",
        ),
        ("fold = " + "[" * 50_000, f": this is nested too deeply; {LEFT}"),
    ],
)
def test_error_message_is_one_line_with_position(
    home: Home, text: str | bytes, problem: str
) -> None:
    (message,) = home.write(text).problems()
    assert message.startswith(problem)
    assert message.isprintable()
    assert home.read().values == ({"verbose": True} if b"verbose" in home.path.read_bytes() else {})


def test_ambiguous_position_is_left_out(home: Home) -> None:
    home.write("style = 'dark'\nfold = 'x'\n[targets]\nfold = '/x'")
    found = home.read()
    assert found.setting_problems == [
        f"{home.path}: fold cannot be 'x': it must be a number of lines, 0 for all"
    ]
    assert found.problems == [
        f"{home.path}: fold below [targets] would be a target; settings must precede the first table"
    ]
    assert found.values == {"style": "dark"}


def test_valid_settings_are_used_despite_errors(home: Home) -> None:
    home.write("fold = 'x'\nstyle = 'dark'\nwrong = 1\n[targets]\nbad = 1\ngood = '/x'")
    found = home.read()
    assert found.values == {"style": "dark"}
    assert found.targets == {"good": "/x"}
    assert len(found.setting_problems) == 2
    assert len(found.problems) == 1


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: f"fold = {text}".encode()))
def test_random_bytes_give_printable_errors(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    home = Home(tmp_path_factory.mktemp("home") / "config").write(data)
    for problem in home.problems():
        assert problem.isprintable()


# -- permissions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777])
def test_file_writable_by_others_is_rejected(home: Home, mode: int) -> None:
    home.write("fold = 5").path.chmod(mode)
    assert home.problems() == [
        f" is not read: others can write to it (mode {mode:04o}); chmod go-w fixes that"
    ]
    assert home.read().values == {}


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
def test_file_readable_by_others_is_read(home: Home, mode: int) -> None:
    home.write("fold = 5").path.chmod(mode)
    assert home.read().values == {"fold": 5}
    assert home.problems() == []


def test_file_of_another_user_is_rejected(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write("fold = 5")
    if os.geteuid() == 0:
        os.chown(home.path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert home.problems() == [" is not read: it belongs to another user"]
    assert home.read().values == {}


def _directory(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_directory, "it is not a regular file"),
        (_fifo, "it is not a regular file"),
        (_device, "it is not a regular file"),
        (_loop, "Too many levels of symbolic links"),
        (_large, "it is too large for a settings file"),
    ],
)
def test_special_or_large_file_is_rejected(
    home: Home, make: Callable[[Path], None], reason: str
) -> None:
    make(home.path)
    if home.path.is_file():
        home.path.chmod(0o600)
    assert home.problems() == [f" is not read: {reason}"]


def test_symlink_to_own_file_is_followed(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("fold = 5")
    file.chmod(0o600)
    home.path.symlink_to(file)
    assert home.read().values == {"fold": 5}
    file.chmod(0o666)
    (problem,) = home.problems()
    assert "others can write to it" in problem


# -- the program ----------------------------------------------------------------------------------


def test_script_uses_only_targets(home: Home, one_qemu: Server) -> None:
    home.write(
        "layout = 'pretty'\nresult = true\ncolor = 'always'\nverbose = true\nnosuch = 1\n"
        f"[targets]\nlab = 'unix:{one_qemu.address},server=on,wait=off'\n"
    )
    plain = run("-c", "query-name", one_qemu.address)
    for address in (one_qemu.address, "lab"):
        found = home.run("-c", "query-name", address)
        assert (found.status, found.out, found.err) == (0, plain.out, "")
    found = home.run("-c", "query-name", socket="lab")
    assert (found.status, found.out, found.err) == (0, '{"return": {}}\n', "")


def test_script_with_plain_address_skips_settings_file(home: Home) -> None:
    os.mkfifo(home.path)  # opening it gives an error message
    for address in ("/no/such.sock", "unix:lab", "127.0.0.1:1", "./lab"):
        found = home.run("-c", "stop", address)
        assert found.status == 3
        assert "config.toml" not in found.err
    found = home.run("-c", "stop", "lab")
    assert found.status == 3
    assert f"{home.path} is not read: it is not a regular file" in found.err


def test_socket_precedes_target_and_target_precedes_directory(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        start_qemu(SYSTEM, tmp_path / "one", "-name", "one"),
        start_qemu(SYSTEM, tmp_path / "two.sock", "-name", "two"),
    ):
        home.write(f"[targets]\none = '{tmp_path}/two.sock'\nlab = '{tmp_path}/two.sock'\n")
        (tmp_path / "lab").mkdir()
        for address, name in (("one", "one"), ("./one", "one"), ("lab", "two")):
            found = home.run("-r", "-c", "query-name", address)
            assert (found.out, found.err) == (f'{{"name": "{name}"}}\n', "")
        found = home.run("-r", "-c", "query-name", "./lab")
        assert found.status == 3
        assert "not a socket but a directory" in found.err


def test_unknown_address_error_suggests_targets(home: Home) -> None:
    missing = "no such socket (is QEMU running, and is this the path given to it?)"
    home.write("[targets]\nlab = '/x'\nhost-7 = '/y'\n")
    found = home.run("-c", "stop", "host_7")
    assert (found.status, found.err) == (
        3,
        f"qmpshell: host_7: {missing}; did you mean host-7?\n",
    )
    found = home.run("-c", "stop", "nosuch")
    assert found.err == (
        f"qmpshell: nosuch: {missing}; the targets in the settings file are host-7, lab\n"
    )
    home.path.unlink()
    assert home.run("-c", "stop", "nosuch").err == f"qmpshell: nosuch: {missing}\n"


def test_target_with_invalid_address_fails(home: Home) -> None:
    home.write("[targets]\nlab = 'lab.example:x'\n")
    found = home.run("-c", "stop", "lab")
    assert found.status == 2
    assert found.err.startswith("qmpshell: the target lab: lab.example:x: 'x' is not a port number")


def test_unknown_target_with_broken_file_reports_both(home: Home) -> None:
    home.write("[targets\n")
    found = home.run("-c", "stop", "lab")
    first, second = found.err.splitlines()
    assert first == (
        f"qmpshell: {home.path}:1:9: expected ']' at the end of a table declaration; {LEFT}"
    )
    assert second.startswith("qmpshell: lab: no such socket")


def test_interactive_shell_prefers_command_line_options(home: Home, one_qemu: Server) -> None:
    home.write(
        "quiet = true\nlayout = 'compact'\nverbose = true\nfold = 7\ntimeout = 9\n"
        f"[targets]\nlab = '{one_qemu.address}'\n"
    )
    with Terminal("--timeout", "5", "lab", columns=100, variables=home.variables) as terminal:
        terminal.wait_prompt()
        assert terminal.text == "(QEMU)"
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '-> {"execute": "query-name"', '{"return": {}}')
        terminal.line("/set layout timeout fold")
        terminal.wait_above(
            *("layout=compact", "layout of", "it must be", "timeout=5", "reply", "it must be"),
            *("fold=7", "maximum", "it must be"),
        )
        terminal.line("/set fold=8; /set fold; /events")
        terminal.wait_above("fold=8", "maximum", "it must be", "events: inline")


def test_interactive_shell_shows_all_errors_and_starts(home: Home, one_qemu: Server) -> None:
    home.write("quiet = true\nfold = 'x'\ncolour = 1\n[targets]\nlab = 5\n")
    with Terminal(one_qemu.address, columns=200, variables=home.variables) as terminal:
        terminal.wait_prompt()
        assert terminal.text.splitlines() == [
            f"qmpshell: {home.path}:5: the target lab has no address, which must be text, as in {EXAMPLE}",
            f"qmpshell: {home.path}:2: fold cannot be 'x': it must be a number of lines, 0 for all",
            f"qmpshell: {home.path}:3: unknown setting colour; did you mean color?",
            "(QEMU)",
        ]


def test_confirm_setting_replaces_the_default_list(home: Home, one_qemu: Server) -> None:
    home.write("confirm = ['query-*']\n")
    with Terminal(one_qemu.address, variables=home.variables) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_for("query-name needs confirmation (setting confirm). Continue? [y/N]")
        terminal.type("n")
        terminal.wait_above("not sent")
        terminal.line("quit")
        terminal.wait_above("the server has exited")


def test_script_at_terminal_ignores_settings(home: Home, one_qemu: Server) -> None:
    home.write("layout = 'compact'\nverbose = true\n[targets]\nlab = 5\n")
    arguments = ("--color", "never", "-c", "query-name", one_qemu.address)
    with Terminal(*arguments, variables=home.variables) as terminal:
        assert terminal.end() == 0
        assert terminal.text == '{\n  "return": {}\n}'
