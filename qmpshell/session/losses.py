"""The loss of the connection: what is reported, and how lines end."""

from __future__ import annotations

from ..qmp import READY
from .effects import CloseRedirect
from .lines import describe_unsent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .scheduler import Scheduler
    from .state import SessionState


def end_connection(state: SessionState, scheduler: Scheduler, reason: str) -> None:
    """Handle a broken stream. `reason` is "" if the server closed it."""
    connection, lines, table = state.connection, state.lines, state.sender.table
    unsent, wait, request = lines.unsent, lines.awaited, table.oldest_user_request
    is_quitting = connection.ended_well or (request is not None and request.is_silent)
    if state.interactive and request is not None and request.is_quit and not reason:
        # The server has exited before it had sent all replies, such as a long one to completion.
        is_quitting = True
        connection.on_quit()
    ended_well = is_quitting and table.only_quit_awaited and wait is None
    is_early = connection.protocol.state != READY
    connection.end()
    own = [item for item in table.clear() if item.background]
    lines.waiting.clear()
    if is_early:
        more = f"; {describe_unsent(unsent)}" if unsent and state.interactive else ""
        text = f"{connection.explain_early_loss(reason)}{more}{_reconnect_hint(state)}"
        state.failures.report_no_server(text)
        scheduler.interrupt_all()
    elif ended_well and not unsent:
        connection.on_expected_end()
        state.answers.finish_item()
        if state.interactive:
            state.outbox.show("the server has exited")
        scheduler.interrupt_all()
    else:
        text = connection.explain_loss(reason, request, wait)
        if request is not None:
            text = state.place(request, text)
        if unsent:
            text += f"; {_more(unsent) if request is not None else describe_unsent(unsent)}"
        task = lines.current
        if task is not None and isinstance(task.blocked_on, CloseRedirect) and not task.actions:
            state.answers.finish_item()  # only the command that reads its reply still runs
        scheduler.interrupt_all()
        state.failures.report_no_server(f"{text}{_reconnect_hint(state)}")
    for item in own:
        item.answer(None)


def _reconnect_hint(state: SessionState) -> str:
    """Return what the user can do, or "". The end of a child server has its own message."""
    can_reconnect = state.ports.child is None and state.connection.can_reconnect
    return "; /connect reconnects" if state.interactive and can_reconnect else ""


def _more(unsent: int) -> str:
    return "1 more was not sent" if unsent == 1 else f"{unsent} more were not sent"
