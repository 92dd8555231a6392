"""Numbers by their meaning: sizes, rates, addresses, times and growth."""

from __future__ import annotations

from ...record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_TIMES = (  # in nanoseconds
    *(("d", 86400 * 10**9), ("h", 3600 * 10**9), ("min", 60 * 10**9), ("s", 10**9)),
    *(("ms", 10**6), ("us", 1000), ("ns", 1)),
)


def size_text(size: int) -> str:
    """Return a number of bytes with a binary unit and at most three digits after the point.

    >>> size_text(1536), size_text(64 << 30), size_text(10)
    ('1.5 KiB', '64 GiB', '10 B')
    """
    exponent = min(max(abs(size).bit_length() - 1, 0) // 10, len(_SIZES) - 1)
    number = f"{size / (1 << 10 * exponent):.3f}".rstrip("0").removesuffix(".")
    return f"{number} {_SIZES[exponent]}"


def duration_text(nanoseconds: float) -> str:
    """Return a time with three digits and the largest unit of which there are two, or else one.

    >>> duration_text(1_500), duration_text(2_000_000_000), duration_text(93_784 * 10**9)
    ('1.5 us', '2 s', '26.1 h')
    """
    sizes = ((unit, size) for unit, size in _TIMES if nanoseconds >= size * (1 + (size > 10**9)))
    unit, size = next(sizes, _TIMES[-1])
    return f"{nanoseconds / size:.3g} {unit}"


def date_text(seconds: int) -> str:
    """Return a time since 1970 as a date, without the system's clock and time zone."""
    days, rest = divmod(seconds, 86400)
    # A year starts in March here, so that a leap day is its last day. See "chrono-Compatible Low-Level
    # Date Algorithms".
    era, day_of_era = divmod(days + 719468, 146097)
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    year += 400 * era + (month >= 10)
    month = month - 9 if month >= 10 else month + 3
    return f"{year:04}-{month:02}-{day:02} {clock_text(rest)} UTC"


def clock_text(seconds: int) -> str:
    """Return a time in hours, minutes and seconds."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


# No unit reaches further, and floats have no digits there.
_MAX = 1 << 70


class Meaning(Record):
    """What a number means. `describe` makes a text of one from `least` on; smaller ones are obvious."""

    unit: str
    least: int
    describe: Callable[[Any], str]
    most: int = _MAX

    def __call__(self, value: object) -> str:
        """Return the description of a value and the rate of a Growing one, or "" if that is obvious."""
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return ""
        text = self.describe(value) if self.least <= value < self.most else ""
        return ", ".join(filter(None, (text, getattr(value, "note", ""))))


# The meaning of a number that only has a rate.
NO_MEANING = Meaning("", _MAX, str)


def number_text(value: float, meaning: Meaning | None) -> str:
    """Return a number with its unit or description and its rate, and an address as such."""
    known = meaning or NO_MEANING
    text = known(value)
    if text.startswith("0x"):
        return text
    unit = known.unit if text == getattr(value, "note", "") else ""
    return " ".join(filter(None, (str(value), unit, f"({text})" if text else "")))


_MEANINGS = {
    "size": Meaning("B", 1024, lambda value: size_text(int(value))),
    "rate": Meaning("B/s", 1024, lambda value: f"{size_text(int(value))}/s"),
    "MiB/s": Meaning("MiB/s", 1024, lambda value: f"{size_text(int(value) << 20)}/s"),
    "address": Meaning("", 10, lambda value: hex(int(value))),
    "date": Meaning("s", 1, lambda value: date_text(int(value)), most=1 << 38),
    "ns": Meaning("ns", 1000, duration_text),
    "ms": Meaning("ms", 1000, lambda value: duration_text(value * 10**6)),
    "s": Meaning("s", 120, lambda value: duration_text(value * 10**9)),
    # These only have a unit.
    "Mbit/s": Meaning("Mbit/s", _MAX, str),
    "pages/s": Meaning("pages/s", _MAX, str),
}
_GROWING_BYTES = (_MEANINGS["size"], _MEANINGS["rate"])
# The meanings of the ends of names, in any reply.
_ENDS = {
    **dict.fromkeys(("-size", "_size", "-bytes", "_bytes"), "size"),
    **dict.fromkeys(("-ns", "_ns"), "ns"),
    "-phys": "address",
}
_NO_NUMBER = "plain"  # of a name with a known end
_BLOCK = {
    "size": "write_threshold payload-offset key-offset",
    "rate": "bps bps_max bps_rd bps_rd_max bps_wr bps_wr_max",
}
# The names with each meaning in the replies to a command, and in any reply.
KNOWN_NAMES: dict[str, dict[str, str]] = {
    "": {"size": "size discard-bytes-ok granularity", "date": "date-sec", "s": "vm-clock-sec"},
    "query-balloon": {"size": "actual"},
    "query-block": _BLOCK,
    "query-block-jobs": {"size": "len offset", "rate": "speed"},
    "query-blockstats": {"size": "wr_highest_offset"},
    "query-dirty-rate": {"MiB/s": "dirty-rate"},
    "query-dump": {"size": "completed total"},
    "query-hv-balloon-status-report": {"size": "available committed"},
    "query-memory-devices": {"address": "addr memaddr"},
    "query-memory-size-summary": {"size": "base-memory plugged-memory"},
    "query-migrate": {
        "size": "bytes remaining total transferred",
        "ms": "downtime expected-downtime postcopy-blocktime setup-time total-time",
        "Mbit/s": "mbps",
        "pages/s": "dirty-pages-rate",
    },
    "query-migrate-parameters": {
        "rate": "avail-switchover-bandwidth max-bandwidth max-postcopy-bandwidth",
        "MiB/s": "vcpu-dirty-limit",
        "ms": "announce-initial announce-max announce-step downtime-limit x-checkpoint-delay"
        " x-vcpu-dirty-limit-period",
    },
    "query-named-block-nodes": _BLOCK,
    "query-pci": {
        "address": "address base class device limit subsystem subsystem-vendor vendor",
    },
    "query-stats-schemas": {_NO_NUMBER: "bucket-size"},
    "query-vcpu-dirty-limit": {"MiB/s": "current-rate limit-rate"},
    "x-query-virtio-queue-element": {"address": "addr"},
    "x-query-virtio-queue-status": {"address": "vring-avail vring-desc vring-used"},
    "x-query-virtio-vhost-queue-status": {"address": "avail desc used"},
}


class NumberMeanings(dict["str | None", "Meaning | None"]):
    """Maps the name of a member in the replies to `command` to the meaning of its number.

    `name` is that of a reply that is a number itself, `default` the meaning of other names.
    """

    def __init__(self, command: str, *, name: str = "", default: Meaning | None = None) -> None:
        self._default = default
        for known in ("", command):
            for meaning, names in KNOWN_NAMES.get(known, {}).items():
                self.update(dict.fromkeys(names.split(), _MEANINGS.get(meaning, default)))
        self[None] = self[name] if name else default

    def __missing__(self, name: str | None) -> Meaning | None:
        ends = (meaning for end, meaning in _ENDS.items() if str(name).endswith(end))
        self[name] = found = _MEANINGS.get(next(ends, ""), self._default)
        return found


class Growing(int):
    """An integer that has grown since the last round. `note` is its rate, as text."""

    note = ""


def with_rates(
    before: object,
    after: object,
    *,
    seconds: float,
    meanings: Mapping[str | None, Meaning | None],
) -> object:
    """Return a copy of `after` whose integers that are greater than in `before` are Growing.

    Objects in lists are matched by their names.
    """
    top: list[Any] = [after]
    todo: list[tuple[Any, Any, object, str | None]] = [(top, 0, before, None)]
    while todo:
        holder, key, old, name = todo.pop()
        new = holder[key]
        if isinstance(new, dict):
            holder[key] = copy = dict(new)
            known = old if isinstance(old, dict) else {}
            todo += [(copy, member, known.get(member), member) for member in new]
        elif isinstance(new, list):
            holder[key] = elements = list(new)
            olds = _matched(old if isinstance(old, list) else [], new)
            todo += [(elements, at, element, name) for at, element in enumerate(olds)]
        elif type(new) is int and type(old) is int and new > old and seconds > 0:
            holder[key] = number = Growing(new)
            number.note = _growth_text((new - old) / seconds, meanings[name])
    return top[0]


# What names an object, the most usual first.
NAMES = ("id", "name", "node-name", "device", "label", "job-id", "qom-path", "qom-type")


def _matched(old: list[Any], new: list[Any]) -> list[object]:
    """Return for each new element the old one with the same name, or else the one in its place."""
    named = {_identity(element): element for element in old}
    places = [*old, *[None] * len(new)]
    return [
        named.get(_identity(element)) if _identity(element) else places[at]
        for at, element in enumerate(new)
    ]


def _identity(element: Any) -> tuple[tuple[str, object], ...]:
    """Return what names an object, or ()."""
    names = (*NAMES, "qdev", "cpu-index") if isinstance(element, dict) else ()
    found = [(name, element.get(name, "")) for name in names]
    return tuple(item for item in found if isinstance(item[1], (str, int)) and item[1] != "")


def _growth_text(rate: float, describe: Meaning | None) -> str:
    if rate >= _MAX:
        return "growing"
    if describe in _GROWING_BYTES:
        return f"+{size_text(int(rate))}/s"
    return f"+{rate:,.0f}/s" if rate >= 10 else f"+{rate:.2g}/s"
