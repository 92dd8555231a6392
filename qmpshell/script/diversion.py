"""A line's replies, on their way to a file or to a shell command.

Owns: opening, feeding and ending both without blocking. Must not know: what is written, or sessions.
The shell command runs in a process group of its own, and writes to our standard output.
"""

from __future__ import annotations

import os
import signal

from .output import Output, OutputFailed, ReaderGone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..language.command import Destination


# What Python or we have changed, and a child expects as it is by default.
_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM)


class Diversion:
    """`start` opens it, and raises OutputFailed. Then `write`; then `end`, and `flush` whenever a
    descriptor of `waits_for` is ready, until `problem` is no longer None."""

    def __init__(self, destination: Destination, *, environment: Mapping[str, str]) -> None:
        self.destination = destination
        self._environment = environment
        self._output: Output | None = None
        self._descriptor = -1
        self._child: int | None = None
        self._child_descriptor: int | None = None
        self._ending = False
        self._failure = ""
        # What went wrong, empty if nothing did, None as long as it goes on.
        self.problem: str | None = None

    def start(self) -> None:
        try:
            if self.destination.operator == "|":
                self._spawn(self.destination.text)
            else:
                flags = os.O_TRUNC if self.destination.operator == ">" else os.O_APPEND
                self._descriptor = os.open(
                    self.destination.text, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o666
                )
        except OSError as error:
            text = f"{self.destination.text}: {error.strerror}"
            raise OutputFailed(text) from None
        self._output = Output(self._descriptor)

    def _spawn(self, command: str) -> None:
        reader, self._descriptor = os.pipe()
        try:
            self._child = os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", command],
                self._environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, reader, 0)],
                setsigdef=_SIGNALS,
                setpgroup=0,
            )
        finally:
            os.close(reader)
        if hasattr(os, "pidfd_open"):
            self._child_descriptor = os.pidfd_open(self._child)

    @property
    def waits_for(self) -> dict[int, bool]:
        """The descriptors to wait on, and whether it is to be able to write (else to read)."""
        waits: dict[int, bool] = {}
        if self._output is not None and self._output.pending:
            waits[self._descriptor] = True
        elif self._ending and self._child_descriptor is not None:
            waits[self._child_descriptor] = False
        return waits

    @property
    def must_be_polled(self) -> bool:
        """Whether the child's end can only be found out by looking (where there is no pidfd)."""
        return self._ending and self._child is not None and self._child_descriptor is None

    def write(self, data: bytes) -> None:
        if self._output is None:
            return
        try:
            self._output.write(data)
        except ReaderGone:
            self._close()  # it has seen enough, as head has
        except OutputFailed as error:
            self._fail(str(error))

    def end(self) -> None:
        """Nothing more will be written."""
        self._ending = True
        self.flush()

    def flush(self) -> None:
        """Go on as far as it goes."""
        try:
            if self._output is not None:
                self._output.flush()
        except ReaderGone:
            self._close()
        except OutputFailed as error:
            self._fail(str(error))
        if self._ending and (self._output is None or not self._output.pending):
            self._close()
            self._reap()

    def _fail(self, reason: str) -> None:
        self._close()
        if self._child is None:
            self._failure = f"{self.destination.text}: {reason}"

    def _close(self) -> None:
        if self._output is not None:
            self._output = None
            os.close(self._descriptor)

    def _reap(self) -> None:
        if self._child is None:
            self.problem = self._failure
            return
        pid, status = os.waitpid(self._child, os.WNOHANG)
        if pid == 0:
            return
        self._child = None
        if self._child_descriptor is not None:
            os.close(self._child_descriptor)
            self._child_descriptor = None
        code = os.waitstatus_to_exitcode(status)
        if code:
            ended = f"ended with status {code}" if code > 0 else f"ended by signal {-code}"
            self.problem = f"{self.destination.text}: {ended}"
        else:
            self.problem = ""
