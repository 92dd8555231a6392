"""What servers answer of the block layer, as names.

Owns: names of nodes, devices, bitmaps, snapshots, jobs and exports. Must not know: when and how they
were asked for. Answers are not trusted: whatever they hold, nothing here raises.
"""

from __future__ import annotations

from .live import LiveName
from .live_questions import BLOCK, BLOCK_JOBS, EXPORTS, FLAT_NODES, JOBS, NESTED_NODES
from .live_shapes import dict_at, dicts, in_words, is_number, text_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .live import Live
    from .live_questions import Known

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
