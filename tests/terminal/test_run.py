"""Test `qmpshell run` at a terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import find, killed_afterwards, wait_until
from tests.harness.program import run
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Installation, Server

# An argument that identifies the QEMU processes of this test.
MARK = f"name-of-terminal-test-{os.getpid()}"
NAMED = ("-name", MARK)


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


def test_run_starts_default_vm_and_cleans_up(installation: Installation, runtime: Path) -> None:
    variables = {"XDG_RUNTIME_DIR": str(runtime), **installation.variables(*NAMED)}
    with Terminal("run", columns=200, rows=60, variables=variables) as terminal:
        terminal.wait_ready()
        (pid,) = find(MARK)
        terminal.line("query-named-block-nodes")
        terminal.wait_for('"node-name": "disk0"')
        terminal.wait_prompt()
        terminal.type("\x03")  # reaches only the shell: QEMU is not in the foreground
        terminal.wait_above("Ctrl-D leaves the shell and ends QEMU")
        assert find(MARK) == [pid]
        terminal.type("\x04")
        assert terminal.end() == 0
        assert terminal.modes == terminal.modes_before
        assert "terminating" not in terminal.text


def test_run_shows_startup_output_of_qemu(variables: dict[str, str]) -> None:
    with Terminal("run", "-nodefaults", "-serial", "pty", variables=variables) as terminal:
        terminal.wait_for("char device redirected to /dev/pts/")
        terminal.wait_ready()
        terminal.type("\x04")
        terminal.wait_for("[y/N]")
        terminal.type("y")
        assert terminal.end() == 0


def test_run_with_bad_qemu_option_shows_reason(installation: Installation, runtime: Path) -> None:
    variables = {"XDG_RUNTIME_DIR": str(runtime), **installation.variables(*NAMED)}
    with Terminal("run", "-nonsense", columns=120, variables=variables) as terminal:
        assert terminal.end() == 3
        assert "-nonsense: invalid option" in terminal.text
        assert (
            "qemu-system-x86_64 exited with status 1 before the monitor was ready" in terminal.text
        )
        assert "(QEMU)" not in terminal.text


def test_ctrl_c_before_greeting_ends_both(variables: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "qemu"
    program.write_text("#!/bin/sh\necho begun\nwhile :; do sleep 0.1; done\n")
    program.chmod(0o755)
    variables |= {"QEMU": f"{program} {MARK}"}
    with Terminal("run", "--wait", "60", variables=variables) as terminal:
        terminal.wait_for("begun")
        terminal.type("\x03")
        assert terminal.end() == 130


def test_run_keep_leaves_qemu_for_reconnect(variables: dict[str, str], runtime: Path) -> None:
    with Terminal("run", "--keep", columns=300, variables=variables) as terminal:
        terminal.wait_ready()
        (pid,) = find(MARK)
        assert "Ctrl-D leaves the shell; QEMU continues" in terminal.text
        terminal.type("\x04")
        assert terminal.end() == 0
        (address,) = runtime.glob("qmpshell/*/qmp.sock")
        expected = f"(pid {pid}) continues; qmpshell {address} reconnects"
        assert expected in terminal.text
    with Terminal(str(address), variables=variables) as terminal:
        terminal.wait_ready()
        terminal.type("\x04")
        assert terminal.end() == 0
    assert run("--command", "quit", str(address)).status == 0
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_to_shell_ends_both(variables: dict[str, str], number: signal.Signals) -> None:
    with Terminal("run", variables=variables) as terminal:
        terminal.wait_ready()
        terminal.signal(number)
        assert terminal.end() == 128 + number
        assert terminal.modes == terminal.modes_before


def test_killed_shell_ends_qemu(installation: Installation, runtime: Path) -> None:
    variables = {"XDG_RUNTIME_DIR": str(runtime), **installation.variables(*NAMED)}
    with Terminal("run", variables=variables) as terminal:
        terminal.wait_ready()
        assert len(find(MARK)) == 1
        terminal.signal(signal.SIGKILL)
        wait_until(lambda: not find(MARK), "end of QEMU")
    # The next start removes the leftover directory.
    run("run", "--command", "quit", variables=variables)


def test_closed_terminal_ends_qemu(variables: dict[str, str]) -> None:
    with Terminal("run", variables=variables) as terminal:
        terminal.wait_ready()
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), terminal.child.child_fd)
        wait_until(lambda: not find(MARK), "end of QEMU")
        wait_until(lambda: not terminal.child.isalive(), "end of the shell")


def test_sudo_can_ask_for_a_password(variables: dict[str, str], tmp_path: Path) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(
        "#!/bin/sh\nprintf 'Password: ' >/dev/tty\nread -r word </dev/tty\n"
        'test "$word" = sesame || exit 1\nstty raw -echo </dev/tty\nexec "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-\n'
    )
    sudo.chmod(0o755)
    variables["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    program = SYSTEM.program("qemu-system-x86_64")
    words = ("run", "--", "sudo", program, *NAMED, "-machine", "none", "-display", "none")
    with Terminal(*words, variables=variables) as terminal:
        terminal.wait_for("Password:")
        terminal.line("sesame")
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_for(f'"name": "{MARK}"')
        terminal.type("\x04")
        terminal.wait_for("[y/N]")
        terminal.type("y")
        assert terminal.end() == 0
        # sudo leaves the terminal in raw mode as long as its program runs.
        assert terminal.modes == terminal.modes_before


# -- the end of QEMU and of the shell -----------------------------------------------------------------

# Leaving a VM that is not the default one needs confirmation.
OWN = ("run", "-machine", "none", "-nodefaults", "-display", "none")


def test_banner_says_that_qemu_ends_too(variables: dict[str, str]) -> None:
    with Terminal("run", variables=variables) as terminal:
        terminal.wait_ready()
        assert "Ctrl-D leaves the shell and ends QEMU" in terminal.text
        terminal.type("\x04")
        assert terminal.end() == 0


@pytest.mark.parametrize(
    "keys", ["\x04", "exit\r", "/quit\r", "query-name; /quit\r", "stop; exit\r"]
)
def test_leaving_asks_before_it_ends_qemu(variables: dict[str, str], keys: str) -> None:
    with Terminal(*OWN, variables=variables) as terminal:
        terminal.wait_ready()
        (pid,) = find(MARK)
        terminal.type(keys)
        terminal.wait_for(f"this ends qemu-system-x86_64 (pid {pid}). Continue? [y/N]")
        terminal.type("n")
        terminal.wait_prompt()
        terminal.line("query-status")
        terminal.wait_for('"running"')
        assert find(MARK) == [pid]
        terminal.wait_prompt()
        terminal.type(keys)
        terminal.wait(lambda: terminal.text.count("[y/N]") == 2, "second question")
        terminal.type("y")
        assert terminal.end() == 0


def test_leaving_a_kept_qemu_asks_nothing(variables: dict[str, str]) -> None:
    with Terminal(*OWN, "--keep", variables=variables) as terminal:
        assert terminal.end() == 3  # --keep must come first
    with Terminal("run", "--keep", *OWN[1:], variables=variables) as terminal:
        terminal.wait_ready()
        (pid,) = find(MARK)
        terminal.line("/quit")
        assert terminal.end() == 0
        assert find(MARK) == [pid]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)


def test_leaving_after_a_crash_asks_nothing(variables: dict[str, str]) -> None:
    with Terminal(*OWN, variables=variables) as terminal:
        terminal.wait_ready()
        (pid,) = find(MARK)
        os.kill(pid, signal.SIGKILL)
        terminal.wait_for("/restart starts it again")
        terminal.type("\x04")
        assert terminal.end() == 3


@pytest.mark.parametrize("line", ["quit", "/hmp quit", '{"execute": "quit"}'])
def test_shell_exits_with_qemu_after_quit(
    installation: Installation, runtime: Path, line: str
) -> None:
    variables = {"XDG_RUNTIME_DIR": str(runtime), **installation.variables(*NAMED)}
    with Terminal(*OWN, variables=variables) as terminal:
        terminal.wait_ready()
        terminal.line(line)
        terminal.wait_for("[y/N]")
        terminal.type("y")
        assert terminal.end() == 0
        assert "/restart" not in terminal.text
        assert "exited with" not in terminal.text


def test_shell_stays_after_a_crash_and_restarts(installation: Installation, runtime: Path) -> None:
    variables = {"XDG_RUNTIME_DIR": str(runtime), **installation.variables(*NAMED)}
    with Terminal("run", columns=120, rows=100, variables=variables) as terminal:
        terminal.wait_ready()
        (pid,) = find(MARK)
        os.kill(pid, signal.SIGKILL)
        terminal.wait_for(
            "qemu-system-x86_64 was killed by signal 9 (SIGKILL); /restart starts it again"
        )
        terminal.line("stop")
        terminal.wait_for("not connected; nothing was sent; use /restart")
        terminal.line("/restart")
        terminal.wait(lambda: terminal.text.count("Connected to QEMU") == 2, "second banner")
        (new,) = find(MARK)
        assert new != pid
        terminal.wait_prompt()
        terminal.line("query-named-block-nodes")
        terminal.wait_for('"node-name": "disk0"')
        # The new one is watched too.
        os.kill(new, signal.SIGKILL)
        terminal.wait(lambda: terminal.text.count("was killed by signal 9") == 2, "second end")
        terminal.line("/restart")
        terminal.wait(lambda: terminal.text.count("Connected to QEMU") == 3, "third banner")
        terminal.wait_prompt()
        terminal.line("quit")
        terminal.wait_for("[y/N]")
        terminal.type("y")
        assert terminal.end() == 0


def test_restart_asks_before_it_ends_a_running_qemu(variables: dict[str, str]) -> None:
    with Terminal(*OWN, variables=variables) as terminal:
        terminal.wait_ready()
        (pid,) = find(MARK)
        terminal.line("/restart")
        terminal.wait_for(f"this ends qemu-system-x86_64 (pid {pid}). Continue? [y/N]")
        terminal.type("n")
        terminal.wait_prompt()
        assert find(MARK) == [pid]
        terminal.line("/restart")
        terminal.wait(lambda: terminal.text.count("[y/N]") == 2, "second question")
        terminal.type("y")
        terminal.wait(lambda: terminal.text.count("Connected to QEMU") == 2, "second banner")
        (new,) = find(MARK)
        assert new != pid
        terminal.wait_prompt()
        terminal.type("\x04")
        terminal.wait(lambda: terminal.text.count("[y/N]") == 3, "third question")
        terminal.type("y")
        assert terminal.end() == 0


def test_restart_failure_is_reported(variables: dict[str, str], tmp_path: Path) -> None:
    flag = tmp_path / "started"
    qemu = tmp_path / "qemu"
    qemu.write_text(
        f"#!/bin/sh\ntest -e {flag} && {{ echo no such luck >&2; exit 7; }}\n"
        f'touch {flag}\nexec {SYSTEM.program("qemu-system-x86_64")} -name {MARK} "$@"\n'
    )
    qemu.chmod(0o755)
    with Terminal("run", str(qemu), *OWN[1:], variables=variables) as terminal:
        terminal.wait_ready()
        os.kill(find(MARK)[0], signal.SIGKILL)
        terminal.wait_for("/restart starts it again")
        terminal.line("/restart")
        terminal.wait_for("no such luck")
        terminal.wait_for("qemu exited with status 7; /restart starts it again")
        terminal.wait_prompt()
        qemu.unlink()
        terminal.line("/restart")
        terminal.wait_for("qemu cannot be started: No such file or directory")
        terminal.wait_prompt()
        terminal.type("\x04")
        assert terminal.end() == 3


def test_connect_captures_stderr_of_command(variables: dict[str, str]) -> None:
    with Terminal("run", variables=variables) as terminal:
        terminal.wait_ready()
        terminal.line('/connect "exec:test -t 2 && echo on a terminal >&2 || echo in a pipe >&2"')
        terminal.wait_for("the command exited with status 0: in a pipe")
        terminal.wait_prompt()
        terminal.type("\x04")
        assert terminal.end() == 0


def test_restart_without_run_is_rejected(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line("/restart")
        terminal.wait_for("/restart works only in a shell that was opened by qmpshell run")
