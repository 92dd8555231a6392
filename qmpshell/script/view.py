"""What a session says, to the two outputs of a script.

Owns: what goes to standard output and what to standard error, and in which form (DESIGN: "What stdout
holds in a script"). Must not know: descriptors, sessions, waiting.
"""

from __future__ import annotations

from ..effects import Page, Send, ShowBytes, ShowCommand, ShowEvent, ShowReply, ShowStray, Tell
from ..protocol.human_monitor import human_text
from ..protocol.messages import Message
from ..render.ansi import coloured
from ..render.diagnostics import placed
from ..render.escape import escape, escape_lines
from ..render.json_lines import message_line, value_line, value_pretty
from ..settings import COMPACT, EVENTS_INLINE, EVENTS_STDERR, PRETTY, event_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..effects import Effect
    from ..language.command import Destination
    from ..protocol.messages import Event, Reply
    from ..requests import Request
    from ..settings import Settings

# Help is laid out to so many columns.
_WIDTH = 80


class ScriptView:
    """`out` takes bytes for standard output, or for the destination of their line, `err` text for
    standard error, a line or several.

    `name` is how our own messages begin. `colours` says at any time whether JSON on standard output has
    some; `pretty` is the layout where the settings leave it open.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        colours: Callable[[], bool] = lambda: False,
        pretty: bool = False,
        out: Callable[[bytes, Destination | None], None],
        err: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._name = name
        self._colours = colours
        self._layout = PRETTY if pretty else COMPACT
        self._out = out
        self._err = err

    def show(self, effect: Effect) -> None:
        """Show one effect; those that show nothing are passed over."""
        if isinstance(effect, ShowReply):
            self._reply(effect.reply, effect.request, effect.destination)
        elif isinstance(effect, ShowEvent):
            self._event(effect.event, again=effect.again)
        elif isinstance(effect, Tell):
            self._err(effect.text)
        elif isinstance(effect, Page):
            from ..render.pages import text_of  # few scripts ask for help

            self._err(text_of(effect.blocks, width=_WIDTH))
        elif isinstance(effect, ShowBytes):
            self._out(effect.data, None)
        elif isinstance(effect, ShowCommand):
            self._out(effect.data, effect.request.destination)
        elif isinstance(effect, ShowStray):
            text = escape(effect.item.raw[:2000].decode("utf-8", "backslashreplace"))
            self._err(f"{self._name}: {effect.reason}: {text}")
        elif isinstance(effect, Send) and self._settings.verbose and _is_the_users(effect):
            self._err(f"-> {escape(_sent(effect), keep=chr(10))}")

    def _reply(self, reply: Reply, request: Request, destination: Destination | None) -> None:
        if request.text is not None and not reply.is_error:
            text = escape_lines(human_text(reply.value.get("return", "")))
            if text:
                text = text if text.endswith("\n") else text + "\n"
                self._out(text.encode("utf-8"), destination)
        elif not self._settings.result_only and (request.text is None or not reply.is_error):
            visible = request.visible(reply)
            if visible is reply.value:
                self._message(reply, destination)
            else:
                self._value(visible, destination)
        elif reply.is_error:
            assert request.source is not None  # our own questions are not shown
            text = f"{reply.error_class}: {reply.desc}"
            self._err(placed(request.source, request.start, escape(text)))
        else:
            self._value(reply.value["return"], destination)

    def _event(self, event: Event, *, again: bool) -> None:
        place = EVENTS_INLINE if again else event_place(self._settings.events, event.name)
        if place == EVENTS_INLINE:
            self._message(event)
        elif place == EVENTS_STDERR:
            self._err(message_line(event).decode("ascii").rstrip())

    @property
    def _is_pretty(self) -> bool:
        return (self._settings.layout or self._layout) == PRETTY

    def _message(self, message: Message, destination: Destination | None = None) -> None:
        if self._is_pretty or self._colours():
            self._value(message.value, destination)
        else:
            self._out(message_line(message), destination)

    def _value(self, value: object, destination: Destination | None) -> None:
        pretty = self._is_pretty
        if destination is None and self._colours():
            self._out(coloured(value, pretty=pretty), None)
        else:
            self._out((value_pretty if pretty else value_line)(value), destination)


def _is_the_users(effect: Send) -> bool:
    return effect.request is not None and effect.request.source is not None


def _sent(effect: Send) -> str:
    from ..records.redaction import sent_text  # only who asks to see it needs it

    assert effect.request is not None
    return sent_text(effect.data, effect.request.message)
