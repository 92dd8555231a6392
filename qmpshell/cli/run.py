"""`qmpshell run`: starts QEMU, runs a session with it, and ends QEMU."""

from __future__ import annotations

import os
import signal

from ..errors import CONNECTION, QmpShellError
from ..session import Session
from .launch import Qemu, find_program, start_qemu
from .qemu_args import QemuCommandLine, make_command_line
from .runtime_dir import RuntimeDirectory, make_runtime_directory
from .start import (
    Connector,
    Invocation,
    configure,
    import_terminal,
    is_scripted,
    make_session,
    run_script,
    write_error,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from ..session import RawSession
    from ..transport import Stream


# Seconds until the session starts even if the monitor is not ready. `--wait` changes it.
_START_TIMEOUT = 2.0
# Seconds between the end of the connection and that of QEMU.
_END_TIMEOUT = 1.0


class EarlyExitError(QmpShellError):
    """QEMU has ended before the session could start."""


def run_qemu(invocation: Invocation, *, environment: Mapping[str, str]) -> int:
    """Start QEMU, run the session, end QEMU. Return the exit status. Raises QmpShellError."""
    line = make_command_line(
        invocation.words or (),
        named=environment.get("QEMU", ""),
        machine=os.uname().machine,
        find=lambda name: find_program(name, environment),
    )
    signals = _Signals()
    signals.install()
    directory = make_runtime_directory(environment.get("XDG_RUNTIME_DIR", ""), pid=os.getpid())
    run = _Run(invocation, line, directory, environment=environment, signals=signals)
    try:
        try:
            return run.session()
        finally:
            signals.install()  # the terminal had its own
            run.finish()
    except _SignalReceived as signalled:
        return signalled.status


class _SignalReceived(BaseException):
    """A signal requests the exit. Not an Exception, so that no other code catches it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Signals:
    """Signals that request the exit. They are held at first, and again after one was raised."""

    def __init__(self) -> None:
        self._held = True
        self._pending = 0

    def install(self) -> None:
        """Install the handlers, and hold signals from now on."""
        self._held, self._pending = True, 0
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # ignored under nohup
            numbers.append(signal.SIGHUP)
        for number in numbers:
            signal.signal(number, self._on_signal)

    def hold(self) -> None:
        self._held = True

    def release(self) -> None:
        """Raise _SignalReceived for a signal from now on, or for a held one."""
        self._held = False
        if self._pending:
            self._on_signal(self._pending, None)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._pending = number
        if not self._held:
            self._held = True
            raise _SignalReceived(128 + number)


class _Run:
    """One QEMU and its session: `session`, then `finish` in any case."""

    def __init__(
        self,
        invocation: Invocation,
        line: QemuCommandLine,
        directory: RuntimeDirectory,
        *,
        environment: Mapping[str, str],
        signals: _Signals,
    ) -> None:
        self._invocation = invocation
        self._line = line
        self._directory = directory
        self._environment = environment
        self._signals = signals
        self._qemu: Qemu | None = None
        self._session: Session | RawSession | None = None

    def session(self) -> int:
        """Run the session. Return the exit status. Raises QmpShellError."""
        self._signals.release()
        is_script = is_scripted(self._invocation, self._environment)
        settings, configuration = self._invocation.settings, None
        if not is_script:
            configuration = configure(
                settings, self._environment, explicit=self._invocation.explicit
            )
        address = self._directory.socket
        connector = Connector(address, settings, self._environment, configuration=configuration)
        session = make_session(
            settings,
            address,
            interactive=not is_script,
            environment=self._environment,
            program=self._line.program,
        )
        self._session = session
        return self._script(session, connector) if is_script else self._shell(session, connector)

    def _shell(self, session: Session | RawSession, connector: Connector) -> int:
        stream = self._start(output=None)
        if self._line.note and not self._invocation.settings.quiet:
            write_error(self._line.note)
        import_terminal()
        from ..terminal import run_terminal

        return run_terminal(
            self._invocation.settings,
            session,
            stream,
            address=self._directory.socket,
            connect=connector.reconnect,
            environment=self._environment,
            child_server=self._qemu,
        )

    def _script(self, session: Session | RawSession, connector: Connector) -> int:
        # stdout contains only the server's messages.
        status = run_script(
            self._invocation,
            session,
            self._environment,
            name=self._directory.socket,
            connect=lambda: self._start(output=2),
            reconnect=connector.reconnect,
        )
        qemu = self._qemu
        if status == CONNECTION and qemu is not None and qemu.wait(_END_TIMEOUT) is not None:
            _show(qemu.read_rest())
            write_error(f"qmpshell: {qemu.describe_end()}")
        return status

    def _start(self, *, output: int | None) -> Stream:
        """Start QEMU, and wait until its monitor is ready. Raises LaunchError or EarlyExitError."""
        settings = self._invocation.settings
        self._signals.hold()  # or a QEMU could exist that nothing ends
        qemu, stream = start_qemu(
            self._line,
            self._directory,
            environment=self._environment,
            keep=self._invocation.keep,
            output=output,
        )
        self._qemu = qemu
        patience = _START_TIMEOUT if settings.wait is None else settings.wait
        try:
            self._signals.release()
            # With -N, the user would see the reply to this query.
            ask = settings.negotiate and not settings.raw
            if not qemu.await_start(stream, ask=ask, patience=patience, show=_show):
                raise EarlyExitError(f"{qemu.describe_end()} before the monitor was ready")
        except BaseException:
            stream.close()
            raise
        return stream

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
        except _SignalReceived:
            qemu.kill()
        _show(qemu.read_rest())

    def _show_notice(self, text: str) -> None:
        write_error(f"qmpshell: {text}")
        self._signals.release()


def _show(text: str) -> None:
    """Write QEMU's output to stderr."""
    if text:
        write_error(text.removesuffix("\n"))
