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
    from ..manual.search import Found
    from ..page import Span
    from ..schema.model import Schema
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    wanted = [text_of(token) for token in words(call)]
    if not wanted:
        raise usage(call, "a word to look for is missing")
    if not host.facts.has_schema:
        return host.satisfy(Need(SCHEMA), call)
    from ..manual.search import search  # few scripts search

    schema, manual = host.facts.schema, host.manual()
    rows = rows_of(search(manual.reference, wanted, schema), schema)
    if not rows:
        what = escape(" ".join(wanted))
        why = f": {manual.absence}" if manual.absence else ""
        return host.fail(f"nothing has to do with {what}{why}")
    return host.page(manual.about([Table(rows)]))


def rows_of(found: list[Found], schema: Schema | None) -> list[list[Span]]:
    """What was found, for a table; of what the server does not have it says so."""
    rows: list[list[Span]] = []
    for one in found:
        kind = one.kind
        if schema is not None and not _is_had(schema, one):
            kind = f"{kind}, not in this server"
        rows.append([(NAME, one.name), (EMPHASIS, kind), (PLAIN, one.sentence)])
    return rows


def _is_had(schema: Schema, found: Found) -> bool:
    """Whether the server has what was found; its types have no names."""
    if found.kind == "command":
        return schema.command(found.name) is not None
    return found.kind != "event" or schema.event(found.name) is not None
