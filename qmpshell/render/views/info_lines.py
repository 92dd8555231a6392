"""Views of `info` that need more than a layout, most of them of block devices and nodes."""

from __future__ import annotations

from functools import partial

from ..document import Spans
from .describe import column_lines, fill, line, member_lines, sections, text_lines, title_line
from .device_tree import device_name
from .numbers import NumberMeanings, clock_text, date_text, size_text
from .view import Ask, InfoError, LazyLines, got, require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from .view import Call, Steps


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
