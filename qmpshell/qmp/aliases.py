"""Names of device drivers that are short for others.

Owns: QEMU's own table of them (system/qdev-monitor.c), as far as people type them: device_add takes them,
device-list-properties does not. Must not know: how a server is asked.
"""

from __future__ import annotations

# Which bus these are on is the machine's affair: PCI, s390x's channels, or none.
_VIRTIO = frozenset(
    "9p balloon blk gpu input-host iommu keyboard mouse net rng scsi serial sound tablet".split()
)
_PREFIX = "virtio-"
_ENDINGS = ("-pci", "-ccw", "-device")
_OTHERS = {"ahci": "ich9-ahci", "e1000-82540em": "e1000", "lsi": "lsi53c895a"}


def meant_by(name: str) -> list[str]:
    """What a driver's name may be short for, the likeliest first.

    >>> meant_by("virtio-net"), meant_by("e1000")
    (['virtio-net-pci', 'virtio-net-ccw', 'virtio-net-device'], [])
    """
    if name in _OTHERS:
        return [_OTHERS[name]]
    if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) in _VIRTIO:
        return [name + ending for ending in _ENDINGS]
    return []
