"""Styles and colours: by the terminal's own sixteen colours, or by a Pygments style."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Mapping

from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import BaseStyle, DynamicStyle, Style, merge_styles

from ..record import Record
from ..render import (
    JSON_NAME,
    JSON_NOTE,
    JSON_NUMBER,
    JSON_PUNCTUATION,
    JSON_STRING,
    JSON_WORD,
    STYLES,
)
from ..storage import Settings

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
PROMPT = "prompt"
HELP_HEADING = "help.heading"
HELP_NAME = "help.name"
HELP_EMPHASIS = "help.emphasis"
HELP_LITERAL = "help.literal"
HELP_WARNING = "help.warning"
# prompt_toolkit's names.
SUGGESTION = "auto-suggestion"
MENU_CURRENT = "completion-menu.completion.current"

# Below the prompt. The toolbar is visible without colours too.
TOOLBAR = "toolbar"
TOOLBAR_GOOD = "toolbar.good"
TOOLBAR_NOTABLE = "toolbar.notable"
TOOLBAR_BAD = "toolbar.bad"
PANEL = "panel"  # like the text above the prompt
PANEL_TITLE = "live_view.title"
CHANGED = "changed"

# The line being typed.
TYPED_COMMAND = "typed.command"
TYPED_ARGUMENT = "typed.argument"
TYPED_OPERATOR = "typed.operator"
TYPED_STRING = "typed.string"
TYPED_NUMBER = "typed.number"
TYPED_WORD = "typed.word"  # true, false, null
TYPED_SHELL_COMMAND = "typed.shell-command"  # a command of qmpshell, such as /wait
TYPED_COMMENT = "typed.comment"
TYPED_SHELL = "typed.shell"  # a system shell command or a file name
TYPED_ERROR = "typed.error"

WARNING = "warning"

# Text with styles, as in prompt_toolkit: (style, text).
Fragments = list[tuple[str, str]]


def signature_style(name: str) -> str:
    """Return the style of a signature piece, by its name in `complete.signature`, or of a warning."""
    return f"class:signature.{name}"


def json_style(name: str) -> str:
    """Return the style of a JSON piece, by its name in `render.json`."""
    return f"json.{name}"


def help_style(name: str) -> str:
    """Return the style of a document piece, by its name in `render.document`."""
    return f"help.{name}"


_JSON = (JSON_PUNCTUATION, JSON_NAME, JSON_STRING, JSON_NUMBER, JSON_WORD, JSON_NOTE)

AUTO = "auto"
# Pygments styles with enough contrast on black and on white in every version from 2.14 on (monokai
# has it only in later ones). Tests measure it.
_CHOSEN = {"dark": "github-dark", "light": "default"}

# The style of each class by the terminal's colours, and then its equivalent Pygments tokens, the best
# first. The first one that differs from plain text is used. If none does, it is plain text, except for
# what must stand out. Without any token, a class has the first style with Pygments too.
_STYLES: dict[str, tuple[str, ...]] = {
    json_style(JSON_NAME): ("ansiblue", "Name.Tag", "Name.Attribute"),
    json_style(JSON_STRING): ("ansigreen", "Literal.String"),
    json_style(JSON_NUMBER): ("ansicyan", "Literal.Number"),
    json_style(JSON_WORD): ("ansimagenta", "Keyword.Constant"),
    json_style(JSON_PUNCTUATION): ("", "Punctuation"),
    json_style(JSON_NOTE): ("ansibrightblack", "Comment"),
    EVENT_TIME: ("ansibrightblack", "Comment"),
    EVENT_NAME: ("ansiyellow", "Name.Class", "Name.Function", "Keyword"),
    COUNT: ("bold",),
    ELAPSED: ("ansibrightblack", "Comment"),
    MORE: ("ansibrightblack", "Comment"),
    ERROR: ("ansired", "Generic.Error"),
    NOTE: ("italic",),
    SENT: ("ansibrightblack", "Comment"),
    LATE: ("ansiyellow", "Name.Exception", "Generic.Error"),
    OUTPUT: ("ansimagenta", "Generic.Output", "Comment"),
    HELP_HEADING: ("bold",),
    HELP_NAME: ("ansiblue", "Name.Attribute", "Name.Tag"),
    HELP_EMPHASIS: ("italic",),
    HELP_LITERAL: ("ansigreen", "Literal.String"),
    HELP_WARNING: ("ansiyellow", "Name.Exception", "Generic.Error"),
    PROMPT: ("bold", "Generic.Prompt"),
    SUGGESTION: ("ansibrightblack", "Comment"),
    TOOLBAR: ("reverse",),
    # In reverse video, so that bg is the colour of the text.
    TOOLBAR_GOOD: ("ansigreen bg:ansiblack",),
    TOOLBAR_NOTABLE: ("ansiyellow bg:ansiblack",),
    TOOLBAR_BAD: ("ansired bg:ansiwhite bold",),
    PANEL: ("noreverse",),
    PANEL_TITLE: ("bold",),
    CHANGED: ("reverse",),
    TYPED_COMMAND: ("bold", "Name.Function", "Keyword"),
    TYPED_ARGUMENT: ("ansiblue", "Name.Attribute", "Name.Tag"),
    TYPED_OPERATOR: ("", "Operator"),
    TYPED_STRING: ("ansigreen", "Literal.String"),
    TYPED_NUMBER: ("ansicyan", "Literal.Number"),
    TYPED_WORD: ("ansimagenta", "Keyword.Constant"),
    TYPED_SHELL_COMMAND: ("ansiyellow", "Name.Builtin", "Keyword"),
    TYPED_COMMENT: ("ansibrightblack", "Comment"),
    TYPED_SHELL: ("ansibrightblack", "Comment.Preproc", "Comment"),
    TYPED_ERROR: ("ansired", "Generic.Error"),
    "signature.command": ("bold",),
    "signature.required": ("bold",),
    "signature.optional": ("",),
    "signature.given": ("italic",),
    "signature.current": ("bold underline",),
    "signature.type": ("",),
    "signature.mark": ("",),
    f"signature.{WARNING}": ("ansiyellow bg:ansiblack",),
    MENU_CURRENT: ("#444444 bg:#ffffff reverse",),  # prompt_toolkit's grey is too light
}

# What has a colour of its own on the toolbar, as in _STYLES. These are colours of terminals
# with 256 colours too.
_STATE_STYLES = {
    "dark": {
        TOOLBAR_GOOD: "#5faf5f bg:#000000",
        TOOLBAR_NOTABLE: "#d7af00 bg:#000000",
        TOOLBAR_BAD: "#ff5f5f bg:#000000 bold",
        f"signature.{WARNING}": "#d7af00 bg:#000000",
    },
    "light": {
        TOOLBAR_GOOD: "#005f00 bg:#ffffff",
        TOOLBAR_NOTABLE: "#875f00 bg:#ffffff",
        TOOLBAR_BAD: "#af0000 bg:#ffffff bold",
        f"signature.{WARNING}": "#875f00 bg:#ffffff",
    },
}

# Without colours, a suggestion must differ from typed text.
_MONOCHROME = Style([(SUGGESTION, "underline")])

# These differ from plain text and from JSON.
_DISTINCT = (ERROR, LATE, PROMPT, TYPED_ERROR)


def style_names() -> Iterable[str]:
    """Return the names of Pygments' styles."""
    from pygments.styles import get_all_styles  # slow to import

    return get_all_styles()


def make_style(name: str = AUTO) -> BaseStyle:
    """Return the style AUTO, "dark", "light", or the Pygments style of this name.

    Raises ValueError with some valid names if there is none of that name.
    """
    if name == AUTO:
        return Style.from_dict(
            {class_name: default for class_name, (default, *_) in _STYLES.items()}
        )
    chosen = _pygments_styles(_CHOSEN.get(name, name))
    return Style.from_dict(chosen | _STATE_STYLES.get(name, {}))


def _pygments_styles(name: str) -> dict[str, str]:
    from pygments.styles import get_style_by_name  # slow to import, and AUTO needs none of this
    from pygments.token import Token, string_to_tokentype

    from ..storage import check_style

    check_style(name)

    style = get_style_by_name(name)
    plain = style.style_for_token(Token)

    def find_style(tokens: Iterable[str], used: Collection[str]) -> str:
        for token in tokens:
            found = style.style_for_token(string_to_tokentype(token))
            if found != plain and _convert_style(found) not in used:
                return _convert_style(found)
        return ""

    chosen = {
        class_name: find_style(tokens, ()) if tokens else default
        for class_name, (default, *tokens) in _STYLES.items()
    }
    used = [chosen[json_style(name)] for name in _JSON] + ["#000000", "#ffffff"]
    for class_name in _DISTINCT:
        default, *tokens = _STYLES[class_name]
        chosen[class_name] = find_style(tokens, used) or default
    return chosen


def _convert_style(attributes: Mapping[str, object]) -> str:
    """Convert a Pygments style to prompt_toolkit's. Backgrounds are omitted."""
    words = [word for word in ("bold", "italic", "underline") if attributes[word]]
    if attributes["ansicolor"]:
        words.append(str(attributes["ansicolor"]))
    elif attributes["color"]:
        words.append(f"#{attributes['color']}".lower())
    return " ".join(words)


def paint_table(
    style: BaseStyle,
    depth: ColorDepth,
    names: Iterable[str] = _JSON,
    class_of: Callable[[str], str] = json_style,
) -> dict[str, tuple[str, str]]:
    """Return the control sequences before and after each of the named styles of `render`.

    They are like those of prompt_toolkit. Both are "" for a style that looks like plain text.
    """
    text = io.StringIO()
    output = Vt100_Output(text, lambda: Size(rows=24, columns=80))

    def start(style_text: str) -> str:
        """Return the sequence that sets the attributes of a style string, and no others."""
        text.seek(0)
        text.truncate()
        output.set_attributes(style.get_attrs_for_style_str(style_text), depth)
        output.flush()
        return text.getvalue()

    plain = start("")
    starts = {name: start(f"class:{class_of(name)}") for name in names}
    return {
        name: (before, plain) if before != plain else ("", "") for name, before in starts.items()
    }


# Terminals with only the sixteen colours of a palette.
_SIXTEEN = ("linux", "eterm-color")


def terminal_colours(term: str) -> int | None:
    """Return the number of colours in the system's description of a terminal, or None.

    The first answer in a process is that of all later ones.
    """
    try:
        import curses
    except ImportError:  # some builds of Python do not have it
        return None
    try:
        curses.setupterm(term, 1)
    except curses.error:
        return None
    return curses.tigetnum("colors")


def color_depth(
    color: str,
    environment: Mapping[str, str],
    *,
    colours: Callable[[str], int | None] = terminal_colours,
) -> ColorDepth:
    """Return the colour depth for the setting `color`: auto, always or never.

    NO_COLOR (not empty) and a terminal without colours are respected unless it is "always". Bold
    and italic are not colours.
    """
    term = environment.get("TERM", "")
    if color == "never" or (color == "auto" and environment.get("NO_COLOR")):
        return ColorDepth.DEPTH_1_BIT
    named = environment.get("PROMPT_TOOLKIT_COLOR_DEPTH", "")
    if named in [depth.value for depth in ColorDepth]:
        return ColorDepth(named)
    if environment.get("COLORTERM") in ("truecolor", "24bit") or term.endswith("-direct"):
        return ColorDepth.DEPTH_24_BIT
    if "color" not in term:
        number = colours(term)
        if number is not None and number < 8 and color == "auto":
            return ColorDepth.DEPTH_1_BIT
    return ColorDepth.DEPTH_4_BIT if term in _SIXTEEN else ColorDepth.DEPTH_8_BIT


class Theme:
    """The theme: style and colour depth. `style` is constant; the others follow the settings."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._name = ""
        self._style: BaseStyle
        self._monochrome: BaseStyle
        self._chosen()
        self.style: BaseStyle = DynamicStyle(self._chosen)

    @property
    def depth(self) -> ColorDepth:
        """The colour depth."""
        return color_depth(self._settings.color, self._environment)

    @property
    def paint(self) -> dict[str, tuple[str, str]]:
        """The text before and after each JSON style, for use outside prompt_toolkit."""
        return paint_table(self._chosen(), self.depth)

    @property
    def page_paint(self) -> dict[str, tuple[str, str]]:
        """The same for each style of a document."""
        return paint_table(self._chosen(), self.depth, STYLES, help_style)

    def _chosen(self) -> BaseStyle:
        if self._settings.style != self._name:
            self._name = self._settings.style
            self._style = make_style(self._name)
            self._monochrome = merge_styles([self._style, _MONOCHROME])
        return self._monochrome if self.depth == ColorDepth.DEPTH_1_BIT else self._style


class Devices(Record, kw_only=True):
    """The terminal, the settings of its user, and a monotonic clock, in seconds."""

    settings: Settings
    clock: Callable[[], float]
    environment: Mapping[str, str]
    input: Input
    output: Output
    theme: Theme

    @property
    def has_syntax(self) -> bool:
        """Whether lines have the syntax of commands: not with --raw, nor with --hmp."""
        return not self.settings.raw and not self.settings.hmp
