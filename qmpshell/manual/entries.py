"""Entries of QEMU's reference manual: commands, events and types, and the parts of each.

The parts are recognized by their labels (`Arguments`, `Members`, `Example:` …), which are headings,
terms of a list, or words in bold, depending on the version of the manual.
"""

from __future__ import annotations

import re

from ..record import Record
from ..render import PLAIN, Block, Group, Heading, Item, Paragraph, Spans, plain_text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


COMMAND = "command"
EVENT = "event"
ENUM = "enum"
KINDS = (COMMAND, EVENT, ENUM, "object", "alternate", "union", "struct")

# The labels of each part, in lower case.
_MEMBERS = "argument arguments member members data value values alternative alternatives branches"
_FEATURES = "feature features"
_RETURNS = "return returns"
_ERRORS = "error errors raises"
_SINCE = "since"
_CONDITION = "if availability"
_NOTES = "note notes caution warning attention important see-also"
_EXAMPLES = "example examples"
_OURS = "todo"  # notes for QEMU's developers
_PARTS = (_MEMBERS, _FEATURES, _RETURNS, _ERRORS, _SINCE, _CONDITION, _NOTES, _EXAMPLES, _OURS)
_ROLES = {label.replace("-", " "): part for part in _PARTS for label in part.split()}
_SEPARATOR = r"\s*(?:--|—|–|:)(?:\s+|$)"
_OPTIONAL = r"[\s,]*\(?\boptional\b\)?"
_ELSEWHERE = r"\bsee the documentation of (\w+)"
# Types that have other names in the manual.
_TYPE_NAMES = {"string": "str", "boolean": "bool", "value": "any"}
_CONDITIONAL = r"\s*\(?\bIf:.*"


class Described(Record):
    """A member, a value or a feature, and its description.

    `type` is a type name in the manual, or a simple type; an array's is in brackets.
    """

    name: str
    blocks: list[Block]
    type: str = ""
    optional: bool = False


class Inherited(Record):
    """The members of another type are members too: if `tag` is `value`, or always if both are empty."""

    type: str
    tag: str = ""
    value: str = ""


class Entry:
    """An entry of the manual.

    `kind` is one of KINDS, `since` the first version that has it, `return_type` as in the manual.
    Each may be empty, and so may the lists of blocks.
    """

    def __init__(self, name: str, kind: str, since: str, blocks: list[Block]) -> None:
        self.name = name
        self.kind = kind
        self.since = since
        self.condition = ""
        self.prose: list[Block] = []
        self.members: list[Described] = []
        self.inherited: list[Inherited] = []
        self.features: list[Described] = []
        self.return_type = ""
        self.returns: list[Block] = []
        self.errors: list[Block] = []
        self.notes: list[Block] = []
        self.examples: list[Block] = []
        for label, part in _parts(blocks):
            self._add_part(label, part)
        if not self.members and not self.inherited:
            described = re.search(_ELSEWHERE, text_of(self.prose))
            if described:
                self.inherited.append(Inherited(described[1]))

    def member(self, name: str) -> Described | None:
        """Return the description of a member, or None."""
        return next((member for member in self.members if member.name == name), None)

    @property
    def first_sentence(self) -> str:
        """Return the first sentence of the text."""
        return first_sentence(self.prose)

    def _add_part(self, label: str, part: list[Block]) -> None:
        role = _role(label) if label else None
        if role == _MEMBERS:
            self._add_members(part)
        elif role == _FEATURES:
            self.features += [one for block in part if (one := _described(block)) is not None]
        elif role == _RETURNS:
            self.return_type, rest = _typed(part)
            self.returns += rest
        elif role == _ERRORS:
            self.errors += part
        elif role == _SINCE:
            self.since = self.since or text_of(part)
        elif role == _CONDITION:
            self.condition = self.condition or text_of(part)
        elif role == _EXAMPLES:
            title = label.partition(":")[2].strip()
            self.examples += [Paragraph([(PLAIN, title)]), *part] if title else part
        elif role == _NOTES or not label:
            (self.notes if label else self.prose).extend(part)
        elif part and role != _OURS:
            self.notes += [Paragraph([(PLAIN, label)]), *part]

    def _add_members(self, part: list[Block]) -> None:
        for block in part:
            inherited = _inherited(block)
            if inherited is not None:
                self.inherited.append(inherited)
                continue
            described = _described(block)
            if described is not None:
                self.members.append(described)
            elif isinstance(block, Item) and self.members:
                self.members[-1].blocks.append(block)
            else:
                self.prose.append(block)


def parse_title(text: str) -> tuple[str, str, str] | None:
    """Return name, kind and `since` from the title of an entry, or None for another title.

    >>> parse_title("block-stream (Command)")
    ('block-stream', 'command', '')
    >>> parse_title("Command  block-stream  (Since: 1.1)")
    ('block-stream', 'command', '1.1')
    """
    since = ""
    words: list[str] = []
    for inner, word in re.findall(r"\(([^)]*)\)|([^\s()]+)", text):
        if inner.lower().startswith("since"):
            since = inner[len("since") :].lstrip(": ")
        else:
            words += inner.split() or [word]
    words = [word for word in words if word != ":"]
    if len(words) != 2:
        return None
    for kind, name in (words, words[::-1]):
        if kind.lower().rstrip(":") in KINDS and name.lower() not in KINDS:
            return name.rstrip(":"), kind.lower().rstrip(":"), since
    return None


# What the manual says of an item without a description.
SAYS_NOTHING = "Not documented"


def first_sentence(blocks: list[Block]) -> str:
    """Return the first sentence of the first paragraph, without its full stop, or ""."""
    for block in blocks:
        if isinstance(block, Paragraph):
            text = plain_text_of(block.spans)
            end = re.search(r"(?<!e\.g)(?<!i\.e)(?<!etc)[.:!?](?=\s+[^a-z\s]|\s*$)", text)
            sentence = text[: end.start()] if end else text
            return sentence if sentence != SAYS_NOTHING else ""
    return ""


def text_of(blocks: list[Block]) -> str:
    """Return the text of the paragraphs on one line."""
    return " ".join(plain_text_of(block.spans) for block in blocks if isinstance(block, Paragraph))


def _role(label: str) -> str | None:
    key = label.lower().strip()
    return _ROLES.get(key.rstrip(":"), _ROLES.get(key.partition(":")[0]))


def _parts(blocks: list[Block]) -> Iterator[tuple[str, list[Block]]]:
    """Yield the labelled parts of an entry in order. The label of unlabelled text is ""."""
    label, part = "", list[Block]()
    queue = list(blocks)
    while queue:
        block = queue.pop(0)
        found: tuple[str, list[Block]] | None = None
        if isinstance(block, Heading):
            yield label, part
            label, part = plain_text_of(block.spans), []
            continue
        if label:  # a member may have the name of a label
            part.append(block)
            continue
        if isinstance(block, Item) and _role(plain_text_of(block.term)) is not None:
            found = (plain_text_of(block.term), block.blocks)
        elif isinstance(block, Group) and _is_labelled(block):
            queue[:0] = block.blocks
            continue
        elif isinstance(block, Paragraph):
            before, after = _split_condition(block)
            if after is not None:
                queue[:0] = [before, after]
                continue
            found = _labelled(block)
            if found is not None and not found[1] and queue and isinstance(queue[0], Group):
                following = queue.pop(0)
                assert isinstance(following, Group)
                found = (found[0], following.blocks)
        if found is None:
            part.append(block)
        else:
            yield "", part
            yield found
            part = []
    yield label, part


def _is_labelled(group: Group) -> bool:
    return bool(group.blocks) and all(
        isinstance(block, Item) and _role(plain_text_of(block.term)) is not None
        for block in group.blocks
    )


def _labelled(block: Paragraph) -> tuple[str, list[Block]] | None:
    """Return the styled label at the start of a paragraph, and the rest of the paragraph."""
    style, text = block.spans[0]
    rest = block.spans[1:]
    has_colon = text.endswith(":") or bool(rest and rest[0][1].startswith(":"))
    if style == PLAIN or not has_colon or _role(text) is None:
        return None
    if rest and rest[0][1].startswith(":"):
        rest = [(rest[0][0], rest[0][1][1:]), *rest[1:]]
    rest = _trimmed(rest)
    return text.rstrip(":"), [Paragraph(rest)] if rest else []


def _split_condition(block: Paragraph) -> tuple[Paragraph, Paragraph | None]:
    """Return a paragraph, and the condition that Sphinx appends to it without a line end."""
    for index, (style, text) in enumerate(block.spans):
        is_condition = index and style != PLAIN and _ROLES.get(text.lower()) == _CONDITION
        if is_condition and not block.spans[index - 1][1].endswith(" "):
            return Paragraph(block.spans[:index]), Paragraph(block.spans[index:])
    return block, None


def _trimmed(found: Spans) -> Spans:
    """Return spans without leading blanks."""
    while found and not found[0][1].strip():
        found = found[1:]
    return [(found[0][0], found[0][1].lstrip()), *found[1:]] if found else []


def _head(block: Block) -> tuple[Spans, list[Block]] | None:
    """Return the start of a list item up to its text, and that text."""
    if not isinstance(block, Item):
        return None
    if block.term:
        return block.term, block.blocks
    if not block.blocks or not isinstance(block.blocks[0], Paragraph):
        return None
    found = block.blocks[0].spans
    for index, (style, text) in enumerate(found):
        match = re.search(_SEPARATOR, text) if style == PLAIN and index else None
        if match is not None:
            rest = _trimmed([(style, text[match.end() :]), *found[index + 1 :]])
            head = [*found[:index], (style, text[: match.start()])]
            return head, [*([Paragraph(rest)] if rest else []), *block.blocks[1:]]
    return found, block.blocks[1:]


def _typed(part: list[Block]) -> tuple[str, list[Block]]:
    """Return the type at the start of a part if a separator follows it, and the rest."""
    if part and isinstance(part[0], Paragraph):
        found = part[0].spans
        text = plain_text_of(found)
        separator = re.search(r" (?:--|—|–)(?: |$)", text)
        if separator and " " not in text[: separator.start()] and found[0][0] != PLAIN:
            rest = (
                [Paragraph([(PLAIN, text[separator.end() :])])] if text[separator.end() :] else []
            )
            return _type_name(text[: separator.start()]), [*rest, *part[1:]]
    return "", part


def _type_name(text: str) -> str:
    """Return a type in the form that the program uses: `[str]` for `array of string`.

    >>> _type_name("[boolean]")
    '[bool]'
    """
    bare = text.removeprefix("array of ").strip("[]")
    name = _TYPE_NAMES.get(bare, bare)
    return f"[{name}]" if bare != text else name


def _described(block: Block) -> Described | None:
    parts = _head(block)
    if parts is None:
        return None
    head, blocks = parts
    if not head or head[0][0] == PLAIN:
        return None
    detail = re.sub(_CONDITIONAL, "", plain_text_of(head[1:]))
    bare = re.sub(_OPTIONAL, "", detail)
    return Described(
        head[0][1],
        blocks,
        type=_type_name(bare.strip(" :()")),
        optional=len(bare) < len(detail),
    )


def _first_spans(block: Block) -> Spans:
    if isinstance(block, Paragraph):
        return block.spans
    if isinstance(block, Item):
        if block.term:
            return block.term
        if block.blocks and isinstance(block.blocks[0], Paragraph):
            return block.blocks[0].spans
    return []


def _inherited(block: Block) -> Inherited | None:
    found = _first_spans(block)
    text = plain_text_of(found)
    place = text.find("members of ")
    if place < 0 or (place > len("the ") and not text.lower().startswith(("when ", "if "))):
        return None
    names: list[str] = []
    type_name, position = "", 0
    for style, word in found:
        if "If:" in word:
            break
        if style != PLAIN and position > place and not type_name:
            type_name = word
        elif style != PLAIN:
            names.append(word.strip('"'))
        position += len(word)
    if not type_name or len(names) not in (0, 2):
        return None
    return Inherited(type_name, *names)
