"""Test the live names for completion with real servers."""

from __future__ import annotations

import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from qmpshell.complete import NameQuery
from qmpshell.qmp import references as kinds
from qmpshell.session import Effect, Send
from qmpshell.transport import connect_with_retries, parse_address
from tests.harness.servers import SYSTEM, Installation, Server, start_qemu, start_storage_daemon
from tests.harness.sessions import Driver

_TIMEOUT = 60.0


class Connected:
    """A session with a real server, and its name cache."""

    def __init__(self, server: Server) -> None:
        address = parse_address(server.address, exists=lambda _path: True)
        self._stream = connect_with_retries(
            address, wait=60.0, clock=time.monotonic, sleep=time.sleep
        )
        self._driver = Driver(interactive=True, greeted=False)
        self.session = self._driver.session
        self.cache = self.session.make_live_cache()
        self._until(lambda: self.session.connection.is_ready)

    def find(self, kind: str, subject: str = "") -> dict[str, str]:
        """Return the names with their descriptions after all queries are complete."""
        want = NameQuery(kind, subject)
        self.cache.find(want)
        self._perform(self.cache.send_queries(time.monotonic()))
        self._until(lambda: not self.session.state.sender.table)
        found = self.cache.find(want)
        assert found is not None
        return {name.name: name.meta for name in found}

    def line(self, text: str) -> None:
        prepared = self._driver.prepare(text)
        self._perform(self.session.submit(prepared, time.monotonic()))
        self._until(lambda: self.session.state.sender.table.oldest_user_request is None)
        assert self.session.status == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.close()

    def _until(self, done: object) -> None:
        assert callable(done)
        end = time.monotonic() + _TIMEOUT
        while not done():
            ready, _, _ = select.select([self._stream.fileno()], [], [], end - time.monotonic())
            assert ready
            data = self._stream.read()
            if data is not None:
                self._perform(self.session.receive(data, time.monotonic()))
                assert not self.session.lost

    def _perform(self, effects: list[Effect]) -> None:
        while effects:
            for effect in effects:
                if isinstance(effect, Send):
                    self._stream.write(effect.data)
            effects = self.cache.on_effects(effects, time.monotonic())


def make_image(installation: Installation, path: Path) -> Path:
    image = installation.program("qemu-img")
    subprocess.run([image, "create", "-q", "-f", "qcow2", str(path), "64M"], check=True)
    return path


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Connected]:
    """Start a machine with an object of each kind."""
    first, second = (make_image(installation, tmp_path / f"{name}.qcow2") for name in "ab")
    image = installation.program("qemu-img")
    subprocess.run([image, "snapshot", "-c", "before", str(first)], check=True)
    with (
        start_qemu(
            installation,
            tmp_path / "vm.sock",
            *("-object", "secret,id=sec0,data=x", "-object", "iothread,id=io0"),
            *("-object", "memory-backend-ram,id=mem0,size=16M"),
            *("-blockdev", f"qcow2,node-name=disk0,file.driver=file,file.filename={first}"),
            *("-drive", f"if=none,id=drv0,file={second},format=qcow2"),
            *("-chardev", "null,id=nul0"),
            *("-netdev", "user,id=net0", "-netdev", "hubport,id=port0,hubid=0"),
            *("-device", "virtio-blk-pci,drive=disk0,id=vd0,iothread=io0"),
            *(
                "-device",
                "ide-hd,drive=drv0,id=hd0",
                "-device",
                "virtio-net-pci,netdev=net0,id=nic0",
            ),
            *("-device", "pcie-root-port,id=rp0", "-device", "virtio-serial-pci"),
            machine="q35",
        ) as server,
        Connected(server) as connected,
    ):
        yield connected


def test_live_names_of_each_kind_are_found(machine: Connected) -> None:
    assert machine.find(kinds.NODE)["disk0"] == "qcow2, a.qcow2"
    assert {"drv0", "hd0", "disk0"} <= machine.find(kinds.BLOCK_DEVICE).keys()
    assert machine.find(kinds.SNAPSHOT, "disk0").keys() == {"before"}
    assert machine.find(kinds.CHARDEV)["nul0"] == "null"
    assert machine.find(kinds.NETDEV).keys() == {"net0", "port0"}
    assert {"sec0", "io0", "mem0"} <= machine.find(kinds.OBJECT).keys()
    assert "mem0" in machine.find(kinds.MEMORY_BACKEND)
    assert machine.find(kinds.IOTHREAD).keys() == {"io0"}
    assert machine.find(kinds.SECRET_OBJECT).keys() == {"sec0"}
    devices = machine.find(kinds.QDEV)
    assert devices["vd0"] == "virtio-blk-pci"
    assert devices["/machine/peripheral-anon/device[0]"] == "virtio-serial-pci"
    buses = machine.find(kinds.BUS)
    assert buses["pcie.0"].startswith("PCIe bus")
    assert {"rp0", "ide.0", "virtio-serial-bus.0"} <= buses.keys()
    assert {"max", "qemu64"} <= machine.find(kinds.CPU_MODEL).keys()
    assert "serial" in machine.find(kinds.DEVICE_PROPERTY, "virtio-blk-pci")
    assert machine.find(kinds.DEVICE_PROPERTY, "no-such-driver") == {}
    assert {"machine", "objects"} <= machine.find(kinds.QOM_CHILD, "/").keys()
    assert "vd0" in machine.find(kinds.QOM_CHILD, "/machine/peripheral")
    assert (
        machine.find(kinds.QOM_CHILD, "/machine/peripheral/vd0")["iothread"] == "link to iothread"
    )
    assert machine.find(kinds.QOM_PROPERTY, "/machine/peripheral/vd0")["realized"] == "bool"
    assert machine.find(kinds.QOM_CHILD, "/no/such") == {}
    assert "rerror" in machine.find(kinds.QOM_PROPERTY, "/machine/peripheral/vd0")
    listed = machine.cache.find(NameQuery(kinds.QOM_PROPERTY, "/machine/peripheral/vd0")) or ()
    choices = {name.name: name.choices for name in listed}
    assert choices["rerror"] == ("report", "ignore", "enospc", "stop", "auto")
    assert choices["disable-legacy"] == ("on", "off", "auto")
    assert machine.find(kinds.BLOCK_QDEV).keys() == {
        *("hd0", "/machine/peripheral/vd0/virtio-backend")
    }
    assert machine.find(kinds.AUDIODEV) == machine.find(kinds.TPMDEV) == {}
    assert machine.find(kinds.JOB) == machine.find(kinds.EXPORT) == {}
    assert "info" in machine.find(kinds.HUMAN_COMMAND)


def test_chain_names_follow_the_backing_files(machine: Connected, tmp_path: Path) -> None:
    overlay, base = tmp_path / "overlay.qcow2", tmp_path / "a.qcow2"
    machine.line(
        f"blockdev-snapshot-sync node-name=disk0 snapshot-file={overlay} snapshot-node-name=top"
    )
    assert next(iter(machine.find(kinds.CHAIN, "top"))) == "disk0"
    assert list(machine.find(kinds.CHAIN_FILE, "top"))[:2] == [str(base), str(overlay)]


def test_live_names_include_newly_created_objects(machine: Connected) -> None:
    assert "new" not in machine.find(kinds.NODE)
    assert machine.find(kinds.BITMAP, "disk0") == machine.find(kinds.JOB) == {}
    machine.line("blockdev-add driver=null-co node-name=new size=67108864")
    assert machine.find(kinds.NODE)["new"] == "null-co"
    machine.line("block-dirty-bitmap-add node=disk0 name=bits")
    assert machine.find(kinds.BITMAP, "disk0") == {"bits": "granularity 64 KiB"}
    machine.line("blockdev-mirror job-id=job0 device=disk0 target=new sync=full speed=1")
    assert machine.find(kinds.JOB)["job0"].startswith("mirror, ")
    machine.line("netdev_add type=user id=net1")
    assert "net1" in machine.find(kinds.NETDEV)
    machine.line("object-add qom-type=iothread id=io1")
    assert "io1" in machine.find(kinds.IOTHREAD)
    machine.line("/hmp chardev-add null,id=nul1")
    assert "nul1" in machine.find(kinds.CHARDEV)
    machine.line("device_add driver=virtio-scsi-pci id=scsi1 bus=rp0")
    assert "scsi1.0" in machine.find(kinds.BUS)
    assert "scsi1" in machine.find(kinds.QDEV)


def test_live_names_of_storage_daemon_are_found(installation: Installation, tmp_path: Path) -> None:
    with (
        start_storage_daemon(installation, tmp_path / "qsd.sock") as server,
        Connected(server) as daemon,
    ):
        daemon.line("blockdev-add driver=null-co node-name=n size=1048576")
        daemon.line("object-add qom-type=secret id=s data=x")
        assert daemon.find(kinds.NODE) == {"n": "null-co"}
        assert daemon.find(kinds.CHARDEV).keys() == {"m"}
        assert daemon.find(kinds.OBJECT) == daemon.find(kinds.SECRET_OBJECT) == {"s": "secret"}
        assert "objects" in daemon.find(kinds.QOM_CHILD, "/")
        daemon.line(f"nbd-server-start addr.type=unix addr.data.path={tmp_path}/nbd")
        daemon.line("block-export-add type=nbd id=e node-name=n")
        assert daemon.find(kinds.EXPORT) == {"e": "nbd, n"}
        for kind in (kinds.NETDEV, kinds.QDEV, kinds.BUS, kinds.CPU_MODEL, kinds.JOB):
            assert daemon.find(kind) == {}
        assert daemon.find(kinds.DEVICE_PROPERTY, "virtio-blk-pci") == {}


def test_device_drivers_of_system_qemu_are_found(tmp_path: Path) -> None:
    """Use only the system's QEMU: an unpacked QEMU finds modules of another build."""
    with start_qemu(SYSTEM, tmp_path / "vm.sock") as server, Connected(server) as connected:
        drivers = connected.find(kinds.DEVICE_DRIVER)
        assert drivers["e1000"] == "PCI, Intel Gigabit Ethernet"
        assert drivers["virtio-blk"] == "alias of virtio-blk-pci, PCI"
        assert "q35-pcihost" not in drivers  # users cannot create this type
        assert "serial" in connected.find(kinds.DEVICE_PROPERTY, "virtio-blk")
        assert connected.find(kinds.DEVICE_PROPERTY, "virtio-bl") == {}
        assert "iothread" in connected.find(kinds.QOM_TYPE)
