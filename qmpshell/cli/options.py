"""The command line options, subcommands and their completion, on click."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from copy import copy
from typing import Any

import click

from .. import __version__
from ..errors import FAILED, INTERRUPTED, OK, PIPE, USAGE
from ..storage import COMPACT, PRETTY, Settings, parse_events
from .start import Connector, Invocation, make_invocation, old_address, write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from click.shell_completion import CompletionItem

    from ..client import Connection

    # Runs a subcommand with the environment, and returns the exit status.
    RunSubcommand = Callable[[Mapping[str, str]], int]


_TLS_OPTIONS = ("tls_creds", "tls_hostname")

# The settings of each command with the options -h and --help.
CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

# The variable with which completion scripts call the program; `cli/main.py` repeats its name.
_COMPLETE = "_QMPSHELL_COMPLETE"
_FIRST_WORD = f"{__name__}.is_first_word"


class OnceCommand(click.Command):
    """A command that rejects an option given twice if only one value would count."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options and arguments. Raises click.UsageError."""
        if not ctx.resilient_parsing:
            self._check_once(ctx, args)
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete options, except where a dash does not start one."""
        arguments = [item for item in self.get_params(ctx) if isinstance(item, click.Argument)]
        if (
            not ctx.allow_interspersed_args
            and arguments
            and ctx.params.get(arguments[0].name or "")
        ):
            return arguments[-1].shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)

    def _check_once(self, ctx: click.Context, args: Sequence[str]) -> None:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for option in order:
            if not isinstance(option, click.Option) or option.multiple or option.is_flag:
                continue
            if order.count(option) > 1:
                long = (name for name in option.opts if name.startswith("--"))
                name = next(long, option.opts[-1])
                raise click.UsageError(f"{name} is given twice, but only one can be used.", ctx)


def _version_option(*names: str) -> Callable[[Any], Any]:
    """Return the decorator that adds the option for the version."""
    return click.version_option(
        __version__, *names, prog_name="qmpshell", message="%(prog)s %(version)s"
    )


def _add_version(command: click.Command) -> None:
    """Add the option --version to a subcommand and to its own subcommands."""
    _version_option("-V", "--version")(command)
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _add_version(child)


# The subcommands with their summaries. Each is `command` in a module, which is `guest` for `ga`.
_SUBCOMMANDS = {
    "run": "Start QEMU and open a shell connected to it.",
    "exec": "Run one command and print its result.",
    "events": "Print events as they arrive.",
    "info": "Describe the machine, or show a view such as block or pci.",
    "qom": "Show and change the objects of QOM, QEMU's object model.",
    "ls": "List the monitors of the QEMU processes on this machine.",
    "ga": "Use the guest agent: files, programs, state and power of a guest.",
}


class FrontCommand(OnceCommand):
    """A command whose first word may be a subcommand, which gets all following words.

    `click.Group` accepts no argument of its own before the name of a subcommand, and searches for
    one after the options too.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.subcommands = tuple(_SUBCOMMANDS)
        self.imported: dict[str, click.Command] = {}

    def find_subcommand(self, name: str) -> click.Command | None:
        """Return the subcommand of that name, or None. It is imported when it is used."""
        if name in _SUBCOMMANDS and name not in self.imported:
            module = "guest" if name == "ga" else name
            command = __import__(f"{__package__}.{module}", fromlist=["command"]).command
            _add_version(command)
            self.imported[name] = command
        return self.imported.get(name)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Return the context of the subcommand that the first word names, or the command's own."""
        command = self.find_subcommand(args[0]) if args else None
        if command is not None:
            return command.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        is_first = not args
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[_FIRST_WORD] = is_first
        return context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options and the ADDRESS. Raises click.UsageError."""
        ctx.allow_extra_args = True
        try:
            extra = super().parse_args(ctx, list(args))
        except click.NoSuchOption:
            self._reject_mistyped(ctx, args[0])  # the option may be that of a subcommand
            raise
        if extra and not ctx.resilient_parsing:
            self._reject_mistyped(ctx, args[0])
            address, command = str(ctx.params.get("address")), shlex.quote(" ".join(extra))
            if os.path.exists(extra[0]) and not os.path.exists(address):
                command = f"{shlex.quote(address)} {shlex.quote(extra[0])}"
            raise click.UsageError(
                f"Unexpected argument {extra[0]!r}: only one ADDRESS is possible, and a command is"
                f" given with -c, as in -c {command}.",
                ctx,
            )
        return extra

    def _reject_mistyped(self, ctx: click.Context, word: str) -> None:
        """Raise click.UsageError if the first word resembles a subcommand."""
        from ..language import suggestion_for  # only after mistakes

        hint = "" if word.startswith("-") else suggestion_for(word, self.subcommands)
        if hint:
            raise click.UsageError(f"{word!r} is not a subcommand: {hint}", ctx)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand or the command."""
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Format the options, followed by the subcommands."""
        super().format_options(ctx, formatter)
        with formatter.section("Subcommands (see qmpshell NAME --help)"):
            formatter.write_dl(list(_SUBCOMMANDS.items()))


class ProgramCommand(OnceCommand):
    """A command whose options end at the first other word; all following words belong to a program."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the leading options. All following words belong to the program."""
        count = self._count_own_options(ctx, args)
        foreign = args[count + 1 :] if args[count : count + 1] == ["--"] else args[count:]
        return super().parse_args(ctx, [*args[:count], "--", *foreign])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete options before the program's first word, else words."""
        # After the program's first word, a dash starts an option of the program.
        return [] if ctx.params.get("words") else super().shell_complete(ctx, incomplete)

    def _count_own_options(self, ctx: click.Context, args: Sequence[str]) -> int:
        """Return how many leading words are qmpshell's options and their values."""
        options = {
            name: parameter
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            for name in parameter.opts
        }
        position = 0
        while position < len(args):
            name, equals, _ = args[position].partition("=")
            option = options.get(name)
            if option is None:
                break
            position += 1 if option.is_flag or equals else 2
        return min(position, len(args))


def complete_address(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete addresses, and subcommands in the first place."""
    from .shell_completion import addresses  # only for completion

    subcommands = tuple(_SUBCOMMANDS) if context.meta.get(_FIRST_WORD) else ()
    return addresses(incomplete, os.environ, subcommands=subcommands)


def complete_program(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete qmpshell's options if nothing is typed yet, else files: the program, images."""
    from click.shell_completion import CompletionItem

    if not incomplete and not context.params.get("words"):
        return context.command.shell_complete(context, "--")
    if incomplete.startswith("-"):
        return []
    return [CompletionItem(incomplete, type="file")]


class FileName(click.Path):
    """A file name, with completion. It is not checked, which could wait for its file system."""

    def convert(self, value: Any, *_arguments: object, **_keywords: object) -> Any:
        """Return the name."""
        return value


def parse_seconds(text: str) -> float:
    """Return the number of seconds that a text denotes. Raises click.BadParameter."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 1e9:
        raise click.BadParameter(f"{text!r} is not a number of seconds.")
    return seconds


def parse_sent(text: str) -> str:
    """Return a word that is sent to the server. Raises click.UsageError if it is not UTF-8."""
    data = os.fsencode(text)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        shown = data.decode("utf-8", "backslashreplace")
        raise click.UsageError(f"'{shown}' is not UTF-8, and cannot be sent.") from None
    return text


_TIMEOUT_HELP = "Stop waiting for a reply after this time."

_EPILOG = """ADDRESS is a path, unix:PATH, unix:NAME,abstract=on, HOST:PORT, [::1]:PORT, tcp:HOST:PORT,
telnet:HOST:PORT, websocket:HOST:PORT, ws://HOST:PORT, wss://HOST:PORT, vsock:CID:PORT, a character device
such as /dev/pts/3, exec:COMMAND or fd:N. QEMU's own strings (unix:vm.sock,server=on,wait=off and socket,path=vm.sock) are
accepted, and so is the name of a target in the settings file. Without one, QMP_SOCKET is read from
the environment, or with --ga QGA_CLIENT_ADDRESS.

A line is a command with arguments (block-stream device=drive0 job-id=j0) or a JSON object. Exit status:
0 success, 1 a command failed, 2 usage error, 3 no connection, connection lost or no reply within
--timeout, 130 interrupted.

\b
qmpshell vm.sock
qmpshell -c query-status vm.sock
printf 'stop\\nquery-status\\n' | qmpshell -r vm.sock | jq .status"""

_RUN_EPILOG = """Only the long options above belong to qmpshell. The first other word, or what follows --,
starts QEMU's command line. If that word does not start with -, it is the program, or a wrapper in
front of it (nice -n 5 qemu-system-x86_64, taskset, env, sudo, gdb --args). Otherwise the program is
$QEMU, or else qemu-system-ARCHITECTURE of this host. Without arguments, QEMU gets a small paused VM
with two disks, disk0 and disk1, and two free ports, port0 and port1.

QEMU cannot use the shell's terminal: use -serial pty instead of -serial stdio and -nographic.

\b
qmpshell run
qmpshell run ./build/qemu-system-x86_64 -M q35 -S
qmpshell run --command query-cpus-fast -M q35"""


def _events(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Any:
    if value is None:
        return None
    try:
        return parse_events(value)
    except ValueError as error:
        possible = "inline, stderr, none, or names with wildcards such as JOB_*,STOP"
        raise click.BadParameter(str(error) or possible) from None


@click.command(
    "qmpshell",
    cls=FrontCommand,
    context_settings=CONTEXT,
    epilog=_EPILOG,
)
@click.argument("address", required=False, shell_complete=complete_address)
@click.option(
    "-c", "--command", "commands", metavar="LINE", multiple=True, help="Run LINE; can be repeated."
)
@click.option("-f", "--file", metavar="FILE", type=FileName(), help="Run the lines of FILE.")
@click.option("-e", "--stop-on-error", is_flag=True, help="End a script at its first failure.")
@click.option(
    "-r",
    "--result",
    "result_only",
    is_flag=True,
    help="Print only what commands return; errors go to stderr. Implies --events none.",
)
@click.option(
    "-p", "--pretty", "layout", flag_value=PRETTY, help="Print JSON on several lines, indented."
)
@click.option("--compact", "layout", flag_value=COMPACT, help="Print each message on one line.")
@click.option("-v", "--verbose", is_flag=True, help="Show each command as it is sent.")
@click.option(
    "-n", "--dry-run", is_flag=True, help="Print the JSON that would be sent, and send nothing."
)
@click.option("--raw", is_flag=True, help="Pass bytes through unchanged.")
@click.option("-H", "--hmp", is_flag=True, help="Use the human monitor through QMP.")
@click.option(
    "-N",
    "--skip-negotiation",
    is_flag=True,
    help="Do not wait for a greeting; send no qmp_capabilities.",
)
@click.option(
    "--no-probe",
    is_flag=True,
    help="Send only what you type: no queries for the schema, completion or hints.",
)
@click.option(
    "--ga",
    "agent",
    is_flag=True,
    help="Use a guest agent instead of QMP: synchronize with it first. No answer is success for"
    " commands that it answers only if they fail.",
)
@click.option("--listen", is_flag=True, help="Wait at ADDRESS for QEMU to connect.")
@click.option(
    "--wait",
    metavar="SECONDS",
    type=parse_seconds,
    help="Retry until the server is available and has sent its greeting.",
)
@click.option(
    "--tls-creds",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Use TLS over TCP, with ca-cert.pem, client-cert.pem and client-key.pem in DIR.",
)
@click.option(
    "--tls-hostname",
    metavar="NAME",
    help="Expect this name in the server's certificate instead of the address's host.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=parse_seconds,
    help=f"{_TIMEOUT_HELP} Also limits /wait and similar commands without -t.",
)
@click.option(
    "--events",
    metavar="MODE",
    callback=_events,
    help="inline (default), stderr, none, or names with wildcards: JOB_*,STOP.",
)
@click.option(
    "--json-errors",
    is_flag=True,
    help="Print exactly one JSON object for each item of an input line, also for an invalid line."
    " Implies --events none.",
)
@click.option(
    "-l",
    "--log",
    metavar="FILE",
    type=FileName(),
    help="Append every message, with time and direction, as JSON Lines, without secrets.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    help="When to use colours; NO_COLOR is respected.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no banner.")
@_version_option("-V", "--version")
def shell_command(address: str | None, **options: Any) -> Invocation:
    """Open a shell for QMP, the QEMU Machine Protocol, or run a script if stdin is not a terminal."""
    _check_options(options)
    return make_invocation(options, address=address)


# Options that exclude each other. `--raw` would ignore the others.
_EXCLUSIVE = (
    ("commands", "file"),
    ("raw", "hmp"),
    ("raw", "agent"),
    ("hmp", "agent"),
    ("raw", "dry_run"),
    ("raw", "json_errors"),
    ("raw", "result_only"),
    ("raw", "events"),
    ("raw", "log"),
    ("result_only", "json_errors"),
)
_OPTION_NAMES = {"commands": "command", "agent": "ga", "result_only": "result"}


def _check_options(options: Mapping[str, Any]) -> None:
    """Raise click.UsageError for options that exclude each other."""
    for names in _EXCLUSIVE:
        if all(options.get(name) not in (None, False, ()) for name in names):
            first, second = (_OPTION_NAMES.get(name, name.replace("_", "-")) for name in names)
            raise click.UsageError(f"--{first} and --{second} are mutually exclusive.")


# Options that make no sense with a QEMU that qmpshell starts.
_NOT_FOR_RUN = ("agent", "dry_run", "listen", "help", "version", *_TLS_OPTIONS)


def connection_options(
    *names: str, aliases: Sequence[str] = ("--path",), limited: str = ""
) -> list[click.Parameter]:
    """Return the options of a subcommand for its connection.

    They are the ADDRESS, whose option has also these `aliases`, and copies of the shell command's
    options: those for every connection, and those with these names. `limited` names what --timeout
    limits besides the wait for a reply.
    """
    agent = ", or with --ga $QGA_CLIENT_ADDRESS" if "agent" in names else ""
    address = click.Option(
        ["socket", "-s", "--socket", *aliases],
        metavar="ADDRESS",
        shell_complete=complete_address,
        help=f"Connect to ADDRESS; the default is $QMP_SOCKET or $QMP_PATH{agent}.",
    )
    names = ("wait", *_TLS_OPTIONS, *names)
    copied = [copy(option) for option in shell_command.params if option.name in names]
    for option in copied:
        if isinstance(option, click.Option) and option.name == "timeout":
            option.help = _TIMEOUT_HELP + (f" Also limits {limited}." if limited else "")
    return [address, *copied]


def open_connection(
    environment: Mapping[str, str], *, socket: str | None, **options: Any
) -> Connection:
    """Return a negotiated connection for the options of a subcommand. Raises QmpShellError."""
    from ..client import Connection, rest_for_greeting  # not for the parsing alone

    started = time.monotonic()
    settings = Settings(**options)
    connector = Connector(socket or old_address(environment, agent=False), settings, environment)
    connection = Connection(connector.open(), address=connector.name, timeout=settings.timeout)
    left = rest_for_greeting(None, settings.wait, started)
    connection.negotiate(left, connector.address)
    return connection


def subcommand(
    name: str, *, params: list[click.Parameter], epilog: str, **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """Return a decorator that makes a subcommand, also with these `params`; `settings` are click's."""
    return click.command(
        name,
        cls=OnceCommand,
        params=params,
        context_settings={**CONTEXT, **settings},
        epilog=epilog,
    )


def _shared_options(command: click.Command) -> list[click.Parameter]:
    """Return the options of another command, with their long names only."""
    shared: list[click.Parameter] = []
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in _NOT_FOR_RUN:
            option = copy(parameter)
            option.opts = [name for name in parameter.opts if name.startswith("--")]
            shared.append(option)
    return shared


@click.command(
    "run",
    cls=ProgramCommand,
    params=_shared_options(shell_command),
    context_settings={**CONTEXT, "help_option_names": ["--help"]},
    epilog=_RUN_EPILOG,
    options_metavar="[--OPTIONS] [--]",
)
@click.argument(
    "words",
    metavar="[PROGRAM] [QEMU'S ARGUMENTS]",
    nargs=-1,
    type=click.UNPROCESSED,
    shell_complete=complete_program,
)
@click.option("--keep", is_flag=True, help="Let QEMU continue after the shell exits.")
@_version_option("--version")
def run_command(words: Sequence[str], keep: bool, **options: Any) -> Invocation:
    """Start QEMU and open a shell connected to it. QEMU ends with the shell."""
    _reject_short_options(words)
    _check_options(options)
    return make_invocation(options, words=words, keep=keep)


def _reject_short_options(words: Sequence[str]) -> None:
    """Raise click.UsageError for a short option of qmpshell where QEMU's arguments start.

    QEMU has no option with such a name.
    """
    word = words[0] if words else ""
    for parameter in shell_command.params:
        long = next((name for name in parameter.opts if name.startswith("--")), "")
        if word in parameter.opts and word != long and parameter.name not in _NOT_FOR_RUN:
            raise click.UsageError(
                f"{word} is not an option of QEMU, and run accepts only the long options of qmpshell: {long}"
            )


shell_command.imported["run"] = run_command


@contextlib.contextmanager
def _opened_stdout() -> Iterator[None]:
    """Replace a missing `sys.stdout`, so that click's output fails. Raises OSError then."""
    if sys.stdout is not None:
        yield
        return
    with (
        open(1, "w", encoding="utf-8", closefd=False) as output,
        contextlib.redirect_stdout(output),
    ):
        yield


def parse_arguments(arguments: Sequence[str]) -> Invocation | RunSubcommand | int:
    """Parse the command line.

    Return the invocation, the function that runs a subcommand, or the exit status for an error or --help.
    """
    if _COMPLETE in os.environ:
        from .shell_completion import register

        register()
    try:
        with _opened_stdout():
            result = shell_command.main(
                list(arguments), prog_name="qmpshell", standalone_mode=False
            )
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        result = USAGE
    except click.Abort:
        result = INTERRUPTED
    except SystemExit:
        # Without completion, click exits only because the reader of stdout has closed it.
        if _COMPLETE in os.environ:
            raise
        result = PIPE
    except OSError as error:
        write_error(f"qmpshell: cannot write to standard output: {error.strerror}")
        result = FAILED
    return result if isinstance(result, (Invocation, int)) or callable(result) else OK
