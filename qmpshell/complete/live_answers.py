"""The server's answers, as names.

Owns: which names each kind has in the answers, and what is said of each in a few words. Must not know:
when and how they were asked for. Answers are not trusted: whatever they hold, nothing here raises.
"""

from __future__ import annotations

from .human_help import read_catalogue
from .live import (
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
from .live_block import (
    bitmaps,
    block_devices,
    block_qdevs,
    chain,
    chain_files,
    exports,
    jobs,
    nodes,
    snapshots,
)
from .live_devices import buses, displays, drivers, is_processor, properties, qdevs, qom_properties
from .live_questions import (
    AUDIODEVS,
    CHARDEVS,
    CPU_MODELS,
    HUMAN_HELP,
    NETWORK,
    OBJECTS,
    TPMDEVS,
    TYPES,
    questions,
)
from .live_shapes import children, dicts, in_words, inner, text_at
from .live_text import read_netdevs
from .ranking import natural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .live import Live
    from .live_questions import Known

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
