"""What a session asks its server for a person's sake, before a line needs it.

Owns: those questions, and what becomes of the answers. Must not know: when they are asked, what is done
with names and schemas. All of them are asked in the background and hold up nobody.
"""

from __future__ import annotations

from ..effects import Learned
from ..language.facts import SCHEMA, Need
from .knowledge import learn, names_in, returned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..protocol.messages import Reply
    from .core import Session


class Probes:
    """Asks for one session. The answers come as Learned, errors as nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def learn(self, name: str, now: float) -> list[Effect]:
        """Ask for what the command `name` returns."""
        session = self._session
        session.now = now

        def learnt(reply: Reply | None) -> list[Effect]:
            value = returned(reply)
            if name == "query-commands" and value is not None:
                session.names = names_in(value)
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
        if session.can_probe:
            session.machine = Machine(session)
        return []
