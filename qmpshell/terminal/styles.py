"""The colours of the terminal.

Owns: the names of styles and what they look like, by the sixteen colours that every terminal has in
its own palette, dark or light. Must not know: what is shown in them.
"""

from __future__ import annotations

from prompt_toolkit.styles import BaseStyle, Style

from ..render import layout

EVENT_TIME = "event.time"
EVENT_NAME = "event.name"
COUNT = "event.count"
ELAPSED = "elapsed"
MORE = "more"
ERROR = "error"
NOTE = "note"
SENT = "sent"
LATE = "late"
OUTPUT = "output"
TYPED_NAME = "typed.name"
TYPED_LOCAL = "typed.local"
TYPED_KEY = "typed.key"
TYPED_MARK = "typed.mark"
TYPED_STRING = "typed.string"
TYPED_NUMBER = "typed.number"
TYPED_WORD = "typed.word"
TYPED_SHELL = "typed.shell"
TYPED_COMMENT = "typed.comment"
TYPED_OPEN = "typed.open"
PROMPT = "prompt"

_LOOKS = {
    f"json.{layout.NAME}": "ansiblue",
    f"json.{layout.STRING}": "ansigreen",
    f"json.{layout.NUMBER}": "ansicyan",
    f"json.{layout.WORD}": "ansimagenta",
    EVENT_TIME: "ansibrightblack",
    EVENT_NAME: "ansiyellow",
    COUNT: "bold",
    ELAPSED: "ansibrightblack",
    MORE: "ansibrightblack",
    ERROR: "ansired",
    NOTE: "italic",
    SENT: "ansibrightblack",
    LATE: "ansiyellow",
    OUTPUT: "ansimagenta",
    PROMPT: "bold",
}


def make_style() -> BaseStyle:
    return Style.from_dict(_LOOKS)
