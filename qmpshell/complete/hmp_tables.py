"""Parsing of `info network`, `info qtree` and `info qdm`, for which QMP has no equivalent.

The texts are meant for people and are not trusted: what cannot be parsed is left out.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_INDEX = ": index="
_HUB = "hub "
_BELOW = " \\ "


class Netdev(Record):
    """A network backend: name, type and description."""

    name: str
    type: str
    about: str


class Bus(Record):
    """A bus: name, type and the device that provides it.

    `above` is the type of the bus that this device is on; `is_in_use` is true if a device is on this bus.
    """

    name: str
    owner: str
    above: str
    type: str = ""
    is_in_use: bool = False


class Driver(Record):
    """A device driver of `info qdm`. Missing fields are empty."""

    name: str
    bus: str
    alias: str
    desc: str
    no_user: bool


def parse_netdevs(text: object) -> Iterator[Netdev]:
    """Yield the backends of `info network`.

    Those of guest devices are below these, after a backslash. The ports of a hub are below the hub,
    each with its connection, if any.
    """
    in_hub = False
    for line in _lines(text):
        if line.startswith(_HUB):
            in_hub = True
            continue
        is_below = line.startswith(_BELOW)
        in_hub = in_hub and is_below
        name, found, rest = line.removeprefix(_BELOW).partition(_INDEX)
        if in_hub:
            port, _, name = name.partition(": ")
            yield Netdev(port, "hubport", f"to {name}" if name else "")
        if found:
            members = rest.split(",", 2)
            type_name = members[1].removeprefix("type=") if len(members) > 1 else ""
            if type_name != "nic":
                yield Netdev(name, type_name, members[2] if len(members) > 2 else "")


def parse_buses(text: object) -> list[Bus]:
    """Return the buses of `info qtree`: a line `bus: NAME`, and indented below it `type TYPE` and devices."""
    found: list[Bus] = []
    # The enclosing buses and devices, each with its indentation.
    above: list[tuple[int, Bus | str]] = []
    for line in _lines(text):
        content = line.lstrip(" ")
        depth = len(line) - len(content)
        word, _, rest = content.partition(" ")
        holder = above[-1][1] if above else ""
        if word == "type" and isinstance(holder, Bus) and not holder.type:
            holder.type = rest
        if word not in ("dev:", "bus:"):
            continue
        while above and above[-1][0] >= depth:
            above.pop()
        buses = [level for _, level in above if isinstance(level, Bus)]
        if word == "dev:":
            for bus in buses[-1:]:
                bus.is_in_use = True
            above.append((depth, _device(rest)))
        else:
            owner = above[-1][1] if above else ""
            bus = Bus(
                rest,
                owner if isinstance(owner, str) else "",
                buses[-1].type if buses else "",
            )
            found.append(bus)
            above.append((depth, bus))
    return found


def _device(text: str) -> str:
    """Return `rp0 (pcie-root-port)` for `pcie-root-port, id "rp0"`, or the driver alone."""
    driver, _, rest = text.partition(", id ")
    own_id = rest.strip('"')
    return f"{own_id} ({driver})" if own_id else driver


def parse_drivers(text: object) -> Iterator[Driver]:
    """Yield the drivers of `info qdm`, one per line below their category."""
    for line in _lines(text):
        driver = _driver(line)
        if driver is not None:
            yield driver


def _driver(line: str) -> Driver | None:
    if not line.startswith('name "'):
        return None
    name, _, rest = line[6:].partition('"')
    before, _, desc = rest.partition(', desc "')
    desc, _, end = desc.rpartition('"')
    # The description may contain anything, so it comes last, before one word.
    fields = [field.strip() for field in f"{before},{end}".split(",")]
    bus = next((field[4:] for field in fields if field.startswith("bus ")), "")
    alias = next((field[6:].strip('"') for field in fields if field.startswith("alias ")), "")
    return Driver(name, bus, alias, desc, no_user="no-user" in fields)


def bus_of(driver: str, text: object) -> str:
    """Return the bus type of a driver or alias in `info qdm`, or ""."""
    found = (entry.bus for entry in parse_drivers(text) if driver in (entry.name, entry.alias))
    return next(found, "")


def aliased(alias: str, text: object) -> str:
    """Return the driver of an alias in `info qdm`, or "". Fast for a long text."""
    if not isinstance(text, str):
        return ""
    place = text.find(f', alias "{alias}"')
    if place < 0:
        return ""
    start = text.rfind("\n", 0, place) + 1
    driver = _driver(
        text[start : text.find("\n", place) if "\n" in text[place:] else None].rstrip()
    )
    return driver.name if driver is not None and driver.alias == alias else ""


def _lines(text: object) -> Iterator[str]:
    if isinstance(text, str):
        for line in text.split("\n"):
            yield line.rstrip("\r")
