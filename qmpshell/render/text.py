"""Text that is safe to show at a terminal: escaping, and progress bars."""

from __future__ import annotations

import re
from json.encoder import encode_basestring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# C0 and C1 controls and DEL; bidirectional controls and marks; line and paragraph separators;
# zero-width characters, the byte-order mark, tags; and surrogates, which no encoding has. Compiled
# on first use: most scripts never need it.
_UNSAFE = "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"


# Replaces a secret wherever it would be shown or stored.
REDACTED = "<redacted>"


def escape(text: str, *, keep: str = "") -> str:
    r"""Return `text` with every unsafe character as `\xNN` or `\uNNNN`, except those in `keep`.

    >>> escape("a\x1b[2J")
    'a\\x1b[2J'
    """
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_UNSAFE, lambda match: match[0] if match[0] in keep else _escaped(match[0]), text)


def replace_spans(text: str, spans: Iterable[tuple[int, int]], replacement: str) -> str:
    """Return `text` with the parts at these positions replaced. They are in order and disjoint.

    >>> replace_spans("a=1 b=2", [(2, 3), (6, 7)], "…")
    'a=… b=…'
    """
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        pieces += (text[position:start], replacement)
        position = end
    return "".join((*pieces, text[position:]))


def escape_lines(text: str) -> str:
    """Escape text of several lines: line ends and tabs stay."""
    return escape(text, keep="\n\t")


def escape_json(text: str) -> str:
    r"""Escape JSON text: unsafe characters become JSON escapes, `\uNNNN`."""
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_UNSAFE, _json_escaped, text)


def utf8_string(text: str) -> str:
    """Encode a string as JSON for a Unicode terminal: only unsafe characters are escaped."""
    return escape_json(encode_basestring(text))


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


_BLOCKS = " ▏▎▍▌▋▊▉█"


def percent(done: int, total: int) -> int:
    """Return the percentage of `total`, which is above 0; 100 only if all is done."""
    return max(0, min(100, 100 * done // total))


def progress_bar(done: int, total: int, *, cells: int, unicode: bool) -> str:
    """Return a progress bar of `cells` columns between two marks.

    >>> progress_bar(43, 100, cells=8, unicode=True)
    '▕███▍    ▏'
    >>> progress_bar(43, 100, cells=8, unicode=False)
    '[###.....]'
    """
    steps = 8 if unicode else 1
    filled = max(0, min(cells * steps, cells * steps * done // total))
    if not unicode:
        return f"[{'#' * filled:.<{cells}}]"
    full, rest = divmod(filled, steps)
    text = _BLOCKS[-1] * full + (_BLOCKS[rest] if rest else "")
    return f"▕{text:<{cells}}▏"


def text_width(text: str) -> int:
    """Return the columns that escaped text takes at a terminal.

    >>> text_width("disk"), text_width("日本"), text_width("สี่")
    (4, 4, 1)
    """
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # slow to import, rarely needed

    return max(0, wcswidth(text))
