"""Syntax highlighting of the line being typed, from the parser's tokens. It never fails."""

from __future__ import annotations

import re
from collections.abc import Callable

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import split_lines
from prompt_toolkit.lexers import Lexer

from ..language import Token, parse, prompt_width, tokens as t
from . import styles
from .long_lines import is_long
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
    t.MEMBER: styles.TYPED_ARGUMENT,
    t.STRING: styles.TYPED_STRING,
    t.MARK: styles.TYPED_OPERATOR,
    t.COMMENT: styles.TYPED_COMMENT,
}
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?[kKMGTPE]?|0[xX][0-9a-fA-F]+)")
_WORDS = ("true", "false", "null", "on", "off", "yes", "no", "True", "False", "None")


class LineLexer(Lexer):
    """A lexer for command lines. Human monitor and raw lines need none."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Return a function for the fragments of each physical line."""
        text = document.text
        groups = [] if is_long(text) else split_entry(text)
        lines = [
            line
            for group, is_skipped in groups
            for line in split_lines(_comment(group) if is_skipped else _colour(group))
        ] or [[("", line)] for line in document.lines]

        def line(number: int) -> StyleAndTextTuples:
            return [*lines[number]] if number < len(lines) else []

        return line


def _comment(text: str) -> Fragments:
    return [(_style(styles.TYPED_COMMENT), text)]


def _colour(text: str) -> Fragments:
    """Return the fragments of a line. Joined, they are its text."""
    dropped = prompt_width(text)
    found = _comment(text[:dropped]) if dropped else []
    return found + [(_style_of(leaf), leaf.text) for leaf in parse(text[dropped:]).leaves()]


def _style_of(leaf: Token) -> str:
    if leaf.kind == t.LITERAL:
        is_number = leaf.text.lstrip("-")[:1].isdecimal()
        return _style(styles.TYPED_NUMBER if is_number else styles.TYPED_WORD)
    name = _value_style(leaf.text) if leaf.kind == t.VALUE else _STYLES.get(leaf.kind)
    return _style(name) if name else ""


def _value_style(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return styles.TYPED_NUMBER
    return styles.TYPED_WORD if text in _WORDS else styles.TYPED_STRING


def _style(name: str) -> str:
    return f"class:{name}"
