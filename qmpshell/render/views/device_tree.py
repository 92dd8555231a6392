"""QOM objects, devices, PCI buses and memory regions: the requests, and the trees."""

from __future__ import annotations

from functools import cached_property, partial

from ...qmp import as_text, join_path, relation_type
from ...record import Record
from ..document import NAME, PLAIN, Spans
from .describe import fill, inline, line, sections
from .graph import Graph, GraphEdge, GraphNode, TreeNode, draw_tree, node_spans, unique_key
from .numbers import NumberMeanings, size_text
from .view import Ask, LazyLines, got, require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from .view import Call, GraphSteps, Steps


# Where machines keep the devices that have an id.
PERIPHERAL = "/machine/peripheral/"
# Types of objects without children, which are not listed.
LEAF_TYPES = ("memory-region", "qemu:memory-region", "irq")


def device_name(path: str) -> str:
    """Return the id of a device whose QOM path is given, or the path of one without id.

    >>> device_name("/machine/peripheral/vd0/virtio-backend")
    'vd0'
    """
    name = path.removeprefix(PERIPHERAL)
    return name.partition("/")[0] if name != path else path


def list_properties(path: str) -> Ask:
    """Return the request for the names and types of an object's properties."""
    return Ask("qom-list", {"path": path})


def get_property(path: str, name: str) -> Ask:
    """Return the request for the value of a property."""
    return Ask("qom-get", {"path": path, "property": name})


class QomNode(Record):
    """An object: its path, its type, and the properties that `qom-list` returned, or []."""

    path: str
    type: str
    properties: Sequence[Mapping[str, Any]] = ()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The path of the object above this one."""
        return self.path.rpartition("/")[0] or "/"

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the properties."""
        return frozenset(item["name"] for item in self.properties)


def child_objects(parent: str, properties: Iterable[Mapping[str, Any]]) -> list[QomNode]:
    """Return the objects below one, from the reply to `qom-list`."""
    typed = [(item["name"], relation_type(item["type"], "child")) for item in properties]
    return [QomNode(join_path(parent, name), kind) for name, kind in typed if kind]


def find_objects(
    *roots: QomNode, depth: int = 1 << 30
) -> Generator[Sequence[Ask], list[Any], list[QomNode]]:
    """Request the objects below others, down to a depth. Return all in the order of their paths."""
    level = list(roots)
    found = list(roots)
    while level and depth:
        depth -= 1
        below = [child for item in level for child in child_objects(item.path, item.properties)]
        found += [child for child in below if child.type in LEAF_TYPES]
        inner = [child for child in below if child.type not in LEAF_TYPES]
        lists = (yield [list_properties(item.path) for item in inner]) if inner else []
        level = [
            QomNode(item.path, item.type, got(properties, ()))
            for item, properties in zip(inner, lists, strict=True)
        ]
        found += level
    return sorted(found, key=lambda item: item.path.split("/"))


# Properties that are shown of a device if they have a value.
DEVICE_PROPERTIES = ("legacy-addr", "drive", "netdev", "chardev")
PARENT_BUS = "parent_bus"
_DEVICE = '<  id "{id}"><  address {legacy-addr}><  drive {drive}><  netdev {netdev}><  chardev {chardev}>'
_MACHINE = "/machine"
_BUS = ("hotplug-handler", "realized")
_SYSTEM_BUS = ("sysbus", "main-system-bus")  # in QOM, and for people
# Properties of all devices that a device tree does not show.
_COMMON = ("type", PARENT_BUS, "realized", "hotplugged", "hotpluggable", "hotplug-handler")
# QEMU's own text for a number, such as the address on a PCI bus.
_LEGACY = "legacy-"
# Addresses of regions that the guest has not mapped.
_NOT_MAPPED = (-1, (1 << 64) - 1)

# The values of properties by the path of the object and by their names.
Values = dict[str, dict[str, object]]


def show_qom(call: Call) -> GraphSteps:
    """Request the objects below a path, and return their tree."""
    root = call.arguments["path"].rstrip("/") or "/"
    kind, properties = yield [get_property(root, "type"), list_properties(root)]
    found = QomNode(root, as_text(got(kind, "")), require(properties))
    return qom_graph((yield from find_objects(found)))


def show_devices(call: Call) -> GraphSteps:
    """Request the devices with their buses, and return their tree; with -b without most properties."""
    if "-b" in call.flags:
        return device_graph(*(yield from _find_devices(lambda _: DEVICE_PROPERTIES)))
    objects, values = yield from _find_devices(_shown_names)
    (pci,) = yield [Ask("query-pci")]
    tree = bus_tree(objects, values)
    on_bus = [device for bus in got(pci, ()) for device in bus["devices"]]
    roots = [item.path for item in objects if item.path not in values]
    found = {path: item for root in roots for path, item in _find_pci(tree, values, root, on_bus)}
    meanings = NumberMeanings("")

    def details(path: str) -> Iterator[Spans]:
        for name, value in sorted(values[path].items()):
            if name != PARENT_BUS and not name.startswith(_LEGACY):
                shown = values[path].get(_LEGACY + name, value)
                # As in the human monitor.
                yield line(f"{name} = {'<null>' if shown is None else inline('', shown, meanings)}")
        if path in found:
            facts = pci_facts(found[path])
            yield line(fill("class {class}, addr {address}, pci id {ids}", facts))
            yield from _pci_details(found[path], facts)

    return device_graph(objects, values, details)


def _shown_names(item: QomNode) -> list[str]:
    names = [found["name"] for found in item.properties if "<" not in found["type"]]
    return [name for name in names if name not in _COMMON]


def _find_pci(
    tree: Mapping[str, list[QomNode]],
    values: Values,
    parent: str,
    pci: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the paths of PCI devices below a bus or device, and what `query-pci` returns of them."""
    for item in tree.get(parent, ()):
        place = values.get(item.path, {}).get("legacy-addr", "")
        same = (each for each in pci if f"{each['slot']:02x}.{each['function']}" == place)
        found = next(same, None)
        if found is not None:
            yield item.path, found
        below = pci if found is None else found.get("pci_bridge", {}).get("devices", ())
        yield from _find_pci(tree, values, item.path, below)


def _find_devices(
    wanted: Callable[[QomNode], Iterable[str]],
) -> Generator[Sequence[Ask], list[Any], tuple[list[QomNode], Values]]:
    """Request the objects of the machine, and of its devices the buses and the wanted properties."""
    (properties,) = yield [list_properties(_MACHINE)]
    root = QomNode(_MACHINE, "", require(properties))
    objects = yield from find_objects(root)
    asked = [
        (item.path, name)
        for item in objects
        if PARENT_BUS in item.names
        for name in (PARENT_BUS, *wanted(item))
        if name in item.names
    ]
    results = (yield [get_property(path, name) for path, name in asked]) if asked else []
    values: Values = {}
    for (path, name), result in zip(asked, results, strict=True):
        values.setdefault(path, {})[name] = got(result, None)
    return objects, values


def show_pci(_call: Call) -> GraphSteps:
    """Request the PCI devices, and return their tree."""
    (value,) = yield [Ask("query-pci")]
    return pci_graph(require(value))


def qom_graph(objects: Sequence[QomNode]) -> Graph:
    """Return the tree of QOM objects by their paths. Parents precede their children."""
    paths = {item.path for item in objects}
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    for item in objects:
        is_child = item.parent in paths and item.parent != item.path
        kind = [(PLAIN, f" ({item.type})")] if item.type else []
        nodes.append(GraphNode(item.path, [(NAME, item.name if is_child else item.path), *kind]))
        if is_child:
            edges.append(GraphEdge(item.parent, item.path))
    return Graph("qom", nodes, edges)


def device_graph(
    objects: Sequence[QomNode],
    values: Values,
    details: Callable[[str], Iterator[Spans]] | None = None,
) -> Graph:
    """Return the tree of devices and buses. Devices without a bus are not below any other.

    `details` returns more lines for the path of a device.
    """
    nodes: list[GraphNode] = []
    for item in objects:
        own_id = item.path.removeprefix(PERIPHERAL)
        facts = {**values.get(item.path, {}), "id": "" if "/" in own_id else own_id}
        if PARENT_BUS in item.names:
            more = LazyLines(partial(details, item.path)) if details is not None else ()
            about = fill(_DEVICE, facts).lstrip()
            nodes.append(GraphNode(item.path, node_spans(item.type, about), more))
        elif item.names.issuperset(_BUS):
            name = _SYSTEM_BUS[1] if item.name == _SYSTEM_BUS[0] else item.name
            nodes.append(GraphNode(item.path, node_spans(f"bus {name}", item.type)))
    # Buses precede devices without a bus, such as CPUs.
    nodes.sort(key=lambda node: node.key in values)
    tree = bus_tree(objects, values)
    edges = [GraphEdge(path, item.path) for path, below in tree.items() for item in below]
    return Graph("devices", nodes, edges)


def bus_tree(objects: Sequence[QomNode], values: Values) -> dict[str, list[QomNode]]:
    """Return the devices on each bus by their addresses, and the buses of each device."""
    known = {item.path: item for item in objects}
    tree: dict[str, list[QomNode]] = {}
    for item in objects:
        parent: object = None
        if PARENT_BUS in item.names:
            parent = values.get(item.path, {}).get(PARENT_BUS)
        elif item.names.issuperset(_BUS) and item.parent in values:
            parent = item.parent
        if isinstance(parent, str) and parent in known:
            tree.setdefault(parent, []).append(item)
    for below in tree.values():
        below.sort(key=lambda item: as_text(values.get(item.path, {}).get("legacy-addr", "")))
    return tree


def pci_graph(buses: Iterable[Mapping[str, Any]]) -> Graph:
    """Return the tree of PCI buses, devices and their regions, from the reply to `query-pci`."""
    graph = Graph("pci", [], [])
    keys: set[str] = set()
    for bus in buses:
        # Several root buses may have the same number.
        key = unique_key(f"bus {bus['bus']}", keys)
        keys.add(key)
        _add_bus(graph, key, bus["bus"], bus["devices"])
    return graph


def _add_bus(graph: Graph, key: str, number: int, devices: Iterable[Mapping[str, Any]]) -> None:
    """Add a bus with its devices, and the buses behind them, which follow their parent."""
    graph.nodes.append(GraphNode(key, node_spans(f"bus {number}", "")))
    for device in devices:
        facts = pci_facts(device)
        text = fill('{class}  {ids}<  id "{qdev_id}"><  IRQ {irq}, pin {pin}>', facts)
        label = f"{device['slot']:02x}.{device['function']:x}"
        inner = f"{key}/{label}"
        graph.nodes.append(GraphNode(inner, node_spans(label, text), _pci_details(device, facts)))
        graph.edges.append(GraphEdge(key, inner))
        if "pci_bridge" in device:
            bridge = device["pci_bridge"]
            below = f"{inner}/bus"
            graph.edges.append(GraphEdge(inner, below))
            _add_bus(graph, below, bridge["bus"]["secondary"], bridge.get("devices", ()))


_PCI_DETAILS = (
    "<subsystem {subsystem}>",
    "<bus {number}, secondary bus {secondary}, subordinate bus {subordinate}>",
    "<IO range {io_range}>",
    "<memory range {memory_range}>",
    "<prefetchable memory range {prefetchable_range}>",
)
_RANGES = {"io_range": 4, "memory_range": 8, "prefetchable_range": 8}  # digits of addresses


def _pci_details(device: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Spans]:
    texts = [fill(template, facts) for template in _PCI_DETAILS]
    texts += [f"BAR{region['bar']}: {_region_text(region)}" for region in device["regions"]]
    return [line(text) for text in texts if text]


def pci_facts(device: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a PCI device and of the bus behind it, and texts for some of them."""
    kind, ids = device["class_info"], device["id"]
    vendor, subsystem = ids.get("subsystem-vendor", 0), ids.get("subsystem", 0)
    bus = dict(device.get("pci_bridge", {}).get("bus", {}))
    for name, digits in _RANGES.items():
        if name in bus:
            bus[name] = f"[0x{bus[name]['base']:0{digits}x}, 0x{bus[name]['limit']:0{digits}x}]"
    return {
        **bus,
        **device,
        "class": kind.get("desc") or f"Class {kind['class']:04x}",
        "ids": f"{ids['vendor']:04x}:{ids['device']:04x}",
        "subsystem": f"{vendor:04x}:{subsystem:04x}" if vendor or subsystem else "",
        "address": f"{device['bus']:02x}:{device['slot']:02x}.{device['function']:x}",
        "pin": chr(ord("A") + device["irq_pin"] - 1) if "irq" in device else "",
    }


def _region_text(region: Mapping[str, Any]) -> str:
    """Return the kind, place and size of a region of a PCI device."""
    width = "64 bit" if region.get("mem_type_64") else "32 bit"
    kind = f"{width}{' prefetchable' if region.get('prefetch') else ''} memory"
    start, size = region["address"], region["size"]
    is_mapped = start not in _NOT_MAPPED
    place = f"at {start:#x} [{start + size - 1:#x}]" if is_mapped else "(not mapped)"
    return f"{kind if region['type'] == 'memory' else 'I/O'} {place}, {size_text(size)}"


# Where machines keep their devices: with an id, without, and those of the board.
_CONTAINERS = ("/machine/peripheral", "/machine/peripheral-anon", "/machine/unattached")
_NIC_PROPERTIES = ("mac", "netdev")


def network_devices() -> Generator[Sequence[Ask], list[Any], list[dict[str, str]]]:
    """Return the network devices: id or path, type, MAC address and network backend.

    They are found in the tree of objects, because QMP has no command for them.
    """
    lists = yield [list_properties(path) for path in _CONTAINERS]
    containers = [
        QomNode(path, "", got(items, ())) for path, items in zip(_CONTAINERS, lists, strict=True)
    ]
    objects = yield from find_objects(*containers, depth=1)
    devices = [item for item in objects if item.names.issuperset(_NIC_PROPERTIES)]
    asked = [get_property(item.path, name) for item in devices for name in _NIC_PROPERTIES]
    values = iter((yield asked) if asked else ())
    return [
        {"device": device_name(item.path), "model": item.type}
        | {name: got(next(values), "") for name in _NIC_PROPERTIES}
        for item in devices
    ]


def show_network(_call: Call) -> Steps:
    """Show the network devices, with their addresses and backends."""
    layout = "{device}: type=nic, model={model}\n  macaddr: {mac}\n  netdev: {netdev}"
    nics = yield from network_devices()
    shown = [{**nic, "netdev": nic["netdev"] or "none"} for nic in nics]
    return sections(layout, shown, empty="no network devices")


_REGION = ("container", "addr", "size", "priority")
_WHOLE = (1 << 64) - 1
# The regions in a container: address, negative priority, size and path.
_Regions = dict[str, list[tuple[int, int, int, str]]]


def show_memory_tree(_call: Call) -> Steps:
    """Show the memory regions, each below its container."""
    (properties,) = yield [list_properties("/")]
    found = yield from find_objects(QomNode("/", "", require(properties)))
    regions = [item.path for item in found if item.type == "memory-region"]
    values = yield [get_property(path, name) for path in regions for name in _REGION]
    below: _Regions = {}
    for number, path in enumerate(regions):
        container, start, size, priority = values[4 * number : 4 * number + 4]
        below.setdefault(container, []).append((start, -priority, size, path))
    return LazyLines(lambda: draw_tree(_region_trees(below, "", 0)))


def _region_trees(below: _Regions, container: str, base: int) -> list[TreeNode]:
    trees: list[TreeNode] = []
    for start, priority, size, path in sorted(below.get(container, ())):
        first = base + start
        last = _WHOLE if size == _WHOLE else first + size - 1 if size else first
        place = f"{first:016x}-{last:016x} (prio {-priority}): "
        spans = [(PLAIN, place), (NAME, path.rpartition("/")[2].rpartition("[")[0])]
        trees.append(TreeNode(spans, _region_trees(below, path, first)))
    return trees
