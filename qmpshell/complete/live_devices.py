"""What servers answer of devices, as names.

Owns: names of devices, buses, drivers and their properties. Must not know: when and how they were asked
for. Answers are not trusted: whatever they hold, nothing here raises.
"""

from __future__ import annotations

import re

from .live import LiveName
from .live_questions import ANONYMOUS, DRIVERS, DRIVERS_HELP, PERIPHERAL, TREE, questions
from .live_shapes import children, dicts, in_words, inner, is_number, text_at
from .live_text import bus_of, read_buses, read_drivers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .live import Live
    from .live_questions import Known
    from .live_text import Bus

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
