"""The summary of a machine: results of several commands by name, and as lines."""

from __future__ import annotations

from ..document import NAME, PLAIN, Span
from .blocks import job_facts
from .describe import fill
from .device_tree import device_name, get_property, network_devices
from .view import Ask, AskError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from typing import Any

    from .view import Call, Steps


# NAME | COMMAND | TEXT: the text of a result, or of each item of a list.
_FACTS = """
version | query-version | {qemu.major}.{qemu.minor}.{qemu.micro}< ({package})>
name | query-name | {name}
uuid | query-uuid | {UUID}
status | query-status | {status}
accelerator | query-accelerators | {enabled}
kvm | query-kvm | {enabled:enabled|disabled}
machine | qom-get | {type}
cpus | query-cpus-fast | {count}
slots | query-hotpluggable-cpus | {count} for CPUs<, {types}>
memory | query-memory-size-summary | {base-memory:size}<, {plugged-memory:size} plugged in>
balloon | query-balloon | {actual:size}
block | query-block | {name}: {file}<, {drv}><, {image.virtual-size:size}>{ro:, read-only|}<, backed by {backing_file}>
nodes | query-named-block-nodes | {node-name}: {file}, {drv}<, {image.virtual-size:size}>{ro:, read-only|}
network | qom-list | {device}: {model}, {mac}<, netdev {netdev}>
chardevs | query-chardev | {label}: {filename}
jobs | query-jobs | {id}: {type} {status}<, {percent} %><: {error}>
migration | query-migrate | <{status}><: {error-desc}>< blocked: {blocked-reasons}>
"""
_ROWS = [row.split(" | ") for row in _FACTS.strip().splitlines()]
_TEXTS = {name: text for name, _, text in _ROWS}
_ASKS = {
    name: get_property("/machine", "type") if name == "machine" else Ask(command)
    for name, command, _ in _ROWS
    if name != "network"
}


def show_summary(call: Call) -> Steps:
    """Request what the server can answer, and return the lines of the summary."""
    rows = summary_rows((yield from find_facts(call.commands)))
    width = max((len(label) for (_, label), _ in rows), default=0)
    return [[label, (PLAIN, " " * (width - len(label[1]) + 2) + text)] for label, (_, text) in rows]


def find_facts(
    commands: frozenset[str],
) -> Generator[Sequence[Ask], list[Any], dict[str, Any]]:
    """Request what the server can answer, and return the results by the names of facts."""
    asks = {name: ask for name, ask in _ASKS.items() if ask.name in commands}
    results = yield list(asks.values())
    found = {
        name: value
        for name, value in zip(asks, results, strict=True)
        if not isinstance(value, AskError)
    }
    if found.get("block"):
        found.pop("nodes", None)
    # The storage daemon has no machine.
    if "status" in found:
        found["network"] = yield from network_devices()
    return {name: found[name] for name in _TEXTS if name in found}


def summary_rows(facts: Mapping[str, Any]) -> list[list[Span]]:
    """Return the facts as rows of a label and a text. A list has a row for each item."""
    rows: list[list[Span]] = []
    for name, value in facts.items():
        label = name
        for item in _items(name, value) or [{}]:
            text = fill(_TEXTS[name], item).strip() if item else ""
            rows.append([(NAME, label), (PLAIN, text or "none")])
            label = ""
    return rows


def _items(name: str, value: Any) -> list[Mapping[str, Any]]:
    """Return what is shown of a fact, one for each row."""
    if name == "machine":
        return [{"type": value.removesuffix("-machine")}]
    if name == "cpus":
        return [{"count": len(value)}]
    if name == "slots":
        count = sum(slot.get("vcpus-count", 1) for slot in value)
        return [{"count": count, "types": ", ".join(sorted({slot["type"] for slot in value}))}]
    if name == "block":
        return list(map(_block_item, value))
    if name == "jobs":
        return list(map(job_facts, value))
    return value if isinstance(value, list) else [value]


def _block_item(device: Mapping[str, Any]) -> Mapping[str, Any]:
    node = device.get("inserted", {"file": "no medium"})
    names = (device["device"], device_name(device.get("qdev", "")), node.get("node-name"))
    return {**node, "name": next(filter(None, names), "")}
