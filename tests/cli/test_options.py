"""Tests of the command line: options, help, version and shell completion."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import example, given, strategies as st

import qmpshell
from qmpshell.cli import (
    Invocation,
    parse_arguments,
    parse_common_options,
    run_command,
    shell_command,
)
from qmpshell.errors import USAGE
from qmpshell.storage import COMPACT, PRETTY, Settings
from tests.harness.program import COMMAND, environment, run
from tests.harness.screen import Terminal
from tests.harness.shell_completion import complete

SCRIPTS = Path(__file__).parents[2] / "completions"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("exec",),
        ("events",),
        ("info",),
        ("ls",),
        ("qom",),
        ("qom", "get"),
        ("ga",),
        ("ga", "cp"),
    ],
)
@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version_option_prints_version(words: tuple[str, ...], option: str) -> None:
    result = run(*words, option)
    assert (result.status, result.out) == (0, f"qmpshell {qmpshell.__version__}\n")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_all_options_within_eighty_columns(option: str) -> None:
    result = run(option, COLUMNS="80")
    assert result.status == 0
    for parameter in shell_command.params:
        for name in parameter.opts:
            if name.startswith("-"):
                assert name in result.out
    assert max(map(len, result.lines)) <= 80


def parse(*arguments: str) -> Invocation:
    result = parse_arguments(arguments)
    assert isinstance(result, Invocation)
    return result


def test_parsed_defaults_equal_settings_defaults() -> None:
    plain, parsed = Settings(), parse("a").settings
    for name in vars(Settings()):
        assert getattr(plain, name) == getattr(parsed, name)


@pytest.mark.parametrize(
    "words",
    [
        ("--wait", "abc", "a"),
        ("--timeout", "-1", "a"),
        ("--timeout", "nan", "a"),
        ("events", "-s", "a", "--timeout", "inf"),
        ("ga", "ping", "-s", "a", "1e10"),
    ],
)
def test_invalid_seconds_are_usage_errors(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.status == 2
    assert result.err.rstrip().endswith("is not a number of seconds.")


def test_options_set_address_commands_and_settings() -> None:
    chosen = parse(
        "-c", "a", "-c", "b", "-e", "-r", "--compact", "-v", "-N", "--wait", "3", "vm.sock"
    )
    assert chosen.address == "vm.sock"
    assert list(chosen.commands) == ["a", "b"]
    settings = chosen.settings
    assert settings.stop_on_error
    assert settings.result_only
    assert settings.verbose
    assert not settings.negotiate
    assert (settings.layout, settings.wait, settings.events) == (COMPACT, 3.0, "none")
    settings = parse("-p", "-r", "--events", "JOB_*,STOP", "-H", "-q", "--timeout", "0.5").settings
    assert (settings.layout, settings.timeout) == (PRETTY, 0.5)
    assert settings.events == ("JOB_*", "STOP")
    assert settings.hmp
    assert settings.quiet


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ((), set()),
        (("vm.sock",), set()),
        (("--color", "auto"), {"color"}),
        (("--pretty",), {"layout"}),
        (("--compact",), {"layout"}),
        (("--timeout", "0"), {"timeout"}),
        (("--events", "inline"), {"events"}),
        (("-r",), {"result_only", "events"}),
        (("-q", "-v"), {"quiet", "verbose"}),
    ],
)
def test_given_lists_settings_of_explicit_options(
    arguments: tuple[str, ...], given: set[str]
) -> None:
    assert set(parse(*arguments).explicit) == given


@pytest.mark.parametrize(
    ("words", "limited"),
    [
        ((), "/wait and similar commands without -t."),
        (("run",), "/wait and similar commands without -t."),
        (("exec",), "--wait-event, --wait-job and --wait-migration."),
        (("info",), ""),
        (("qom", "tree"), ""),
        (("qom", "set"), ""),
    ],
)
def test_timeout_help_names_limited_waits(
    words: tuple[str, ...], limited: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parse_arguments((*words, "--help"))
    text = " ".join(capsys.readouterr().out.split())
    assert "Stop waiting for a reply after this time." in text
    assert ("Also limits" in text, limited in text) == (limited != "", True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("-f", "a", "--file", "b"), "--file is given twice, but only one can be used."),
        (("evnets", "-s", "a"), "'evnets' is not a subcommand: did you mean events?"),
        (("exce", "query-status"), "'exce' is not a subcommand: did you mean exec?"),
        (("vm.sock", "-s", "a"), "No such option"),
        (("--timeout", "1", "--timeout=1"), "--timeout is given twice, but only one can be used."),
        (("run", "--log", "a", "--log", "b"), "--log is given twice, but only one can be used."),
        (("exec", "-s", "a", "-s", "b", "x"), "--socket is given twice, but only one can be used."),
        (("events", "-s", "a", "-s", "b"), "--socket is given twice, but only one can be used."),
        (("info", "-s", "a", "-s", "b"), "--socket is given twice, but only one can be used."),
        (
            ("vm.sock", "block_resize", "size=1"),
            "Unexpected argument 'block_resize': only one ADDRESS is possible, and a command is given"
            " with -c, as in -c 'block_resize size=1'.",
        ),
        (("query-status", "/dev/null"), "as in -c query-status /dev/null."),
        (("--events", "stop"), "events have names in capitals: did you mean STOP?"),
    ],
)
def test_contradictory_options_are_usage_errors(
    arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_arguments(arguments) == USAGE
    assert complaint in capsys.readouterr().err


@given(
    st.lists(
        st.sampled_from(
            (
                "-e",
                "-r",
                "-p",
                "-v",
                "-n",
                "-q",
                "-c",
                "-x",
                "-rc",
                "--",
                "-",
                "--raw",
                "query-name",
            )
        )
        | st.just("vm.sock"),
        max_size=6,
    )
)
@example(["-r", "-c", "query-status", "vm.sock"])
@example(["-c", "-r", "info"])
@example(["", "-r"])
def test_common_options_mean_the_same_to_click(words: list[str]) -> None:
    found = parse_common_options(words)
    if found is not None:
        assert found == parse(*words)


def test_common_command_lines_do_not_need_click() -> None:
    for words in ([], ["vm.sock"], ["-r", "-e", "-c", "stop", "-c", "cont", "vm.sock"], ["-p"]):
        assert parse_common_options(words) == parse(*words)


def test_flags_and_commands_can_be_repeated() -> None:
    chosen = parse("-v", "-v", "-p", "-p", "-c", "a", "-c", "a", "vm.sock")
    assert (list(chosen.commands), chosen.settings.layout) == (["a", "a"], PRETTY)


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_source_prints_the_file(shell_name: str) -> None:
    program = "import sys; sys.argv[0] = 'qmpshell'; from qmpshell.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment(_QMPSHELL_COMPLETE=f"{shell_name}_source"),
        check=False,
    )
    assert done.stdout.rstrip() == (SCRIPTS / f"qmpshell.{shell_name}").read_text().rstrip()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Make a directory with sockets, directories and a file."""
    (tmp_path / "run" / "inner dir").mkdir(parents=True)
    (tmp_path / "notes.txt").touch()
    with contextlib.ExitStack() as stack:
        for name in ("vm.sock", "run/a.sock", "run/.hidden"):
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(os.path.relpath(tmp_path / name))
        yield tmp_path


def test_completion_offers_options_and_choices() -> None:
    assert complete("--sk") == ["plain,--skip-negotiation"]
    assert complete("-q", "--col") == ["plain,--color"]
    assert complete("--color", "a") == ["plain,auto", "plain,always"]


@pytest.mark.parametrize(
    ("shell", "lines"),
    [
        ("bash", ["plain,auto", "plain,always"]),  # bash replaces only what follows the =
        ("fish", ["plain,--color=auto", "plain,--color=always"]),
        ("zsh", ["plain", "--color=auto", "_", "plain", "--color=always", "_"]),
    ],
)
def test_completion_of_value_keeps_its_option(shell: str, lines: list[str]) -> None:
    assert complete("--color=a", shell=shell) == lines


def test_completion_offers_subcommands_targets_and_sockets(directory: Path) -> None:
    config, runtime = directory / "config", directory / "r"
    (config / "qmpshell").mkdir(parents=True)
    (config / "qmpshell" / "config.toml").write_text('[targets]\nlab = "/x"\n')
    (runtime / "qmpshell" / "7").mkdir(parents=True)
    running = runtime / "qmpshell" / "7" / "qmp.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(running))
        variables = {"XDG_CONFIG_HOME": str(config), "XDG_RUNTIME_DIR": str(runtime)}
        found = complete("", cwd=directory, **variables)
        assert found[:3] == ["plain,run", "plain,exec", "plain,events"]
        assert f"plain,{running}" in found
        assert "plain,run/" in found
        assert not any("notes" in item for item in found)
        assert complete("la", cwd=directory, **variables) == ["plain,lab"]
        assert complete("-q", "l", cwd=directory, **variables) == ["plain,lab"]


def test_completion_offers_subcommands_only_as_first_word(directory: Path) -> None:
    assert complete("ru", cwd=directory) == ["plain,run", "plain,run/"]
    assert complete("-q", "ru", cwd=directory) == ["plain,run/"]
    assert complete("vm", cwd=directory) == ["plain,vm.sock"]
    assert complete("none", cwd=directory) == []


@pytest.mark.parametrize(
    ("shell", "typed", "values"),
    [
        ("bash", "unix:ru", ["run/"]),
        ("bash", "unix:run/", ["run/a.sock", r"run/inner\ dir/"]),
        ("bash", "run/.", ["run/.hidden"]),
        ("bash", "un", ["unix:"]),
        ("fish", "unix:run/", ["unix:run/a.sock", "unix:run/inner dir/"]),
        ("zsh", "unix:run/a", ["unix:run/a.sock"]),
    ],
)
def test_completion_continues_paths(
    directory: Path, shell: str, typed: str, values: list[str]
) -> None:
    found = complete(typed, shell=shell, cwd=directory)
    if shell == "zsh":
        found = [f"{kind},{value}" for kind, value in zip(found[::3], found[1::3], strict=True)]
    assert found == [f"plain,{value}" for value in values]


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_completion_offers_names_beside_invalid_utf8(directory: Path, shell: str) -> None:
    name = os.fsdecode(b"run/\xff.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(directory / name))
        # Other locales than C have strict output streams.
        found = complete("run/", shell=shell, cwd=directory, PYTHONIOENCODING="utf-8:strict")
    values = [line.removeprefix("plain,").replace("\\", "") for line in found]
    assert [value for value in values if value.endswith(".sock")] == ["run/a.sock", name]


def check_completed_word(terminal: Terminal, typed: str, shown: str) -> None:
    """Type a word and Tab, and a point that shows whether a space follows the completed word."""
    terminal.type(f"\x15qmpshell {typed}\t")
    # While the program that completes runs, the terminal may echo a key before the shell reads it.
    line = f"> qmpshell {shown}"
    terminal.wait(lambda: terminal.current == line.rstrip(), repr(line))
    terminal.type(".")
    terminal.wait(lambda: terminal.current == f"{line}.", repr(f"{line}."))


def test_bash_completes_the_typed_line(directory: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"PATH": path, "PS1": "first prompt", "INPUTRC": "/dev/null"}
    command = ("bash", "--norc", "--noprofile", "-i")
    with Terminal(command=command, variables=variables, columns=200) as terminal:
        terminal.type(f"cd {directory}; PS1='> '; . {SCRIPTS}/qmpshell.bash; clear\n")
        terminal.wait(lambda: terminal.current == ">", "empty prompt")
        for typed, shown in [
            ("unix:ru", "unix:run/"),
            ("unix:run/a", "unix:run/a.sock "),
            ("run/in", r"run/inner\ dir/"),
            ("--color=al", "--color=always "),
            ("--col", "--color "),
            ("vm", "vm.sock "),
        ]:
            check_completed_word(terminal, typed, shown)


def test_zsh_completes_the_typed_line(directory: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"PATH": path, "ZDOTDIR": str(directory)}
    with Terminal(command=("zsh", "-f", "-i"), variables=variables, columns=200) as terminal:
        # -D writes no file with what it has loaded, -u asks nothing about its directories.
        load = f"autoload -U compinit; compinit -D -u; . {SCRIPTS}/qmpshell.zsh; bindkey -e"
        terminal.type(f"cd {directory}; PS1='> '; {load}; clear\n")
        terminal.wait(lambda: terminal.current == ">", "empty prompt")
        for typed, shown in [
            ("unix:ru", "unix:run/"),
            ("unix:run/a", "unix:run/a.sock "),
            ("run/in", r"run/inner\ dir/"),
            ("--color=al", "--color=always "),
            ("--col", "--color "),
            ("vm", "vm.sock "),
            ("even", "events "),
        ]:
            check_completed_word(terminal, typed, shown)


def test_fish_completes_the_typed_line(directory: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    cases = {
        "unix:ru": ["unix:run/"],
        "unix:run/": ["unix:run/a.sock", "unix:run/inner dir/"],
        "run/in": ["run/inner dir/"],
        "--color=al": ["--color=always"],
        "--col": ["--color"],
        "vm": ["vm.sock"],
        "ru": ["run", "run/"],
        "-f no": ["notes.txt"],
    }
    script = f"source {SCRIPTS}/qmpshell.fish; complete -C $argv"
    for typed, values in cases.items():
        done = subprocess.run(
            ["fish", "--no-config", "-c", script, "--", f"qmpshell {typed}"],
            capture_output=True,
            text=True,
            cwd=directory,
            env=environment(PATH=path, HOME=str(directory)),
            check=False,
        )
        found = [line.partition("\t")[0] for line in done.stdout.splitlines()]
        assert (found, done.stderr) == (values, ""), typed


def test_completion_of_run_offers_options_and_files() -> None:
    assert complete("run", "--ke") == ["plain,--keep"]
    assert complete("run", "--keep", "--sk") == ["plain,--skip-negotiation"]
    assert complete("run", "--color", "n") == ["plain,never"]
    assert complete("run", "--color=n") == ["plain,never"]
    names = [parameter.opts for parameter in run_command.params if parameter.name != "words"]
    everything = complete("run", "")
    assert everything == complete("run", "--")
    assert set(everything) == {f"plain,{name}" for option_name in names for name in option_name} | {
        "plain,--help"
    }
    assert complete("run", "-") == everything
    assert complete("run", "./qemu") == ["file,./qemu"]
    assert complete("run", "--keep", "./q") == ["file,./q"]


def test_completion_after_qemu_words_offers_only_files() -> None:
    for before in (["./qemu"], ["-m", "64"], ["--", "-S"], ["--keep", "qemu", "-M"]):
        assert complete("run", *before, "--ke") == []
        assert complete("run", *before, "a.img") == ["file,a.img"]


def run_choice(*arguments: str) -> tuple[list[str], bool, Settings]:
    parsed = parse("run", *arguments)
    assert parsed.words is not None
    assert parsed.address is None
    return list(parsed.words), parsed.keep, parsed.settings


def test_run_options_end_at_first_other_word() -> None:
    assert run_choice()[:2] == ([], False)
    words, keep, settings = run_choice(
        "--keep", "--log", "a", "--wait=3", "--hmp", "-m", "64", "--quiet", "--", "-S"
    )
    assert (words, keep) == (["-m", "64", "--quiet", "--", "-S"], True)
    assert (settings.log, settings.wait, settings.hmp, settings.quiet) == ("a", 3.0, True, False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--", "--keep"], ["--keep"]),
        (["--"], []),
        (["--keep", "--", "--", "x"], ["--", "x"]),
        (["--nographic", "--keep"], ["--nographic", "--keep"]),
        (["-h"], ["-h"]),
        (["-m", "-c"], ["-m", "-c"]),
        (["--ke"], ["--ke"]),
        (["--command", "--keep", "--command=-x", "qemu", "-h"], ["qemu", "-h"]),
        ([""], [""]),
    ],
)
def test_run_passes_remaining_words_to_qemu(arguments: list[str], words: list[str]) -> None:
    assert run_choice(*arguments)[0] == words


def test_run_has_long_options_of_shell_command() -> None:
    def long(command: click.Command) -> set[str]:
        names = {name for parameter in command.params for name in parameter.opts}
        return {name for name in names if name.startswith("--")}

    names = {name for parameter in run_command.params for name in parameter.opts} - {"words"}
    assert all(name.startswith("--") for name in names)
    foreign = {"--dry-run", "--ga", "--listen", "--tls-creds", "--tls-hostname"}
    assert long(shell_command) - names == foreign
    assert names - long(shell_command) == {"--keep"}


def test_run_after_option_is_an_address() -> None:
    chosen = parse("-q", "run")
    assert (chosen.address, chosen.words) == ("run", None)


@pytest.mark.parametrize(
    "words",
    [("--help",), ("-V",), ("qom", "tree", "--help"), ("ga", "--help"), ("run", "--version")],
    ids=" ".join,
)
def test_help_whose_reader_left_returns_141(words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as output:
        done = subprocess.run(
            [*COMMAND, *words],
            stdout=output,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_help_to_closed_stdout_fails() -> None:
    done = subprocess.run(
        f"{shlex.join(COMMAND)} --help >&-",
        shell=True,
        stderr=subprocess.PIPE,
        env=environment(),
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b"qmpshell: cannot write to standard output: Bad file descriptor\n"


def test_help_to_full_device_fails_without_traceback() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "qmpshell", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_completion_offers_views_of_info() -> None:
    assert complete("info", "blo") == ["plain,block", "plain,block-jobs", "plain,blockstats"]
    assert complete("info", "-v", "pc") == ["plain,pci"]
    assert complete("info", "block", "") == []


@pytest.mark.parametrize(
    "words",
    [
        ("ga", "cat", "/x", "{}"),
        ("ga", "cp", "guest:{}", "x"),
        ("ga", "cp", "{}", "guest:x/"),
        ("ga", "cp", "x", "guest:{}"),
        ("ga", "exec", "-n", "{}"),
        ("ga", "exec", "-n", "echo", "{}"),
        ("ga", "exec", "-n", "-e", "A={}", "echo"),
        ("ga", "fsfreeze", "freeze", "{}"),
        ("qom", "list", "{}"),
        ("qom", "get", "/machine", "{}"),
        ("qom", "set", "/machine.a", "{}"),
        ("qom", "tree", "{}"),
    ],
    ids=" ".join,
)
def test_word_that_is_not_utf8_is_named(words: tuple[str, ...]) -> None:
    first, second, *rest = (word.replace("{}", os.fsdecode(b"n\xff")) for word in words)
    result = run(first, second, "-s", "/nowhere", *rest)
    assert (result.status, result.out) == (2, "")
    shown = re.search(r"Error: '(.*)' is not UTF-8, and cannot be sent\.\n", result.err)
    assert shown is not None, result.err
    assert shown[1].endswith(r"n\xff")
