"""What a session has learnt of its server.

Owns: which command answers which need, what its answer teaches, and the commands' names. Must not
know: when anything is asked.
"""

from __future__ import annotations

from ..language.driver_aliases import meant_by
from ..language.facts import DRIVER, OBJECT, SCHEMA, Facts, Need, PropertyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..effects import Effect
    from ..protocol.messages import Reply
    from .core import Session


# A question of our own had no answer, and what depends on it is not sent.
UNANSWERED = "the server did not say of which types the values are; nothing was sent"


def question(need: Need) -> tuple[str, dict[str, Any]]:
    """The command, with its arguments, that answers a need."""
    if need.kind == DRIVER:
        return "device-list-properties", {"typename": need.subject}
    if need.kind == OBJECT:
        return "qom-list", {"path": need.subject}
    return "query-qmp-schema", {}


def ask_for(
    session: Session, need: Need, then: Callable[[Reply | None], list[Effect]]
) -> list[Effect]:
    """Ask the server for what is needed; of a driver whose name it does not know, for what that may be
    short for. `then` takes the last reply, or None where none came."""
    needs = [need]
    if need.kind == DRIVER:
        needs += [Need(DRIVER, name) for name in meant_by(need.subject)]

    def ask(index: int) -> list[Effect]:
        def answered(reply: Reply | None) -> list[Effect]:
            if reply is not None and reply.is_error and index + 1 < len(needs):
                return ask(index + 1)
            return then(reply)

        return session.ask(*question(needs[index]), answered)

    return ask(0)


def learn(facts: Facts, need: Need, value: object) -> None:
    """Take the answer to a need; None, or what cannot be an answer, means that there is none."""
    if need.kind == SCHEMA:
        facts.has_schema = True
        if isinstance(value, list):
            from ..schema.model import Schema  # many scripts need none

            facts.schema = Schema(value)
    else:
        table = facts.drivers if need.kind == DRIVER else facts.objects
        table[need.subject] = _properties(value)


def list_commands(*, agent: bool) -> str:
    """The command that lists the server's commands."""
    if agent:
        from ..protocol.agent import LIST_COMMANDS

        return LIST_COMMANDS
    return "query-commands"


def names_in(value: object) -> list[str]:
    """The names that `query-commands` returned, or of an agent's `guest-info` those that are enabled."""
    if isinstance(value, dict):
        value = value.get("supported_commands")
    if not isinstance(value, list):
        return []
    return [
        str(one.get("name"))
        for one in value
        if isinstance(one, dict) and one.get("enabled") is not False
    ]


def disabled_in(value: object) -> list[str]:
    """The names of the commands that an agent's `guest-info` says are switched off."""
    listed = value.get("supported_commands") if isinstance(value, dict) else None
    return [
        str(one.get("name"))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and one.get("enabled") is False
    ]


def agent_version(value: object) -> str:
    """The version in what `guest-info` returned, or nothing."""
    version = value.get("version") if isinstance(value, dict) else None
    return version if isinstance(version, str) else ""


def version_numbers(text: str) -> tuple[int, ...] | None:
    """(major, minor, micro) of a version such as an agent's, or None where it has none.

    >>> version_numbers("10.0.2 (Debian 1:10.0.2)")
    (10, 0, 2)
    """
    parts = text.partition(" ")[0].split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts):
        return None
    return tuple(map(int, parts[:3]))


def returned(reply: Reply | None) -> object:
    """What a reply returned; None for an error, or where none came."""
    return reply.value.get("return") if reply is not None else None


def _properties(value: object) -> dict[str, PropertyType] | None:
    if not isinstance(value, list):
        return None
    return {
        str(one.get("name")): PropertyType(str(one.get("type")), str(one.get("description", "")))
        for one in value
        if isinstance(one, dict)
    }
