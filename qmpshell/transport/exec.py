"""A monitor behind a command of the system's shell, as in `exec:ssh HOST socat - UNIX:PATH`.

The command runs in a session of its own, so that Ctrl-C at the terminal does not reach it and so that
it cannot wait for an answer that a user types at the prompt: `ssh` must be able to log in by itself.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import subprocess

from ..errors import ConnectError, ConnectionLost
from .stream import SocketStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .address import ExecAddress

# Seconds for the command to exit after it has closed the connection; then it is reported as running.
# Less while a prompt waits for it than after a failed start.
_EXIT_TIME, _FAILED_START_TIME = 0.5, 3.0
# Seconds that a command gets at least until it ends or sends something, also near the end of --wait.
_LEAST_START_TIME = 0.5
# Ends the process group $1 when its own stdin is closed, which also happens if qmpshell is killed.
# socat exits half a second after the end of its input.
_GUARD = "read -r _; sleep 1; kill -s TERM -- -$1 || exit; sleep 2; kill -s KILL -- -$1"
_ERROR_SIZE = 1 << 16


def open_exec(address: ExecAddress, *, captures_stderr: bool) -> ExecStream:
    """Run the command. Raises ConnectError.

    Its stderr is that of this process. With `captures_stderr`, the stream returns it instead.
    """
    local, remote = socket.socketpair()
    errors: int | None = None
    with contextlib.ExitStack() as stack, remote:
        stack.callback(local.close)
        write_end: int | None = None
        if captures_stderr:
            errors, write_end = os.pipe()
            os.set_blocking(errors, False)
            stack.callback(os.close, errors)
        try:
            command = subprocess.Popen(
                address.command,
                shell=True,
                stdin=remote.fileno(),
                stdout=remote.fileno(),
                stderr=write_end,
                start_new_session=True,
            )
            stack.callback(_kill, command)
            guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "sh", str(command.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ConnectError(f"{address}: cannot run the command: {error}") from error
        finally:
            if write_end is not None:
                os.close(write_end)
        stack.pop_all()
        return ExecStream(local, command, guard, errors=errors)


def _kill(command: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(command.pid, signal.SIGKILL)
    command.wait()


class ExecStream(SocketStream):
    """The stdin and stdout of a running command. Closing the stream ends the command.

    `guard` is the process that ends the command's process group when its stdin is closed. `errors` is
    the descriptor of the command's stderr, if that is captured.
    """

    def __init__(
        self,
        connected: socket.socket,
        command: subprocess.Popen[bytes],
        guard: subprocess.Popen[bytes],
        *,
        errors: int | None,
    ) -> None:
        super().__init__(connected)
        self._command = command
        self._guard = guard
        self.error_descriptor = errors
        self.passes_descriptors = False  # not through a command
        self._error_line = b""  # incomplete
        self._is_closed = False

    def read_errors(self) -> str:
        """Return complete lines that the command has written to a captured stderr; at its end, all."""
        if self.error_descriptor is None:
            return ""
        try:
            data = os.read(self.error_descriptor, _ERROR_SIZE)
        except BlockingIOError:
            return ""
        if not data:
            self._close_errors()
        text = self._error_line + data
        length = text.rfind(b"\n") + 1 if data and len(text) < _ERROR_SIZE else len(text)
        self._error_line = text[length:]
        return text[:length].decode("utf-8", "backslashreplace")

    def read(self, most: int = 1 << 20) -> bytes | None:
        """Return available data as other streams do. Raises ConnectionLost at the command's end."""
        data = super().read(most)
        if data == b"":
            raise ConnectionLost(self._describe_end())
        return data

    def await_start(self, seconds: float) -> None:
        """Wait at most that long for data. Raises ConnectError if the command ends without any."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not poll.poll(math.ceil(max(seconds, _LEAST_START_TIME) * 1000)):
            return
        with contextlib.suppress(ConnectionResetError):
            if self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                return
        raise ConnectError(self._describe_end(_FAILED_START_TIME))

    def _describe_end(self, patience: float = _EXIT_TIME) -> str:
        try:
            status = self._command.wait(patience)
        except subprocess.TimeoutExpired:
            reason = "the command has closed its output"
        else:
            if status < 0:
                reason = f"signal {_signal_name(-status)} ended the command"
            else:
                reason = f"the command exited with status {status}"
        text = self.read_errors() + self._error_line.decode("utf-8", "backslashreplace")
        self._error_line = b""
        written = "; ".join(line.strip() for line in text.splitlines())
        return f"{reason}: {written}" if written else reason

    def close(self) -> None:
        """Close the connection, which ends most commands, and have the guard end the others."""
        if self._is_closed:
            return
        self._is_closed = True
        super().close()
        self._close_errors()
        if self._command.poll() is not None:
            self._guard.kill()
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        if self._command.returncode is not None:
            self._guard.wait()
            return
        import threading  # few commands outlive their connection

        threading.Thread(target=self._reap, daemon=True).start()

    def _reap(self) -> None:
        # In this order: until the command is reaped, no other process group has its number.
        self._guard.wait()
        self._command.wait()

    def _close_errors(self) -> None:
        if self.error_descriptor is not None:
            os.close(self.error_descriptor)
            self.error_descriptor = None


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return str(number)
