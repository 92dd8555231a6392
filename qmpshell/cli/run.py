"""`qmpshell run`: starts QEMU, runs a session with it, and ends QEMU."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import termios

from ..errors import CONNECTION, LaunchError
from ..qemu import ChildServer
from ..session import Session
from ..transport import set_foreground, signal_group
from .signals import SignalReceived, Signals
from .start import Invocation, can_move_cursor, is_scripted, start, write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..session import RawSession
    from ..transport import Stream


# Seconds until the session starts even if the monitor is not ready. `--wait` changes it.
_START_TIMEOUT = 2.0
# Seconds between the end of the connection and that of QEMU.
_END_TIMEOUT = 1.0


def run_qemu(invocation: Invocation, *, environment: Mapping[str, str]) -> int:
    """Start QEMU, run the session, end QEMU. Return the exit status. Raises QmpShellError."""
    signals = Signals()
    signals.install()
    child = ChildServer(invocation.words or (), environment=environment, keep=invocation.keep)
    run = _Run(invocation, child, environment=environment, signals=signals)
    try:
        try:
            return run.session()
        finally:
            signals.install()  # the terminal had its own
            run.finish()
    except SignalReceived as signalled:
        return signalled.status


class _Run:
    """One QEMU and its session: `session`, then `finish` in any case."""

    def __init__(
        self,
        invocation: Invocation,
        child: ChildServer,
        *,
        environment: Mapping[str, str],
        signals: Signals,
    ) -> None:
        self._invocation = invocation
        self._child = child
        self._environment = environment
        self._signals = signals
        self._session: Session | RawSession | None = None

    def session(self) -> int:
        """Run the session. Return the exit status. Raises QmpShellError."""
        self._signals.release()
        self._invocation.address = self._child.directory.socket
        status = start(
            self._invocation,
            environment=self._environment,
            child=self._child,
            open_child=self._open,
        )
        qemu = self._child.latest
        if status != CONNECTION or qemu is None or not is_scripted(self._invocation):
            return status
        if qemu.wait(_END_TIMEOUT) is not None:
            _show(qemu.read_rest())
            write_error(f"qmpshell: {qemu.describe_end()}")
        return status

    def _open(self, session: Session | RawSession, interactive: bool) -> Stream:
        """Start QEMU, and wait until its monitor is ready. Raises LaunchError."""
        self._session = session
        settings = self._invocation.settings
        self._signals.hold()  # or a QEMU could exist that nothing ends
        line = self._child.line
        # The shell shows QEMU's output. The stdout of a script has only the server's messages.
        shows_output = interactive and can_move_cursor(self._environment)
        stream, _ = self._child.start(output=None if shows_output else 2)
        qemu = self._child.process
        patience = _START_TIMEOUT if settings.wait is None else settings.wait
        # With -N, the user would see the reply to this query.
        ask = settings.negotiate and not settings.raw
        may_prompt = not line.keeps_descriptors and os.isatty(0)
        try:
            with _lend_terminal(qemu.pid) if may_prompt else contextlib.nullcontext():
                self._signals.release()
                patience = math.inf if may_prompt else patience
                is_running = qemu.await_start(stream, ask=ask, patience=patience, show=_show)
            if not is_running:
                hint = f"; {line.hint}" if line.hint else ""
                raise LaunchError(f"{qemu.describe_end()} before the monitor was ready{hint}")
        except BaseException:
            stream.close()
            raise
        if interactive and line.note and not settings.quiet:
            write_error(line.note)
        return stream

    def finish(self) -> None:
        """End QEMU or let it continue, and clean up."""
        qemu = self._child.latest
        if qemu is None:
            self._child.directory.remove()
            return
        if isinstance(self._session, Session) and self._session.connection.ended_well:
            qemu.wait(_END_TIMEOUT)  # it is about to end by itself
        daemons = qemu.find_daemons()
        if self._child.keep and (daemons or qemu.poll() is None):
            qemu.detach()
            pid = daemons[0] if daemons else qemu.pid
            write_error(
                f"{qemu.name} (pid {pid}) continues; qmpshell {qemu.address} reconnects;"
                f" its output is in {qemu.log}"
            )
            return
        if daemons:
            write_error(
                f"qmpshell: {qemu.name} has put itself in the background (-daemonize); it ends now"
                " (--keep would let it continue)"
            )
        try:
            qemu.end(self._show_notice)
        except SignalReceived:
            qemu.kill()
        _show(qemu.read_rest())

    def _show_notice(self, text: str) -> None:
        write_error(f"qmpshell: {text}")
        self._signals.release()


@contextlib.contextmanager
def _lend_terminal(group: int) -> Iterator[None]:
    """Let a process group read from the terminal: sudo may ask for a password.

    The terminal's modes are restored, because sudo sets raw mode for as long as its program runs.
    """
    modes = termios.tcgetattr(0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    set_foreground(0, group)
    signal_group(group, signal.SIGCONT)  # if it has tried to read already
    try:
        yield
    finally:
        set_foreground(0, os.getpgrp())
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSADRAIN, modes)
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)


def _show(text: str) -> None:
    """Write QEMU's output to stderr."""
    if text:
        write_error(text.removesuffix("\n"))
