"""Names in what the human monitor prints.

Owns: reading `info network`, `info qtree` and `info qdm`, where QMP has no answer. Must not know: when
they are asked for. The texts are meant for people and not trusted: what is not understood is left out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_INDEX = ": index="
_HUB = "hub "
_BELOW = " \\ "


class Netdev:
    """A network backend: its name, its type, and the rest of what is said of it."""

    __slots__ = ("about", "name", "type")

    def __init__(self, name: str, type_name: str, about: str) -> None:
        self.name = name
        self.type = type_name
        self.about = about


class Bus:
    """A bus: its name, its type, and the device that has it, in words; `above` is the type of the bus
    that this device sits on, `taken` whether a device sits on the bus itself."""

    __slots__ = ("above", "name", "owner", "taken", "type")

    def __init__(self, name: str, owner: str, above: str) -> None:
        self.name = name
        self.type = ""
        self.owner = owner
        self.above = above
        self.taken = False


class Driver:
    """A device driver of `info qdm`; what is not said is empty."""

    __slots__ = ("alias", "bus", "desc", "name", "no_user")

    def __init__(self, name: str, bus: str, alias: str, desc: str, *, no_user: bool) -> None:
        self.name = name
        self.bus = bus
        self.alias = alias
        self.desc = desc
        self.no_user = no_user


def read_netdevs(text: object) -> Iterator[Netdev]:
    """The backends of `info network`: those of guest devices stand below these, behind a backslash;
    the ports of a hub below the hub, each with what it is connected to, if anything."""
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


def read_buses(text: object) -> list[Bus]:
    """The buses of `info qtree`: a line `bus: NAME`, and below it, deeper, one `type TYPE` and the
    devices."""
    found: list[Bus] = []
    # The buses and devices that a line is below, each with how deep it stands.
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
        buses = [one for _, one in above if isinstance(one, Bus)]
        if word == "dev:":
            for bus in buses[-1:]:
                bus.taken = True
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
    """`rp0 (pcie-root-port)` of `pcie-root-port, id "rp0"`, or the driver alone."""
    driver, _, rest = text.partition(", id ")
    own_id = rest.strip('"')
    return f"{own_id} ({driver})" if own_id else driver


def read_drivers(text: object) -> Iterator[Driver]:
    """The drivers of `info qdm`, each on a line of its own below its category."""
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
    # The description may say anything, and so stands last but for one word.
    members = [one.strip() for one in f"{before},{end}".split(",")]
    bus = next((one[4:] for one in members if one.startswith("bus ")), "")
    alias = next((one[6:].strip('"') for one in members if one.startswith("alias ")), "")
    return Driver(name, bus, alias, desc, no_user="no-user" in members)


def bus_of(driver: str, text: object) -> str:
    """The type of bus that `info qdm` says a driver, or an alias of one, sits on; empty for none."""
    found = (one.bus for one in read_drivers(text) if driver in (one.name, one.alias))
    return next(found, "")


def aliased(alias: str, text: object) -> str:
    """The driver that `info qdm` says an alias is of; empty for none. Quick in a long text."""
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
