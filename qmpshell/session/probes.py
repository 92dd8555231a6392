"""What a session asks its server for a person's sake, before a line needs it.

Owns: those questions, and what becomes of the answers. Must not know: when they are asked, what is done
with names and schemas. All of them are asked in the background and hold up nobody.
"""

from __future__ import annotations

from ..effects import Learned
from ..language.facts import SCHEMA, Need
from .knowledge import agent_version, learn, list_commands, names_in, returned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..effects import Effect
    from ..protocol.messages import Reply
    from .core import Session


class Probes:
    """Asks for one session. The answers come as Learned, errors as nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def learn_commands(self, now: float) -> list[Effect]:
        """Ask for the names of the server's commands; of an agent for its version, too."""
        session = self._session
        name = list_commands(agent=session.settings.agent)

        def learnt(value: object) -> None:
            session.names = names_in(value)
            session.agent_version = agent_version(value)

        return self.learn(name, now, learnt)

    def learn(
        self, name: str, now: float, take: Callable[[object], None] | None = None
    ) -> list[Effect]:
        """Ask for what the command `name` returns; `take` is given it first."""
        session = self._session
        session.now = now

        def learnt(reply: Reply | None) -> list[Effect]:
            value = returned(reply)
            if take is not None and value is not None:
                take(value)
            return [Learned(name, value)] if value is not None else []

        return session.ask(name, {}, learnt, background=True)

    def load_schema(self, now: float) -> list[Effect]:
        """Ask for the schema, unless it is known or cannot be."""
        session = self._session
        session.now = now
        if session.facts.has_schema or not session.can_probe:
            return []

        def loaded(reply: Reply | None) -> list[Effect]:
            value = returned(reply)
            if reply is not None and not session.facts.has_schema:
                learn(session.facts, Need(SCHEMA), value)
            return [Learned("query-qmp-schema", value)] if value is not None else []

        return session.ask("query-qmp-schema", {}, loaded, background=True)

    def watch_machine(self, now: float) -> list[Effect]:
        """From now on follow what the virtual machine of a server that has greeted does, as far as it
        may be asked. The first run state comes as Learned too."""
        from .machine import Machine  # a script has no need of it

        session = self._session
        session.now = now
        if session.can_probe and not session.settings.agent:
            session.machine = Machine(session)
        return []
