"""QEMU's command line: the program, what is refused, and the machine that is made up."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

import pytest
from hypothesis import given, strategies as st

from qmpshell.cli import (
    QemuLine,
    default_machine,
    read_line,
    refuse_terminal,
    split_options,
    takes_argument,
)
from qmpshell.errors import CommandLineError, LaunchError
from tests.harness.servers import Installation


def read(*words: str, named: str = "", machine: str = "x86_64", there: str = "") -> QemuLine:
    """With `there`: the only program that can be found; without, every one is in /bin."""

    def find(name: str) -> str:
        if there and name != there:
            raise LaunchError(f"{name}: not found")
        return name if "/" in name else f"/bin/{name}"

    return read_line(words, named=named, machine=machine, find=find)


def test_the_first_word_is_the_program_unless_it_begins_with_a_dash() -> None:
    line = read("./build/qemu", "-M", "q35", "disk.img", named="other")
    assert (line.program, line.own, line.arguments) == (
        "./build/qemu",
        [],
        ["-M", "q35", "disk.img"],
    )
    line = read("-M", "q35", "./build/qemu")
    assert line.program == "/bin/qemu-system-x86_64"
    assert line.arguments == ["-M", "q35", "./build/qemu"]


def test_the_environment_names_the_program_and_words_of_its_own() -> None:
    line = read("-S", named="qemu -L '/a b'")
    assert (line.program, line.own, line.arguments) == ("/bin/qemu", ["-L", "/a b"], ["-S"])
    assert read("-S", named=" ").program == "/bin/qemu-system-x86_64"


def test_a_name_in_the_environment_that_is_wrong_is_said_to_be_the_environments() -> None:
    with pytest.raises(LaunchError, match=r"environment's QEMU: qemu: not found"):
        read("-S", named="qemu", there="other")
    with pytest.raises(CommandLineError, match=r"environment's QEMU='qemu: no closing quotation"):
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
def test_without_a_name_it_is_the_hosts_own(machine: str, program: str) -> None:
    assert read(machine=machine).program == f"/bin/qemu-system-{program}"


@pytest.mark.parametrize("name", ["/usr/libexec/qemu-kvm", "qemu-kvm", "kvm"])
def test_where_that_is_missing_other_names_of_it_will_do(name: str) -> None:
    line = read(there=name)
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
def test_without_any_the_package_is_named(machine: str, package: str) -> None:
    with pytest.raises(LaunchError, match=rf"install the package {package} \(Debian"):
        read(machine=machine, there="nothing")


def test_a_program_that_is_named_is_not_replaced() -> None:
    with pytest.raises(LaunchError, match=r"^qemu-x: not found$"):
        read("qemu-x", there="kvm")


def test_the_monitor_stands_in_front_of_the_users_words() -> None:
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
def test_without_arguments_there_is_a_small_machine(words: tuple[str, ...], machine: str) -> None:
    arguments = read(*words).arguments
    assert arguments == default_machine(
        {"q35": "x86_64", "virt": "aarch64", "none": "s390x"}[machine]
    )
    given = list(split_options(arguments))
    assert ("machine", machine) in given
    assert ("S", "") in given
    assert ("display", "none") in given
    assert [name for name, _ in given].count("blockdev") == 2
    assert [name for name, _ in given].count("device") == (0 if machine == "none" else 2)


def test_arguments_of_the_environments_are_not_the_users() -> None:
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
    ("-qmp stdio", "monitor of its own"),
    ("-qmp-pretty stdio", "monitor of its own"),
    ("-gdb stdio", "-gdb tcp::"),
    ("-chardev stdio,id=a", "-chardev pty"),
    ("-chardev id=a,backend=stdio,signal=off", "-chardev pty"),
    ("-chardev backend=stdio,id=a", "-chardev pty"),
    ("-daemonize", "--keep"),
]


@pytest.mark.parametrize(("text", "remedy"), TERMINAL)
@pytest.mark.parametrize("around", ["{}", "-m 64 {} -S", "-S {}", "-append x {}", "a.img {}"])
def test_what_needs_the_terminal_is_refused_with_the_remedy(
    text: str, remedy: str, around: str
) -> None:
    with pytest.raises(CommandLineError) as caught:
        refuse_terminal(shlex.split(around.format(text)))
    assert remedy in str(caught.value)
    option, *value = shlex.split(text)
    assert str(caught.value).startswith(" ".join(["-" + option.lstrip("-"), *value]))


def test_that_of_the_environment_is_refused_too() -> None:
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
def test_what_only_looks_like_it_is_not(text: str) -> None:
    refuse_terminal(shlex.split(text))


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_any_words_are_read(words: list[str]) -> None:
    assert len(list(split_options(words))) <= len(words)


@given(
    st.lists(st.sampled_from([*(f"-{name}" for name in ("S", "usb", "m", "name")), "x", "--"])),
    st.sampled_from(["-nographic", "-daemonize"]),
)
def test_a_flag_counts_unless_it_is_an_argument(words: list[str], flag: str) -> None:
    names = [name for name, _ in split_options([*words, flag])]
    values = [value for _, value in split_options([*words, flag])]
    assert (flag[1:] in names) != (flag in values)


def test_the_options_without_argument_are_qemus(installation: Installation) -> None:
    program = installation.program("qemu-system-x86_64")

    def ask(*words: str) -> str:
        done = subprocess.run(
            [program, *words],
            capture_output=True,
            text=True,
            env=installation.environment(),
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return done.stdout + done.stderr

    names = set(re.findall(r"^-([a-z0-9][\w-]*)", ask("-help"), re.MULTILINE | re.IGNORECASE))
    assert len(names) > 100
    for name in names:
        # QEMU looks at all its words before it does what the first says.
        needs = "requires an argument" in ask("-version", f"-{name}")
        assert takes_argument(name) == needs, name
