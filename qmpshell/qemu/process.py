"""Starting and ending QEMU as a child process, and reading its output.

QEMU ends with qmpshell, even if that is killed: Linux then sends it SIGTERM. Exceptions are systems
other than Linux, a QEMU that changes its user (`-runas`), and one started by a wrapper that did not
`exec` it; those end only if qmpshell exits in order.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from ..errors import ConnectError, ConnectionLost, LaunchError
from ..transport import Stream, UnixAddress, open_stream, signal_group
from .command_line import make_command_line
from .runtime_dir import RuntimeDirectory, make_runtime_directory

_READ_SIZE = 1 << 16
# A line without an end is returned in parts of about this many bytes, and of a file no more than
# this is read after its writer has ended.
_MAX_OUTPUT = 1 << 16


class OutputReader:
    """Reads lines from its own descriptor: a pipe, without blocking, or a file that grows."""

    def __init__(self, descriptor: int, *, is_pipe: bool) -> None:
        self.descriptor = descriptor
        self.is_pipe = is_pipe
        self._line = b""
        self._ended = False

    def read(self) -> str | None:
        r"""Return the complete lines as text, with their ends. None at the end of a pipe.

        Bytes that are not UTF-8 become `\xNN`.
        """
        if self._ended:
            return None
        self._fill()
        if self._ended or len(self._line) >= _MAX_OUTPUT:
            return self._split_off(len(self._line)) or (None if self._ended else "")
        return self._split_off(self._line.rfind(b"\n") + 1)

    def rest(self) -> str:
        """Return the rest, including an incomplete line. Its writer has ended.

        Of a file that has become long, only the end is returned.
        """
        if not self.is_pipe and not self._ended:
            size = os.fstat(self.descriptor).st_size
            if size - os.lseek(self.descriptor, 0, os.SEEK_CUR) > _MAX_OUTPUT:
                os.lseek(self.descriptor, size - _MAX_OUTPUT, os.SEEK_SET)
                self._line = b""
        while self._fill():
            pass
        return self._split_off(len(self._line))

    def close(self) -> None:
        """Close the descriptor."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        self._ended = True

    def _fill(self) -> bool:
        """Read once. Return True if there was data."""
        if self._ended:
            return False
        try:
            data = os.read(self.descriptor, _READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return False
        self._ended = self.is_pipe and not data
        self._line += data
        return bool(data)

    def _split_off(self, length: int) -> str:
        line, self._line = self._line[:length], self._line[length:]
        return line.decode("utf-8", "backslashreplace")


_QUIT = b'{"execute": "qmp_capabilities"}\n{"execute": "quit"}\n'
_QUESTION = b'{"execute": "query-version", "id": "qmpshell-start"}\n'
_ANSWER = b'"qmpshell-start"'
# Seconds for QEMU to end after `quit`, after SIGTERM (it may have to write to its disks), after
# SIGKILL.
_QUIT_PATIENCE, _TERM_PATIENCE, _KILL_PATIENCE = 1.0, 10.0, 5.0
# The interval of polling for what cannot be waited for, in seconds.
_POLL_INTERVAL = 0.005
# The longest single wait, in seconds: poll accepts no infinite number.
_MAX_POLL = 3600.0
# The same for the processes of others, which takes longer.
_DAEMON_INTERVAL = 0.05
# More than a greeting and a reply, in bytes.
_PEEK_SIZE = 1 << 16
_PR_SET_PDEATHSIG = 1
# Held while descriptors are inheritable, because a QEMU that another thread starts would inherit them.
_STARTING = threading.Lock()


def find_program(name: str, environment: Mapping[str, str]) -> str:
    """Return the file of a program: `name` itself if it contains a slash, else looked up in PATH.

    Raises LaunchError.
    """
    if "/" not in name:
        found = shutil.which(name, path=environment.get("PATH"))
        if found is None:
            here = f"; the one in this directory is ./{name}" if os.path.exists(name) else ""
            raise LaunchError(f"{name}: no such program in PATH{here}")
        return found
    if not os.path.exists(name):
        raise LaunchError(f"{name}: no such file")
    if not os.path.isfile(name) or not os.access(name, os.X_OK):
        raise LaunchError(
            f"{name}: not a program (the first word that is not an option of qmpshell must be one)"
        )
    return name


class Qemu:
    """A QEMU process that was started here.

    `address` is the path of its monitor's socket; `name` is for messages. `monitor` is the argument
    that opens its monitor. If it outlives qmpshell, its output goes to the file `log`, because it must
    not depend on qmpshell. In a loop, wait until `output_descriptor` or `end_descriptor` is readable
    (either may be None), then show `read_output()` and check `poll()`.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        directory: RuntimeDirectory,
        reader: OutputReader | None,
        *,
        name: str,
        monitor: str,
    ) -> None:
        self.pid = process.pid
        self.name = name
        self.address = directory.socket
        self.log = directory.log
        self.end_descriptor: int | None = None
        self._process = process
        self._directory = directory
        self._monitor = monitor
        self._reader = reader
        # Read while waiting for the end, and not returned yet.
        self._unread_output = ""
        with contextlib.suppress(AttributeError, OSError):  # not on every system
            self.end_descriptor = os.pidfd_open(self.pid)

    @property
    def output_descriptor(self) -> int | None:
        """The descriptor that is readable if QEMU has written something.

        None at its end, or if the output goes elsewhere (see `log`).
        """
        if self._reader is None or not self._reader.is_pipe or self._reader.descriptor < 0:
            return None
        return self._reader.descriptor

    def read_output(self) -> str:
        """Return the complete lines that QEMU has written since the last call. Never blocks."""
        text, self._unread_output = self._unread_output, ""
        if self._reader is not None:
            part = self._reader.read()
            if part is None:
                self._reader.close()
            text += part or ""
        return text

    def read_rest(self) -> str:
        """Return the rest of its output after its end."""
        text = self.read_output()
        return text + self._reader.rest() if self._reader is not None else text

    def poll(self) -> int | None:
        """Return None while it runs, then its exit status, or minus the signal number."""
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """Wait for its end at most `seconds`, reading its output. Return the same as `poll`."""
        deadline = time.monotonic() + seconds
        while (status := self.poll()) is None and time.monotonic() < deadline:
            self._wait_for_something(None, deadline)
            if self._reader is not None:
                self._unread_output = self.read_output()
        return status

    def describe_end(self) -> str:
        """Describe how it ended."""
        status = self.poll()
        if status is None:
            return f"{self.name} (pid {self.pid}) is still running"
        if status >= 0:
            return f"{self.name} exited with status {status}"
        try:
            name = f" ({signal.Signals(-status).name})"
        except ValueError:
            name = ""
        return f"{self.name} was killed by signal {-status}{name}"

    def await_start(
        self, stream: Stream, *, ask: bool, patience: float, show: Callable[[str], None]
    ) -> bool:
        """Wait until QEMU's monitor is ready, and `show` its output meanwhile.

        False if it has ended. True also after `patience` seconds, or if it runs and has closed the
        stream; the session then reports that.

        QEMU sends its greeting before it has created its devices, and may still fail. With `ask`, a
        command is sent, which QEMU answers when everything is created: with an error, because
        nothing was negotiated. The negotiation ignores a reply that is not its own. Nothing is read
        from the stream.
        """
        deadline = time.monotonic() + patience
        if ask:
            with contextlib.suppress(ConnectionLost):
                stream.write(_QUESTION)
        expected = _ANSWER if ask else b""
        while True:
            received = _peek(stream)
            serves = bool(received) and expected in (received or b"")
            ended = not serves and self.poll() is not None and not self.find_daemons()
            if ended or received == b"":
                ended = self.wait(_QUIT_PATIENCE) is not None
            text = self.read_rest() if ended else self.read_output()
            if text:
                show(text)
            if ended or serves or received == b"" or time.monotonic() >= deadline:
                return not ended
            # Unread data would end every wait for the stream.
            self._wait_for_something(
                None if received else stream, deadline, is_brief=bool(received)
            )

    def _wait_for_something(
        self, stream: Stream | None, deadline: float, *, is_brief: bool = False
    ) -> None:
        """Wait for output, data or the end; with `is_brief`, only briefly, since one cannot be polled."""
        poll = select.poll()
        others = (self.output_descriptor, self.end_descriptor)
        for descriptor in (stream.fileno() if stream is not None else None, *others):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        left = min(max(0.0, deadline - time.monotonic()), _MAX_POLL)
        if is_brief or self.end_descriptor is None:
            left = min(left, _POLL_INTERVAL)
        poll.poll(left * 1000 + 1)

    def end(self, notice: Callable[[str], None] = lambda _text: None) -> None:
        """End it if it runs, and remove its files. The caller must have closed its streams to it.

        It is asked to quit, then gets SIGTERM, then SIGKILL. `notice` is called if that takes long.
        """
        if self.poll() is None:
            self._ask_to_quit()
        if self.poll() is None:
            notice(f"waiting for {self.name} (pid {self.pid}) to end; Ctrl-C kills it")
            # To the process group, which includes programs that QEMU or its wrapper has started.
            signal_group(self.pid, signal.SIGTERM)
            signal_group(self.pid, signal.SIGCONT)
            self.wait(_TERM_PATIENCE)
        self.kill()

    def find_daemons(self) -> list[int]:
        """Return the processes into which QEMU has put itself in the background (-daemonize)."""
        return self._directory.find_holders(self._monitor) if self.poll() is not None else []

    def _end_daemons(self) -> None:
        for number, patience in (
            (signal.SIGTERM, _TERM_PATIENCE),
            (signal.SIGKILL, _KILL_PATIENCE),
        ):
            for pid in self.find_daemons():
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
            deadline = time.monotonic() + patience
            while self.find_daemons() and time.monotonic() < deadline:
                time.sleep(_DAEMON_INTERVAL)

    def kill(self) -> None:
        """Kill it, and remove its files."""
        if self.poll() is None:
            signal_group(self.pid, signal.SIGKILL)
            self.wait(_KILL_PATIENCE)
        self._end_daemons()
        self._unread_output = self.read_rest()
        self._close()
        self._directory.remove()

    def detach(self) -> None:
        """Let it continue without qmpshell, with its directory."""
        self._process.returncode = 0  # or Python would warn about a process that nobody waits for
        self._close()
        self._directory.release()

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        if self.end_descriptor is not None:
            os.close(self.end_descriptor)
            self.end_descriptor = None

    def _ask_to_quit(self) -> None:
        # SIGTERM ends QEMU as well, but QEMU reports that on stderr.
        try:
            stream = open_stream(UnixAddress(self.address), timeout=_QUIT_PATIENCE)
        except ConnectError:
            return
        with contextlib.suppress(ConnectionLost):
            stream.write(_QUIT)
            self.wait(_QUIT_PATIENCE)
        stream.close()


class ChildServer:
    """The QEMU of one session, which can be started again. Raises LaunchError or CommandLineError.

    `words` are those of `make_command_line`. `program` is QEMU's, `keep` lets it continue when the
    shell exits, `line` is its command line. `latest` is the latest QEMU, or None before the first
    start, which uses `directory`.
    """

    def __init__(
        self, words: Sequence[str], *, environment: Mapping[str, str], keep: bool = False
    ) -> None:
        self.line = make_command_line(
            words,
            named=environment.get("QEMU", ""),
            machine=os.uname().machine,
            find=lambda name: find_program(name, environment),
        )
        self.program = self.line.program
        self.keep = keep
        self.latest: Qemu | None = None
        self._environment = environment
        self.directory = self._make_directory()

    def _make_directory(self) -> RuntimeDirectory:
        runtime = self._environment.get("XDG_RUNTIME_DIR", "")
        return make_runtime_directory(runtime, pid=os.getpid())

    @property
    def process(self) -> Qemu:
        """The current QEMU."""
        assert self.latest is not None
        return self.latest

    def start(self, *, output: int | None = None) -> tuple[Stream, str]:
        """Start QEMU with a monitor, also after its end. Return a stream to it, and its address.

        It has its own process group and no input; if its wrapper closes other descriptors, the
        listening socket is its standard input. Its output goes to the descriptor `output`, or else
        to a pipe. With `keep`, it goes to a file, and QEMU outlives qmpshell. Inherited descriptors
        stay open for it, because its command line may refer to them. Raises LaunchError.
        """
        directory = self.directory if self.latest is None else self._make_directory()
        name = os.path.basename(self.line.program)
        with _STARTING, contextlib.ExitStack() as stack:
            stack.callback(directory.remove)
            try:
                listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                number = listener.fileno()
                listener.bind(directory.socket)
                listener.listen(1)
                # Two of QEMU's threads may accept the same connection: one of them must not wait.
                listener.setblocking(False)
                reader, sink = _open_output(directory, stack, keep=self.keep, output=output)
                # Connected before QEMU exists, and accepted by it when it is ready, so there is no race.
                stream = open_stream(UnixAddress(directory.socket), timeout=_QUIT_PATIENCE)
                stack.callback(stream.close)
                for descriptor in (number, directory.descriptor):
                    os.set_inheritable(descriptor, True)
                inherited = self.line.keeps_descriptors
                process = subprocess.Popen(
                    self.line.command(number),
                    stdin=subprocess.DEVNULL if inherited else number,
                    stdout=sink,
                    stderr=sink,
                    env=self._environment,
                    close_fds=False,
                    process_group=0,
                    preexec_fn=None if self.keep else _death_signal(),
                )
            except OSError as error:
                raise LaunchError(f"{name} cannot be started: {error.strerror or error}") from error
            except ConnectError as error:
                raise LaunchError(f"{name} cannot be started: {error}") from error
            stack.pop_all()
            listener.close()
            if sink != output:
                os.close(sink)
            os.set_inheritable(directory.descriptor, False)
        monitor = self.line.monitor(number)
        self.latest = Qemu(process, directory, reader, name=name, monitor=monitor)
        return stream, directory.socket

    def end_question(self) -> str:
        """Return a sentence that says that QEMU will be ended, or "" if that loses nothing."""
        qemu = self.latest
        if qemu is None or qemu.poll() is not None or self.line.note:
            return ""
        return f"this ends {qemu.name} (pid {qemu.pid})"


def _open_output(
    directory: RuntimeDirectory, stack: contextlib.ExitStack, *, keep: bool, output: int | None
) -> tuple[OutputReader | None, int]:
    """Return the reader of QEMU's output, and the descriptor that QEMU writes to. Raises OSError."""
    if keep:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        sink = os.open(directory.log, flags, 0o600)
        stack.callback(os.close, sink)
        descriptor = os.open(directory.log, os.O_RDONLY | os.O_CLOEXEC)
    elif output is not None:
        return None, output
    else:
        descriptor, sink = os.pipe()
        stack.callback(os.close, sink)
        os.set_blocking(descriptor, False)
    reader = OutputReader(descriptor, is_pipe=not keep)
    stack.callback(reader.close)
    return reader, sink


def _death_signal() -> Callable[[], None] | None:
    """Return a function for the child to get SIGTERM when this process ends, or None.

    SIGTERM, not SIGKILL, so that QEMU can flush its disks.
    """
    # Linux sends it when the thread ends that has started the child.
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # it has ended already
            os._exit(1)

    return ask


def _peek(stream: Stream) -> bytes | None:
    """Return available data without consuming it, None if there is none, b"" at the end."""
    with socket.socket(fileno=os.dup(stream.fileno())) as peeking:
        try:
            return peeking.recv(_PEEK_SIZE, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""
