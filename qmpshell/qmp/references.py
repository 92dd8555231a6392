"""Arguments that refer to names which only the server knows, such as nodes, jobs and devices.

`tests/qmp/test_references.py` checks the table against the captured schemas.
"""

from __future__ import annotations

import re

from ..record import Record

# The kinds of names. The comment says what `subject` is, for the kinds that have one.
NODE = "node"  # block nodes
CHAIN = "chain"  # block nodes, those below first; subject: the device or node above them
CHAIN_FILE = "chain-file"  # the file names of their images; subject: the same
BLOCK_DEVICE = "block-device"  # block devices, ids of their guest devices, and nodes
JOB = "job"
BITMAP = "bitmap"  # subject: the node
SNAPSHOT = "snapshot"  # subject: the node
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
BLOCK_QDEV = "block-qdev"  # devices with a block backend
DISPLAY = "display"  # display devices
BUS = "bus"  # buses that accept devices; subject: the driver of the new device
CPU_MODEL = "cpu-model"
DEVICE_DRIVER = "device-driver"
DEVICE_PROPERTY = "device-property"  # subject: the driver
QOM_TYPE = "qom-type"
QOM_CHILD = "qom-child"  # children and links; subject: the path
QOM_PROPERTY = "qom-property"  # subject: the path
HUMAN_COMMAND = "human-command"


# A file of this host, which is often also the server's.
FILE = "file"
# Where a migration goes to or comes from: a scheme, and what follows it.
MIGRATION_URI = "migration-uri"
# A QOM path, which is completed level by level.
QOM_PATH = "qom-path"

# Lines of COMMANDS: MEMBERS, which an indented line continues. A member is `name kind`, or
# `name kind(subject)` if the kind depends on the value of another member beside it. `!other` names a
# member that cannot have the same value. A name is a dotted path; * is any index, and **.name is a
# member at any depth.
_TABLE = """
# Block jobs and nodes.
block-stream: device block-device, base chain-file(device), base-node chain(device),
    bottom chain(device), backing-file chain-file(device)
block-commit: device block-device, base chain-file(device), base-node chain(device),
    top chain-file(device), top-node chain(device), backing-file chain-file(device)
blockdev-backup: device block-device, target node!device, bitmap bitmap(device)
drive-backup: device block-device, target file, bitmap bitmap(device)
blockdev-mirror: device block-device, target node!device, replaces node
drive-mirror: device block-device, target file, replaces node
blockdev-snapshot: node node!overlay, overlay node!node
blockdev-snapshot-sync: device block-device, node-name node, snapshot-file file
blockdev-snapshot-internal-sync: device block-device
blockdev-snapshot-delete-internal-sync: device block-device, id snapshot(device),
    name snapshot(device)
change-backing-file: device block-device, image-node-name node, backing-file chain-file(device)
block_resize: device block-device, node-name node
block_set_io_throttle: device block-device, id block-qdev
block-set-write-threshold blockdev-del blockdev-set-active x-blockdev-amend: node-name node
block-latency-histogram-set blockdev-remove-medium: id block-qdev
blockdev-insert-medium: id block-qdev, node-name node
blockdev-change-medium: device block-device, id block-qdev, filename file
blockdev-open-tray blockdev-close-tray eject: device block-device, id block-qdev
x-blockdev-change: parent node, node node
x-blockdev-set-iothread: node-name node, iothread iothread
blockdev-add blockdev-reopen blockdev-create: **.filename file, **.path file, **.dir file,
    **.logfile file, **.conf file, **.config file, **.key-secret secret-object,
    **.cookie-secret secret-object, **.password-secret secret-object,
    **.proxy-password-secret secret-object, **.tls-creds tls-creds,
    **.throttle-group throttle-group, **.pr-manager pr-manager, **.bottom node
blockdev-add: bitmap.node node, bitmap.name bitmap(node)
blockdev-reopen: options.*.node-name node
# Bitmaps.
block-dirty-bitmap-add: node node
block-dirty-bitmap-remove block-dirty-bitmap-clear block-dirty-bitmap-enable
    block-dirty-bitmap-disable x-debug-block-dirty-bitmap-sha256: node node, name bitmap(node)
block-dirty-bitmap-merge: node node, target bitmap(node)!bitmaps, bitmaps.* bitmap(node)!target,
    bitmaps.*.node node, bitmaps.*.name bitmap(node)
migrate-set-parameters: block-bitmap-mapping.*.node-name node, tls-creds tls-creds,
    tls-authz tls-authz, block-bitmap-mapping.*.bitmaps.*.name bitmap
# Jobs.
block-job-cancel block-job-complete block-job-pause block-job-resume block-job-set-speed: device job
block-job-change block-job-dismiss block-job-finalize job-cancel job-complete job-dismiss
    job-finalize job-pause job-resume: id job
# Snapshots of the VM.
snapshot-save: vmstate node, devices.* node
snapshot-load: vmstate node, devices.* node, tag snapshot(vmstate)
snapshot-delete: devices.* node, tag snapshot(devices.0)
# Exports.
block-export-add: node-name node, iothread iothread, bitmaps.* bitmap(node-name),
    bitmaps.*.node node, bitmaps.*.name bitmap(node), mountpoint file, addr.path file
block-export-del: id export
nbd-server-add: device block-device, bitmap bitmap(device)
nbd-server-remove: name export
nbd-server-start: tls-creds tls-creds, tls-authz tls-authz, addr.data.path file
# Character devices and networks.
chardev-remove chardev-send-break chardev-change: id chardev
chardev-add chardev-change: backend.data.chardev chardev, backend.data.chardevs.* chardev,
    backend.data.device file, backend.data.in file, backend.data.out file,
    backend.data.logfile file, backend.data.path file, backend.data.addr.data.path file,
    backend.data.tls-creds tls-creds, backend.data.tls-authz tls-authz
ringbuf-read ringbuf-write: device chardev
netdev_add: chardev chardev, netdev netdev, script file, downscript file, helper file,
    vhostdev file, tftp file, smb file, addr.path file, sock file
netdev_del: id netdev
set_link: name netdev
announce-self: interfaces.* netdev
query-rx-filter: name qdev
# Objects.
object-del: id object
object-add: chardev chardev, netdev netdev, iothread iothread, primary_in chardev,
    secondary_in chardev, outdev chardev, indev chardev, notify_dev chardev, canbus can-bus,
    passwordid secret-object, keyid secret-object, mem-path file, file file, filename file,
    dir file, path file, evdev file, device file, dh-cert-file file, session-file file,
    socket.path file
set-numa-node: memdev memory-backend
# Devices. The members of device_add that are not its own are properties of many drivers.
device_add: driver device-driver, bus bus(driver), netdev netdev, chardev chardev,
    memdev memory-backend, drive block-device, iothread iothread, cryptodev cryptodev, rng rng,
    tpmdev tpmdev, host_mem_backend memory-backend, hostmem memory-backend, audiodev audiodev,
    peer_chardev chardev, evdev file, failover_pair_id qdev, romfile file, sysfsdev file
device_del device-sync-config: id qdev
device-list-properties: typename device-driver
input-send-event screendump: device display
# QOM.
qom-list: path qom-path
qom-get qom-set: path qom-path, property qom-property(path)
qom-list-properties: typename qom-type
qom-list-types: implements qom-type
query-cpu-model-expansion: model.name cpu-model
x-query-virtio-status x-query-virtio-queue-status x-query-virtio-queue-element
    x-query-virtio-vhost-queue-status: path qom-path
cxl-inject-correctable-error cxl-inject-dram-event cxl-inject-general-media-event
    cxl-inject-memory-module-event cxl-inject-poison cxl-inject-uncorrectable-errors
    cxl-add-dynamic-capacity cxl-release-dynamic-capacity: path qom-path
query-stats: vcpus.* qom-path
yank: instances.*.node-name node, instances.*.id chardev
# Files of the server's host.
screendump dumpdtb memsave pmemsave xen-save-devices-state xen-load-devices-state: filename file
migrate migrate-incoming migrate-recover: uri migration-uri
migrate migrate-incoming: channels.*.addr.path file, channels.*.addr.filename file
# Events, whose members are arguments of /wait.
JOB_STATUS_CHANGE BLOCK_JOB_PENDING: id job
BLOCK_JOB_COMPLETED BLOCK_JOB_CANCELLED BLOCK_JOB_READY BLOCK_JOB_ERROR: device job
DEVICE_DELETED DEVICE_UNPLUG_GUEST_ERROR: device qdev, path qom-path
DEVICE_TRAY_MOVED: device block-device, id block-qdev
BLOCK_IO_ERROR BLOCK_IMAGE_CORRUPTED: device block-device, node-name node
BLOCK_WRITE_THRESHOLD: node-name node
BLOCK_EXPORT_DELETED: id export
VSERPORT_CHANGE: id qdev
NETDEV_STREAM_CONNECTED NETDEV_STREAM_DISCONNECTED: netdev-id netdev
MEMORY_DEVICE_SIZE_CHANGE: id qdev, qom-path qom-path
RTC_CHANGE: qom-path qom-path
"""
# What a driver's property links to, by its type.
_LINKS = {
    "link<memory-backend>": MEMORY_BACKEND,
    "link<iothread>": IOTHREAD,
    "link<rng-backend>": RNG,
    "link<cryptodev-backend>": CRYPTODEV,
    "link<can-bus>": CAN_BUS,
    "link<iommufd>": IOMMUFD,
}


class Reference(Record):
    """What a value refers to: a kind of live names, FILE or QOM_PATH.

    `subject` is the member beside it that the kind depends on; `other` is the one with a different
    value.
    """

    kind: str
    subject: str
    other: str


def load_references() -> dict[tuple[str, str], Reference]:
    """Return the table by command and member."""
    table: dict[tuple[str, str], Reference] = {}
    for row in re.findall(r"^[^#\n].*(?:\n .*)*", _TABLE, re.MULTILINE):
        commands, _, members = row.partition(": ")
        for member in members.split(","):
            name, kind = member.split()
            kind, _, other = kind.partition("!")
            kind, _, subject = kind.rstrip(")").partition("(")
            for command in commands.split():
                table[command, name] = Reference(kind, subject, other)
    return table


def linked_kind(type_name: str) -> str:
    """Return the kind of name that a driver's property of this type holds, or ""."""
    return _LINKS.get(type_name, "")
