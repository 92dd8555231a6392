"""What the user chose.

Owns: the options of a session, with their defaults. Must not know: the command line, or files.
"""

from __future__ import annotations

from ..errors import QmpShellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any


PRETTY = "pretty"
COMPACT = "compact"

EVENTS_INLINE = "inline"
EVENTS_STDERR = "stderr"
EVENTS_NONE = "none"

EMACS = "emacs"
VI = "vi"

# What ends or resets the machine.
CONFIRM = ("quit", "system_reset", "system_powerdown", "guest-shutdown")


EVENT_MODES = (EVENTS_INLINE, EVENTS_STDERR, EVENTS_NONE)
MUTED, SHOWN = "-", "+"

# One of the modes; or the globs of those that are shown, where -GLOB takes some out again. The first
# may be a mode: where it is none, and it is not -GLOB, what no glob names is not shown.
EventsMode = str | tuple[str, ...]


def parse_events(text: str) -> EventsMode | None:
    """The mode that `--events` and `/events` name; None if it is none."""
    if text in EVENT_MODES:
        return text
    globs = tuple(glob.strip() for glob in text.split(","))
    return globs if all(glob.strip(MUTED + SHOWN) for glob in globs) else None


def adjust_events(mode: EventsMode, changes: Iterable[str]) -> EventsMode:
    """The mode with -GLOB muted and +GLOB shown again; the later ones count."""
    from fnmatch import fnmatchcase  # few scripts need it

    rules = [mode] if isinstance(mode, str) else list(mode)
    for change in changes:
        glob = change[1:]
        # What it says all of again need not be said twice.
        rules = [
            rule
            for rule in rules
            if rule[0] not in MUTED + SHOWN or not fnmatchcase(rule[1:], glob)
        ] or [EVENTS_INLINE]
        if change[0] == MUTED or not event_place(tuple(rules), glob):
            rules.append(change)
    return rules[0] if len(rules) == 1 and rules[0] in EVENT_MODES else tuple(rules)


def event_place(mode: EventsMode, name: str) -> str:
    """Where events of this name are shown: EVENTS_INLINE, EVENTS_STDERR, or empty for nowhere."""
    if isinstance(mode, str):
        return "" if mode == EVENTS_NONE else mode
    from fnmatch import fnmatchcase  # few scripts need it

    place = EVENTS_STDERR if mode[0] == EVENTS_STDERR else EVENTS_INLINE
    shown = mode[0].startswith(MUTED) or mode[0] in (EVENTS_INLINE, EVENTS_STDERR)
    for rule in mode:
        if rule in EVENT_MODES:
            continue
        glob = rule[1:] if rule[0] in MUTED + SHOWN else rule
        if fnmatchcase(name, glob):
            shown = rule[0] != MUTED
    return place if shown else ""


class Settings:
    """One session's options; DESIGN's table says what each does.

    `layout` is PRETTY, COMPACT or None, which leaves it to where the output goes; `events` is one of
    the modes above or a tuple of globs (EventsMode), or None, which is inline, or none with
    `result_only`. `agent` says that the other end is a guest agent. `wait` and `timeout` are seconds or
    None, `log` is the name of a file.

    At a terminal: `confirm` are the names or globs of the commands that are asked about, `fold` is how
    many lines of a reply are shown before the rest of it is folded (0: all are shown), `pager` a shell
    command (empty: the environment's), `style` "auto", "dark", "light" or the name of a Pygments style,
    `editing` EMACS or VI, `toolbar` whether the state of things stands at the bottom.
    """

    __slots__ = (
        "agent",
        "color",
        "confirm",
        "dry_run",
        "editing",
        "events",
        "fold",
        "hmp",
        "layout",
        "log",
        "negotiate",
        "pager",
        "probe",
        "quiet",
        "raw",
        "result_only",
        "stop_on_error",
        "style",
        "timeout",
        "toolbar",
        "verbose",
        "wait",
    )

    def __init__(
        self,
        *,
        agent: bool = False,
        color: str = "auto",
        events: str | tuple[str, ...] | None = None,
        hmp: bool = False,
        layout: str | None = None,
        negotiate: bool = True,
        quiet: bool = False,
        raw: bool = False,
        result_only: bool = False,
        stop_on_error: bool = False,
        timeout: float | None = None,
        dry_run: bool = False,
        log: str | None = None,
        probe: bool = True,
        verbose: bool = False,
        wait: float | None = None,
        confirm: tuple[str, ...] = CONFIRM,
        editing: str = EMACS,
        fold: int = 60,
        pager: str = "",
        style: str = "auto",
        toolbar: bool = True,
    ) -> None:
        self.agent = agent
        self.color = color
        self.events = events or (EVENTS_NONE if result_only else EVENTS_INLINE)
        self.hmp = hmp
        self.layout = layout
        self.negotiate = negotiate
        self.quiet = quiet
        self.raw = raw
        self.result_only = result_only
        self.stop_on_error = stop_on_error
        self.timeout = timeout
        self.dry_run = dry_run
        self.log = log
        self.probe = probe
        self.verbose = verbose
        self.wait = wait
        self.confirm = confirm
        self.editing = editing
        self.fold = fold
        self.pager = pager
        self.style = style
        self.toolbar = toolbar


_LONG = 40
_MOST_LINES = 1_000_000_000
_LONGEST = 1e9

# The styles that have no need of Pygments' names.
OWN_STYLES = ("auto", "dark", "light")
_SOME_STYLES = ("monokai", "gruvbox-dark", "one-dark", "default", "friendly", "xcode")


class OptionError(QmpShellError):
    """A value that an option cannot have. The text names the option, the value and what is possible."""


class Option:
    """A setting that has a name for people.

    `what` says what it is, `attribute` is its name in Settings, `possible` says which values there are
    as text, `possible_toml` in the settings file; `choices` are those that can be listed. One that is
    `file_only` has no meaning once a session has begun.
    """

    __slots__ = ("attribute", "choices", "file_only", "name", "possible", "possible_toml", "what")

    def __init__(
        self,
        name: str,
        what: str,
        *,
        possible: str = "",
        possible_toml: str = "",
        attribute: str = "",
        choices: tuple[str, ...] = (),
        file_only: bool = False,
    ) -> None:
        self.name = name
        self.what = what
        self.possible = possible
        self.possible_toml = possible_toml or possible
        self.attribute = attribute or name
        self.choices = choices
        self.file_only = file_only

    def read(self, text: str) -> object:
        """The value that `text` stands for. Raises OptionError."""
        try:
            return self._read(text)
        except ValueError as error:
            raise self._error(repr(text[:_LONG]), self.possible, error) from None

    def take(self, value: object) -> object:
        """The value that a value of TOML stands for. Raises OptionError."""
        try:
            return self._take(value)
        except ValueError as error:
            raise self._error(_shown(value), self.possible_toml, error) from None

    def write(self, settings: Settings) -> str:
        """What is set, as text that `read` takes."""
        return self._write(getattr(settings, self.attribute))

    # What the kinds of options do: ValueError says that there is no such value, its text why.

    def _read(self, text: str) -> object:
        raise NotImplementedError

    def _take(self, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError
        return self._read(value)

    def _write(self, value: Any) -> str:
        return str(value)

    def _error(self, shown: str, possible: str, error: ValueError) -> OptionError:
        return OptionError(f"{self.name} cannot be {shown}: {str(error) or possible}")


def _shown(value: object) -> str:
    """A value of TOML's, as TOML would have it as far as that is short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return repr(value[:_LONG] if isinstance(value, str) else value)[: _LONG + 2]
    except ValueError:  # a number of thousands of digits
        return "so long a number"


class _Choice(Option):
    """One of a few words."""

    def __init__(self, name: str, what: str, choices: tuple[str, ...], **others: Any) -> None:
        possible = f"it is {', '.join(choices[:-1])} or {choices[-1]}"
        super().__init__(name, what, possible=possible, choices=choices, **others)

    def _read(self, text: str) -> object:
        if text not in self.choices:
            raise ValueError
        return text


class _Layout(_Choice):
    """How JSON is laid out; `auto` is None in Settings."""

    def _read(self, text: str) -> object:
        return None if super()._read(text) == "auto" else text

    def _write(self, value: Any) -> str:
        return value or "auto"


class _Switch(_Choice):
    def __init__(self, name: str, what: str, **others: Any) -> None:
        super().__init__(name, what, ("on", "off"), **others)
        self.possible_toml = "it is true or false"

    def _read(self, text: str) -> object:
        return super()._read(text) == "on"

    def _take(self, value: object) -> object:
        if not isinstance(value, bool):
            raise ValueError
        return value

    def _write(self, value: Any) -> str:
        return "on" if value else "off"


class _Lines(Option):
    def _read(self, text: str) -> object:
        if not (text.isascii() and text.isdecimal()):
            raise ValueError
        return self._take(int(text[:_LONG]))

    def _take(self, value: object) -> object:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_LINES:
            raise ValueError
        return value


class _Seconds(Option):
    def _read(self, text: str) -> object:
        try:
            return None if text == "none" else self._take(float(text))
        except ValueError:
            raise ValueError from None  # the reason of float's own is not for people

    def _take(self, value: object) -> object:
        if value == "none":
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise ValueError
        if not 0 <= value <= _LONGEST:
            raise ValueError
        return float(value)

    def _write(self, value: Any) -> str:
        return "none" if value is None else str(value).removesuffix(".0")


class _Names(Option):
    def _read(self, text: str) -> object:
        return self._take([name.strip() for name in text.split(",")] if text.strip() else [])

    def _take(self, value: object) -> object:
        if not isinstance(value, list) or not all(map(_is_name, value)):
            raise ValueError
        return tuple(value)

    def _write(self, value: Any) -> str:
        return ",".join(value)


def _is_name(value: object) -> bool:
    """Whether it may be the name of a command, or several with wildcards."""
    if not isinstance(value, str) or not value.isprintable():
        return False
    return bool(value) and " " not in value and "," not in value


class _Events(Option):
    def _read(self, text: str) -> object:
        mode = parse_events(text)
        if mode is None or not text.isprintable():
            raise ValueError
        return mode

    def _take(self, value: object) -> object:
        if isinstance(value, str):
            return self._read(value)
        if not isinstance(value, list) or not all(map(_is_name, value)):
            raise ValueError
        return self._read(",".join(value) or "none")

    def _write(self, value: Any) -> str:
        return value if isinstance(value, str) else ",".join(value)


class _Command(Option):
    def _read(self, text: str) -> object:
        if not text.isprintable():
            raise ValueError
        return text.strip()


class _Style(Option):
    def _read(self, text: str) -> object:
        if text not in OWN_STYLES:
            check_style(text)
        return text


def check_style(name: str) -> None:
    """Whether Pygments has a style of this name. Raises ValueError, whose text names some."""
    from pygments.styles import get_style_by_name  # only who asks for one needs them
    from pygments.util import ClassNotFound

    try:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise ClassNotFound
        get_style_by_name(name)
    except ClassNotFound:
        possible = ", ".join((*OWN_STYLES, *_SOME_STYLES))
        raise ValueError(f"it is {possible} or another style of Pygments'") from None


_ALL = (
    _Choice("color", "whether there are colours", ("auto", "always", "never")),
    _Names(
        "confirm",
        "which commands are asked about at a terminal before they are sent",
        possible="it is names separated by commas, as in quit,blockdev-*",
        possible_toml='it is a list of names, as in ["quit", "blockdev-*"]',
    ),
    _Choice("editing", "whose keys edit the line at a terminal", (EMACS, VI)),
    _Events(
        "events",
        "which events are shown",
        possible="it is inline, stderr, none, or names with wildcards, as in JOB_*,STOP or -RTC_*",
        possible_toml='it is "inline", "stderr", "none", or a list of names, as in ["JOB_*", "STOP"]',
        choices=("inline", "stderr", "none"),
    ),
    _Lines(
        "fold",
        "how much of a reply a terminal shows before it is folded",
        possible="it is a number of lines, 0 for all",
    ),
    _Layout("layout", "how JSON is laid out", (PRETTY, COMPACT, "auto")),
    _Command(
        "pager",
        "what shows a long reply; if empty, $PAGER or less",
        possible="it is a command of the shell's, on one line",
    ),
    _Switch("quiet", "whether there is no banner", file_only=True),
    _Switch("result", "whether only what commands return is shown", attribute="result_only"),
    _Style(
        "style",
        "the colours; auto has those of the terminal's own palette",
        possible=f"it is {', '.join(OWN_STYLES)} or a style of Pygments', such as monokai",
        choices=OWN_STYLES,
    ),
    _Seconds(
        "timeout",
        "how long a reply is waited for",
        possible="it is a number of seconds, or none",
        possible_toml='it is a number of seconds, or "none"',
        choices=("none",),
    ),
    _Switch("toolbar", "whether the bottom of a terminal shows how things stand"),
    _Switch("verbose", "whether each command is shown as it is sent"),
)
OPTIONS: Mapping[str, Option] = {option.name: option for option in _ALL}


def apply(values: Mapping[str, object], settings: Settings, *, given: Collection[str] = ()) -> None:
    """Set what the options named in `values` are for, but for the settings in `given`, which are
    names of attributes: what the command line says goes first."""
    for name, value in values.items():
        option = OPTIONS[name]
        if option.attribute not in given:
            setattr(settings, option.attribute, value)
