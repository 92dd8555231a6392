"""The shell command /watch, and what a terminal shows of it as the live view."""

from __future__ import annotations

from ...errors import LineError
from ...language import (
    HUMAN,
    OBJECT,
    TEXT,
    VIEWS,
    WORD,
    Command,
    RawCommand,
    ShellCommand,
    Token,
)
from ...render import WARNING, Lines, escape, fold_lines
from ..context import CommandContext, WatchRound
from ..effects import PPM, ShowDocument, ShowPicture, ShowReply
from ..requests import make_request
from ..steps import MoveToBackground, Sleep, WaitStopped
from ..waits import Wait
from .arguments import (
    evaluate_own_command,
    find_command,
    find_mistake,
    number,
    reject_option,
    require_monitor,
    usage_error,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, TypeAlias

    from ...qmp import Reply
    from ...render import Block
    from ..requests import Request
    from ..steps import Step, Steps

    # What can be watched; a token is a line of the human monitor.
    Watched: TypeAlias = Command | RawCommand | ShellCommand | Token


_SCREEN = "/screen"
_INTERVAL = 2.0
_SHORTEST = 0.1
_MARK_TIME = 1.0  # seconds for which a mark stays visible
_MAX_RATED = 1_000_000  # bytes of a reply; comparing a longer one would block the terminal


class Watch(Wait):
    """What is shown of a command that runs every `interval` seconds, `count` times or without end.

    `shown` is the latest reply, or the latest document of a shell command; `before` the one that it
    is compared with. `times` is the number of rounds. A round takes `elapsed` seconds. `is_in_background` is
    true if only the live view shows it.
    """

    def __init__(self, text: str, *, interval: float, count: int | None) -> None:
        super().__init__(f"/watch {text}", None)
        self.text = text
        self.interval = interval
        self.shown: ShowReply | ShowDocument | None = None
        self.before: Reply | ShowDocument | None = None
        self.is_in_background = False
        self.times = 0
        self.elapsed = 0.0
        # The values of this round and of the last one, each with its time, in order.
        self._values: list[tuple[object, float]] = []
        self._last_values: list[tuple[object, float]] = []
        # The result of the latest reply, with rates.
        self.value: object = None
        self._count = count
        self._marked_until = 0.0

    def on_reply(self, reply: Reply, request: Request, *, elapsed: float, now: float) -> None:
        """Handle a reply, and end after the last one."""
        latest = self.shown.reply if isinstance(self.shown, ShowReply) else None
        value = reply.value.get("return")
        is_changed = latest is not None and latest.value.get("return") != value
        self._compare(latest, is_changed=is_changed, now=now)
        self.shown = ShowReply(reply, request, late=False, elapsed=elapsed)
        self.value = value
        if len(reply.raw) <= _MAX_RATED:
            self.value = self.with_rates(value, request.name, now)
        self._end_round(elapsed)
        # The command does not exist, so there is nothing to watch.
        is_unknown = reply.is_error and reply.error_class == "CommandNotFound"
        self.ended |= is_unknown and self.times == 1

    def on_document(self, blocks: list[Block], *, elapsed: float, now: float) -> None:
        """Handle the document of a shell command, and end after the last one."""
        latest = self.shown if isinstance(self.shown, ShowDocument) else None
        is_changed = latest is not None and latest.blocks != blocks
        self._compare(latest, is_changed=is_changed, now=now)
        self.shown = ShowDocument(blocks, is_result=True)
        self._end_round(elapsed)

    def _end_round(self, elapsed: float) -> None:
        self.times += 1
        self.elapsed = elapsed
        self._last_values, self._values = self._values, []
        self.ended = self.times == self._count

    def _compare(
        self, latest: Reply | ShowDocument | None, *, is_changed: bool, now: float
    ) -> None:
        """Keep changes marked for a while, so that they are visible if rounds are short."""
        if is_changed or now >= self._marked_until:
            self.before = latest
        if is_changed:
            self._marked_until = now + _MARK_TIME

    def with_rates(self, value: object, command: str, now: float) -> object:
        """Return the result of a command, with the rates of growing integers since the last round."""
        from ...render.views.numbers import NumberMeanings, with_rates  # few sessions need it

        place = len(self._values)
        self._values.append((value, now))
        if place >= len(self._last_values):
            return value
        before, since = self._last_values[place]
        meanings = NumberMeanings(command)
        return with_rates(before, value, seconds=now - since, meanings=meanings)


class ScreenWatch(Watch):
    """The pictures of the VM's screen, for `/watch /screen`; `picture` is the latest."""

    def __init__(self, text: str, *, interval: float, count: int | None) -> None:
        super().__init__(text, interval=interval, count=count)
        self.picture: ShowPicture | None = None

    def on_picture(self, picture: ShowPicture) -> None:
        """Handle a picture, and end after the last one."""
        self.times += 1
        self.picture = picture
        self.ended = self.times == self._count


def run_watch(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/watch [-n SECONDS] [-c TIMES] COMMAND|/hmp LINE|VIEW`."""
    interval, count, tokens = _watch_options(call)
    if not tokens or tokens[0].kind not in (WORD, OBJECT):
        raise usage_error(call, "the command to watch is missing")
    reject_option(call, tokens[0])
    text = call.line[tokens[0].start : tokens[-1].end]
    if tokens[0].text == _SCREEN:
        pictures = ScreenWatch(_SCREEN, interval=interval, count=count)
        yield from _watch_screen(context, call, tokens, pictures)
        return

    watched = yield from context.evaluated(lambda: _watched(context, call, tokens[0], tokens[1:]))
    if watched is not None:
        yield from _watch(context, watched, Watch(text, interval=interval, count=count))


def _watch_options(call: ShellCommand) -> tuple[float, int | None, list[Token]]:
    """Return interval, count and the other tokens of `/watch`."""
    interval, count, position = _INTERVAL, None, 0
    while True:
        option = call.tokens[position : position + 2]
        if not option or option[0].text not in ("-n", "-c"):
            return interval, count, call.tokens[position:]
        if option[0].text == "-n":
            interval = number(call, option, "seconds")
            if interval < _SHORTEST:
                raise usage_error(call, f"SECONDS must be at least {_SHORTEST:g}", option[1])
        else:
            given = number(call, option, "times")
            if given < 1 or given != int(given):
                raise usage_error(call, "TIMES must be a whole number, at least 1", option[1])
            count = int(given)
        position += 2


def _watched(
    context: CommandContext, call: ShellCommand, first: Token, rest: list[Token]
) -> Watched:
    """Return the command to watch, or the token of a human monitor line."""
    if first.text == HUMAN:
        if not rest or rest[0].kind != TEXT:
            raise usage_error(call, "a human monitor command is missing", first)
        return rest[0]
    if first.text in VIEWS:
        view = ShellCommand(first.text, rest, line=call.line, start=first.start)
        mistake = find_mistake(view)
        if mistake is not None:
            raise mistake
        return view
    if first.text.startswith("/"):
        names = " and ".join((", ".join((HUMAN, *VIEWS)), _SCREEN))
        raise usage_error(call, f"only server commands, {names} can be watched", first)
    if context.settings.hmp:
        return Token(TEXT, call.line[first.start : call.tokens[-1].end], first.start)
    return evaluate_own_command(context, call, first, rest, what="a repeated command")


def _watch(context: CommandContext, what: Watched, view: Watch) -> Steps:
    """Run a command, the human monitor line in a token, or a shell command repeatedly.

    Raises LineError.
    """
    if isinstance(what, Command):
        context.runner.show_notes(what)
    if not context.settings.dry_run:
        yield from _repeat(context, view, lambda: _run_round(context, what, view))
    elif isinstance(what, ShellCommand):
        yield from _run_shell_command(context, what, None)
    else:
        yield from context.runner.send(context.task, _request(context, what))


def _repeat(
    context: CommandContext, view: Watch, run: Callable[[], Generator[Step, Any, bool]]
) -> Steps:
    """Run rounds until the view ends, or one returns False.

    The last round of a live view is printed at the end, because the view disappears.
    """
    context.start_wait(view)
    view.is_in_background = context.is_in_background
    if view.is_in_background:
        yield MoveToBackground(view)
    try:
        while not view.ended:
            started = context.now
            if not (yield from run()):
                return
            if not view.ended:
                yield from _pause(context, max(started + view.interval, context.now))
    except WaitStopped:
        _show_last(context, view)
        if view.is_in_background:
            context.show_message(f"no longer watching {escape(view.text)}")
        raise
    _show_last(context, view)


def _show_last(context: CommandContext, view: Watch) -> None:
    """Print the last round of a live view."""
    shown = view.picture if isinstance(view, ScreenWatch) else view.shown
    if isinstance(shown, ShowDocument):
        # It was visible, so it is not shown in the pager.
        shown = ShowDocument(fold_lines(shown.blocks, context.settings.fold), is_folded=True)
    if shown is not None and view.is_in_background:
        context.state.outbox.emit(shown)


def _run_round(context: CommandContext, what: Watched, view: Watch) -> Generator[Step, Any, bool]:
    """Run what is watched once. Return False if nothing more can be watched, or it is stopped."""
    started = context.now
    if isinstance(what, ShellCommand):
        return (yield from _run_view(context, what, view))
    request = _request(context, what)
    sent = request.as_own() if view.is_in_background else request
    reply = yield from context.runner.send(context.task, sent, is_repeated=view.times > 0)
    if reply is not None:
        view.on_reply(reply, request, elapsed=context.now - started, now=context.now)
    return reply is not None


def _run_view(
    context: CommandContext, call: ShellCommand, view: Watch
) -> Generator[Step, Any, bool]:
    """Run a view once. Return False if it fails in the first round, or is stopped."""
    started, is_first = context.now, not view.times
    watch_round = WatchRound(
        view.with_rates, is_first=is_first, is_in_background=view.is_in_background
    )
    try:
        yield from _run_shell_command(context, call, watch_round)
    except LineError as error:
        if is_first or not view.is_in_background:
            raise
        watch_round.problem = error.sentence
    problem = watch_round.problem
    if watch_round.is_stopped or (problem and is_first):
        if problem and view.is_in_background:
            context.fail(problem)
        return False
    blocks: list[Block] = [Lines([[(WARNING, problem)]])] if problem else watch_round.blocks
    view.on_document(blocks, elapsed=context.now - started, now=context.now)
    return True


def _run_shell_command(
    context: CommandContext, call: ShellCommand, watch_round: WatchRound | None
) -> Steps:
    run = find_command(call.name)
    assert run is not None  # `/watch` has checked that
    own = CommandContext(context.state, context.runner, context.task, call, watch_round=watch_round)
    yield from run(own, call) or ()


def _pause(context: CommandContext, until: float) -> Steps:
    """Wait for the next round.

    A terminal runs a system shell command after its last reply, so each round has its own.
    """
    task, redirect = context.task, context.task.redirect
    if not context.state.interactive or redirect is None or redirect.operator != "|":
        yield Sleep(until)
        return
    yield from context.runner.close_redirect(task)
    yield Sleep(until)
    yield from context.runner.open_redirect(task, redirect)


def _request(context: CommandContext, what: Command | RawCommand | Token) -> Request:
    if isinstance(what, (Command, RawCommand)):
        return make_request(what, context.task.source, context.state.sender.next_id())
    return context.runner.hmp_request(context.task, what.text, what.start)


def _watch_screen(
    context: CommandContext, call: ShellCommand, tokens: list[Token], view: ScreenWatch
) -> Steps:
    """Show pictures of the VM's screen, repeatedly."""
    from .screen import read_picture, screendump  # few sessions need it

    if len(tokens) > 1:
        raise usage_error(call, "a watched screen has no file", tokens[1])
    require_monitor(context, call, "screen")
    if context.settings.dry_run:
        yield from context.runner.run_command(context.task, screendump(call, "picture", PPM))
        return
    if not context.state.ports.picture_format():
        raise usage_error(call, "pictures are shown only in the full shell", tokens[0])
    if context.task.redirect is not None:
        raise usage_error(call, "the pictures cannot be redirected", tokens[0])

    def run() -> Generator[Step, Any, bool]:
        picture = ShowPicture((yield from read_picture(context, call, PPM)), PPM)
        view.on_picture(picture)
        if not view.is_in_background:
            context.state.outbox.emit(picture)
        return True

    yield from _repeat(context, view, run)
