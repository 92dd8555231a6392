"""`qmpshell run`: starts QEMU, runs a session with it, and ends QEMU."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import termios

from ..errors import CONNECTION, LaunchError
from ..qemu import (
    Qemu,
    QemuCommandLine,
    RuntimeDirectory,
    find_program,
    make_command_line,
    make_runtime_directory,
    start_qemu,
)
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
    line = make_command_line(
        invocation.words or (),
        named=environment.get("QEMU", ""),
        machine=os.uname().machine,
        find=lambda name: find_program(name, environment),
    )
    signals = Signals()
    signals.install()
    directory = _make_directory(environment)
    run = _Run(invocation, line, directory, environment=environment, signals=signals)
    try:
        try:
            return run.session()
        finally:
            signals.install()  # the terminal had its own
            run.finish()
    except SignalReceived as signalled:
        return signalled.status


def _make_directory(environment: Mapping[str, str]) -> RuntimeDirectory:
    return make_runtime_directory(environment.get("XDG_RUNTIME_DIR", ""), pid=os.getpid())


class _Run:
    """One QEMU and its session: `session`, then `finish` in any case.

    The session and the terminal use it as the child process and the child server. `program` is QEMU's,
    and `keep` lets it continue when the shell exits.
    """

    def __init__(
        self,
        invocation: Invocation,
        line: QemuCommandLine,
        directory: RuntimeDirectory,
        *,
        environment: Mapping[str, str],
        signals: Signals,
    ) -> None:
        self._invocation = invocation
        self._line = line
        self.program = line.program
        self.keep = invocation.keep
        self._directory = directory
        self._environment = environment
        self._signals = signals
        self._qemu: Qemu | None = None
        self._session: Session | RawSession | None = None

    def session(self) -> int:
        """Run the session. Return the exit status. Raises QmpShellError."""
        self._signals.release()
        self._invocation.address = self._directory.socket
        status = start(self._invocation, environment=self._environment, child=self)
        qemu = self._qemu
        if status != CONNECTION or qemu is None or not is_scripted(self._invocation):
            return status
        if qemu.wait(_END_TIMEOUT) is not None:
            _show(qemu.read_rest())
            write_error(f"qmpshell: {qemu.describe_end()}")
        return status

    def open(self, session: Session | RawSession, *, interactive: bool) -> Stream:
        """Start QEMU, and wait until its monitor is ready. Raises LaunchError."""
        self._session = session
        settings = self._invocation.settings
        self._signals.hold()  # or a QEMU could exist that nothing ends
        qemu, stream = start_qemu(
            self._line,
            self._directory,
            environment=self._environment,
            keep=self.keep,
            # The shell shows QEMU's output. The stdout of a script has only the server's messages.
            output=None if interactive and can_move_cursor(self._environment) else 2,
        )
        self._qemu = qemu
        patience = _START_TIMEOUT if settings.wait is None else settings.wait
        # With -N, the user would see the reply to this query.
        ask = settings.negotiate and not settings.raw
        may_prompt = not self._line.keeps_descriptors and os.isatty(0)
        try:
            with _lend_terminal(qemu.pid) if may_prompt else contextlib.nullcontext():
                self._signals.release()
                patience = math.inf if may_prompt else patience
                is_running = qemu.await_start(stream, ask=ask, patience=patience, show=_show)
            if not is_running:
                hint = f"; {self._line.hint}" if self._line.hint else ""
                raise LaunchError(f"{qemu.describe_end()} before the monitor was ready{hint}")
        except BaseException:
            stream.close()
            raise
        if interactive and self._line.note and not settings.quiet:
            write_error(self._line.note)
        return stream

    @property
    def process(self) -> Qemu:
        """The current QEMU."""
        assert self._qemu is not None
        return self._qemu

    def end_question(self) -> str:
        """Return a sentence that says that QEMU will be ended, or "" if that loses nothing."""
        qemu = self._qemu
        if qemu is None or qemu.poll() is not None or self._line.note:
            return ""
        return f"this ends {qemu.name} (pid {qemu.pid})"

    def end(self) -> None:
        """End QEMU."""
        self.process.end()

    def start(self) -> tuple[Stream, str]:
        """Start QEMU again after its end. Return a stream to it, and its address."""
        self._directory = _make_directory(self._environment)
        try:
            self._qemu, stream = start_qemu(
                self._line, self._directory, environment=self._environment, keep=self.keep
            )
        except BaseException:
            self._directory.remove()
            raise
        return stream, self._qemu.address

    def finish(self) -> None:
        """End QEMU or let it continue, and clean up."""
        qemu = self._qemu
        if qemu is None:
            self._directory.remove()
            return
        if isinstance(self._session, Session) and self._session.connection.ended_well:
            qemu.wait(_END_TIMEOUT)  # it is about to end by itself
        daemons = qemu.find_daemons()
        if qemu.keep and (daemons or qemu.poll() is None):
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
