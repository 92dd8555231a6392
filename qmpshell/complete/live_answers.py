"""The server's answers, as names.

Owns: which names each kind has in the answers, and what is said of each in a few words. Must not know:
when and how they were asked for. Answers are not trusted: whatever they hold, nothing here raises.
"""

from __future__ import annotations

import re

from .human_help import read_catalogue
from .live import (
    BITMAP,
    BLOCK_DEVICE,
    BUS,
    CHARDEV,
    CPU_MODEL,
    DEVICE_DRIVER,
    DEVICE_PROPERTY,
    EXPORT,
    HUMAN_COMMAND,
    IOTHREAD,
    JOB,
    MACHINE,
    MEMORY_BACKEND,
    NETDEV,
    NODE,
    OBJECT,
    OBJECT_PROPERTY,
    QDEV,
    QOM_CHILD,
    QOM_PROPERTY,
    QOM_TYPE,
    SECRET_OBJECT,
    SNAPSHOT,
    LiveName,
)
from .live_questions import (
    ANONYMOUS,
    BLOCK,
    BLOCK_JOBS,
    CHARDEVS,
    CPU_MODELS,
    DRIVERS,
    DRIVERS_HELP,
    EXPORTS,
    FLAT_NODES,
    HUMAN_HELP,
    JOBS,
    MACHINES,
    NESTED_NODES,
    NETWORK,
    OBJECTS,
    PERIPHERAL,
    TREE,
    TYPES,
    questions,
)
from .live_text import read_buses, read_drivers, read_netdevs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from .live import Live
    from .live_questions import Known

# No server has so many of a kind, and no menu shows them.
_MOST = 10_000
_KIB = 1024
# A larger number is nobody's size, and Python refuses to print one of thousands of digits.
_LARGEST = 1 << 64


def names(want: Live, known: Known) -> list[LiveName]:
    """The names of a kind, as far as they are known, each once: `ide.2` before `ide.10`, and last those
    that nobody gave."""
    read = _READERS.get(want.kind)
    found: dict[str, LiveName] = {}
    for one in read(want, known) if read is not None else ():
        if one.name:
            found.setdefault(one.name, one)
        if len(found) >= _MOST:
            break
    return sorted(found.values(), key=_natural)


def _natural(one: LiveName) -> tuple[bool, list[tuple[bool, int, str]]]:
    """What the names are sorted by. QEMU's own node names begin with #, paths with /."""
    parts = re.split("([0-9]{1,9})", one.name)
    keys = [
        (number % 2 == 1, int(part) if number % 2 else 0, part) for number, part in enumerate(parts)
    ]
    return one.name[:1] in ("#", "/"), keys


# -- the block layer -------------------------------------------------------------------------------


def _nodes(want: Live, known: Known) -> Iterator[LiveName]:
    for node in _all_nodes(known):
        yield LiveName(_text(node, "node-name"), _of_medium(node))


def _all_nodes(known: Known) -> Iterator[dict[str, Any]]:
    return _dicts(known.get(FLAT_NODES) or known.get(NESTED_NODES))


def _of_medium(node: dict[str, Any]) -> str:
    """`qcow2, disk.img, read-only`."""
    file = _text(node, "file")
    if file.startswith("json:"):
        file = ""
    read_only = "read-only" if node.get("ro") is True else ""
    return _words(_text(node, "drv"), file.rpartition("/")[2], read_only)


def _block_devices(want: Live, known: Known) -> Iterator[LiveName]:
    for device in _dicts(known.get(BLOCK)):
        medium = _of_medium(_dict(device, "inserted")) or "empty"
        yield LiveName(_text(device, "device"), _words("device", medium))
        yield LiveName(_text(device, "qdev"), _words("guest device", medium))
    for node in _nodes(want, known):
        yield LiveName(node.name, _words("node", node.meta))


def _media(node: str, known: Known) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each medium called `node`, or each of all for an empty name; with the name of its node."""
    for one in _all_nodes(known):
        name = _text(one, "node-name")
        if node in ("", name):
            yield name, one
    for device in _dicts(known.get(BLOCK)):
        medium = _dict(device, "inserted")
        if node and node in (_text(device, "device"), _text(device, "qdev")):
            yield _text(medium, "node-name"), medium


def _bitmaps(want: Live, known: Known) -> Iterator[LiveName]:
    for node, medium in _media(want.subject, known):
        for bitmap in _dicts(medium.get("dirty-bitmaps")):
            words = _words(
                "" if want.subject else node,
                _granularity(bitmap.get("granularity")),
                *(flag for flag in ("busy", "persistent") if bitmap.get(flag) is True),
                "disabled" if bitmap.get("recording") is False else "",
            )
            yield LiveName(_text(bitmap, "name"), words)


def _granularity(size: object) -> str:
    if not _is_number(size) or size < _KIB or size % _KIB:
        return ""
    return f"granularity {size // _KIB} KiB"


def _snapshots(want: Live, known: Known) -> Iterator[LiveName]:
    for node, medium in _media(want.subject, known):
        for snapshot in _dicts(_dict(medium, "image").get("snapshots")):
            own_id, size = _text(snapshot, "id"), snapshot.get("vm-state-size")
            words = _words(
                "" if want.subject else node,
                f"id {own_id}" if own_id else "",
                "with the machine's state" if _is_number(size) and size > 0 else "",
            )
            yield LiveName(_text(snapshot, "name"), words)


def _jobs(want: Live, known: Known) -> Iterator[LiveName]:
    for job in _dicts(known.get(JOBS)):
        done = _percent(job.get("current-progress"), job.get("total-progress"))
        yield LiveName(_text(job, "id"), _words(_text(job, "type"), done, _text(job, "status")))
    for job in _dicts(known.get(BLOCK_JOBS)):
        done = _percent(job.get("offset"), job.get("len"))
        yield LiveName(_text(job, "device"), _words(_text(job, "type"), done, _text(job, "status")))


def _percent(done: object, total: object) -> str:
    if not _is_number(done) or not _is_number(total) or total <= 0:
        return ""
    return f"{max(0, min(100, done * 100 // total))} %"


def _exports(want: Live, known: Known) -> Iterator[LiveName]:
    for one in _dicts(known.get(EXPORTS)):
        going = "shutting down" if one.get("shutting-down") is True else ""
        yield LiveName(_text(one, "id"), _words(_text(one, "type"), _text(one, "node-name"), going))


# -- backends and objects --------------------------------------------------------------------------


def _chardevs(want: Live, known: Known) -> Iterator[LiveName]:
    for one in _dicts(known.get(CHARDEVS)):
        yield LiveName(_text(one, "label"), _text(one, "filename"))


def _netdevs(want: Live, known: Known) -> Iterator[LiveName]:
    for one in read_netdevs(known.get(NETWORK)):
        yield LiveName(one.name, _words(one.type, one.about))


def _objects(want: Live, known: Known) -> Iterator[LiveName]:
    for name, type_name in _children(known.get(OBJECTS)):
        if _is_of(want.kind, type_name):
            yield LiveName(name, type_name)


def _is_of(kind: str, type_name: str) -> bool:
    if kind == MEMORY_BACKEND:
        return type_name.startswith("memory-backend")
    if kind == IOTHREAD:
        return type_name == "iothread"
    return kind == OBJECT or type_name in ("secret", "secret_keyring")


# -- devices ---------------------------------------------------------------------------------------


def _qdevs(want: Live, known: Known) -> Iterator[LiveName]:
    for name, type_name in _children(known.get(PERIPHERAL)):
        yield LiveName(name, type_name)
    for name, type_name in _children(known.get(ANONYMOUS)):
        yield LiveName(f"{ANONYMOUS.arguments['path']}/{name}", type_name)


def _buses(want: Live, known: Known) -> Iterator[LiveName]:
    for bus in read_buses(known.get(TREE)):
        if not _is_inner(bus.type):
            yield LiveName(bus.name, _words(bus.type, f"of {bus.owner}" if bus.owner else ""))


def _is_inner(type_name: str) -> bool:
    """Whether a bus of this type is within a device, or the board: none can be added to it."""
    return type_name == "System" or type_name in (
        "virtio-pci-bus",
        "virtio-mmio-bus",
        "virtio-ccw-bus",
    )


def _drivers(want: Live, known: Known) -> Iterator[LiveName]:
    drivers = {one.name: one for one in read_drivers(known.get(DRIVERS_HELP))}
    for entry in _dicts(known.get(DRIVERS)):
        name = _text(entry, "name")
        driver = drivers.get(name)
        if driver is None:
            yield LiveName(name)
        elif not driver.no_user:
            about = _words(driver.bus, driver.desc)
            yield LiveName(name, about)
            yield LiveName(driver.alias, _words(f"is {name}", about))


def _properties(want: Live, known: Known) -> Iterator[LiveName]:
    for question in questions(want, known):
        for one in _dicts(known.get(question)):
            name = _text(one, "name")
            # QOM's own, and another spelling of a property of the same device.
            if name != "type" and not name.startswith("legacy-"):
                yield LiveName(name, _of_property(one))


def _of_property(entry: dict[str, Any]) -> str:
    """`uint32, default 1, its description`."""
    type_name, description = _text(entry, "type"), _text(entry, "description")
    default = _scalar(entry.get("default-value"))
    return _words(
        type_name,
        f"default {default}" if default else "",
        "" if description == "on/off" and type_name == "bool" else description,
    )


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value or '""'
    return str(value) if _is_number(value) else ""


# -- types and the object tree ---------------------------------------------------------------------


def _cpu_models(want: Live, known: Known) -> Iterator[LiveName]:
    for model in _dicts(known.get(CPU_MODELS)):
        alias, lacking = _text(model, "alias-of"), model.get("unavailable-features")
        yield LiveName(
            _text(model, "name"),
            _words(
                f"is {alias}" if alias else "",
                "deprecated" if model.get("deprecated") is True else "",
                "not all of it here" if isinstance(lacking, list) and lacking else "",
            ),
        )


def _machines(want: Live, known: Known) -> Iterator[LiveName]:
    for machine in _dicts(known.get(MACHINES)):
        name = _text(machine, "name")
        words = _words(
            "the default" if machine.get("is-default") is True else "",
            "deprecated" if machine.get("deprecated") is True else "",
        )
        yield LiveName(name, words)
        yield LiveName(_text(machine, "alias"), _words(f"is {name}", words))


def _types(want: Live, known: Known) -> Iterator[LiveName]:
    for one in _dicts(known.get(TYPES)):
        parent = _text(one, "parent")
        yield LiveName(_text(one, "name"), f"a {parent}" if parent else "")


def _qom_children(want: Live, known: Known) -> Iterator[LiveName]:
    for name, type_name in _qom_properties_of(want, known):
        if _inner(type_name, "child"):
            yield LiveName(name, _inner(type_name, "child"))
        elif _inner(type_name, "link"):
            yield LiveName(name, f"link to {_inner(type_name, 'link')}")


def _qom_properties(want: Live, known: Known) -> Iterator[LiveName]:
    for name, type_name in _qom_properties_of(want, known):
        if not _inner(type_name, "child"):
            yield LiveName(name, type_name)


def _qom_properties_of(want: Live, known: Known) -> Iterator[tuple[str, str]]:
    for question in questions(want, known):
        for one in _dicts(known.get(question)):
            yield _text(one, "name"), _text(one, "type")


def _human_commands(want: Live, known: Known) -> Iterator[LiveName]:
    text = known.get(HUMAN_HELP)
    catalogue = read_catalogue(text if isinstance(text, str) else "")
    for name in catalogue.names:
        command = catalogue.find(name)
        yield LiveName(name, command.summary if command is not None else "")


# -- shapes ----------------------------------------------------------------------------------------


def _children(value: object) -> Iterator[tuple[str, str]]:
    """The names and types of an object's children in what `qom-list` returned."""
    for one in _dicts(value):
        type_name = _inner(_text(one, "type"), "child")
        if type_name:
            yield _text(one, "name"), type_name


def _inner(type_name: str, relation: str) -> str:
    """`iothread` of `child<iothread>`; empty where it is no such relation."""
    if type_name.startswith(f"{relation}<") and type_name.endswith(">"):
        return type_name[len(relation) + 1 : -1]
    return ""


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def _dict(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _words(*words: str) -> str:
    return ", ".join(word for word in words if word)


if TYPE_CHECKING:
    from typing import TypeGuard


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


_READERS: dict[str, Callable[[Live, Known], Iterable[LiveName]]] = {
    NODE: _nodes,
    BLOCK_DEVICE: _block_devices,
    JOB: _jobs,
    BITMAP: _bitmaps,
    SNAPSHOT: _snapshots,
    EXPORT: _exports,
    CHARDEV: _chardevs,
    NETDEV: _netdevs,
    OBJECT: _objects,
    MEMORY_BACKEND: _objects,
    IOTHREAD: _objects,
    SECRET_OBJECT: _objects,
    QDEV: _qdevs,
    BUS: _buses,
    CPU_MODEL: _cpu_models,
    MACHINE: _machines,
    DEVICE_DRIVER: _drivers,
    DEVICE_PROPERTY: _properties,
    OBJECT_PROPERTY: _properties,
    QOM_TYPE: _types,
    QOM_CHILD: _qom_children,
    QOM_PROPERTY: _qom_properties,
    HUMAN_COMMAND: _human_commands,
}
