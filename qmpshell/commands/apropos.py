"""`/apropos`: names that have something to do with some words.

Owns: the words of it, and that the best is told first. Must not know: where it is shown, how the manual
is read.
"""

from __future__ import annotations

from ..language.facts import SCHEMA, Need
from ..page import EMPHASIS, NAME, PLAIN, Table
from ..render.escape import escape
from .words import text_of, usage, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from ..page import Block, Span
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    wanted = [text_of(token) for token in words(call)]
    if not wanted:
        raise usage(call, "a word to look for is missing")
    if not host.facts.has_schema:
        return host.satisfy(Need(SCHEMA), call)
    schema, manual = host.facts.schema, host.manual()
    known = dict.fromkeys(schema.commands(), "command") if schema is not None else {}
    known |= dict.fromkeys(schema.events(), "event") if schema is not None else {}
    rows: list[list[Span]] = []
    for found in manual.reference.search(wanted) if manual.reference is not None else ():
        is_missing = schema is not None and found.kind in ("command", "event")
        is_missing = is_missing and known.pop(found.name, None) is None
        kind = f"{found.kind}, not in this server" if is_missing else found.kind
        rows.append([(NAME, found.name), (EMPHASIS, kind), (PLAIN, found.sentence)])
    unheard = [
        [(NAME, name), (EMPHASIS, kind), (PLAIN, "")]
        for name, kind in known.items()
        if all(word.lower() in name.lower() for word in wanted)
    ]
    rows = unheard + rows
    if not rows:
        what = escape(" ".join(wanted))
        why = f": {manual.absence}" if manual.absence else ""
        return host.fail(f"nothing has to do with {what}{why}")
    page: list[Block] = [Table(rows)]
    return host.page(manual.about(page))
