"""What a session has learnt of its server.

Owns: which command answers which need, what its answer teaches, and the commands' names. Must not
know: when anything is asked.
"""

from __future__ import annotations

from ..language.facts import DRIVER, OBJECT, SCHEMA, Facts, Need, PropertyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..protocol.messages import Reply


# A question of our own had no answer, and what depends on it is not sent.
UNANSWERED = "the server did not say of which types the values are; nothing was sent"


def question(need: Need) -> tuple[str, dict[str, Any]]:
    """The command, with its arguments, that answers a need."""
    if need.kind == DRIVER:
        return "device-list-properties", {"typename": need.subject}
    if need.kind == OBJECT:
        return "qom-list", {"path": need.subject}
    return "query-qmp-schema", {}


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


def names_in(value: object) -> list[str]:
    """The names that `query-commands` returned."""
    if not isinstance(value, list):
        return []
    return [str(one.get("name")) for one in value if isinstance(one, dict)]


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
