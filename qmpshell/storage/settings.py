"""Settings: their values, and how their texts are parsed and formatted."""

from __future__ import annotations

from ..qmp import COMMANDS
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


PRETTY = "pretty"
COMPACT = "compact"
FLAT = "flat"  # only in `exec`

EVENTS_INLINE = "inline"
EVENTS_STDERR = "stderr"
EVENTS_NONE = "none"

VIEW_JSON = "json"
VIEW_TABLE = "table"
# How pictures are drawn, if not as well as the terminal can.
KITTY = "kitty"
SIXEL = "sixel"
BLOCKS = "blocks"

EMACS = "emacs"
VI = "vi"

# Commands that end or reset the VM.
CONFIRM = tuple(name for name, facts in COMMANDS.items() if facts.confirmation)


EVENT_MODES = (EVENTS_INLINE, EVENTS_STDERR, EVENTS_NONE)
MUTED, SHOWN = "-", "+"

# One of the modes, or globs of event names, of which -GLOB excludes names. The first may be a mode.
# If it is neither a mode nor -GLOB, events that match no glob are hidden.
EventsMode = str | tuple[str, ...]


def parse_events(text: str) -> EventsMode:
    """Return the mode for the text of `--events` or `/events`.

    Raises ValueError with the reason, which is empty if the text has no names at all.
    """
    if text in EVENT_MODES:
        return text
    globs = tuple(glob.strip() for glob in text.split(","))
    if not all(glob.strip(MUTED + SHOWN) for glob in globs):
        raise ValueError
    for index, glob in enumerate(globs):
        reason = _wrong_glob(glob, globs[0] if index else "")
        if reason:
            raise ValueError(reason)
    return globs


def _wrong_glob(glob: str, first: str) -> str:
    """Return what is wrong with a part of the text for events, or ""; `first` is the part before it."""
    name = glob.lstrip(MUTED + SHOWN)
    words = glob.split()
    if len(words) > 1:
        return f"a comma separates names: {','.join(words)}"
    if name[0] == "!":
        return f"- hides events: did you mean {MUTED}{name[1:]}?"
    if name in EVENT_MODES:
        return (
            "" if glob == name and not first else f"{name} must be the first word, without - or +"
        )
    if name.lower() in EVENT_MODES:
        return f"did you mean {name.lower()}?"
    if first in EVENT_MODES and glob == name:
        return f"after {first}, use -{name} to hide or +{name} to show events"
    # Only the prefix of a downstream name has small letters (qmp-spec, "Downstream extension").
    if name != name.upper() and not name.startswith("__"):
        return f"events have names in capitals: did you mean {glob.upper()}?"
    return ""


def adjust_events(mode: EventsMode, changes: Iterable[str]) -> EventsMode:
    """Return the mode with -GLOB hidden and +GLOB shown; later changes override earlier ones."""
    from fnmatch import fnmatchcase  # few scripts need it

    rules = [mode] if isinstance(mode, str) else list(mode)
    for change in changes:
        glob = change[1:]
        # Earlier rules that the new one covers are redundant.
        rules = [
            rule
            for rule in rules
            if rule[0] not in MUTED + SHOWN or not fnmatchcase(rule[1:], glob)
        ] or [EVENTS_INLINE]
        if change[0] == MUTED or not event_place(tuple(rules), glob):
            rules.append(change)
    return rules[0] if len(rules) == 1 and rules[0] in EVENT_MODES else tuple(rules)


def event_place(mode: EventsMode, name: str) -> str:
    """Return where events of this name are shown: EVENTS_INLINE, EVENTS_STDERR, or "" for nowhere."""
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


class Settings(Record, kw_only=True):
    """The settings of one session; the README and `qmpshell --help` describe each.

    `layout` is PRETTY, COMPACT, FLAT, or None to let the output decide. `agent` is true for a guest agent.
    `wait`
    and `timeout` are seconds or None. `log` is a file name. `tls_creds` is a directory of
    certificates or None, and `tls_hostname` the name to check instead of the address's.

    At a terminal: `complete_while_typing` opens the completion menu without Tab; `confirm` are
    names or globs of commands that need confirmation; `fold` is the number of lines of a reply that
    are shown (0: all); `pictures` is "auto", KITTY, SIXEL or BLOCKS; `pager` is a system shell command
    ("": the environment's); `style` is "auto", "dark", "light" or the name of a Pygments style;
    `editing` is EMACS or VI; `toolbar` shows or hides the toolbar. `units` shows what numbers mean.
    `view` is VIEW_JSON, or VIEW_TABLE to show lists as tables.
    """

    agent: bool = False
    color: str = "auto"
    events: EventsMode = EVENTS_INLINE
    hmp: bool = False
    json_errors: bool = False
    layout: str | None = None
    negotiate: bool = True
    quiet: bool = False
    raw: bool = False
    result_only: bool = False
    stop_on_error: bool = False
    timeout: float | None = None
    dry_run: bool = False
    log: str | None = None
    probe: bool = True
    verbose: bool = False
    wait: float | None = None
    tls_creds: str | None = None
    tls_hostname: str | None = None
    complete_while_typing: bool = False
    confirm: tuple[str, ...] = CONFIRM
    editing: str = EMACS
    fold: int = 60
    pager: str = ""
    pictures: str = "auto"
    style: str = "auto"
    toolbar: bool = True
    units: bool = True
    view: str = VIEW_JSON
