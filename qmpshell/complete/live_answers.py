"""The server's answers, as names.

Owns: which names each kind has in the answers, and what is said of each in a few words. Must not know:
when and how they were asked for. Answers are not trusted: whatever they hold, nothing here raises.
"""

from __future__ import annotations

import re

from .hmp import read_catalogue
from .hmp_tables import bus_of, read_buses, read_drivers, read_netdevs
from .live_queries import (
    ANONYMOUS,
    AUDIODEVS,
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
    NESTED_NODES,
    NETWORK,
    OBJECTS,
    PERIPHERAL,
    TPMDEVS,
    TREE,
    TYPES,
    children,
    dict_at,
    dicts,
    in_words,
    inner,
    is_number,
    questions,
    text_at,
)
from .ranking import natural
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
    LiveName,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from .hmp_tables import Bus
    from .live_queries import Known
    from .references import Live


_KIB = 1024
# Drivers of which a node stands below another for the same image.
_PROTOCOLS = frozenset(
    "file host_device host_cdrom nbd http https ftp ftps ssh iscsi nfs rbd gluster nvme".split()
)
_NO_IMAGES = ("null-co", "null-aio")


def nodes(want: Live, known: Known) -> Iterator[LiveName]:
    for node in _all_nodes(known):
        yield LiveName(text_at(node, "node-name"), _of_medium(node))


def _all_nodes(known: Known) -> Iterator[dict[str, Any]]:
    return dicts(known.get(FLAT_NODES) or known.get(NESTED_NODES))


def _of_medium(node: dict[str, Any]) -> str:
    """`qcow2, disk.img, read-only`."""
    file = text_at(node, "file")
    if file.startswith("json:"):
        file = ""
    read_only = "read-only" if node.get("ro") is True else ""
    return in_words(text_at(node, "drv"), file.rpartition("/")[2], read_only)


def block_devices(want: Live, known: Known) -> Iterator[LiveName]:
    for device in dicts(known.get(BLOCK)):
        medium = _of_medium(dict_at(device, "inserted")) or "empty"
        yield LiveName(text_at(device, "device"), in_words("device", medium))
        yield LiveName(text_at(device, "qdev"), in_words("guest device", medium))
    for node in nodes(want, known):
        yield LiveName(node.name, in_words("node", node.meta))


def block_qdevs(want: Live, known: Known) -> Iterator[LiveName]:
    for device in dicts(known.get(BLOCK)):
        medium = _of_medium(dict_at(device, "inserted")) or "empty"
        removable = "removable" if device.get("removable") is True else ""
        yield LiveName(text_at(device, "qdev"), in_words(removable, medium))


def _media(node: str, known: Known) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each medium called `node`, or each of all for an empty name; with the name of its node."""
    for one in _all_nodes(known):
        name = text_at(one, "node-name")
        if node in ("", name):
            yield name, one
    for device in dicts(known.get(BLOCK)):
        medium = dict_at(device, "inserted")
        if node and node in (text_at(device, "device"), text_at(device, "qdev")):
            yield text_at(medium, "node-name"), medium


def chain(want: Live, known: Known) -> Iterator[LiveName]:
    """The nodes below a device or node from the top down, then all others but its own."""
    own, below = _backing(want.subject, known)
    for depth, node in enumerate(below):
        about = in_words("backing", _of_medium(node))
        yield LiveName(text_at(node, "node-name"), about, order=depth)
    for one in nodes(want, known):
        if one.name != text_at(own, "node-name"):
            yield LiveName(one.name, one.meta, order=len(below))


def chain_files(want: Live, known: Known) -> Iterator[LiveName]:
    """The images of the nodes below a device or node from the top down, its own, then all others."""
    own, below = _backing(want.subject, known)
    for order, node in enumerate([*below, own]):
        yield _image(node, order)
    for node in _all_nodes(known):
        yield _image(node, len(below) + 1)


def _image(node: dict[str, Any], order: int) -> LiveName:
    file, driver = text_at(node, "file"), text_at(node, "drv")
    is_named = not file.startswith("json:") and driver not in _NO_IMAGES
    about = in_words(text_at(node, "node-name"), driver)
    return LiveName(file if is_named else "", about, order=order)


def _backing(name: str, known: Known) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The node of a device, or called so, and those below it from the top down, as far as the names of
    their images tell: of two nodes on one image, a format and its file, the format is meant."""
    own_name, own = next(_media(name, known), ("", {})) if name else ("", {})
    by_file: dict[str, dict[str, Any]] = {}
    for node in _all_nodes(known):
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


def bitmaps(want: Live, known: Known) -> Iterator[LiveName]:
    for node, medium in _media(want.subject, known):
        for bitmap in dicts(medium.get("dirty-bitmaps")):
            words = in_words(
                "" if want.subject else node,
                _granularity(bitmap.get("granularity")),
                *(flag for flag in ("busy", "persistent") if bitmap.get(flag) is True),
                "disabled" if bitmap.get("recording") is False else "",
            )
            yield LiveName(text_at(bitmap, "name"), words)


def _granularity(size: object) -> str:
    if not is_number(size) or size < _KIB or size % _KIB:
        return ""
    return f"granularity {size // _KIB} KiB"


def snapshots(want: Live, known: Known) -> Iterator[LiveName]:
    for node, medium in _media(want.subject, known):
        for snapshot in dicts(dict_at(medium, "image").get("snapshots")):
            own_id, size = text_at(snapshot, "id"), snapshot.get("vm-state-size")
            words = in_words(
                "" if want.subject else node,
                f"id {own_id}" if own_id else "",
                "with the machine's state" if is_number(size) and size > 0 else "",
            )
            yield LiveName(text_at(snapshot, "name"), words)


def jobs(want: Live, known: Known) -> Iterator[LiveName]:
    for job in dicts(known.get(JOBS)):
        done = _percent(job.get("current-progress"), job.get("total-progress"))
        yield LiveName(
            text_at(job, "id"), in_words(text_at(job, "type"), done, text_at(job, "status"))
        )
    for job in dicts(known.get(BLOCK_JOBS)):
        done = _percent(job.get("offset"), job.get("len"))
        yield LiveName(
            text_at(job, "device"), in_words(text_at(job, "type"), done, text_at(job, "status"))
        )


def _percent(done: object, total: object) -> str:
    if not is_number(done) or not is_number(total) or total <= 0:
        return ""
    return f"{max(0, min(100, done * 100 // total))} %"


def exports(want: Live, known: Known) -> Iterator[LiveName]:
    for one in dicts(known.get(EXPORTS)):
        going = "shutting down" if one.get("shutting-down") is True else ""
        yield LiveName(
            text_at(one, "id"), in_words(text_at(one, "type"), text_at(one, "node-name"), going)
        )


# The values of an enumeration, as a description ends with them: `Policy (report/stop)`, `Policy,
# report/stop`, `report/stop`.
_CHOICES = re.compile(r"(?:^|, |\()([\w.+-]+(?:/[\w.+-]+)+)\)?$", re.ASCII)
# What the types of displays are called; a device that is passed through may be one.
_DISPLAYS = re.compile("vga|gpu|qxl|display|ramfb|vfio-pci", re.IGNORECASE)

_PCI = "PCI"
_EXPRESS = ("PCIE", "CXL")
_EXPANDERS = ("pxb-bus", "pxb-pcie-bus", "pxb-cxl-bus")
_PCI_BUSES = (_PCI, *_EXPRESS, *_EXPANDERS)
# A switch's port towards the root, which has nothing below it but ports.
_UPSTREAM = "upstream"
# Within a device, or the board: none can be added to a bus of these.
_INNER_BUSES = ("System", "virtio-pci-bus", "virtio-mmio-bus", "virtio-ccw-bus")

# Types that are no enumerations, whatever is said of them.
_NO_ENUMERATION = re.compile(r"bool|str|string|size|double|u?int\d*|.*[<>].*")


def qdevs(want: Live, known: Known) -> Iterator[LiveName]:
    for name, type_name in children(known.get(PERIPHERAL)):
        yield LiveName(name, type_name)
    for name, type_name in children(known.get(ANONYMOUS)):
        yield LiveName(f"{ANONYMOUS.arguments['path']}/{name}", type_name)


def displays(want: Live, known: Known) -> Iterator[LiveName]:
    for one in qdevs(want, known):
        if _DISPLAYS.search(one.meta):
            yield one


def buses(want: Live, known: Known) -> Iterator[LiveName]:
    """Those that a driver can sit on, where that is known of any; else free ports first."""
    wanted = bus_of(want.subject, known.get(DRIVERS_HELP)) if want.subject else ""
    found = [one for one in read_buses(known.get(TREE)) if one.type not in _INNER_BUSES]
    fitting = [one for one in found if wanted and _fits(one.type, wanted)]
    for bus in fitting or found:
        about = in_words(bus.type, f"of {bus.owner}" if bus.owner else "")
        is_port = bool(fitting) or bus.type in _EXPRESS
        yield LiveName(bus.name, about, order=_willing(bus) if is_port else 1)


def _fits(type_name: str, wanted: str) -> bool:
    return type_name == wanted or (wanted == _PCI and type_name in _PCI_BUSES)


def _willing(bus: Bus) -> int:
    """How much a bus stands in the way of hot-plugging: a port takes one device, the root bus of
    PCI Express none, an expander bus only bridges."""
    if bus.type in _EXPANDERS:
        return 3
    if bus.type not in _EXPRESS:
        return 0
    if bus.above not in _PCI_BUSES or _UPSTREAM in bus.owner:
        return 2
    return 1 if bus.taken else 0


def drivers(want: Live, known: Known) -> Iterator[LiveName]:
    """Those first that sit on a bus; last the models of processors."""
    drivers = {one.name: one for one in read_drivers(known.get(DRIVERS_HELP))}
    for entry in dicts(known.get(DRIVERS)):
        name = text_at(entry, "name")
        driver = drivers.get(name)
        if driver is None:
            yield LiveName(name, order=2 if is_processor(name) else 1)
        elif not driver.no_user:
            about = in_words(driver.bus, driver.desc)
            order = 0 if driver.bus else 2 if is_processor(name) else 1
            yield LiveName(name, about, order=order)
            yield LiveName(driver.alias, in_words(f"is {name}", about), order=order)


def is_processor(type_name: str) -> bool:
    return type_name.endswith("-cpu")


def properties(want: Live, known: Known) -> Iterator[LiveName]:
    for question in questions(want, known):
        yield from _described(known.get(question)).values()


def qom_properties(want: Live, known: Known) -> Iterator[LiveName]:
    """Those of an object; what is said of a property is said by its type, if that is a device's."""
    asked = questions(want, known)
    described = _described(known.get(asked[2]) if len(asked) > 2 else None)
    for one in dicts(known.get(asked[0]) if asked else None):
        name, type_name = text_at(one, "name"), text_at(one, "type")
        if not inner(type_name, "child"):
            known_as = described.get(name, LiveName(name))
            yield LiveName(name, type_name, choices=known_as.choices, default=known_as.default)


def _described(answer: object) -> dict[str, LiveName]:
    """The properties that a type has, by name."""
    entries = [
        one
        for one in dicts(answer)
        # QOM's own, and another spelling of a property of the same device.
        if text_at(one, "name") != "type" and not text_at(one, "name").startswith("legacy-")
    ]
    # Some descriptions say what a property is for, others of the same type which values it takes.
    choices = {text_at(one, "type"): _choices(one) for one in entries if _choices(one)}
    return {
        text_at(one, "name"): LiveName(
            text_at(one, "name"),
            _of_property(one),
            choices=_choices(one) or choices.get(text_at(one, "type"), ()),
            default=_scalar(one.get("default-value")),
        )
        for one in entries
    }


def _choices(entry: dict[str, Any]) -> tuple[str, ...]:
    """The values that a description spells out.

    >>> _choices({"type": "OnError", "description": "Policy (report/stop)"})
    ('report', 'stop')
    """
    if _NO_ENUMERATION.fullmatch(text_at(entry, "type")):
        return ()
    found = _CHOICES.search(text_at(entry, "description"))
    return tuple(found.group(1).split("/")) if found is not None else ()


def _of_property(entry: dict[str, Any]) -> str:
    """`uint32, default 1, its description`."""
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


# What the types of objects of each kind begin with.
_OBJECT_TYPES = {
    OBJECT: "",
    MEMORY_BACKEND: "memory-backend",
    IOTHREAD: "iothread",
    SECRET_OBJECT: "secret",
    THROTTLE_GROUP: "throttle-group",
    TLS_CREDS: "tls-creds-",
    TLS_AUTHZ: "authz-",
    PR_MANAGER: "pr-manager-",
    RNG: "rng-",
    CRYPTODEV: "cryptodev-",
    CAN_BUS: "can-bus",
    IOMMUFD: "iommufd",
}
# No server has so many of a kind, and no menu shows them.
_MOST = 10_000


def names(want: Live, known: Known) -> list[LiveName]:
    """The names of a kind, as far as they are known, each once: by their order, `ide.2` before `ide.10`,
    and last those that nobody gave."""
    read = _READERS.get(want.kind)
    found: dict[str, LiveName] = {}
    for one in read(want, known) if read is not None else ():
        if one.name:
            found.setdefault(one.name, one)
        if len(found) >= _MOST:
            break
    return sorted(found.values(), key=_place)


def _place(one: LiveName) -> tuple[int, bool, list[tuple[bool, int, str]]]:
    """What the names are sorted by. QEMU's own node names begin with #, paths with /."""
    return one.order, one.name[:1] in ("#", "/"), natural(one.name)


# -- backends and objects --------------------------------------------------------------------------


def _chardevs(want: Live, known: Known) -> Iterator[LiveName]:
    for one in dicts(known.get(CHARDEVS)):
        yield LiveName(text_at(one, "label"), text_at(one, "filename"))


def _netdevs(want: Live, known: Known) -> Iterator[LiveName]:
    for one in read_netdevs(known.get(NETWORK)):
        yield LiveName(one.name, in_words(one.type, one.about))


def _objects(want: Live, known: Known) -> Iterator[LiveName]:
    for name, type_name in children(known.get(OBJECTS)):
        if type_name.startswith(_OBJECT_TYPES[want.kind]):
            yield LiveName(name, type_name)


def _audiodevs(want: Live, known: Known) -> Iterator[LiveName]:
    for one in dicts(known.get(AUDIODEVS)):
        yield LiveName(text_at(one, "id"), text_at(one, "driver"))


def _tpmdevs(want: Live, known: Known) -> Iterator[LiveName]:
    for one in dicts(known.get(TPMDEVS)):
        yield LiveName(text_at(one, "id"), text_at(one, "model"))


# -- types and the object tree ---------------------------------------------------------------------


def _cpu_models(want: Live, known: Known) -> Iterator[LiveName]:
    for model in dicts(known.get(CPU_MODELS)):
        alias, lacking = text_at(model, "alias-of"), model.get("unavailable-features")
        yield LiveName(
            text_at(model, "name"),
            in_words(
                f"is {alias}" if alias else "",
                "deprecated" if model.get("deprecated") is True else "",
                "not all of it here" if isinstance(lacking, list) and lacking else "",
            ),
        )


def _types(want: Live, known: Known) -> Iterator[LiveName]:
    for one in dicts(known.get(TYPES)):
        name, parent = text_at(one, "name"), text_at(one, "parent")
        yield LiveName(name, f"a {parent}" if parent else "", order=_remoteness(name))


def _remoteness(type_name: str) -> int:
    """Of types there are more processors and versions of machines than anything else, and interfaces,
    `TYPE::INTERFACE`, have nothing of their own."""
    is_crowd = is_processor(type_name) or type_name.endswith("-machine") or "::" in type_name
    return 1 if is_crowd else 0


def _qom_children(want: Live, known: Known) -> Iterator[LiveName]:
    for question in questions(want, known):
        for one in dicts(known.get(question)):
            name, type_name = text_at(one, "name"), text_at(one, "type")
            if inner(type_name, "child"):
                yield LiveName(name, inner(type_name, "child"))
            elif inner(type_name, "link"):
                yield LiveName(name, f"link to {inner(type_name, 'link')}")


def _human_commands(want: Live, known: Known) -> Iterator[LiveName]:
    text = known.get(HUMAN_HELP)
    catalogue = read_catalogue(text if isinstance(text, str) else "")
    for name in catalogue.names:
        command = catalogue.find(name)
        yield LiveName(name, command.summary if command is not None else "")


_READERS: dict[str, Callable[[Live, Known], Iterable[LiveName]]] = {
    NODE: nodes,
    BLOCK_DEVICE: block_devices,
    CHAIN: chain,
    CHAIN_FILE: chain_files,
    JOB: jobs,
    BITMAP: bitmaps,
    SNAPSHOT: snapshots,
    EXPORT: exports,
    CHARDEV: _chardevs,
    NETDEV: _netdevs,
    **dict.fromkeys(_OBJECT_TYPES, _objects),
    AUDIODEV: _audiodevs,
    TPMDEV: _tpmdevs,
    QDEV: qdevs,
    BLOCK_QDEV: block_qdevs,
    DISPLAY: displays,
    BUS: buses,
    CPU_MODEL: _cpu_models,
    DEVICE_DRIVER: drivers,
    DEVICE_PROPERTY: properties,
    QOM_TYPE: _types,
    QOM_CHILD: _qom_children,
    QOM_PROPERTY: qom_properties,
    HUMAN_COMMAND: _human_commands,
}
