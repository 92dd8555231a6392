"""Live names: the queries for the names of each kind, and the names in the replies to them.

Replies are not trusted: nothing here raises, whatever they contain.
"""

from __future__ import annotations

import re
from functools import partial

from ..qmp import dicts, expand_driver_alias, natural_key, references as kinds, relation_type
from ..record import Record
from .hmp import parse_catalogue
from .hmp_tables import aliased, bus_of, parse_buses, parse_drivers, parse_netdevs
from .sources import LiveName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, TypeGuard

    from .hmp_tables import Bus
    from .sources import NameQuery

    # Results by query: None after a failure, absent if it was not run.
    QueryResults = Mapping["LiveQuery", object]
    _Reader = Callable[[str, QueryResults], Iterable[LiveName]]
    _Queries = tuple["LiveQuery", ...] | Callable[[str, QueryResults], list["LiveQuery"]]


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


class LiveQuery(Record):
    """A command and its arguments. Hashable."""

    command: str
    arguments: dict[str, str | bool] = {}

    def __hash__(self) -> int:
        return hash((self.command, *sorted(self.arguments.items())))

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
NESTED_NODES = LiveQuery("query-named-block-nodes")
BLOCK = LiveQuery("query-block")
JOBS = LiveQuery("query-jobs")
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
# Only this has a driver's aliases and bus, and shows which drivers a user cannot create.
DRIVERS_HELP = _human("info qdm")
TYPES = LiveQuery("qom-list-types")
HUMAN_HELP = _human("help")

# The queries for QEMU before 5.0, which does not have `flat`, and before 3.0, without query-jobs.
_OLDER = {FLAT_NODES: NESTED_NODES, JOBS: BLOCK_JOBS}

_LIFETIME = 5.0
_SHORT_LIFETIME = 2.0
_CHANGING: frozenset[str] = frozenset(
    ("query-block", "query-block-exports", "query-block-jobs", "query-jobs", FLAT_NODES.command)
)
_UNCHANGING = {"device-list-properties", "qom-list-types", "query-cpu-definitions"}

# QEMU's names and paths are not longer.
_LONGEST_TYPE = 128
_LONGEST_PATH = 1024


def properties_query(driver: str) -> LiveQuery:
    """Return the query for the properties of a device driver."""
    return LiveQuery("device-list-properties", {"typename": driver})


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
        asked.append(properties_query(name))
        if asked[-1] not in results or results[asked[-1]] is not None:
            break
    return asked


def _qom_children_queries(path: str, _results: QueryResults) -> list[LiveQuery]:
    return [_qom_list(path)] if 0 < len(path) <= _LONGEST_PATH else []


def _qom_property_queries(path: str, results: QueryResults) -> list[LiveQuery]:
    """Return the query for an object's properties, and those for the properties of its type.

    The parent knows the object's type. A path without a leading slash is the end of one, so that its
    parent is unknown.
    """
    own = _qom_children_queries(path, results)
    if not own or not path.startswith("/"):
        return own
    holder, _, name = path.rstrip("/").rpartition("/")
    above = _qom_list(holder or "/")
    own_type = dict(children(results.get(above))).get(name, "")
    return [*own, above, *_device_properties(own_type, results)]


def _is_type_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_TYPE and all(
        char.isascii() and (char.isalnum() or char in "-_.,+:") for char in text
    )


_KIB = 1024
# Drivers of nodes that are below another node for the same image.
_PROTOCOLS = frozenset(
    [
        "file",
        "ftp",
        "ftps",
        "gluster",
        "host_cdrom",
        "host_device",
        "http",
        "https",
        "iscsi",
        "nbd",
        "nfs",
        "nvme",
        "rbd",
        "ssh",
    ]
)
_NO_IMAGES = ("null-co", "null-aio")


def nodes(_subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the block nodes."""
    for node in _all_nodes(results):
        yield LiveName(text_at(node, "node-name"), _of_medium(node))


def _all_nodes(results: QueryResults) -> Iterator[dict[str, Any]]:
    return dicts(results.get(FLAT_NODES) or results.get(NESTED_NODES))


def _of_medium(node: dict[str, Any]) -> str:
    """Describe a medium: `qcow2, disk.img, read-only`."""
    file = text_at(node, "file")
    if file.startswith("json:"):
        file = ""
    read_only = "read-only" if node.get("ro") is True else ""
    return in_words(text_at(node, "drv"), file.rpartition("/")[2], read_only)


def block_devices(subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the block devices and the ids of their guest devices."""
    for device in dicts(results.get(BLOCK)):
        medium = _of_medium(dict_at(device, "inserted")) or "empty"
        yield LiveName(text_at(device, "device"), in_words("device", medium))
        yield LiveName(text_at(device, "qdev"), in_words("guest device", medium))
    for node in nodes(subject, results):
        yield LiveName(node.name, in_words("node", node.meta))


def block_qdevs(_subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the guest devices with a block backend."""
    for device in dicts(results.get(BLOCK)):
        medium = _of_medium(dict_at(device, "inserted")) or "empty"
        removable = "removable" if device.get("removable") is True else ""
        yield LiveName(text_at(device, "qdev"), in_words(removable, medium))


def _media(node: str, results: QueryResults) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the media of the device or node `node`, or all if it is empty, with their node names."""
    for entry in _all_nodes(results):
        name = text_at(entry, "node-name")
        if node in ("", name):
            yield name, entry
    for device in dicts(results.get(BLOCK)):
        medium = dict_at(device, "inserted")
        if node and node in (text_at(device, "device"), text_at(device, "qdev")):
            yield text_at(medium, "node-name"), medium


def chain(subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the nodes below a device or node, from the top down, then all others except its own."""
    own, below = _backing(subject, results)
    for depth, node in enumerate(below):
        about = in_words("backing", _of_medium(node))
        yield LiveName(text_at(node, "node-name"), about, order=depth)
    for entry in nodes(subject, results):
        if entry.name != text_at(own, "node-name"):
            yield LiveName(entry.name, entry.meta, order=len(below))


def chain_files(subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the images of the nodes below a device or node, from the top down, its own, then others."""
    own, below = _backing(subject, results)
    for order, node in enumerate([*below, own]):
        yield _image(node, order)
    for node in _all_nodes(results):
        yield _image(node, len(below) + 1)


def _image(node: dict[str, Any], order: int) -> LiveName:
    file, driver = text_at(node, "file"), text_at(node, "drv")
    is_named = not file.startswith("json:") and driver not in _NO_IMAGES
    about = in_words(text_at(node, "node-name"), driver)
    return LiveName(file if is_named else "", about, order=order)


def _backing(name: str, results: QueryResults) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the node of a device, or of that name, and the nodes below it from the top down.

    The chain is found by file names. Of two nodes for one image (format and file), the format is used.
    """
    own_name, own = next(_media(name, results), ("", {})) if name else ("", {})
    by_file: dict[str, dict[str, Any]] = {}
    for node in _all_nodes(results):
        file = text_at(node, "file")
        if file not in by_file or text_at(by_file[file], "drv") in _PROTOCOLS:
            by_file[file] = node
    found: list[dict[str, Any]] = []
    seen = {text_at(own, "file")}
    file = text_at(own, "backing_file")
    while file and file in by_file and file not in seen:
        seen.add(file)
        found.append(by_file[file])
        file = text_at(by_file[file], "backing_file")
    return {**own, "node-name": own_name}, found


def bitmaps(subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the dirty bitmaps of a node, or of all nodes."""
    for node, medium in _media(subject, results):
        for bitmap in dicts(medium.get("dirty-bitmaps")):
            words = in_words(
                "" if subject else node,
                _granularity(bitmap.get("granularity")),
                *(flag for flag in ("busy", "persistent") if bitmap.get(flag) is True),
                "disabled" if bitmap.get("recording") is False else "",
            )
            yield LiveName(text_at(bitmap, "name"), words)


def _granularity(size: object) -> str:
    if not is_number(size) or size < _KIB or size % _KIB:
        return ""
    return f"granularity {size // _KIB} KiB"


def snapshots(subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the internal snapshots of a node, or of all nodes."""
    for node, medium in _media(subject, results):
        for snapshot in dicts(dict_at(medium, "image").get("snapshots")):
            own_id, size = text_at(snapshot, "id"), snapshot.get("vm-state-size")
            words = in_words(
                "" if subject else node,
                f"id {own_id}" if own_id else "",
                "with VM state" if is_number(size) and size > 0 else "",
            )
            yield LiveName(text_at(snapshot, "name"), words)


def jobs(_subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the jobs."""
    for query, own_id, done, total in (
        (JOBS, "id", "current-progress", "total-progress"),
        (BLOCK_JOBS, "device", "offset", "len"),
    ):
        for job in dicts(results.get(query)):
            progress = _percent(job.get(done), job.get(total))
            words = in_words(text_at(job, "type"), progress, text_at(job, "status"))
            yield LiveName(text_at(job, own_id), words)


def _percent(done: object, total: object) -> str:
    if not is_number(done) or not is_number(total) or total <= 0:
        return ""
    return f"{max(0, min(100, done * 100 // total))} %"


def exports(_subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the block exports."""
    for entry in dicts(results.get(EXPORTS)):
        going = "shutting down" if entry.get("shutting-down") is True else ""
        yield LiveName(
            text_at(entry, "id"),
            in_words(text_at(entry, "type"), text_at(entry, "node-name"), going),
        )


# The values of an enumeration at the end of a description: `Policy (report/stop)`, `Policy,
# report/stop`, `report/stop`.
_CHOICES = re.compile(r"(?:^|, |\()([\w.+-]+(?:/[\w.+-]+)+)\)?$", re.ASCII)
# Type names of displays. A passed-through device may be one too.
_DISPLAYS = re.compile("vga|gpu|qxl|display|ramfb|vfio-pci", re.IGNORECASE)

_PCI = "PCI"
_EXPRESS = ("PCIE", "CXL")
_EXPANDERS = ("pxb-bus", "pxb-pcie-bus", "pxb-cxl-bus")
_PCI_BUSES = (_PCI, *_EXPRESS, *_EXPANDERS)
# Properties that all devices on a bus of a type have, and no others.
_BUS_PROPERTIES = {
    _PCI: ("addr", "multifunction"),
    "SCSI": ("scsi-id", "lun"),
    "usb-bus": ("port", "msos-desc"),
}
# The port of a switch towards the root: only ports are below it.
_UPSTREAM = "upstream"
# Buses within a device or the board, to which no device can be added.
_INNER_BUSES = ("System", "virtio-pci-bus", "virtio-mmio-bus", "virtio-ccw-bus")

# Types that are not enumerations, whatever their description is.
_NO_ENUMERATION = re.compile(r"bool|str|string|size|double|u?int\d*|.*[<>].*")


def qdevs(_subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the ids and QOM paths of devices."""
    for name, type_name in children(results.get(PERIPHERAL)):
        yield LiveName(name, type_name)
    for name, type_name in children(results.get(ANONYMOUS)):
        yield LiveName(f"{ANONYMOUS.arguments['path']}/{name}", type_name)


def displays(subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the display devices."""
    for device in qdevs(subject, results):
        if _DISPLAYS.search(device.meta):
            yield device


def buses(subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the buses that fit the driver if that is known of any, else free ports first."""
    wanted = _bus_type(subject, results) if subject else ""
    found = [bus for bus in parse_buses(results.get(TREE)) if bus.type not in _INNER_BUSES]
    fitting = [item for item in found if wanted and _fits(item.type, wanted)]
    for bus in fitting or found:
        about = _bus_words(bus.type) + (f" on {bus.owner}" if bus.owner else "")
        is_port = bool(fitting) or bus.type in _EXPRESS
        yield LiveName(bus.name, about, order=_hotplug_rank(bus) if is_port else 1)


def _bus_type(driver: str, results: QueryResults) -> str:
    """Return the bus type of a driver from the list of drivers or its properties, or ""."""
    listed = bus_of(driver, results.get(DRIVERS_HELP))
    if listed:
        return listed
    names = {live_name.name for live_name in properties(driver, results)}
    found = (bus for bus, marks in _BUS_PROPERTIES.items() if names.issuperset(marks))
    return next(found, "")


def _bus_words(type_name: str) -> str:
    """Return a bus type in words, for example `PCIe bus`.

    >>> _bus_words("PCIE"), _bus_words("virtio-serial-bus")
    ('PCIe bus', 'virtio-serial-bus')
    """
    name = "PCIe" if type_name == _EXPRESS[0] else type_name
    return name if name.lower().endswith("bus") else f"{name} bus"


def _fits(type_name: str, wanted: str) -> bool:
    return type_name == wanted or (wanted == _PCI and type_name in _PCI_BUSES)


def _hotplug_rank(bus: Bus) -> int:
    """Return how unsuitable a bus is for hot-plugging.

    A port accepts one device, the PCI Express root bus none, an expander bus only bridges.
    """
    if bus.type in _EXPANDERS:
        return 3
    if bus.type not in _EXPRESS:
        return 0
    if bus.above not in _PCI_BUSES or _UPSTREAM in bus.owner:
        return 2
    return 1 if bus.is_in_use else 0


def drivers(_subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the drivers: those on a bus first, CPU models last."""
    drivers = {driver.name: driver for driver in parse_drivers(results.get(DRIVERS_HELP))}
    for entry in dicts(results.get(DRIVERS)):
        name = text_at(entry, "name")
        driver = drivers.get(name)
        if driver is None:
            yield LiveName(name, order=2 if is_processor(name) else 1)
        elif not driver.no_user:
            about = in_words(driver.bus, driver.desc)
            order = 0 if driver.bus else 2 if is_processor(name) else 1
            yield LiveName(name, about, order=order)
            yield LiveName(driver.alias, in_words(f"alias of {name}", about), order=order)


def is_processor(type_name: str) -> bool:
    """Return True for a CPU type."""
    return type_name.endswith("-cpu")


def properties(subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the properties of a device driver."""
    for question in _device_properties(subject, results):
        yield from _described(results.get(question)).values()


def qom_properties(subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the properties of an object, described by the properties of its type if it is a device."""
    asked = _qom_property_queries(subject, results)
    described = _described(results.get(asked[2]) if len(asked) > 2 else None)
    for entry in dicts(results.get(asked[0]) if asked else None):
        name, type_name = text_at(entry, "name"), text_at(entry, "type")
        if not relation_type(type_name, "child"):
            listed = described.get(name, LiveName(name))
            yield LiveName(name, type_name, choices=listed.choices, default=listed.default)


def _described(answer: object) -> dict[str, LiveName]:
    """Return the properties of a type by name."""
    entries = [
        entry
        for entry in dicts(answer)
        # QOM's own, and an alternative name of another property.
        if text_at(entry, "name") != "type" and not text_at(entry, "name").startswith("legacy-")
    ]
    # Some descriptions state the purpose of a property, others of the same type its values.
    choices = {text_at(entry, "type"): _choices(entry) for entry in entries if _choices(entry)}
    return {
        text_at(entry, "name"): LiveName(
            text_at(entry, "name"),
            _of_property(entry),
            choices=_choices(entry) or choices.get(text_at(entry, "type"), ()),
            default=_scalar(entry.get("default-value")),
        )
        for entry in entries
    }


def _choices(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return the values that a description lists.

    >>> _choices({"type": "OnError", "description": "Policy (report/stop)"})
    ('report', 'stop')
    """
    if _NO_ENUMERATION.fullmatch(text_at(entry, "type")):
        return ()
    found = _CHOICES.search(text_at(entry, "description"))
    return tuple(found.group(1).split("/")) if found is not None else ()


def _of_property(entry: dict[str, Any]) -> str:
    """Describe a property: `uint32, default 1, its description`."""
    type_name, description = text_at(entry, "type"), text_at(entry, "description")
    default = _scalar(entry.get("default-value"))
    return in_words(
        type_name,
        f"default {default}" if default else "",
        "" if description == "on/off" and type_name == "bool" else description,
    )


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value or '""'
    return str(value) if is_number(value) else ""


def _netdevs(_subject: str, results: QueryResults) -> Iterator[LiveName]:
    for netdev in parse_netdevs(results.get(NETWORK)):
        yield LiveName(netdev.name, in_words(netdev.type, netdev.about))


def _objects(prefix: str, _subject: str, results: QueryResults) -> Iterator[LiveName]:
    """Yield the objects of the types with a prefix."""
    for name, type_name in children(results.get(OBJECTS)):
        if type_name.startswith(prefix):
            yield LiveName(name, type_name)


def _listed(
    query: LiveQuery, name: str, meta: str, _subject: str, results: QueryResults
) -> Iterator[LiveName]:
    """Yield the names in a list from two members of each entry: the name and its description."""
    for entry in dicts(results.get(query)):
        yield LiveName(text_at(entry, name), text_at(entry, meta))


def _cpu_models(_subject: str, results: QueryResults) -> Iterator[LiveName]:
    for model in dicts(results.get(CPU_MODELS)):
        alias, lacking = text_at(model, "alias-of"), model.get("unavailable-features")
        yield LiveName(
            text_at(model, "name"),
            in_words(
                f"alias of {alias}" if alias else "",
                "deprecated" if model.get("deprecated") is True else "",
                "not fully supported" if isinstance(lacking, list) and lacking else "",
            ),
        )


def _types(_subject: str, results: QueryResults) -> Iterator[LiveName]:
    for entry in dicts(results.get(TYPES)):
        name, parent = text_at(entry, "name"), text_at(entry, "parent")
        yield LiveName(name, f"a {parent}" if parent else "", order=_type_rank(name))


def _type_rank(type_name: str) -> int:
    """Return 1 for types that users rarely need, else 0.

    There are more CPU types and machine versions than anything else, and interfaces,
    `TYPE::INTERFACE`, have no properties of their own.
    """
    is_crowd = is_processor(type_name) or type_name.endswith("-machine") or "::" in type_name
    return 1 if is_crowd else 0


def _qom_children(subject: str, results: QueryResults) -> Iterator[LiveName]:
    for question in _qom_children_queries(subject, results):
        for entry in dicts(results.get(question)):
            name, type_name = text_at(entry, "name"), text_at(entry, "type")
            if relation_type(type_name, "child"):
                yield LiveName(name, relation_type(type_name, "child"))
            elif relation_type(type_name, "link"):
                yield LiveName(name, f"link to {relation_type(type_name, 'link')}")


def _human_commands(_subject: str, results: QueryResults) -> Iterator[LiveName]:
    text = results.get(HUMAN_HELP)
    for command in parse_catalogue(text if isinstance(text, str) else "").commands:
        for name in command.names:
            yield LiveName(name, command.summary)


def _driver_queries(_subject: str, results: QueryResults) -> list[LiveQuery]:
    return [DRIVERS, DRIVERS_HELP] if results.get(DRIVERS) is not None else [DRIVERS]


def _bus_queries(driver: str, results: QueryResults) -> list[LiveQuery]:
    """Return the queries for the buses that fit a driver.

    If the bus type of the driver is unknown, its properties show it. The list of all drivers is not
    queried for this, because that query may load modules.
    """
    if not driver or bus_of(driver, results.get(DRIVERS_HELP)):
        return [TREE]
    return [TREE, *_device_properties(driver, results)]


_NODES = (FLAT_NODES,)
_BLOCK = (FLAT_NODES, BLOCK)
_DEVICES = (PERIPHERAL, ANONYMOUS)
# The queries for each kind, or the function that returns them, and the function that reads the names.
_KINDS: dict[str, tuple[_Queries, _Reader]] = {
    kinds.NODE: (_NODES, nodes),
    kinds.BLOCK_DEVICE: (_BLOCK, block_devices),
    kinds.CHAIN: (_BLOCK, chain),
    kinds.CHAIN_FILE: (_BLOCK, chain_files),
    kinds.JOB: ((JOBS,), jobs),
    kinds.BITMAP: (_BLOCK, bitmaps),
    kinds.SNAPSHOT: (_BLOCK, snapshots),
    kinds.EXPORT: ((EXPORTS,), exports),
    kinds.NETDEV: ((NETWORK,), _netdevs),
    kinds.OBJECT: ((OBJECTS,), partial(_objects, "")),
    kinds.MEMORY_BACKEND: ((OBJECTS,), partial(_objects, "memory-backend")),
    kinds.IOTHREAD: ((OBJECTS,), partial(_objects, "iothread")),
    kinds.SECRET_OBJECT: ((OBJECTS,), partial(_objects, "secret")),
    kinds.THROTTLE_GROUP: ((OBJECTS,), partial(_objects, "throttle-group")),
    kinds.TLS_CREDS: ((OBJECTS,), partial(_objects, "tls-creds-")),
    kinds.TLS_AUTHZ: ((OBJECTS,), partial(_objects, "authz-")),
    kinds.PR_MANAGER: ((OBJECTS,), partial(_objects, "pr-manager-")),
    kinds.RNG: ((OBJECTS,), partial(_objects, "rng-")),
    kinds.CRYPTODEV: ((OBJECTS,), partial(_objects, "cryptodev-")),
    kinds.CAN_BUS: ((OBJECTS,), partial(_objects, "can-bus")),
    kinds.IOMMUFD: ((OBJECTS,), partial(_objects, "iommufd")),
    kinds.CHARDEV: ((CHARDEVS,), partial(_listed, CHARDEVS, "label", "filename")),
    kinds.AUDIODEV: ((AUDIODEVS,), partial(_listed, AUDIODEVS, "id", "driver")),
    kinds.TPMDEV: ((TPMDEVS,), partial(_listed, TPMDEVS, "id", "model")),
    kinds.QDEV: (_DEVICES, qdevs),
    kinds.DISPLAY: (_DEVICES, displays),
    kinds.BLOCK_QDEV: ((BLOCK,), block_qdevs),
    kinds.BUS: (_bus_queries, buses),
    kinds.CPU_MODEL: ((CPU_MODELS,), _cpu_models),
    kinds.DEVICE_DRIVER: (_driver_queries, drivers),
    kinds.DEVICE_PROPERTY: (_device_properties, properties),
    kinds.QOM_TYPE: ((TYPES,), _types),
    kinds.QOM_CHILD: (_qom_children_queries, _qom_children),
    kinds.QOM_PROPERTY: (_qom_property_queries, qom_properties),
    kinds.HUMAN_COMMAND: ((HUMAN_HELP,), _human_commands),
}


def queries_for(name_query: NameQuery, results: QueryResults) -> list[LiveQuery]:
    """Return all queries that a kind of name needs, as far as known: one reply may require another query.

    The result is empty if nothing can be queried.
    """
    queries, _ = _KINDS.get(name_query.kind, ((), None))
    if callable(queries):
        return queries(name_query.subject, results)
    found: list[LiveQuery] = []
    for query in queries:
        found.append(query)
        if query in _OLDER and results.get(query, query) is None:
            found.append(_OLDER[query])
    return found


# No server has this many names of a kind, and no menu shows them.
_MAX_NAMES = 10_000


def names_of_kind(name_query: NameQuery, results: QueryResults) -> list[LiveName]:
    """Return the known names of a kind, each once: by order, `ide.2` before `ide.10`, generated ones last."""
    _, read = _KINDS.get(name_query.kind, ((), None))
    found: dict[str, LiveName] = {}
    for item in read(name_query.subject, results) if read is not None else ():
        if item.name:
            found.setdefault(item.name, item)
        if len(found) >= _MAX_NAMES:
            break
    return sorted(found.values(), key=_sort_key)


class AnsweredNames:
    """Live names from `results` of queries. It starts no query."""

    def __init__(self) -> None:
        self.results: dict[LiveQuery, Any] = {}

    def find(self, name_query: NameQuery) -> list[LiveName]:
        """Return the names of a kind, as far as they are known."""
        return names_of_kind(name_query, self.results)

    peek = find


def _sort_key(item: LiveName) -> tuple[int, bool, list[tuple[bool, int, str]]]:
    """Return a sort key. QEMU's generated node names start with #, paths with /."""
    return item.order, item.name[:1] in ("#", "/"), natural_key(item.name)


_NOTHING: frozenset[str] = frozenset()
_READING = {
    *("device-list-properties", "qmp_capabilities", "qom-get", "qom-list", "qom-list-properties"),
    "qom-list-types",
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
