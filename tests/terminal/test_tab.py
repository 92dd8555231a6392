"""Test Tab on a buffer with current, stale and late names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from qmpshell.terminal import Replacement, Tab
from qmpshell.terminal.keys import dots_before_equals


class Names(Completer):
    """A completer that replaces the last word and `suffix_length` characters after the cursor."""

    def __init__(self, *names: str, suffix_length: int = 0) -> None:
        self.names: Iterable[str] = names
        self.suffix_length = suffix_length

    def get_completions(
        self, document: Document, _complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        word = document.text_before_cursor.rpartition(" ")[2]
        for name in self.names:
            if name.startswith(word):
                yield Replacement(
                    name,
                    start_position=-len(word),
                    display=name,
                    display_meta="",
                    suffix_length=self.suffix_length,
                )


def typed(text: str, names: Names, *, behind: str = "") -> Buffer:
    document = Document(text + behind, len(text))
    return Buffer(document=document, completer=names)


def menu(buffer: Buffer) -> list[str]:
    """Return the entries of the open menu."""
    assert buffer.complete_state is not None
    return [completion.text for completion in buffer.complete_state.completions]


def test_tab_inserts_the_only_name() -> None:
    buffer = typed("a blo", Names("block", "other"))
    Tab(may_be_wrong=lambda: False).complete(buffer)
    assert buffer.text == "a block"


def test_stale_name_is_inserted_only_after_update() -> None:
    names = Names("old")
    doubt = True
    tab = Tab(may_be_wrong=lambda: doubt)
    buffer = typed("del ", names)
    tab.complete(buffer)
    assert buffer.text == "del "
    assert menu(buffer) == ["old"]
    names.names, doubt = ["new"], False
    tab.complete_again(buffer)
    assert buffer.text == "del new"
    assert buffer.complete_state is None


def test_choice_from_stale_menu_survives_update() -> None:
    names = Names("old")
    tab = Tab(may_be_wrong=lambda: True)
    buffer = typed("del ", names)
    tab.complete(buffer)
    menu(buffer)
    buffer.complete_next()
    assert buffer.text == "del old"
    names.names = ["new"]
    tab.complete_again(buffer)
    assert buffer.text == "del old"


def test_late_names_do_not_change_edited_line() -> None:
    names = Names()
    tab = Tab(may_be_wrong=lambda: True)
    buffer = typed("del ", names)
    tab.complete(buffer)
    buffer.insert_text("x")
    names.names = ["new", "xyz"]
    tab.complete_again(buffer)
    assert buffer.text == "del x"


def test_late_names_complete_the_unchanged_line() -> None:
    names = Names()
    tab = Tab(may_be_wrong=lambda: False)
    buffer = typed("del n", names)
    tab.complete(buffer)
    assert buffer.text == "del n"
    names.names = ["node0", "node1"]
    tab.complete_again(buffer)
    assert buffer.text == "del node"
    assert menu(buffer) == ["node0", "node1"]


def test_tab_replaces_rest_of_the_word() -> None:
    buffer = typed("add driv", Names("driver", suffix_length=2), behind="er=raw")
    Tab(may_be_wrong=lambda: False).complete(buffer)
    assert (buffer.text, buffer.cursor_position) == ("add driver=raw", len("add driver"))


def test_tab_without_names_keeps_rest_of_word() -> None:
    buffer = typed("add z", Names("driver", suffix_length=2), behind="er=raw")
    Tab(may_be_wrong=lambda: False).complete(buffer)
    assert buffer.text == "add zer=raw"


def test_menu_keeps_rest_of_word_until_choice() -> None:
    names = Names("driver", "drive", suffix_length=2)
    buffer = typed("add driv", names, behind="er=raw")
    Tab(may_be_wrong=lambda: False).complete(buffer)
    assert buffer.text == "add driver=raw"
    assert menu(buffer) == ["driver", "drive"]
    buffer.complete_next()
    buffer.complete_next()
    assert (buffer.text, buffer.cursor_position) == ("add drive=raw", len("add drive"))
    buffer.cancel_completion()
    assert (buffer.text, buffer.cursor_position) == ("add driver=raw", len("add driv"))


def test_stale_menu_keeps_rest_of_word() -> None:
    buffer = typed("add dr", Names("driver", suffix_length=4), behind="iver=x")
    Tab(may_be_wrong=lambda: True).complete(buffer)
    assert buffer.text == "add driver=x"


# -- the menu while the user types on --------------------------------------------------------------


def open_menu(text: str, names: Names) -> tuple[Tab, Buffer]:
    tab, buffer = Tab(may_be_wrong=lambda: False), typed(text, names)
    tab.complete(buffer)
    tab.after_key(buffer)
    return tab, buffer


def type_keys(tab: Tab, buffer: Buffer, *keys: str) -> None:
    """Type characters, with "<" for Backspace."""
    for key in keys:
        if key == "<":
            buffer.delete_before_cursor()
        else:
            buffer.insert_text(key)
        tab.after_key(buffer)


def test_menu_narrows_and_widens_while_typing() -> None:
    tab, buffer = open_menu("del n", Names("node0", "node1", "node10", "name"))
    type_keys(tab, buffer, "o")
    assert menu(buffer) == ["node0", "node1", "node10"]
    type_keys(tab, buffer, *"de1")
    assert menu(buffer) == ["node1", "node10"]
    type_keys(tab, buffer, "x")
    assert buffer.complete_state is None
    type_keys(tab, buffer, "<", "<")
    assert menu(buffer) == ["node0", "node1", "node10"]
    assert buffer.text == "del node"
    type_keys(tab, buffer, *"<<<<")
    assert menu(buffer) == ["node0", "node1", "node10", "name"]


def test_menu_closes_at_the_next_word() -> None:
    tab, buffer = open_menu("del n", Names("node0", "node1"))
    type_keys(tab, buffer, *"ode0", " ")
    assert buffer.complete_state is None
    type_keys(tab, buffer, "<")
    assert buffer.complete_state is None


def test_menu_closes_before_its_word() -> None:
    tab, buffer = open_menu("del n", Names("node0", "node1", "del"))
    type_keys(tab, buffer, *"<<<<<<")
    assert buffer.complete_state is None


def test_cancelled_menu_does_not_open_again() -> None:
    tab, buffer = open_menu("del n", Names("node0", "node1"))
    buffer.cancel_completion()
    tab.after_key(buffer)
    type_keys(tab, buffer, "o")
    assert buffer.complete_state is None


def test_cancelled_choice_closes_the_menu() -> None:
    tab, buffer = open_menu("del n", Names("node0", "node1"))
    buffer.complete_next()
    tab.after_key(buffer)
    buffer.cancel_completion()
    tab.after_key(buffer)
    assert (buffer.text, buffer.complete_state) == ("del node", None)


def test_menu_of_a_chosen_entry_closes() -> None:
    tab, buffer = open_menu("del n", Names("node0", "node1"))
    buffer.complete_next()
    tab.after_key(buffer)
    assert buffer.text == "del node0"
    type_keys(tab, buffer, " ")
    assert (buffer.text, buffer.complete_state) == ("del node0 ", None)


def test_narrowing_does_not_request_names() -> None:
    requested: list[bool] = []

    class Recorder(Names):
        def get_completions(
            self, document: Document, complete_event: CompleteEvent
        ) -> Iterator[Completion]:
            requested.append(complete_event.completion_requested)
            return super().get_completions(document, complete_event)

    tab, buffer = open_menu("del n", Recorder("node0", "node1"))
    requested.clear()
    type_keys(tab, buffer, "o", "<")
    assert requested == [False, False]


def test_menu_opens_while_typing_unless_word_is_complete() -> None:
    tab = Tab(may_be_wrong=lambda: False)
    buffer = typed("", Names("node0", "nodes"))
    for keys, shown in (("n", True), ("ode0", False), ("", False)):
        for key in keys:
            buffer.insert_text(key)
        tab.open_while_typing(buffer)
        assert (buffer.complete_state is not None) == shown, keys


def test_only_one_typed_character_counts_as_typing() -> None:
    tab = Tab(may_be_wrong=lambda: False)
    buffer = typed("", Names())
    for text, counts in (("n", True), ("no", True), ("n", True), ("n", False), ("node", False)):
        buffer.document = Document(text)
        assert tab.after_key(buffer) == counts, text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("blockdev-add cache.", "blockdev-add cache"),
        ("x keys.0.", "x keys"),
        ("x a.b.", "x a.b"),
        ("x a.1.", "x a.1"),
        ("/keyval blockdev raw,cache.", "/keyval blockdev raw,cache"),
        ("x file=a.", "x file=a."),
        ("cache.", "cache."),
        ('x {"a.', 'x {"a.'),
        ('x a="b c.', 'x a="b c.'),
        ("/hmp print a.", "/hmp print a."),
        ("x a..", "x a.."),
        ("x a", "x a"),
    ],
)
def test_equals_replaces_dot_of_completed_key(text: str, left: str) -> None:
    assert text[: len(text) - dots_before_equals(text)] == left
