"""Test device and QOM commands on real machines: property types, hot-plug and hot-unplug."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.exchange import (
    complaints,
    events,
    replies,
    returns,
    script,
    sent,
    sent_arguments,
)
from tests.harness.program import run
from tests.harness.servers import Installation, Server, start_qemu


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    """Start a q35 machine with the buses rp0 to rp3, vs0.0, scsi0.0, ehci.0, and a node n0."""
    ports = [f"pcie-root-port,id=rp{number},chassis={number + 1}" for number in range(4)]
    controllers = ["virtio-serial-pci,id=vs0", "virtio-scsi-pci,id=scsi0", "usb-ehci,id=ehci"]
    with start_qemu(
        installation,
        tmp_path / "vm.sock",
        *(argument for device in ports + controllers for argument in ("-device", device)),
        *("-blockdev", "driver=null-co,node-name=n0,size=1048576,read-zeroes=on"),
        machine="q35",
    ) as server:
        yield server


def test_driver_alias_has_types_of_its_target(machine: Server) -> None:
    result = run(
        "-v",
        machine.address,
        input=script("device_add driver=virtio-net id=net0 bus=rp0 mq=on vectors=0x4"),
    )
    assert (result.status, returns(result)) == (0, [{}])
    (net,) = sent_arguments(result)
    assert (net["driver"], net["mq"], net["vectors"]) == ("virtio-net", True, 4)


def test_device_properties_get_types_of_the_driver(machine: Server) -> None:
    result = run(
        "-v",
        machine.address,
        input=script(
            "device_add driver=virtio-net-pci id=net0 bus=rp0 mac=52:54:00:12:34:56 mq=on"
            " vectors=0x4 speed=1000 addr=0",
            "device_add id=rng0 bus=rp1 max-bytes=64k period=0x10 addr=0.0 driver=virtio-rng-pci",
            "device_add driver=scsi-hd id=hd0 drive=n0 bus=scsi0.0 scsi-id=1 lun=2 serial=007"
            " removable=yes discard_granularity=4k bootindex=-1",
            "device_add driver=virtserialport id=port0 bus=vs0.0 nr=1 name=5",
            "device_add driver=usb-tablet id=tablet0 bus=ehci.0 port=1 msos-desc=off",
        ),
    )
    assert (result.status, returns(result)) == (0, [{}] * 5)
    assert complaints(result) == []
    net, rng, hd, port, tablet = sent_arguments(result)
    assert net["mac"] == "52:54:00:12:34:56"
    assert (net["mq"], net["vectors"], net["speed"]) == (True, 4, 1000)
    assert (net["addr"], rng["addr"]) == ("0", "0.0")
    assert (rng["max-bytes"], rng["period"]) == (65536, 16)
    assert (hd["scsi-id"], hd["lun"], hd["serial"], hd["bootindex"]) == (1, 2, "007", -1)
    assert (hd["removable"], hd["discard_granularity"]) == (True, 4096)
    assert (port["nr"], port["name"]) == (1, "5")
    assert (tablet["port"], tablet["msos-desc"]) == ("1", False)
    read = run(
        machine.address,
        input=script(
            f"qom-get path=/machine/peripheral/{path} property={name}"
            for path, name in (
                ("net0", "mac"),
                ("net0", "mq"),
                ("net0", "vectors"),
                ("rng0", "max-bytes"),
                ("hd0", "serial"),
                ("hd0", "discard_granularity"),
                ("port0", "name"),
            )
        ),
    )
    assert returns(read) == ["52:54:00:12:34:56", True, 4, 65536, "007", 4096, "5"]


def test_unparsable_device_values_are_sent_as_typed(machine: Server) -> None:
    result = run(
        "-v",
        machine.address,
        input=script(
            "device_add driver=virtio-rng-pci bus=rp0 max-bytes=many",
            "device_add driver=virtio-rng-pci bus=rp0 no-such-property=5",
            "device_add driver=no-such-device bus=rp0 a=5 b=on",
            "device_add bus=rp0 driver=",
        ),
    )
    assert result.status == 1
    assert [sorted(reply) for reply in replies(result)] == [["error"]] * 4
    assert sent_arguments(result) == [
        {"driver": "virtio-rng-pci", "bus": "rp0", "max-bytes": "many"},
        {"driver": "virtio-rng-pci", "bus": "rp0", "no-such-property": 5},
        {"driver": "no-such-device", "bus": "rp0", "a": 5, "b": "on"},
        {"bus": "rp0", "driver": ""},
    ]


def test_numeric_device_id_stays_a_string(machine: Server) -> None:
    result = run(
        "-v",
        machine.address,
        input="device_add driver=virtio-rng-pci bus=rp0 id=5\ndevice_del id=5\n",
    )
    assert [arguments["id"] for arguments in sent_arguments(result)] == ["5", "5"]


def test_pci_address_is_sent_as_text(installation: Installation, tmp_path: Path) -> None:
    bridge = ("-device", "pcie-root-port,id=rp0", "-device", "pcie-pci-bridge,id=br0,bus=rp0")
    with start_qemu(installation, tmp_path / "vm.sock", *bridge, machine="q35") as server:
        result = run(
            server.address,
            input=script(
                "device_add driver=virtio-rng-pci bus=br0 id=r0 addr=10",
                "device_add driver=virtio-rng-pci bus=br0 id=r1 addr=0x5",
                "device_add driver=virtio-rng-pci bus=br0 id=r2 addr=7.0",
                [f"qom-get path=/machine/peripheral/r{n} property=addr" for n in range(3)],
            ),
        )
    assert result.status == 0
    assert [value >> 3 if isinstance(value, int) else value for value in returns(result)[3:]] == [
        0x10,
        0x5,
        0x7,
    ]


def test_device_del_without_guest_sends_event(machine: Server) -> None:
    devices = {
        "port0": "driver=virtserialport bus=vs0.0",
        "hd0": "driver=scsi-hd bus=scsi0.0 drive=n0",
        "tablet0": "driver=usb-tablet bus=ehci.0",
    }
    result = run(
        machine.address,
        input=script(
            line
            for name, device in devices.items()
            for line in (
                f"device_add {device} id={name}",
                f"device_del id={name}",
                f"/wait -t 60 DEVICE_DELETED device={name} path=/machine/peripheral/{name}",
            )
        ),
    )
    assert (result.status, result.err) == (0, "")
    assert [data["device"] for data in events(result, "DEVICE_DELETED")] == list(devices)


def test_device_del_completes_after_system_reset(machine: Server) -> None:
    result = run(
        machine.address,
        input=script(
            "device_add driver=virtio-net-pci id=net0 bus=rp0",
            "device_del id=net0",
            "/wait -t 0.1 DEVICE_DELETED device=net0",
            "system_reset",
            "/wait -t 60 DEVICE_DELETED device=net0",
            "qom-list path=/machine/peripheral",
        ),
    )
    assert result.status == 1
    assert result.err == "stdin:3:1: no DEVICE_DELETED with device=net0 within 0.1 s\n"
    assert "net0" not in [item["name"] for item in returns(result)[-1]]


def test_memory_and_cpu_can_be_hot_plugged(installation: Installation, tmp_path: Path) -> None:
    with start_qemu(
        installation,
        tmp_path / "vm.sock",
        *("-m", "64M,slots=2,maxmem=256M", "-smp", "1,sockets=2,maxcpus=2"),
        machine="q35",
    ) as server:
        result = run(
            "-v",
            server.address,
            input=script(
                "object-add qom-type=memory-backend-ram id=mem0 size=128M",
                "device_add driver=pc-dimm id=dimm0 memdev=mem0 slot=0x1",
                "device_add driver=qemu64-x86_64-cpu id=cpu1 socket-id=1 core-id=0 thread-id=0",
                "query-memory-devices",
                "query-cpus-fast",
            ),
        )
    *_, memory, processors = returns(result)
    assert (memory[0]["data"]["size"], memory[0]["data"]["slot"]) == (128 << 20, 1)
    assert len(processors) == 2
    assert sent_arguments(result)[2]["socket-id"] == 1


# -- errors and hints ------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["device-add", "device_ad", "devcie_add"])
def test_command_typo_gets_a_hint(machine: Server, typed: str) -> None:
    result = run("-v", machine.address, input=f"  {typed} driver=virtio-rng-pci bus=rp0\n")
    assert result.status == 1
    assert replies(result)[0]["error"]["class"] == "CommandNotFound"
    assert [command["execute"] for command in sent(result)] == [typed]
    assert complaints(result) == ["stdin:1:3: did you mean device_add?"]


def test_id_without_key_gets_a_hint(machine: Server) -> None:
    result = run("-v", machine.address, input="device_del net1\n")
    assert (result.status, result.out, sent(result)) == (1, "", [])
    assert "did you mean id=net1?" in result.err


# -- QOM ------------------------------------------------------------------------------------------


def read_back(path: str, name: str, value: str) -> list[str]:
    place = f"path={path} property={name}"
    return [f"qom-set {place} value={value}", f"qom-get {place}"]


def test_qom_set_uses_the_property_type(machine: Server) -> None:
    cases: list[tuple[str, str, str, Any]] = [
        ("/machine", "hpet", "off", False),
        ("/machine", "usb", "yes", True),
        ("/machine", "append", "5", "5"),
        ("/machine", "append", "on", "on"),
        ("/machine", "append", "", ""),
        ("/machine", "acpi", "on", "on"),
        ("/machine", "max-ram-below-4g", "2G", 2 << 30),
        ("/machine/peripheral/hd0", "bootindex", "0x7", 7),
        ("/objects/mem0", "merge", "False", False),
        ("/objects/mem0", "policy", "default", "default"),
    ]
    result = run(
        machine.address,
        input=script(
            "device_add driver=scsi-hd id=hd0 drive=n0 bus=scsi0.0",
            "object-add qom-type=memory-backend-ram id=mem0 size=1M",
            *(read_back(path, name, value) for path, name, value, _ in cases),
        ),
    )
    assert (result.status, result.err) == (0, "")
    assert returns(result)[3::2] == [value for *_, value in cases]


def test_qom_set_accepts_struct_values(installation: Installation, tmp_path: Path) -> None:
    with start_qemu(installation, tmp_path / "vm.sock") as server:
        limits = "path=/objects/tg property=limits"
        result = run(
            server.address,
            input=script(
                "object-add qom-type=throttle-group id=tg",
                f"qom-set {limits} value={{'iops-total': 5}}",
                f"qom-set {limits} value.bps-read=64 value.bps-write=65536",
                f'qom-set {limits} value:={{"iops-size": 512}}',
                f"qom-get {limits}",
                "qom-set path=/no/such property=x value=5",
            ),
        )
    *_, found, error = replies(result)
    assert error["error"]["class"] in ("DeviceNotFound", "GenericError")
    expected = {"iops-total": 5, "bps-read": 64, "bps-write": 65536, "iops-size": 512}
    assert {name: found["return"][name] for name in expected} == expected
