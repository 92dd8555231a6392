"""What a session says, as styled lines for a terminal.

Owns: how replies, events and our own words look. Must not know: prompts, or when things are printed.
Everything of the server's passes through `render.escape` here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from prompt_toolkit.utils import get_cwidth

from ..qmp import Event, Greeting, encode_scalar, human_text
from ..render import (
    Block,
    escape,
    escape_lines,
    fold_pieces,
    format_document,
    painted,
    remainder_text,
    style_json,
    utf8_string,
)
from ..session import Effect, Page, Send, ShowBytes, ShowReply, ShowStray, Tell
from ..storage import COMPACT, Settings, event_place
from . import styles
from .styles import Fragments
from .throttle import OTHERS, Folded

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
        found, rest = fold_pieces(pieces, lines=rows, columns=self._width(), width=get_cwidth)
        if rest is not None:
            return None
        ended = bool(found) and found[-1][1].endswith("\n")
        return found if ended else [*found, ("", "\n")]

    def on_one_line(self, value: object) -> Fragments:
        """A value on a line of its own; of a very long one the beginning."""
        pieces = self._pieces(value, None)
        found, rest = fold_pieces(
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
        for style, text in style_json(value, width=columns, string=self._string):
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
        head, rest = fold_pieces(
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


class PageView:
    """`width` gives the columns of the terminal."""

    def __init__(self, *, width: Callable[[], int]) -> None:
        self._width = width

    def fragments(self, blocks: list[Block], *, rows: int) -> Fragments | None:
        """The page in styles; None where it takes more than so many rows. 0 rows are no limit."""
        shown, rest = fold_pieces(
            self._pieces(blocks), lines=rows, columns=self._width(), width=get_cwidth
        )
        if rest is not None:
            return None
        return [
            (f"class:{styles.help_style(style)}" if style else "", text) for style, text in shown
        ]

    def painted(self, blocks: list[Block], paint: Mapping[str, tuple[str, str]]) -> Iterator[str]:
        """The page as text; `paint` has what stands before and behind each style."""
        for style, text in self._pieces(blocks):
            before, after = paint.get(style, ("", ""))
            yield f"{before}{text}{after}"

    def _pieces(self, blocks: list[Block]) -> Iterator[tuple[str, str]]:
        return format_document(blocks, width=self._width(), measure=get_cwidth)


class TerminalView:
    """Turns effects into fragments that end with a line end.

    `width` gives the columns of the terminal; `unicode` says whether it shows more than ASCII; `now`
    is the local time for events that carry none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        address: str,
        width: Callable[[], int],
        unicode: bool,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self.address = address
        self.unicode = unicode
        self._replies = ReplyView(
            settings, width=width, string=utf8_string if unicode else encode_scalar
        )
        self.pages = PageView(width=width)
        self._now = now

    def fragments(self, effect: Effect) -> Fragments:
        """What is shown of an effect; nothing for those that show nothing."""
        match effect:
            case ShowReply():
                return self._replies.fragments(effect)
            case Tell(text=text, is_error=is_error):
                return _line(styles.ERROR if is_error else styles.NOTE, escape_lines(text))
            case Page(blocks=blocks):
                return self.pages.fragments(blocks, rows=0) or []
            case ShowBytes(data=data):
                return [
                    (
                        "",
                        escape_lines(
                            data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
                        ),
                    )
                ]
            case ShowStray(item=item, reason=reason):
                text = escape(item.raw[:2000].decode("utf-8", "backslashreplace"))
                return _line(styles.NOTE, f"{reason}: {text}" if reason else text)
            case Send(data=data, request=request) if self._settings.verbose:
                if request is None or request.source is None:
                    return []  # talk of our own
                from ..storage import sent_text  # only who asks to see it needs it

                return _line(styles.SENT, "-> " + escape_lines(sent_text(data, request.message)))
        return []

    def whole(self, shown: ShowReply, paint: Mapping[str, tuple[str, str]]) -> Iterator[str]:
        """All of a reply as text; `paint` has what stands before and behind each style of JSON."""
        return self._replies.whole(shown, paint)

    def again(self, shown: ShowReply, *, rows: int) -> Fragments | None:
        """A reply once more; None where it takes more than so many rows."""
        return self._replies.again(shown, rows=rows)

    def output(self, text: str) -> Fragments:
        """What a program has written, its controls escaped."""
        return _line(styles.OUTPUT, escape_lines(text.replace("\r\n", "\n")))

    def banner(self, greeting: Greeting | None) -> Fragments:
        """Who is at the other end, and how to leave."""
        if self._settings.agent:
            at = escape(self.address)
            return _line(
                styles.NOTE, f"Connected to a guest agent at {at}. Ctrl-D leaves the shell."
            )
        server = "the server, without a greeting"
        if greeting is not None:
            version = greeting.version
            server = f"QEMU {'.'.join(map(str, version))}" if version else "QEMU, version unknown"
            if greeting.package:
                server += f" ({escape(greeting.package)})"
        return _line(
            styles.NOTE,
            f"Connected to {server} at {escape(self.address)}.\n"
            "Ctrl-D leaves the shell; quit ends QEMU itself.",
        )

    def wants(self, event: Event) -> bool:
        """Whether events of its name are shown."""
        return bool(event_place(self._settings.events, event.name))

    def event(self, event: Event) -> Fragments:
        """One line: local time, name, data."""
        return list(self._event(event, event.name, 1))

    def folded(self, folded: Folded) -> Fragments:
        """One line for several events of a name: the time and data of the latest."""
        name = folded.name if folded.name != OTHERS else "other events"
        return list(self._event(folded.last, name, folded.count))

    def _event(self, event: Event, name: str, count: int) -> Iterator[tuple[str, str]]:
        yield (f"class:{styles.EVENT_TIME}", self._time(event))
        yield (f"class:{styles.EVENT_NAME}", f" {escape(name)}")
        if count > 1:
            yield (f"class:{styles.COUNT}", f" ×{count}")
        data = event.value.get("data")
        if data and name == event.name:
            yield ("", " ")
            yield from self._replies.on_one_line(data)
        yield ("", "\n")

    def _time(self, event: Event) -> str:
        stamp = event.value.get("timestamp")
        when = self._now()
        if isinstance(stamp, dict):
            try:
                seconds = stamp["seconds"] + stamp["microseconds"] / 1e6
                if seconds >= 0:  # -1 where the host has no clock (qmp-spec)
                    when = datetime.fromtimestamp(seconds)
            except (KeyError, TypeError, ValueError, OverflowError, OSError):
                pass
        return when.strftime("%H:%M:%S.") + f"{when.microsecond // 1000:03d}"


def _line(style: str, text: str) -> Fragments:
    return [(f"class:{style}", text), ("", "" if text.endswith("\n") else "\n")]
