"""The values that a half-typed command has so far, whatever they are written in.

Owns: one tree for dotted keys, JSON objects and option strings. Must not know: schemas, the cursor.
Unlike `language.tree` it takes everything: of contradictions the first stays, and is noted.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WORD = "word"  # text as it stands, to be read by the type
TEXT = "text"  # in quotes behind `=`: the type counts all the same
STRING = "string"  # a string of JSON's, whatever it looks like
JSON = "json"  # JSON's own true, 5, null
OPAQUE = "opaque"  # what is not to be seen here: from a file, or typed unseen
OBJECT = "object"
ARRAY = "array"
DOTTED = "dotted"  # members that dotted keys give: an object or an array


class Given:
    """One value: `form` is one of the above, `text` that of a scalar, and of brackets behind `=`, which
    may be meant as text; `members` are those of what is no scalar (of an array by "0", "1"…). `start`
    and `end` are its place in the line; of a member by a dotted key, `key_start` is where its name
    begins.
    """

    __slots__ = ("end", "form", "key_start", "members", "start", "text")

    def __init__(self, form: str, text: str, start: int, end: int, key_start: int = -1) -> None:
        self.form = form
        self.text = text
        self.start = start
        self.end = end
        self.key_start = start if key_start < 0 else key_start
        self.members: dict[str, Given] = {}

    @property
    def is_scalar(self) -> bool:
        return self.form in (WORD, TEXT, STRING, JSON, OPAQUE)

    def holds(self, cursor: int) -> bool:
        """Whether the cursor is in it, or at an end of it: it is being typed."""
        return self.start <= cursor <= self.end

    @property
    def is_literal(self) -> bool:
        """Whether it stands in brackets, so that no dotted key can add to it."""
        return self.form in (OBJECT, ARRAY)

    def text_of(self, name: str) -> str | None:
        """The text of a member that has one."""
        member = self.members.get(name)
        is_text = member is not None and member.form in (WORD, TEXT, STRING)
        return member.text if member is not None and is_text else None

    def at(self, path: Iterable[str]) -> Given | None:
        """What stands at a path below this."""
        found: Given | None = self
        for name in path:
            found = found.members.get(name) if found is not None else None
        return found

    def add(self, path: Sequence[str], value: Given) -> str:
        """Hang a value in at a path; what is wrong with that, if anything, without saying where."""
        node = self
        for name in path[:-1]:
            child = node.members.get(name)
            if child is None:
                child = node.members[name] = Given(DOTTED, "", value.start, value.end)
                child.key_start = value.key_start
            elif child.form != DOTTED:
                return "both a value and members"
            node = child
        there = node.members.get(path[-1])
        if there is not None:
            return "both a value and members" if there.form == DOTTED else "twice"
        node.members[path[-1]] = value
        return ""


def nothing(position: int) -> Given:
    """No arguments yet."""
    return Given(DOTTED, "", position, position)
