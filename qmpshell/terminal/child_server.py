"""A server that qmpshell has started: its output, its end, and the messages about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..session import Session
from ..transport import Stream

if TYPE_CHECKING:
    from typing import Protocol

    from ..qemu import Qemu
    from ..session import RawSession
else:
    Protocol = object  # creating a real one takes time


class ChildServer(Protocol):
    """A server that qmpshell has started."""

    @property
    def process(self) -> Qemu:
        """Its current process."""

    @property
    def keep(self) -> bool:
        """Whether it continues when the shell exits."""

    def end_question(self) -> str:
        """Return a sentence that says that it will be ended, or "" if that loses nothing."""

    def end(self) -> None:
        """End the process, which may take a while."""

    def start(self) -> tuple[Stream, str]:
        """Start a new process. Return a stream to it, and its name. Raises QmpShellError."""


class ChildWatcher:
    """Watches a child server, if there is one.

    `show` receives its output; `ended` is called at its end.
    Call `show_output` on SIGCHLD.
    """

    def __init__(
        self,
        child_server: ChildServer | None,
        *,
        show: Callable[[str], None],
        ended: Callable[[], None],
    ) -> None:
        self._child_server = child_server
        self._show = show
        self._ended = ended
        self._watched: list[int] = []

    def start(self) -> None:
        """Start to watch."""
        if self._child_server is None:
            return
        loop = asyncio.get_running_loop()
        process = self._child_server.process
        for descriptor in (process.output_descriptor, process.end_descriptor):
            if descriptor is not None:
                loop.add_reader(descriptor, self.show_output)
                self._watched.append(descriptor)

    def show_output(self) -> None:
        """Show new output."""
        if self._child_server is None or not self._watched:
            return
        process = self._child_server.process
        if process.poll() is not None:
            self.close()
            self._show_output(process.read_rest())
            self._ended()
            return
        self._show_output(process.read_output())
        loop = asyncio.get_running_loop()
        for descriptor in self._watched[:]:
            if descriptor not in (process.output_descriptor, process.end_descriptor):
                # The server has closed its output, and the descriptor is closed.
                loop.remove_reader(descriptor)
                self._watched.remove(descriptor)

    def close(self) -> None:
        """Stop watching."""
        loop = asyncio.get_running_loop()
        for descriptor in self._watched:
            loop.remove_reader(descriptor)
        self._watched.clear()

    def _show_output(self, text: str) -> None:
        if text:
            self._show(text)


def leave_hint(child_server: ChildServer | None) -> str:
    """Return what Ctrl-D does."""
    hint = "Ctrl-D leaves the shell"
    if child_server is None:
        return hint
    return f"{hint}; QEMU continues" if child_server.keep else f"{hint} and ends QEMU"


def leave_question(child_server: ChildServer | None) -> str:
    """Return the question before Ctrl-D leaves the shell, or "" if it asks nothing."""
    return "" if child_server is None or child_server.keep else child_server.end_question()


def end_message(
    child_server: ChildServer, session: Session | RawSession, address: str
) -> str | None:
    """Return the message about the end of the server: "" if the shell leaves too, after `quit`.

    Return None if the server's last messages are still to be shown. `address` is that of the
    session's server.
    """
    process = child_server.process
    if not session.lost and address == process.address:
        return None
    if not isinstance(session, Session):
        return process.describe_end()
    if session.connection.was_quit and process.poll() == 0:
        return ""
    return f"{process.describe_end()}; /restart starts it again"
