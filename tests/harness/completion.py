"""Realistic lines and fake live names for the tests and benchmarks of completion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qmpshell.complete import (
    DIRECTORY,
    OTHER,
    REGULAR_FILE,
    SOCKET,
    CompletionSources,
    LiveName,
    NameQuery,
)
from qmpshell.qmp import references as kinds
from qmpshell.session import COMMANDS, find_mistake
from tests.harness.schemas import schema

LINES = (Path(__file__).parents[1] / "data" / "completion-lines.txt").read_text().splitlines()

_NAMES = {
    kinds.NODE: "disk0 base0",
    kinds.BLOCK_DEVICE: "disk0 virtio0",
    kinds.JOB: "job0 job1",
    kinds.EXPORT: "exp1",
    kinds.CHARDEV: "chr0",
    kinds.NETDEV: "net0",
    kinds.OBJECT: "obj0 tls0 sec0 iot0 mem0",
    kinds.MEMORY_BACKEND: "mem0",
    kinds.IOTHREAD: "iot0",
    kinds.SECRET_OBJECT: "sec0",
    kinds.TLS_CREDS: "tls0",
    kinds.CAN_BUS: "can0",
    kinds.QDEV: "dev0 dev1",
    kinds.BUS: "pcie.0",
    kinds.CPU_MODEL: "qemu64 host",
    kinds.DEVICE_DRIVER: "virtio-net-pci virtio-blk-pci e1000",
    kinds.QOM_TYPE: "device memory-backend",
}
_OF = {
    NameQuery(kinds.BITMAP, "disk0"): "bm0 bm1 bm2",
    NameQuery(kinds.BITMAP, "base0"): "bm0",
    NameQuery(kinds.CHAIN, "disk0"): "base0",
    NameQuery(kinds.CHAIN_FILE, "disk0"): "/images/base.img",
    NameQuery(kinds.QOM_CHILD, "/"): "machine objects chardevs",
    NameQuery(kinds.QOM_CHILD, "/machine"): "peripheral unattached",
    NameQuery(kinds.QOM_CHILD, "/machine/peripheral"): "dev0",
    NameQuery(kinds.QOM_PROPERTY, "/machine"): "type",
    NameQuery(kinds.QOM_PROPERTY, "/machine/peripheral/dev0"): "type driver",
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
    """Live names that are known at once; `asked` lists the requested queries."""

    def __init__(self) -> None:
        self.asked: list[NameQuery] = []
        self.of_devices = _DEVICE

    def peek(self, name_query: NameQuery) -> Sequence[LiveName]:
        return self.find(name_query) or ()

    def find(self, name_query: NameQuery) -> Sequence[LiveName] | None:
        self.asked.append(name_query)
        if name_query.kind == kinds.DEVICE_PROPERTY:
            return self.of_devices
        if name_query == NameQuery(kinds.QOM_PROPERTY, "/machine/unattached"):
            return [LiveName("realized", "bool"), LiveName("size", "uint64"), _DEVICE[-1]]
        names = _OF.get(name_query) or _NAMES.get(name_query.kind)
        return [LiveName(name, name_query.kind) for name in names.split()] if names else None


def files(prefix: str) -> list[tuple[str, str]]:
    """Return the names in a fake file system with the directories /images and /run."""
    directory = prefix.rpartition("/")[0]
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
    return known.get(directory, [])


def known(server: str) -> CompletionSources:
    """Return the completion sources of a shell that is connected to a captured server."""
    return CompletionSources(
        schema=schema(server),
        live=FakeLive(),
        files=files,
        programs=lambda: ("cat", "jq", "less", "lessecho", "zcat"),
        shell_commands=COMMANDS,
        find_shell_mistake=find_mistake,
    )
