"""A parser for manual pages in roff.

It supports the macros and escapes of rst2man and Sphinx and the most common others. It never fails:
unknown macros are ignored, and text is kept.
"""

from __future__ import annotations

import re

from ..render import (
    EMPHASIS,
    NAME,
    PLAIN,
    Block,
    Group,
    Heading,
    Item,
    Literal,
    Paragraph,
    Spans,
    Table,
    plain_text_of,
)

# A font change; a named character; a motion or register; a comment; any other escape.
_ESCAPE = (
    r"\\(?:f(?:\[(?P<long>[^\]\n]*)\]|\((?P<two>..)|(?P<one>.))"
    r"|\((?P<char>..)|\[(?P<name>[^\]\n]*)\]"
    r"|(?P<silent>[*nkmgY](?:\[[^\]\n]*\]|\(..|.)|s[-+]?\d{1,2}|[hvwlLoDbxX]'[^'\n]*'|\"[^\n]*|c\n)"
    r"|(?P<other>[\s\S])|$)"
)
_CHARACTERS = {
    "aq": "'",
    "cq": "’",
    "oq": "‘",
    "dq": '"',
    "lq": "“",
    "rq": "”",
    "bu": "•",
    "co": "©",
    "em": "—",
    "en": "–",
    "ha": "^",
    "hy": "-",
    "mi": "-",
    "mu": "×",
    "rs": "\\",
    "ti": "~",
    "ga": "`",
    "->": "→",
    "<-": "←",
    "<=": "≤",
    ">=": "≥",
    "+-": "±",
}
_LETTERS = {"-": "-", "e": "\\", "\\": "\\", " ": " ", "~": " ", "0": " ", "'": "'", "`": "`"}
_FONTS = {"B": NAME, "3": NAME, "CW": NAME, "CB": NAME, "C": NAME, "I": EMPHASIS, "2": EMPHASIS}
_LONGEST_MARK = 4
# Deeper indentation is ignored.
_MAX_DEPTH = 64


def parse_page(text: str, *, is_part: bool = False) -> list[Block]:
    """Return the blocks of a page.

    With `is_part`, stop where more indentation ends than began in `text`.
    """
    reader = _Reader(is_part=is_part)
    for line in text.split("\n"):
        if reader.ended:
            break
        reader.add(line)
    return reader.finish()


def spans(text: str) -> Spans:
    """Return the spans of roff text, with blanks and line ends as single blanks and none around it."""
    found: Spans = []
    font = before = PLAIN
    position = 0
    for match in re.finditer(_ESCAPE, text) if "\\" in text else ():
        _add(found, font, text[position : match.start()])
        position = match.end()
        chosen = match["long"] or match["two"] or match["one"]
        if match[0].startswith("\\f"):
            back = chosen in (None, "P")
            font, before = (before if back else _FONTS.get(str(chosen), PLAIN)), font
        else:
            _add(found, font, _character(match))
    _add(found, font, text[position:])
    return _normalized(found)


def literal(text: str) -> str:
    """Return roff text as printed, with its blanks."""
    if "\\" not in text:
        return text
    return re.sub(_ESCAPE, _character, text)


def _character(match: re.Match[str]) -> str:
    if match["other"] is not None:
        return _LETTERS.get(match["other"], match["other"] if match["other"].isalpha() else "")
    name = match["char"] or match["name"]
    if not name:
        return ""
    if name[0] == "u" and name[1:]:
        try:
            return chr(int(name[1:], 16))
        except (ValueError, OverflowError):
            return ""
    return _CHARACTERS.get(name, "")


def _add(found: Spans, style: str, text: str) -> None:
    if not text:
        return
    if found and found[-1][0] == style:
        found[-1] = (style, found[-1][1] + text)
    else:
        found.append((style, text))


def _normalized(found: Spans) -> Spans:
    normalized: Spans = []
    ended = True  # with a blank, or empty
    for style, text in found:
        words = " ".join(text.split())
        if text[0].isspace() and not ended:
            words = " " + words if words else " "
        if words and words != " " and text[-1].isspace():
            words += " "
        if words:
            _add(normalized, style, words)
            ended = words[-1] == " "
    if normalized and ended:
        style, text = normalized.pop()
        if text.rstrip(" "):
            normalized.append((style, text.rstrip(" ")))
    return normalized


class _Frame:
    """A level of indentation: its `blocks`, and `into`, the list that receives the next block."""

    __slots__ = ("blocks", "into")

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.into = self.blocks


class _Reader:
    def __init__(self, *, is_part: bool) -> None:
        self._is_part = is_part
        self._frames = [_Frame()]
        self._lines: list[str] = []
        self._awaits_term = False
        # The lines of literal text or of a table that is open.
        self._literal: list[str] | None = None
        self._table: list[str] | None = None
        self._is_defining = False
        self._too_deep = 0
        self.ended = False

    def add(self, line: str) -> None:
        line = line.rstrip("\r")
        if self._is_defining:
            self._is_defining = line.strip() != ".."
        elif line[:1] in (".", "'") and (self._table is None or line[1:3] == "TE"):
            name, _, rest = line[1:].lstrip().partition(" ")
            self._macro(name, rest.strip())
        elif self._table is not None:
            self._table.append(line)
        elif self._literal is not None:
            self._literal.append(literal(line))
        elif not line.strip():
            self._flush()
        else:
            # Sphinx omits a line end before some lists.
            text, dot, amount = line.rpartition(".INDENT ")
            if dot and text and amount.replace(".", "").isdecimal():
                self._text(text)
                self._macro("INDENT", amount)
            else:
                self._text(line)

    def finish(self) -> list[Block]:
        self._flush()
        while len(self._frames) > 1:
            self._unindent()
        return self._frames[0].blocks

    def _text(self, line: str) -> None:
        if self._awaits_term:
            self._start_list_item(spans(line))
        else:
            self._lines.append(line)

    def _macro(self, name: str, rest: str) -> None:  # noqa: C901 - a dispatch on macro names
        if name in ("B", "I", "BI", "BR", "RB", "IB", "IR", "RI", "SB", "SM"):
            self._styled(name, rest)
        elif name in ("SH", "SS"):
            self._flush()
            while len(self._frames) > 1:
                self._unindent()
            self._frames[0].into = self._frames[0].blocks
            self._add_block(Heading(spans(_argument(rest)[0]), 1 if name == "SH" else 2))
        elif name in ("TP", "TQ"):
            self._flush()
            self._awaits_term = True
        elif name == "IP":
            self._flush()
            self._start_item(_argument(rest)[0] if rest[:1] == '"' else rest.partition(" ")[0])
        elif name in ("INDENT", "RS"):
            self._indent()
        elif name in ("UNINDENT", "RE"):
            self._flush()
            self._unindent()
        elif name in ("nf", "EX"):
            self._flush()
            self._literal = []
        elif name in ("fi", "EE"):
            self._flush()
        elif name in ("PP", "LP", "P"):
            self._flush()
            self._frames[-1].into = self._frames[-1].blocks
        elif name in ("sp", "br"):
            if self._literal is None:
                self._flush()
            elif name == "sp":
                self._literal.append("")
        elif name == "TS":
            self._flush()
            self._table = []
        elif name == "TE":
            self._flush()
        elif name in ("de", "de1", "am", "ig"):
            self._is_defining = True

    def _styled(self, name: str, rest: str) -> None:
        text = " ".join(_arguments(rest))
        if self._literal is not None:
            self._literal.append(literal(text))
        elif "\\f" in text or len(name) > 1:
            self._text(text)
        else:
            self._text(f"\\f{name}{text}\\fP")

    def _start_item(self, mark: str) -> None:
        text = plain_text_of(spans(mark))
        if not text:
            self._frames[-1].into = self._frames[-1].blocks
        elif len(text) <= _LONGEST_MARK and not text.isalpha():
            self._start_list_item([], mark=text)
        else:
            self._start_list_item(spans(mark))

    def _start_list_item(self, term: Spans, *, mark: str = "") -> None:
        self._awaits_term = False
        frame = self._frames[-1]
        item = Item(term, mark=mark)
        frame.blocks.append(item)
        frame.into = item.blocks

    def _indent(self) -> None:
        self._flush()
        if len(self._frames) < _MAX_DEPTH:
            self._frames.append(_Frame())
        else:
            self._too_deep += 1

    def _unindent(self) -> None:
        if self._too_deep:
            self._too_deep -= 1
        elif len(self._frames) > 1:
            blocks = self._frames.pop().blocks
            alone = len(blocks) == 1 and isinstance(blocks[0], (Group, Literal, Table))
            if alone or all(isinstance(block, Item) for block in blocks):
                # It is a list, or already set off.
                self._frames[-1].into += blocks
            else:
                self._add_block(Group(blocks))
        else:
            self.ended = self._is_part

    def _add_block(self, block: Block) -> None:
        self._frames[-1].into.append(block)

    def _flush(self) -> None:
        """End the open paragraph, literal text or table."""
        self._awaits_term = False
        lines, self._lines = self._lines, []
        if lines:
            text = spans("\n".join(lines))
            if text:
                self._add_block(Paragraph(text))
        kept, self._literal = self._literal, None
        if kept:
            whole = "\n".join(kept).strip("\n")
            if whole:
                self._add_block(Literal(whole))
        table, self._table = self._table, None
        if table:
            rows = _rows(table)
            if rows:
                self._add_block(Table(rows))


def _argument(text: str) -> tuple[str, str]:
    """Return a macro's first argument, or the complete text if it has no quotes, and the rest."""
    if text[:1] != '"':
        return text, ""
    inner, _, rest = text[1:].partition('"')
    return inner, rest.strip()


def _arguments(text: str) -> list[str]:
    found: list[str] = []
    while text:
        argument, text = _argument(text)
        found.append(argument)
    return found


def _rows(lines: list[str]) -> list[Spans]:
    """Return the rows of a table (tbl(1)): its cells follow the line that ends with a full stop."""
    start = next((n for n, line in enumerate(lines, 1) if line.rstrip().endswith(".")), 0)
    rows: list[Spans] = []
    cells: list[str] = []
    is_open = False
    for line in lines[start:]:
        if is_open and not line.startswith("T}"):
            cells[-1] += f"\n{line}"
            continue
        if line.startswith("T}"):
            line = line[2:].lstrip("\t")
            if not line:
                is_open = False
                continue
        if line.strip() in ("_", "="):
            rows += _row(cells)
            cells = []
            continue
        new = line.split("\t")
        is_open = new[-1] == "T{"
        cells += ["" if cell == "T{" else cell for cell in new]
    return rows + _row(cells)


def _row(cells: list[str]) -> list[Spans]:
    return [[(PLAIN, plain_text_of(spans(cell))) for cell in cells]] if cells else []
