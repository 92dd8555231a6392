"""The keys of the prompt, beyond prompt_toolkit's own.

Owns: which key does what. Must not know: what is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_completions, has_focus, vi_navigation_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from ..complete import INFO
from ..language import (
    COMPOUND,
    KEY,
    LOCAL,
    NAME,
    OBJECT,
    OPERATOR,
    QUOTED,
    SEPARATOR,
    VALUE,
    WORD,
    Token,
    tokenize,
)
from ..session import COMMANDS


def make_bindings(
    *,
    complete: Callable[[Buffer], None],
    is_whole: Callable[[str], bool],
    interrupt: Callable[[], None],
    edit: Callable[[str], None],
    suspend: Callable[[], None],
    help: Callable[[str, int], None],
) -> KeyBindings:
    """`complete` completes a text at once; `is_whole` says of a text whether Enter ends it; `interrupt`
    is Ctrl-C with nothing typed; `help` takes the text and the cursor's place in it."""
    bindings = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)  # not while searching

    @bindings.add("enter", filter=typing)
    def accept_or_go_on(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and state.current_completion is not None:
            # Who takes something from a menu has not read the line yet that it makes.
            buffer.complete_state = None
        elif is_whole(buffer.text):
            buffer.validate_and_handle()
        elif buffer.document.on_last_line:
            buffer.cursor_position = len(buffer.text)
            buffer.newline(copy_margin=False)
        else:
            buffer.cursor_down()

    @bindings.add("tab", filter=typing)
    def complete_or_next(event: KeyPressEvent) -> None:
        # At once, and not in the background: Enter may be the next key, and must find it done.
        buffer = event.current_buffer
        if buffer.complete_state is not None:
            buffer.complete_next()
        else:
            complete(buffer)

    # At once: as the beginning of other keys it would be waited for.
    @bindings.add("escape", filter=typing & has_completions, eager=True)
    def close_menu(event: KeyPressEvent) -> None:
        event.current_buffer.cancel_completion()

    @bindings.add("c-c", filter=typing)
    def drop_or_abandon(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.app.exit(exception=KeyboardInterrupt, style="class:aborting")
        else:
            interrupt()

    @bindings.add("c-d", filter=typing)
    def delete_or_leave(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        document = buffer.document
        if not buffer.text:
            event.app.exit(exception=EOFError, style="class:exiting")
        elif document.is_cursor_at_the_end and not document.current_line and "\n" in buffer.text:
            event.app.exit(exception=KeyboardInterrupt, style="class:aborting")
        else:
            buffer.delete()

    @bindings.add("c-x", "c-e", filter=typing)
    @bindings.add("v", filter=typing & vi_navigation_mode)
    def edit_in_editor(event: KeyPressEvent) -> None:
        edit(event.current_buffer.text)

    @bindings.add("f1", filter=typing)
    def help_at_cursor(event: KeyPressEvent) -> None:
        help(event.current_buffer.text, event.current_buffer.cursor_position)

    @bindings.add("c-z")
    def suspend_shell(event: KeyPressEvent) -> None:
        suspend()

    return bindings


class Tab:
    """At once, and not in the background: Enter may be the next key, and must find it done.

    `is_in_doubt` says whether names that were just offered may be wrong, and are asked for anew: then
    nothing is inserted, and a menu has them until they have come.
    """

    def __init__(self, *, is_in_doubt: Callable[[], bool]) -> None:
        self._is_in_doubt = is_in_doubt
        # Where Tab could not do all that it does, as the server had not answered.
        self._waiting: Document | None = None

    def complete(self, buffer: Buffer) -> None:
        """Insert what is certain; a menu has the rest."""
        document = buffer.document
        found = _offered(buffer)
        after = max((one.after for one in found if isinstance(one, Replacement)), default=0)
        in_doubt = bool(found) and self._is_in_doubt()
        exact = [one for one in found if one.text.startswith(_replaced(one, document))]
        self._waiting = document if in_doubt or not found else None
        if in_doubt:
            _open_menu(buffer, found)
        elif len(exact or found) == 1:
            buffer.delete(after)
            buffer.apply_completion((exact or found)[0])
        elif found:
            if exact and not after:
                buffer.insert_text(_common(exact, document))
                found = _offered(buffer)
            _open_menu(buffer, found)

    def complete_again(self, buffer: Buffer) -> None:
        """Names have come: for a Tab that waits for them, or for a menu that is open. Where something is
        chosen from it already, it stays."""
        state = buffer.complete_state
        if state is not None:
            if state.current_completion is not None:
                return
            buffer.cancel_completion()
        if buffer.document == self._waiting:
            self.complete(buffer)
        elif state is not None:
            _open_menu(buffer, _offered(buffer))


class Replacement(Completion):
    """One that takes the place of `after` characters behind the cursor, too."""

    def __init__(
        self, text: str, *, start_position: int, display: str, display_meta: str, after: int
    ) -> None:
        super().__init__(
            text, start_position=start_position, display=display, display_meta=display_meta
        )
        self.after = after


def _offered(buffer: Buffer) -> list[Completion]:
    asked = CompleteEvent(completion_requested=True)
    return list(buffer.completer.get_completions(buffer.document, asked))


def _open_menu(buffer: Buffer, found: list[Completion]) -> None:
    """Not in the background either: Down may be the next key."""
    if found:
        buffer.complete_state = _Menu(buffer.document, found)
        buffer.on_completions_changed.fire()


class _Menu(CompletionState):
    """What is chosen replaces what stands behind the cursor too; where nothing is, that comes back."""

    def new_text_and_position(self) -> tuple[str, int]:
        text, position = super().new_text_and_position()
        chosen = self.current_completion
        after = chosen.after if isinstance(chosen, Replacement) else 0
        return text[:position] + text[position + after :], position


def _replaced(one: Completion, document: Document) -> str:
    """What stands where the completion would."""
    cursor = document.cursor_position
    return document.text[cursor + one.start_position : cursor]


def _common(found: list[Completion], document: Document) -> str:
    """How all of them go on."""
    rests = [one.text[len(_replaced(one, document)) :] for one in found]
    first, last = min(rests), max(rests)
    length = next((i for i, char in enumerate(first) if last[i] != char), len(first))
    return first[:length]


_EXECUTE = r"""["'](?:execute|exec-oob)["']\s*:\s*["']([^"'\s]+)["']"""
# No other text may be put in a line of ours.
_SIMPLE = r"[\w.:/+-]+"
_HELP = "/help"
_HUMAN_HELP = ("help", "?")


def help_line(text: str, cursor: int) -> str:
    """The `/help` for the item of `text` that the cursor is in: with the argument that it is on, and
    with those that may choose a branch. Without an item the overview.

    >>> help_line("stop; blockdev-add driver=qcow2 no", 34)
    '/help blockdev-add no driver=qcow2'
    """
    item = _item(text, cursor)
    if not item:
        return _HELP
    first = item[0]
    if first.kind == OBJECT:
        found = re.search(_EXECUTE, first.text)
        return f"{_HELP} {found[1]}" if found and _is_simple(found[1]) else _HELP
    if first.kind == LOCAL:
        return _of_local(item, cursor)
    if not _is_simple(first.text):
        return _HELP
    given = {
        key.text: value.text
        for key, operator, value in zip(item, item[1:], item[2:], strict=False)
        if (key.kind, operator.kind, value.kind) == (KEY, OPERATOR, VALUE)
        if _is_simple(key.text) and _is_simple(value.text)
    }
    chosen = [f"{key}={value}" for key, value in given.items()]
    return " ".join([_HELP, first.text, *_key(item[1:], cursor), *chosen])


def _key(arguments: list[Token], cursor: int) -> list[str]:
    """The name of the argument that the cursor is on, if it is on one."""
    key: Token | None = None
    for token in arguments:
        if token.kind not in (WORD, KEY, OPERATOR, VALUE, QUOTED, COMPOUND):
            key = None
        elif token.kind in (WORD, KEY):
            key = token
        if token.start <= cursor <= token.end:
            return [key.text] if key is not None and _is_simple(key.text) else []
    return []


def human_help_line(text: str, cursor: int) -> str:
    """The line for the human monitor that asks its own help for the command that the cursor is in; without
    a command, for all.

    >>> human_help_line("info block -v", 3)
    'help info block'
    """
    begin = text.rfind("\n", 0, cursor) + 1
    words = text[begin:].partition("\n")[0].split()
    if words and words[0] in _HUMAN_HELP:
        words = words[1:]
    # The name ends where a format begins, as in "x/4i $pc".
    topic = [word.partition("/")[0] for word in words[: 2 if words[:1] == [INFO] else 1]]
    return " ".join([_HUMAN_HELP[0], *(word for word in topic if _is_simple(word))])


def _item(text: str, cursor: int) -> list[Token]:
    """The tokens of the item that the cursor stands in, or behind: from its name on. What stands behind
    the cursor belongs to it, too: it may choose a branch."""
    items: list[list[Token]] = []
    for token in tokenize(text):
        is_argument = token.kind == OBJECT and items and items[-1][0].kind == NAME
        begins = token.kind in (NAME, LOCAL, SEPARATOR) or (
            token.kind == OBJECT and not is_argument
        )
        if begins and token.start > cursor:
            break
        if begins or not items:
            items.append([token])
        else:
            items[-1].append(token)
    return items[-1] if items and items[-1][0].kind in (NAME, LOCAL, OBJECT) else []


def _of_local(item: list[Token], cursor: int) -> str:
    """Of a local command itself, or of the name behind it that the cursor is in."""
    name = item[0].text
    for token in item[1:]:
        if token.kind == WORD and token.start <= cursor <= token.end and _is_simple(token.text):
            if token.text[:1] not in ("-", "/"):
                return f"{_HELP} {token.text}"
    return f"{_HELP} {name}" if any(one.startswith(name) for one in COMMANDS) else _HELP


def _is_simple(text: str) -> bool:
    return re.fullmatch(_SIMPLE, text) is not None
