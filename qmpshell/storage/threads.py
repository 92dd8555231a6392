"""Run file operations in threads, because a file system that does not answer blocks them."""

from __future__ import annotations

import _thread
import errno
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue
    from typing import Any

    Task = Callable[[], object]
else:
    from _queue import SimpleQueue  # `queue` imports `threading`, which takes as long as a script

# Seconds in which a call ends if nothing is wrong, so that waiting for it costs no more.
_SHORT = 0.02
# How many bytes are written at once: a slow file system makes progress that can be seen.
_BLOCK = 1 << 16
# Seconds after which a signal is handled that has arrived just before a wait, and so does not end it.
_SIGNAL_DELAY = 0.2
# The main thread handles the signals: it would not notice one that another thread receives.
_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGCHLD,
    signal.SIGWINCH,
    signal.SIGTSTP,
    signal.SIGCONT,
)


def _run_tasks(tasks: SimpleQueue[Task | None]) -> None:
    """Run tasks, one after the other, until one is None."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    while (task := tasks.get()) is not None:
        task()


def _start_thread() -> SimpleQueue[Task | None]:
    """Start a thread that runs tasks. The process can exit while one hangs."""
    tasks: SimpleQueue[Task | None] = SimpleQueue()
    _thread.start_new_thread(_run_tasks, (tasks,))
    return tasks


class BackgroundCall:
    """Runs `call` in a thread. Its descriptor becomes readable when the call has ended.

    `discard` receives the result if the call was closed before. `tasks` is the
    queue of the thread, if it is not a new one, and `pipe` the pipe that its calls share, which the
    caller closes.
    """

    def __init__(
        self,
        call: Callable[[], Any],
        *,
        discard: Callable[[Any], None] | None = None,
        tasks: SimpleQueue[Task | None] | None = None,
        pipe: tuple[int, int] | None = None,
    ) -> None:
        self._call = call
        self._discard = discard
        self._result: Any = None
        self._error: Exception | None = None
        self._is_closed = False
        # Whether `result` can be called.
        self.has_ended = False
        # Created if somebody waits for the descriptor.
        self._pipe = pipe
        self._owns_pipe = False
        self._lock = _thread.allocate_lock()
        self._running = _thread.allocate_lock()
        self._running.acquire()
        if tasks is not None:
            tasks.put(self._run)
        else:
            tasks = _start_thread()
            tasks.put(self._run)
            tasks.put(None)

    def _run(self) -> None:
        try:
            self._result = self._call()
        except Exception as error:
            self._error = error
        with self._lock:
            self.has_ended = True
            if self._pipe is not None:
                os.write(self._pipe[1], b"\0")
            is_closed = self._is_closed
        self._running.release()
        if is_closed:
            self._discard_result()

    def fileno(self) -> int:
        """Return the descriptor."""
        if self._pipe is None:
            with self._lock:
                self._pipe, self._owns_pipe = os.pipe(), True
                if self.has_ended:
                    os.write(self._pipe[1], b"\0")
        return self._pipe[0]

    def wait(self, seconds: float = _SHORT) -> bool:
        """Wait for the end, negative for ever, and handle signals meanwhile. Return `has_ended`."""
        left = seconds
        while not self.has_ended and left:
            step = _SIGNAL_DELAY if left < 0 else min(left, _SIGNAL_DELAY)
            if self._running.acquire(timeout=step):
                self._running.release()
                break
            left = max(left - step, 0.0) if left > 0 else left
        return self.has_ended

    def result(self) -> Any:
        """Return what the call has returned, or raise what it has raised."""
        self._close_pipe()
        if self._error is not None:
            raise self._error
        return self._result

    def close(self) -> None:
        """Discard the result, now or when the call ends."""
        with self._lock:
            self._is_closed = True
            has_ended = self.has_ended
        self._close_pipe()
        if has_ended:
            self._discard_result()

    def _discard_result(self) -> None:
        if self._discard is not None and self._error is None:
            self._discard(self._result)

    def _close_pipe(self) -> None:
        with self._lock:
            pipe, self._pipe = self._pipe, None
            was_written = self.has_ended
        if pipe is not None and self._owns_pipe:
            _close_all(pipe)
        elif pipe is not None and was_written:
            os.read(pipe[0], 1)


def _close_all(descriptors: tuple[int, ...]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def call_in_thread(call: Callable[[], Any], *, timeout: float | None = None) -> Any:
    """Return the result of a call that a signal handler can interrupt. Raises OSError at `timeout`."""
    running = BackgroundCall(call)
    if not running.wait(-1 if timeout is None else timeout):
        running.close()
        raise OSError(errno.ETIMEDOUT, f"the file system did not answer within {timeout:g} s")
    return running.result()


class FileWriter:
    """Writes to a regular file, which `poll` reports as ready even if its file system hangs.

    It writes at most `block` bytes at once. Wait until the descriptor is readable, then call `flush`,
    while data is `pending`. Without `waits`, only the last `flush` waits.
    """

    def __init__(self, descriptor: int, *, block: int = _BLOCK, waits: bool = True) -> None:
        self._descriptor = descriptor
        self._block = block
        self._waits = waits
        # Starting a thread for each write would take much longer than writing.
        self._tasks = _start_thread()
        self._queue: list[bytes] = []
        self._call: BackgroundCall | None = None
        # It stays the same, so that its number stands for this file.
        self._pipe = os.pipe()
        # Set it to close the file after all data.
        self.is_closing = False
        # The number of bytes that are not written yet.
        self.size = 0
        # The number of bytes that are written. The thread changes it.
        self.written = 0

    def fileno(self) -> int:
        """Return the descriptor to wait for while data is pending."""
        return self._pipe[0] if self._call is not None else -1

    @property
    def pending(self) -> bool:
        """Whether data is not written yet, or the file is not closed although `is_closing`."""
        return self._call is not None

    def add(self, data: bytes) -> None:
        """Queue data, for `flush`."""
        self._queue.append(data)
        self.size += len(data)

    def write(self, data: bytes) -> None:
        """Queue data and write it if possible. Raises OSError."""
        self.add(data)
        self.flush()

    def flush(self, *, is_last: bool = False) -> None:
        """Write what can be written within a short time. Raises OSError."""
        if self._call is not None and not self._call.has_ended and not is_last:
            return  # it has had a short time already
        while self._call is not None or self._start():
            call = self._call
            assert call is not None
            if not call.wait(_SHORT if is_last or self._waits else 0):
                return
            self._call = None
            try:
                written = call.result()
            except OSError:
                self._queue.clear()
                self.size = 0
                raise
            self.size -= written

    def _write(self, descriptor: int, data: bytes) -> int:
        """Write all data, and count it meanwhile. Return its size. Raises OSError."""
        rest = memoryview(data)
        for start in range(0, len(data), self._block):
            self.written += write_all(descriptor, rest[start : start + self._block])
        return len(data)

    def _start(self) -> bool:
        """Start the next call. Return False if there is nothing to do."""
        descriptor = self._descriptor
        if self._queue:
            data = b"".join(self._queue)
            self._queue.clear()
            self._run(lambda: self._write(descriptor, data))
        elif self.is_closing and descriptor >= 0:
            self._descriptor = -1
            self._run(lambda: _close(descriptor))
        else:
            return False
        return True

    def _run(self, call: Callable[[], int]) -> None:
        self._call = BackgroundCall(call, tasks=self._tasks, pipe=self._pipe)

    def close(self) -> None:
        """Close the file, whatever was not written, without waiting for long."""
        call, self._call = self._call, None
        descriptor, self._descriptor = self._descriptor, -1
        self._queue.clear()
        if call is not None:
            call.close()
        _close_all(self._pipe)
        if descriptor >= 0:
            BackgroundCall(lambda: _close(descriptor), tasks=self._tasks).wait()
        self._tasks.put(None)


def write_all(descriptor: int, data: bytes | memoryview) -> int:
    """Write all data. Return its size. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    return len(data)


def _close(descriptor: int) -> int:
    """Close a descriptor. Return 0, the number of bytes. Raises OSError."""
    os.close(descriptor)
    return 0
