"""The keys of the prompt, beyond prompt_toolkit's own.

Owns: which key does what. Must not know: what is done.
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_completions, has_focus, vi_navigation_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent


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
