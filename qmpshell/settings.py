"""What the user chose.

Owns: the options of a session, with their defaults. Must not know: the command line, or files.
"""

from __future__ import annotations

PRETTY = "pretty"
COMPACT = "compact"

EVENTS_INLINE = "inline"
EVENTS_STDERR = "stderr"
EVENTS_NONE = "none"

EMACS = "emacs"
VI = "vi"

# What ends or resets the machine.
CONFIRM = ("quit", "system_reset", "system_powerdown", "guest-shutdown")


def parse_events(text: str) -> str | tuple[str, ...] | None:
    """The mode that `--events` and `/events` name: one of those above, or globs; None if it is none."""
    if text in (EVENTS_INLINE, EVENTS_STDERR, EVENTS_NONE):
        return text
    globs = tuple(glob.strip() for glob in text.split(","))
    return globs if all(globs) else None


class Settings:
    """One session's options; DESIGN's table says what each does.

    `layout` is PRETTY, COMPACT or None, which leaves it to where the output goes; `events` is one of
    the modes above or a tuple of globs, or None, which is inline, or none with `result_only`.
    `wait` and `timeout` are seconds or None, `log` is the name of a file.

    At a terminal: `confirm` are the names or globs of the commands that are asked about, `fold` is how
    many lines of a reply are shown before the rest of it is folded (0: all are shown), `pager` a shell
    command (empty: the environment's), `style` "auto", "dark", "light" or the name of a Pygments style,
    `editing` EMACS or VI.
    """

    __slots__ = (
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
        "verbose",
        "wait",
    )

    def __init__(
        self,
        *,
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
    ) -> None:
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
