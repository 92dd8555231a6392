"""Queries for live names: which query answers what, for how long, and what makes a reply stale."""

from __future__ import annotations

from ..qmp import dicts, expand_driver_alias, references as kinds, relation_type
from .hmp_tables import aliased

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, TypeGuard

    from .sources import NameQuery

    # Results by query: None after a failure, absent if it was not run.
    QueryResults = Mapping["LiveQuery", object]


# A larger number is not a size, and Python refuses to print one of thousands of digits.
_MAX_SIZE = 1 << 64


def children(value: object) -> Iterator[tuple[str, str]]:
    """Yield the names and types of an object's children in a `qom-list` reply."""
    for entry in dicts(value):
        type_name = relation_type(text_at(entry, "type"), "child")
        if type_name:
            yield text_at(entry, "name"), type_name


def dict_at(value: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object that is a member, or {}."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def text_at(value: dict[str, Any], name: str) -> str:
    """Return the text of a member, or ""."""
    found = value.get(name)
    return found if isinstance(found, str) else ""


def in_words(*words: str) -> str:
    """Join the words that are not empty."""
    return ", ".join(word for word in words if word)


def is_number(value: object) -> TypeGuard[int]:
    """Return True for an integer that can be shown."""
    return isinstance(value, int) and not isinstance(value, bool) and -_MAX_SIZE < value < _MAX_SIZE


class LiveQuery:
    """A command and its arguments. Hashable."""

    __slots__ = ("_key", "arguments", "command")

    def __init__(self, command: str, arguments: Mapping[str, str | bool] | None = None) -> None:
        self.command = command
        self.arguments = dict(arguments or {})
        self._key = (command, *sorted(self.arguments.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LiveQuery) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"LiveQuery({self.command!r}, {self.arguments!r})"

    @property
    def lifetime(self) -> float | None:
        """How many seconds a reply is valid. None: as long as the server runs."""
        if self.command in _UNCHANGING or self in (DRIVERS_HELP, HUMAN_HELP):
            return None
        return _SHORT_LIFETIME if self.command in _CHANGING else _LIFETIME

    @property
    def loads_modules(self) -> bool:
        """Whether QEMU loads all its modules for the query.

        QEMU may abort then if its modules were replaced by those of another build, for example by
        an upgrade of its package.
        """
        return self.command == "qom-list-types" or self == DRIVERS_HELP


def _human(line: str) -> LiveQuery:
    return LiveQuery("human-monitor-command", {"command-line": line})


def _qom_list(path: str) -> LiveQuery:
    return LiveQuery("qom-list", {"path": path})


FLAT_NODES = LiveQuery("query-named-block-nodes", {"flat": True})
# For QEMU before 5.0, which does not have `flat`.
NESTED_NODES = LiveQuery("query-named-block-nodes")
BLOCK = LiveQuery("query-block")
JOBS = LiveQuery("query-jobs")
# For QEMU before 3.0, which does not have query-jobs.
BLOCK_JOBS = LiveQuery("query-block-jobs")
EXPORTS = LiveQuery("query-block-exports")
CHARDEVS = LiveQuery("query-chardev")
AUDIODEVS = LiveQuery("query-audiodevs")
TPMDEVS = LiveQuery("query-tpm")
OBJECTS = _qom_list("/objects")
PERIPHERAL = _qom_list("/machine/peripheral")
ANONYMOUS = _qom_list("/machine/peripheral-anon")
# No QMP command lists network backends or buses.
NETWORK = _human("info network")
TREE = _human("info qtree")
CPU_MODELS = LiveQuery("query-cpu-definitions")
DRIVERS = LiveQuery("qom-list-types", {"implements": "device", "abstract": False})
# Only this has a driver's aliases and bus, and tells which drivers a user cannot create.
DRIVERS_HELP = _human("info qdm")
TYPES = LiveQuery("qom-list-types")
HUMAN_HELP = _human("help")

# Prefixes of the object types of each kind.
OBJECT_TYPES = {
    kinds.OBJECT: "",
    kinds.MEMORY_BACKEND: "memory-backend",
    kinds.IOTHREAD: "iothread",
    kinds.SECRET_OBJECT: "secret",
    kinds.THROTTLE_GROUP: "throttle-group",
    kinds.TLS_CREDS: "tls-creds-",
    kinds.TLS_AUTHZ: "authz-",
    kinds.PR_MANAGER: "pr-manager-",
    kinds.RNG: "rng-",
    kinds.CRYPTODEV: "cryptodev-",
    kinds.CAN_BUS: "can-bus",
    kinds.IOMMUFD: "iommufd",
}
# Kinds with a fixed list of queries.
_PLAIN = {
    kinds.EXPORT: (EXPORTS,),
    kinds.CHARDEV: (CHARDEVS,),
    kinds.NETDEV: (NETWORK,),
    **dict.fromkeys(OBJECT_TYPES, (OBJECTS,)),
    kinds.AUDIODEV: (AUDIODEVS,),
    kinds.TPMDEV: (TPMDEVS,),
    kinds.QDEV: (PERIPHERAL, ANONYMOUS),
    kinds.DISPLAY: (PERIPHERAL, ANONYMOUS),
    kinds.BLOCK_QDEV: (BLOCK,),
    kinds.CPU_MODEL: (CPU_MODELS,),
    kinds.QOM_TYPE: (TYPES,),
    kinds.HUMAN_COMMAND: (HUMAN_HELP,),
}

_LIFETIME = 5.0
_SHORT_LIFETIME = 2.0
_CHANGING = frozenset(
    [
        "query-named-block-nodes",
        "query-block",
        "query-jobs",
        "query-block-jobs",
        "query-block-exports",
    ]
)
_UNCHANGING = {
    "qom-list-types",
    "device-list-properties",
    "query-cpu-definitions",
}

# QEMU's names and paths are not longer.
_LONGEST_TYPE = 128
_LONGEST_PATH = 1024


def queries_for(name_query: NameQuery, results: QueryResults) -> list[LiveQuery]:
    """Return all queries that a kind of name needs, as far as known: one reply may require another query.

    The result is empty if nothing can be queried.
    """
    kind, subject = name_query.kind, name_query.subject
    if kind == kinds.NODE:
        return _nodes(results)
    if kind in (kinds.BLOCK_DEVICE, kinds.BITMAP, kinds.SNAPSHOT, kinds.CHAIN, kinds.CHAIN_FILE):
        return [*_nodes(results), BLOCK]
    if kind == kinds.JOB:
        return _with_other(JOBS, BLOCK_JOBS, results)
    if kind == kinds.DEVICE_DRIVER:
        return [DRIVERS, DRIVERS_HELP] if results.get(DRIVERS) is not None else [DRIVERS]
    if kind == kinds.BUS:
        # The bus type of a driver is used if the drivers are known. They are not queried for this,
        # because that query may load modules.
        return [TREE]
    if kind == kinds.DEVICE_PROPERTY:
        return _device_properties(subject, results)
    if kind in (kinds.QOM_CHILD, kinds.QOM_PROPERTY):
        if not subject.startswith("/") or len(subject) > _LONGEST_PATH:
            return []
        own = _qom_list(subject)
        return [own] if kind == kinds.QOM_CHILD else [own, *_of_its_type(subject, results)]
    return list(_PLAIN.get(kind, ()))


def _nodes(results: QueryResults) -> list[LiveQuery]:
    return _with_other(FLAT_NODES, NESTED_NODES, results)


def _with_other(first: LiveQuery, other: LiveQuery, results: QueryResults) -> list[LiveQuery]:
    """Return a query and the one for servers that do not have it."""
    failed = first in results and results[first] is None
    return [first, other] if failed else [first]


def _device_properties(driver: str, results: QueryResults) -> list[LiveQuery]:
    """Return the query for names that can be drivers: each query may make the server load a module."""
    if not _is_type_name(driver):
        return []
    names = [aliased(driver, results.get(DRIVERS_HELP)) or driver, *expand_driver_alias(driver)]
    drivers = results.get(DRIVERS)
    if isinstance(drivers, list):
        there = {driver.get("name") for driver in dicts(drivers)}
        names = [name for name in names if name in there]
    asked: list[LiveQuery] = []
    for name in names:
        asked.append(LiveQuery("device-list-properties", {"typename": name}))
        if asked[-1] not in results or results[asked[-1]] is not None:
            break
    return asked


def _of_its_type(path: str, results: QueryResults) -> list[LiveQuery]:
    """Return the queries for an object's property types: the parent knows the object's type."""
    holder, _, name = path.rstrip("/").rpartition("/")
    above = _qom_list(holder or "/")
    return [above, *_device_properties(_type_of(name, results.get(above)), results)]


def _type_of(name: str, answer: object) -> str:
    for entry in dicts(answer):
        if text_at(entry, "name") == name:
            return relation_type(text_at(entry, "type"), "child")
    return ""


def _is_type_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_TYPE and all(
        char.isascii() and (char.isalnum() or char in "-_.,+:") for char in text
    )


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


def stale_after_event(name: str) -> frozenset[str] | None:
    """Return the commands whose replies an event makes stale, or None for all."""
    if name.startswith(("JOB_", "BLOCK_", "QUORUM_")) or name == "DEVICE_TRAY_MOVED":
        return _CHANGING
    if name.startswith("DEVICE_"):
        return None
    if name.startswith(("NETDEV_", "NIC_")):
        return frozenset({"human-monitor-command"})
    if name == "VSERPORT_CHANGE":
        return frozenset({"query-chardev"})
    return _NOTHING


def may_change(name: str, line: object) -> bool:
    """Return True if a command may change names. `line` is the human monitor's line, if it is one."""
    if name == "human-monitor-command" and isinstance(line, str):
        words = line.split(maxsplit=1)
        return bool(words) and words[0].partition("/")[0] not in _READING_LINES
    return not name.startswith("query-") and name not in _READING
