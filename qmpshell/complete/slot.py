"""A place in a line where something may stand.

Owns: the shapes that say so. Must not know: how places are found, what is offered there.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .given import Given

# What may stand there.
COMMAND = "command"  # a command of the server's
LOCAL = "local"  # a command of ours
KEY = "key"  # a member of what is at `path`
VALUE = "value"  # the value at `path`
EVENT = "event"
EVENT_FILTER = "event-filter"  # a mode, or an event with wildcards
TOPIC = "topic"  # whatever /help knows
JOB_ID = "job-id"
FILE = "file"  # of which sort the `subject` says, ADDRESS or nothing
SETTING = "setting"
SETTING_VALUE = "setting-value"  # of the setting `subject`
OPTION_NAME = "option-name"  # blockdev, device…
ENVELOPE = "envelope"  # a member of a command in JSON
WORD = "word"  # one of `words`

# What a FILE is for.
ADDRESS = "address"  # where a server listens

# How it is written.
LINE = "line"  # words of the command line
LITERAL = "literal"  # in a JSON or Python literal
KEYVAL = "keyval"  # in an option string of QEMU's

# Whose arguments a call's are.
ACTION = "action"  # of a transaction, by its own name


class Call:
    """A command that is being typed: `sort` is COMMAND, EVENT (which /wait takes like one) or ACTION.

    `root` is what its arguments are so far, `key_path` where in them the cursor is: the path of the
    object or array that it is in, and the name of the member that it is on, if on one. `writing` is LINE,
    LITERAL or KEYVAL; `is_whole` says that the arguments are an object in brackets, `is_closed` that the
    cursor stands behind the last of them; `envelope` is what a command in JSON has around its
    arguments; `mistakes` are sentences about words that are no arguments.
    """

    __slots__ = (
        "envelope",
        "is_closed",
        "is_out_of_band",
        "is_whole",
        "key_path",
        "mistakes",
        "name",
        "name_end",
        "root",
        "sort",
        "writing",
    )

    def __init__(self, sort: str, name: str, root: Given, *, name_end: int) -> None:
        self.sort = sort
        self.name = name
        self.name_end = name_end
        self.root = root
        self.writing = LINE
        self.is_whole = False
        self.is_closed = False
        self.envelope: Given | None = None
        self.is_out_of_band = False
        self.mistakes: list[str] = []
        self.key_path: tuple[tuple[str, ...], str] = ((), "")


class Slot:
    """`text` is what is typed already, without quotes, and stands from `start` on; all of it up to the
    cursor is replaced. `quote` is the one that it began with; `writing` is LINE, LITERAL or KEYVAL.

    `after` characters behind the cursor belong to the same word and are replaced too; `behind` is the
    one that stands behind those; `own` is the name that is there now, which may be
    typed anew; `raw` is the key up to the cursor as it is written, from `raw_start` on.
    """

    __slots__ = (
        "after",
        "behind",
        "call",
        "closed",
        "kind",
        "own",
        "path",
        "quote",
        "raw",
        "raw_start",
        "start",
        "subject",
        "text",
        "words",
        "writing",
    )

    def __init__(
        self,
        kind: str,
        text: str,
        start: int,
        *,
        call: Call | None = None,
        path: Sequence[str] = (),
        writing: str = LINE,
        quote: str = "",
        subject: str = "",
        words: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.call = call
        self.path = tuple(path)
        self.writing = writing
        self.quote = quote
        self.subject = subject
        self.words = tuple(words)
        self.after = 0
        self.behind = ""
        self.closed = False
        self.own = ""
        self.raw = ""
        self.raw_start = start

    def __repr__(self) -> str:
        return f"Slot({self.kind}, {self.text!r}, {self.start}, path={self.path})"


class Context:
    """What may stand at the cursor, and the call that it stands in, if any."""

    __slots__ = ("call", "cursor", "slots")

    def __init__(self, cursor: int, slots: Sequence[Slot] = (), call: Call | None = None) -> None:
        self.cursor = cursor
        self.slots = list(slots)
        self.call = call
