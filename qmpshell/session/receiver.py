"""What the server sends: messages, and what each of them changes."""

from __future__ import annotations

from ..qmp import READY, REFUSED, Event, Greeting, Malformed, NotQmp, Reply
from ..render import escape
from .effects import Ready, ShowEvent, ShowReply, ShowUnexpected
from .lines import Task
from .requests import PreparedLine, is_unanswered_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..qmp import Item
    from .requests import Request
    from .scheduler import Scheduler
    from .state import SessionState


class Receiver:
    """Handles the bytes that the server sends."""

    def __init__(self, state: SessionState, scheduler: Scheduler) -> None:
        self._state = state
        self._scheduler = scheduler
        self._settings = state.settings
        self._connection = state.connection
        self._lines = state.lines
        self._outbox = state.outbox
        self._failures = state.failures

    def receive(self, data: bytes) -> None:
        """Handle the messages in received bytes."""
        protocol, logger = self._connection.protocol, self._state.message_logger
        was_ready = protocol.state == READY
        items = protocol.receive(data)
        own = protocol.pop_handshake_replies()
        for index, item in enumerate(items):
            while own and own[0][0] <= index:
                logger.received(own.pop(0)[1])
            self._on_item(item)
            if self._connection.is_lost:
                return
        for _, reply in own:
            logger.received(reply)
        was_ready = not self._state.sender.send_handshake() and was_ready
        if protocol.state == REFUSED:
            assert protocol.refusal is not None
            desc = escape(protocol.refusal.desc)
            self._state.abandon_connection(
                f"{self._connection.address}: the server refused to negotiate: {desc}"
            )
        elif protocol.state == READY and not was_ready:
            self._connection.end_negotiation()
            self._outbox.emit(Ready())

    def receive_end(self) -> None:
        """Handle what was received before the end of the stream, and is not a complete message."""
        for item in self._connection.protocol.receive_end():
            if isinstance(item, NotQmp):
                self._on_item(item)
                return
            # A server that exits may cut off a long reply that the user has not asked for.
            if not self._state.sender.table.oldest_is_background:
                self._outbox.emit(ShowUnexpected(item, "cut off"))

    def _on_item(self, item: Item) -> None:
        if isinstance(item, Reply):
            self._on_reply(item)
        elif isinstance(item, NotQmp):
            self._state.abandon_connection(self._connection.explain_not_server(item.raw))
        elif isinstance(item, Malformed):
            self._outbox.emit(ShowUnexpected(item, "unreadable"))
        else:
            self._state.message_logger.received(item)
            if isinstance(item, Event):
                self._on_event(item)
            elif isinstance(item, Greeting):
                self._on_greeting(item)
            else:
                self._outbox.emit(ShowUnexpected(item, "not a QMP message"))

    def _on_event(self, event: Event) -> None:
        if event.name == "SHUTDOWN":
            self._connection.on_shutdown(event.value.get("data"))
        self._state.vm.on_event(event)
        wait = self._lines.awaited
        is_consumed = wait is not None and wait.on_event(event)
        self._state.events.add(event, is_consumed=is_consumed)
        self._outbox.emit(ShowEvent(event))
        if self._lines.has_waits:
            self._scheduler.check_waits()

    def _on_greeting(self, greeting: Greeting) -> None:
        connection = self._connection
        if not self._settings.negotiate:
            if self._state.interactive:
                self._outbox.emit(ShowUnexpected(greeting, ""))
            return
        if not connection.expects_answer:
            connection.expect_answer(self._outbox.now)
        if self._state.sender.can_query:
            self._state.server.on_restart()
        self._lines.restart_evaluation()
        for request in self._state.sender.table.clear():
            if request.source is not None and not request.abandoned:
                text = f"the server was restarted; the outcome of {request.label} is unknown"
                self._failures.report(request.source, request.start, text)
            request.answer(None)

    # -- replies ----------------------------------------------------------------------------------

    def _on_reply(self, reply: Reply) -> None:
        request = self._state.sender.table.match(reply)
        self._state.message_logger.received(reply, request)
        if request is None:
            self._outbox.emit(ShowUnexpected(reply, "an unexpected reply"))
            return
        if request.source is not None:
            self._on_user_reply(reply, request)
        if request.source is not None or not request.abandoned:
            request.answer(reply)
        if self._lines.has_waits:
            self._scheduler.check_waits()

    def _on_user_reply(self, reply: Reply, request: Request) -> None:
        """Show the reply to a command that the user has typed, and handle its meaning."""
        is_replaced = self._settings.hmp and reply.is_error and is_unanswered_info(reply, request)
        if is_replaced and not request.abandoned:
            return
        shown = ShowReply(
            reply,
            request,
            late=request.abandoned,
            elapsed=self._outbox.now - request.sent_at,
            redirect=None if request.abandoned else request.redirect,
        )
        self._state.sender.set_last(shown)
        self._state.vm.on_reply(request, reply)
        if reply.is_error or request.abandoned or not request.is_view:
            self._state.answers.add_reply(shown)
        if reply.is_error:
            self._on_error_reply(reply, request)
            return
        if request.text is not None:
            if shown.is_failure:
                self._failures.mark()
                self._failures.stop_on_error()
                return
            from ..qmp import selected_cpu  # few scripts use the human monitor

            self._state.server.select_cpu(selected_cpu(request.text))
        if request.is_quit:
            self._connection.on_quit()

    def _on_error_reply(self, reply: Reply, request: Request) -> None:
        from ..language import error_hint  # few commands fail

        state = self._state
        is_negotiation = request.name == "qmp_capabilities"
        if is_negotiation and reply.error_class == "CommandNotFound" and self._settings.negotiate:
            text = "qmpshell has already negotiated; use -N (--skip-negotiation) to do it yourself"
            self._outbox.show(state.place(request, text))
            return
        self._failures.mark()
        hint = error_hint(reply.desc)
        if hint:
            self._outbox.show(state.place(request, hint))
        else:
            from .hints import hint_steps  # only after errors

            steps = hint_steps(state, reply, request)
            if steps is not None:
                assert request.source is not None
                # The hint is about a command that is done. No line runs before it is shown.
                task = Task(PreparedLine(request.source), number=0)
                self._scheduler.start_beside(task, steps)
                return
        self._failures.stop_on_error()
