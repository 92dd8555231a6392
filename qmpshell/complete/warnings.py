"""What is wrong with a half-typed line, in words.

Owns: which mistakes are told, and in which order. Must not know: where it is shown. It informs: whatever
it says, the line may be sent.
"""

from __future__ import annotations

from ..language import tokens as t
from ..language.command import LocalCommand
from .context import find_tokens
from .inspection import Inspection
from .items import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import LineError
    from .inspection import Findings
    from .items import Item
    from .known import Known
    from .slot import Context

# What a word may be that is not typed yet.
_ANY_WORD = "1"
_GUESS = "did you mean"


def find_warnings(line: str, context: Context, known: Known) -> list[str]:
    """What to tell of a line, the gravest first: unknown names and values that cannot be, what is
    missing, then what is only deprecated. `context` is that of the item that the cursor is in."""
    found = find_tokens(line, context.cursor)
    if found is None:
        return []
    line, tokens = found
    typed: list[Findings] = []
    others: list[Findings] = []
    for item in split(line, context.cursor, tokens):
        one = context if item.holds_cursor else item.context(line)
        inspection = Inspection(one, known, is_finished=not item.holds_cursor)
        findings = inspection.run()
        if not item.holds_cursor and one.call is not None:
            findings.name(one.call.name)
        if not findings.wrong and item.tokens[0].kind == t.LOCAL:
            findings.wrong += _local(line, item, context.cursor, known)
        (typed if item.holds_cursor else others).append(findings)
    # What the item that is being typed lacks may still come.
    told = [
        *(text for one in typed + others for text in one.wrong),
        *(text for one in others + typed for text in one.missing),
        *(text for one in typed + others for text in one.notes),
    ]
    return list(dict.fromkeys(told))


def _local(line: str, item: Item, cursor: int, known: Known) -> Iterator[str]:
    """What is wrong with a call of a local command: in one that is being typed, only what does not
    become right by going on."""
    name, *rest = item.tokens
    find = known.find_local_mistake
    if find is None:
        return
    error = find(LocalCommand(name.text, rest, line=line, start=name.start))
    if error is None:
        return
    if item.holds_cursor:
        if _touches(error, cursor):
            return
        more = [*rest, t.Token(t.WORD, _ANY_WORD, item.end)]
        longer = find(
            LocalCommand(name.text, more, line=f"{line[: item.end]}{_ANY_WORD}", start=name.start)
        )
        if longer is None or (longer.reason, longer.start) != (error.reason, error.start):
            return
    mark = ": " if error.cure.startswith(_GUESS) else "; "
    yield f"{error.reason}{mark if error.cure else ''}{error.cure}"


def _touches(error: LineError, cursor: int) -> bool:
    end = error.end if error.end is not None else error.start + 1
    return error.start <= cursor <= end
