"""Tests of a session with random input: it sends each request once and never hangs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from qmpshell.session import (
    CloseRedirect,
    Confirm,
    Connect,
    Effect,
    OpenRedirect,
    ReadSecret,
    Request,
    Send,
    ShowReply,
)
from tests.harness.sessions import GREETING, Driver

CLOSED, OPENING, OPEN = "closed", "opening", "open"
# Templates of lines; each NAME becomes a unique command.
LINES = (
    *("NAME", "NAME", "NAME; NAME", "NAME a=5", '{"execute": "NAME"}', "/oob NAME"),
    *("/connect", "/connect other", "/connect; NAME", "NAME; /connect; NAME"),
    *("NAME > file", "NAME | less", "/last", "/wait STOP; NAME", "/wait -t 1 STOP; NAME"),
    *('{"execute": "quit", "id": "NAME"}; NAME', "NAME password=@?; NAME"),
)


class Session(RuleBasedStateMachine):
    """A session with a server and a user that act in random order."""

    def __init__(self) -> None:
        super().__init__()
        self.driver = Driver(interactive=True, greeted=False)
        self.stream = OPEN
        self.name_count = 0
        self.sent: Counter[str] = Counter()
        self.replied_requests: list[Request] = []
        # The ids of unanswered requests on this connection.
        self.unanswered_ids: list[object] = []
        self.pending_dialogs: list[Confirm | ReadSecret | OpenRedirect] = []
        self.closing: list[CloseRedirect] = []

    def perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data, request=request):
                    assert self.stream == OPEN, data
                    message = json.loads(data)
                    self.unanswered_ids.append(message.get("id"))
                    if request is not None and request.source is not None:
                        name = message.get("execute", message.get("exec-oob"))
                        self.sent[message["id"] if name == "quit" else name] += 1
                        assert max(self.sent.values()) == 1, self.sent
                case ShowReply(request=request, again=False):
                    assert request not in self.replied_requests
                    self.replied_requests.append(request)
                case Connect():
                    self.stream = OPENING
                    self.connecting = effect
                    self.unanswered_ids.clear()
                case Confirm() | ReadSecret():
                    self.pending_dialogs.append(effect)
                case OpenRedirect():
                    self.pending_dialogs.append(effect)
                case CloseRedirect():
                    self.closing.append(effect)

    @initialize()
    def send_first_greeting(self) -> None:
        self.receive(GREETING)

    def receive(self, data: bytes) -> None:
        self.perform(self.driver.session.receive(data, self.driver.now))

    # -- the user ----------------------------------------------------------------------------------

    @precondition(lambda self: not self.pending_dialogs and not self.closing)
    @rule(line=st.sampled_from(LINES))
    def type_a_line(self, line: str) -> None:
        for _ in range(line.count("NAME")):
            self.name_count += 1
            line = line.replace("NAME", f"n{self.name_count}", 1)
        prepared = self.driver.prepare(line)
        self.perform(self.driver.session.submit(prepared, self.driver.now))

    @precondition(lambda self: self.pending_dialogs)
    @rule(yes=st.booleans())
    def answer(self, yes: bool) -> None:
        session, now = self.driver.session, self.driver.now
        match self.pending_dialogs.pop(0):
            case Confirm(request=request) as step if request is not None:
                before = self.sent.total()
                self.perform(session.answer(step, yes, now))
                if yes and self.sent.total() > before:
                    assert self.sent[str(request.user_id)] == 1
            case ReadSecret() as step:
                self.perform(session.answer(step, "hunter2" if yes else None, now))
            case OpenRedirect() as step:
                self.perform(session.answer(step, "" if yes else "no", now))

    @precondition(lambda self: self.closing)
    @rule(problem=st.sampled_from(["", "disk full"]))
    def finish(self, problem: str) -> None:
        step = self.closing.pop(0)
        self.perform(self.driver.session.answer(step, problem, self.driver.now))

    @precondition(lambda self: not self.pending_dialogs)
    @rule()
    def interrupt(self) -> None:
        if self.stream == OPENING:
            self.fail_to_open()
        else:
            self.perform(self.driver.session.abandon(self.driver.now))

    # -- the server --------------------------------------------------------------------------------

    @precondition(lambda self: self.stream == OPENING)
    @rule()
    def open(self) -> None:
        self.stream = OPEN
        self.perform(self.driver.session.connected(self.driver.now, address="somewhere"))

    @precondition(lambda self: self.stream == OPENING)
    @rule()
    def fail_to_open(self) -> None:
        self.stream = CLOSED
        self.perform(self.driver.session.answer(self.connecting, "nobody there", self.driver.now))

    @precondition(lambda self: self.stream == OPEN)
    @rule()
    def greet(self) -> None:
        self.receive(GREETING)

    @precondition(lambda self: self.stream == OPEN)
    @rule(name=st.sampled_from(["STOP", "SHUTDOWN"]))
    def emit(self, name: str) -> None:
        self.receive(json.dumps({"event": name}).encode() + b"\n")

    @precondition(lambda self: self.stream == OPEN and self.unanswered_ids)
    @rule(fails=st.booleans(), place=st.integers(0, 20))
    def reply(self, fails: bool, place: int) -> None:
        marker = self.unanswered_ids.pop(min(place, len(self.unanswered_ids) - 1))
        desc = "The command x has not been found"
        error = {"class": "CommandNotFound", "desc": desc}
        message = {"error": error} if fails else {"return": list[str]()}
        self.receive(json.dumps({**message, "id": marker}).encode() + b"\n")

    @precondition(lambda self: self.stream == OPEN)
    @rule(reason=st.sampled_from(["", "reading failed"]))
    def lose_connection(self, reason: str) -> None:
        self.stream = CLOSED
        self.unanswered_ids.clear()
        if reason:
            self.perform(self.driver.session.connection_lost(reason))
        else:
            self.receive(b"")

    @rule()
    def pass_time(self) -> None:
        self.driver.now += 1.5
        self.perform(self.driver.session.tick(self.driver.now))

    # -- the end of a run --------------------------------------------------------------------------

    def teardown(self) -> None:
        """Assert that a reconnected session sends a new line."""
        self.finish_pending()
        self.type_a_line("/connect")
        self.open()
        self.receive(GREETING)
        self.finish_pending()
        self.type_a_line("NAME")
        assert self.sent[f"n{self.name_count}"] == 1

    def finish_pending(self) -> None:
        for _ in range(1000):
            if self.pending_dialogs:
                self.answer(False)
            elif self.closing:
                self.finish("")
            elif self.stream == OPENING:
                self.fail_to_open()
            elif self.stream == OPEN and self.unanswered_ids:
                self.reply(False, 0)
            elif not self.driver.session.idle and not self.driver.session.lost:
                self.interrupt()
                if not self.driver.session.idle and self.stream == OPEN and not self.unanswered_ids:
                    self.receive(GREETING)
            else:
                return
        raise AssertionError("it never comes to rest")


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=100, stateful_step_count=30)
