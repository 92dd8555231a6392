"""Real QEMU servers from Debian's packages, started on private sockets."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import pytest

AGENT_BLOCKED = (
    "guest-shutdown,guest-suspend-disk,guest-suspend-ram,guest-suspend-hybrid,"
    "guest-fsfreeze-freeze,guest-fsfreeze-freeze-list,guest-fstrim,guest-set-time,"
    "guest-set-user-password,guest-set-vcpus,guest-set-memory-blocks,"
    "guest-ssh-add-authorized-keys,guest-ssh-remove-authorized-keys"
)


@dataclass(frozen=True)
class Installation:
    """The programs and data of one QEMU version; `root` is empty for the installed version."""

    name: str
    root: str

    def program(self, name: str) -> str:
        found = shutil.which(name, path=self._path())
        if found is None:
            raise LookupError(
                f"{name} of {self.name} is missing: run tests/run.sh, which installs it"
            )
        return found

    @cached_property
    def version(self) -> str:
        """The version of QEMU, such as "7.2.22"."""
        command = [self.program("qemu-system-x86_64"), "--version"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return output.split()[3]

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def manuals(self) -> str:
        """Return the directory of the manual pages."""
        return f"{self.root}/usr/share/man"

    def data_options(self) -> list[str]:
        return (
            ["-L", f"{self.root}/usr/share/qemu", "-L", "/usr/share/seabios"] if self.root else []
        )

    def environment(self) -> dict[str, str]:
        modules = f"{self.root}/usr/lib/x86_64-linux-gnu/qemu"
        return {**os.environ, **({"QEMU_MODULE_DIR": modules} if self.root else {})}

    def variables(self, *options: str) -> dict[str, str]:
        """Return variables that make `qmpshell run` use this version with these QEMU options."""
        words = [self.program("qemu-system-x86_64"), *self.data_options(), *options]
        changed = self.environment().items() - os.environ.items()
        return {"QEMU": shlex.join(words), **dict(changed)}

    def _path(self) -> str:
        if self.root:
            return f"{self.root}/usr/bin:{self.root}/usr/sbin"
        return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def cache() -> Path:
    """Return the directory where tests/run.sh unpacks other QEMU versions."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "qmpshell-tests"


def _newest() -> Installation:
    """Return the packaged QEMU if it is at least 10, otherwise the one that tests/run.sh unpacks."""
    if SYSTEM.major >= NEWEST_MAJOR:
        return SYSTEM
    return Installation("newest", str(cache() / f"qemu-{NEWEST_MAJOR}"))


NEWEST_MAJOR = 10
SYSTEM = Installation("system", "")
NEWEST = _newest()
# Debian 12 has QEMU 7.2, and QEMU 10 in its backports. Later releases have only one.
INSTALLATIONS = tuple(dict.fromkeys((SYSTEM, NEWEST)))

# For a test with the fixture `installation` whose subject does not depend on the version.
one_version = pytest.mark.parametrize("installation", [SYSTEM], ids=["system"], indirect=True)


class Server:
    """A process on a UNIX socket that listens before the process starts, to avoid a race."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self.process = process
        self.path = path

    @property
    def address(self) -> str:
        return str(self.path)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Send SIGSTOP to the process."""
        self.process.send_signal(signal.SIGSTOP)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.kill()


def listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    # Two of QEMU's threads may accept the same connection. If one of them waits for another one, no
    # command is answered.
    listener.setblocking(False)
    return listener


def _start(
    command: Sequence[str], path: Path, listener: socket.socket, installation: Installation
) -> Server:
    with listener:
        process = subprocess.Popen(
            command,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            # As in another terminal. Linux divides the processors between sessions (sched_autogroup).
            start_new_session=True,
            env=installation.environment(),
        )
    return Server(process, path)


def start_qemu(
    installation: Installation,
    path: Path,
    *options: str,
    machine: str = "none",
    chardev: str = "",
    monitor: str = "mode=control",
) -> Server:
    """Start QEMU without a guest, with its monitor on `path`."""
    listener = listening(path)
    command = [
        os.environ.get("QMPSHELL_TEST_QEMU") or installation.program("qemu-system-x86_64"),
        *installation.data_options(),
        *("-machine", machine, "-nodefaults", "-display", "none", "-S"),
        *("-chardev", f"socket,id=m,fd={listener.fileno()},server=on,wait=off{chardev}"),
        *("-mon", f"chardev=m,{monitor}"),
        *options,
    ]
    return _start(command, path, listener, installation)


def start_storage_daemon(installation: Installation, path: Path) -> Server:
    listener = listening(path)
    command = [
        installation.program("qemu-storage-daemon"),
        *("--chardev", f"socket,id=m,fd={listener.fileno()},server=on,wait=off"),
        *("--monitor", "chardev=m"),
    ]
    return _start(command, path, listener, installation)


def start_agent(installation: Installation, directory: Path) -> Server:
    """Start a guest agent that cannot change this machine; it creates its own socket."""
    path = directory / "ga.sock"
    process = subprocess.Popen(
        [
            installation.program("qemu-ga"),
            *("-m", "unix-listen", "-p", str(path), "-t", str(directory), "-b", AGENT_BLOCKED),
        ],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Server(process, path)
