"""What a person is asked in place of the prompt.

Owns: a question that only a key pressed after it was put can answer, and one whose answer is not seen.
Must not know: what they are about.
"""

from __future__ import annotations

import termios

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import PasswordProcessor
from prompt_toolkit.output import Output

from . import styles
from .styles import Look


async def confirm(question: str, *, input: Input, output: Output, look: Look) -> bool:
    """Whether the person pressed y; everything else that answers means no."""
    bindings = KeyBindings()

    @bindings.add("y")
    @bindings.add("Y")
    def yes(event: KeyPressEvent) -> None:
        event.current_buffer.text = "y"
        event.app.exit(result="y")

    @bindings.add("n")
    @bindings.add("N")
    @bindings.add("enter")
    @bindings.add("c-c")
    @bindings.add("c-d")
    @bindings.add("c-r")
    @bindings.add("c-s")
    @bindings.add("c-z")
    @bindings.add("escape", eager=True)
    @bindings.add(Keys.Any)  # who types on has not read the question: the y of "query" is no answer
    def no(event: KeyPressEvent) -> None:
        event.current_buffer.text = "n"
        event.app.exit(result="n")

    @bindings.add(Keys.BracketedPaste)
    def nothing(event: KeyPressEvent) -> None:
        pass

    clear_typeahead(input)
    try:
        termios.tcflush(input.fileno(), termios.TCIFLUSH)
    except (termios.error, OSError, NotImplementedError):
        pass  # not a terminal, in tests
    session: PromptSession[str] = PromptSession(
        FormattedText([(f"class:{styles.PROMPT}", f"{question}. Go on? [y/N] ")]),
        key_bindings=bindings,
        input=input,
        output=output,
        style=look.style,
        color_depth=look.depth,
    )
    return await session.prompt_async(handle_sigint=False) == "y"


async def ask_secret(what: str, *, input: Input, output: Output, look: Look) -> str | None:
    """What the person typed, unseen; None if nothing."""
    bindings = KeyBindings()

    @bindings.add("c-z")
    @bindings.add("c-r")
    @bindings.add("c-s")
    def nothing(event: KeyPressEvent) -> None:
        """What cannot be seen is no part of a secret, and there is nothing to search."""

    session: PromptSession[str] = PromptSession(
        FormattedText([(f"class:{styles.PROMPT}", f"{what}: ")]),
        key_bindings=bindings,
        input_processors=[PasswordProcessor("")],  # not even how long it is
        input=input,
        output=output,
        style=look.style,
        color_depth=look.depth,
    )
    try:
        return await session.prompt_async(handle_sigint=False)
    except (KeyboardInterrupt, EOFError):
        return None
