"""Messages as a record may keep them.

Owns: replacing the secrets of a message, and of the reply to it, by `<redacted>`. Must not know: what
is secret (that is `secrets`), or where the record goes.
"""

from __future__ import annotations

from ..protocol.json_text import encode
from .human_secrets import asks_for_secret, is_secret_property
from .secrets import Secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .secrets import Place


def redact_command(message: dict[str, Any]) -> dict[str, Any]:
    """What was sent, without its secrets; `message` itself where it has none."""
    return _rewritten(message, Secrets(message, is_command=True).places)


def redact_reply(message: dict[str, Any], command: dict[str, Any] | None) -> dict[str, Any]:
    """What was received, without its secrets and without those of `command`, which it answers.

    `command` is the whole message as it was sent, or None for an event and for what nobody asked.
    """
    quoted = Secrets(command, is_command=True).texts if command is not None else []
    found = Secrets(message, is_command=False, quoted=quoted)
    if command is not None and _answer_is_secret(message, command):
        found.hide(message, "return")
    return _rewritten(message, found.places)


def _answer_is_secret(reply: dict[str, Any], command: dict[str, Any]) -> bool:
    value = reply.get("return")
    if value is None or isinstance(value, bool):
        return False
    name = command.get("execute", command.get("exec-oob"))
    arguments = command.get("arguments")
    if not isinstance(arguments, dict):
        return False
    if name == "qom-get":
        asked = arguments.get("property")
        return isinstance(asked, str) and is_secret_property(asked)
    if name == "human-monitor-command":
        line = arguments.get("command-line")
        failed = isinstance(value, str) and value.startswith("Error: ")
        return isinstance(line, str) and asks_for_secret(line) and not failed
    return False


def _rewritten(message: dict[str, Any], places: dict[Place, object]) -> dict[str, Any]:
    """A copy with other values at `places`; does not recurse."""
    if not places:
        return message
    result: dict[str, Any] = {}
    todo: list[tuple[Any, Any]] = [(message, result)]
    while todo:
        node, copy = todo.pop()
        is_object = isinstance(node, dict)
        for key, value in node.items() if is_object else enumerate(node):
            if (id(node), key) in places:
                value = places[id(node), key]
            elif isinstance(value, (dict, list)):
                inner: Any = {} if isinstance(value, dict) else []
                todo.append((value, inner))
                value = inner
            if is_object:
                copy[key] = value
            else:
                copy.append(value)
    return result


def sent_text(data: bytes, message: dict[str, Any]) -> str:
    """What is sent, as `-v` may show it: as it is, or encoded anew without its secrets."""
    shown = redact_command(message)
    return data.decode("utf-8").strip() if shown is message else encode(shown)
