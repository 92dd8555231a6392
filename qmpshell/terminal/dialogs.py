"""Questions in place of the prompt: confirmations and secrets."""

from __future__ import annotations

import contextlib
import termios

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import PasswordProcessor

from . import styles
from .formatter import question_text
from .reflow import erase_reflowed
from .styles import Devices


async def confirm(question: str, devices: Devices) -> bool:
    """Ask a question. Return True if the user presses y; any other key means no."""
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
    @bindings.add(
        Keys.Any
    )  # the user typed on without reading the question, as with the y of "query"
    def no(event: KeyPressEvent) -> None:
        event.current_buffer.text = "n"
        event.app.exit(result="n")

    @bindings.add(Keys.BracketedPaste)
    def nothing(event: KeyPressEvent) -> None:
        pass

    clear_typeahead(devices.input)
    # In tests, the input is not a terminal.
    with contextlib.suppress(termios.error, OSError, NotImplementedError):
        termios.tcflush(devices.input.fileno(), termios.TCIFLUSH)
    session = _make_session(question_text(question), devices, bindings)
    return await session.prompt_async(handle_sigint=False) == "y"


async def ask_secret(what: str, devices: Devices) -> str | None:
    """Ask for text without echo. None if the user cancels."""
    bindings = KeyBindings()

    @bindings.add("c-z")
    @bindings.add("c-r")
    @bindings.add("c-s")
    def nothing(event: KeyPressEvent) -> None:
        """Ignore keys that have no meaning in a secret, such as a search."""

    session = _make_session(f"{what}: ", devices, bindings, is_secret=True)
    try:
        return await session.prompt_async(handle_sigint=False)
    except (KeyboardInterrupt, EOFError):
        return None


def _make_session(
    text: str, devices: Devices, bindings: KeyBindings, *, is_secret: bool = False
) -> PromptSession[str]:
    session: PromptSession[str] = PromptSession(
        FormattedText([(f"class:{styles.PROMPT}", text)]),
        key_bindings=bindings,
        input_processors=[PasswordProcessor("")] if is_secret else None,  # not even its length
        input=devices.input,
        output=devices.output,
        style=devices.theme.style,
        color_depth=devices.theme.depth,
    )
    erase_reflowed(session.app, devices.environment)
    return session
