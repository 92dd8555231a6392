"""`qmpshell run` as a script: QEMU starts, serves, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.harness.exchange import messages, replies, returns
from tests.harness.processes import find, killed_afterwards, wait_until
from tests.harness.program import run, start
from tests.harness.servers import SYSTEM, Installation

# A word of QEMU's command line, by which its processes are found.
MARK = f"name-of-test-{os.getpid()}"
NAMED = ("-name", MARK)
EMPTY = ("-machine", "none", "-nodefaults", "-display", "none")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    """The runtime directory of the user; nothing of ours may be left in it, or run."""
    path = tmp_path / "r"
    path.mkdir(0o700)
    with killed_afterwards(MARK):
        yield path
        assert find(MARK) == []
        assert list(path.glob("qmpshell/*")) == []


@pytest.fixture
def variables(runtime: Path) -> dict[str, str]:
    return {"XDG_RUNTIME_DIR": str(runtime), **SYSTEM.variables(*NAMED)}


def write_program(path: Path, text: str) -> str:
    """A shell script; its path."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def imitate(path: Path, text: str) -> dict[str, str]:
    """What makes `qmpshell run` start a shell script, which is found by the mark."""
    return {"QEMU": shlex.join([write_program(path, text), MARK])}


# -- the machine ---------------------------------------------------------------------------------


def test_without_arguments_there_is_a_machine_to_try_things_on(
    installation: Installation, runtime: Path
) -> None:
    lines = """
    query-status
    query-named-block-nodes
    device_add driver=virtio-net-pci id=net0 bus=port0
    device_add driver=virtio-net-pci id=net1 bus=port1
    blockdev-backup job-id=j device=disk0 target=disk1 sync=full
    /wait-job -t 20 j
    """
    variables = installation.variables(*NAMED)
    result = run("run", "--compact", input=lines, variables=variables, XDG_RUNTIME_DIR=str(runtime))
    status, nodes, *others = returns(result)
    assert status["status"] == "prelaunch"
    assert sorted(node["node-name"] for node in nodes) == ["disk0", "disk1"]
    assert others == [{}, {}, {}]
    assert result.status == 0
    # All that QEMU has to say is about its own target; our way to end it is silent.
    assert [line for line in result.err.splitlines() if "block size" not in line] == []


def test_a_program_alone_gets_that_machine_too(variables: dict[str, str]) -> None:
    program = SYSTEM.program("qemu-system-x86_64")
    variables["QEMU"] = "/nonexistent"
    result = run("run", "--result", "--command", "query-block-jobs", program, variables=variables)
    assert (result.status, result.out, result.err) == (0, "[]\n", "")


def test_any_line_of_qemus_runs_and_gets_nothing_of_ours(
    installation: Installation, runtime: Path
) -> None:
    variables = installation.variables(*NAMED)
    lines = "query-name\nquery-named-block-nodes\nquery-chardev\n"
    result = run("run", *EMPTY, input=lines, variables=variables, XDG_RUNTIME_DIR=str(runtime))
    name, nodes, devices = returns(result)
    assert (name, nodes) == ({"name": MARK}, [])
    assert [device["label"] for device in devices] == ["qmpshell"]
    assert (result.status, result.err) == (0, "")


def test_two_dashes_end_our_options(variables: dict[str, str]) -> None:
    lines = ("--command", "query-name")
    result = run("run", "--result", *lines, "--", "--name", MARK, *EMPTY, variables=variables)
    assert result.out == f'{{"name": "{MARK}"}}\n'
    result = run("run", *lines, "--", "--result", variables=variables)
    assert "--result: invalid option" in result.err


def test_behind_qemus_first_word_nothing_is_ours(variables: dict[str, str]) -> None:
    result = run("run", "--command", "query-name", *EMPTY, "--keep", variables=variables)
    assert result.status == 3
    assert "--keep: invalid option" in result.err


def test_descriptors_that_we_were_handed_are_qemus_too(
    variables: dict[str, str], tmp_path: Path
) -> None:
    with (tmp_path / "file").open("wb") as file:
        descriptor = file.fileno()
        result = run(
            *("run", "--result", "--command", "query-fdsets"),
            *(*EMPTY, "-add-fd", f"fd={descriptor},set=5"),
            pass_fds=[descriptor],
            variables=variables,
        )
    assert (result.status, result.err) == (0, "")
    assert messages(result)[0][0]["fdset-id"] == 5


# -- how it runs -----------------------------------------------------------------------------------


class Running:
    """A script that waits for its next line, on a QEMU that runs."""

    def __init__(self, *arguments: str, variables: Mapping[str, str]) -> None:
        self.process = start("run", *arguments, variables=variables)
        self.say("query-name")
        assert self.process.stdout is not None
        assert "return" in json.loads(self.process.stdout.readline())
        (self.qemu,) = find(MARK)

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """The exit status and the rest of standard error."""
        _, err = self.process.communicate(timeout=30)
        assert b"Traceback" not in err
        return self.process.returncode, err.decode()


def test_it_has_its_own_process_group_no_input_and_a_private_directory(
    variables: dict[str, str], runtime: Path
) -> None:
    running = Running(*EMPTY, variables=variables)
    assert os.getpgid(running.qemu) == running.qemu
    assert os.getsid(running.qemu) == os.getsid(running.process.pid)
    assert os.readlink(f"/proc/{running.qemu}/fd/0") == "/dev/null"
    directory = runtime / "qmpshell" / str(running.process.pid)
    assert [path.name for path in directory.iterdir()] == ["qmp.sock"]
    assert directory.stat().st_mode & 0o777 == 0o700
    assert running.end() == (0, "")


def test_another_tool_can_have_the_socket_when_the_shell_has_left_it(
    variables: dict[str, str],
) -> None:
    result = run("run", "--keep", "--command", "stop", *EMPTY, variables=variables)
    assert result.status == 0
    (pid,) = find(MARK)
    told, _, rest = result.err.partition(" goes on; qmpshell ")
    address, _, rest = rest.partition(" comes back to it; its output is in ")
    assert told == f"qemu-system-x86_64 (pid {pid})"
    assert Path(rest.strip()).parent == Path(address).parent
    for _ in range(2):
        again = run("--result", "--command", "query-name", address)
        assert (again.status, again.out) == (0, f'{{"name": "{MARK}"}}\n')
    # Another start does not take it for something that was left.
    run("run", "--command", "quit", *EMPTY, variables=variables)
    assert os.path.exists(address)
    assert run("--command", "quit", address).status == 0
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", *EMPTY, variables=variables)
    assert not os.path.exists(os.path.dirname(address))


def test_what_is_kept_does_not_hold_the_scripts_output(variables: dict[str, str]) -> None:
    """A pipeline ends when the script has."""
    result = run(
        "run", "--keep", "--command", "query-name", *EMPTY, timeout=10, variables=variables
    )
    (pid,) = find(MARK)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)
    assert result.status == 0


def test_what_is_kept_writes_to_its_log(variables: dict[str, str], runtime: Path) -> None:
    result = run(
        *("run", "--keep", "--result", "--command", "query-chardev", "-serial", "pty", *EMPTY),
        variables=variables,
    )
    (log,) = runtime.glob("qmpshell/*/qemu.log")
    assert "char device redirected to /dev/pts/" in log.read_text()
    # It was there before the greeting, and so it was shown.
    assert log.read_text() in result.err
    assert run("--command", "quit", str(log.with_name("qmp.sock"))).status == 0
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)


def test_a_kept_one_that_has_ended_is_tidied_up(variables: dict[str, str]) -> None:
    result = run("run", "--keep", "--command", "quit", *EMPTY, variables=variables)
    assert (result.status, result.err) == (0, "")


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("-nographic",), "-serial pty"),
        (("-serial", "stdio"), "-serial pty"),
        (("-daemonize",), "--keep"),
    ],
)
def test_what_would_take_the_terminal_is_refused(
    variables: dict[str, str], tmp_path: Path, words: tuple[str, ...], remedy: str
) -> None:
    program = write_program(tmp_path / "qemu", f"touch {tmp_path}/started")
    result = run("run", program, *words, variables=variables)
    assert (result.status, result.out) == (2, "")
    assert remedy in result.err
    assert not (tmp_path / "started").exists()


def test_mistakes_of_ours_start_nothing(variables: dict[str, str], tmp_path: Path) -> None:
    program = write_program(tmp_path / "qemu", f"touch {tmp_path}/started")
    for arguments in (
        ["--file", "/nonexistent", program],
        ["--log", "/nonexistent/x", program],
        ["--file", "x", "--command", "y", program],
        ["--timeout", "soon", program],
        ["--timeout"],
    ):
        result = run("run", *arguments, variables=variables)
        assert result.status == 2, result
        assert result.out == ""
    assert not (tmp_path / "started").exists()


def test_without_qemu_the_package_is_named(variables: dict[str, str], tmp_path: Path) -> None:
    del variables["QEMU"]
    result = run("run", PATH=str(tmp_path), variables=variables)
    assert (result.status, result.out) == (3, "")
    assert "install the package qemu-system-" in result.err
    assert len(result.err.splitlines()) == 1


def test_other_names_of_qemu_will_do(variables: dict[str, str], tmp_path: Path) -> None:
    del variables["QEMU"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kvm").symlink_to(SYSTEM.program("qemu-system-x86_64"))
    path = str(tmp_path / "bin")
    result = run("run", "--result", "--command", "query-kvm", PATH=path, variables=variables)
    assert result.status == 0
    assert set(messages(result)[0]) == {"enabled", "present"}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (None, "there is no such file"),
        (lambda path: path.touch(), "this is no program"),
        (lambda path: path.mkdir(), "this is no program"),
        (lambda path: path.write_text("nonsense") and path.chmod(0o755), "cannot be started: Exec"),
    ],
)
def test_a_program_that_is_none(
    variables: dict[str, str], tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "qemu"
    if make is not None:
        make(path)
    result = run("run", str(path), variables=variables)
    assert (result.status, result.out) == (3, "")
    assert said in result.err
    assert "qemu" in result.err


def test_a_program_is_looked_up_in_the_path(variables: dict[str, str]) -> None:
    result = run("run", "no-such-qemu", variables=variables)
    assert (result.status, result.err) == (
        3,
        "qmpshell: no-such-qemu: no such program in PATH\n",
    )


# -- an end that was not asked for -----------------------------------------------------------------


@pytest.mark.parametrize("keep", [[], ["--keep"]])
def test_a_qemu_that_cannot_start_is_heard_at_once(
    installation: Installation, runtime: Path, keep: list[str]
) -> None:
    variables = installation.variables(*NAMED)
    begun = time.monotonic()
    result = run(
        *("run", *keep, "--wait", "60", "--command", "stop", *EMPTY, "-device", "nonsense"),
        variables=variables,
        XDG_RUNTIME_DIR=str(runtime),
    )
    assert time.monotonic() - begun < 20
    assert (result.status, result.out) == (3, "")
    said, end = result.err.splitlines()
    assert "'nonsense' is not a valid device model name" in said
    assert end == "qmpshell: qemu-system-x86_64 exited with status 1 before it could be spoken to"


def test_qemus_version_is_shown_with_its_status(variables: dict[str, str]) -> None:
    result = run("run", "--", "-version", variables=variables)
    assert (result.status, result.out) == (3, "")
    assert "QEMU emulator version" in result.err
    assert "exited with status 0 before it could be spoken to" in result.err


def test_a_qemu_that_is_killed_is_said_to_be(variables: dict[str, str]) -> None:
    running = Running(*EMPTY, variables=variables)
    os.kill(running.qemu, signal.SIGKILL)
    running.process.wait(timeout=20)  # its input has not ended
    status, err = running.end()
    assert status == 3
    assert err.splitlines()[-1] == "qmpshell: qemu-system-x86_64 was killed by signal 9 (SIGKILL)"


def test_quit_ends_it_well(variables: dict[str, str]) -> None:
    result = run("run", "--compact", *EMPTY, input="query-name\nquit\n", variables=variables)
    assert (result.status, result.err) == (0, "")
    assert replies(result)[-1] == {"return": {}}


def test_a_program_that_says_nothing_is_given_up(variables: dict[str, str], tmp_path: Path) -> None:
    variables |= imitate(tmp_path / "qemu", "while :; do sleep 0.1; done")
    result = run("run", "--wait", "0.3", "--command", "stop", variables=variables)
    assert result.status == 3
    assert "no greeting" in result.err


def test_what_it_writes_before_it_ends_is_shown_in_full(
    variables: dict[str, str], tmp_path: Path
) -> None:
    program = write_program(tmp_path / "qemu", "echo one; printf 'two\\033[2J' >&2; exit 7")
    result = run("run", "--keep", "--command", "stop", program, variables=variables)
    assert result.err == (
        "one\ntwo\\x1b[2J\nqmpshell: qemu exited with status 7 before it could be spoken to\n"
    )


# -- signals, and an end that takes long -----------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_qemu_too(
    variables: dict[str, str], number: signal.Signals, status: int
) -> None:
    running = Running(*EMPTY, variables=variables)
    running.process.send_signal(number)
    assert running.end() == (status, "")


def test_a_signal_while_nothing_was_said_yet(variables: dict[str, str], tmp_path: Path) -> None:
    variables |= imitate(tmp_path / "qemu", "echo begun; while :; do sleep 0.1; done")
    process = start("run", "--wait", "60", variables=variables)
    assert process.stderr is not None
    assert process.stderr.readline() == b"begun\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 143
    assert b"Traceback" not in err


def test_with_keep_it_survives_a_signal_to_us(variables: dict[str, str]) -> None:
    running = Running("--keep", *EMPTY, variables=variables)
    running.process.send_signal(signal.SIGTERM)
    status, err = running.end()
    assert status == 143
    assert "goes on" in err
    assert find(MARK) == [running.qemu]
    os.kill(running.qemu, signal.SIGTERM)
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)


def test_when_we_are_killed_qemu_ends(installation: Installation, runtime: Path) -> None:
    variables = {"XDG_RUNTIME_DIR": str(runtime), **installation.variables(*NAMED)}
    running = Running(*EMPTY, variables=variables)
    running.process.kill()
    wait_until(lambda: not find(MARK), "end of QEMU")
    running.end()
    # What could not be removed any more goes at the next start.
    assert list(runtime.glob("qmpshell/*"))
    run("run", "--command", "quit", variables=variables)


def test_with_keep_it_survives_when_we_are_killed(variables: dict[str, str], runtime: Path) -> None:
    running = Running("--keep", *EMPTY, variables=variables)
    running.process.kill()
    running.process.communicate()
    (address,) = runtime.glob("qmpshell/*/qmp.sock")
    assert run("--command", "quit", str(address)).status == 0
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)


def test_a_qemu_that_is_stopped_is_ended_nonetheless(variables: dict[str, str]) -> None:
    running = Running(*EMPTY, variables=variables)
    os.kill(running.qemu, signal.SIGSTOP)
    status, err = running.end()
    assert status == 0
    assert f"waiting for qemu-system-x86_64 (pid {running.qemu}) to end" in err


def test_one_that_will_not_end_is_killed_by_ctrl_c(
    variables: dict[str, str], tmp_path: Path
) -> None:
    text = "trap '' TERM; echo begun; while :; do sleep 0.1; done"
    variables |= imitate(tmp_path / "qemu", text)
    process = start("run", "--skip-negotiation", "--wait", "0", variables=variables)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.close()
    process.stdin = None
    while b"Ctrl-C kills it" not in process.stderr.readline():
        assert process.poll() is None
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert time.monotonic() - begun < 5
    assert process.returncode == 0


def test_a_wrapper_that_starts_qemu_is_ended_with_it(
    variables: dict[str, str], tmp_path: Path
) -> None:
    program = SYSTEM.program("qemu-system-x86_64")
    wrapper = write_program(tmp_path / "wrapper", f'{program} "$@"; exit $?')
    result = run("run", "--result", "--command", "query-name", wrapper, *EMPTY, variables=variables)
    assert (result.status, result.err) == (0, "")


# -- where the directory is ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a" * 100])
def test_without_a_runtime_directory_that_will_do(
    variables: dict[str, str], tmp_path: Path, name: str
) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    if name:
        (tmp_path / name).mkdir(0o700)
        name = str(tmp_path / name)
    variables |= {"XDG_RUNTIME_DIR": name, "TMPDIR": str(temporary)}
    running = Running(*EMPTY, variables=variables)
    (socket,) = temporary.glob("qmpshell-*/qmp.sock")
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert running.end() == (0, "")
    assert list(temporary.iterdir()) == []


# -- our options -----------------------------------------------------------------------------------


def test_the_options_of_a_session(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("cont\nnonsense\nstop\n")
    result = run(
        *("run", "--stop-on-error", f"--file={tmp_path}/lines", "--events=none", "--verbose"),
        *("--no-probe", "--log", str(tmp_path / "log"), *EMPTY),
        variables=variables,
    )
    assert result.status == 1
    assert [set(one) for one in messages(result)] == [{"return"}, {"error"}]
    assert '"execute": "cont"' in result.err
    assert "nonsense" in (tmp_path / "log").read_text()
    result = run("run", "--hmp", "--command", "info name", *EMPTY, variables=variables)
    assert (result.status, result.out) == (0, f"{MARK}\n")
    lines = '{"execute": "qmp_capabilities"}\n'
    result = run("run", "--raw", *EMPTY, input=lines, variables=variables)
    assert [set(one) for one in messages(result)] == [{"QMP"}, {"return"}]


def test_a_child_of_the_scripts_does_not_hold_the_directory(
    variables: dict[str, str], runtime: Path
) -> None:
    """It would seem to be in use for ever."""
    assert shutil.which("ls")
    result = run(
        *("run", "--command", "query-name | ls -l /proc/self/fd >&2", *EMPTY), variables=variables
    )
    assert result.status == 0
    assert str(runtime) not in result.err


def test_qemus_own_environment_is_ours(variables: dict[str, str], tmp_path: Path) -> None:
    program = write_program(tmp_path / "qemu", 'echo "$GREETING_OF_TEST" >&2; exit 1')
    result = run("run", program, GREETING_OF_TEST="hello", variables=variables)
    assert result.err.startswith("hello\n")


def test_two_at_once(variables: dict[str, str], runtime: Path) -> None:
    first = Running(*EMPTY, variables=variables)
    second = run("run", "--command", "query-name", *EMPTY, variables=variables)
    assert second.status == 0
    assert find(MARK) == [first.qemu]
    assert [path.name for path in runtime.glob("qmpshell/*")] == [str(first.process.pid)]
    assert first.end() == (0, "")


def test_help_and_version_are_ours_only_by_their_long_names(variables: dict[str, str]) -> None:
    result = run("run", "--help", variables=variables)
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("Usage: qmpshell run ")
    assert run("run", "--version", variables=variables).out.startswith("qmpshell ")
    for option in ("-h", "-version"):
        assert "QEMU emulator version" in run("run", option, variables=variables).err


def test_a_subcommand_is_one_as_the_first_word_only(tmp_path: Path) -> None:
    for arguments in (["--quiet", "run"], ["./run"]):
        done = run(*arguments, timeout=10)
        assert done.status == 3
        assert "run: no such socket" in done.err


def test_no_process_is_left_as_a_zombie(variables: dict[str, str]) -> None:
    process = start("run", "--command", "query-name", *EMPTY, variables=variables)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert subprocess.run(["ps", "--ppid", str(process.pid)], check=False).returncode == 1
