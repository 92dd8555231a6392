"""Replies as styled lines for a terminal.

Owns: how a reply looks, how much of a huge one is shown, and how long it took, in words. Must not know:
prompts, or when things are printed. Everything of the server's passes through `render.escape`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prompt_toolkit.utils import get_cwidth

from ..effects import ShowReply
from ..protocol.human_monitor import human_text
from ..render.escape import escape, escape_lines
from ..render.folding import fold, remainder_text
from ..render.layout import layout, painted
from ..settings import COMPACT, Settings
from . import styles

Fragments = list[tuple[str, str]]

_NARROWEST = 20  # columns
# Text has no place for so little to stand in (seconds).
_NOTABLE = 1.0


class ReplyView:
    """`width` gives the columns of the terminal, `string` writes a string as JSON."""

    def __init__(
        self,
        settings: Settings,
        *,
        width: Callable[[], int],
        string: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._width = width
        self._string = string

    def fragments(self, shown: ShowReply) -> Fragments:
        """A reply as it is shown when it comes, the end of a huge one left out."""
        found = list(self._late(shown)) if shown.late else []
        text = self._text(shown)
        if text is not None:
            found += self._fold(shown, [("", text)])
            if text and not found[-1][1].endswith("\n"):
                found.append(("", "\n"))
            if shown.elapsed >= _NOTABLE:
                found.append((f"class:{styles.ELAPSED}", f"({elapsed_text(shown.elapsed)})\n"))
            return found
        error = self._error(shown)
        if error is not None:
            found.append((f"class:{styles.ERROR}", error))
        else:
            found += self._fold(shown, self._pieces(self._value(shown), self._columns))
        elapsed = elapsed_text(shown.elapsed)
        begin = "\n" if self._room(found) < len(elapsed) + 2 else "  "
        found += [(f"class:{styles.ELAPSED}", f"{begin}{elapsed}"), ("", "\n")]
        return found

    def again(self, shown: ShowReply, *, rows: int) -> Fragments | None:
        """A reply once more; None where it takes more than so many rows."""
        text = self._text(shown)
        if text is None:
            text = self._error(shown)
        pieces: Iterable[tuple[str, str]] = [("", text or "")]
        if text is None:
            pieces = self._pieces(self._value(shown), self._columns)
        found, rest = fold(pieces, lines=rows, columns=self._width(), width=get_cwidth)
        if rest is not None:
            return None
        ended = bool(found) and found[-1][1].endswith("\n")
        return found if ended else [*found, ("", "\n")]

    def on_one_line(self, value: object) -> Fragments:
        """A value on a line of its own; of a very long one the beginning."""
        pieces = self._pieces(value, None)
        found, rest = fold(
            pieces, lines=self._settings.fold, columns=self._width(), width=get_cwidth
        )
        if rest is not None:
            found.append((f"class:{styles.MORE}", "…"))
        return found

    def whole(self, shown: ShowReply, paint: Mapping[str, tuple[str, str]]) -> Iterator[str]:
        """All of a reply as text; `paint` has what stands before and behind each style of JSON."""
        text = self._text(shown)
        if text is None:
            text = self._error(shown)
        if text is not None:
            yield text if text.endswith("\n") else text + "\n"
            return
        yield from painted(
            self._value(shown), width=self._columns, string=self._string, paint=paint
        )
        yield "\n"

    @property
    def _columns(self) -> int | None:
        return None if self._settings.layout == COMPACT else max(self._width(), _NARROWEST)

    def _late(self, shown: ShowReply) -> Iterator[tuple[str, str]]:
        name = escape(shown.request.text or shown.request.name or "an earlier command")
        yield (f"class:{styles.LATE}", f"late reply to {name}:\n")

    def _text(self, shown: ShowReply) -> str | None:
        """The human monitor's text; None where the reply is no such text."""
        if shown.request.text is None or shown.reply.is_error:
            return None
        return escape_lines(human_text(shown.reply.value.get("return", "")))

    def _error(self, shown: ShowReply) -> str | None:
        """An error in words; None where it is shown as it came."""
        reply = shown.reply
        if reply.is_error and (shown.request.is_typed or self._settings.result_only):
            return escape(f"{reply.error_class}: {reply.desc}")
        return None

    def _value(self, shown: ShowReply) -> object:
        if self._settings.result_only:
            return shown.reply.value["return"]
        return shown.request.visible(shown.reply)

    def _pieces(self, value: object, columns: int | None) -> Iterator[tuple[str, str]]:
        for style, text in layout(value, width=columns, string=self._string):
            yield (f"class:{styles.json_style(style)}", text)

    def _room(self, fragments: Fragments) -> int:
        """The columns that are free behind the last line of what is shown."""
        line = ""
        for _, text in reversed(fragments):
            _, newline, last = text.rpartition("\n")
            line = (last if newline else text) + line
            if newline:
                break
        return -get_cwidth(line) % self._width() if line else self._width()

    def _fold(self, shown: ShowReply, pieces: Iterable[tuple[str, str]]) -> Fragments:
        head, rest = fold(
            pieces, lines=self._settings.fold, columns=self._width(), width=get_cwidth
        )
        if rest is not None:
            left_out = remainder_text(rest, size=len(shown.reply.raw))
            # With --hmp a line that begins so is the human monitor's.
            whole = "" if self._settings.hmp else "; /last has all"
            head.append((f"class:{styles.MORE}", f"\n… {left_out}{whole}"))
        return head


def elapsed_text(seconds: float) -> str:
    """A duration as people say it.

    >>> [elapsed_text(one) for one in (0.0004, 0.0123, 1.234, 75.6, 7384)]
    ['0.4 ms', '12 ms', '1.23 s', '1 min 16 s', '2 h 3 min']
    """
    if seconds < 0.0095:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
