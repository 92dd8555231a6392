"""Functions that run the program as a script."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType

COMMAND = (sys.executable, "-m", "qmpshell")
# The name of the processes of these tests, and of the program: python, python3 or python3.11.
PYTHON = Path(sys.executable).name

_TIMEOUT = 60.0  # seconds

_NOT_PASSED = (
    *("QMP_SOCKET", "QEMU", "NO_COLOR", "_QMPSHELL_COMPLETE"),
    # They name the terminal of the person who runs the tests.
    *("ALACRITTY_WINDOW_ID", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "TERM_PROGRAM", "TMUX"),
    *("VTE_VERSION", "WT_SESSION"),
)


def environment(**changes: str) -> dict[str, str]:
    """Return the test's environment without variables that change the program's behavior."""
    clean = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED}
    return clean | {"PYTHONWARNINGS": "error"} | changes


def own_directories(directory: Path) -> dict[str, str]:
    """Return variables that place settings, history and sockets in directories below `directory`.

    Only the runtime directory exists, as after a login.
    """
    runtime = directory / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    return {
        "XDG_CONFIG_HOME": str(directory / "config"),
        "XDG_STATE_HOME": str(directory / "state"),
        "XDG_RUNTIME_DIR": str(runtime),
    }


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def run(
    *arguments: str,
    input: str | bytes = b"",
    timeout: float = 120,
    pass_fds: Sequence[int] = (),
    variables: Mapping[str, str] = MappingProxyType({}),
    **env: str,
) -> Result:
    """Run the program until it exits, with `input` on stdin; assert that it prints no traceback."""
    data = input.encode() if isinstance(input, str) else input
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=data,
        capture_output=True,
        timeout=timeout,
        check=False,
        pass_fds=pass_fds,
        env=environment(**variables, **env),
    )
    result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in result.err, result.err
    return result


class _Process(subprocess.Popen[bytes]):
    """A process that is killed if it does not end after its block."""

    def wait(self, timeout: float | None = None) -> int:
        return super().wait(_TIMEOUT if timeout is None else timeout)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            super().__exit__(kind, error, traceback)
        finally:
            if self.poll() is None:
                self.kill()
                self.wait()


def start(
    *arguments: str,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    variables: Mapping[str, str] = MappingProxyType({}),
    **env: str,
) -> subprocess.Popen[bytes]:
    """Start the program, by default with pipes for all three streams."""
    return _Process(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=environment(**variables, **env),
    )
