"""Syntax highlighting of the line being typed, from the parser's tokens. It never fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer

from ..language import Token, parse, prompt_width, tokens as t
from . import styles
from .splitter import split_entry
from .styles import Fragments

_STYLES = {
    t.NAME: styles.TYPED_COMMAND,
    t.LOCAL: styles.TYPED_LOCAL,
    t.OPEN: styles.TYPED_LOCAL,
    t.CLOSE: styles.TYPED_LOCAL,
    t.KEY: styles.TYPED_ARGUMENT,
    t.OPERATOR: styles.TYPED_OPERATOR,
    t.SEPARATOR: styles.TYPED_OPERATOR,
    t.PIPE: styles.TYPED_OPERATOR,
    t.REDIRECT: styles.TYPED_OPERATOR,
    t.QUOTED: styles.TYPED_STRING,
    t.TEXT: styles.TYPED_SHELL,
    t.FILE: styles.TYPED_SHELL,
    t.COMMENT: styles.TYPED_COMMENT,
}
_IN_JSON = re.compile(
    r"""(?P<string>"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?)"""
    r"""|(?P<number>-?\d[\w.+-]*)|(?P<word>[A-Za-z_]\w*)"""
)
_COLON = re.compile(r"\s*:")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?[kKMGTPE]?|0[xX][0-9a-fA-F]+)")
_WORDS = ("true", "false", "null", "on", "off", "yes", "no", "True", "False", "None")


class LineLexer(Lexer):
    """A lexer for command lines. Human monitor and raw lines need none."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Return a function for the fragments of each physical line."""
        lines = [
            [*line]
            for group, is_skipped in split_entry(document.text)
            for line in _split(_comment(group) if is_skipped else _colour(group))
        ]

        def line(number: int) -> StyleAndTextTuples:
            return [*lines[number]] if number < len(lines) else []

        return line


def _comment(text: str) -> Fragments:
    return [(_style(styles.TYPED_COMMENT), text)]


def _colour(text: str) -> Fragments:
    """Return the fragments of a line. Joined, they are its text."""
    dropped = prompt_width(text)
    found = _comment(text[:dropped]) if dropped else []
    rest = text[dropped:]
    position = 0
    for token in parse(rest).tokens:
        if token.start > position:
            found.append(("", rest[position : token.start]))
        found += _token(token)
        position = token.end
    found.append(("", rest[position:]))
    return found


def _token(token: Token) -> Fragments:
    if token.kind in (t.COMPOUND, t.OBJECT):
        return list(_json(token.text))
    if token.kind == t.VALUE:
        return [(_style(_value_style(token.text)), token.text)]
    name = _STYLES.get(token.kind)
    return [(_style(name) if name else "", token.text)]


def _value_style(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return styles.TYPED_NUMBER
    return styles.TYPED_WORD if text in _WORDS else styles.TYPED_STRING


def _json(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    kinds = {
        "string": styles.TYPED_STRING,
        "number": styles.TYPED_NUMBER,
        "word": styles.TYPED_WORD,
    }
    for match in _IN_JSON.finditer(text):
        if match.start() > position:
            yield (_style(styles.TYPED_OPERATOR), text[position : match.start()])
        name = kinds[match.lastgroup or "word"]
        if name == styles.TYPED_STRING and _COLON.match(text, match.end()):
            name = styles.TYPED_ARGUMENT
        yield (_style(name), match[0])
        position = match.end()
    yield (_style(styles.TYPED_OPERATOR), text[position:])


def _style(name: str) -> str:
    return f"class:{name}"


def _split(fragments: Fragments) -> Iterator[Fragments]:
    """Yield the fragments of each physical line."""
    line: Fragments = []
    for style, text in fragments:
        first, *others = text.split("\n")
        line.append((style, first))
        for other in others:
            yield line
            line = [(style, other)]
    yield line
