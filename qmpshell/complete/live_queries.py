"""What the server is asked for its names.

Owns: the questions and how long an answer to each stands, which question answers which want, which
events and commands make answers doubtful. Must not know: when a question is sent, what an answer looks
like beyond what the next question needs.
"""

from __future__ import annotations

from ..qmp import meant_by
from .hmp_tables import aliased
from .references import (
    AUDIODEV,
    BITMAP,
    BLOCK_DEVICE,
    BLOCK_QDEV,
    BUS,
    CAN_BUS,
    CHAIN,
    CHAIN_FILE,
    CHARDEV,
    CPU_MODEL,
    CRYPTODEV,
    DEVICE_DRIVER,
    DEVICE_PROPERTY,
    DISPLAY,
    EXPORT,
    HUMAN_COMMAND,
    IOMMUFD,
    IOTHREAD,
    JOB,
    MEMORY_BACKEND,
    NETDEV,
    NODE,
    OBJECT,
    PR_MANAGER,
    QDEV,
    QOM_CHILD,
    QOM_PROPERTY,
    QOM_TYPE,
    RNG,
    SECRET_OBJECT,
    SNAPSHOT,
    THROTTLE_GROUP,
    TLS_AUTHZ,
    TLS_CREDS,
    TPMDEV,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, TypeGuard

    from .references import Live

    # Answers by question: what was returned, None for a failure; absent where it was not asked.
    Known = Mapping["Question", object]


# A larger number is nobody's size, and Python refuses to print one of thousands of digits.
_LARGEST = 1 << 64


def children(value: object) -> Iterator[tuple[str, str]]:
    """The names and types of an object's children in what `qom-list` returned."""
    for one in dicts(value):
        type_name = inner(text_at(one, "type"), "child")
        if type_name:
            yield text_at(one, "name"), type_name


def inner(type_name: str, relation: str) -> str:
    """`iothread` of `child<iothread>`; empty where it is no such relation."""
    if type_name.startswith(f"{relation}<") and type_name.endswith(">"):
        return type_name[len(relation) + 1 : -1]
    return ""


def dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def dict_at(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def text_at(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def in_words(*words: str) -> str:
    return ", ".join(word for word in words if word)


def is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


class Question:
    """A command and its arguments. It may be the key of a dict."""

    __slots__ = ("_key", "arguments", "command")

    def __init__(self, command: str, arguments: Mapping[str, str | bool] | None = None) -> None:
        self.command = command
        self.arguments = dict(arguments or {})
        self._key = (command, *sorted(self.arguments.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Question) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Question({self.command!r}, {self.arguments!r})"

    @property
    def life(self) -> float | None:
        """For how many seconds an answer stands; None: as long as the server runs."""
        if self.command in _LASTING or self in (DRIVERS_HELP, HUMAN_HELP):
            return None
        return _SHORT_LIFE if self.command in _LIVELY else _LIFE

    @property
    def loads_modules(self) -> bool:
        """Whether QEMU loads all its modules for it. A QEMU whose modules were replaced by those of
        another build, as an upgrade of its package does, may abort at that."""
        return self.command == "qom-list-types" or self == DRIVERS_HELP


def _human(line: str) -> Question:
    return Question("human-monitor-command", {"command-line": line})


def _qom_list(path: str) -> Question:
    return Question("qom-list", {"path": path})


FLAT_NODES = Question("query-named-block-nodes", {"flat": True})
# Before QEMU 5.0, which has no `flat`.
NESTED_NODES = Question("query-named-block-nodes")
BLOCK = Question("query-block")
JOBS = Question("query-jobs")
# Before QEMU 3.0, which has no query-jobs.
BLOCK_JOBS = Question("query-block-jobs")
EXPORTS = Question("query-block-exports")
CHARDEVS = Question("query-chardev")
AUDIODEVS = Question("query-audiodevs")
TPMDEVS = Question("query-tpm")
OBJECTS = _qom_list("/objects")
PERIPHERAL = _qom_list("/machine/peripheral")
ANONYMOUS = _qom_list("/machine/peripheral-anon")
# No command of QMP's lists network backends, or buses.
NETWORK = _human("info network")
TREE = _human("info qtree")
CPU_MODELS = Question("query-cpu-definitions")
DRIVERS = Question("qom-list-types", {"implements": "device", "abstract": False})
# It alone knows a driver's aliases and bus, and which drivers a user cannot create.
DRIVERS_HELP = _human("info qdm")
TYPES = Question("qom-list-types")
HUMAN_HELP = _human("help")

# Asked as they are, whatever is known.
_PLAIN = {
    EXPORT: (EXPORTS,),
    CHARDEV: (CHARDEVS,),
    NETDEV: (NETWORK,),
    OBJECT: (OBJECTS,),
    MEMORY_BACKEND: (OBJECTS,),
    IOTHREAD: (OBJECTS,),
    SECRET_OBJECT: (OBJECTS,),
    THROTTLE_GROUP: (OBJECTS,),
    TLS_CREDS: (OBJECTS,),
    TLS_AUTHZ: (OBJECTS,),
    PR_MANAGER: (OBJECTS,),
    RNG: (OBJECTS,),
    CRYPTODEV: (OBJECTS,),
    CAN_BUS: (OBJECTS,),
    IOMMUFD: (OBJECTS,),
    AUDIODEV: (AUDIODEVS,),
    TPMDEV: (TPMDEVS,),
    QDEV: (PERIPHERAL, ANONYMOUS),
    DISPLAY: (PERIPHERAL, ANONYMOUS),
    BLOCK_QDEV: (BLOCK,),
    CPU_MODEL: (CPU_MODELS,),
    QOM_TYPE: (TYPES,),
    HUMAN_COMMAND: (HUMAN_HELP,),
}

_LIFE = 5.0
_SHORT_LIFE = 2.0
_LIVELY = {
    "query-named-block-nodes",
    "query-block",
    "query-jobs",
    "query-block-jobs",
    "query-block-exports",
}
_LASTING = {
    "qom-list-types",
    "device-list-properties",
    "query-cpu-definitions",
}

# Longer ones are no names or paths of QEMU's.
_LONGEST_TYPE = 128
_LONGEST_PATH = 1024


def questions(want: Live, known: Known) -> list[Question]:
    """All questions whose answers a want needs, as far as that is known by now: the answer to one may
    bring another. Empty where nothing can be asked."""
    kind, subject = want.kind, want.subject
    if kind == NODE:
        return _nodes(known)
    if kind in (BLOCK_DEVICE, BITMAP, SNAPSHOT, CHAIN, CHAIN_FILE):
        return [*_nodes(known), BLOCK]
    if kind == JOB:
        return _with_other(JOBS, BLOCK_JOBS, known)
    if kind == DEVICE_DRIVER:
        return _drivers(known)
    if kind == BUS:
        return [
            TREE
        ]  # what the driver fits is known if drivers were asked for, and not worth that risk
    if kind == DEVICE_PROPERTY:
        return _device_properties(subject, known)
    if kind in (QOM_CHILD, QOM_PROPERTY):
        if not subject.startswith("/") or len(subject) > _LONGEST_PATH:
            return []
        own = _qom_list(subject)
        return [own] if kind == QOM_CHILD else [own, *_of_its_type(subject, known)]
    return list(_PLAIN.get(kind, ()))


def _nodes(known: Known) -> list[Question]:
    return _with_other(FLAT_NODES, NESTED_NODES, known)


def _drivers(known: Known) -> list[Question]:
    return [DRIVERS, DRIVERS_HELP] if known.get(DRIVERS) is not None else [DRIVERS]


def _with_other(first: Question, other: Question, known: Known) -> list[Question]:
    """A question, and the one for servers that have no answer to it."""
    failed = first in known and known[first] is None
    return [first, other] if failed else [first]


def _device_properties(driver: str, known: Known) -> list[Question]:
    """Only of what can be a driver: each question may make the server load a module."""
    if not _is_type_name(driver):
        return []
    names = [aliased(driver, known.get(DRIVERS_HELP)) or driver, *meant_by(driver)]
    drivers = known.get(DRIVERS)
    if isinstance(drivers, list):
        there = {one.get("name") for one in drivers if isinstance(one, dict)}
        names = [name for name in names if name in there]
    asked: list[Question] = []
    for name in names:
        asked.append(Question("device-list-properties", {"typename": name}))
        if asked[-1] not in known or known[asked[-1]] is not None:
            break
    return asked


def _of_its_type(path: str, known: Known) -> list[Question]:
    """What says which properties an object's type has: the object that holds it knows the type."""
    holder, _, name = path.rstrip("/").rpartition("/")
    above = _qom_list(holder or "/")
    return [above, *_device_properties(_type_of(name, known.get(above)), known)]


def _type_of(name: str, answer: object) -> str:
    for one in dicts(answer):
        if text_at(one, "name") == name:
            return inner(text_at(one, "type"), "child")
    return ""


def _is_type_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_TYPE and all(
        one.isascii() and (one.isalnum() or one in "-_.,+:") for one in text
    )


# -- what makes answers doubtful -------------------------------------------------------------------

_BLOCK_COMMANDS = frozenset(_LIVELY)
_NOTHING: frozenset[str] = frozenset()
_READING = {
    "qom-list",
    "qom-get",
    "qom-list-types",
    "qom-list-properties",
    "device-list-properties",
    "qmp_capabilities",
}
_READING_LINES = {"info", "help", "?", "print", "p", "x", "xp"}


def doubted_by_event(name: str) -> frozenset[str] | None:
    """The commands whose answers an event makes doubtful; None for all."""
    if name.startswith(("JOB_", "BLOCK_", "QUORUM_")):
        return _BLOCK_COMMANDS
    if name == "DEVICE_TRAY_MOVED":
        return _BLOCK_COMMANDS
    if name.startswith("DEVICE_"):
        return None
    if name.startswith(("NETDEV_", "NIC_")):
        return frozenset({"human-monitor-command"})
    if name == "VSERPORT_CHANGE":
        return frozenset({"query-chardev"})
    return _NOTHING


def may_change(name: str, line: object) -> bool:
    """Whether a command may change what there is; `line` is the human monitor's, if it is one."""
    if name == "human-monitor-command" and isinstance(line, str):
        words = line.split(maxsplit=1)
        return bool(words) and words[0].partition("/")[0] not in _READING_LINES
    return not name.startswith("query-") and name not in _READING
