"""What comes from the server, to what is to be done.

Owns: what an event, a reply or a greeting means for the session, and what may have been meant where a
command failed. Must not know: the order of lines, how messages were framed.
"""

from __future__ import annotations

from ..diagnosis import explain_garbage, explain_monitor
from ..effects import ShowEvent, ShowReply, ShowStray, Tell
from ..hints import hint_for, mistaken_name
from ..protocol.human_monitor import chosen_cpu, failed, human_text
from ..protocol.messages import Event, Foreign, Garbage, Greeting, Reply
from .knowledge import list_commands, names_in, returned
from .outstanding import answer_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..protocol.messages import Item
    from ..requests import Request
    from .core import Session


class Incoming:
    """Takes a session's messages one by one, in the order in which they came."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def take(self, item: Item) -> list[Effect]:
        if isinstance(item, Reply):
            return self._reply(item)
        if isinstance(item, Foreign):
            address = self._session.link.address
            if self._session.settings.agent:
                return self._session.ending.give_up(explain_monitor(address))
            return self._session.ending.give_up(explain_garbage(address, item.raw))
        if isinstance(item, Garbage):
            return [ShowStray(item, "unreadable")]
        self._session.logbook.received(item)
        if isinstance(item, Event):
            return self._event(item)
        if isinstance(item, Greeting):
            return self._greeting(item)
        return [ShowStray(item, "not a message of QMP")]

    def _event(self, event: Event) -> list[Effect]:
        if event.name == "SHUTDOWN":
            self._session.link.shutdown_seen = True
        session = self._session
        session.recent.append(event)
        if session.machine is not None:
            session.machine.see(event)
        if not session.waits.see(event):
            session.events.append(event)
        if session.waits.awaited is None and session.waits.panel is None:
            return [ShowEvent(event)]
        return [ShowEvent(event), *session.waits.look()]

    def _greeting(self, greeting: Greeting) -> list[Effect]:
        if not self._session.settings.negotiate:
            return [ShowStray(greeting, "")] if self._session.interactive else []
        if not self._session.link.expects_answer:
            self._session.link.expect_answer(self._session.now)
        effects: list[Effect] = []
        if self._session.can_probe:
            self._session.facts.forget()
            self._session.names = None
        if self._session.queue.needing is not None:  # it is read when the new server can be asked
            self._session.queue.lines.appendleft(self._session.queue.needing)
            self._session.queue.needing = None
        for request in self._session.outstanding.clear():
            if request.source is None:
                effects += answer_own(request, None)
            elif not request.abandoned:
                text = f"the server started anew; the outcome of {request.label} is unknown"
                effects += self._session.failures.at(request.source, request.start, text)
        return effects

    def _reply(self, reply: Reply) -> list[Effect]:
        request = self._session.outstanding.take(reply)
        self._session.logbook.received(reply, request)
        if request is None:
            return [ShowStray(reply, "a reply that nobody asked for")]
        if request.source is None:
            return answer_own(request, reply) if not request.abandoned else []
        elapsed = self._session.now - request.sent_at
        shown = ShowReply(
            reply,
            request,
            late=request.abandoned,
            elapsed=elapsed,
            destination=None if request.abandoned else request.destination,
        )
        self._session.last = shown
        if self._session.machine is not None:
            self._session.machine.see_reply(request, reply)
        return [*self._shown(shown), *answer_own(request, reply)]

    def _shown(self, shown: ShowReply) -> list[Effect]:
        """What a reply to the user means."""
        reply, request = shown.reply, shown.request
        if reply.is_error:
            return [shown, *self._error_reply(reply, request)]
        if request.text is not None and failed(human_text(reply.value.get("return", ""))):
            self._session.failures.mark()
            return [shown, *self._session.failures.stop_on_error()]
        if request.is_quit:
            self._session.link.quit_answered = True
        if request.text is not None:
            chosen = chosen_cpu(request.text)
            self._session.cpu = self._session.cpu if chosen is None else chosen
        return [shown]

    def _error_reply(self, reply: Reply, request: Request) -> list[Effect]:
        refused = request.name == "qmp_capabilities" and reply.error_class == "CommandNotFound"
        if refused and self._session.settings.negotiate:
            text = "qmpshell has negotiated already; with -N (--skip-negotiation) it is yours to do"
            return [Tell(self._session.failures.place(request.source, request.start, text))]
        self._session.failures.mark()
        return [*self._hint(reply, request), *self._session.failures.stop_on_error()]

    def _hint(self, reply: Reply, request: Request) -> list[Effect]:
        """What may have been meant."""
        text = hint_for(reply.desc, None)
        if text:
            return [Tell(self._session.failures.place(request.source, request.start, text))]
        name = mistaken_name(reply, request)
        if not name or (self._session.settings.stop_on_error and not self._session.interactive):
            return []
        if self._session.names is None and self._session.facts.schema is not None:
            self._session.names = self._session.facts.schema.commands()
        if self._session.names is not None or not self._session.can_probe:
            return self._suggest(name, request)

        def answered(found: Reply | None) -> list[Effect]:
            self._session.names = names_in(returned(found))
            return self._suggest(name, request)

        question = list_commands(agent=self._session.settings.agent)
        return self._session.ask(question, {}, answered)

    def _suggest(self, name: str, request: Request) -> list[Effect]:
        from ..commands.registry import COMMANDS

        text = hint_for(name, [*(self._session.names or ()), *COMMANDS])
        return (
            [Tell(self._session.failures.place(request.source, request.start, text))]
            if text
            else []
        )
