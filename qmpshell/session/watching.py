"""Shell commands that repeat or follow something: /watch and /jobs, also as live views."""

from __future__ import annotations

from ..errors import LineError
from ..language import Command, RawCommand, ShellCommand
from ..render import WARNING, Lines, escape, fold_lines
from .commands.registry import find_command
from .context import CommandContext
from .effects import PPM, ShowDocument, ShowPicture
from .live_views import JobsWatch, WatchRound
from .requests import make_request
from .steps import MoveBeside, Sleep, WaitFor, WaitStopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from ..language import Token
    from ..render import Block
    from .live_views import ScreenWatch, Watch
    from .requests import Request
    from .steps import Step, Steps

    Watched = Command | RawCommand | ShellCommand | Token


def watch(context: CommandContext, what: Watched, view: Watch) -> Steps:
    """Run a command, the human monitor line in a token, or a shell command repeatedly.

    Raises LineError.
    """
    if isinstance(what, Command):
        context.runner.show_notes(what)
    if context.settings.dry_run:
        yield from _show_requests(context, what)
        return
    is_beside = context.is_beside

    def run() -> Generator[Step, Any, bool]:
        if isinstance(what, ShellCommand):
            return (yield from _show_document(context, what, view, is_beside=is_beside))
        return (yield from _show_reply(context, what, view, is_beside=is_beside))

    yield from _repeat(context, view, run, lambda: _show_watched(context, view))


def _repeat(
    context: CommandContext,
    view: Watch,
    run: Callable[[], Generator[Step, Any, bool]],
    show_last: Callable[[], None],
) -> Steps:
    """Run rounds until the view ends, or one returns False.

    `show_last` prints what a live view has shown, because that disappears.
    """
    is_beside = context.is_beside
    context.start_wait(view)
    if is_beside:
        yield MoveBeside(view)
    try:
        while not view.ended:
            started = context.now
            if not (yield from run()):
                return
            if not view.ended:
                yield from _pause(context, max(started + view.interval, context.now))
    except WaitStopped:
        if is_beside:
            show_last()
            context.show_message(f"no longer watching {escape(view.text)}")
        raise
    if is_beside:
        show_last()


def _show_requests(context: CommandContext, what: Watched) -> Steps:
    """Show what is watched in a dry run."""
    if isinstance(what, ShellCommand):
        yield from _run_shell_command(context, what, None)
    else:
        yield from context.runner.send(context.task, _request(context, what))


def _show_reply(
    context: CommandContext, what: Command | RawCommand | Token, view: Watch, *, is_beside: bool
) -> Generator[Step, Any, bool]:
    """Send what is watched once. Return False without a reply."""
    started, request = context.now, _request(context, what)
    sent = request.as_own() if is_beside else request
    reply = yield from context.runner.send(context.task, sent, is_repeated=view.times > 0)
    if reply is not None:
        view.on_reply(reply, request, elapsed=context.now - started, now=context.now)
    return reply is not None


def _show_document(
    context: CommandContext, call: ShellCommand, view: Watch, *, is_beside: bool
) -> Generator[Step, Any, bool]:
    """Run a view once. Return False if it fails in the first round, or is stopped."""
    started = context.now
    watch_round = WatchRound(view, is_beside=is_beside)
    try:
        yield from _run_shell_command(context, call, watch_round)
    except LineError as error:
        if watch_round.is_first or not is_beside:
            raise
        watch_round.problem = error.sentence
    problem = watch_round.problem
    if watch_round.is_stopped or (problem and watch_round.is_first):
        if problem and is_beside:
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


def _show_watched(context: CommandContext, view: Watch) -> None:
    """Print the last reply or document of a live view."""
    shown = view.shown
    if shown is None:
        return
    if isinstance(shown, ShowDocument):
        # It was visible, so it is not shown in the pager.
        shown = ShowDocument(fold_lines(shown.blocks, context.settings.fold), is_folded=True)
    context.state.outbox.emit(shown)


def watch_pictures(
    context: CommandContext, view: ScreenWatch, read: Callable[[], Generator[Step, Any, bytes]]
) -> Steps:
    """Show the pictures that `read` returns, repeatedly."""
    is_beside = context.is_beside

    def run() -> Generator[Step, Any, bool]:
        picture = ShowPicture((yield from read()), PPM)
        view.on_picture(picture)
        if not is_beside:
            context.state.outbox.emit(picture)
        return True

    def show_last() -> None:
        if view.picture is not None:
            context.state.outbox.emit(view.picture)

    yield from _repeat(context, view, run, show_last)


def watch_jobs(context: CommandContext, deadline: float | None) -> Steps:
    """Follow all jobs until they have ended."""
    if context.settings.dry_run:
        return
    state, is_beside = context.state, context.is_beside
    watch = JobsWatch(
        lambda: state.vm.jobs,
        deadline=deadline,
        can_query=lambda: state.sender.can_query,
        is_beside=is_beside,
        ending=state.vm.ending_jobs,
    )
    context.start_wait(watch)
    if is_beside:
        yield MoveBeside(watch)
    state.vm.follow_jobs(state.events.recent)
    if state.interactive:
        state.vm.jobs.pop_ended()
    try:
        yield WaitFor(watch)
    except WaitStopped as stopped:
        if is_beside and not str(stopped):
            context.show_message("no longer watching the jobs")
        raise
    if watch.failure:
        context.fail(watch.failure)
