"""Keys: how pasted text is read, the bindings of the prompt and of a search, Tab, and the help for F1."""

from __future__ import annotations

import re
import select
from collections.abc import Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import CompleteEvent, Completion, get_common_complete_suffix
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import (
    Condition,
    emacs_insert_mode,
    has_completions,
    has_focus,
    is_searching,
    vi_insert_mode,
    vi_mode,
    vi_navigation_mode,
)
from prompt_toolkit.input.posix_utils import PosixStdinReader
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.search import accept_search, stop_search

from ..language import (
    VALUE,
    WORD,
    CommandItem,
    RawItem,
    ShellCommandItem,
    parse,
    shell_command_name,
)
from ..session import COMMANDS

# More characters in one read than a user can type.
_MIN_PASTE = 64
_READ_SIZE = 1 << 16
_MAX_PASTE = 16 << 20
# Seconds without data after which a paste has ended.
_PAUSE = 0.1
# The end of a paste from a terminal that marks it.
_PASTE_END = "\x1b[201~"


class PasteReader(PosixStdinReader):
    """Reads all that arrives together, so that each key shows whether text follows it."""

    def read(self, count: int = 1024) -> str:
        """Return the text that was typed or pasted. `count` is too small to know where that ends."""
        count = max(count, _READ_SIZE)
        text = super().read(count)
        if len(text) < _MIN_PASTE:
            return text
        parts, size = [text], len(text)
        while size < _MAX_PASTE and not parts[-1].endswith(_PASTE_END):
            if not select.select([self.stdin_fd], [], [], _PAUSE)[0]:
                break
            parts.append(super().read(count))
            size += len(parts[-1])
            if self.closed:
                break
        return "".join(parts)


def make_bindings(  # noqa: C901 - one function for each key
    *,
    complete: Callable[[Buffer], None],
    is_whole: Callable[[str], bool],
    is_transcript: Callable[[str], bool],
    interrupt: Callable[[], None],
    edit: Callable[[str], None],
    suspend: Callable[[], None],
    help: Callable[[str, int], None],
    has_arguments: bool = True,
) -> KeyBindings:
    """Return the key bindings.

    `complete` completes a text at once; `is_whole` returns True if Enter ends a text, and
    `is_transcript` if the text has prompts; `interrupt` handles Ctrl-C on an empty line; `help`
    receives the text and the cursor. `has_arguments` is false if the lines are not QMP commands.
    """
    bindings = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)  # not while searching

    @bindings.add("enter", filter=typing)
    def accept_or_continue_line(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and state.current_completion is not None:
            # Enter only accepts the completion: the user has not seen the resulting line yet.
            buffer.complete_state = None
        elif is_transcript(buffer.text) and _text_follows(event):
            buffer.newline(copy_margin=False)
        elif is_whole(buffer.text):
            buffer.validate_and_handle()
        elif buffer.document.on_last_line:
            buffer.cursor_position = len(buffer.text)
            buffer.newline(copy_margin=False)
        else:
            buffer.cursor_down()

    @bindings.add("tab", filter=typing)
    def complete_or_next(event: KeyPressEvent) -> None:
        # Not in the background: the next key may be Enter, which needs the result.
        buffer = event.current_buffer
        if _text_follows(event):
            buffer.insert_text("\t")
        elif buffer.complete_state is not None:
            buffer.complete_next()
        else:
            complete(buffer)

    # Eager, because Escape is also the start of other keys, for which it would wait.
    @bindings.add("escape", filter=typing & has_completions, eager=True)
    def close_menu(event: KeyPressEvent) -> None:
        event.current_buffer.cancel_completion()

    @bindings.add("=", filter=typing & (emacs_insert_mode | vi_insert_mode))
    def insert_equals(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        dots = dots_before_equals(buffer.document.text_before_cursor) if has_arguments else 0
        if dots:
            buffer.delete_before_cursor(dots)
        buffer.insert_text("=" * event.arg)

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
    def suspend_shell(_event: KeyPressEvent) -> None:
        suspend()

    return bindings


def dots_before_equals(text: str) -> int:
    """Return how many characters at the end of a text `=` replaces, because the key must not end there.

    A completed key ends with a dot, to continue inside. `=` takes the whole value instead.

    >>> dots_before_equals("x cache."), dots_before_equals("x keys.0."), dots_before_equals("x a=b.")
    (1, 3, 0)
    """
    match = re.search(_OPEN_KEY, text)
    # Not in quotes, in JSON, or in a line for the human monitor.
    return len(match[1]) if match and parse(text).tokens[-1].kind in (WORD, VALUE) else 0


def _text_follows(event: KeyPressEvent) -> bool:
    """Return True if text was read together with a key, as in a paste of a simple terminal."""
    return any(
        key.key.isprintable() and len(key.key) == 1 for key in event.key_processor.input_queue
    )


class SearchStart:
    """The line before a search: prompt_toolkit moves the buffer to the entries that it finds.

    `bindings` are the keys that leave a search: they restore the line, or move the cursor in the entry
    that was found. `has_several_lines` is about the line, whatever a search finds.
    """

    def __init__(self, prompt: PromptSession[str]) -> None:
        self._app: Application[str] = prompt.app
        self._buffer = prompt.default_buffer
        self._index = 0
        self._document = Document()
        self._input_mode = self._app.vi_state.input_mode
        self._app.key_processor.before_key_press += self._before_key
        self.bindings = KeyBindings()
        is_empty = Condition(lambda: not prompt.search_buffer.text)
        self.bindings.add("c-g", filter=is_searching)(self._restore)
        self.bindings.add("c-c", filter=is_searching)(self._restore)
        self.bindings.add("backspace", filter=is_searching & vi_mode & is_empty)(self._restore)
        self.bindings.add("enter", filter=is_searching & vi_mode)(self._accept)
        for key in ("left", "right", "home", "end", "c-a", "c-b", "c-e", "c-f"):
            self.bindings.add(key, filter=is_searching)(self._accept_and_move)
        self.has_several_lines = Condition(lambda: "\n" in self.draft.text)

    def _before_key(self, _sender: object) -> None:
        if not self._app.layout.is_searching:
            self._index, self._document = self._buffer.working_index, self._buffer.document
            self._input_mode = self._app.vi_state.input_mode

    @property
    def draft(self) -> Document:
        """The line, or that from which the current search started."""
        return self._document if self._app.layout.is_searching else self._buffer.document

    def _accept(self, _event: KeyPressEvent) -> None:
        accept_search()
        self._app.vi_state.input_mode = self._input_mode  # it may be insert mode

    def _accept_and_move(self, event: KeyPressEvent) -> None:
        self._accept(event)
        event.key_processor.feed_multiple(event.key_sequence, first=True)

    def _restore(self, _event: KeyPressEvent) -> None:
        stop_search()
        self._buffer.working_index = self._index
        self._buffer.cursor_position = self._document.cursor_position
        self._app.vi_state.input_mode = self._input_mode


class Tab:
    """Completes at once, not in the background: the next key may be Enter.

    `may_be_wrong` returns True if names that were just offered may be wrong and are being queried.
    Then nothing is inserted, and a menu shows them until the replies arrive.
    """

    def __init__(self, *, may_be_wrong: Callable[[], bool]) -> None:
        self._may_be_wrong = may_be_wrong
        # The document in which Tab waits for the server.
        self._waiting: Document | None = None
        # The document after the last key, and the text before the word that the menu completes.
        self._last = Document()
        self._before_word: str | None = None
        self._state: CompletionState | None = None

    def complete(self, buffer: Buffer) -> None:
        """Insert what is certain, and show the rest in a menu."""
        document = buffer.document
        found = _completions(buffer)
        suffix_length = max(
            (item.suffix_length for item in found if isinstance(item, Replacement)), default=0
        )
        may_be_wrong = bool(found) and self._may_be_wrong()
        exact = [item for item in found if item.text.startswith(_replaced(item, document))]
        self._waiting = document if may_be_wrong or not found else None
        if may_be_wrong:
            _open_menu(buffer, found)
        elif len(exact or found) == 1:
            buffer.delete(suffix_length)
            buffer.apply_completion((exact or found)[0])
        elif found:
            if exact and not suffix_length:
                buffer.insert_text(get_common_complete_suffix(document, exact))
                found = _completions(buffer)
            _open_menu(buffer, found)

    def complete_again(self, buffer: Buffer) -> None:
        """Complete again, because live names have arrived.

        This applies to a waiting Tab or an open menu. A menu with a selected entry stays.
        """
        state = buffer.complete_state
        if state is not None:
            if state.current_completion is not None:
                return
            buffer.cancel_completion()
        if buffer.document == self._waiting:
            self.complete(buffer)
        elif state is not None:
            _open_menu(buffer, _completions(buffer))

    def reset(self) -> None:
        """Handle a new prompt."""
        self._last = Document()
        self._before_word = self._state = None

    def after_key(self, buffer: Buffer) -> bool:
        """Let an open menu follow the text that a key has changed. The server is not queried.

        Return True if the key has typed or deleted a character where no menu is open.
        """
        last, self._last = self._last, buffer.document
        before, self._state = self._state, buffer.complete_state
        if self._state is not None:
            document, found = self._state.original_document, self._state.completions
            self._before_word = _before_word(document, found)
            return False
        # Escape closes the menu, and undoes the choice of an entry.
        was_cancelled = before is not None and before.original_document == self._last
        if was_cancelled or self._last.text == last.text:
            self._before_word = None
            return False
        return not self._follow(buffer) and _is_typed(last, self._last)

    def _follow(self, buffer: Buffer) -> bool:
        """Open the menu again for the changed word. Return False if the word is another one."""
        begin = self._before_word
        if begin is None:
            return False
        found: list[Completion] = []
        if buffer.document.text_before_cursor.startswith(begin):
            found = _completions(buffer, requested=False)
            if not found:  # they return if the user deletes what does not fit
                return True
        if not found or _before_word(buffer.document, found) != begin:
            self._before_word = None
            return False
        if not _is_complete(found, buffer.document):
            _open_menu(buffer, found)
        return True

    def open_while_typing(self, buffer: Buffer) -> None:
        """Open the menu without Tab after a character was typed. The server is not queried."""
        if buffer.complete_state is not None or not buffer.document.text_before_cursor.strip():
            return
        found = _completions(buffer, requested=False)
        if found and not _is_complete(found, buffer.document):
            _open_menu(buffer, found)
            self._before_word = _before_word(buffer.document, found)


class Replacement(Completion):
    """A completion that also replaces `suffix_length` characters after the cursor."""

    def __init__(
        self, text: str, *, start_position: int, display: str, display_meta: str, suffix_length: int
    ) -> None:
        super().__init__(
            text, start_position=start_position, display=display, display_meta=display_meta
        )
        self.suffix_length = suffix_length


def _completions(buffer: Buffer, *, requested: bool = True) -> list[Completion]:
    asked = CompleteEvent(text_inserted=not requested, completion_requested=requested)
    return list(buffer.completer.get_completions(buffer.document, asked))


def _before_word(document: Document, found: list[Completion]) -> str:
    """Return the text before the word that the completions replace."""
    return document.text[: document.cursor_position + found[0].start_position]


def _is_complete(found: list[Completion], document: Document) -> bool:
    """Return True if the word is the only completion."""
    return len(found) == 1 and found[0].text == _replaced(found[0], document)


def _is_typed(before: Document, after: Document) -> bool:
    """Return True if one character was typed or deleted before the cursor."""
    short, long = sorted((before.text_before_cursor, after.text_before_cursor), key=len)
    return (
        before.text_after_cursor == after.text_after_cursor
        and len(long) == len(short) + 1
        and long.startswith(short)
    )


def _open_menu(buffer: Buffer, found: list[Completion]) -> None:
    """Open the menu, not in the background: the next key may be Down."""
    if found:
        buffer.complete_state = _Menu(buffer.document, found)
        buffer.on_completions_changed.fire()


class _Menu(CompletionState):
    """A menu whose selected entry also replaces text behind the cursor."""

    def new_text_and_position(self) -> tuple[str, int]:
        text, position = super().new_text_and_position()
        chosen = self.current_completion
        suffix_length = chosen.suffix_length if isinstance(chosen, Replacement) else 0
        return text[:position] + text[position + suffix_length :], position


def _replaced(completion: Completion, document: Document) -> str:
    """Return the text before the cursor that the completion replaces."""
    cursor = document.cursor_position
    return document.text[cursor + completion.start_position : cursor]


# A key that ends with a dot, after a blank, or a comma in an option string.
_OPEN_KEY = r"""[\s,][^\s,="'{}\[\]]*?[^\s,="'{}\[\].]((?:\.0)?\.)$"""
# The only text that is inserted into a line of qmpshell's own.
_SIMPLE = r"[\w.:/+-]+"
_HELP = "/help"
_HUMAN_HELP = ("help", "?")


def help_line(text: str, cursor: int) -> str:
    """Return the `/help` line for the item at the cursor, or for the overview.

    It contains the argument at the cursor and those that may choose a branch.

    >>> help_line("stop; blockdev-add driver=qcow2 no", 34)
    '/help blockdev-add no driver=qcow2'
    """
    parts = [part for part in parse(text).parts if part.mark is None or part.mark.start <= cursor]
    tokens, item = parts[-1].tokens, parts[-1].item
    if not tokens or tokens[0].start > cursor or parts[-1].is_closing:
        return _HELP
    if isinstance(item, ShellCommandItem):
        return _of_shell_command(item, cursor)
    if isinstance(item, RawItem):
        root = item.json.root
        name = root.text_of("execute") or root.text_of("exec-oob") or ""
        return f"{_HELP} {name}" if _is_simple(name) else _HELP
    if item is None or not _is_simple(item.name.text):
        return _HELP
    # Arguments behind the cursor may choose a branch too.
    given = {
        argument.key.text: argument.value.text
        for argument in item.arguments
        if argument.value.kind == VALUE
        if _is_simple(argument.key.text) and _is_simple(argument.value.text)
    }
    chosen = [f"{key}={value}" for key, value in given.items()]
    return " ".join([_HELP, item.name.text, *_key(item, cursor), *chosen])


def _key(item: CommandItem, cursor: int) -> list[str]:
    """Return the name of the argument at the cursor, or []."""
    keys = [(argument.key, argument.value.end) for argument in item.arguments]
    keys += [(word, word.end) for word in item.words if word.kind == WORD]
    found = [key.text for key, end in keys if key.start <= cursor <= end]
    return [text for text in found[:1] if _is_simple(text)]


def hmp_help_line(text: str, cursor: int) -> str:
    """Return the human monitor line for its help on the command at the cursor, or on all commands.

    >>> hmp_help_line("info block -v", 3)
    'help info block'
    """
    from ..complete import INFO  # the first prompt does not need it

    begin = text.rfind("\n", 0, cursor) + 1
    words = text[begin:].partition("\n")[0].split()
    if words and words[0] in _HUMAN_HELP:
        words = words[1:]
    # The name ends where a format starts, as in "x/4i $pc".
    topic = [word.partition("/")[0] for word in words[: 2 if words[:1] == [INFO] else 1]]
    return " ".join([_HUMAN_HELP[0], *(word for word in topic if _is_simple(word))])


def _of_shell_command(item: ShellCommandItem, cursor: int) -> str:
    """Return the topic for a shell command: its name, or the name in its arguments at the cursor."""
    name = shell_command_name(item.name.text)
    for token in item.tokens:
        is_name = token.kind == WORD and token.text[:1] not in ("-", "/")
        if is_name and token.start <= cursor <= token.end and _is_simple(token.text):
            return f"{_HELP} {token.text}"
    return f"{_HELP} {name}" if any(command.startswith(name) for command in COMMANDS) else _HELP


def _is_simple(text: str) -> bool:
    return re.fullmatch(_SIMPLE, text) is not None
