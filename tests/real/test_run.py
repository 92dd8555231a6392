"""Test `qmpshell run` in scripts."""

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
from tests.harness.waiting import takes_less_than

# An argument that identifies the QEMU processes of this test.
MARK = f"name-of-test-{os.getpid()}"
NAMED = ("-name", MARK)
EMPTY = ("-machine", "none", "-nodefaults", "-display", "none")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    """Return a runtime directory; assert afterwards that no file or process remains."""
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
    """Write a shell script and return its path."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def replace_qemu(path: Path, text: str) -> dict[str, str]:
    """Return variables that make `qmpshell run` start a shell script instead of QEMU."""
    return {"QEMU": shlex.join([write_program(path, text), MARK])}


# -- the machine ---------------------------------------------------------------------------------


def test_run_without_arguments_starts_default_vm(installation: Installation, runtime: Path) -> None:
    lines = """
    query-status
    query-named-block-nodes
    device_add driver=virtio-net-pci id=net0 bus=port0
    device_add driver=virtio-net-pci id=net1 bus=port1
    blockdev-backup job-id=j device=disk0 target=disk1 sync=full
    /wait-job -t 60 j
    """
    variables = installation.variables(*NAMED)
    result = run("run", "--compact", input=lines, variables=variables, XDG_RUNTIME_DIR=str(runtime))
    status, nodes, *others = returns(result)
    assert status["status"] == "prelaunch"
    assert sorted(node["node-name"] for node in nodes) == ["disk0", "disk1"]
    assert others == [{}, {}, {}]
    assert result.status == 0
    # QEMU only warns about its target; the shell ends it silently.
    assert [line for line in result.err.splitlines() if "block size" not in line] == []


def test_run_with_program_only_starts_default_vm(variables: dict[str, str]) -> None:
    program = SYSTEM.program("qemu-system-x86_64")
    variables["QEMU"] = "/nonexistent"
    result = run("run", "--result", "--command", "query-block-jobs", program, variables=variables)
    assert (result.status, result.out, result.err) == (0, "[]\n", "")


def test_run_with_qemu_options_adds_no_devices(installation: Installation, runtime: Path) -> None:
    variables = installation.variables(*NAMED)
    lines = "query-name\nquery-named-block-nodes\nquery-chardev\n"
    result = run("run", *EMPTY, input=lines, variables=variables, XDG_RUNTIME_DIR=str(runtime))
    name, nodes, devices = returns(result)
    assert (name, nodes) == ({"name": MARK}, [])
    assert [device["label"] for device in devices] == ["qmpshell"]
    assert (result.status, result.err) == (0, "")


def test_double_dash_ends_options_of_the_shell(variables: dict[str, str]) -> None:
    lines = ("--command", "query-name")
    result = run("run", "--result", *lines, "--", "--name", MARK, *EMPTY, variables=variables)
    assert result.out == f'{{"name": "{MARK}"}}\n'
    result = run("run", *lines, "--", "--result", variables=variables)
    assert "--result: invalid option" in result.err


def test_options_after_first_qemu_option_are_qemus(variables: dict[str, str]) -> None:
    result = run("run", "--command", "query-name", *EMPTY, "--keep", variables=variables)
    assert result.status == 3
    assert "--keep: invalid option" in result.err


def test_inherited_descriptors_are_passed_to_qemu(
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


# -- wrappers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrapper",
    ["nice -n 5", "env A_OF_TEST=1", "taskset -c 0", "gdb -batch -ex run --args", "sudo -n -u me"],
)
def test_wrapper_runs_qemu_with_the_monitor(
    variables: dict[str, str], tmp_path: Path, wrapper: str
) -> None:
    # sudo closes the inherited descriptors.
    write_program(
        tmp_path / "sudo", 'shift 3; for n in 3 4 5 6 7 8 9; do eval "exec $n>&-"; done; exec "$@"'
    )
    write_program(tmp_path / "gdb", 'while test "$1" != --args; do shift; done; shift; exec "$@"')
    variables["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    program = SYSTEM.program("qemu-system-x86_64")
    result = run(
        *("run", "--result", "--command", "query-name", "--command", "query-chardev", "--"),
        *(*shlex.split(wrapper), program, *NAMED, *EMPTY),
        variables=variables,
    )
    name, devices = messages(result)
    assert result.status == 0
    assert name == {"name": MARK}
    assert [device["label"] for device in devices] == ["qmpshell"]


def test_wrapper_in_qemu_variable_runs_qemu(variables: dict[str, str]) -> None:
    variables["QEMU"] = f"nice -n 5 {variables['QEMU']}"
    result = run("run", "--result", "--command", "query-name", *EMPTY, variables=variables)
    assert (result.status, result.out, result.err) == (0, f'{{"name": "{MARK}"}}\n', "")


def test_gdb_without_commands_gets_a_hint(variables: dict[str, str], tmp_path: Path) -> None:
    write_program(tmp_path / "gdb", "exit 0")
    variables["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    result = run("run", "--", "gdb", "--args", "qemu-system-x86_64", variables=variables)
    assert result.status == 3
    assert "write gdb -ex run -ex bt --args PROGRAM" in result.err


# -- the process and --keep ------------------------------------------------------------------------


class Running:
    """A running script that waits for its next line."""

    def __init__(self, *arguments: str, variables: Mapping[str, str]) -> None:
        self.process = start("run", *arguments, variables=variables)
        self.send_line("query-name")
        assert self.process.stdout is not None
        assert "return" in json.loads(self.process.stdout.readline())
        (self.qemu,) = find(MARK)

    def send_line(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """Close the input; return the exit status and the remaining standard error."""
        _, err = self.process.communicate(timeout=60)
        assert b"Traceback" not in err
        return self.process.returncode, err.decode()


def test_qemu_is_isolated_from_the_terminal(variables: dict[str, str], runtime: Path) -> None:
    running = Running(*EMPTY, variables=variables)
    assert os.getpgid(running.qemu) == running.qemu
    assert os.getsid(running.qemu) == os.getsid(running.process.pid)
    assert os.readlink(f"/proc/{running.qemu}/fd/0") == "/dev/null"
    directory = runtime / "qmpshell" / str(running.process.pid)
    assert [path.name for path in directory.iterdir()] == ["qmp.sock"]
    assert directory.stat().st_mode & 0o777 == 0o700
    assert running.end() == (0, "")


def test_kept_qemu_accepts_later_clients(
    variables: dict[str, str],
) -> None:
    result = run("run", "--keep", "--command", "stop", *EMPTY, variables=variables)
    assert result.status == 0
    (pid,) = find(MARK)
    announcement, _, rest = result.err.partition(" continues; qmpshell ")
    address, _, rest = rest.partition(" reconnects; its output is in ")
    assert announcement == f"qemu-system-x86_64 (pid {pid})"
    assert Path(rest.strip()).parent == Path(address).parent
    for _ in range(2):
        again = run("--result", "--command", "query-name", address)
        assert (again.status, again.out) == (0, f'{{"name": "{MARK}"}}\n')
    # Another start does not remove the directory of a running QEMU.
    run("run", "--command", "quit", *EMPTY, variables=variables)
    assert os.path.exists(address)
    assert run("--command", "quit", address).status == 0
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", *EMPTY, variables=variables)
    assert not os.path.exists(os.path.dirname(address))


def test_kept_qemu_does_not_hold_stdout_open(variables: dict[str, str]) -> None:
    """A pipeline must end when the script ends."""
    result = run(
        "run", "--keep", "--command", "query-name", *EMPTY, timeout=60, variables=variables
    )
    (pid,) = find(MARK)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)
    assert result.status == 0


def test_kept_qemu_writes_to_its_log(variables: dict[str, str], runtime: Path) -> None:
    result = run(
        *("run", "--keep", "--result", "--command", "query-chardev", "-serial", "pty", *EMPTY),
        variables=variables,
    )
    (log,) = runtime.glob("qmpshell/*/qemu.log")
    assert "char device redirected to /dev/pts/" in log.read_text()
    # Output before the greeting is also shown.
    assert log.read_text() in result.err
    assert run("--command", "quit", str(log.with_name("qmp.sock"))).status == 0
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)


def test_kept_qemu_that_exits_is_cleaned_up(variables: dict[str, str]) -> None:
    result = run("run", "--keep", "--command", "quit", *EMPTY, variables=variables)
    assert (result.status, result.err) == (0, "")


def can_use_sudo() -> bool:
    """Return True if sudo is installed and asks for no password."""
    sudo = shutil.which("sudo")
    return sudo is not None and subprocess.run([sudo, "-n", "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_use_sudo(), reason="sudo is missing or asks for a password")
def test_kept_qemu_survives_under_real_sudo(variables: dict[str, str], runtime: Path) -> None:
    program = SYSTEM.program("qemu-system-x86_64")
    words = ("sudo", program, *SYSTEM.data_options(), *NAMED, *EMPTY)
    result = run("run", "--keep", "--command", "stop", "--", *words, variables=variables)
    assert result.status == 0
    assert " continues; qmpshell " in result.err
    (address,) = map(str, runtime.glob("qmpshell/*/qmp.sock"))
    again = run("--result", "--command", "query-name", address)
    assert (again.status, again.out) == (0, f'{{"name": "{MARK}"}}\n')
    assert run("--command", "quit", address).status == 0
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", *EMPTY, variables=variables)


@pytest.mark.skipif(not can_use_sudo(), reason="sudo is missing or asks for a password")
def test_qemu_under_real_sudo_ends_with_script(variables: dict[str, str]) -> None:
    program = SYSTEM.program("qemu-system-x86_64")
    words = ("sudo", program, *SYSTEM.data_options(), *NAMED, *EMPTY)
    assert run("run", "--command", "stop", "--", *words, variables=variables).status == 0
    wait_until(lambda: not find(MARK), "end of QEMU and sudo")


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("-nographic",), "-serial pty"),
        (("-serial", "stdio"), "-serial pty"),
        (("-daemonize",), "--keep"),
    ],
)
def test_qemu_option_that_needs_terminal_is_refused(
    variables: dict[str, str], tmp_path: Path, words: tuple[str, ...], remedy: str
) -> None:
    program = write_program(tmp_path / "qemu", f"touch {tmp_path}/started")
    result = run("run", program, *words, variables=variables)
    assert (result.status, result.out) == (2, "")
    assert remedy in result.err
    assert not (tmp_path / "started").exists()


def test_usage_error_does_not_start_qemu(variables: dict[str, str], tmp_path: Path) -> None:
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


def test_missing_qemu_error_names_the_package(variables: dict[str, str], tmp_path: Path) -> None:
    del variables["QEMU"]
    result = run("run", PATH=str(tmp_path), variables=variables)
    assert (result.status, result.out) == (3, "")
    assert "install the package qemu-system-" in result.err
    assert len(result.err.splitlines()) == 1


def test_run_finds_qemu_under_other_names(variables: dict[str, str], tmp_path: Path) -> None:
    del variables["QEMU"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kvm").symlink_to(SYSTEM.program("qemu-system-x86_64"))
    path = str(tmp_path / "bin")
    result = run("run", "--result", "--command", "query-kvm", PATH=path, variables=variables)
    assert result.status == 0
    assert set(messages(result)[0]) == {"enabled", "present"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (None, "no such file"),
        (lambda path: path.touch(), "not a program"),
        (lambda path: path.mkdir(), "not a program"),
        (lambda path: path.write_text("nonsense") and path.chmod(0o755), "cannot be started: Exec"),
    ],
)
def test_unusable_qemu_program_is_reported(
    variables: dict[str, str], tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "qemu"
    if make is not None:
        make(path)
    result = run("run", str(path), variables=variables)
    assert (result.status, result.out) == (3, "")
    assert message in result.err
    assert "qemu" in result.err


def test_missing_program_in_path_is_reported(variables: dict[str, str]) -> None:
    result = run("run", "no-such-qemu", variables=variables)
    assert (result.status, result.err) == (
        3,
        "qmpshell: no-such-qemu: no such program in PATH\n",
    )


# -- an unexpected end -----------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [[], ["--keep"]])
def test_qemu_start_failure_is_reported_at_once(
    installation: Installation, runtime: Path, keep: list[str]
) -> None:
    variables = installation.variables(*NAMED)

    def fail() -> None:
        result = run(
            *("run", *keep, "--wait", "60", "--command", "stop", *EMPTY, "-device", "nonsense"),
            variables=variables,
            XDG_RUNTIME_DIR=str(runtime),
        )
        assert (result.status, result.out) == (3, "")
        error, end = result.err.splitlines()
        assert "'nonsense' is not a valid device model name" in error
        name = "qemu-system-x86_64"
        assert end == f"qmpshell: {name} exited with status 1 before the monitor was ready"

    assert takes_less_than(20, fail)


def test_qemu_version_option_shows_output_and_status(variables: dict[str, str]) -> None:
    result = run("run", "--", "-version", variables=variables)
    assert (result.status, result.out) == (3, "")
    assert "QEMU emulator version" in result.err
    assert "exited with status 0 before the monitor was ready" in result.err


def test_killed_qemu_is_reported(variables: dict[str, str]) -> None:
    running = Running(*EMPTY, variables=variables)
    os.kill(running.qemu, signal.SIGKILL)
    running.process.wait(timeout=60)  # the script ends although its input is open
    status, err = running.end()
    assert status == 3
    assert err.splitlines()[-1] == "qmpshell: qemu-system-x86_64 was killed by signal 9 (SIGKILL)"


def test_quit_returns_status_0(variables: dict[str, str]) -> None:
    result = run("run", "--compact", *EMPTY, input="query-name\nquit\n", variables=variables)
    assert (result.status, result.err) == (0, "")
    assert replies(result)[-1] == {"return": {}}


def test_silent_program_is_ended_after_wait(variables: dict[str, str], tmp_path: Path) -> None:
    variables |= replace_qemu(tmp_path / "qemu", "while :; do sleep 0.1; done")
    result = run("run", "--wait", "0.3", "--command", "stop", variables=variables)
    assert result.status == 3
    assert "QEMU has not opened its monitor yet; --wait SECONDS waits longer" in result.err


def test_output_before_early_exit_is_shown(variables: dict[str, str], tmp_path: Path) -> None:
    program = write_program(tmp_path / "qemu", "echo one; printf 'two\\033[2J' >&2; exit 7")
    result = run("run", "--keep", "--command", "stop", program, variables=variables)
    assert result.err == (
        "one\ntwo\\x1b[2J\nqmpshell: qemu exited with status 7 before the monitor was ready\n"
    )


# -- signals and slow exits ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)],
)
def test_signal_to_script_ends_qemu(
    variables: dict[str, str], number: signal.Signals, status: int
) -> None:
    running = Running(*EMPTY, variables=variables)
    running.process.send_signal(number)
    assert running.end() == (status, "")


def test_signal_before_greeting_ends_both(variables: dict[str, str], tmp_path: Path) -> None:
    variables |= replace_qemu(tmp_path / "qemu", "echo start_time; while :; do sleep 0.1; done")
    process = start("run", "--wait", "60", variables=variables)
    assert process.stderr is not None
    assert process.stderr.readline() == b"start_time\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert b"Traceback" not in err


def test_kept_qemu_survives_signal_to_script(variables: dict[str, str]) -> None:
    running = Running("--keep", *EMPTY, variables=variables)
    running.process.send_signal(signal.SIGTERM)
    status, err = running.end()
    assert status == 143
    assert "continues" in err
    assert find(MARK) == [running.qemu]
    os.kill(running.qemu, signal.SIGTERM)
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)


def test_killed_script_ends_qemu(installation: Installation, runtime: Path) -> None:
    variables = {"XDG_RUNTIME_DIR": str(runtime), **installation.variables(*NAMED)}
    running = Running(*EMPTY, variables=variables)
    running.process.kill()
    wait_until(lambda: not find(MARK), "end of QEMU")
    running.end()
    # The next start removes the leftover directory.
    assert list(runtime.glob("qmpshell/*"))
    run("run", "--command", "quit", variables=variables)


def test_kept_qemu_survives_killed_script(variables: dict[str, str], runtime: Path) -> None:
    running = Running("--keep", *EMPTY, variables=variables)
    running.process.kill()
    running.process.communicate()
    (address,) = runtime.glob("qmpshell/*/qmp.sock")
    assert run("--command", "quit", str(address)).status == 0
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)


def test_stopped_qemu_is_ended(variables: dict[str, str]) -> None:
    running = Running(*EMPTY, variables=variables)
    os.kill(running.qemu, signal.SIGSTOP)
    status, err = running.end()
    assert status == 0
    assert f"waiting for qemu-system-x86_64 (pid {running.qemu}) to end" in err


def test_ctrl_c_kills_qemu_that_ignores_sigterm(variables: dict[str, str], tmp_path: Path) -> None:
    text = "trap '' TERM; echo start_time; while :; do sleep 0.1; done"
    variables |= replace_qemu(tmp_path / "qemu", text)

    def seconds_until_killed() -> float:
        process = start("run", "--skip-negotiation", "--wait", "0", variables=variables)
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.close()
        process.stdin = None
        while b"Ctrl-C kills it" not in process.stderr.readline():
            assert process.poll() is None
        start_time = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 0
        return time.monotonic() - start_time

    # Without Ctrl-C it is killed after 10 seconds. A busy machine may be slow once.
    assert any(seconds_until_killed() < 5 for _ in range(3))


def test_wrapper_script_is_ended_with_qemu(variables: dict[str, str], tmp_path: Path) -> None:
    program = SYSTEM.program("qemu-system-x86_64")
    wrapper = write_program(tmp_path / "wrapper", f'{program} "$@"; exit $?')
    result = run("run", "--result", "--command", "query-name", wrapper, *EMPTY, variables=variables)
    assert (result.status, result.err) == (0, "")


# -- the runtime directory -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a" * 100])
def test_unusable_runtime_directory_falls_back_to_tmpdir(
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


# -- options of the shell --------------------------------------------------------------------------


def test_run_accepts_session_options(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("cont\nnonsense\nstop\n")
    result = run(
        *("run", "--stop-on-error", f"--file={tmp_path}/lines", "--events=none", "--verbose"),
        *("--no-probe", "--log", str(tmp_path / "log"), *EMPTY),
        variables=variables,
    )
    assert result.status == 1
    assert [set(message) for message in messages(result)] == [{"return"}, {"error"}]
    assert '"execute": "cont"' in result.err
    assert "nonsense" in (tmp_path / "log").read_text()
    result = run("run", "--hmp", "--command", "info name", *EMPTY, variables=variables)
    assert (result.status, result.out) == (0, f"{MARK}\n")
    lines = '{"execute": "qmp_capabilities"}\n'
    result = run("run", "--raw", *EMPTY, input=lines, variables=variables)
    assert [set(message) for message in messages(result)] == [{"QMP"}, {"return"}]


def test_shell_command_does_not_inherit_directory(variables: dict[str, str], runtime: Path) -> None:
    """An inherited descriptor would make the directory look used."""
    assert shutil.which("ls")
    result = run(
        *("run", "--command", "query-name | ls -l /proc/self/fd >&2", *EMPTY), variables=variables
    )
    assert result.status == 0
    assert str(runtime) not in result.err


def test_qemu_inherits_the_environment(variables: dict[str, str], tmp_path: Path) -> None:
    program = write_program(tmp_path / "qemu", 'echo "$GREETING_OF_TEST" >&2; exit 1')
    result = run("run", program, GREETING_OF_TEST="hello", variables=variables)
    assert result.err.startswith("hello\n")


def test_two_concurrent_runs_are_independent(variables: dict[str, str], runtime: Path) -> None:
    first = Running(*EMPTY, variables=variables)
    second = run("run", "--command", "query-name", *EMPTY, variables=variables)
    assert second.status == 0
    assert find(MARK) == [first.qemu]
    assert [path.name for path in runtime.glob("qmpshell/*")] == [str(first.process.pid)]
    assert first.end() == (0, "")


def test_only_long_help_options_belong_to_shell(variables: dict[str, str]) -> None:
    result = run("run", "--help", variables=variables)
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("Usage: qmpshell run ")
    assert run("run", "--version", variables=variables).out.startswith("qmpshell ")
    for option in ("-h", "-version"):
        assert "QEMU emulator version" in run("run", option, variables=variables).err


@pytest.mark.parametrize(
    ("words", "long"),
    [
        (["-H"], "--hmp"),
        (["-l", "log"], "--log"),
        (["-c", "stop"], "--command"),
        (["--quiet", "-r", "-M", "q35"], "--result"),
        (["--", "-v"], "--verbose"),
    ],
)
def test_short_option_error_names_the_long_one(
    variables: dict[str, str], words: list[str], long: str
) -> None:
    result = run("run", *words, variables=variables)
    assert (result.status, result.out) == (2, "")
    assert f"accepts only the long options of qmpshell: {long}\n" in result.err


def test_run_is_subcommand_only_as_first_argument() -> None:
    for arguments in (["--quiet", "run"], ["./run"]):
        done = run(*arguments, timeout=60)
        assert done.status == 3
        assert "run: no such socket" in done.err


def test_run_leaves_no_zombie_process(variables: dict[str, str]) -> None:
    process = start("run", "--command", "query-name", *EMPTY, variables=variables)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert subprocess.run(["ps", "--ppid", str(process.pid)], check=False).returncode == 1
