"""Asking the server for the human monitor's help.

Owns: when it is asked, and that nobody notices. Must not know: what completes with it, screens.
"""

from __future__ import annotations

from ..complete.human_help import read_catalogue
from ..effects import Learned
from ..protocol.human_monitor import human_command
from .knowledge import returned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..effects import Effect
    from ..protocol.messages import Greeting, Reply
    from .core import Session


class CatalogueLoader:
    """Asks each server once, in the background. The answer comes as Learned with a Catalogue; a server
    without a human monitor, such as qemu-storage-daemon, answers with an error, and that is all."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # Whose help was asked for: a server that started anew, or another one, greets anew.
        self._asked: Greeting | None = None

    def load(self, now: float) -> list[Effect]:
        """Ask, if it was not asked yet and may be."""
        session = self._session
        if not session.can_probe or not session.link.is_ready or session.greeting is self._asked:
            return []
        self._asked = session.greeting
        session.now = now
        return self._ask("help", self._took_help)

    def _took_help(self, text: str) -> list[Effect]:
        if not text:
            return []
        return self._ask("help info", lambda info: self._learned(text, info))

    def _learned(self, text: str, info: str) -> list[Effect]:
        catalogue = read_catalogue(text, info)
        return [Learned("human-monitor-command", catalogue)] if catalogue.commands else []

    def _ask(self, line: str, then: Callable[[str], list[Effect]]) -> list[Effect]:
        """Ask for what the human monitor prints of `line`; `then` takes it, or "" for none."""

        def answered(reply: Reply | None) -> list[Effect]:
            text = returned(reply)
            return then(text if isinstance(text, str) else "")

        command = human_command(line, None)
        return self._session.ask(
            command["execute"], command["arguments"], answered, background=True
        )
