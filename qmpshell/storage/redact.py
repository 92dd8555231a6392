"""Redaction: replaces the secrets of messages and texts by `<redacted>`."""

from __future__ import annotations

import re
from functools import lru_cache

from ..qmp import LITERAL, JsonError, JsonReader, command_facts, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    Span = tuple[int, int]

    Container = dict[str, Any] | list[Any]

    # A member of an object or an item of an array; the container by its identity.
    Place = tuple[int, str | int]


REDACTED = "<redacted>"

# Not the ids of secret objects (password-secret, key-secret, passwordid). A misspelt "password" is
# still the name of a secret, although no server has such a member.
_NAME = re.compile(
    r".*(?:pas+(?:wo?r?|or)d|passphrase|passcode)s?(?:[-_]?(?:[0-9]+|b64|base64|hash|hashed|text))?"
    r"|(?:.*[-_])?(?:cookies?|pwd|pass|input-data)",
    re.IGNORECASE | re.DOTALL,
)
# Members with these names are not secret if they are numbers: the pass of a migration, a flow's cookie.
_COUNTED = re.compile(r"(?:.*[-_])?(?:cookies?|pass)", re.IGNORECASE | re.DOTALL)
_MAYBE_SECRET = re.compile(
    r"pas+(?:wo?r?|or)d|passphrase|passcode|cookie|secret|input-data|\bpwd\b|\bpass\b",
    re.IGNORECASE,
)
_QOM_SET = re.compile(r"\bqom[-_]set\b", re.IGNORECASE)
_OBJECT_ADD = re.compile(r"\bobject[-_]add\b", re.IGNORECASE)
_ASSIGNED = re.compile(r"(?<![\w.-])([\w.-]++)=")
# In key=value lists, a comma ends the value, and two stand for one (QEMU's keyval syntax).
_LISTED = re.compile(r"(?:[^,\n]|,,)*+")
_REST_OF_LINE = re.compile(r"[^\n]*+")
_SWITCH = re.compile(r"(?:on|off|yes|no|true|false)(?![^\s,;])", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9.]+(?![^\s,;])")
# https://user:password@host (QEMU's manual, "-drive"), and iSCSI's user%password@host.
_ADDRESS = re.compile(r"(?:://[^/\s:@]*+:|iscsi(?:\+[a-z]+)?://[^/\s:@%]*+%)([^/\s]+)@")
_MEMBER = re.compile(
    r"""["']([\w.-]++)\\*+["']\s*+:\s*+(?!(?:true|false|null|-?[0-9.]++)\s*+[,}])"""
)


@lru_cache(maxsize=512)
def is_secret_name(name: str) -> bool:
    """Return True if a member, property or variable of this name holds a secret.

    Only the last part of a dotted name counts.

    >>> is_secret_name("file.proxy-password"), is_secret_name("password-secret")
    (True, False)
    """
    return _NAME.fullmatch(name.rpartition(".")[2]) is not None


def may_be_counted(name: str) -> bool:
    """Return True if a number under this name is not secret."""
    return _COUNTED.fullmatch(name.rpartition(".")[2]) is not None


def looks_secret(text: str) -> bool:
    """Return True if text that cannot be parsed may contain a secret."""
    return (
        _MAYBE_SECRET.search(text) is not None
        or (_OBJECT_ADD.search(text) is not None and "data" in text)
        or (_QOM_SET.search(text) is not None and ("data" in text or "property" not in text))
        or bool(secret_spans(text))
    )


def is_harmless(name: str, text: str, position: int) -> bool:
    """Return True if the word at `position` is not a secret although the name before it is a secret's.

    Example: `password=on` requests a password.
    """
    return _SWITCH.match(text, position) is not None or (
        may_be_counted(name) and _NUMBER.match(text, position) is not None
    )


def secret_spans(text: str, *, assignments: bool = True) -> list[Span]:
    """Return the positions of secrets in `text`, in order and disjoint.

    Without `assignments`, those of `NAME=VALUE` are omitted.
    """
    spans: list[Span] = []
    if assignments and "=" in text:
        spans += _assigned(text)
    if "://" in text:
        spans += (match.span(1) for match in _ADDRESS.finditer(text))
    if ":" in text:
        spans += _members(text)
    return merge_spans(spans)


def _assigned(text: str) -> Iterator[Span]:
    position = 0
    while match := _ASSIGNED.search(text, position):
        position = match.end()
        if is_secret_name(match[1]) and not is_harmless(match[1], text, position):
            # An environment variable's value is the complete text, including commas.
            value = (_LISTED if match.start() else _REST_OF_LINE).match(text, position)
            assert value is not None
            position = value.end()
            yield value.span()


def _members(text: str) -> Iterator[Span]:
    for match in _MEMBER.finditer(text):
        if is_secret_name(match[1]):
            yield match.end(), len(text)
            return


def merge_spans(spans: list[Span]) -> list[Span]:
    """Return the positions with overlapping ones merged and empty ones removed.

    >>> merge_spans([(5, 9), (1, 3), (2, 4), (7, 7)])
    [(1, 4), (5, 9)]
    """
    result: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if result and start < result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        else:
            result.append((start, end))
    return result


def blank_spans(text: str, spans: list[Span]) -> str:
    """Return `text` with the given positions redacted. They are in order and disjoint."""
    for start, end in reversed(spans):
        text = text[:start] + REDACTED + text[end:]
    return text


# monitor/hmp.c, get_command_name: a slash ends a name too.
_COMMAND = re.compile(r"\s*+([^\s/]*+)/?")
# monitor/hmp.c, get_str: quotes open only at the start of a word, and the word ends with them.
_WORD = re.compile(r'"(?:\\.|[^"\\])*+"?|\S+', re.DOTALL)
_AFTER_PASSWORD = re.compile(r"\s*(?:-d\s*\S+)?\s*(?:keep|fail|disconnect)?\s*")
_SECRET_DATA = re.compile(r"(?:^|(?<=[\s,]))(?:props\.)?data=((?:[^,]|,,)*+)")


def hmp_secret_spans(line: str) -> list[Span]:
    """Return the positions of secrets in a human monitor line, in order and disjoint."""
    name, words = _split(line)
    own = _FORMS.get(name)
    return merge_spans((own(line, words) if own else []) + secret_spans(line))


def asks_for_secret(line: str) -> bool:
    """Return True if the result of `line` is a secret."""
    name, words = _split(line)
    return name == "qom-get" and len(words) > 1 and is_secret_property(_plain(words[1]))


def is_secret_property(name: str) -> bool:
    """Return True if an object property of this name may be secret, such as `data` of a secret object."""
    return name == "data" or is_secret_name(name)


def _split(line: str) -> tuple[str, list[re.Match[str]]]:
    """Return the command's name and its words, without flags before the first word."""
    command = _COMMAND.match(line)
    assert command is not None
    words = list(_WORD.finditer(line, command.end()))
    while words and re.fullmatch(r"-\w", words[0][0]):
        del words[0]
    return command[1], words


def _plain(word: re.Match[str]) -> str:
    return word[0].strip('"')


def _rest(line: str, words: list[re.Match[str]], index: int) -> list[Span]:
    return [(words[index].start(), len(line.rstrip()))] if len(words) > index else []


def _set_password(line: str, words: list[re.Match[str]]) -> list[Span]:
    """Find the secret of `set_password PROTOCOL PASSWORD [-d DISPLAY] [ACTION]`."""
    if len(words) > 1 and _AFTER_PASSWORD.fullmatch(line, words[1].end()):
        return [words[1].span()]
    return _rest(line, words, 1)


def _block_passwd(line: str, words: list[re.Match[str]]) -> list[Span]:
    """Find the secret of `block_passwd DEVICE PASSWORD`."""
    return _rest(line, words, 1)


def _change(line: str, words: list[re.Match[str]]) -> list[Span]:
    """Find the secret of `change vnc password PASSWORD`."""
    words = [word for word in words if word[0] != "-f"]
    if [_plain(word) for word in words[:2]] in (["vnc", "password"], ["vnc", "passwd"]):
        return _rest(line, words, 2)
    return []


def _qom_set(line: str, words: list[re.Match[str]]) -> list[Span]:
    """Find the secret of `qom-set PATH PROPERTY VALUE`."""
    if len(words) > 1 and is_secret_property(_plain(words[1])):
        return _rest(line, words, 2)
    return []


def _object_add(line: str, words: list[re.Match[str]]) -> list[Span]:
    """Find the secrets of `object_add secret,id=ID,data=DATA,…`, or of the same as JSON."""
    if not words:
        return []
    options = line[words[0].start() :].lower()
    untold = "=" in options.partition(",")[0] and "qom-type=" not in options
    if not untold and "secret" not in options:
        return []
    if words[0][0].startswith("{"):
        return _rest(line, words, 0)
    return [match.span(1) for match in _SECRET_DATA.finditer(line, words[0].start())]


_FORMS: dict[str, Callable[[str, list[re.Match[str]]], list[Span]]] = {
    "block_passwd": _block_passwd,
    "change": _change,
    "object_add": _object_add,
    # Not a command of the human monitor, but users type it there.
    "object-add": _object_add,
    "qom-set": _qom_set,
    "set_password": _set_password,
}

_ESCAPE = re.compile(r"\\(.)")
# Shorter secrets are part of many words.
_WORTH_SEEKING = 4


class Secrets:
    """The secrets of a message: `places` with their replacements, and `texts`, the secrets themselves.

    `places` contains identities, so the message must exist as long as this object.
    """

    __slots__ = ("_is_command", "_quoted", "_stack", "places", "texts")

    def __init__(self, message: Container, *, is_command: bool, quoted: Sequence[str] = ()) -> None:
        """Find the secrets of `message`. `quoted` are secrets of another message that it may repeat."""
        self.places: dict[Place, object] = {}
        self.texts: list[str] = []
        self._is_command = is_command
        # The longest first, because one may be part of another.
        self._quoted = sorted(set(quoted), key=len, reverse=True)
        # Containers to search, and whether everything in them is secret. A stack, because messages
        # may be nested deeper than Python's recursion limit.
        self._stack: list[tuple[Container, bool]] = [(message, False)]
        self._search(message)

    def _search(self, message: Container) -> None:
        while self._stack:
            node, hidden = self._stack.pop()
            members: Iterable[tuple[Any, Any]]
            if isinstance(node, dict):
                self._neighbours(node)
                members = node.items()
                if node is message and "id" in node:
                    # The id is the user's and identifies the message.
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
            self._stack.append((value, secret))
        elif isinstance(value, str):
            if secret:
                self.hide(node, key)
            else:
                self._text(node, key, value)
        elif (
            secret
            and self._is_command
            and type(value) in (int, float)
            and (hidden or not may_be_counted(str(key)))
        ):
            # A password of digits that was evaluated without a schema.
            self.hide(node, key)

    def hide(self, node: Any, key: str | int) -> None:
        """Mark everything at this place as secret, whatever its type."""
        value = node[key]
        if value is not None:
            self.places[id(node), key] = REDACTED
            if isinstance(value, (dict, list)):
                self._stack.append((value, True))
            elif not isinstance(value, bool):
                self.texts.append(str(value))

    def _neighbours(self, node: dict[str, Any]) -> None:
        """Mark members that are secret because of other members beside them."""
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
        is_text = isinstance(name, str) and isinstance(node["value"], str)
        if is_text and (
            is_secret_name(str(name)) or (name == "data" and node.get("type") == "string")
        ):
            self.hide(node, "value")

    def _arguments(self, command: object, arguments: dict[str, Any]) -> None:
        if not isinstance(command, str):
            return
        facts = command_facts(command)
        # An incomplete command may lack the argument that decides.
        if not facts.secrets_by or not isinstance(arguments.get(facts.secrets_by), str):
            for name in facts.secrets:
                if name in arguments:
                    self.hide(arguments, name)
        line = arguments.get("command-line")
        if command == "human-monitor-command" and isinstance(line, str):
            self._spans(arguments, "command-line", line, hmp_secret_spans(line))
        is_password = arguments.get("target") in ("password", "passwd") and "arg" in arguments
        if command == "change" and arguments.get("device") == "vnc" and is_password:
            self.hide(arguments, "arg")  # up to QEMU 5.2

    def _text(self, node: Container, key: str | int, text: str) -> None:
        if not self._quoted and "=" not in text and ":" not in text:
            return  # the usual case: a log must keep up with an event storm
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
            self.places[id(node), key] = blank_spans(text, spans)
            for start, end in spans:
                piece = text[start:end]
                # The secret of a quoted value is the text between the quotes.
                self.texts += (piece, _ESCAPE.sub(r"\1", piece.strip("\"'")))


def _secrets_of_json(text: str, *, is_command: bool) -> list[str] | None:
    """Return the secrets of a `json:` file name, or None if it has none."""
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
    """Return `text` with repeated secrets replaced; short ones only between quotes."""
    for secret in secrets:
        if len(secret) >= _WORTH_SEEKING:
            text = text.replace(secret, REDACTED)
        elif secret:
            text = text.replace(f"'{secret}'", f"'{REDACTED}'")
    return text


def redact_command(message: dict[str, Any]) -> dict[str, Any]:
    """Return a sent message without its secrets; `message` itself if it has none."""
    return _rewritten(message, Secrets(message, is_command=True).places)


def redact_reply(message: dict[str, Any], command: dict[str, Any] | None) -> dict[str, Any]:
    """Return a received message without its secrets and those of `command`, which it answers.

    `command` is the complete message as sent, or None for an event or an unexpected message.
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
    """Return a copy with other values at `places`. Not recursive."""
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
    """Return sent data for `-v`: unchanged, or encoded again without its secrets."""
    shown = redact_command(message)
    return data.decode("utf-8").strip() if shown is message else encode(shown)
