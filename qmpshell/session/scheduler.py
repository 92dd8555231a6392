"""Runs lines as generators: which one continues, what its step starts, and what time ends."""

from __future__ import annotations

from functools import partial

from ..errors import ConnectionLost
from ..qmp import SILENT_SUCCESS_DELAY
from .connection import UNCONNECTED
from .effects import CloseRedirect, Confirm, Connect, FileStep, ReadSecret, TryConnect
from .steps import (
    Issue,
    MoveToBackground,
    NextCommand,
    NotConnected,
    Query,
    QueryAll,
    Sleep,
    WaitFor,
    WaitStopped,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .execute import LineRunner
    from .lines import Task
    from .requests import Request
    from .state import SessionState
    from .steps import Step, Steps


# Steps that open a dialog, which holds all lines.
_DIALOGS = (Confirm, ReadSecret)


class Scheduler:
    """Runs the lines of the queue one after the other, and some in the background.

    A line runs until it yields a step, and continues with the answer: of the server, of the driver,
    or of a wait that has ended.
    """

    def __init__(self, state: SessionState, runner: LineRunner) -> None:
        self._state = state
        self._runner = runner
        self._lines = state.lines
        self._table = state.sender.table
        self._connection = state.connection

    def advance(self) -> None:
        """Run lines until something blocks them, and leave if the session ends after them."""
        self.run_lines()
        if self._lines.is_closed and not self._lines and self._table.oldest_user_request is None:
            self._state.exit()

    def run_lines(self) -> None:
        """Run lines until something blocks them."""
        while True:
            task = self._next_task()
            if task is None:
                return
            self.run(task)

    def _next_task(self) -> Task | None:
        """Return the line that continues or starts next: the oldest of those that can."""
        lines, task = self._lines, self._lines.current
        if task is None:
            if lines.waiting and not self._is_held:
                task = lines.start_next()
                task.steps = self._runner.run(task)
        elif task.blocked_on is not None or (task.wait is None and self._is_held):
            task = None
        other = lines.ready_in_background if lines.background else None
        return other if task is None or (other and other.number < task.number) else task

    @property
    def _is_held(self) -> bool:
        """Whether no line may continue, apart from one that waits for the answer to its dialog."""
        if self._table.oldest_blocking is not None:
            return True
        connection = self._connection
        if not connection.is_ready or connection.state == UNCONNECTED:
            return True
        return bool(self._lines.background) and (self.is_in_dialog or self.attempt is not None)

    @property
    def is_in_dialog(self) -> bool:
        """Whether a line waits for the user's answer."""
        return any(isinstance(task.blocked_on, _DIALOGS) for task in self._lines)

    @property
    def attempt(self) -> TryConnect | None:
        """The attempt to reach another server while the connection is kept, or None."""
        for task in self._lines:
            if isinstance(task.blocked_on, TryConnect):
                return task.blocked_on
        return None

    def start_in_background(self, task: Task, steps: Steps) -> None:
        """Run steps that block no other line."""
        task.steps = steps
        self._lines.background.append(task)
        self.run(task)

    def run(self, task: Task) -> None:
        """Run a line to its next step, or to its end."""
        try:
            is_running = task.run()
        except NotConnected as error:
            self._state.drop_lines()
            self._state.failures.report_no_server(str(error))
            return
        except (ConnectionLost, WaitStopped):
            is_running = False
        if not is_running or not self._lines.contains(task):
            task.steps.close()
            self._lines.remove(task)
            return
        assert task.blocked_on is not None
        self._start(task, task.blocked_on)

    def _start(self, task: Task, step: Step) -> None:
        """Start what a line waits for."""
        sender = self._state.sender
        match step:
            case Issue(request=request):
                request.then = partial(task.resume, step)
                sender.transmit(request)
            case Query(name=name, arguments=arguments):
                sender.query(name, arguments, lambda reply: task.resume(step, reply))
            case QueryAll():
                from .pipeline import start_pipeline  # only for views

                start_pipeline(task, step, sender, self._lines)
            case WaitFor():
                self.check_waits()
            case MoveToBackground(view=view):
                self.stop_live_view()
                self._lines.move_to_background(task, view)
                task.resume(step, None)
            case NextCommand():
                task.resume(step, None)
            case Sleep():
                pass
            case _:
                if isinstance(step, FileStep):
                    self._state.files.start(task, step)
                self._state.outbox.emit(step)

    def answer(self, step: Step, answer: object) -> None:
        """Pass the driver's answer to a step to the line that waits for it, if one does."""
        self._state.files.end(step)
        for task in self._lines:
            if task.blocked_on is step:
                if isinstance(step, Confirm) and step.request and not self._connection.is_ready:
                    answer = False
                task.resume(step, answer)
                if self._lines.current is not task or isinstance(step, Connect):
                    self.run(task)

    # -- waits ------------------------------------------------------------------------------------

    def check_waits(self) -> None:
        """Report what is new for waits, run their queries, and let the lines continue."""
        for task in self._lines:
            step = task.blocked_on
            if not isinstance(step, WaitFor):
                continue
            wait = step.wait
            for message in wait.new_messages():
                self._state.outbox.emit(message)
            name = wait.next_query()
            if name is not None:
                task.query = self._state.sender.query(name, {}, wait.on_answer)
            elif wait.ended:
                task.abandon_query()
                task.resume(step, None)

    def stop_live_view(self) -> None:
        """Stop the live view, because the user wants it or another one is shown."""
        task = self._lines.view_task
        if task is not None:
            task.interrupt(WaitStopped())
            self.run(task)

    def interrupt_all(self) -> None:
        """Let each line end, because the connection is lost. It still closes its redirect."""
        for task in self._lines:
            if not isinstance(task.blocked_on, CloseRedirect):
                task.interrupt(ConnectionLost("the connection is lost"))
        self.run_lines()

    # -- time -------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """The time at which something is due, or None."""
        state = self._state
        times = [self._reply_deadline, state.files.deadline, state.vm.deadline]
        if self._lines.has_waits:
            times += self._lines.deadlines
        times += self._connection.deadlines
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> None:
        """Do what is due at `now`."""
        if not self._tick_connection(now):
            return
        self._tick_waits(now)
        self._state.files.on_time(now)
        self.advance()
        self._state.vm.poll()
        request, deadline = self._table.oldest_blocking, self._reply_deadline
        if request is not None and deadline is not None and now >= deadline:
            self._on_timeout(request)
        self.advance()

    def _tick_connection(self, now: float) -> bool:
        """Do what is due for the negotiation. Return False if the connection is given up."""
        state, connection, outbox = self._state, self._connection, self._state.outbox
        if connection.give_up_at is not None and now >= connection.give_up_at:
            state.abandon_connection(connection.explain_giving_up(now))
            return False
        if connection.inspect_at is not None and now >= connection.inspect_at:
            text, is_fatal = connection.inspect()
            if is_fatal:
                state.abandon_connection(text)
                return False
            if text:
                outbox.show(text)
        if connection.silence_at is not None and now >= connection.silence_at:
            text = connection.on_silence(now)
            if text:
                outbox.show(text)
        if connection.again_at is not None and now >= connection.again_at:
            connection.synchronize(now)
            state.sender.send_handshake()
        return True

    def _tick_waits(self, now: float) -> None:
        """End the waits whose deadline has passed, and the sleeps."""
        for task in self._lines:
            wait, step = task.wait, task.blocked_on
            if wait is not None and wait.deadline is not None and now >= wait.deadline:
                task.interrupt(WaitStopped(wait.explain_timeout()))
            elif isinstance(step, Sleep) and now >= step.until:
                task.resume(step, None)
        self.check_waits()

    @property
    def _reply_deadline(self) -> float | None:
        """When the oldest request that blocks the queue has taken too long, or None."""
        request = self._table.oldest_blocking
        if request is None:
            return None
        timeout = self._state.settings.timeout
        if request.is_silent:
            timeout = (
                SILENT_SUCCESS_DELAY if timeout is None else min(timeout, SILENT_SUCCESS_DELAY)
            )
        return None if timeout is None else request.sent_at + timeout

    def _on_timeout(self, request: Request) -> None:
        state, timeout, task = self._state, self._state.settings.timeout, self._lines.current
        if request.is_silent and request.source is not None:
            self._on_silent_success(request)
            return
        is_evaluating = task is not None and task.is_evaluating
        if task is not None and is_evaluating and request.source is None and not state.interactive:
            state.drop_lines()
            text = f"no reply to {request.name} within {timeout:g} s; nothing was sent"
            state.failures.report_no_server(state.failures.place(task.source, 0, text))
            return
        text = f"no reply to {request.label} within {timeout:g} s; its outcome is unknown"
        if request.source is not None:
            if not state.interactive:
                request.abandoned = True
                state.drop_lines()
                state.failures.report_no_server(state.place(request, text))
                return
            state.outbox.show(text, is_error=True)
        request.abandon()

    def _on_silent_success(self, request: Request) -> None:
        """Treat a request without a reply as successful. A later reply is shown as late."""
        self._table.dismiss(request)
        if request.is_quit:
            self._connection.on_quit()
        if self._state.interactive:
            text = f"{request.label} was sent; it is answered only if it fails"
            self._state.outbox.show(text)
        request.answer(None)
