"""Tests of QEMU's command line: program, rejected options and the default machine."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import CommandLineError, LaunchError
from qmpshell.qemu import (
    QemuCommandLine,
    default_machine,
    make_command_line,
    refuse_terminal,
    split_options,
    takes_argument,
)
from tests.harness.servers import Installation


def read(
    *words: str, named: str = "", machine: str = "x86_64", available: str = ""
) -> QemuCommandLine:
    """Return a command line; only the program `available` exists, or every program if it is empty."""

    def find(name: str) -> str:
        if available and name != available:
            raise LaunchError(f"{name}: not found")
        return name if "/" in name else f"/bin/{name}"

    return make_command_line(words, named=named, machine=machine, find=find)


def test_first_word_without_dash_is_the_program() -> None:
    line = read("./build/qemu", "-M", "q35", "disk.img", named="other")
    assert (line.program, line.own, line.arguments) == (
        "./build/qemu",
        [],
        ["-M", "q35", "disk.img"],
    )
    line = read("-M", "q35", "./build/qemu")
    assert line.program == "/bin/qemu-system-x86_64"
    assert line.arguments == ["-M", "q35", "./build/qemu"]


def test_qemu_variable_sets_program_and_arguments() -> None:
    line = read("-S", named="qemu -L '/a b'")
    assert (line.program, line.own, line.arguments) == ("/bin/qemu", ["-L", "/a b"], ["-S"])
    assert read("-S", named=" ").program == "/bin/qemu-system-x86_64"


def test_invalid_qemu_variable_error_names_the_variable() -> None:
    with pytest.raises(LaunchError, match=r"\$QEMU: qemu: not found"):
        read("-S", named="qemu", available="other")
    with pytest.raises(CommandLineError, match=r"\$QEMU='qemu: no closing quotation"):
        read("-S", named="'qemu")


@pytest.mark.parametrize(
    ("machine", "program"),
    [
        ("x86_64", "x86_64"),
        ("amd64", "x86_64"),
        ("i686", "i386"),
        ("aarch64", "aarch64"),
        ("arm64", "aarch64"),
        ("armv7l", "arm"),
        ("ppc64le", "ppc64"),
        ("s390x", "s390x"),
        ("riscv64", "riscv64"),
    ],
)
def test_default_program_matches_host_architecture(machine: str, program: str) -> None:
    assert read(machine=machine).program == f"/bin/qemu-system-{program}"


@pytest.mark.parametrize("name", ["/usr/libexec/qemu-kvm", "qemu-kvm", "kvm"])
def test_missing_default_program_uses_other_names(name: str) -> None:
    line = read(available=name)
    assert line.program.endswith(name)
    assert "q35" in line.arguments


@pytest.mark.parametrize(
    ("machine", "package"),
    [
        ("x86_64", "qemu-system-x86"),
        ("aarch64", "qemu-system-arm"),
        ("ppc64le", "qemu-system-ppc"),
        ("riscv64", "qemu-system-misc"),
    ],
)
def test_missing_qemu_error_names_the_package(machine: str, package: str) -> None:
    with pytest.raises(LaunchError, match=rf"install the package {package} \(Debian"):
        read(machine=machine, available="nothing")


def test_missing_explicit_program_is_not_replaced() -> None:
    with pytest.raises(LaunchError, match=r"^qemu-x: not found$"):
        read("qemu-x", available="kvm")


def test_monitor_options_precede_user_arguments() -> None:
    line = read("-m", named="qemu -L /a")
    assert line.command(7) == [
        "/bin/qemu",
        *("-L", "/a"),
        *("-chardev", "socket,id=qmpshell,fd=7,server=on,wait=off"),
        *("-mon", "chardev=qmpshell,mode=control"),
        "-m",
    ]


@pytest.mark.parametrize(
    ("words", "machine"),
    [
        ((), "q35"),
        (("/opt/qemu-system-aarch64",), "virt"),
        (("/opt/qemu-system-i386",), "q35"),
        (("/opt/qemu-system-s390x",), "none"),
        (("/opt/qemu",), "q35"),
    ],
)
def test_no_arguments_give_default_machine(words: tuple[str, ...], machine: str) -> None:
    arguments = read(*words).arguments
    assert arguments == default_machine(
        {"q35": "x86_64", "virt": "aarch64", "none": "s390x"}[machine]
    )
    options = list(split_options(arguments))
    assert ("machine", machine) in options
    assert ("S", "") in options
    assert ("display", "none") in options
    assert [name for name, _ in options].count("blockdev") == 2
    assert [name for name, _ in options].count("device") == (0 if machine == "none" else 2)


def test_qemu_variable_arguments_keep_default_machine() -> None:
    assert "q35" in read(named="qemu -L /a").arguments


TERMINAL = [
    ("-nographic", "-serial pty"),
    ("--nographic", "-serial pty"),
    ("-curses", "-display none"),
    ("-display curses", "-display none"),
    ("-display curses,charset=CP437", "-display none"),
    ("-display type=curses", "-display none"),
    (shlex.join(["-display", json.dumps({"type": "curses"})]), "-display none"),
    ("-serial stdio", "-serial pty"),
    ("--serial stdio", "-serial pty"),
    ("-serial mon:stdio", "-serial pty"),
    ("-serial /dev/tty", "-serial pty"),
    ("-parallel stdio", "-parallel pty"),
    ("-debugcon stdio", "-debugcon pty"),
    ("-monitor stdio", "/hmp"),
    ("-qmp stdio", "its own monitor"),
    ("-qmp-pretty stdio", "its own monitor"),
    ("-gdb stdio", "-gdb tcp::"),
    ("-chardev stdio,id=a", "-chardev pty"),
    ("-chardev id=a,backend=stdio,signal=off", "-chardev pty"),
    ("-chardev backend=stdio,id=a", "-chardev pty"),
    ("-daemonize", "--keep"),
]


@pytest.mark.parametrize(("text", "remedy"), TERMINAL)
@pytest.mark.parametrize("around", ["{}", "-m 64 {} -S", "-S {}", "-append x {}", "a.img {}"])
def test_option_using_terminal_is_rejected_with_hint(text: str, remedy: str, around: str) -> None:
    with pytest.raises(CommandLineError) as caught:
        refuse_terminal(shlex.split(around.format(text)))
    assert remedy in str(caught.value)
    option, *value = shlex.split(text)
    assert str(caught.value).startswith(" ".join(["-" + option.lstrip("-"), *value]))


def test_terminal_option_in_qemu_variable_is_rejected() -> None:
    with pytest.raises(CommandLineError):
        read("-S", named="qemu -nographic")


@pytest.mark.parametrize(
    "text",
    [
        "-append -nographic",
        "-append '-serial stdio'",
        "-name stdio",
        "-serial file:stdio",
        "-serial pty",
        "-serial mon:pty",
        "-chardev file,id=stdio,path=stdio",
        "-chardev socket,id=a,path=backend=stdio",
        "-mon stdio",
        "-device stdio",
        "-display gtk",
        "-display none",
        "-display {nonsense",
        "-display []",
        "-fw_cfg name=opt/a,string=-daemonize",
        "-fw_cfg -daemonize",
        "stdio",
        "-serial",
        "-m",
        "-",
        "--",
        "",
    ],
)
def test_similar_options_are_accepted(text: str) -> None:
    refuse_terminal(shlex.split(text))


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_split_options_accepts_random_words(words: list[str]) -> None:
    assert len(list(split_options(words))) <= len(words)


@given(
    st.lists(st.sampled_from([*(f"-{name}" for name in ("S", "usb", "m", "name")), "x", "--"])),
    st.sampled_from(["-nographic", "-daemonize"]),
)
def test_flag_after_option_is_its_argument(words: list[str], flag: str) -> None:
    names = [name for name, _ in split_options([*words, flag])]
    values = [value for _, value in split_options([*words, flag])]
    assert (flag[1:] in names) != (flag in values)


def test_flag_list_matches_qemu(installation: Installation) -> None:
    program = installation.program("qemu-system-x86_64")

    def run_qemu(*words: str) -> str:
        done = subprocess.run(
            [program, *words],
            capture_output=True,
            text=True,
            env=installation.environment(),
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return done.stdout + done.stderr

    names = set(re.findall(r"^-([a-z0-9][\w-]*)", run_qemu("-help"), re.MULTILINE | re.IGNORECASE))
    assert len(names) > 100
    for name in names:
        # QEMU checks all words before it acts on the first.
        needs = "requires an argument" in run_qemu("-version", f"-{name}")
        assert takes_argument(name) == needs, name
