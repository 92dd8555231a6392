"""What a session says, as styled lines for a terminal.

Owns: how replies, events and our own words look. Must not know: prompts, or when things are printed.
Everything of the server's passes through `render.escape` here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from ..effects import Effect, Page, Send, ShowBytes, ShowReply, ShowStray, Tell
from ..protocol.json_text import encode_scalar
from ..protocol.messages import Event, Greeting
from ..render.escape import escape, escape_lines, utf8_string
from ..settings import Settings, event_place
from . import styles
from .pages import PageView
from .replies import ReplyView
from .storm import OTHERS, Folded

Fragments = list[tuple[str, str]]


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
                from ..records.redaction import sent_text  # only who asks to see it needs it

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
