"""The shell commands /help and /apropos."""

from __future__ import annotations

from ...language import (
    MISSING_DRIVER,
    OBJECT,
    WORD,
    Missing,
    arguments,
    suggestion_for,
)
from ...qmp import DEVICE_ADD
from ...render import (
    EMPHASIS,
    NAME,
    PLAIN,
    Page,
    Table,
    definition,
    escape,
    heading,
    names_table,
    paragraph,
)
from .arguments import command_words, no_argument_error, text_of, usage_error, value_text
from .registry import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...language import ShellCommand, Token
    from ...manual import Found
    from ...qmp import Schema
    from ...render import Block, Span
    from ..context import CommandContext
    from ..steps import Steps


def run_apropos(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/apropos WORD…`."""
    wanted = [text_of(token) for token in command_words(call)]
    if not wanted:
        raise usage_error(call, "a word to look for is missing")
    if not (yield from context.load_schema()):
        return
    from ...manual import search_manual  # few scripts search

    schema, manual = context.introspection.schema, context.state.manual()
    rows = rows_of(search_manual(manual.reference, wanted, schema), schema)
    if not rows:
        what = escape(" ".join(wanted))
        why = f": {manual.absence}" if manual.absence else ""
        context.fail(f"nothing found for {what}{why}")
        return
    context.show_document(manual.about([Table(rows)]))


def rows_of(found: list[Found], schema: Schema | None) -> list[list[Span]]:
    """Return the search results as table rows, marking those that the server does not have."""
    rows: list[list[Span]] = []
    for item in found:
        kind = item.kind
        if schema is not None and not _is_available(schema, item):
            kind = f"{kind}, not in this server"
        rows.append([(NAME, item.name), (EMPHASIS, kind), (PLAIN, item.sentence)])
    return rows


def _is_available(schema: Schema, found: Found) -> bool:
    """Return True if the server has what was found. Types in its schema have no names."""
    if found.kind == "command":
        return schema.command(found.name) is not None
    return found.kind != "event" or schema.event(found.name) is not None


_OVERVIEW = (
    "A line is COMMAND KEY=VALUE … or a JSON object; /help COMMAND shows its arguments, and"
    " /help keys lists the keys."
)
_HUMAN_OVERVIEW = (
    "A line is a command of the human monitor, which help lists, or a shell command; /help keys lists"
    " the keys."
)
# The argument that selects the list of keys. No server has such a command or type.
KEYS = "keys"
# What the keys of the prompt do. The terminal binds the others as Emacs and vi do.
KEY_BINDINGS = (
    ("Tab", "complete the word at the cursor, or select the next entry of the menu"),
    ("Shift-Tab", "select the previous entry of the menu"),
    ("Enter", "send the line; in the menu, accept the selected entry"),
    ("Escape", "close the menu"),
    ("F1", "show help for the command and argument at the cursor"),
    (
        "Up, Down",
        "go to the previous or next line of the history that starts with the text before the cursor",
    ),
    ("Right", "accept the suggestion from the history, at the end of the line"),
    ("Ctrl-R", "search the history"),
    ("Ctrl-C", "discard the typed line; on an empty line, stop waiting for the oldest reply"),
    ("Ctrl-D", "leave the shell, on an empty line"),
    ("Ctrl-X Ctrl-E", "edit the line in $VISUAL or $EDITOR (v in vi mode)"),
    ("Ctrl-Z", "suspend the shell"),
    ("Ctrl-L", "clear the screen"),
    ("Ctrl-A", "go to the start of the line"),
    ("Ctrl-E", "go to the end of the line; there, accept the suggestion from the history"),
    (
        "Ctrl-W, Ctrl-U, Ctrl-K",
        "delete the word or the text before the cursor, or the text after it",
    ),
    ("Ctrl-Y", "insert the deleted text"),
)


def run_help(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/help [NAME [KEY] [KEY=VALUE…]]`."""
    if not call.tokens:
        context.show_document(_overview(human=context.settings.hmp))
        return
    name, key, given = call.tokens[0], *_given(call)
    own = _keys_page() if call.tokens == [name] and name.text == KEYS else _own_page(name.text)
    if own:
        context.show_document(own)
        return
    if not (yield from context.load_schema()):
        return
    driver = given.get("driver") if key and name.text == DEVICE_ADD else None
    missing = Missing(MISSING_DRIVER, driver or "")
    is_known = driver is None or driver in context.introspection.drivers
    if not is_known and not (yield from context.find_missing(missing)):
        return
    page = _find_page(context, name, key, given)
    context.show_document(page)


def _find_page(
    context: CommandContext, name: Token, key: str, given: dict[str, str]
) -> list[Block]:
    """Return the help page for a name. Raises LineError."""
    from ...manual import HelpPages, names_starting_with  # few scripts ask for help

    schema = context.introspection.schema
    manual = context.state.manual(name.text)
    pages = HelpPages(schema, manual.reference)
    driver = given.get("driver") if key and name.text == DEVICE_ADD else None
    properties = context.introspection.drivers.get(driver) if driver is not None else None
    page = pages.about(name.text, given, key, properties=properties)
    if not page and f"/{name.text}" in COMMANDS:
        return _own_help(f"/{name.text}")
    if not page:
        page = pages.about_value(name.text)
        found = names_starting_with(manual.reference, name.text, schema)
        if len(found) == 1 and not page:
            page = pages.about(found[0].name, given, key)
        elif found:
            page += [heading(f"Names that start with {name.text}"), Table(rows_of(found, schema))]
    if page:
        return manual.about(page)
    reason = "" if schema or manual.reference else " (there is no schema, and no manual)"
    raise name.error(
        f"no command, event or type named {name.text!r}{reason}",
        hint=suggestion_for(name.text, pages.names())
        or manual.absence
        or f"/apropos {name.text} searches the manual",
    )


def _own_page(name: str) -> list[Block]:
    """Return the help page of the shell command `name`, or of those that start with it, or []."""
    matches = (
        [command for command in COMMANDS if command.startswith(name)] if name[0] == "/" else []
    )
    if name in COMMANDS or len(matches) == 1:
        return _own_help(name if name in COMMANDS else matches[0])
    return [_table_of(matches)] if matches else []


def _given(call: ShellCommand) -> tuple[str, dict[str, str]]:
    """Return the argument in question, or "", and the values after the name by dotted path."""
    first, rest = call.tokens[0], call.tokens[1:]
    if first.kind != WORD:
        raise no_argument_error(call, first)
    keys = [token for token in rest if token.kind == WORD]
    for token in rest:
        if token in keys[1:]:
            raise usage_error(call, "expected at most one argument name", token)
        if token.kind == OBJECT:
            raise no_argument_error(call, token)
    found = arguments(call.line, first, [token for token in rest if token not in keys])
    given = {".".join(name for name, _ in item.path): value_text(item.value) for item in found}
    return (keys[0].text if keys else ""), given


def _overview(*, human: bool) -> list[Block]:
    page = Page()
    page.text(_HUMAN_OVERVIEW if human else _OVERVIEW)
    page.section("Shell commands", [_table_of(COMMANDS)])
    return page.blocks


def _table_of(names: Iterable[str]) -> Table:
    return names_table(COMMANDS[name][1:] for name in names)


def _keys_page() -> list[Block]:
    page = Page()
    page.section("Keys", [names_table(KEY_BINDINGS)])
    page.text(
        "/set editing=vi selects the keys of vi instead of those of Emacs. A terminal that cannot move the"
        " cursor (TERM=dumb) has only Enter, Ctrl-C, Ctrl-D and Ctrl-Z."
    )
    return page.blocks


def _own_help(name: str) -> list[Block]:
    _, how, what = COMMANDS[name]
    return [definition(how, [paragraph(what)])]
