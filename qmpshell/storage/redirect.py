"""What receives the replies of a line instead of the output: a file, or a system shell command."""

from __future__ import annotations

import os
import signal

from ..errors import OutputClosedError, OutputError
from ..transport import ChildGroup, hold_signals
from .files import open_for_writing
from .output import Output
from .threads import BackgroundCall, FileWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..language import Redirect


# Signals whose handling Python or this program has changed; a child gets the default back.
_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM)


class RedirectTarget:
    """The file or system shell command that receives the replies of a line, in both drivers.

    Call `start` until it returns True, whenever a descriptor of `waits_for` is ready. Then call
    `write`, then `end`, and `flush` for such a descriptor, until `problem` is not None. `stop` ends
    it earlier. With `to_stderr`, the command's output goes to stderr.
    """

    def __init__(
        self, redirect: Redirect, *, environment: Mapping[str, str], to_stderr: bool = False
    ) -> None:
        self.redirect = redirect
        self._environment = environment
        self._to_stderr = to_stderr
        self._call: BackgroundCall | None = None
        self._output: Output | None = None
        # Whether the file has been opened, or the command been started.
        self.is_open = False
        self._child: ChildGroup | None = None
        # How the child has ended.
        self._child_status = 0
        self._ending = False
        self._failure = ""
        # What went wrong, "" on success, None while it runs.
        self.problem: str | None = None

    def start(self) -> bool:
        """Open the file or start the command. Return False if that takes long.

        A FIFO without a reader must be tried again. Raises OutputError.
        """
        try:
            if self.redirect.operator == "|":
                self._output = Output(self._spawn(self.redirect.text))
            else:
                self._output = self._open()
        except OSError as error:
            text = f"{self.redirect.text}: {error.strerror}"
            raise OutputError(text) from None
        self.is_open = self._output is not None
        return self.is_open

    def _open(self) -> Output | None:
        if self._call is None:
            path = os.path.expanduser(self.redirect.text)
            flags = os.O_TRUNC if self.redirect.operator == ">" else os.O_APPEND
            self._call = BackgroundCall(
                lambda: open_for_writing(path, flags), discard=_close_opened
            )
            self._call.wait()
        if not self._call.has_ended:
            return None
        call, self._call = self._call, None
        opened = call.result()
        if opened is None:
            return None
        descriptor, can_poll = opened
        file = None if can_poll else FileWriter(descriptor)
        return Output(descriptor, may_block=False, file=file)

    def _spawn(self, command: str) -> int:
        """Start the command. Return the descriptor that it reads. Raises OSError."""
        reader, writer = os.pipe()
        try:
            with hold_signals() as mask:  # until the command can be ended
                child = os.posix_spawn(
                    "/bin/sh",
                    ["sh", "-c", command],
                    self._environment,
                    file_actions=[
                        (os.POSIX_SPAWN_DUP2, reader, 0),
                        *([(os.POSIX_SPAWN_DUP2, 2, 1)] if self._to_stderr else ()),
                    ],
                    setsigdef=_SIGNALS,
                    setsigmask=mask,
                    setpgroup=0,
                )
                self._child = ChildGroup(child)
        finally:
            os.close(reader)
        return writer

    @property
    def waits_for(self) -> dict[int, bool]:
        """The descriptors to wait for, each True if it must be writable, False if readable."""
        waits: dict[int, bool] = {}
        if self._call is not None:
            waits[self._call.fileno()] = False
        elif self._output is not None and self._output.pending:
            waits = self._output.waits_for
        elif self._ending and self._child is not None and self._child.descriptor is not None:
            waits[self._child.descriptor] = False
        return waits

    @property
    def is_full(self) -> bool:
        """Whether the file or command is so slow that no more should be written."""
        return self._output is not None and self._output.is_full

    @property
    def owns_terminal(self) -> bool:
        """Whether the command owns the terminal of this process."""
        return self._child is not None and self._child.owns_terminal

    @property
    def must_be_polled(self) -> bool:
        """Whether a reader, a stop of the child, or without pidfd its end must be polled for."""
        if self.owns_terminal or not (self.is_open or self._call):
            return True
        return self._ending and self._child is not None and self._child.descriptor is None

    def write(self, data: bytes) -> None:
        """Queue data and write as much as possible."""
        output = self._output
        if output is not None:
            self._attempt(lambda: output.write(data))

    def end(self) -> None:
        """Finish: no more data will be written."""
        self._ending = True
        if self._output is not None:
            self._output.end()
        self.flush()

    def stop(self) -> None:
        """Close the file, whatever it has not accepted, or end the command."""
        if self._call is not None:
            self._call.close()
            self._call = None
        self._close()
        if self._child is not None:
            self._child.end()
            self._on_child_end(0)

    def flush(self) -> None:
        """Write as much as possible and check for the end."""
        if self._output is not None:
            self._attempt(self._output.flush)
        if self.owns_terminal:
            self._poll_child()
        if self._ending and (self._output is None or not self._output.pending):
            self._close()
            self._poll_child()
            if self._child is None:
                self.problem = self._failure or self._child_problem

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OutputClosedError:
            self._close()  # the command has read enough, like head
        except OutputError as error:
            self._close()
            if self._child is None:
                self._failure = f"{self.redirect.text}: {error}"

    def _close(self) -> None:
        output, self._output = self._output, None
        if output is not None:
            output.close()

    def _poll_child(self) -> None:
        """Handle a stop or the end of the child."""
        status = self._child.poll() if self._child is not None else None
        if status is not None:
            self._on_child_end(status)

    def _on_child_end(self, status: int) -> None:
        child, self._child = self._child, None
        if child is not None:
            # Ctrl-C is a usual way to end a command at the terminal.
            is_expected = child.owns_terminal and status == signal.SIGINT
            self._child_status = 0 if is_expected else status
            child.close()

    @property
    def _child_problem(self) -> str:
        code = os.waitstatus_to_exitcode(self._child_status)
        if not code:
            return ""
        ended = f"ended with status {code}" if code > 0 else f"ended by signal {-code}"
        return f"{self.redirect.text}: {ended}"


def _close_opened(opened: tuple[int, bool] | None) -> None:
    """Close what `open_for_writing` has returned."""
    if opened is not None:
        os.close(opened[0])
