"""Redaction: replaces the secrets of messages and texts by `<redacted>`."""

from __future__ import annotations

import re
from itertools import dropwhile, islice

from ..language import nearest_name, pieces
from ..qmp import LITERAL, QOM_SET, JsonError, JsonReader, encode
from ..render import REDACTED, replace_spans
from .secret_names import (
    CHANGE,
    DATA_WORD,
    HUMAN_MONITOR,
    NAME_WORD,
    OBJECT_ADD,
    SET_PASSWORD,
    TYPE_WORD,
    is_secret_name,
    is_secret_property,
    is_secret_type,
    may_be_counted,
    secret_arguments,
    secret_command,
    secret_options,
    secret_properties,
    word_meaning,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    Span = tuple[int, int]

    Container = dict[str, Any] | list[Any]

    # A member of an object or an item of an array; the container by its identity.
    Place = tuple[int, str | int]


# For folded text. This and the next one begin with a letter, which `re` finds faster than \b.
_MAYBE_SECRET = re.compile(
    r"pas+(?:wo?r?|or)d|passphrase|passcode|cookie|secret|input-data|p(?<=\bp)(?:wd|ass)\b"
)
# A command with an ordinary argument.
_NO_SECRET = re.compile(r"e(?<=\be)xpire[-_]password\b")
# A command, a member or a type in a text that cannot be parsed.
_ANY_WORD = re.compile(r"[\w-]++")
_ASSIGNED = re.compile(r"(?<![\w.-])([\w.-]++)=")
# In key=value lists, a comma ends the value, and two stand for one (QEMU's keyval syntax).
_LISTED = re.compile(r"(?:[^,\n]|,,)*+")
_REST_OF_LINE = re.compile(r"[^\n]*+")
# The meanings of words that make a text secret.
_ALWAYS_SECRET = (
    *(NAME_WORD, "block_passwd", "change-vnc-password", "guest-set-user-password"),
    *("sev-inject-launch-secret", SET_PASSWORD),
)
# Without both names, for example if a separator is missing, the property may be a secret.
_NAMES_OF_QOM_SET = {"property", "value"}
_SWITCH = re.compile(r"(?:on|off|yes|no|true|false)(?![^\s,;])", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9.]+(?![^\s,;])")
# https://user:password@host (QEMU's manual, "-drive"), and iSCSI's user%password@host.
_ADDRESS = re.compile(r"(?:://[^/\s:@]*+:|iscsi(?:\+[a-z]+)?://[^/\s:@%]*+%)([^/\s]+)@")
_MEMBER = re.compile(
    r"""["']([\w.-]++)\\*+["']\s*+:\s*+(?!(?:true|false|null|-?[0-9.]++)\s*+[,}])"""
)


def looks_secret(text: str) -> bool:
    """Return True if text that cannot be parsed may contain a secret."""
    text = _NO_SECRET.sub("", text)
    if _MAYBE_SECRET.search(text.casefold()) is not None or secret_spans(text):
        return True
    words = set(_ANY_WORD.findall(text))
    meanings = {word_meaning(word) for word in words}
    return (
        not meanings.isdisjoint(_ALWAYS_SECRET)
        or (OBJECT_ADD in meanings and not meanings.isdisjoint((DATA_WORD, TYPE_WORD)))
        or (QOM_SET in meanings and (DATA_WORD in meanings or not words >= _NAMES_OF_QOM_SET))
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


def redact_spans(text: str, spans: list[Span]) -> str:
    """Return `text` with the given positions redacted. They are in order and disjoint."""
    return replace_spans(text, spans, REDACTED)


# monitor/hmp.c, get_command_name: a slash ends a name too.
_COMMAND = re.compile(r"\s*+([^\s/]*+)/?")
# monitor/hmp.c, get_str: quotes open only at the start of a word, and the word ends with them.
_WORD = re.compile(r'"(?:\\.|[^"\\])*+"?|\S+', re.DOTALL)
_FLAG = re.compile(r"-\w")
_AFTER_PASSWORD = re.compile(r"\s*+(?:-d\s*+\S++)?\s*+(?:keep|fail|disconnect)?\s*+")
# The words that decide what is secret come first.
_MAX_WORDS = 8
_PROTOCOLS = ("vnc", "spice")


def hmp_secret_spans(line: str) -> list[Span]:
    """Return the positions of secrets in a human monitor line, in order and disjoint."""
    name, words = _split(line)
    own = _FORMS.get(secret_command(name))
    return merge_spans((own(line, words) if own else []) + secret_spans(line))


def asks_for_secret(line: str) -> bool:
    """Return True if the result of `line` is a secret."""
    name, words = _split(line)
    return name == "qom-get" and len(words) > 1 and is_secret_property(_plain(words[1]))


def _split(line: str) -> tuple[str, list[re.Match[str]]]:
    """Return the command's name and its first words, without flags before them."""
    command = _COMMAND.match(line)
    assert command is not None
    words = dropwhile(
        lambda word: _FLAG.fullmatch(word[0]) is not None, _WORD.finditer(line, command.end())
    )
    return command[1], list(islice(words, _MAX_WORDS))


def _plain(word: re.Match[str]) -> str:
    return word[0].strip('"')


def _rest(line: str, words: list[re.Match[str]], index: int = 0) -> list[Span]:
    return [(words[index].start(), len(line.rstrip()))] if len(words) > index else []


def _set_password(line: str, words: list[re.Match[str]]) -> list[Span]:
    """Find the secret of `set_password PROTOCOL PASSWORD [-d DISPLAY] [ACTION]`.

    Without a protocol, anything may be the password.
    """
    if not words or not nearest_name(_plain(words[0]), _PROTOCOLS):
        return _rest(line, words)
    if len(words) > 1 and _AFTER_PASSWORD.fullmatch(line, words[1].end()):
        return [words[1].span()]
    return _rest(line, words, 1)


def _change(line: str, words: list[re.Match[str]]) -> list[Span]:
    """Find the secret of `change vnc password PASSWORD`."""
    words = [word for word in words if word[0] != "-f"]
    if len(words) > 1 and is_secret_name(_plain(words[1])):
        return _rest(line, words, 2)
    last = _plain(words[-1]) if words else ""
    # Not `none` and the address of a VNC display, such as `:1`.
    if words and _is_vnc(_plain(words[0])) and last != "none" and ":" not in last:
        return _rest(line, words, 1)
    return []


def _is_vnc(device: str) -> bool:
    return nearest_name(device, _PROTOCOLS[:1]) != ""


def _qom_set(line: str, words: list[re.Match[str]]) -> list[Span]:
    """Find the secret of `qom-set PATH PROPERTY VALUE`, also without its path."""
    for index, word in enumerate(words[:3]):
        if is_secret_property(_plain(word)):
            return _rest(line, words, index + 1)
    return []


def _object_add(line: str, words: list[re.Match[str]]) -> list[Span]:
    """Find the secrets of `object_add secret,id=ID,data=DATA,…`, or of the same as JSON."""
    if not words:
        return []
    start = words[0].start()
    if line[start] == "{":
        is_typed = re.compile(r"\bqom.type\b", re.IGNORECASE).search(line, start) is not None
        return _rest(line, words) if looks_secret(line[start:]) or not is_typed else []
    return option_spans(line, start)


def option_spans(line: str, start: int) -> list[Span]:
    """Return the positions of secrets in the option string of an object, which starts at `start`."""
    text = line[start:]
    found = list(pieces(text))
    options: list[tuple[str, object]] = []
    for number, (key_start, key_end, end) in enumerate(found):
        # The first option may be the type.
        is_type = key_end == end and number == 0
        key, value = text[key_start:key_end].strip(), text[key_end + 1 : end]
        options.append(("", key) if is_type else (key, value))
    return [
        (start + key_end + 1, start + end)
        for (_, key_end, end), is_secret in zip(found, secret_options(options), strict=True)
        if is_secret
    ]


_FORMS: dict[str, Callable[[str, list[re.Match[str]]], list[Span]]] = {
    "block_passwd": lambda line, words: _rest(line, words, 1),  # after the device
    CHANGE: _change,
    OBJECT_ADD: _object_add,
    QOM_SET: _qom_set,
    SET_PASSWORD: _set_password,
    # Not commands of the human monitor, but users type them there.
    "change-vnc-password": _rest,
    "guest-set-user-password": _rest,
    "sev-inject-launch-secret": _rest,
}

_ESCAPE = re.compile(r"\\(.)")
# Shorter secrets are part of many words.
_MIN_REPLACED_LENGTH = 4


class Secrets:
    """The secrets of a message: `places` with their replacements, and `texts`, the secrets themselves.

    `places` contains identities, so the message must exist as long as this object.
    """

    __slots__ = ("_is_command", "_quoted", "_stack", "places", "texts")

    def __init__(self, message: Container, *, is_command: bool, quoted: Sequence[str] = ()) -> None:
        """Find the secrets of `message`. `quoted` are secrets that it may repeat, the longest first."""
        self.places: dict[Place, object] = {}
        self.texts: list[str] = []
        self._is_command = is_command
        self._quoted = quoted
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
                if node is message:
                    # The id is the user's and identifies the message.
                    members = [item for item in members if item[0] != "id"]
                    if self._is_command:
                        self._command(members)
            else:
                members = enumerate(node)
            for key, value in members:
                secret = hidden or (isinstance(key, str) and is_secret_name(key))
                if secret or isinstance(value, (str, dict, list)):
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

    def _command(self, members: list[tuple[str, Any]]) -> None:
        """Mark the secrets of a command, even if a member of the message is misspelt or misplaced."""
        names = [value for _, value in members if isinstance(value, str)]
        command = next(filter(None, map(secret_command, names)), "")
        if command:
            for _, arguments in members:
                if isinstance(arguments, dict):
                    self._arguments(command, arguments)

    def _neighbours(self, node: dict[str, Any]) -> None:
        """Mark members that are secret because of other members beside them."""
        qom_type = node.get("qom-type")
        if (isinstance(qom_type, str) and is_secret_type(qom_type)) or (
            self._is_command and any(map(_starts_secret_object, node))
        ):
            self._object(node)
        if "value" in node:
            self._property(node)
        arguments = node.get("arguments")
        if isinstance(arguments, dict):
            command = node.get("execute", node.get("exec-oob"))
            self._arguments(secret_command(command) if isinstance(command, str) else "", arguments)

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

    def _arguments(self, command: str, arguments: dict[str, Any]) -> None:
        """Mark the secret arguments. `command` is the result of `secret_command`."""
        names: list[str] = []
        if command == OBJECT_ADD:
            self._object(arguments)
        elif command == QOM_SET:
            named = [name for name in arguments if nearest_name(name, ("property",))]
            names = secret_properties(list(arguments), arguments[named[0]] if named else None)
        elif command == HUMAN_MONITOR:
            for name, line in arguments.items():
                if isinstance(line, str):
                    self._spans(arguments, name, line, hmp_secret_spans(line))
        elif command == CHANGE:
            target = arguments.get("target")
            is_password = isinstance(target, str) and is_secret_name(target)
            if is_password and _is_vnc(str(arguments.get("device"))) and "arg" in arguments:
                names = ["arg"]
        else:
            names = secret_arguments(command, arguments)
        for name in names:
            self.hide(arguments, name)

    def _object(self, members: dict[str, Any]) -> None:
        """Mark the secrets of an object's members, also if these are option strings."""
        owners: list[str] = []
        options: list[tuple[str, object]] = []
        for name, value in members.items():
            for option in _options(name, value):
                owners.append(name)
                options.append(option)
        props = members.get("props")  # up to QEMU 5.2
        if isinstance(props, dict):
            kinds = [option for option in options if not option[0] or option[0] == "qom-type"]
            inner = [*kinds, *props.items()]
            for (name, _), is_secret in zip(inner, secret_options(inner), strict=True):
                if is_secret and name in props:
                    self.hide(props, name)
        for name, is_secret in zip(owners, secret_options(options), strict=True):
            if is_secret:
                self.hide(members, name)

    def _text(self, node: Container, key: str | int, text: str) -> None:
        if not self._quoted and "=" not in text and ":" not in text:
            return  # the usual case: a log must keep up with an event storm
        if text.startswith("json:"):
            inner = _secrets_of_json(text[5:], is_command=self._is_command)
            if inner is not None:
                self.texts += inner
                self.hide(node, key)
                return
        clean = replace_secrets(text, self._quoted) if self._quoted else text
        if clean != text:
            self.places[id(node), key] = clean
        if ("=" in clean or ":" in clean) and not text.startswith("json:"):
            self._spans(node, key, clean, secret_spans(clean))

    def _spans(self, node: Any, key: str | int, text: str, spans: list[Span]) -> None:
        if spans:
            self.places[id(node), key] = redact_spans(text, spans)
            for start, end in spans:
                piece = text[start:end]
                # The secret of a quoted value is the text between the quotes.
                self.texts += (piece, _ESCAPE.sub(r"\1", piece.strip("\"'")))
                if piece[0] == "{":
                    self.texts += _secrets_of_json(piece, is_command=True) or ()


def _starts_secret_object(name: str) -> bool:
    """Return True for a member such as `secret,id`, from an option string after a command."""
    kind, comma, _ = name.partition(",")
    return bool(comma) and is_secret_type(kind)


def _options(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield the options that a member stands for: itself, or those of an option string."""
    if not isinstance(value, str) or "," not in name + value:
        yield name, value
        return
    text = f"{name}={value}"
    for key_start, key_end, end in pieces(text):
        key = text[key_start:key_end].strip()
        # A type without a key precedes the first comma.
        is_type = key_end == end and key_start == 0
        yield ("", key) if is_type else (key, text[key_end + 1 : end])


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


def replace_secrets(text: str, secrets: Sequence[str]) -> str:
    """Return `text` with repeated secrets replaced; short ones only between quotes."""
    for secret in secrets:
        if len(secret) >= _MIN_REPLACED_LENGTH:
            if secret in text:
                text = text.replace(secret, REDACTED)
        elif secret:
            text = text.replace(f"'{secret}'", f"'{REDACTED}'")
    return text


def redact_command(message: dict[str, Any]) -> dict[str, Any]:
    """Return a sent message without its secrets; `message` itself if it has none."""
    return MessageRedactor().sent(message)


def redact_reply(message: dict[str, Any], command: dict[str, Any] | None) -> dict[str, Any]:
    """Return a received message without its secrets and those of `command`, which it answers.

    `command` is the complete message as sent, or None for an event or an unexpected message.
    """
    redactor = MessageRedactor()
    if command is not None:
        redactor.sent(command)
    return redactor.received(message, command)


def longest_first(texts: Iterable[str]) -> list[str]:
    """Return the texts without repetition. A text may be part of a longer one."""
    return sorted(set(texts), key=len, reverse=True)


# How many secrets are remembered, and of how many characters: no message repeats longer ones.
_MAX_REMEMBERED = 1_000
_MAX_REMEMBERED_LENGTH = 10_000


class MessageRedactor:
    """Redacts the messages of a session. Any later message may repeat a secret of an earlier one."""

    def __init__(self) -> None:
        # The secrets, the newest last.
        self._texts: dict[str, None] = {}
        self._quoted: list[str] = []

    def sent(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a sent message without its secrets; `message` itself if it has none."""
        found = Secrets(message, is_command=True)
        self._remember(found.texts)
        return _rewritten(message, found.places)

    def received(self, message: dict[str, Any], command: dict[str, Any] | None) -> dict[str, Any]:
        """Return a received message without secrets. `command` is the message that it answers."""
        if command is not None and command.get("execute") == "query-qmp-schema":
            return message  # it has only names, and searching it would delay the keys of the user
        # A terminal between client and server echoes commands.
        is_echo = "execute" in message or "exec-oob" in message
        found = Secrets(message, is_command=is_echo, quoted=self._quoted)
        if command is not None and _answer_is_secret(message, command):
            found.hide(message, "return")
        self._remember(found.texts)
        return _rewritten(message, found.places)

    def _remember(self, texts: list[str]) -> None:
        new = [text for text in texts if 0 < len(text) <= _MAX_REMEMBERED_LENGTH]
        if not new:
            return
        for text in new:
            self._texts.pop(text, None)
            self._texts[text] = None
        while len(self._texts) > _MAX_REMEMBERED:
            del self._texts[next(iter(self._texts))]
        self._quoted = longest_first(self._texts)


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


def redact_text(text: str, command: dict[str, Any]) -> str:
    """Return the text of a reply without secrets and those of `command`, which it answers."""
    quoted = Secrets(command, is_command=True).texts
    clean = replace_secrets(text, longest_first(quoted))
    return redact_spans(clean, secret_spans(clean))


def redact_unexpected(message: dict[str, Any] | None, text: str) -> str:
    """Return the text of an unexpected message, or with None of malformed data, without secrets."""
    if message is None:
        return REDACTED if looks_secret(text) else text
    shown = redact_reply(message, None)
    return text if shown is message else encode(shown)
