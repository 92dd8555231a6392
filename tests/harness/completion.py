"""What completion is tested and measured with.

Owns: realistic lines, and a server's live names that go with them. Must not know: what is offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qmpshell.complete import (
    BITMAP,
    BLOCK_DEVICE,
    BUS,
    CAN_BUS,
    CHAIN,
    CHAIN_FILE,
    CHARDEV,
    CPU_MODEL,
    DEVICE_DRIVER,
    DEVICE_PROPERTY,
    DIRECTORY,
    EXPORT,
    IOTHREAD,
    JOB,
    MEMORY_BACKEND,
    NETDEV,
    NODE,
    OBJECT,
    OTHER,
    QDEV,
    QOM_CHILD,
    QOM_PROPERTY,
    QOM_TYPE,
    REGULAR_FILE,
    SECRET_OBJECT,
    SOCKET,
    TLS_CREDS,
    Known,
    Live,
    LiveName,
)
from qmpshell.session import COMMANDS, mistake
from tests.harness.schemas import schema

LINES = (Path(__file__).parents[1] / "data" / "completion-lines.txt").read_text().splitlines()

_NAMES = {
    NODE: "disk0 base0",
    BLOCK_DEVICE: "disk0 virtio0",
    JOB: "job0 job1",
    EXPORT: "exp1",
    CHARDEV: "chr0",
    NETDEV: "net0",
    OBJECT: "obj0 tls0 sec0 iot0 mem0",
    MEMORY_BACKEND: "mem0",
    IOTHREAD: "iot0",
    SECRET_OBJECT: "sec0",
    TLS_CREDS: "tls0",
    CAN_BUS: "can0",
    QDEV: "dev0 dev1",
    BUS: "pcie.0",
    CPU_MODEL: "qemu64 host",
    DEVICE_DRIVER: "virtio-net-pci virtio-blk-pci e1000",
    QOM_TYPE: "device memory-backend",
}
_OF = {
    Live(BITMAP, "disk0"): "bm0 bm1 bm2",
    Live(BITMAP, "base0"): "bm0",
    Live(CHAIN, "disk0"): "base0",
    Live(CHAIN_FILE, "disk0"): "/images/base.img",
    Live(QOM_CHILD, "/"): "machine objects chardevs",
    Live(QOM_CHILD, "/machine"): "peripheral unattached",
    Live(QOM_CHILD, "/machine/peripheral"): "dev0",
    Live(QOM_PROPERTY, "/machine"): "type",
    Live(QOM_PROPERTY, "/machine/peripheral/dev0"): "type driver",
}
_DEVICE = [
    LiveName("netdev", "str"),
    LiveName("mac", "str"),
    LiveName("drive", "str"),
    LiveName("iothread", "link<iothread>"),
    LiveName("bootindex", "int32"),
    LiveName("addr", "int32, Slot and optional function number, example: 06.0 or 06"),
    LiveName("x.dotted", "bool, a switch"),
    LiveName("disable-modern", "bool, off by default"),
    LiveName("canbus1", "link<can-bus>"),
    LiveName("rerror", "OnError", choices=("report", "on", "auto"), default="auto"),
]


class FakeLive:
    """Knows everything at once; `asked` is what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Live] = []
        self.of_devices = _DEVICE

    def peek(self, want: Live) -> Sequence[LiveName]:
        return self.find(want) or ()

    def find(self, want: Live) -> Sequence[LiveName] | None:
        self.asked.append(want)
        if want.kind == DEVICE_PROPERTY:
            return self.of_devices
        if want == Live(QOM_PROPERTY, "/machine/unattached"):
            return [LiveName("realized", "bool"), LiveName("size", "uint64"), _DEVICE[-1]]
        names = _OF.get(want) or _NAMES.get(want.kind)
        return [LiveName(name, want.kind) for name in names.split()] if names else None


def files(prefix: str) -> list[tuple[str, str]]:
    """A file system with a folder /images, and one /run that has one of each."""
    folder = prefix.rpartition("/")[0]
    known = {
        "": [("images", DIRECTORY)],
        "/images": [("disk.img", REGULAR_FILE), (".hidden", REGULAR_FILE)],
        "/run": [
            ("vm10.log", REGULAR_FILE),
            ("vm9.log", REGULAR_FILE),
            ("z.sock", SOCKET),
            ("d10", DIRECTORY),
            ("Docs", DIRECTORY),
            ("d9", DIRECTORY),
            ("pts0", OTHER),
            ("a.sock", SOCKET),
        ],
    }
    return known.get(folder, [])


def known(server: str) -> Known:
    """What a shell knows that is connected to a captured server."""
    return Known(
        schema=schema(server),
        live=FakeLive(),
        files=files,
        local_commands=COMMANDS,
        find_local_mistake=mistake,
    )
