"""Secrets inside plain text.

Owns: which names are a secret's, and the secrets that stand in a text of any kind: `NAME=VALUE`, a
URL's password, JSON. Must not know: commands, messages, lines.

Where it cannot tell where a secret ends, it takes too much rather than too little.
"""

from __future__ import annotations

import re
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Span = tuple[int, int]

REDACTED = "<redacted>"

# Not the ids of secret objects (password-secret, key-secret, passwordid). A slip of the finger in
# "password" still makes a secret's name, though no server knows it.
_NAME = re.compile(
    r".*(?:pas+(?:wo?r?|or)d|passphrase|passcode)s?(?:[-_]?(?:[0-9]+|b64|base64|hash|hashed|text))?"
    r"|(?:.*[-_])?(?:cookies?|pwd|pass|input-data)",
    re.IGNORECASE | re.DOTALL,
)
# Names that some members have whose numbers are no secrets: the pass of a migration, a flow's cookie.
_COUNTED = re.compile(r"(?:.*[-_])?(?:cookies?|pass)", re.IGNORECASE | re.DOTALL)
_BROADLY = re.compile(
    r"pas+(?:wo?r?|or)d|passphrase|passcode|cookie|secret|input-data|\bpwd\b|\bpass\b",
    re.IGNORECASE,
)
_QOM_SET = re.compile(r"\bqom[-_]set\b", re.IGNORECASE)
_OBJECT_ADD = re.compile(r"\bobject[-_]add\b", re.IGNORECASE)
_ASSIGNED = re.compile(r"(?<![\w.-])([\w.-]++)=")
# In key=value lists a comma ends the value, two are one of its own (QEMU's keyval syntax).
_LISTED = re.compile(r"(?:[^,\n]|,,)*+")
_TO_THE_END = re.compile(r"[^\n]*+")
_SWITCH = re.compile(r"(?:on|off|yes|no|true|false)(?![^\s,;])", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9.]+(?![^\s,;])")
# https://user:password@host (QEMU's manual, "-drive"), and iSCSI's user%password@host.
_ADDRESS = re.compile(r"(?:://[^/\s:@]*+:|iscsi(?:\+[a-z]+)?://[^/\s:@%]*+%)([^/\s]+)@")
_MEMBER = re.compile(
    r"""["']([\w.-]++)\\*+["']\s*+:\s*+(?!(?:true|false|null|-?[0-9.]++)\s*+[,}])"""
)


@lru_cache(maxsize=512)
def is_secret_name(name: str) -> bool:
    """Whether a member, property or variable called so holds a secret; of a dotted name its last
    part counts.

    >>> is_secret_name("file.proxy-password"), is_secret_name("password-secret")
    (True, False)
    """
    return _NAME.fullmatch(name.rpartition(".")[2]) is not None


def may_be_counted(name: str) -> bool:
    """Whether a number by this name, which is a secret's, is none."""
    return _COUNTED.fullmatch(name.rpartition(".")[2]) is not None


def looks_secret(text: str) -> bool:
    """Whether a text that cannot be read may hold a secret."""
    return (
        _BROADLY.search(text) is not None
        or (_OBJECT_ADD.search(text) is not None and "data" in text)
        or (_QOM_SET.search(text) is not None and ("data" in text or "property" not in text))
        or bool(secret_spans(text))
    )


def is_harmless(name: str, text: str, position: int) -> bool:
    """Whether the word at `position` is none although the name before it is a secret's:
    `password=on` asks for one."""
    return _SWITCH.match(text, position) is not None or (
        may_be_counted(name) and _NUMBER.match(text, position) is not None
    )


def secret_spans(text: str, *, assignments: bool = True) -> list[Span]:
    """Where in `text` secrets stand, in order and apart; without those of `NAME=VALUE` if not
    `assignments`."""
    spans: list[Span] = []
    if assignments and "=" in text:
        spans += _assigned(text)
    if "://" in text:
        spans += (match.span(1) for match in _ADDRESS.finditer(text))
    if ":" in text:
        spans += _members(text)
    return merged(spans)


def _assigned(text: str) -> Iterator[Span]:
    position = 0
    while match := _ASSIGNED.search(text, position):
        position = match.end()
        if is_secret_name(match[1]) and not is_harmless(match[1], text, position):
            # A variable of the environment has its text for itself, commas and all.
            value = (_LISTED if match.start() else _TO_THE_END).match(text, position)
            assert value is not None
            position = value.end()
            yield value.span()


def _members(text: str) -> Iterator[Span]:
    for match in _MEMBER.finditer(text):
        if is_secret_name(match[1]):
            yield match.end(), len(text)
            return


def merged(spans: list[Span]) -> list[Span]:
    """The same places, those that overlap as one, and none that is empty.

    >>> merged([(5, 9), (1, 3), (2, 4), (7, 7)])
    [(1, 4), (5, 9)]
    """
    result: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if result and start < result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        else:
            result.append((start, end))
    return result


def blanked(text: str, spans: list[Span]) -> str:
    """`text` without what stands at `spans`, which are in order and apart."""
    for start, end in reversed(spans):
        text = text[:start] + REDACTED + text[end:]
    return text
