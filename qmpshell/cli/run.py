"""`qmpshell run`: a session on a QEMU of its own.

Owns: the order of things from the directory to the last message, and signals meanwhile, so that
nothing is left behind. Must not know: how options are spelled, how QEMU is started or its line read
(`tools`).
"""

from __future__ import annotations

import os
import signal

from ..errors import CONNECTION, QmpShellError
from ..session import Session
from .launch import Qemu, find_program, start_qemu
from .qemu_args import QemuLine, read_line
from .runtime_dir import PrivateDirectory, make_private_directory
from .start import (
    Choice,
    Connector,
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


# Seconds until a QEMU that does not serve its monitor is the session's matter; `--wait` changes it.
_START_PATIENCE = 2.0
# Seconds between the end of its connection and that of QEMU.
_END_PATIENCE = 1.0


class EndedEarly(QmpShellError):
    """QEMU has ended before a session could begin."""


def run_qemu(choice: Choice, *, environment: Mapping[str, str]) -> int:
    """Start QEMU, run the session, end QEMU; the exit status. Raises QmpShellError."""
    line = read_line(
        choice.words or (),
        named=environment.get("QEMU", ""),
        machine=os.uname().machine,
        find=lambda name: find_program(name, environment),
    )
    signals = _Signals()
    signals.install()
    directory = make_private_directory(environment.get("XDG_RUNTIME_DIR", ""), pid=os.getpid())
    run = _Run(choice, line, directory, environment=environment, signals=signals)
    try:
        try:
            return run.session()
        finally:
            signals.install()  # the terminal had its own
            run.finish()
    except _Signalled as signalled:
        return signalled.status


class _Signalled(BaseException):
    """A signal asks us to leave. Not an Exception: nobody else is to catch it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Signals:
    """What asks us to leave. It is held at first, and again once it was raised."""

    def __init__(self) -> None:
        self._held = True
        self._pending = 0

    def install(self) -> None:
        """Take the signals over, and hold what comes from now on."""
        self._held, self._pending = True, 0
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
            numbers.append(signal.SIGHUP)
        for number in numbers:
            signal.signal(number, self._take)

    def hold(self) -> None:
        self._held = True

    def release(self) -> None:
        """Raise _Signalled where a signal comes, or has come."""
        self._held = False
        if self._pending:
            self._take(self._pending, None)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._pending = number
        if not self._held:
            self._held = True
            raise _Signalled(128 + number)


class _Run:
    """One QEMU and the session on it: `session`, then `finish`, whatever happened."""

    def __init__(
        self,
        choice: Choice,
        line: QemuLine,
        directory: PrivateDirectory,
        *,
        environment: Mapping[str, str],
        signals: _Signals,
    ) -> None:
        self._choice = choice
        self._line = line
        self._directory = directory
        self._environment = environment
        self._signals = signals
        self._qemu: Qemu | None = None
        self._session: Session | RawSession | None = None

    def session(self) -> int:
        """The exit status. Raises QmpShellError."""
        self._signals.release()
        is_script = is_scripted(self._choice, self._environment)
        settings, configuration = self._choice.settings, None
        if not is_script:
            configuration = configure(settings, self._environment, given=self._choice.given)
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
        if self._line.note and not self._choice.settings.quiet:
            write_error(self._line.note)
        import_terminal()
        from ..terminal import run_terminal

        return run_terminal(
            self._choice.settings,
            session,
            stream,
            address=self._directory.socket,
            connect=connector.again,
            environment=self._environment,
            companion=self._qemu,
        )

    def _script(self, session: Session | RawSession, connector: Connector) -> int:
        # Standard output has the server's messages and nothing else.
        status = run_script(
            self._choice,
            session,
            self._environment,
            name=self._directory.socket,
            connect=lambda: self._start(output=2),
            again=connector.again,
        )
        qemu = self._qemu
        if status == CONNECTION and qemu is not None and qemu.wait(_END_PATIENCE) is not None:
            _show(qemu.rest_of_output())
            write_error(f"qmpshell: {qemu.describe_end()}")
        return status

    def _start(self, *, output: int | None) -> Stream:
        """Start QEMU, and wait until it serves its monitor. Raises LaunchError and EndedEarly."""
        settings = self._choice.settings
        self._signals.hold()  # or a QEMU could be there that nobody knows of
        qemu, stream = start_qemu(
            self._line,
            self._directory,
            environment=self._environment,
            keep=self._choice.keep,
            output=output,
        )
        self._qemu = qemu
        patience = _START_PATIENCE if settings.wait is None else settings.wait
        try:
            self._signals.release()
            # Where the user negotiates, nobody leaves out the answer to a question of ours.
            ask = settings.negotiate and not settings.raw
            if not qemu.await_start(stream, ask=ask, patience=patience, show=_show):
                raise EndedEarly(f"{qemu.describe_end()} before it could be spoken to")
        except BaseException:
            stream.close()
            raise
        return stream

    def finish(self) -> None:
        """End QEMU or let it go on, and leave nothing else behind."""
        qemu = self._qemu
        if qemu is None:
            self._directory.remove()
            return
        if isinstance(self._session, Session) and self._session.link.ended_well:
            qemu.wait(_END_PATIENCE)  # it is about to end by itself
        if qemu.keep and qemu.poll() is None:
            qemu.let_go()
            write_error(
                f"{qemu.name} (pid {qemu.pid}) goes on; qmpshell {qemu.address} comes back to it;"
                f" its output is in {qemu.log}"
            )
            return
        try:
            qemu.end(self._notice)
        except _Signalled:
            qemu.kill()
        _show(qemu.rest_of_output())

    def _notice(self, text: str) -> None:
        write_error(f"qmpshell: {text}")
        self._signals.release()


def _show(text: str) -> None:
    """What QEMU has written, at its place."""
    if text:
        write_error(text.removesuffix("\n"))
