"""The items of a line that the cursor is not in.

Owns: where each begins and ends, and its call. Must not know: what is wrong with it. Like all of
`complete` it takes every text and never fails.
"""

from __future__ import annotations

from ..language import tokens as t
from .context import read_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..language.tokens import Token
    from .slot import Context

_OUTPUTS = (">", ">>")
# Who types more of them reads no warnings.
_MOST = 24


class Item:
    """`tokens` are those of one item, of the line up to `end`; `holds_cursor` says that it is the one
    that is being typed."""

    __slots__ = ("end", "holds_cursor", "is_action", "is_closing", "tokens")

    def __init__(self, *, is_action: bool, is_closing: bool) -> None:
        self.tokens: list[Token] = []
        self.end = 0
        self.is_action = is_action
        self.is_closing = is_closing
        self.holds_cursor = False

    def context(self, line: str) -> Context:
        """Its call as it is when the cursor has left it."""
        last = self.tokens[-1].end
        cursor = last + 1
        return read_item(
            line[:last],
            cursor,
            self.tokens,
            is_action=self.is_action,
            is_closing=self.is_closing,
        )


def split(line: str, cursor: int, tokens: Sequence[Token]) -> list[Item]:
    """The items of a line, in order, as many as are looked at."""
    items = [one for one in _items(line, tokens) if one.tokens]
    for one in items:
        first = one.tokens[0]
        one.holds_cursor = first.start <= cursor <= one.end
    return items[:_MOST]


def _items(line: str, tokens: Sequence[Token]) -> Iterator[Item]:
    item = Item(is_action=False, is_closing=False)
    for token in tokens:
        ends = token.kind in (t.SEPARATOR, t.OPEN, t.CLOSE)
        if ends or token.kind == t.PIPE or (token.kind == t.REDIRECT and token.text in _OUTPUTS):
            item.end = item.end or token.start
            yield item
            if not ends:
                return
            is_action = token.kind == t.OPEN or (item.is_action and token.kind != t.CLOSE)
            item = Item(is_action=is_action, is_closing=token.kind == t.CLOSE)
        elif token.kind != t.COMMENT:
            item.tokens.append(token)
        elif item.tokens:
            item.end = token.start
    item.end = item.end or len(line)
    yield item
