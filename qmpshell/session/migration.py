"""The wait of /wait-migration."""

from __future__ import annotations

from ..render import escape
from .effects import ShowMessage
from .vm import Migration
from .waits import Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..qmp import Event, Reply


# Commands for migrations that wait for the user (migration.json, MigrationStatus).
_MIGRATION_ADVICE = {
    "pre-switchover": "migrate-continue continues it",
    "postcopy-paused": "migrate-recover continues it",
}


class MigrationWait(Wait):
    """Waits for the end of the migration. A migration that was cancelled has failed.

    Without `can_query`, it relies on events, which the server sends with the capability `events`.
    """

    def __init__(self, *, deadline: float | None, can_query: bool = True) -> None:
        super().__init__("the migration", deadline)
        self._can_query = can_query
        self._migration = Migration()
        self._reported = ""

    def on_event(self, event: Event) -> bool:
        """Handle an event, without consuming it."""
        data = event.value.get("data")
        if event.name == "MIGRATION" and not self._can_query:
            self._update(data)
        return False

    def on_answer(self, reply: Reply | None) -> None:
        """Handle a reply to `query-migrate`."""
        if reply is None or self.ended:
            return
        if reply.is_error:
            self.ended = True
            self.failure = f"the server does not report migrations: {escape(reply.desc)}"
            return
        self._update(reply.value.get("return"))

    def _update(self, value: Any) -> None:
        self._migration.update(value)
        status, reason = self._migration.status, ""
        self.ended = not self._migration.is_active
        if isinstance(value, dict) and isinstance(value.get("error-desc"), str):
            reason = f": {escape(value['error-desc'])}"
        if self.ended and status != "completed":
            self.failure = {
                "failed": f"the migration failed{reason}",
                "cancelled": "the migration was cancelled",
            }.get(status, "there is no migration")

    def new_messages(self) -> list[ShowMessage]:
        """Return a message about a migration that waits for the user."""
        status = self._migration.status
        advice = _MIGRATION_ADVICE.get(status, "")
        if not advice or status == self._reported:
            return []
        self._reported = status
        return [ShowMessage(f"the migration is {status}; {advice}")]

    def explain_timeout(self) -> str:
        """Return a message for the case that the deadline has passed."""
        migration = self._migration
        text = super().explain_timeout()
        if not migration.status:
            return text
        text += f": it is {escape(migration.status)}"
        if migration.total > 0:
            text += f", {100 * migration.done // migration.total} %"
        advice = _MIGRATION_ADVICE.get(migration.status, "")
        return f"{text}; {advice}" if advice else text
