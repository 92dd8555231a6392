"""Starts a shell or a script from a parsed command line."""

from __future__ import annotations

import errno
import gc
import os
import re
import stat
import time

from ..errors import ConnectError, QmpShellError
from ..language import INHERITED
from ..record import Record
from ..render import escape_lines
from ..session import LineInput, Ports, ScriptLines, Session
from ..storage import EVENTS_NONE, PRETTY, Output, Settings, write_to_stderr
from ..transport import TcpAddress, connect_with_retries, is_word, parse_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import Any

    from ..language import Redirect
    from ..qemu import ChildServer, PictureDirectory
    from ..session import RawSession
    from ..session.ports import MessageLog
    from ..storage import Configuration, RedirectTarget
    from ..transport import Address, CleanupOnSignal, Listener, Peer, Stream


_DESCRIPTOR_PATH = r"/(?:dev|proc/self)/fd/([0-9]{1,9})"
# How many bytes a shell holds for the reader of its log. A script waits for it instead.
_MAX_LOG_QUEUE = 1 << 24


def make_ports(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    interactive: bool,
    child: ChildServer | None = None,
) -> Ports:
    """Return the session's functions for files. `child` is the server if qmpshell has started it."""
    program = child.program if child is not None else None

    def find_page(name: str, version: tuple[int, ...] | None) -> str | None:
        from ..manual import find_page  # few scripts ask for help

        return find_page(name, version, environment=environment, program=program)

    def read_variable(name: str) -> bytes | None:
        value = environment.get(name)
        return None if value is None else os.fsencode(value)

    def open_log(path: str, timeout: float | None) -> MessageLog:
        from ..storage import Log, LogError, call_in_thread  # few sessions have one

        limit = _MAX_LOG_QUEUE if interactive else None
        name = os.path.expanduser(path)
        try:
            log: MessageLog = call_in_thread(
                lambda: Log(name, clock=time.time, max_pending=limit, waits=not interactive),
                timeout=timeout,
            )
        except OSError as error:
            raise LogError(f"cannot open the log {path}: {error.strerror}") from error
        return log

    def make_directory() -> PictureDirectory:
        from ..qemu import PictureDirectory  # few sessions need it

        return PictureDirectory(environment.get("XDG_RUNTIME_DIR", ""), pid=os.getpid())

    def picture_format() -> str:
        if not interactive or not can_move_cursor(environment):
            return ""
        from ..terminal import picture_format  # few sessions show pictures

        return picture_format(settings, environment)

    return Ports(
        read_variable=read_variable,
        open_file=_open,
        close_file=os.close,
        open_log=open_log,
        find_page=find_page,
        make_directory=make_directory,
        picture_format=picture_format,
        find_peer=_find_peer,
        wake_server=_wake_server,
        child=child,
    )


def _find_peer(text: str) -> Peer | None:
    from ..transport import find_peer  # few servers are silent

    return find_peer(parse_address(text, exists=is_file))


def _wake_server(text: str) -> None:
    from ..transport import wake_server  # few servers are silent

    wake_server(parse_address(text, exists=is_file))


def is_file(path: str) -> bool:
    """Return True if the path exists and is not a directory; it is probably a socket."""
    return os.path.exists(path) and not os.path.isdir(path)


def _open(path: str, operator: str) -> int:
    if operator == INHERITED:
        return _duplicate(int(path))
    path = os.path.expanduser(path)
    number = re.fullmatch(_DESCRIPTOR_PATH, path)
    if number is not None:  # like a system shell: a socket cannot be opened by this path
        return _duplicate(int(number[1]))
    if path == "/dev/stdin":
        return _duplicate(0)
    if stat.S_ISSOCK(os.stat(path).st_mode):
        raise OSError(errno.ENXIO, "a socket cannot be opened; pass an inherited one with <&N")
    # Do not wait for the writer of a pipe, or for a modem.
    mode = os.O_RDWR if operator == "<>" else os.O_RDONLY
    descriptor = _open_file(path, mode | os.O_NONBLOCK | os.O_NOCTTY)
    os.set_blocking(descriptor, True)
    return descriptor


def _duplicate(number: int) -> int:
    """Return a duplicate of a descriptor that qmpshell has inherited. Raises OSError."""
    try:
        if os.get_inheritable(number):
            return os.dup(number)
    except OSError:
        pass
    raise OSError(errno.EBADF, "qmpshell has not inherited this descriptor")


def _open_file(path: str, mode: int) -> int:
    """Open a file that is not a directory. Raises OSError."""
    descriptor = os.open(os.path.expanduser(path), mode | os.O_CLOEXEC)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return descriptor


class UsageError(QmpShellError):
    """The command line cannot be executed as it is."""


def write_error(text: str) -> None:
    """Write a message to stderr, ignoring errors."""
    write_to_stderr(escape_lines(text).encode("utf-8") + b"\n")


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout. Raises OutputClosedError or OutputError."""
    output = Output(1)
    for line in lines:
        output.write(f"{line}\n".encode("utf-8", "backslashreplace"))
    output.drain()


def needs_address(invocation: Invocation, environment: Mapping[str, str]) -> bool:
    """Return True if a user must choose the address: it is neither typed nor in the environment."""
    variable = address_variable(agent=invocation.settings.agent)
    is_known = invocation.address or environment.get(variable) or invocation.listen
    return not is_known and not is_scripted(invocation)


def address_variable(*, agent: bool) -> str:
    """Return the environment variable that contains the default address."""
    return "QGA_CLIENT_ADDRESS" if agent else "QMP_SOCKET"


def old_address(environment: Mapping[str, str], *, agent: bool) -> str | None:
    """Return the address in the variable of the former `qmp` script, if no other variable has one."""
    return None if agent or environment.get("QMP_SOCKET") else environment.get("QMP_PATH")


class Connector:
    """Opens the streams of one session, the first to `text`, or to the address in the environment.

    That is `address`, and `name` is its name in messages.
    With `listen`, the server connects. `configuration` is the settings file if it was read;
    otherwise it is read only if the address may be the name of a target. `captures_stderr` is
    for a command: see `open_exec`. Raises UsageError or AddressError.
    """

    def __init__(
        self,
        text: str | None,
        settings: Settings,
        environment: Mapping[str, str],
        *,
        listen: bool = False,
        configuration: Configuration | None = None,
        captures_stderr: bool = False,
    ) -> None:
        self._settings = settings
        self._captures_stderr = captures_stderr
        self._environment = environment
        self._listen = listen
        self._listener: Listener | None = None
        self._cleanup: CleanupOnSignal | None = None
        self._configuration = configuration
        self._warned: set[Address] = set()
        if settings.tls_hostname and not settings.tls_creds:
            raise UsageError("--tls-hostname needs --tls-creds")
        variable = address_variable(agent=settings.agent)
        text = text or environment.get(variable)
        if not text:
            whose = "agent" if settings.agent else "monitor"
            more = "" if settings.agent else "; 'qmpshell run' starts a QEMU to try"
            raise UsageError(
                f"no ADDRESS: name the {whose}'s socket (after a subcommand with -s),"
                f" or set {variable} (see qmpshell --help){more}"
            )
        self.address, self._hint = self._find(text)
        self.name = str(self.address)
        if settings.tls_creds and not isinstance(self.address, TcpAddress):
            raise UsageError(f"--tls-creds is for TCP, but {self.name} is not a TCP address")

    def open(self) -> Stream:
        """Open the first stream. Raises ConnectError."""
        return self._open(lambda text: write_error(f"qmpshell: {text}"))

    def reconnect(self, text: str | None) -> tuple[Stream, str]:
        """Open a stream to `text`, or with None to the first address. Return it and its name.

        Raises AddressError or ConnectError.
        """
        if text is None:
            return self._open(None), self.name
        address, hint = self._find(text)
        return self._connect(address, hint, None), str(address)

    def _open(self, notice: Callable[[str], None] | None) -> Stream:
        if self._listen:
            return self._accept(notice)
        return self._connect(self.address, self._hint, notice)

    def _accept(self, notice: Callable[[str], None] | None) -> Stream:
        if self._listener is None:
            # Few sessions listen.
            from ..transport import CleanupOnSignal, Listener, hold_signals

            with hold_signals():
                self._listener = listener = Listener(self.address)
                self._cleanup = CleanupOnSignal(lambda _number: listener.close())
        if notice is not None and os.isatty(2) and not self._settings.quiet:
            write_error(f"Waiting for QEMU to connect to {self.name}. Ctrl-C stops waiting.")
        return self._listener.accept(timeout=self._settings.wait, notice=notice)

    def close(self) -> None:
        """Stop listening, and remove the socket's path."""
        if self._listener is not None:
            self._listener.close()
        if self._cleanup is not None:
            self._cleanup.close()

    def _connect(self, address: Address, hint: str, notice: Callable[[str], None] | None) -> Stream:
        wait = self._settings.wait
        if isinstance(address, TcpAddress):
            address = self._secure(address)
        try:
            return connect_with_retries(
                address,
                wait=wait,
                clock=time.monotonic,
                sleep=time.sleep,
                notice=notice,
                captures_stderr=self._captures_stderr,
            )
        except ConnectError as error:
            if not hint:
                raise
            raise ConnectError(f"{error}; {hint}") from error

    def _secure(self, address: TcpAddress) -> Address:
        """Return the address with the credentials, or warn once about clear text."""
        from ..transport import Credentials, is_clear_text, with_credentials  # only for TCP

        directory, name = self._settings.tls_creds, self._settings.tls_hostname
        if directory is not None:
            return with_credentials(address, Credentials(directory, name or ""))
        if is_clear_text(address) and address not in self._warned:
            self._warned.add(address)
            write_error(
                f"qmpshell: warning: {address}: the connection is not encrypted, and whoever can"
                " reach it controls the VM; use --tls-creds, or ssh"
            )
        return address

    def _find(self, text: str) -> tuple[Address, str]:
        """Return the address, and a hint in case nothing is there."""
        if not is_word(text) or is_file(text):
            return parse_address(text, exists=is_file), ""
        from ..storage import read_config  # few scripts need it
        from ..transport import resolve_address, target_hint

        if self._configuration is None:
            self._configuration = read_config(self._environment)
            if text not in self._configuration.targets:
                for problem in self._configuration.problems:
                    write_error(f"qmpshell: {problem}")
        targets = self._configuration.targets
        return resolve_address(text, targets, exists=is_file), target_hint(text, targets)


_READ_SIZE = 1 << 16


class Invocation(Record):
    """A parsed command line: the settings, and what they apply to.

    `commands` are the lines of `-c`, and `command_names` their names in messages, if not `-c#1`;
    `file` is that of `-f`; `address` is as typed; `explicit` are the attributes of settings that
    options have set. `words` are QEMU's command line if QEMU is to be started, and `keep` lets it
    outlive the shell.
    """

    settings: Settings
    address: str | None = None
    commands: Sequence[str] = ()
    command_names: Sequence[str] = ()
    file: str | None = None
    listen: bool = False
    explicit: Collection[str] = ()
    words: Sequence[str] | None = None
    keep: bool = False


def make_invocation(
    options: Mapping[str, Any],
    *,
    address: str | None = None,
    words: Sequence[str] | None = None,
    keep: bool = False,
) -> Invocation:
    """Return the invocation for the options of a session by their names in `cli/options.py`.

    An option that is missing, None or False was not given.
    """
    given = {
        name: value for name, value in options.items() if value is not None and value is not False
    }
    commands, file = given.pop("commands", ()), given.pop("file", None)
    listen = given.pop("listen", False)
    for option, attribute in (("skip_negotiation", "negotiate"), ("no_probe", "probe")):
        if given.pop(option, False):
            given[attribute] = False
    explicit = set(given)
    if "result_only" in given or "json_errors" in given:
        given.setdefault("events", EVENTS_NONE)
        explicit.add("events")  # implied
    return Invocation(
        Settings(**given),
        address=address,
        commands=commands,
        file=file,
        listen=listen,
        explicit=explicit,
        words=words,
        keep=keep,
    )


# The options that scripts use most: the option's name in `cli/options.py`, and the value of a flag.
_FLAGS = {
    "-e": ("stop_on_error", True),
    "-r": ("result_only", True),
    "-p": ("layout", PRETTY),
    "-v": ("verbose", True),
    "-n": ("dry_run", True),
    "-q": ("quiet", True),
}
_COMMAND = "-c"


def parse_common_options(arguments: Sequence[str]) -> Invocation | None:
    """Return the invocation for a command line with at most an ADDRESS and the most common options.

    Return None for any other command line. Importing the option parser takes longer than a short
    script.
    """
    options: dict[str, Any] = {}
    commands: list[str] = []
    address = None
    words = iter(arguments)
    for word in words:
        if word in _FLAGS:
            name, value = _FLAGS[word]
            options[name] = value
        elif word == _COMMAND:
            line = next(words, None)
            if line is None:
                return None
            commands.append(line)
        elif address is not None or not word or word.startswith("-"):
            return None
        else:
            address = word
    return make_invocation({**options, "commands": tuple(commands)}, address=address)


def _nowhere(_text: str | None) -> tuple[Stream, str]:
    raise ConnectError("a dry run without an ADDRESS does not connect")


def start(
    invocation: Invocation,
    *,
    environment: Mapping[str, str],
    child: ChildServer | None = None,
    open_child: Callable[[Session | RawSession, bool], Stream] | None = None,
) -> int:
    """Connect and run. Return the exit status.

    If `child` is the server, `open_child` starts it and connects to it. Its second argument is true
    for a shell.

    Raises QmpShellError, OutputClosedError or OutputError.
    """
    settings = invocation.settings
    if settings.dry_run and not invocation.address:  # never to an address from the environment
        name = "no server"
        session = make_session(settings, name, interactive=False, environment=environment)
        return run_script(invocation, session, environment, name=name)
    configuration = configure(invocation, environment)
    interactive = configuration is not None
    # Beside a prompt, only the shell may write to the terminal.
    captures_stderr = interactive and can_move_cursor(environment) and os.isatty(2)
    connector = Connector(
        invocation.address,
        settings,
        environment,
        listen=invocation.listen,
        configuration=configuration,
        captures_stderr=captures_stderr,
    )
    session = make_session(
        settings, connector.name, interactive=interactive, environment=environment, child=child
    )

    def open_stream() -> Stream:
        return connector.open() if open_child is None else open_child(session, interactive)

    try:
        if not interactive:
            return run_script(
                invocation,
                session,
                environment,
                name=connector.name,
                connect=open_stream,
                reconnect=connector.reconnect,
            )
        stream = open_stream()
        return import_shell(environment)(
            settings,
            session,
            stream,
            address=connector.name,
            connect=connector.reconnect,
            environment=environment,
            child_server=child,
        )
    finally:
        connector.close()


def is_scripted(invocation: Invocation) -> bool:
    """Return True if a script is to be run, because no user is present."""
    if invocation.commands or invocation.file is not None or invocation.settings.dry_run:
        return True
    return not os.isatty(0)


def can_move_cursor(environment: Mapping[str, str], *, descriptor: int = 1) -> bool:
    """Return True if the shell can draw: otherwise it writes line after line."""
    return os.isatty(descriptor) and not _is_dumb(environment)


def _is_dumb(environment: Mapping[str, str]) -> bool:
    """Return True if the terminal can only write line after line."""
    return environment.get("TERM", "") in ("", "dumb", "unknown")


def configure(invocation: Invocation, environment: Mapping[str, str]) -> Configuration | None:
    """Apply the settings file for a session at a terminal, except for what options have set.

    Problems of the file are reported there. Return None for a script, which does not depend on it.
    """
    if is_scripted(invocation):
        return None
    from ..storage import read_config

    configuration = read_config(environment)
    for problem in (*configuration.problems, *configuration.setting_problems):
        write_error(f"qmpshell: {problem}")
    if configuration.values:
        from ..storage import apply_settings

        apply_settings(configuration.values, invocation.settings, explicit=invocation.explicit)
    return configuration


def import_shell(environment: Mapping[str, str]) -> Callable[..., int]:
    """Import what a shell needs, which takes most of its start-up time. Return what runs it."""
    gc.disable()
    from .. import terminal

    run = terminal.run_terminal if can_move_cursor(environment) else terminal.run_plain
    enable_garbage_collection()
    return run


# How many new objects start a collection. A burst of events is fewer, and needs none.
_COLLECTED_TOGETHER = 5_000


def enable_garbage_collection() -> None:
    """Collect garbage from now on, but not among imported objects, which all stay alive."""
    gc.freeze()
    gc.set_threshold(_COLLECTED_TOGETHER)
    gc.enable()


def run_script(
    invocation: Invocation,
    session: Session | RawSession,
    environment: Mapping[str, str],
    *,
    name: str,
    connect: Callable[[], Stream] | None = None,
    reconnect: Callable[[str | None], tuple[Stream, str]] = _nowhere,
) -> int:
    """Run a script on the stream that `connect` opens, or without a server. Return the exit status.

    `name` is the server's name in messages; `reconnect` opens another stream (`ScriptRunner`). Raises
    QmpShellError, OutputClosedError or OutputError.
    """
    from ..script import ScriptRunner, ScriptView  # a shell does not need it

    enable_garbage_collection()
    settings = invocation.settings
    # Whether stdout has colours by default.
    may_colour = os.isatty(1) and not environment.get("NO_COLOR") and not _is_dumb(environment)
    inputs = _inputs(invocation)
    started = time.monotonic()
    stream = connect() if connect is not None else None
    runner = ScriptRunner(
        session,
        stream,
        lines=ScriptLines(inputs, human=settings.hmp, raw=settings.raw),
        output=Output(1),
        make_view=lambda write: ScriptView(
            settings,
            name=f"qmpshell: {name}",
            has_colors=lambda: (
                settings.color == "always" or (settings.color == "auto" and may_colour)
            ),
            pretty=os.isatty(1),
            out=write,
            err=write_error,
        ),
        clock=time.monotonic,
        timeout=settings.timeout,
        make_redirect=lambda redirect: _make_redirect(
            redirect, environment, to_stderr=settings.json_errors
        ),
        connect=reconnect,
    )
    if stream is None:
        assert isinstance(session, Session)
        return runner.run(session.offline())
    give_up_at = None if settings.wait is None else started + settings.wait
    effects = session.connected(
        time.monotonic(),
        give_up_at=give_up_at,
        passes_descriptors=stream.passes_descriptors,
    )
    return runner.run(effects)


def make_session(
    settings: Settings,
    address: str,
    *,
    interactive: bool,
    environment: Mapping[str, str],
    child: ChildServer | None = None,
) -> Session | RawSession:
    """Return the session for the settings. `child` is the server if qmpshell starts it.

    Raises UsageError if its log cannot be opened.
    """
    if settings.raw:
        from ..session import RawSession

        return RawSession(address=address, interactive=interactive)
    ports = make_ports(settings, environment, interactive=interactive, child=child)
    try:
        return Session(
            settings,
            address=address,
            interactive=interactive,
            ports=ports,
            has_live_view=can_move_cursor(environment),
        )
    except QmpShellError as error:
        raise UsageError(str(error)) from error


def _make_redirect(
    redirect: Redirect, environment: Mapping[str, str], *, to_stderr: bool
) -> RedirectTarget:
    from ..storage import RedirectTarget  # few scripts need it

    return RedirectTarget(redirect, environment=environment, to_stderr=to_stderr)


def _inputs(invocation: Invocation) -> list[LineInput]:
    raw, timeout = invocation.settings.raw, invocation.settings.timeout
    if invocation.commands:
        names = invocation.command_names or [
            f"-c#{number}" for number in range(1, len(invocation.commands) + 1)
        ]
        return [
            LineInput(name, data=os.fsencode(line) + b"\n", raw=raw)
            for name, line in zip(names, invocation.commands, strict=True)
        ]
    if invocation.file is None or invocation.file == "-":
        return [_input("stdin", 0, raw=raw, timeout=timeout)]
    from ..storage import call_in_thread  # few scripts are files

    path = invocation.file
    try:
        # The writer of a FIFO may come later.
        descriptor = call_in_thread(
            lambda: _open_file(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), timeout=timeout
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{invocation.file}: {reason}") from error
    return [_input(invocation.file, descriptor, raw=raw, timeout=timeout)]


def _input(name: str, descriptor: int, *, raw: bool, timeout: float | None) -> LineInput:
    def read() -> bytes:
        return os.read(descriptor, _READ_SIZE)

    def read_in_thread() -> bytes:
        from ..storage import call_in_thread  # few scripts are files

        data: bytes = call_in_thread(read, timeout=timeout)
        return data

    is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    return LineInput(
        name, read=read_in_thread if is_regular else read, descriptor=descriptor, raw=raw
    )
