"""The options of the command line, declared once.

Owns: names, types and help of the options; completion and `--help` are made from them. Must not know:
what is done with a choice, how words are told apart (`words`).
"""

from __future__ import annotations

from copy import copy
from typing import Any

import click
from click.shell_completion import CompletionItem

from .. import __version__
from ..errors import FAILED, INTERRUPTED, OK, USAGE
from ..storage import COMPACT, PRETTY, Settings, parse_events
from .start import Choice, write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


_FIRST_WORD = f"{__name__}.is_first_word"


class FrontCommand(click.Command):
    """A command whose first word may name another, which then has all that follow.

    `click.Group` takes no argument of its own before the name of a subcommand, and looks for one behind
    the options too.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._subcommands: dict[str, click.Command] = {}

    def add_subcommand(self, command: click.Command) -> None:
        assert command.name is not None
        self._subcommands[command.name] = command

    @property
    def subcommands(self) -> Sequence[str]:
        return tuple(self._subcommands)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if args and args[0] in self._subcommands:
            command = self._subcommands[args[0]]
            return command.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        is_first = not args
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[_FIRST_WORD] = is_first
        return context

    def invoke(self, ctx: click.Context) -> Any:
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        with formatter.section("Subcommands, as the first word (NAME --help says more)"):
            formatter.write_dl(
                [(name, one.get_short_help_str(100)) for name, one in self._subcommands.items()]
            )


class ProgramCommand(click.Command):
    """A command whose options end at the first word that is not one of them: from there on the words
    are a program's, whatever they look like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        count = self._count_ours(ctx, args)
        foreign = args[count + 1 :] if args[count : count + 1] == ["--"] else args[count:]
        return super().parse_args(ctx, [*args[:count], "--", *foreign])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # Behind the first word of the program's, a dash begins an option of the program's.
        return [] if ctx.params.get("words") else super().shell_complete(ctx, incomplete)

    def _count_ours(self, ctx: click.Context, args: Sequence[str]) -> int:
        """How many words at the beginning are options of ours, and their values."""
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
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The subcommands where they may stand; else files."""
    command = context.command
    if isinstance(command, FrontCommand) and context.meta.get(_FIRST_WORD):
        names = [name for name in command.subcommands if name.startswith(incomplete)]
        if names:
            return [CompletionItem(name) for name in names]
    return [CompletionItem(incomplete, type="file")]


def complete_program(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Our options where nothing is typed yet; else files: the program, images."""
    if not incomplete and not context.params.get("words"):
        return context.command.shell_complete(context, "--")
    if incomplete.startswith("-"):
        return []
    return [CompletionItem(incomplete, type="file")]


_EPILOG = """ADDRESS is a path, unix:PATH, unix:NAME,abstract=on, HOST:PORT, [::1]:PORT, tcp:HOST:PORT or
fd:N; QEMU's own strings (unix:vm.sock,server=on,wait=off) are understood; so is the name of a target in
the settings file. Without one, QMP_SOCKET is read from the environment, or with --ga
QGA_CLIENT_ADDRESS.

A line is a command with arguments (block-stream device=drive0 job-id=j0) or a JSON object. Exit status:
0 all well, 1 a command failed, 2 wrong usage, 3 no connection or it was lost, 130 interrupted."""

_RUN_EPILOG = """Only the long options above are the shell's; the first other word, or what stands
behind --, begins QEMU's line. If that word does not begin with - it is the program; else QEMU from the
environment is, or this machine's qemu-system-ARCHITECTURE. Without arguments QEMU gets a small paused
machine with two disks, disk0 and disk1, and two free ports, port0 and port1.

The terminal stays the shell's: -serial pty takes the place of -serial stdio and -nographic."""


def _events(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    mode = parse_events(value) if value is not None else None
    if value is not None and mode is None:
        raise click.BadParameter("inline, stderr, none, or names with wildcards such as JOB_*,STOP")
    return mode


def _seconds(
    context: click.Context, parameter: click.Parameter, value: float | None
) -> float | None:
    if value is not None and not 0 <= value <= 1e9:
        raise click.BadParameter("a number of seconds, not below 0")
    return value


@click.command(
    "qmpshell",
    cls=FrontCommand,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.argument("address", required=False, shell_complete=complete_address)
@click.option(
    "-c", "--command", "commands", metavar="LINE", multiple=True, help="Run LINE; may be repeated."
)
@click.option(
    "-f", "--file", metavar="FILE", type=click.Path(allow_dash=True), help="Run the lines of FILE."
)
@click.option("-e", "--stop-on-error", is_flag=True, help="End a script at its first failure.")
@click.option(
    "-r",
    "--result",
    "result_only",
    is_flag=True,
    help="Print only what commands return; errors go to stderr. Implies --events none.",
)
@click.option(
    "-p", "--pretty", "layout", flag_value=PRETTY, help="Lay out JSON over several lines."
)
@click.option("--compact", "layout", flag_value=COMPACT, help="One line for each message.")
@click.option("-v", "--verbose", is_flag=True, help="Show each command as it is sent.")
@click.option(
    "-n", "--dry-run", is_flag=True, help="Print the JSON that would be sent, and send nothing."
)
@click.option("--raw", is_flag=True, help="Bytes through, nothing read or added.")
@click.option("-H", "--hmp", is_flag=True, help="Speak to the human monitor, through QMP.")
@click.option(
    "-N",
    "--skip-negotiation",
    is_flag=True,
    help="Await no greeting and send no qmp_capabilities.",
)
@click.option(
    "--no-probe",
    is_flag=True,
    help="Send nothing that was not typed: no question for the schema, none for a hint.",
)
@click.option(
    "--ga",
    "agent",
    is_flag=True,
    help="The other end is a guest agent: get into step with it, and take silence for success"
    " where that is its answer.",
)
@click.option("--listen", is_flag=True, help="Wait at ADDRESS for QEMU to connect.")
@click.option(
    "--wait",
    metavar="SECONDS",
    type=float,
    callback=_seconds,
    help="Keep trying until the server is there and has greeted.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=float,
    callback=_seconds,
    help="Give up on a reply after this long.",
)
@click.option(
    "--events",
    metavar="MODE",
    callback=_events,
    help="inline (default), stderr, none, or names with wildcards: JOB_*,STOP.",
)
@click.option(
    "-l",
    "--log",
    metavar="FILE",
    type=click.Path(),
    help="Append every message, with time and direction, as JSON Lines; secrets are left out.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    help="Colour of the output; NO_COLOR is obeyed.",
)
@click.option("-q", "--quiet", is_flag=True, help="No banner.")
@click.version_option(
    __version__, "-V", "--version", prog_name="qmpshell", message="%(prog)s %(version)s"
)
def shell_command(address: str | None, **options: Any) -> Choice:
    """A shell for QMP, the QEMU Machine Protocol; a script runner when stdin is no terminal."""
    listen = options.pop("listen")
    return _choice(options, address=address, listen=listen)


def _choice(
    options: dict[str, Any],
    *,
    address: str | None = None,
    listen: bool = False,
    words: Sequence[str] | None = None,
    keep: bool = False,
) -> Choice:
    """The choice that the options of a session make. Raises click.UsageError."""
    commands, file = options.pop("commands"), options.pop("file")
    if commands and file is not None:
        raise click.UsageError("--command and --file exclude each other.")
    if options["raw"] and options.get("dry_run"):
        raise click.UsageError("--raw and --dry-run exclude each other.")
    modes = [name for name in ("raw", "hmp", "agent") if options.get(name)]
    if len(modes) > 1:
        first, second = ("ga" if name == "agent" else name for name in modes[:2])
        raise click.UsageError(f"--{first} and --{second} exclude each other.")
    negotiate, probe = not options.pop("skip_negotiation"), not options.pop("no_probe")
    given = {name for name, value in options.items() if value is not None and value is not False}
    if options["result_only"]:
        given.add("events")  # which it implies
    options["color"] = options["color"] or "auto"
    return Choice(
        Settings(negotiate=negotiate, probe=probe, **options),
        address=address,
        commands=commands,
        file=file,
        listen=listen,
        given=given,
        words=words,
        keep=keep,
    )


# What a session with a QEMU of its own has no use for.
_NOT_FOR_RUN = ("agent", "dry_run", "listen", "help", "version")


def _shared_options(command: click.Command) -> list[click.Parameter]:
    """The options of another command, by their long names only."""
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
    context_settings={"help_option_names": ["--help"], "max_content_width": 100},
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
@click.option("--keep", is_flag=True, help="Let QEMU go on when the shell is left.")
@click.version_option(
    __version__, "--version", prog_name="qmpshell", message="%(prog)s %(version)s"
)
def run_command(words: Sequence[str], keep: bool, **options: Any) -> Choice:
    """Start QEMU and open the shell on it; QEMU ends with the shell."""
    return _choice(options, words=words, keep=keep)


shell_command.add_subcommand(run_command)


def parse_arguments(arguments: Sequence[str]) -> Choice | int:
    """What the arguments choose, or the exit status where they are wrong or ask only for help."""
    try:
        result = shell_command.main(list(arguments), prog_name="qmpshell", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        result = USAGE
    except click.Abort:
        result = INTERRUPTED
    except OSError as error:
        write_error(f"qmpshell: standard output could not be written: {error.strerror}")
        result = FAILED
    return result if isinstance(result, (Choice, int)) else OK
