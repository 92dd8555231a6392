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


def split_wrapped(text: str, *, programs: str = "") -> tuple[str, str, str]:
    """Return wrapper, program and arguments; only `programs` and the first word exist."""
    words = shlex.split(text)
    existing = [words[0], *programs.split()]

    def find(name: str) -> str:
        if name not in existing:
            raise LaunchError(f"{name}: not found")
        return name

    line = make_command_line(words, named="", machine="x86_64", find=find)
    return " ".join(line.wrapper), line.program, " ".join(line.arguments)


@pytest.mark.parametrize(
    ("wrapper", "program"),
    [
        ("nice -n 5", "qemu-system-x86_64"),
        ("nice", "qemu-system-x86_64"),
        ("nice -5", "./build/qemu-system-arm"),
        ("nice -n 5 --", "/opt/mine"),
        ("env -u HOME A=b LD_PRELOAD=/x/lib.so", "qemu-system-x86_64"),
        ("env -i", "kvm"),
        ("/usr/bin/env", "qemu-kvm"),
        ("taskset -c 0,2-3", "qemu-system-x86_64"),
        ("taskset 0x3", "/opt/mine"),
        ("sudo -u man", "qemu-system-x86_64"),
        ("sudo -nu man", "/opt/mine"),
        ("sudo -uman -E", "/opt/mine"),
        ("sudo --user man --", "/opt/mine"),
        ("sudo nice -n 5 taskset -c 0", "/opt/mine"),
        ("gdb --args", "qemu-system-x86_64"),
        ("gdb -batch -ex run -ex bt --args", "./mine"),
        ("strace -f -o /tmp/x -e open", "qemu-system-x86_64"),
        ("timeout -s KILL 10", "/opt/mine"),
        ("numactl -N0 -m0", "qemu-system-x86_64"),
        # Wrappers that qmpshell does not know.
        ("perf stat -e cycles", "qemu-system-x86_64"),
        ("ip netns exec test", "qemu-system-x86_64"),
        ("./valgrind.sh --leak-check=full", "/opt/qemu-system-x86_64"),
    ],
)
def test_wrapper_is_separated_from_program(wrapper: str, program: str) -> None:
    programs = "man open run bt test stat /opt/mine ./mine taskset nice"
    found = split_wrapped(f"{wrapper} {program} -M q35 -name qemu-system-arm", programs=programs)
    assert found == (wrapper, program, "-M q35 -name qemu-system-arm")


@pytest.mark.parametrize(
    "text",
    [
        "./mine -name qemu-system-x86_64",
        "./mine -accel kvm",
        "/opt/qemu-system-x86_64 -bios qemu-system-x86_64",
        "qemu-kvm qemu-system-x86_64",
        "./run-vm.sh kvm",
    ],
)
def test_name_in_qemu_arguments_is_not_the_program(text: str) -> None:
    program, _, arguments = text.partition(" ")
    assert split_wrapped(text, programs="kvm qemu-system-x86_64") == ("", program, arguments)


def test_monitor_options_follow_the_wrapped_program() -> None:
    line = read("nice", "-n", "5", "qemu-system-x86_64", "-S")
    assert line.command(7)[:5] == ["/bin/nice", "-n", "5", "qemu-system-x86_64", "-chardev"]
    assert line.command(7)[-1] == "-S"
    line = read("-S", named="nice -n 5 qemu-system-x86_64 -L /a")
    assert line.command(7)[1:7] == ["-n", "5", "qemu-system-x86_64", "-L", "/a", "-chardev"]


def test_wrapped_program_alone_gets_default_machine() -> None:
    assert "q35" in read("nice", "qemu-system-x86_64").arguments


def test_wrapper_options_are_not_checked_as_qemu_options() -> None:
    line = read("mywrapper", "-nographic", "qemu-system-x86_64", "-S")
    assert line.wrapper == ["/bin/mywrapper", "-nographic"]
    with pytest.raises(CommandLineError, match="-serial pty"):
        read("nice", "-n", "5", "qemu-system-x86_64", "-nographic")


@pytest.mark.parametrize("text", ["nice", "nice -n 5", "nice -n 5 ./missing -M q35"])
def test_wrapper_without_qemu_is_rejected(text: str) -> None:
    with pytest.raises(LaunchError, match=r"^nice: no program of QEMU follows it"):
        split_wrapped(text)


def test_setsid_is_rejected() -> None:
    with pytest.raises(CommandLineError, match="setsid would detach QEMU"):
        read("nice", "setsid", "qemu-system-x86_64")


@pytest.mark.parametrize(
    ("text", "descriptor"),
    [("nice", 7), ("sudo", 0), ("nice /usr/bin/sudo -u a", 0), ("doas", 0), ("gdb --args", 7)],
)
def test_closing_wrapper_gets_socket_as_standard_input(text: str, descriptor: int) -> None:
    line = read(*text.split(), "qemu-system-x86_64")
    assert f"socket,id=qmpshell,fd={descriptor},server=on,wait=off" in line.command(7)
