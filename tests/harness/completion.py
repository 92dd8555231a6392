"""What completion is tested and measured with.

Owns: realistic lines, and a server's live names that go with them. Must not know: what is offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qmpshell.commands.check import mistake
from qmpshell.commands.registry import COMMANDS
from qmpshell.complete import live
from qmpshell.complete.file_kinds import FILE, FOLDER, OTHER, SOCKET
from qmpshell.complete.known import Known
from qmpshell.complete.live import Live, LiveName
from tests.harness.schemas import schema

LINES = (Path(__file__).parents[1] / "data" / "completion-lines.txt").read_text().splitlines()

_NAMES = {
    live.NODE: "disk0 base0",
    live.BLOCK_DEVICE: "disk0 virtio0",
    live.JOB: "job0 job1",
    live.EXPORT: "exp1",
    live.CHARDEV: "chr0",
    live.NETDEV: "net0",
    live.OBJECT: "obj0 tls0 sec0 iot0 mem0",
    live.MEMORY_BACKEND: "mem0",
    live.IOTHREAD: "iot0",
    live.SECRET_OBJECT: "sec0",
    live.TLS_CREDS: "tls0",
    live.CAN_BUS: "can0",
    live.QDEV: "dev0 dev1",
    live.BUS: "pcie.0",
    live.CPU_MODEL: "qemu64 host",
    live.DEVICE_DRIVER: "virtio-net-pci virtio-blk-pci e1000",
    live.QOM_TYPE: "device memory-backend",
}
_OF = {
    Live(live.BITMAP, "disk0"): "bm0 bm1 bm2",
    Live(live.BITMAP, "base0"): "bm0",
    Live(live.CHAIN, "disk0"): "base0",
    Live(live.CHAIN_FILE, "disk0"): "/images/base.img",
    Live(live.QOM_CHILD, "/"): "machine objects chardevs",
    Live(live.QOM_CHILD, "/machine"): "peripheral unattached",
    Live(live.QOM_CHILD, "/machine/peripheral"): "dev0",
    Live(live.QOM_PROPERTY, "/machine"): "type",
    Live(live.QOM_PROPERTY, "/machine/peripheral/dev0"): "type driver",
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
        if want.kind == live.DEVICE_PROPERTY:
            return self.of_devices
        if want == Live(live.QOM_PROPERTY, "/machine/unattached"):
            return [LiveName("realized", "bool"), LiveName("size", "uint64"), _DEVICE[-1]]
        names = _OF.get(want) or _NAMES.get(want.kind)
        return [LiveName(name, want.kind) for name in names.split()] if names else None


def files(prefix: str) -> list[tuple[str, str]]:
    """A file system with a folder /images, and one /run that has one of each."""
    folder = prefix.rpartition("/")[0]
    known = {
        "": [("images", FOLDER)],
        "/images": [("disk.img", FILE), (".hidden", FILE)],
        "/run": [
            ("vm10.log", FILE),
            ("vm9.log", FILE),
            ("z.sock", SOCKET),
            ("d10", FOLDER),
            ("Docs", FOLDER),
            ("d9", FOLDER),
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
