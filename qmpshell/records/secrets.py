"""Where a message holds secrets.

Owns: the exact list of commands and members that do, and the members that are known by their names
or their company. Must not know: logs, history, how secrets are replaced in typed lines.
"""

from __future__ import annotations

import re

from ..protocol.json_reader import LITERAL, JsonError, JsonReader
from .human_secrets import human_spans, is_secret_property
from .secret_text import (
    REDACTED,
    blanked,
    is_secret_name,
    looks_secret,
    may_be_counted,
    secret_spans,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from .secret_text import Span

    Container = dict[str, Any] | list[Any]
    # A member of an object or an item of an array, the container by its identity.
    Place = tuple[int, str | int]

# Each with the argument that is secret, whatever its type. The packet header of
# sev-inject-launch-secret is left: an IV and a checksum of what is encrypted.
_ARGUMENTS = {
    "block_passwd": "password",
    "change-vnc-password": "password",
    "guest-exec": "input-data",
    "guest-set-user-password": "password",
    "set_password": "password",
    "sev-inject-launch-secret": "secret",
}
# What is secret depending on another argument, which a command that is not whole may lack.
_UNTOLD = {
    "object-add": ("qom-type", ("data", "props")),
    "qom-set": ("property", ("value",)),
}
_ESCAPE = re.compile(r"\\(.)")
# Shorter ones are part of many words.
_WORTH_SEEKING = 4


class Secrets:
    """The secrets of a message: `places`, what stands there instead, and `texts`, what they were.

    `places` holds identities: the message must live as long.
    """

    __slots__ = ("_is_command", "_quoted", "_todo", "places", "texts")

    def __init__(self, message: Container, *, is_command: bool, quoted: Sequence[str] = ()) -> None:
        """`quoted` are secrets of another message that this one may repeat."""
        self.places: dict[Place, object] = {}
        self.texts: list[str] = []
        self._is_command = is_command
        # The longest first: one may be part of another.
        self._quoted = sorted(set(quoted), key=len, reverse=True)
        # Containers to be looked through, and whether all in them is secret. Messages may be nested
        # deeper than Python recurses.
        self._todo: list[tuple[Container, bool]] = [(message, False)]
        self._look_through(message)

    def _look_through(self, message: Container) -> None:
        while self._todo:
            node, hidden = self._todo.pop()
            members: Iterable[tuple[Any, Any]]
            if isinstance(node, dict):
                self._company(node)
                members = node.items()
                if node is message and "id" in node:
                    # It is the user's, and tells messages apart.
                    members = [item for item in members if item[0] != "id"]
            else:
                members = enumerate(node)
            for key, value in members:
                secret = hidden or (isinstance(key, str) and is_secret_name(key))
                self._member(node, key, value, secret=secret, hidden=hidden)

    def _member(
        self, node: Container, key: str | int, value: Any, *, secret: bool, hidden: bool
    ) -> None:
        if (id(node), key) in self.places:
            return
        if isinstance(value, (dict, list)):
            self._todo.append((value, secret))
        elif isinstance(value, str):
            if secret:
                self.hide(node, key)
            else:
                self._text(node, key, value)
        elif secret and self._is_command and isinstance(value, (int, float)):
            # A password of digits that was read without a schema.
            if not isinstance(value, bool) and (hidden or not may_be_counted(str(key))):
                self.hide(node, key)

    def hide(self, node: Any, key: str | int) -> None:
        """All that stands there is a secret, of whatever type."""
        value = node[key]
        if value is not None:
            self.places[id(node), key] = REDACTED
            if isinstance(value, (dict, list)):
                self._todo.append((value, True))
            elif not isinstance(value, bool):
                self.texts.append(str(value))

    def _company(self, node: dict[str, Any]) -> None:
        """Members that are secrets because of others beside them."""
        qom_type = node.get("qom-type")
        if isinstance(qom_type, str) and "secret" in qom_type.lower():
            for owner in (node, node.get("props")):  # `props` up to QEMU 5.2
                if isinstance(owner, dict) and "data" in owner:
                    self.hide(owner, "data")
            if "props.data" in node:
                self.hide(node, "props.data")
        if "value" in node:
            self._property(node)
        arguments = node.get("arguments")
        if isinstance(arguments, dict):
            self._arguments(node.get("execute", node.get("exec-oob")), arguments)

    def _property(self, node: dict[str, Any]) -> None:
        name = node.get("property")  # qom-set
        if isinstance(name, str) and is_secret_property(name):
            self.hide(node, "value")
        name = node.get("name")  # lists of properties with their values
        if isinstance(name, str) and isinstance(node["value"], str):
            if is_secret_name(name) or (name == "data" and node.get("type") == "string"):
                self.hide(node, "value")

    def _arguments(self, command: object, arguments: dict[str, Any]) -> None:
        if not isinstance(command, str):
            return
        name = _ARGUMENTS.get(command)
        if name in arguments:
            self.hide(arguments, name)
        decisive, depending = _UNTOLD.get(command, ("", ()))
        if not isinstance(arguments.get(decisive), str):
            for name in depending:
                if name in arguments:
                    self.hide(arguments, name)
        line = arguments.get("command-line")
        if command == "human-monitor-command" and isinstance(line, str):
            self._spans(arguments, "command-line", line, human_spans(line))
        if command == "change" and arguments.get("device") == "vnc":  # up to QEMU 5.2
            if arguments.get("target") in ("password", "passwd") and "arg" in arguments:
                self.hide(arguments, "arg")

    def _text(self, node: Container, key: str | int, text: str) -> None:
        if not self._quoted and "=" not in text and ":" not in text:
            return  # as most: a log must keep up with a storm of events
        if text.startswith("json:"):
            inner = _secrets_of_json(text[5:], is_command=self._is_command)
            if inner is not None:
                self.texts += inner
                self.hide(node, key)
                return
        clean = without(text, self._quoted)
        if clean != text:
            self.places[id(node), key] = clean
        if not text.startswith("json:"):
            self._spans(node, key, clean, secret_spans(clean))

    def _spans(self, node: Any, key: str | int, text: str, spans: list[Span]) -> None:
        if spans:
            self.places[id(node), key] = blanked(text, spans)
            for start, end in spans:
                piece = text[start:end]
                # In quotes it means what they enclose.
                self.texts += (piece, _ESCAPE.sub(r"\1", piece.strip("\"'")))


def _secrets_of_json(text: str, *, is_command: bool) -> list[str] | None:
    """The secrets of a `json:` file name; None where it has none."""
    reader = JsonReader(LITERAL)
    try:
        end = reader.feed(text)
    except JsonError:
        return [] if looks_secret(text) else None
    if not reader.complete or text[end:].strip():
        return [] if looks_secret(text) else None
    found = Secrets([reader.value], is_command=is_command)
    return found.texts if found.places else None


def without(text: str, secrets: Sequence[str]) -> str:
    """`text` with the secrets that it repeats replaced; short ones only where quotes enclose them."""
    for secret in secrets:
        if len(secret) >= _WORTH_SEEKING:
            text = text.replace(secret, REDACTED)
        elif secret:
            text = text.replace(f"'{secret}'", f"'{REDACTED}'")
    return text
