"""Settings: their values, and how their texts are parsed and formatted."""

from __future__ import annotations

from ..qmp import COMMANDS
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


PRETTY = "pretty"
COMPACT = "compact"

EVENTS_INLINE = "inline"
EVENTS_STDERR = "stderr"
EVENTS_NONE = "none"

EMACS = "emacs"
VI = "vi"

# Commands that end or reset the VM.
CONFIRM = tuple(name for name, facts in COMMANDS.items() if facts.confirmation)


EVENT_MODES = (EVENTS_INLINE, EVENTS_STDERR, EVENTS_NONE)
MUTED, SHOWN = "-", "+"

# One of the modes, or globs of event names, of which -GLOB excludes names. The first may be a mode.
# If it is neither a mode nor -GLOB, events that match no glob are hidden.
EventsMode = str | tuple[str, ...]


def parse_events(text: str) -> EventsMode | None:
    """Return the mode for the text of `--events` or `/events`, or None if it is invalid."""
    if text in EVENT_MODES:
        return text
    globs = tuple(glob.strip() for glob in text.split(","))
    return globs if all(glob.strip(MUTED + SHOWN) for glob in globs) else None


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

    `layout` is PRETTY, COMPACT, or None to let the output decide. `agent` is true for a guest agent.
    `wait`
    and `timeout` are seconds or None. `log` is a file name.

    At a terminal: `complete_while_typing` opens the completion menu without Tab; `confirm` are
    names or globs of commands that need confirmation; `fold` is the number of lines of a reply that
    are shown (0: all); `pager` is a system shell command ("": the environment's); `style` is
    "auto", "dark", "light" or the name of a Pygments style; `editing` is EMACS or VI; `toolbar`
    shows or hides the toolbar.
    """

    agent: bool = False
    color: str = "auto"
    events: EventsMode = EVENTS_INLINE
    hmp: bool = False
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
    complete_while_typing: bool = False
    confirm: tuple[str, ...] = CONFIRM
    editing: str = EMACS
    fold: int = 60
    pager: str = ""
    style: str = "auto"
    toolbar: bool = True
