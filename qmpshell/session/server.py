"""What is known of the server: its types, the names of its commands, and an agent's version."""

from __future__ import annotations

from ..language import (
    MISSING_DRIVER,
    MISSING_FILE,
    MISSING_OBJECT,
    MISSING_SCHEMA,
    Introspection,
    Missing,
    MissingError,
    PropertyType,
)
from ..qmp import as_text, expand_driver_alias
from .steps import Query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, TypeVar

    from ..complete import HmpCatalogue
    from ..qmp import Reply
    from .steps import Step

    T = TypeVar("T")


class ServerInfo:
    """Information about the current server.

    `names` are its commands, or None. `agent_version` is the version of a guest agent, or "". `cpu`
    is the CPU that the human monitor uses. `notes` are those that were shown already. `files` are
    those that were read for the current line, or the errors.
    """

    def __init__(self, *, read_variable: Callable[[str], bytes | None], can_ask: bool) -> None:
        self.introspection = Introspection(
            read_file=self._read_file, read_variable=read_variable, can_ask=can_ask
        )
        self.files: dict[str, bytes | OSError] = {}
        self.names: list[str] | None = None
        # The commands of the human monitor, if they were queried for a hint.
        self.catalogue: HmpCatalogue | None = None
        self.agent_version = ""
        self.cpu: int | None = None
        self.notes: set[str] = set()

    def _read_file(self, path: str) -> bytes:
        found = self.files.get(path)
        if found is None:
            raise MissingError(Missing(MISSING_FILE, path))
        if isinstance(found, OSError):
            raise found
        return found

    def clear(self) -> None:
        """Clear everything, because the server is another one."""
        self.on_restart()
        self.cpu = None
        self.agent_version = ""
        self.notes.clear()

    def on_restart(self) -> None:
        """Clear what a restarted server may have changed."""
        self.introspection.clear()
        self.names = self.catalogue = None

    def store(self, missing: Missing, value: object) -> None:
        """Store the result of a query. None or an invalid result means that there is none."""
        known = self.introspection
        if missing.kind == MISSING_SCHEMA:
            known.has_schema = True
            if isinstance(value, list):
                from ..qmp import Schema  # many scripts need none

                known.schema = Schema(value)
        else:
            table = known.drivers if missing.kind == MISSING_DRIVER else known.objects
            table[missing.subject] = _properties(value)

    def query(self, missing: Missing) -> Generator[Step, Any, Reply | None]:
        """Query and store missing information. Return the reply, or None if the server does not answer.

        For a driver that the server does not know, the drivers that its name may stand for are queried.
        """
        queries = [Query("query-qmp-schema")]
        if missing.kind == MISSING_DRIVER:
            names = [missing.subject, *expand_driver_alias(missing.subject)]
            queries = [Query("device-list-properties", {"typename": name}) for name in names]
        elif missing.kind == MISSING_OBJECT:
            queries = [Query("qom-list", {"path": missing.subject})]
        for query in queries:
            reply: Reply | None = yield query
            if reply is None:
                return None
            if not reply.is_error:
                break
        self.store(missing, result_or_none(reply))
        return reply

    def store_commands(self, value: object) -> None:
        """Store the result of `query-commands`, or of an agent's `guest-info`."""
        self.names = command_names_in(value)
        self.agent_version = agent_version(value)

    def learn_names(self, names: list[str]) -> None:
        """Store the names of the commands."""
        self.names = names

    def learn_catalogue(self, catalogue: HmpCatalogue) -> None:
        """Store the commands of the human monitor."""
        self.catalogue = catalogue

    def use_no_schema(self) -> None:
        """Read values without a schema."""
        self.introspection.has_schema = True

    def select_cpu(self, cpu: int | None) -> None:
        """Use a CPU in the human monitor from now on. None changes nothing."""
        if cpu is not None:
            self.cpu = cpu

    def evaluate(
        self,
        call: Callable[[], T],
        *,
        files: dict[str, bytes | OSError],
        secrets: dict[int, str] | None = None,
    ) -> T:
        """Return the result of `call`, which can read these files and secrets."""
        self.files, self.introspection.secrets = files, secrets or {}
        try:
            return call()
        finally:
            self.files, self.introspection.secrets = {}, {}

    def new_notes(self, notes: list[str]) -> list[str]:
        """Return the notes that were not shown yet."""
        new = [note for note in dict.fromkeys(notes) if note not in self.notes]
        self.notes.update(new)
        return new


def list_commands(*, agent: bool) -> str:
    """Return the command that lists the server's commands."""
    if agent:
        from ..qmp import LIST_COMMANDS

        return LIST_COMMANDS
    return "query-commands"


def command_names_in(value: object) -> list[str]:
    """Return the names in a result of `query-commands`, or the enabled ones of an agent's `guest-info`."""
    if isinstance(value, dict):
        value = value.get("supported_commands")
    if not isinstance(value, list):
        return []
    return [
        as_text(item.get("name"))
        for item in value
        if isinstance(item, dict) and item.get("enabled") is not False
    ]


def disabled_in(value: object) -> list[str]:
    """Return the names of the commands that `guest-info` reports as disabled."""
    listed = value.get("supported_commands") if isinstance(value, dict) else None
    return [
        as_text(entry.get("name"))
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, dict) and entry.get("enabled") is False
    ]


def agent_version(value: object) -> str:
    """Return the version in a result of `guest-info`, or ""."""
    version = value.get("version") if isinstance(value, dict) else None
    return version if isinstance(version, str) else ""


def version_numbers(text: str) -> tuple[int, ...] | None:
    """Return (major, minor, micro) of a version text, or None.

    >>> version_numbers("10.0.2 (Debian 1:10.0.2)")
    (10, 0, 2)
    """
    parts = text.partition(" ")[0].split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts):
        return None
    return tuple(map(int, parts[:3]))


def result_or_none(reply: Reply | None) -> object:
    """Return what a reply returned, or None for an error or no reply."""
    return reply.value.get("return") if reply is not None else None


def _properties(value: object) -> dict[str, PropertyType] | None:
    if not isinstance(value, list):
        return None
    return {
        as_text(item.get("name")): PropertyType(
            as_text(item.get("type")), as_text(item.get("description", ""))
        )
        for item in value
        if isinstance(item, dict)
    }
