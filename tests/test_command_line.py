"""The command line: help, version, completions, and where sessions go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import qmpshell
from qmpshell.cli.options import parse, shell
from qmpshell.cli.start import Choice
from qmpshell.settings import COMPACT, PRETTY, Settings
from tests.harness.program import environment, run

TOP = Path(__file__).parent.parent


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option: str) -> None:
    result = run(option)
    assert (result.status, result.out) == (0, f"qmpshell {qmpshell.__version__}\n")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option_and_fits_eighty_columns(option: str) -> None:
    result = run(option, COLUMNS="80")
    assert result.status == 0
    for parameter in shell.params:
        for name in parameter.opts:
            if name.startswith("-"):
                assert name in result.out
    assert max(map(len, result.lines)) <= 80


def choice(*arguments: str) -> Choice:
    result = parse(arguments)
    assert isinstance(result, Choice)
    return result


def test_without_options_the_defaults_are_the_same_whichever_way_they_are_read() -> None:
    plain, parsed = Settings(), choice("a").settings
    for name in Settings.__slots__:
        assert getattr(plain, name) == getattr(parsed, name)


def test_options() -> None:
    chosen = choice(
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
    settings = choice("-p", "-r", "--events", "JOB_*,STOP", "-H", "-q", "--timeout", "0.5").settings
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
def test_what_an_option_chose_is_known(arguments: tuple[str, ...], given: set[str]) -> None:
    assert set(choice(*arguments).given) == given


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completions_are_those_that_click_makes(shell_name: str) -> None:
    program = "import sys; sys.argv[0] = 'qmpshell'; from qmpshell.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment(_QMPSHELL_COMPLETE=f"{shell_name}_source"),
        check=False,
    )
    assert (
        done.stdout.rstrip()
        == (TOP / "completions" / f"qmpshell.{shell_name}").read_text().rstrip()
    )


def test_completion_of_options() -> None:
    program = "import sys; sys.argv[0] = 'qmpshell'; from qmpshell.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment(
            _QMPSHELL_COMPLETE="bash_complete", COMP_WORDS="qmpshell --sk", COMP_CWORD="1"
        ),
        check=False,
    )
    assert done.stdout.split(",")[-1].strip() == "--skip-negotiation"


def test_help_that_cannot_be_written_fails() -> None:
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
