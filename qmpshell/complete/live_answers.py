"""Live names: the names of each kind in the server's replies, with short descriptions.

Replies are not trusted: nothing here raises, whatever they contain.
"""

from __future__ import annotations

import re

from ..qmp import dicts, natural_key, references as kinds, relation_type
from . import live_queries as queries
from .hmp import parse_catalogue
from .hmp_tables import bus_of, parse_buses, parse_drivers, parse_netdevs
from .live_queries import children, dict_at, in_words, is_number, queries_for, text_at
from .sources import LiveName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from .hmp_tables import Bus
    from .live_queries import LiveQuery, QueryResults
    from .sources import NameQuery


_KIB = 1024
# Drivers of nodes that are below another node for the same image.
_PROTOCOLS = frozenset(
    [
        "file",
        "host_device",
        "host_cdrom",
        "nbd",
        "http",
        "https",
        "ftp",
        "ftps",
        "ssh",
        "iscsi",
        "nfs",
        "rbd",
        "gluster",
        "nvme",
    ]
)
_NO_IMAGES = ("null-co", "null-aio")


def nodes(_name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the block nodes."""
    for node in _all_nodes(results):
        yield LiveName(text_at(node, "node-name"), _of_medium(node))


def _all_nodes(results: QueryResults) -> Iterator[dict[str, Any]]:
    return dicts(results.get(queries.FLAT_NODES) or results.get(queries.NESTED_NODES))


def _of_medium(node: dict[str, Any]) -> str:
    """Describe a medium: `qcow2, disk.img, read-only`."""
    file = text_at(node, "file")
    if file.startswith("json:"):
        file = ""
    read_only = "read-only" if node.get("ro") is True else ""
    return in_words(text_at(node, "drv"), file.rpartition("/")[2], read_only)


def block_devices(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the block devices and the ids of their guest devices."""
    for device in dicts(results.get(queries.BLOCK)):
        medium = _of_medium(dict_at(device, "inserted")) or "empty"
        yield LiveName(text_at(device, "device"), in_words("device", medium))
        yield LiveName(text_at(device, "qdev"), in_words("guest device", medium))
    for node in nodes(name_query, results):
        yield LiveName(node.name, in_words("node", node.meta))


def block_qdevs(_name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the guest devices with a block backend."""
    for device in dicts(results.get(queries.BLOCK)):
        medium = _of_medium(dict_at(device, "inserted")) or "empty"
        removable = "removable" if device.get("removable") is True else ""
        yield LiveName(text_at(device, "qdev"), in_words(removable, medium))


def _media(node: str, results: QueryResults) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the media of the device or node `node`, or all if it is empty, with their node names."""
    for entry in _all_nodes(results):
        name = text_at(entry, "node-name")
        if node in ("", name):
            yield name, entry
    for device in dicts(results.get(queries.BLOCK)):
        medium = dict_at(device, "inserted")
        if node and node in (text_at(device, "device"), text_at(device, "qdev")):
            yield text_at(medium, "node-name"), medium


def chain(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the nodes below a device or node, from the top down, then all others except its own."""
    own, below = _backing(name_query.subject, results)
    for depth, node in enumerate(below):
        about = in_words("backing", _of_medium(node))
        yield LiveName(text_at(node, "node-name"), about, order=depth)
    for entry in nodes(name_query, results):
        if entry.name != text_at(own, "node-name"):
            yield LiveName(entry.name, entry.meta, order=len(below))


def chain_files(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the images of the nodes below a device or node, from the top down, its own, then others."""
    own, below = _backing(name_query.subject, results)
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


def bitmaps(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the dirty bitmaps of a node, or of all nodes."""
    for node, medium in _media(name_query.subject, results):
        for bitmap in dicts(medium.get("dirty-bitmaps")):
            words = in_words(
                "" if name_query.subject else node,
                _granularity(bitmap.get("granularity")),
                *(flag for flag in ("busy", "persistent") if bitmap.get(flag) is True),
                "disabled" if bitmap.get("recording") is False else "",
            )
            yield LiveName(text_at(bitmap, "name"), words)


def _granularity(size: object) -> str:
    if not is_number(size) or size < _KIB or size % _KIB:
        return ""
    return f"granularity {size // _KIB} KiB"


def snapshots(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the internal snapshots of a node, or of all nodes."""
    for node, medium in _media(name_query.subject, results):
        for snapshot in dicts(dict_at(medium, "image").get("snapshots")):
            own_id, size = text_at(snapshot, "id"), snapshot.get("vm-state-size")
            words = in_words(
                "" if name_query.subject else node,
                f"id {own_id}" if own_id else "",
                "with VM state" if is_number(size) and size > 0 else "",
            )
            yield LiveName(text_at(snapshot, "name"), words)


def jobs(_name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the jobs."""
    for query, own_id, done, total in (
        (queries.JOBS, "id", "current-progress", "total-progress"),
        (queries.BLOCK_JOBS, "device", "offset", "len"),
    ):
        for job in dicts(results.get(query)):
            progress = _percent(job.get(done), job.get(total))
            words = in_words(text_at(job, "type"), progress, text_at(job, "status"))
            yield LiveName(text_at(job, own_id), words)


def _percent(done: object, total: object) -> str:
    if not is_number(done) or not is_number(total) or total <= 0:
        return ""
    return f"{max(0, min(100, done * 100 // total))} %"


def exports(_name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the block exports."""
    for entry in dicts(results.get(queries.EXPORTS)):
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
# The port of a switch towards the root: only ports are below it.
_UPSTREAM = "upstream"
# Buses within a device or the board, to which no device can be added.
_INNER_BUSES = ("System", "virtio-pci-bus", "virtio-mmio-bus", "virtio-ccw-bus")

# Types that are not enumerations, whatever their description is.
_NO_ENUMERATION = re.compile(r"bool|str|string|size|double|u?int\d*|.*[<>].*")


def qdevs(_name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the ids and QOM paths of devices."""
    for name, type_name in children(results.get(queries.PERIPHERAL)):
        yield LiveName(name, type_name)
    for name, type_name in children(results.get(queries.ANONYMOUS)):
        yield LiveName(f"{queries.ANONYMOUS.arguments['path']}/{name}", type_name)


def displays(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the display devices."""
    for device in qdevs(name_query, results):
        if _DISPLAYS.search(device.meta):
            yield device


def buses(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the buses that fit the driver if that is known of any, else free ports first."""
    wanted = (
        bus_of(name_query.subject, results.get(queries.DRIVERS_HELP)) if name_query.subject else ""
    )
    found = [bus for bus in parse_buses(results.get(queries.TREE)) if bus.type not in _INNER_BUSES]
    fitting = [item for item in found if wanted and _fits(item.type, wanted)]
    for bus in fitting or found:
        about = _bus_words(bus.type) + (f" on {bus.owner}" if bus.owner else "")
        is_port = bool(fitting) or bus.type in _EXPRESS
        yield LiveName(bus.name, about, order=_hotplug_rank(bus) if is_port else 1)


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
    return 1 if bus.taken else 0


def drivers(_name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the drivers: those on a bus first, CPU models last."""
    drivers = {driver.name: driver for driver in parse_drivers(results.get(queries.DRIVERS_HELP))}
    for entry in dicts(results.get(queries.DRIVERS)):
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


def properties(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the properties of a device driver."""
    for question in queries_for(name_query, results):
        yield from _described(results.get(question)).values()


def qom_properties(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    """Yield the properties of an object, described by the properties of its type if it is a device."""
    asked = queries_for(name_query, results)
    described = _described(results.get(asked[2]) if len(asked) > 2 else None)
    for entry in dicts(results.get(asked[0]) if asked else None):
        name, type_name = text_at(entry, "name"), text_at(entry, "type")
        if not relation_type(type_name, "child"):
            known_as = described.get(name, LiveName(name))
            yield LiveName(name, type_name, choices=known_as.choices, default=known_as.default)


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


# No server has this many names of a kind, and no menu shows them.
_MAX_NAMES = 10_000


def names_of_kind(name_query: NameQuery, results: QueryResults) -> list[LiveName]:
    """Return the known names of a kind, each once: by order, `ide.2` before `ide.10`, generated ones last."""
    read = _READERS.get(name_query.kind)
    found: dict[str, LiveName] = {}
    for item in read(name_query, results) if read is not None else ():
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


def _sort_key(one: LiveName) -> tuple[int, bool, list[tuple[bool, int, str]]]:
    """Return a sort key. QEMU's generated node names start with #, paths with /."""
    return one.order, one.name[:1] in ("#", "/"), natural_key(one.name)


def _netdevs(_name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    for netdev in parse_netdevs(results.get(queries.NETWORK)):
        yield LiveName(netdev.name, in_words(netdev.type, netdev.about))


def _objects(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    for name, type_name in children(results.get(queries.OBJECTS)):
        if type_name.startswith(queries.OBJECT_TYPES[name_query.kind]):
            yield LiveName(name, type_name)


# Kinds whose reply is a list: the query, and the members with the name and its description.
_LISTS = {
    kinds.CHARDEV: (queries.CHARDEVS, "label", "filename"),
    kinds.AUDIODEV: (queries.AUDIODEVS, "id", "driver"),
    kinds.TPMDEV: (queries.TPMDEVS, "id", "model"),
}


def _listed(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    query, name, meta = _LISTS[name_query.kind]
    for entry in dicts(results.get(query)):
        yield LiveName(text_at(entry, name), text_at(entry, meta))


def _cpu_models(_name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    for model in dicts(results.get(queries.CPU_MODELS)):
        alias, lacking = text_at(model, "alias-of"), model.get("unavailable-features")
        yield LiveName(
            text_at(model, "name"),
            in_words(
                f"alias of {alias}" if alias else "",
                "deprecated" if model.get("deprecated") is True else "",
                "not fully supported" if isinstance(lacking, list) and lacking else "",
            ),
        )


def _types(_name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    for entry in dicts(results.get(queries.TYPES)):
        name, parent = text_at(entry, "name"), text_at(entry, "parent")
        yield LiveName(name, f"a {parent}" if parent else "", order=_type_rank(name))


def _type_rank(type_name: str) -> int:
    """Return how rarely users mean a type.

    There are more CPU types and machine versions than anything else, and interfaces,
    `TYPE::INTERFACE`, have no properties of their own.
    """
    is_crowd = is_processor(type_name) or type_name.endswith("-machine") or "::" in type_name
    return 1 if is_crowd else 0


def _qom_children(name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    for question in queries_for(name_query, results):
        for entry in dicts(results.get(question)):
            name, type_name = text_at(entry, "name"), text_at(entry, "type")
            if relation_type(type_name, "child"):
                yield LiveName(name, relation_type(type_name, "child"))
            elif relation_type(type_name, "link"):
                yield LiveName(name, f"link to {relation_type(type_name, 'link')}")


def _human_commands(_name_query: NameQuery, results: QueryResults) -> Iterator[LiveName]:
    text = results.get(queries.HUMAN_HELP)
    catalogue = parse_catalogue(text if isinstance(text, str) else "")
    for name in catalogue.names:
        command = catalogue.find(name)
        yield LiveName(name, command.summary if command is not None else "")


_READERS: dict[str, Callable[[NameQuery, QueryResults], Iterable[LiveName]]] = {
    kinds.NODE: nodes,
    kinds.BLOCK_DEVICE: block_devices,
    kinds.CHAIN: chain,
    kinds.CHAIN_FILE: chain_files,
    kinds.JOB: jobs,
    kinds.BITMAP: bitmaps,
    kinds.SNAPSHOT: snapshots,
    kinds.EXPORT: exports,
    kinds.NETDEV: _netdevs,
    **dict.fromkeys(queries.OBJECT_TYPES, _objects),
    **dict.fromkeys(_LISTS, _listed),
    kinds.QDEV: qdevs,
    kinds.BLOCK_QDEV: block_qdevs,
    kinds.DISPLAY: displays,
    kinds.BUS: buses,
    kinds.CPU_MODEL: _cpu_models,
    kinds.DEVICE_DRIVER: drivers,
    kinds.DEVICE_PROPERTY: properties,
    kinds.QOM_TYPE: _types,
    kinds.QOM_CHILD: _qom_children,
    kinds.QOM_PROPERTY: qom_properties,
    kinds.HUMAN_COMMAND: _human_commands,
}
