"""Entries of the history: what was accepted at once, a line or several.

Owns: cutting an entry into the lines that are read one by one, and what of it may be kept. Must not
know: files, or what is secret (that is `lines`).

What runs again is kept, and nothing else: prompts that were pasted are dropped, and replies.
"""

from __future__ import annotations

import re

from ..errors import LineError
from ..language.lines import LineAssembler
from .human_secrets import human_spans
from .lines import asking, is_piece, secret_values
from .secret_text import looks_secret, secret_spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..language.lines import LogicalLine
    from .secret_text import Span

# QMP's, and a mistake in a line for the human monitor.
_JSON_COMMAND = re.compile(r"""^\s*{|["']exec(?:ute|-oob)["']""", re.MULTILINE)
# How a line ends whose backslash was forgotten.
_GOES_ON = ("=", ":", ",", "{", "[")


def redact_entry(text: str, *, human: bool, raw: bool = False) -> str | None:
    """The entry without its secrets; None where nothing of it may be kept, as of one that begins
    with a blank.

    Lines without secrets come back as they are, but for empty ones around them. `human` says that
    they are for the human monitor, `raw` that they go out as they stand: neither knows `@?`.
    """
    if text[:1] in (" ", "\t"):
        return None
    if raw or (human and _JSON_COMMAND.search(text)):
        kept = text if _is_harmless(text) else ""
    elif human:
        kept = "\n".join(line for line in text.split("\n") if not human_spans(line))
    else:
        kept = _redact(text)
    # A blank in front would keep the line out when it is entered again.
    return kept.lstrip().rstrip("\n") or None


def _is_harmless(text: str) -> bool:
    """Whether no secret is in a text that may be QMP's or the human monitor's."""
    return not (
        secret_spans(text)
        or any(human_spans(line) for line in text.split("\n"))
        or any(_tells(line, spans, text) for line, spans in _logical_lines(text))
    )


def _tells(line: str, spans: list[Span] | None, text: str) -> bool:
    if is_piece(line):
        return spans != [] or looks_secret(text)
    return line.lstrip()[:1] == "{" and spans != []


def _redact(text: str) -> str:
    kept: list[str] = []
    before = ""
    suspicious: bool | None = None
    for line, spans in _logical_lines(text):
        stray = before.rstrip().endswith(_GOES_ON) or is_piece(line)
        before = line
        if stray and suspicious is None:
            suspicious = looks_secret(text)
        # Where a backslash was forgotten, a secret stands far from what makes it one.
        if spans is not None and not (stray and suspicious):
            kept.append(asking(line, spans))
    return "\n".join(kept)


def _logical_lines(text: str) -> Iterator[tuple[str, list[Span] | None]]:
    """Each logical line as it was typed, and where secrets stand in it; None says that it may not
    be kept. JSON that goes wrong takes with it all that follows: nobody knows where it ends.
    """
    typed = text.split("\n")
    assembler = LineAssembler()
    for number, last in enumerate(typed):
        try:
            line = assembler.feed(last, number)
        except LineError:
            rest = "\n".join(typed[assembler.take().locate(0)[0] :])
            broken = looks_secret(rest) or any(secret_values(one) != [] for one in rest.split("\n"))
            yield rest, None if broken else []
            return
        if line is None and number == len(typed) - 1 and assembler.open:
            line = assembler.take()
        if line is not None:
            yield _as_typed(typed, line, number)


def _as_typed(typed: list[str], line: LogicalLine, last: int) -> tuple[str, list[Span] | None]:
    """What was typed for a logical line, without a prompt, and where secrets stand there."""
    first, column, _ = line.locate(0)
    prompt = column - 1
    begins = {first: -prompt}
    for number in range(first, last):
        begins[number + 1] = begins[number] + len(typed[number]) + 1

    def place(offset: int) -> int:
        number, column, _ = line.locate(offset)
        return begins[number] + column - 1

    spans = secret_values(line.text)
    if spans is not None:
        # The end by the last character: what follows it may stand on another line.
        spans = [(place(start), place(end - 1) + 1) for start, end in spans]
    return "\n".join(typed[first : last + 1])[prompt:], spans
