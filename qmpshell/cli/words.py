"""Which command and which option a word of the command line belongs to.

Owns: a subcommand is one as the first word only; the options of `run` end at the first word that is
not one of them; what completes a word that is no option. Must not know: which options there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

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
