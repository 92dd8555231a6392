"""The table of `info`: what each name shows, and by which command."""

from __future__ import annotations

from functools import partial

from .describe import column_lines, sections
from .device_tree import show_devices, show_memory_tree, show_network, show_pci, show_qom
from .info_lines import (
    firmware_log_lines,
    machine_lines,
    show_block,
    show_device_types,
    show_stats,
    snapshot_lines,
)
from .info_summary import show_summary
from .view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..document import Spans
    from .view import Call, GraphSteps, Steps

# NAME [WORD…] | COMMAND | HELP, with the words of a View.
_NAMES = """
balloon | query-balloon | memory that the balloon leaves to the guest
block -n -v ?device:block-device | query-block | block devices, media and backing files; -n: named nodes, -v: also images
block-jobs | query-block-jobs | jobs of block devices
blockstats | query-blockstats | counters of block devices
chardev | query-chardev | character devices
cpus | query-cpus-fast | virtual CPUs and their threads
cryptodev | query-cryptodev | crypto devices
dirty_rate | query-dirty-rate | the rate of dirty memory
dump | query-dump | the state of the latest dump
exports | query-block-exports | exports of block nodes
firmware-log | query-firmware-log | the log of the firmware
hotpluggable-cpus | query-hotpluggable-cpus | slots for CPUs, and the CPUs in them
iothreads | query-iothreads | I/O threads
irq | x-query-irq | counters of interrupts
jit | x-query-jit | the dynamic compiler of TCG
jobs | query-jobs | jobs
kvm | query-kvm | whether KVM is used
machines | query-machines | machine types
memdev | query-memdev | memory backends
memory-devices | query-memory-devices | memory devices
memory_size_summary | query-memory-size-summary | the amount of memory
mice | query-mice | pointing devices, and which one receives events
migrate | query-migrate | the state of the migration
migrate_capabilities | query-migrate-capabilities | capabilities of the migration
migrate_parameters | query-migrate-parameters | parameters of the migration
mtree | device_add | memory regions
name | query-name | the name of the VM
named-block-nodes -v ?node:node | query-named-block-nodes | block nodes, as info block -n
network | device_add | network devices
numa | x-query-numa | NUMA nodes
opcount | x-query-opcount | operations of TCG
pci | query-pci | PCI devices
pic | x-query-interrupt-controllers | interrupt controllers
profile | x-query-profile | the profile of TCG
qdm | device_add | types of devices; QEMU loads all its modules for it
qom-tree ?path:qom-path=/machine | qom-list | the tree of QOM objects
qtree -b | device_add | the tree of devices; -b: without properties
ramblock | x-query-ramblock | blocks of memory
rdma | x-query-rdma | RDMA devices
replay | query-replay | record and replay
rocker name | query-rocker | a Rocker switch
rocker-of-dpa-flows name ?tbl-id:int | query-rocker-of-dpa-flows | flow tables of a Rocker switch
rocker-of-dpa-groups name ?type:int | query-rocker-of-dpa-groups | group tables of a Rocker switch
rocker-ports name | query-rocker-ports | ports of a Rocker switch
roms | x-query-roms | images of firmware in memory
rx-filter ?name:qdev | query-rx-filter | receive filters of network devices
sev | query-sev | AMD SEV
sgx | query-sgx | Intel SGX
snapshots | query-block | snapshots in images
spice | query-spice | the SPICE server
stats target ?names=* ?provider | query-stats | statistics of a target: vm, vcpu or cryptodev
status | query-status | whether the VM runs
summary | query-version | the machine, as qmpshell info
tpm | query-tpm | TPM devices
trace-events ?name=* | trace-event-get-state | trace events and their state
usb | x-query-usb | USB devices of the guest
uuid | query-uuid | the UUID of the VM
vcpu_dirty_limit | query-vcpu-dirty-limit | limits of dirty memory of virtual CPUs
version | query-version | the version of QEMU
virtio | x-query-virtio | virtio devices
virtio-queue-element path:qom-path queue:int ?index:int | x-query-virtio-queue-element | an element of a virtio queue
virtio-queue-status path:qom-path queue:int | x-query-virtio-queue-status | the state of a virtio queue
virtio-status path:qom-path | x-query-virtio-status | the state of a virtio device
virtio-vhost-queue-status path:qom-path queue:int | x-query-virtio-vhost-queue-status | the state of a vhost queue
vm-generation-id | query-vm-generation-id | the VM generation ID
vnc | query-vnc-servers | VNC servers and clients
"""
# The layouts of replies; without one, all members are shown.
_LAYOUTS = {
    "block-jobs": "{type} job {device}: {status}\n  *",
    "blockstats": "<{device} ><{node-name} ><{qdev}>\n  {stats}",
    "cpus": "CPU #{cpu-index}: thread_id={thread-id}\n  *",
    "hotpluggable-cpus": "{type}: vcpus_count={vcpus-count}\n  *",
    "jobs": "{id}: {type}, {status}\n  *",
    "kvm": "kvm support: {enabled:enabled|disabled}\n  *",
    "memory-devices": "Memory device [{type}]\n  *",
    "memory_size_summary": "base memory: {base-memory}\nplugged memory: {plugged-memory}",
    "mice": "{current:*| } Mouse #{index}: {name}{absolute: (absolute)|}",
    "migrate": "<status: {status}>\nerror: {error-desc}\n*",
    "migrate_capabilities": "{capability}: {state:on|off}",
    "name": "{name}",
    "status": "VM status: {running:running|paused} ({status})",
    "trace-events": "{name}: {state}",
    "uuid": "{UUID}",
    "vcpu_dirty_limit": "vcpu {cpu-index}\n  *",
    "version": "{qemu.major}.{qemu.minor}.{qemu.micro} {package}",
    "virtio": "{path} [{name}]",
}
# The functions that make lines of a reply, and those that have other requests.
_LINES: dict[str, Callable[[Any], Iterable[Spans]]] = {
    "chardev": partial(column_lines, "LABEL=label OPEN=frontend-open:yes|no FILENAME=filename"),
    "firmware-log": firmware_log_lines,
    "machines": machine_lines,
    "snapshots": snapshot_lines,
}
_STEPS: dict[str, Callable[[Call], Steps | GraphSteps]] = {
    "block": show_block,
    "mtree": show_memory_tree,
    "named-block-nodes": partial(show_block, with_devices=False),
    "network": show_network,
    "pci": show_pci,
    "qdm": show_device_types,
    "qom-tree": show_qom,
    "qtree": show_devices,
    "stats": show_stats,
    "summary": show_summary,
}


def _view(row: str) -> tuple[str, View]:
    """Return the name and the view of a row of the table."""
    words, command, about = row.split(" | ")
    name, _, words = words.partition(" ")
    layout = partial(sections, _LAYOUTS.get(name, ""), command=command, empty=f"no {about}")
    return name, View(about, command, words, _LINES.get(name, layout), _STEPS.get(name))


INFO_VIEWS: dict[str, View] = dict(map(_view, _NAMES.strip().splitlines()))
