"""`/help`: the local commands, or what is known of a name.

Owns: the words of it. Must not know: what there is to tell (that is `manual.article`), or where it is
shown.
"""

from __future__ import annotations

from ...complete import DEVICE_ADD
from ...errors import LineError
from ...language import (
    MISSING_DRIVER,
    MISSING_SCHEMA,
    OBJECT,
    QUOTED,
    WORD,
    Need,
    arguments,
    hint_for,
    unquote,
)
from ...render import EMPHASIS, NAME, PLAIN, Item, Table, escape, heading, paragraph
from .arguments import text_of, usage, words
from .registry import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...language import LocalCommand, Token
    from ...manual import Found
    from ...qmp import Schema
    from ...render import Block, Span
    from ..context import Host
    from ..effects import Effect


def run_apropos(host: Host, call: LocalCommand) -> list[Effect]:
    wanted = [text_of(token) for token in words(call)]
    if not wanted:
        raise usage(call, "a word to look for is missing")
    if not host.facts.has_schema:
        return host.satisfy(Need(MISSING_SCHEMA), call)
    from ...manual import search_manual  # few scripts search

    schema, manual = host.facts.schema, host.manual()
    rows = rows_of(search_manual(manual.reference, wanted, schema), schema)
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


_OVERVIEW = (
    "A line is COMMAND KEY=VALUE … or a JSON object; /help COMMAND says what a command takes."
)


def run_help(host: Host, call: LocalCommand) -> list[Effect]:
    if not call.tokens:
        return host.page(_overview())
    name, key, given = call.tokens[0], *_given(call)
    ours = [one for one in COMMANDS if one.startswith(name.text)] if name.text[0] == "/" else []
    if name.text in COMMANDS or len(ours) == 1:
        return host.page(_ours(name.text if name.text in COMMANDS else ours[0]))
    if ours:
        return host.page([_table_of(ours)])
    if not host.facts.has_schema:
        return host.satisfy(Need(MISSING_SCHEMA), call)
    driver = given.get("driver") if key and name.text == DEVICE_ADD else None
    if driver is not None and driver not in host.facts.drivers:
        return host.satisfy(Need(MISSING_DRIVER, driver), call)
    from ...manual import (
        Articles,  # few scripts ask for help
        beginning,
    )

    manual = host.manual(name.text)
    articles = Articles(host.facts.schema, manual.reference)
    properties = host.facts.drivers.get(driver) if driver is not None else None
    page = articles.about(name.text, given, key, properties=properties)
    if not page and f"/{name.text}" in COMMANDS:
        return host.page(_ours(f"/{name.text}"))
    if not page:
        page = articles.about_value(name.text)
        begun = beginning(manual.reference, name.text, host.facts.schema)
        if len(begun) == 1 and not page:
            page = articles.about(begun[0].name, given, key)
        elif begun:
            page += [heading(f"Names that begin with {name.text}")]
            page += [Table(rows_of(begun, host.facts.schema))]
    if page:
        return host.page(manual.about(page))
    why = "there is no schema, and no manual"
    if host.facts.schema is not None:
        why = "the server has none of that name"
    elif manual.reference is not None:
        why = "the manual has none of that name"
    raise LineError(
        f"nothing is known of {name.text}: {why}",
        start=name.start,
        end=name.end,
        cure=hint_for(name.text, articles.names())
        or manual.absence
        or f"/apropos {name.text} searches the manual",
    )


def _given(call: LocalCommand) -> tuple[str, dict[str, str]]:
    """The argument that is asked for, if one is, and the values behind the name, by their dotted path."""
    first, rest = call.tokens[0], call.tokens[1:]
    if first.kind != WORD:
        raise usage(call, f"{first.text[:40]!r} is not for {call.name}", first)
    keys = [token for token in rest if token.kind == WORD]
    for token in rest:
        if token in keys[1:]:
            raise usage(call, "one argument's name, or none", token)
        if token.kind == OBJECT:
            raise usage(call, f"{token.text[:40]!r} is not for {call.name}", token)
    found = arguments(call.line, first, [token for token in rest if token not in keys])
    given = {".".join(name for name, _ in one.path): _text(one.value) for one in found}
    return (keys[0].text if keys else ""), given


def _text(token: Token) -> str:
    return unquote(token) if token.kind == QUOTED else token.text


def _overview() -> list[Block]:
    return [
        paragraph(_OVERVIEW),
        heading("Commands of this shell's own"),
        _table_of(COMMANDS),
    ]


def _table_of(names: Iterable[str]) -> Table:
    return Table([[(NAME, COMMANDS[name][1]), (PLAIN, COMMANDS[name][2])] for name in names])


def _ours(name: str) -> list[Block]:
    _, how, what = COMMANDS[name]
    return [Item([(NAME, how)], [paragraph(what)])]
