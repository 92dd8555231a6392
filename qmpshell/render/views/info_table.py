"""The table of `info`: what each name shows, by which command, and the views that need more than a layout."""

from __future__ import annotations

from functools import partial

from ..document import Spans
from .describe import column_lines, fill, line, member_lines, sections, text_lines, title_line
from .device_tree import (
    device_name,
    show_devices,
    show_memory_tree,
    show_network,
    show_pci,
    show_qom,
)
from .info_summary import show_summary
from .numbers import NumberMeanings, clock_text, date_text, size_text
from .view import Ask, InfoError, LazyLines, View, got, require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from .view import Call, GraphSteps, Steps


# What is shown of a device without a node, of one with a node or of a node, and of all.
_EMPTY = "{name}: [not inserted]"
_NODE = "{name}< ({alias})>: {file} ({drv}{ro:, read-only|}{encrypted:, encrypted|})"
_DEVICE = """
  Attached to: {qdev}
  Removable device: {locked:locked|not locked}<, tray {tray_open:open|closed}>
  I/O status: {io-status}
  Cache mode: {cache.writeback:writeback|writethrough}{cache.direct:, direct|}\
{cache.no-flush:, ignore flushes|}
  Size: {image.virtual-size:size}
  Backing file: {backing_file} (chain depth: {backing_file_depth})
  Detect zeroes: {detect_zeroes}
  I/O throttling: {limits}"""
# Values that are not shown, because they are usual.
_USUAL = {"io-status": "ok", "detect_zeroes": "off"}
_LIMITS = ("bps", "iops")
_INDENT = 2


def show_block(call: Call, *, with_devices: bool = True) -> Steps:
    """Show block devices, or with -n block nodes; with -v also the images."""
    wanted = next(iter(call.arguments.values()), "")
    with_devices &= "-n" not in call.flags
    found: list[Mapping[str, Any]] = []
    if with_devices:
        (devices,) = yield [Ask("query-block")]
        found = [device for device in require(devices) if not wanted or wanted in _names(device)]
    if not with_devices or (wanted and not found):
        (nodes,) = yield [Ask("query-named-block-nodes")]
        found = [
            {"inserted": node} for node in require(nodes) if wanted in ("", node.get("node-name"))
        ]
        if wanted and not found:
            raise InfoError(f"no block device or node '{wanted}'")
    kind = "devices" if with_devices else "nodes"
    lines = LazyLines(partial(_block_lines, found, with_images="-v" in call.flags))
    return lines if found else [line(f"no block {kind}")]


def _block_lines(devices: Iterable[Mapping[str, Any]], *, with_images: bool) -> Iterator[Spans]:
    """Yield the lines of devices, with blank lines between them."""
    for number, device in enumerate(devices):
        if number:
            yield []
        yield from _device_lines(device)
        if with_images:
            yield from _image_lines(device)


def _names(device: Mapping[str, Any]) -> Sequence[str]:
    """Return the names by which a user may call a device."""
    path = device.get("qdev", "")
    node = device.get("inserted", {}).get("node-name")
    return [name for name in (device.get("device"), path, device_name(path), node) if name]


def _device_lines(device: Mapping[str, Any]) -> Iterator[Spans]:
    node = device.get("inserted", {})
    members = {**device, **node}
    names = [device.get("device"), node.get("node-name"), device.get("qdev")]
    members["name"] = next(filter(None, names), "")
    if members.get("node-name") != members["name"]:
        members["alias"] = members.get("node-name")
    if not device.get("removable"):
        members.pop("locked", None)
    limits = {name: node[name] for name in sorted(node) if name.startswith(_LIMITS)}
    if any(limits.values()):
        limits |= {"group": node["group"]} if "group" in node else {}
        members["limits"] = " ".join(f"{name}={value}" for name, value in limits.items())
    shown = {name: value for name, value in members.items() if _USUAL.get(name) != value}
    yield from sections((_NODE if node else _EMPTY) + _DEVICE, shown)
    for bitmap in node.get("dirty-bitmaps", ()):
        name = bitmap.get("name") or "unnamed"
        yield line(f"Dirty bitmap: {name} ({size_text(bitmap['count'])} dirty)", _INDENT)


def _image_lines(device: Mapping[str, Any]) -> Iterator[Spans]:
    """Yield the members of an image and of its backing images."""
    meanings = NumberMeanings("query-block")
    image = device.get("inserted", {}).get("image")
    while image:
        yield line("Image:", _INDENT)
        yield from member_lines(image, meanings, indent=2 * _INDENT, without=("backing-image",))
        image = image.get("backing-image")


def snapshot_lines(value: Iterable[Mapping[str, Any]]) -> list[Spans]:
    """Return a table of the snapshots in the images of block devices."""
    rows = [
        {
            "device": device["device"] or device["inserted"].get("node-name", ""),
            "size": size_text(snapshot["vm-state-size"]),
            "date": date_text(snapshot["date-sec"]),
            "clock": clock_text(snapshot["vm-clock-sec"])
            + f".{snapshot.get('vm-clock-nsec', 0) // 1_000_000:03}",
            **{name: snapshot[name] for name in ("id", "name")},
        }
        for device in value
        for snapshot in device.get("inserted", {}).get("image", {}).get("snapshots", ())
    ]
    if not rows:
        return [line("There is no snapshot available.")]
    columns = "ID=id TAG=name DEVICE=device VM_SIZE=size DATE=date VM_CLOCK=clock"
    return column_lines(columns, rows)


def machine_lines(value: Iterable[Mapping[str, Any]]) -> list[Spans]:
    """Return a table of machine types."""
    note = "{is-default:default |}{deprecated:deprecated |}<alias {alias}>"
    rows = [{**item, "note": fill(note, item)} for item in value]
    rows.sort(key=lambda row: str(row["name"]))
    return column_lines("NAME=name CPUS=cpu-max NOTE=note", rows)


def firmware_log_lines(value: Mapping[str, Any]) -> list[Spans]:
    """Return the lines of the firmware's log."""
    import base64

    text = base64.b64decode(value["log"]).decode("utf-8", "backslashreplace")
    return text_lines(f"{value['version']}\n{text}" if value.get("version") else text)


def show_device_types(_call: Call) -> Steps:
    """Show the names of the types of devices."""
    (types,) = yield [Ask("qom-list-types", {"implements": "device", "abstract": False})]
    return [line(name) for name in sorted(str(item["name"]) for item in require(types))]


def show_stats(call: Call) -> Steps:
    """Show the statistics of a target."""
    target, names = call.arguments["target"], call.arguments["names"]
    arguments: dict[str, Any] = {"target": target}
    if "provider" in call.arguments:
        arguments["providers"] = [{"provider": call.arguments["provider"]}]
    results, schemas = yield [Ask("query-stats", arguments), Ask("query-stats-schemas")]
    units = {
        (schema["provider"], item["name"]): _unit(item)
        for schema in got(schemas, ())
        if schema.get("target", target) == target
        for item in schema["stats"]
    }
    wanted = [] if names == "*" else names.split(",")
    lines: list[Spans] = []
    for result in require(results):
        lines.append(title_line(fill("{provider}< {qom-path}>", result)))
        for item in result["stats"]:
            if not wanted or item["name"] in wanted:
                # The place of a number in a histogram has a meaning, so it is not sorted.
                value = item["value"] if isinstance(item["value"], list) else [item["value"]]
                unit = units.get((result["provider"], item["name"]), "")
                lines.append(line(f"{item['name']}: {', '.join(map(str, value))}{unit}", 2))
    return lines or [line("no statistics")]


def _unit(item: Mapping[str, Any]) -> str:
    """Return the unit of a statistic and its kind in brackets."""
    power = f"{item.get('base', 10)}^{item['exponent']} " if item.get("exponent") else ""
    return fill(f"< {power}{{unit}}> ({{type}})", item)


# NAME [WORD…] | COMMAND | HELP, with the words of a View.
_NAMES = """
balloon | query-balloon | memory that the balloon leaves to the guest
block -n -v ?device:block-device | query-block | block devices, media and backing files; -n: named nodes, -v: also images
block-jobs | query-block-jobs | jobs of block devices
blockstats | query-blockstats | counters of block devices
chardev | query-chardev | character devices
cpus | query-cpus-fast | virtual CPUs and their threads
cryptodev | query-cryptodev | crypto devices
dirty_rate | query-dirty-rate | the rate of dirty memory
dump | query-dump | the state of the latest dump
exports | query-block-exports | exports of block nodes
firmware-log | query-firmware-log | the log of the firmware
hotpluggable-cpus | query-hotpluggable-cpus | slots for CPUs, and the CPUs in them
iothreads | query-iothreads | I/O threads
irq | x-query-irq | counters of interrupts
jit | x-query-jit | the dynamic compiler of TCG
jobs | query-jobs | jobs
kvm | query-kvm | whether KVM is used
machines | query-machines | machine types
memdev | query-memdev | memory backends
memory-devices | query-memory-devices | memory devices
memory_size_summary | query-memory-size-summary | the amount of memory
mice | query-mice | pointing devices, and which one receives events
migrate | query-migrate | the state of the migration
migrate_capabilities | query-migrate-capabilities | capabilities of the migration
migrate_parameters | query-migrate-parameters | parameters of the migration
mtree | device_add | memory regions
name | query-name | the name of the VM
named-block-nodes -v ?node:node | query-named-block-nodes | block nodes, as info block -n
network | device_add | network devices
numa | x-query-numa | NUMA nodes
opcount | x-query-opcount | operations of TCG
pci | query-pci | PCI devices
pic | x-query-interrupt-controllers | interrupt controllers
profile | x-query-profile | the profile of TCG
qdm | device_add | types of devices; QEMU loads all its modules for it
qom-tree ?path:qom-path=/machine | qom-list | the tree of QOM objects
qtree -b | device_add | the tree of devices; -b: without properties
ramblock | x-query-ramblock | blocks of memory
rdma | x-query-rdma | RDMA devices
replay | query-replay | record and replay
rocker name | query-rocker | a Rocker switch
rocker-of-dpa-flows name ?tbl-id:int | query-rocker-of-dpa-flows | flow tables of a Rocker switch
rocker-of-dpa-groups name ?type:int | query-rocker-of-dpa-groups | group tables of a Rocker switch
rocker-ports name | query-rocker-ports | ports of a Rocker switch
roms | x-query-roms | images of firmware in memory
rx-filter ?name:qdev | query-rx-filter | receive filters of network devices
sev | query-sev | AMD SEV
sgx | query-sgx | Intel SGX
snapshots | query-block | snapshots in images
spice | query-spice | the SPICE server
stats target ?names=* ?provider | query-stats | statistics of a target: vm, vcpu or cryptodev
status | query-status | whether the VM runs
summary | query-version | the machine, as qmpshell info
tpm | query-tpm | TPM devices
trace-events ?name=* | trace-event-get-state | trace events and their state
usb | x-query-usb | USB devices of the guest
uuid | query-uuid | the UUID of the VM
vcpu_dirty_limit | query-vcpu-dirty-limit | limits of dirty memory of virtual CPUs
version | query-version | the version of QEMU
virtio | x-query-virtio | virtio devices
virtio-queue-element path:qom-path queue:int ?index:int | x-query-virtio-queue-element | an element of a virtio queue
virtio-queue-status path:qom-path queue:int | x-query-virtio-queue-status | the state of a virtio queue
virtio-status path:qom-path | x-query-virtio-status | the state of a virtio device
virtio-vhost-queue-status path:qom-path queue:int | x-query-virtio-vhost-queue-status | the state of a vhost queue
vm-generation-id | query-vm-generation-id | the VM generation ID
vnc | query-vnc-servers | VNC servers and clients
"""
# The layouts of replies; without one, all members are shown.
_LAYOUTS = {
    "block-jobs": "{type} job {device}: {status}\n  *",
    "blockstats": "<{device} ><{node-name} ><{qdev}>\n  {stats}",
    "cpus": "CPU #{cpu-index}: thread_id={thread-id}\n  *",
    "hotpluggable-cpus": "{type}: vcpus_count={vcpus-count}\n  *",
    "jobs": "{id}: {type}, {status}\n  *",
    "kvm": "kvm support: {enabled:enabled|disabled}\n  *",
    "memory-devices": "Memory device [{type}]\n  *",
    "memory_size_summary": "base memory: {base-memory}\nplugged memory: {plugged-memory}",
    "mice": "{current:*| } Mouse #{index}: {name}{absolute: (absolute)|}",
    "migrate": "<status: {status}>\nerror: {error-desc}\n*",
    "migrate_capabilities": "{capability}: {state:on|off}",
    "name": "{name}",
    "status": "VM status: {running:running|paused} ({status})",
    "trace-events": "{name}: {state}",
    "uuid": "{UUID}",
    "vcpu_dirty_limit": "vcpu {cpu-index}\n  *",
    "version": "{qemu.major}.{qemu.minor}.{qemu.micro} {package}",
    "virtio": "{path} [{name}]",
}
# The functions that make lines of a reply, and those that have other requests.
_LINES: dict[str, Callable[[Any], Iterable[Spans]]] = {
    "chardev": partial(column_lines, "LABEL=label OPEN=frontend-open:yes|no FILENAME=filename"),
    "firmware-log": firmware_log_lines,
    "machines": machine_lines,
    "snapshots": snapshot_lines,
}
_STEPS: dict[str, Callable[[Call], Steps | GraphSteps]] = {
    "block": show_block,
    "mtree": show_memory_tree,
    "named-block-nodes": partial(show_block, with_devices=False),
    "network": show_network,
    "pci": show_pci,
    "qdm": show_device_types,
    "qom-tree": show_qom,
    "qtree": show_devices,
    "stats": show_stats,
    "summary": show_summary,
}


def _view(row: str) -> tuple[str, View]:
    """Return the name and the view of a row of the table."""
    words, command, about = row.split(" | ")
    name, _, words = words.partition(" ")
    layout = partial(sections, _LAYOUTS.get(name, ""), command=command, empty=f"no {about}")
    return name, View(about, command, words, _LINES.get(name, layout), _STEPS.get(name))


INFO_VIEWS: dict[str, View] = dict(map(_view, _NAMES.strip().splitlines()))
