"""Names that only the running server knows.

Owns: the kinds of them, which completion asks for and a session keeps. Must not know: how they are
asked for, where they are offered.
"""

from __future__ import annotations

from .target import EVENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from .target import Call, Given

    class LiveNames(Protocol):
        """What is known now of the server's names. It never waits."""

        def find(self, want: Live) -> Sequence[LiveName] | None:
            """The names of a kind; None where they are not known yet, which makes them be asked for."""

        def peek(self, want: Live) -> Sequence[LiveName]:
            """Those that are known by chance."""


# What `subject` is for each kind stands behind it, where it has one.
NODE = "node"  # block nodes
CHAIN = "chain"  # block nodes, those below first; the device or node that they are below
CHAIN_FILE = "chain-file"  # the names of their images; likewise
BLOCK_DEVICE = "block-device"  # block devices and the ids of their guest devices, and nodes
JOB = "job"
BITMAP = "bitmap"  # the node
SNAPSHOT = "snapshot"  # the node
EXPORT = "export"
CHARDEV = "chardev"
NETDEV = "netdev"
OBJECT = "object"  # ids below /objects
MEMORY_BACKEND = "memory-backend"
IOTHREAD = "iothread"
SECRET_OBJECT = "secret-object"
THROTTLE_GROUP = "throttle-group"
TLS_CREDS = "tls-creds"
TLS_AUTHZ = "tls-authz"
PR_MANAGER = "pr-manager"
RNG = "rng"
CRYPTODEV = "cryptodev"
CAN_BUS = "can-bus"
IOMMUFD = "iommufd"
AUDIODEV = "audiodev"
TPMDEV = "tpmdev"
QDEV = "qdev"  # ids and QOM paths of devices
BLOCK_QDEV = "block-qdev"  # those of the devices that have a block backend
DISPLAY = "display"  # those of displays
BUS = "bus"  # buses that take devices; the driver of one that is to sit there
CPU_MODEL = "cpu-model"
DEVICE_DRIVER = "device-driver"
DEVICE_PROPERTY = "device-property"  # the driver
QOM_TYPE = "qom-type"
QOM_CHILD = "qom-child"  # the path whose children and links these are
QOM_PROPERTY = "qom-property"  # the path
HUMAN_COMMAND = "human-command"


class Live:
    """One want: a kind, and what it is of. It may be the key of a dict."""

    __slots__ = ("kind", "subject")

    def __init__(self, kind: str, subject: str = "") -> None:
        self.kind = kind
        self.subject = subject

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Live) and (self.kind, self.subject) == (other.kind, other.subject)

    def __hash__(self) -> int:
        return hash((self.kind, self.subject))

    def __repr__(self) -> str:
        return f"Live({self.kind!r}, {self.subject!r})"


class LiveName:
    """A name and, in a few words, what it names; both are the server's and are not trusted.

    Of a kind's names those of the smallest `order` come first. Of a property, `choices` are the values
    that it takes, if they are known, and `default` is the one that it has by itself.
    """

    __slots__ = ("choices", "default", "meta", "name", "order")

    def __init__(
        self,
        name: str,
        meta: str = "",
        *,
        order: int = 0,
        choices: Sequence[str] = (),
        default: str = "",
    ) -> None:
        self.name = name
        self.meta = meta
        self.order = order
        self.choices = tuple(choices)
        self.default = default

    def __repr__(self) -> str:
        return f"LiveName({self.name!r}, {self.meta!r})"


# A file of this machine's, which is often also the server's.
FILE = "file"
# A QOM path, which is walked level by level.
QOM_PATH = "qom-path"

# COMMANDS: MEMBERS, each `name kind`, and `name kind(subject)` where the kind is of the value of
# another member beside it; behind ! is a member beside it which cannot have the same value. A member is
# a dotted path, * in it any index; **.name is one at any depth.
_TABLE: tuple[tuple[str, str], ...] = (
    # Block jobs and nodes.
    (
        "block-stream",
        "device block-device, base chain-file(device), base-node chain(device),"
        " bottom chain(device), backing-file chain-file(device)",
    ),
    (
        "block-commit",
        "device block-device, base chain-file(device), base-node chain(device),"
        " top chain-file(device), top-node chain(device), backing-file chain-file(device)",
    ),
    (
        "blockdev-backup",
        "device block-device, target node!device, bitmap bitmap(device)",
    ),
    ("drive-backup", "device block-device, target file, bitmap bitmap(device)"),
    ("blockdev-mirror", "device block-device, target node!device, replaces node"),
    ("drive-mirror", "device block-device, target file, replaces node"),
    ("blockdev-snapshot", "node node!overlay, overlay node!node"),
    (
        "blockdev-snapshot-sync",
        "device block-device, node-name node, snapshot-file file",
    ),
    ("blockdev-snapshot-internal-sync", "device block-device"),
    (
        "blockdev-snapshot-delete-internal-sync",
        "device block-device, id snapshot(device), name snapshot(device)",
    ),
    (
        "change-backing-file",
        "device block-device, image-node-name node, backing-file chain-file(device)",
    ),
    ("block_resize", "device block-device, node-name node"),
    ("block_set_io_throttle", "device block-device, id block-qdev"),
    ("block-set-write-threshold", "node-name node"),
    ("block-latency-histogram-set", "id block-qdev"),
    ("blockdev-del", "node-name node"),
    ("blockdev-set-active", "node-name node"),
    ("blockdev-insert-medium", "id block-qdev, node-name node"),
    ("blockdev-change-medium", "device block-device, id block-qdev, filename file"),
    ("blockdev-open-tray blockdev-close-tray eject", "device block-device, id block-qdev"),
    ("blockdev-remove-medium", "id block-qdev"),
    ("x-blockdev-change", "parent node, node node"),
    ("x-blockdev-set-iothread", "node-name node, iothread iothread"),
    ("x-blockdev-amend", "node-name node"),
    (
        "blockdev-add blockdev-reopen blockdev-create",
        "**.filename file, **.path file, **.dir file, **.logfile file, **.conf file, **.config file,"
        " **.key-secret secret-object, **.cookie-secret secret-object,"
        " **.password-secret secret-object, **.proxy-password-secret secret-object,"
        " **.tls-creds tls-creds, **.throttle-group throttle-group, **.pr-manager pr-manager, **.bottom node",
    ),
    ("blockdev-add", "bitmap.node node, bitmap.name bitmap(node)"),
    ("blockdev-reopen", "options.*.node-name node"),
    # Bitmaps.
    ("block-dirty-bitmap-add", "node node"),
    (
        "block-dirty-bitmap-remove block-dirty-bitmap-clear block-dirty-bitmap-enable"
        " block-dirty-bitmap-disable x-debug-block-dirty-bitmap-sha256",
        "node node, name bitmap(node)",
    ),
    (
        "block-dirty-bitmap-merge",
        "node node, target bitmap(node)!bitmaps, bitmaps.* bitmap(node)!target, bitmaps.*.node node,"
        " bitmaps.*.name bitmap(node)",
    ),
    (
        "migrate-set-parameters",
        "block-bitmap-mapping.*.node-name node, tls-creds tls-creds, tls-authz tls-authz,"
        " block-bitmap-mapping.*.bitmaps.*.name bitmap",
    ),
    # Jobs.
    (
        "block-job-cancel block-job-complete block-job-pause block-job-resume block-job-set-speed",
        "device job",
    ),
    (
        "block-job-change block-job-dismiss block-job-finalize job-cancel job-complete job-dismiss"
        " job-finalize job-pause job-resume",
        "id job",
    ),
    # Snapshots of the whole machine.
    ("snapshot-save", "vmstate node, devices.* node"),
    (
        "snapshot-load",
        "vmstate node, devices.* node, tag snapshot(vmstate)",
    ),
    ("snapshot-delete", "devices.* node, tag snapshot(devices.0)"),
    # Exports.
    (
        "block-export-add",
        "node-name node, iothread iothread, bitmaps.* bitmap(node-name), bitmaps.*.node node,"
        " bitmaps.*.name bitmap(node), mountpoint file, addr.path file",
    ),
    ("block-export-del", "id export"),
    ("nbd-server-add", "device block-device, bitmap bitmap(device)"),
    ("nbd-server-remove", "name export"),
    ("nbd-server-start", "tls-creds tls-creds, tls-authz tls-authz, addr.data.path file"),
    # Character devices, networks.
    ("chardev-remove chardev-send-break", "id chardev"),
    ("chardev-change", "id chardev"),
    (
        "chardev-add chardev-change",
        "backend.data.chardev chardev, backend.data.chardevs.* chardev, backend.data.device file,"
        " backend.data.in file, backend.data.out file, backend.data.logfile file,"
        " backend.data.path file, backend.data.addr.data.path file, backend.data.tls-creds tls-creds,"
        " backend.data.tls-authz tls-authz",
    ),
    ("ringbuf-read ringbuf-write", "device chardev"),
    (
        "netdev_add",
        "chardev chardev, netdev netdev, script file, downscript file, helper file, vhostdev file,"
        " tftp file, smb file, addr.path file, sock file",
    ),
    ("netdev_del", "id netdev"),
    ("set_link", "name netdev"),
    ("announce-self", "interfaces.* netdev"),
    ("query-rx-filter", "name qdev"),
    # Objects.
    ("object-del", "id object"),
    (
        "object-add",
        "chardev chardev, netdev netdev, iothread iothread, primary_in chardev,"
        " secondary_in chardev, outdev chardev, indev chardev, notify_dev chardev, canbus can-bus,"
        " passwordid secret-object, keyid secret-object, mem-path file, file file, filename file,"
        " dir file, path file, evdev file, device file, dh-cert-file file, session-file file,"
        " socket.path file",
    ),
    ("set-numa-node", "memdev memory-backend"),
    # Devices; those of device_add beyond its own are properties of many drivers.
    (
        "device_add",
        "driver device-driver, bus bus(driver), netdev netdev, chardev chardev, memdev memory-backend,"
        " drive block-device, iothread iothread, cryptodev cryptodev, rng rng,"
        " tpmdev tpmdev, host_mem_backend memory-backend, hostmem memory-backend,"
        " audiodev audiodev, peer_chardev chardev, evdev file,"
        " failover_pair_id qdev, romfile file, sysfsdev file",
    ),
    ("device_del device-sync-config", "id qdev"),
    ("device-list-properties", "typename device-driver"),
    ("input-send-event screendump", "device display"),
    # QOM.
    ("qom-list", "path qom-path"),
    ("qom-get qom-set", "path qom-path, property qom-property(path)"),
    ("qom-list-properties", "typename qom-type"),
    ("qom-list-types", "implements qom-type"),
    ("query-cpu-model-expansion", "model.name cpu-model"),
    (
        "x-query-virtio-status x-query-virtio-queue-status x-query-virtio-queue-element"
        " x-query-virtio-vhost-queue-status",
        "path qom-path",
    ),
    (
        "cxl-inject-correctable-error cxl-inject-dram-event cxl-inject-general-media-event"
        " cxl-inject-memory-module-event cxl-inject-poison cxl-inject-uncorrectable-errors"
        " cxl-add-dynamic-capacity cxl-release-dynamic-capacity",
        "path qom-path",
    ),
    ("query-stats", "vcpus.* qom-path"),
    ("yank", "instances.*.node-name node, instances.*.id chardev"),
    # Files of the machine that the server runs on.
    (
        "screendump dumpdtb memsave pmemsave xen-save-devices-state xen-load-devices-state",
        "filename file",
    ),
    ("migrate migrate-incoming", "channels.*.addr.path file, channels.*.addr.filename file"),
    # Events, of which /wait takes the members.
    ("JOB_STATUS_CHANGE BLOCK_JOB_PENDING", "id job"),
    (
        "BLOCK_JOB_COMPLETED BLOCK_JOB_CANCELLED BLOCK_JOB_READY BLOCK_JOB_ERROR",
        "device job",
    ),
    ("DEVICE_DELETED DEVICE_UNPLUG_GUEST_ERROR", "device qdev, path qom-path"),
    ("DEVICE_TRAY_MOVED", "device block-device, id block-qdev"),
    ("BLOCK_IO_ERROR BLOCK_IMAGE_CORRUPTED", "device block-device, node-name node"),
    ("BLOCK_WRITE_THRESHOLD", "node-name node"),
    ("BLOCK_EXPORT_DELETED", "id export"),
    ("VSERPORT_CHANGE", "id qdev"),
    ("NETDEV_STREAM_CONNECTED NETDEV_STREAM_DISCONNECTED", "netdev-id netdev"),
    ("MEMORY_DEVICE_SIZE_CHANGE", "id qdev, qom-path qom-path"),
    ("RTC_CHANGE", "qom-path qom-path"),
)
_ANYWHERE = "**"
# What a driver's property is a link to, by its type.
_LINKS = {
    "link<memory-backend>": MEMORY_BACKEND,
    "link<iothread>": IOTHREAD,
    "link<rng-backend>": RNG,
    "link<cryptodev-backend>": CRYPTODEV,
    "link<can-bus>": CAN_BUS,
    "link<iommufd>": IOMMUFD,
}


class LiveKind:
    """What a value names: a kind of `live`'s, FILE or QOM_PATH; `subject` is the member, beside this
    one, that it is of, `other` the one that has another value."""

    __slots__ = ("kind", "other", "subject")

    def __init__(self, kind: str, subject: str, other: str) -> None:
        self.kind = kind
        self.subject = subject
        self.other = other


def read_table() -> dict[tuple[str, str], LiveKind]:
    """By command and member."""
    table: dict[tuple[str, str], LiveKind] = {}
    for commands, members in _TABLE:
        for member in members.split(", "):
            name, kind = member.split()
            kind, _, other = kind.partition("!")
            kind, _, subject = kind.rstrip(")").partition("(")
            for command in commands.split():
                table[command, name] = LiveKind(kind, subject, other)
    return table


def find_kind(
    table: dict[tuple[str, str], LiveKind], call: Call, path: Sequence[str]
) -> tuple[str, str]:
    """The kind of what a value names, and what it is of; empty where it names nothing."""
    name, root, path = action_of(call.name, call.root, path)
    found = _entry(table, name, path)
    if found is None:
        return "", ""
    subject = found.subject
    if not subject:
        return found.kind, ""
    return found.kind, _beside(root, path, subject.split("."))


def taken(
    table: dict[tuple[str, str], LiveKind], call: Call, path: Sequence[str]
) -> frozenset[str]:
    """The names that stand beside a value already, and so are not meant by it."""
    name, root, path = action_of(call.name, call.root, path)
    found = _entry(table, name, path)
    if found is None or root is None:
        return frozenset()
    places: list[Given | None] = []
    depth = len(path) - 1
    if path[-1].isdecimal():
        array = root.at(path[:-1])
        items = array.members.items() if array is not None else ()
        places += [item for index, item in items if index != path[-1]]
        depth -= 1
    other = root.at((*path[:depth], found.other)) if found.other else None
    if other is not None:
        places += [other, *other.members.values()]
    return frozenset(one.text for one in places if one is not None and one.is_scalar)


def _entry(
    table: dict[tuple[str, str], LiveKind], name: str, path: Sequence[str]
) -> LiveKind | None:
    pattern = ".".join("*" if part.isdecimal() else part for part in path)
    last = pattern.rpartition(".")[2]
    return table.get((name, pattern)) or table.get((name, f"{_ANYWHERE}.{last}"))


def _beside(root: Given | None, path: Sequence[str], subject: Sequence[str]) -> str:
    """The text of a member that stands where the value is, or nearest above it."""
    for depth in range(len(path) - 1, -1, -1):
        holder = root.at((*path[:depth], *subject[:-1])) if root is not None else None
        text = holder.text_of(subject[-1]) if holder is not None else None
        if text is not None:
            return text
    return ""


def action_of(
    name: str, root: Given | None, path: Sequence[str]
) -> tuple[str, Given | None, Sequence[str]]:
    """Of a value in a transaction's action in JSON: the action, its arguments and the place there."""
    if name != "transaction" or len(path) < 3 or path[0] != "actions" or path[2] != "data":
        return name, root, path
    action = root.at(path[:2]) if root is not None else None
    if action is None:
        return name, root, path
    return action.text_of("type") or "", action.members.get("data"), path[3:]


def open_names(call: Call, path: Sequence[str], given: Given | None) -> tuple[str, str]:
    """The live kind that names members which no schema has, and what it is of."""
    # A name that is still being typed is not one to ask about.
    if call.sort == EVENT or path or given is None or call.key_path == ((), "driver"):
        return "", ""
    driver = given.text_of("driver") if call.name == "device_add" else None
    return (DEVICE_PROPERTY, driver) if driver else ("", "")


def linked_kind(type_name: str) -> str:
    """The live kind that a driver's property of this type names; empty for none."""
    return _LINKS.get(type_name, "")


def property_of(call: Call, path: Sequence[str]) -> tuple[str, str]:
    """The path and the property whose value stands at a path; empty where there is none."""
    if call.sort == EVENT or call.name != "qom-set" or tuple(path) != ("value",):
        return "", ""
    return call.root.text_of("path") or "", call.root.text_of("property") or ""
