"""Formats the effects of a session as styled text. All text from the server is escaped here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from prompt_toolkit.utils import get_cwidth

from ..qmp import Event, Greeting, encode_scalar, hmp_text
from ..render import (
    Block,
    Lines,
    escape,
    escape_lines,
    fold_pieces,
    format_document,
    paint_json,
    remainder_text,
    style_json,
    text_width,
    utf8_string,
)
from ..session import (
    Effect,
    Request,
    Send,
    ShowBytes,
    ShowDocument,
    ShowEvent,
    ShowMessage,
    ShowReply,
    ShowUnexpected,
)
from ..storage import COMPACT, VIEW_TABLE, Settings, event_place
from . import styles
from .servers import leave_hint
from .styles import Fragments, Theme
from .throttle import OTHERS, EventCount

if TYPE_CHECKING:
    from ..language import Redirect
    from ..qemu import ChildServer
    from ..render.views.numbers import Meaning, NumberMeanings
    from ..render.views.table import Table

_NARROWEST = 20  # columns
# Shorter times, in seconds, are not shown for text.
_NOTABLE = 1.0
_PAGERS = ("less", "more", "most")
# Text of a system shell command that is more than one program and its arguments.
_OPERATORS = frozenset("|&;<>()`$\n")


def prompt_text(settings: Settings) -> str:
    """Return the text of the prompt."""
    if settings.raw:
        return "> "
    if settings.agent:
        return "(QGA) "
    return "(qemu) " if settings.hmp else "(QEMU) "


def question_text(question: str) -> str:
    """Return the text that asks for confirmation."""
    return f"{question}. Continue? [y/N] "


def overwrite_question(path: str) -> str:
    """Return the question before a redirect overwrites a file."""
    return f"{escape(path)} exists and would be overwritten"


def refusal_text(path: str) -> str:
    """Return why a redirect was not opened after that question."""
    return f"{path} was not overwritten; nothing was sent"


def is_pager(redirect: Redirect | None) -> bool:
    """Return True if a redirect is a pager and nothing else."""
    if redirect is None or redirect.operator != "|" or _OPERATORS.intersection(redirect.text):
        return False
    program = redirect.text.split(maxsplit=1)[:1]
    return bool(program) and os.path.basename(program[0]) in _PAGERS


def meanings_of(request: Request, *, default: Meaning | None = None) -> NumberMeanings:
    """Return what the numbers in the replies to a request mean, or the default."""
    from ..render.views.numbers import NumberMeanings  # the first prompt does not need it

    name = request.arguments.get("property", "") if request.name == "qom-get" else ""
    of_reply = name if isinstance(name, str) else ""
    return NumberMeanings(request.name, name=of_reply, default=default)


def _styled_table(lines: Iterable[str]) -> Fragments:
    """Return the lines of a table, of which the first is its header."""
    header, *rows = lines
    return [
        (f"class:{styles.HELP_HEADING}", header),
        ("", "".join(f"\n{row}" for row in rows) + "\n"),
    ]


def clip(text: str, columns: int, *, mark: str = "…") -> str:
    """Return the start of `text` that fits in `columns`; `mark` shows that it is cut."""
    if get_cwidth(text) <= columns:
        return text
    room = columns - get_cwidth(mark)
    for at, char in enumerate(text):
        room -= get_cwidth(char)
        if room < 0:
            return text[:at] + mark if columns >= get_cwidth(mark) else ""
    return text


def clip_lines(pieces: Iterable[tuple[str, str]], columns: int) -> Iterator[Fragments]:
    """Yield the lines of styled text, without their ends, each clipped to `columns`."""
    line: Fragments = []
    room = columns
    for style, text in pieces:
        for number, part in enumerate(text.split("\n")):
            if number:
                yield line
                line, room = [], columns
            if part and room > 0:
                line.append((style, clip(part, room)))
                room -= get_cwidth(part)
    if line:
        yield line


def clip_left(text: str, columns: int) -> str:
    """Return the end of `text` that fits in `columns`, where a path has its file name.

    >>> clip_left("/run/user/1000/vm.sock", 12)
    '…000/vm.sock'
    """
    return clip(text[::-1], columns)[::-1]


def format_elapsed(seconds: float) -> str:
    """Format a duration.

    >>> [format_elapsed(seconds) for seconds in (0.0004, 0.0123, 1.234, 75.6, 7384)]
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


_FIRST_KEYS = "Tab completes, F1 explains what you type, "


class EffectFormatter:
    """Formats effects as fragments that end with a line end.

    `width` returns the columns of the terminal, `encoding` is its encoding. `has_keys` is false where
    Tab and F1 do nothing. `now` returns the local time, for events without one.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        address: str,
        width: Callable[[], int],
        encoding: str | None,
        child_server: ChildServer | None,
        has_keys: bool = True,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._settings = settings
        self._width = width
        self._now = now
        topic = "help lists the commands." if settings.hmp else "/help lists the shell commands."
        self._first_steps = _FIRST_KEYS + topic if has_keys else topic
        self.address = address
        # Whether the terminal shows more than ASCII.
        self.unicode = (encoding or "").lower().replace("-", "") == "utf8"
        # Encodes a string as JSON.
        self._string = utf8_string if self.unicode else encode_scalar
        self._leave_hint = leave_hint(child_server)

    def fragments(self, effect: Effect) -> Fragments:
        """Return what is shown of an effect, or []."""
        match effect:
            case ShowReply():
                return self._reply(effect)
            case ShowEvent(event=event, again=again) if again or self.wants(event):
                return self.event(event)
            case ShowMessage(text=text, is_error=is_error):
                return _line(styles.ERROR if is_error else styles.NOTE, escape_lines(text))
            case ShowDocument(blocks=blocks, is_folded=is_folded):
                shown = self._document(blocks, rows=0) or []
                if not is_folded:
                    return shown
                lines = clip_lines(shown, self._width())
                return [piece for line in lines for piece in (*line, ("", "\n"))]
            case ShowBytes(data=data):
                text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
                return [("", escape_lines(text))]
            case ShowUnexpected(item=item, reason=reason):
                text = escape(item.raw[:2000].decode("utf-8", "backslashreplace"))
                return _line(styles.NOTE, f"{reason}: {text}" if reason else text)
            case Send(data=data, request=request) if self._settings.verbose:
                if request is None or request.source is None:
                    return []  # the handshake
                from ..storage import sent_text  # only with -v

                return _line(styles.SENT, "-> " + escape_lines(sent_text(data, request.message)))
        return []

    def fitting(self, shown: ShowReply | ShowDocument, *, rows: int) -> Fragments | None:
        """Return a reply or a document, or None if it has more than `rows` rows, or wide ones."""
        if isinstance(shown, ShowReply):
            return self._again(shown, rows=rows)
        return self._document(shown.blocks, rows=rows)

    def _document(self, blocks: list[Block], *, rows: int) -> Fragments | None:
        """Return a document, or None if it has more than `rows` rows; 0 means no limit."""
        shown, rest = self._fold(self._pieces(blocks), rows)
        if rest is not None or (rows and self._is_wide(blocks)):
            return None
        return [
            (f"class:{styles.help_style(style)}" if style else "", text) for style, text in shown
        ]

    def _is_wide(self, blocks: list[Block]) -> bool:
        """Return True if lines that must not be filled do not fit on the screen."""
        return any(
            sum(get_cwidth(text) for _, text in spans) > self._width()
            for block in blocks
            if isinstance(block, Lines) and not block.wrap
            for spans in block.lines
        )

    def _pieces(self, blocks: list[Block]) -> Iterator[tuple[str, str]]:
        pieces = format_document(blocks, width=self._width(), measure=get_cwidth)
        if self.unicode:
            return pieces
        from ..render.views.graph import ascii_lines  # few terminals need it

        return ((style, ascii_lines(text)) for style, text in pieces)

    def for_pager(
        self, shown: ShowReply | ShowDocument, theme: Theme
    ) -> tuple[Iterator[str], bool]:
        """Return the complete text of a reply or a document, and whether it has wide rows."""
        if isinstance(shown, ShowReply):
            is_table = self._table(shown, rows=1) is not None
            return self.whole(shown, theme.paint), is_table
        paint = theme.page_paint
        painted = (
            text.join(paint.get(style, ("", ""))) for style, text in self._pieces(shown.blocks)
        )
        return painted, self._is_wide(shown.blocks)

    def output(self, text: str) -> Fragments:
        """Return the output of a program with control characters escaped."""
        return _line(styles.OUTPUT, escape_lines(text.replace("\r\n", "\n")))

    def banner(self, greeting: Greeting | None) -> Fragments:
        """Return the banner: the server, and how to leave."""
        if self._settings.agent:
            at = escape(self.address)
            return _line(
                styles.NOTE,
                f"Connected to a guest agent at {at}. Ctrl-D leaves the shell.\n{self._first_steps}",
            )
        server = "a server that sent no greeting"
        if greeting is not None:
            version = greeting.version
            server = f"QEMU {'.'.join(map(str, version))}" if version else "QEMU, version unknown"
            if greeting.package:
                server += f" ({escape(greeting.package)})"
        return _line(
            styles.NOTE,
            f"Connected to {server} at {escape(self.address)}.\n"
            f"{self._first_steps}\n"
            f"{self._leave_hint}; quit ends QEMU itself.",
        )

    def wants(self, event: Event) -> bool:
        """Return True if events of this name are shown."""
        return bool(event_place(self._settings.events, event.name))

    def event(self, shown: Event | EventCount) -> Fragments:
        """Return an event on one line: local time, name, data.

        For several events of a name, it has time and data of the latest.
        """
        event, count = (shown.last, shown.count) if isinstance(shown, EventCount) else (shown, 1)
        is_mixed = isinstance(shown, EventCount) and shown.name == OTHERS
        name = "other events" if is_mixed else shown.name
        found = [
            (f"class:{styles.EVENT_TIME}", self._time(event)),
            (f"class:{styles.EVENT_NAME}", f" {escape(name)}"),
        ]
        if count > 1:
            found.append((f"class:{styles.COUNT}", f" ×{count}"))
        data = event.value.get("data")
        if data and name == event.name:
            found += [("", " "), *self.on_one_line(data)]
        return [*found, ("", "\n")]

    def _time(self, event: Event) -> str:
        stamp = event.value.get("timestamp")
        when = self._now()
        if isinstance(stamp, dict):
            try:
                seconds = stamp["seconds"] + stamp["microseconds"] / 1e6
                if seconds >= 0:  # -1 if the host has no clock (qmp-spec)
                    when = datetime.fromtimestamp(seconds)
            except (KeyError, TypeError, ValueError, OverflowError, OSError):
                pass
        return when.strftime("%H:%M:%S.") + f"{when.microsecond // 1000:03d}"

    # -- replies ----------------------------------------------------------------------------------

    def _reply(self, shown: ShowReply) -> Fragments:
        """Return a new reply, folded if it is very long."""
        found = self._heading(shown)
        text, table = self._text(shown), self._table_head(shown)
        if text is not None or table:
            found += table or self._head(shown, [("", text or "")])
            if (text or table) and not found[-1][1].endswith("\n"):
                found.append(("", "\n"))
            if shown.elapsed >= _NOTABLE:
                found.append((f"class:{styles.ELAPSED}", f"({format_elapsed(shown.elapsed)})\n"))
            return found
        error = self._error(shown)
        if error is not None:
            found.append((f"class:{styles.ERROR}", error))
        else:
            found += self._head(shown, self._styled(shown))
        elapsed = format_elapsed(shown.elapsed)
        separator = "\n" if self._room(found) < len(elapsed) + 2 else "  "
        found += [(f"class:{styles.ELAPSED}", f"{separator}{elapsed}"), ("", "\n")]
        return found

    def _again(self, shown: ShowReply, *, rows: int) -> Fragments | None:
        """Return a reply again, or None if it has more than `rows` rows, or a wide table."""
        text = self._text(shown)
        if text is None:
            text = self._error(shown)
        pieces: Iterable[tuple[str, str]] = [("", text or "")]
        table = self._table(shown)
        if table is not None:
            from ..render.views.table import table_lines

            lines = list(table_lines(table))
            if any(text_width(line) > self._width() for line in lines):
                return None
            pieces = _styled_table(lines)
        elif text is None:
            pieces = self._styled(shown)
        found, rest = self._fold(pieces, rows)
        if rest is not None:
            return None
        ended = bool(found) and found[-1][1].endswith("\n")
        return found if ended else [*found, ("", "\n")]

    def on_one_line(self, value: object) -> Fragments:
        """Return a value on one line, cut if it is very long."""
        found, rest = self._fold(self._json(value, None), self._settings.fold)
        if rest is not None:
            found.append((f"class:{styles.MORE}", "…"))
        return found

    def whole(self, shown: ShowReply, paint: Mapping[str, tuple[str, str]]) -> Iterator[str]:
        """Yield the complete reply as text. `paint` maps JSON styles to the text before and after."""
        text = self._text(shown)
        if text is None:
            text = self._error(shown)
        if text is not None:
            yield text if text.endswith("\n") else text + "\n"
            return
        table = self._table(shown)
        if table is not None:
            from ..render.views.table import table_lines

            yield from (f"{line}\n" for line in table_lines(table))
            return
        yield from paint_json(
            self._value(shown),
            width=self._columns,
            string=self._string,
            paint=paint,
            meanings=self._meanings(shown),
        )
        yield "\n"

    @property
    def _columns(self) -> int | None:
        return None if self._settings.layout == COMPACT else max(self._width(), _NARROWEST)

    def _heading(self, shown: ShowReply) -> Fragments:
        """Return what a late reply belongs to, or the line of one of several, or of a failure in a file."""
        if shown.late:
            name = escape(shown.request.text or shown.request.name or "an earlier command")
            return [(f"class:{styles.LATE}", f"late reply to {name}:\n")]
        source = shown.request.source
        is_in_file = source is not None and source.name != ""
        is_failure_in_file = is_in_file and shown.is_failure
        if source is None or not (is_failure_in_file or source.is_one_of_several):
            return []
        number, _, _ = source.line.locate(shown.request.start)
        if is_in_file:  # the line may contain a secret
            heading = f"{source.name}:{number}: {shown.request.name}"
        else:
            heading = f"line {number}: " + source.line.text.partition("\n")[0].strip()
        row = clip(escape(heading), max(self._width(), _NARROWEST))
        return [(f"class:{styles.NOTE}", f"{row}\n")]

    def _text(self, shown: ShowReply) -> str | None:
        """Return the text of the human monitor, or one for people, or None for another reply."""
        if shown.reply.is_error:
            return None
        value = shown.reply.value.get("return", "")
        if shown.request.text is None and not isinstance(value, dict):
            return None
        from ..render.views.table import human_text

        text = human_text(value) if shown.request.text is None else hmp_text(value)
        return None if text is None else escape_lines(text)

    def _table(self, shown: ShowReply, *, rows: int | None = None) -> Table | None:
        """Return a reply as a table of at most `rows` rows if it is shown as one, or None."""
        value = shown.reply.value.get("return")
        if self._settings.view != VIEW_TABLE or not isinstance(value, list):
            return None
        from ..render.views.table import is_tabular, make_table  # imported only with this setting

        if not is_tabular(value):
            return None
        table = make_table(value[:rows])
        return table if table is not None and table.columns else None

    def _table_head(self, shown: ShowReply) -> Fragments:
        """Return the rows and columns of a table that fit, or [] if a reply is not shown as a table."""
        value = shown.reply.value.get("return")
        count = len(value) if isinstance(value, list) else 0
        fold = self._settings.fold
        table = self._table(shown, rows=fold if fold and count > fold + 2 else None)
        if table is None:
            return []
        from ..render.views.table import clipped_lines, table_lines

        left_out = [f"{count - len(table.rows):,} more rows"] * (count > len(table.rows))
        clipped = list(clipped_lines(list(table_lines(table)), self._width()))
        if any(is_cut for _, is_cut in clipped):
            left_out.append("more columns")
        found = _styled_table(line for line, _ in clipped)
        if left_out:
            text = f"… {' and '.join(left_out)}; /last shows all"
            found.append((f"class:{styles.MORE}", text))
        return found

    def _error(self, shown: ShowReply) -> str | None:
        """Return an error in words, or None to show it as it is."""
        reply = shown.reply
        if reply.is_error and (shown.request.is_typed or self._settings.result_only):
            return escape(f"{reply.error_class}: {reply.desc}")
        return None

    def _value(self, shown: ShowReply) -> object:
        if self._settings.result_only:
            return shown.reply.value["return"]
        return shown.request.visible(shown.reply)

    def _styled(self, shown: ShowReply) -> Iterator[tuple[str, str]]:
        """Yield a reply as JSON, with what its numbers mean."""
        return self._json(self._value(shown), self._columns, self._meanings(shown))

    def _meanings(self, shown: ShowReply) -> NumberMeanings | None:
        return meanings_of(shown.request) if self._settings.units else None

    def _json(
        self, value: object, columns: int | None, meanings: NumberMeanings | None = None
    ) -> Iterator[tuple[str, str]]:
        for style, text in style_json(value, width=columns, string=self._string, meanings=meanings):
            yield (f"class:{styles.json_style(style)}", text)

    def _room(self, fragments: Fragments) -> int:
        """Return the free columns after the last line."""
        line = ""
        for _, text in reversed(fragments):
            _, newline, last = text.rpartition("\n")
            line = (last if newline else text) + line
            if newline:
                break
        return -get_cwidth(line) % self._width() if line else self._width()

    def _head(self, shown: ShowReply, pieces: Iterable[tuple[str, str]]) -> Fragments:
        """Return the beginning of a reply, and how much is left out."""
        head, rest = self._fold(pieces, self._settings.fold)
        if rest is not None:
            left_out = remainder_text(rest, size=len(shown.reply.raw))
            head.append((f"class:{styles.MORE}", f"\n… {left_out}; /last shows all"))
        return head

    def _fold(
        self, pieces: Iterable[tuple[str, str]], rows: int
    ) -> tuple[Fragments, Iterator[tuple[str, str]] | None]:
        """Return what fits in this number of rows, and the rest, as `fold_pieces`."""
        return fold_pieces(pieces, lines=rows, columns=self._width(), width=get_cwidth)


def _line(style: str, text: str) -> Fragments:
    return [(f"class:{style}", text), ("", "" if text.endswith("\n") else "\n")]
