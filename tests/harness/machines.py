"""q35 machines for views: one with devices of many kinds, and one with a long chain of images."""

from __future__ import annotations

import subprocess
from pathlib import Path

from qmpshell import Connection

from .servers import Installation, Server, start_qemu

CHAIN = 20  # images
UUID = "11111111-2222-3333-4444-555555555555"

_OPTIONS = """
-name rich -uuid {uuid} -smp 2,maxcpus=4 -m 256M,slots=2,maxmem=1G
-blockdev driver=file,filename=top.qcow2,node-name=topf
-blockdev driver=qcow2,file=topf,node-name=top
-device virtio-blk-pci,drive=top,id=vd0
-drive file=seed.img,format=raw,if=none,id=seed,readonly=on
-device ide-cd,drive=seed,id=cd0
-drive file=vm.qcow2,format=qcow2,if=none,id=vmd
-device virtio-blk-pci,drive=vmd,id=vd1,iothread=io0
-device ide-cd,id=cd1,bus=ide.1
-object iothread,id=io0
-object memory-backend-ram,id=m0,size=64M
-device pc-dimm,memdev=m0,id=dimm0
-netdev socket,id=n1,udp=127.0.0.1:9,localaddr=127.0.0.1:0
-netdev socket,id=n2,udp=127.0.0.1:9,localaddr=127.0.0.1:0
-device virtio-net-pci,netdev=n1,id=net0,mac=52:54:00:12:34:56
-device e1000,netdev=n2,id=net1,mac=52:54:00:12:34:57
-device pcie-root-port,id=rp0,chassis=1
-device pcie-root-port,id=rp1,chassis=2
-device pcie-pci-bridge,id=br0,bus=rp0
-device virtio-rng-pci,bus=br0,addr=1,id=rng0
-chardev null,id=c0
-chardev ringbuf,id=c1
-device virtio-serial
-device virtserialport,chardev=c0,name=org.example
-serial chardev:c1
-device qemu-xhci,id=xhci
-device usb-tablet,id=tab
-device usb-kbd,id=kbd
-device virtio-balloon-pci,id=bal
-device VGA,id=vga
-object cryptodev-backend-builtin,id=cry0
-device virtio-crypto-pci,cryptodev=cry0
-device vmgenid,guid=324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87
"""


def start_machine(installation: Installation, directory: Path) -> Server:
    """Start the machine, with its images and its socket in `directory`."""
    image = installation.program("qemu-img")
    for name, size, *backing in (
        ("base.qcow2", "64M"),
        ("mid.qcow2", "64M", "base.qcow2"),
        ("top.qcow2", "64M", "mid.qcow2"),
        ("vm.qcow2", "16M"),
    ):
        options = ["-b", backing[0], "-F", "qcow2"] if backing else []
        command = [image, "create", "-q", "-f", "qcow2", *options, name, size]
        subprocess.run(command, check=True, cwd=directory)
    with open(directory / "seed.img", "wb") as file:
        file.truncate(1 << 20)
    # QEMU resolves the name of a backing file by that of the image.
    words = " ".join(_OPTIONS.split("\n")).format(uuid=UUID)
    for name in ("top.qcow2", "seed.img", "vm.qcow2"):
        words = words.replace(f"={name}", f"={directory / name}")
    vnc = ("-vnc", f"unix:{directory / 'vnc'}")
    return start_qemu(installation, directory / "vm.sock", *words.split(), *vnc, machine="q35")


def make_busy(qmp: Connection, directory: Path) -> None:
    """Start a job, an export, a throttled device, and add a snapshot and a dirty bitmap."""
    target = {"driver": "null-co", "node-name": "target", "size": 16 << 20}
    qmp.execute("blockdev-add", target)
    qmp.execute("blockdev-snapshot-internal-sync", {"device": "vmd", "name": "before"})
    qmp.execute("block-dirty-bitmap-add", {"node": "top", "name": "dirty0"})
    limits = dict.fromkeys(("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
    qmp.execute("block_set_io_throttle", {"id": "cd0", **limits, "iops": 100})
    mirror = {"job-id": "mirror0", "device": "vmd", "target": "target", "sync": "full", "speed": 1}
    qmp.execute("blockdev-mirror", mirror)
    address = {"type": "unix", "data": {"path": str(directory / "nbd")}}
    qmp.execute("nbd-server-start", {"addr": address})
    qmp.execute("block-export-add", {"type": "nbd", "id": "export0", "node-name": "top"})


# -- the machine with a chain of images ---------------------------------------------------------


def make_images(directory: Path, installation: Installation) -> Path:
    """Create a chain of images, and return the path of the last one."""
    for number in range(CHAIN):
        backing = ["-b", f"i{number - 1}.qcow2", "-F", "qcow2"] if number else []
        size = [] if number else ["1G"]
        path = directory / f"i{number}.qcow2"
        command = [installation.program("qemu-img"), "create", "-q", "-f", "qcow2", *backing]
        subprocess.run([*command, str(path), *size], check=True)
    return path


def chain_options(image: Path) -> list[str]:
    """Return the options for a machine with devices that use the image, and others."""
    return [
        *("-blockdev", f"driver=qcow2,node-name=top,file.driver=file,file.filename={image}"),
        *("-blockdev", "null-co,node-name=n0,size=8589934592"),
        *("-blockdev", "null-co,node-name=n1,size=8589934592,read-zeroes=on"),
        *("-device", "virtio-blk-pci,drive=top,id=vd0,addr=5"),
        *("-device", "virtio-scsi-pci,id=scsi0,addr=4"),
        *("-device", "scsi-hd,drive=n0,id=sd0,bus=scsi0.0"),
        *("-device", "pcie-root-port,id=port0,chassis=1,addr=6"),
        *("-netdev", "hubport,id=hub0,hubid=0"),
        *("-device", "e1000e,id=net0,bus=port0,netdev=hub0"),
    ]


def set_up(qmp: Connection) -> None:
    """Start a job and an export, and add bitmaps."""
    qmp.execute("block-dirty-bitmap-add", {"node": "top", "name": "b0", "persistent": True})
    qmp.execute("block-dirty-bitmap-add", {"node": "n1", "name": "b1"})
    qmp.execute("blockdev-add", {"driver": "null-co", "node-name": "target", "size": 1 << 30})
    arguments = {"job-id": "j0", "device": "top", "target": "target", "sync": "none"}
    qmp.execute("blockdev-mirror", arguments | {"filter-node-name": "filter"})
    address = {"type": "unix", "data": {"path": "nbd.sock"}}
    qmp.execute("nbd-server-start", {"addr": address})
    qmp.execute("block-export-add", {"type": "nbd", "id": "e0", "node-name": "n1"})
