"""Names in what servers answered, and in what they might."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.complete import (
    DRIVERS,
    DRIVERS_HELP,
    FLAT_NODES,
    JOBS,
    NETWORK,
    OBJECTS,
    TREE,
    LiveQuery,
    NameQuery,
    may_change,
    names_of_kind,
    parse_buses,
    parse_drivers,
    parse_netdevs,
    queries_for,
    stale_after_event,
)
from qmpshell.qmp import (
    AUDIODEV,
    BITMAP,
    BLOCK_DEVICE,
    BLOCK_QDEV,
    BUS,
    CAN_BUS,
    CHAIN,
    CHAIN_FILE,
    CHARDEV,
    CPU_MODEL,
    CRYPTODEV,
    DEVICE_DRIVER,
    DEVICE_PROPERTY,
    DISPLAY,
    EXPORT,
    IOMMUFD,
    IOTHREAD,
    JOB,
    MEMORY_BACKEND,
    NETDEV,
    NODE,
    OBJECT,
    PR_MANAGER,
    QDEV,
    QOM_CHILD,
    QOM_PROPERTY,
    QOM_TYPE,
    RNG,
    SECRET_OBJECT,
    SNAPSHOT,
    THROTTLE_GROUP,
    TLS_AUTHZ,
    TLS_CREDS,
    TPMDEV,
    references,
)

DATA = Path(__file__).parents[1] / "data"
# The kinds of values whose names the server is not asked for.
NOT_LIVE = ("event", "file", "qom-path", "")

KINDS = sorted(
    value
    for name, value in vars(references).items()
    if name.isupper() and name[0] != "_" and isinstance(value, str) and value not in NOT_LIVE
)


def captured(name: str) -> dict[LiveQuery, object]:
    """Return what a real server replied, with None for an error."""
    entries = json.loads((DATA / f"live-{name}.json").read_text())
    return {LiveQuery(one["execute"], one["arguments"]): one.get("return") for one in entries}


MACHINES = {name: captured(name) for name in ("7.2", "10")}
DAEMONS = {name: captured(f"storage-daemon-{name}") for name in ("7.2", "10")}


def found(known: Mapping[LiveQuery, object], kind: str, subject: str = "") -> dict[str, str]:
    return {one.name: one.meta for one in names_of_kind(NameQuery(kind, subject), known)}


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> dict[LiveQuery, object]:
    return MACHINES[request.param]


@pytest.fixture(params=DAEMONS)
def daemon(request: pytest.FixtureRequest) -> dict[LiveQuery, object]:
    return DAEMONS[request.param]


def test_each_kind_has_a_question() -> None:
    subjects = {QOM_CHILD: "/", QOM_PROPERTY: "/"}
    assert len(KINDS) > 20
    for kind in KINDS:
        assert queries_for(NameQuery(kind, subjects.get(kind, "x")), {}), kind
    assert queries_for(NameQuery("unheard-of"), {}) == []
    assert names_of_kind(NameQuery("unheard-of"), {}) == []


def test_nodes(machine: dict[LiveQuery, object]) -> None:
    nodes = found(machine, NODE)
    assert nodes["disk0"] == "qcow2, a.qcow2"
    assert nodes["file0"] == "file, a.qcow2"
    assert nodes["null2"] == "null-co"
    made_up = [name.startswith("#") for name in nodes]
    assert made_up == sorted(made_up)
    assert any(made_up)


def test_block_devices(machine: dict[LiveQuery, object]) -> None:
    devices = found(machine, BLOCK_DEVICE)
    assert devices["drv0"] == "device, qcow2, b.qcow2"
    assert devices["hd0"] == "guest device, qcow2, b.qcow2"
    assert "/machine/peripheral/vd0/virtio-backend" in devices
    assert devices["disk0"] == "node, qcow2, a.qcow2"


def disk(name: str, driver: str, file: str, backing: str = "") -> dict[str, object]:
    below = {"backing_file": backing} if backing else {}
    return {"node-name": name, "drv": driver, "file": file, **below}


CHAIN_ANSWERS = {
    FLAT_NODES: [
        disk("#block1", "file", "/base"),
        disk("#block9", "qcow2", "/base"),
        disk("#block2", "qcow2", "/middle", "/base"),
        disk("#block3", "file", "/middle"),
        disk("top", "qcow2", "/top", "/middle"),
        disk("#block4", "file", "/top"),
        disk("other", "qcow2", "/other"),
        disk("null", "null-co", "null-co://"),
        disk("by-json", "qcow2", 'json:{"driver": "raw"}'),
    ],
    LiveQuery("query-block"): [
        {"device": "drv", "qdev": "hd", "inserted": disk("top", "qcow2", "/top", "/middle")}
    ],
}


@pytest.mark.parametrize("device", ["top", "drv", "hd"])
def test_nodes_below_a_device_come_first(device: str) -> None:
    below = found(CHAIN_ANSWERS, CHAIN, device)
    assert below["#block2"] == "backing, qcow2, middle"
    ours = ["#block2", "#block9", "by-json", "null", "other", "#block1", "#block3", "#block4"]
    assert list(below) == ours
    assert list(found(CHAIN_ANSWERS, CHAIN_FILE, device)) == ["/middle", "/base", "/top", "/other"]


def test_unknown_chain_offers_all_nodes_equally() -> None:
    assert list(found(CHAIN_ANSWERS, CHAIN)) == list(found(CHAIN_ANSWERS, NODE))
    assert list(found(CHAIN_ANSWERS, CHAIN, "zzz")) == list(found(CHAIN_ANSWERS, NODE))
    assert "other" not in found(CHAIN_ANSWERS, CHAIN, "other")
    assert list(found(CHAIN_ANSWERS, CHAIN_FILE)) == ["/base", "/middle", "/other", "/top"]


def test_a_chain_that_bites_its_tail_ends() -> None:
    nodes = [disk("a", "qcow2", "/a", "/b"), disk("b", "qcow2", "/b", "/a")]
    assert list(found({FLAT_NODES: nodes}, CHAIN, "a")) == ["b"]
    assert list(found({FLAT_NODES: [disk("a", "raw", "")]}, CHAIN_FILE, "a")) == []


def test_jobs_bitmaps_snapshots_and_exports(machine: dict[LiveQuery, object]) -> None:
    assert found(machine, JOB) == {"job0": "mirror, 25 %, running"}
    assert found(machine, BITMAP, "disk0") == {"bm0": "granularity 64 KiB"}
    assert found(machine, BITMAP) == {"bm0": "disk0, granularity 64 KiB"}
    assert found(machine, BITMAP, "file0") == {}
    path = "/machine/peripheral/vd0/virtio-backend"
    assert found(machine, SNAPSHOT, "disk0") == {"snap1": "id 1"}
    assert found(machine, SNAPSHOT, path) == {"snap1": "id 1"}
    assert found(machine, SNAPSHOT, "hd0") == {}
    assert found(machine, EXPORT) == {"exp0": "nbd, null2"}


def test_backends_and_objects(machine: dict[LiveQuery, object]) -> None:
    chardevs = found(machine, CHARDEV)
    assert chardevs["nul0"] == "null"
    assert chardevs["m"] == "unix:/vm/s.sock,server=on"
    assert found(machine, NETDEV) == {
        "net1": "user, net=10.0.2.0,restrict=off",
        "net0": "user, net=10.0.2.0,restrict=off",
    }
    objects = {"io0", "mem0", "pc.ram", "tg0", "sec0"}
    assert found(machine, OBJECT).keys() == objects
    assert found(machine, MEMORY_BACKEND).keys() == {"mem0", "pc.ram"}
    assert found(machine, IOTHREAD) == {"io0": "iothread"}
    assert found(machine, SECRET_OBJECT) == {"sec0": "secret"}


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        (THROTTLE_GROUP, "throttle-group"),
        (TLS_CREDS, "tls-creds-x509 tls-creds-anon tls-creds-psk"),
        (TLS_AUTHZ, "authz-simple authz-list authz-listfile authz-pam"),
        (PR_MANAGER, "pr-manager-helper"),
        (RNG, "rng-random rng-egd rng-builtin"),
        (CRYPTODEV, "cryptodev-backend cryptodev-backend-lkcf cryptodev-vhost-user"),
        (CAN_BUS, "can-bus"),
        (IOMMUFD, "iommufd"),
        (SECRET_OBJECT, "secret secret_keyring"),
        (IOTHREAD, "iothread"),
    ],
)
def test_only_objects_of_the_type_that_fits(kind: str, types: str) -> None:
    every = [
        "throttle-group",
        "tls-creds-x509",
        "tls-creds-anon",
        "tls-creds-psk",
        "tls-cipher-suites",
        "authz-simple",
        "authz-list",
        "authz-listfile",
        "authz-pam",
        "pr-manager-helper",
        "rng-random",
        "rng-egd",
        "rng-builtin",
        "cryptodev-backend",
        "cryptodev-backend-lkcf",
        "cryptodev-vhost-user",
        "can-bus",
        "iommufd",
        "secret",
        "secret_keyring",
        "iothread",
        "can-host-socketcan",
        "memory-backend-ram",
    ]
    known = {OBJECTS: [{"name": f"the-{one}", "type": f"child<{one}>"} for one in every]}
    assert set(found(known, kind).values()) == set(types.split())
    assert len(found(known, OBJECT)) == len(every)


def test_audio_and_tpm_backends_have_own_commands() -> None:
    audio = {LiveQuery("query-audiodevs"): [{"id": "snd0", "driver": "none"}]}
    assert found(audio, AUDIODEV) == {"snd0": "none"}
    tpm = {LiveQuery("query-tpm"): [{"id": "tpm0", "model": "tpm-tis", "options": {}}]}
    assert found(tpm, TPMDEV) == {"tpm0": "tpm-tis"}


def test_devices_and_buses(machine: dict[LiveQuery, object]) -> None:
    devices = found(machine, QDEV)
    anonymous = "/machine/peripheral-anon/device[0]"
    assert devices.keys() == {"usb0", "scsi0", "nic0", "rp0", "hd0", "vd0", anonymous}
    assert devices["vd0"] == "virtio-blk-pci"
    assert devices[anonymous] == "virtio-serial-pci"
    buses = found(machine, BUS)
    assert buses["pcie.0"] == "PCIe bus on q35-pcihost"
    assert buses["rp0"] == "PCIe bus on rp0 (pcie-root-port)"
    assert buses["usb0.0"] == "usb-bus on usb0 (usb-ehci)"
    assert buses["scsi0.0"] == "SCSI bus on virtio-scsi-device"
    assert {"ide.0", "isa.0", "virtio-serial-bus.0"} <= buses.keys()
    assert not {"main-system-bus", "virtio-bus"} & buses.keys()


def test_devices_with_a_block_backend(machine: dict[LiveQuery, object]) -> None:
    path = "/machine/peripheral/vd0/virtio-backend"
    assert found(machine, BLOCK_QDEV) == {
        "hd0": "qcow2, b.qcow2",
        path: "qcow2, a.qcow2",
    }
    tray = {LiveQuery("query-block"): [{"device": "", "qdev": "cd0", "removable": True}]}
    assert found(tray, BLOCK_QDEV) == {"cd0": "removable, empty"}


def test_devices_that_may_be_displays() -> None:
    types = "pcie-root-port VGA virtio-gpu-pci virtio-blk-pci qxl cirrus-vga bochs-display ramfb"
    listed = [{"name": f"a-{one}", "type": f"child<{one}>"} for one in types.split()]
    known = {LiveQuery("qom-list", {"path": "/machine/peripheral"}): listed}
    displays = found(known, DISPLAY)
    assert set(displays.values()) == set(types.split()) - {"pcie-root-port", "virtio-blk-pci"}


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("virtio-net-pci", ["rp0", "pcie.0"]),
        ("virtio-net", ["rp0", "pcie.0"]),
        ("usb-kbd", ["usb0.0"]),
        ("scsi-hd", ["scsi0.0"]),
        ("isa-serial", ["isa.0"]),
        ("ide-cd", [f"ide.{number}" for number in range(6)]),
        ("virtserialport", ["virtio-serial-bus.0"]),
    ],
)
def test_buses_that_a_driver_can_sit_on(
    machine: dict[LiveQuery, object], driver: str, expected: list[str]
) -> None:
    assert list(found(machine, BUS, driver)) == expected


def test_unknown_bus_type_offers_all_buses(
    machine: dict[LiveQuery, object],
) -> None:
    everything = found(machine, BUS)
    assert found(machine, BUS, "no-such-driver") == everything
    assert found(machine, BUS, "sd-card") == everything
    assert found({**machine, DRIVERS_HELP: None}, BUS, "usb-kbd") == everything
    assert len(everything) > 10


def test_hotpluggable_buses_come_first() -> None:
    def bus(name: str, type_name: str, *inside: str) -> list[str]:
        return [f"bus: {name}", f"  type {type_name}", *(f"  {line}" for line in inside)]

    def device(driver: str, *inside: str) -> list[str]:
        return [f'dev: {driver}, id ""', *(f"  {line}" for line in inside)]

    full = device("pcie-root-port", *bus("a-full", "PCIE", *device("e1000e")))
    free = device("pcie-root-port", *bus("z-free", "PCIE"))
    bridge = device("pci-bridge", *bus("bridge", "PCI", *device("e1000")))
    switch = device("x3130-upstream", *bus("a-switch", "PCIE"))
    root = bus("a-root", "PCIE", *full, *free, *bridge, *switch)
    expander = device("pxb-host", *bus("a-pxb", "pxb-pcie-bus"))
    tree = "\n".join(bus("main", "System", *device("q35-pcihost", *root), *expander))
    known = {TREE: tree, DRIVERS: [], DRIVERS_HELP: 'name "e1000", bus PCI\n'}
    assert list(found(known, BUS, "e1000")) == [
        *("bridge", "z-free", "a-full"),
        *("a-root", "a-switch", "a-pxb"),
    ]
    old = "\n".join(bus("main", "System", *device("i440FX-pcihost", *bus("pci.0", "PCI", *full))))
    assert list(found({**known, TREE: old}, BUS, "e1000")) == ["pci.0", "a-full"]


def test_bus_queries_never_load_modules() -> None:
    assert queries_for(NameQuery(BUS, "e1000"), {}) == [TREE]
    assert queries_for(NameQuery(BUS, "e1000"), {DRIVERS: []}) == [TREE]


def test_unknown_driver_bus_ranks_free_ports_first() -> None:
    tree = """bus: main-system-bus
  type System
  dev: q35-pcihost, id ""
    bus: pcie.0
      type PCIE
      dev: pcie-root-port, id "free"
        bus: free
          type PCIE
      dev: ich9-ahci, id ""
        bus: ide.0
          type IDE
"""
    buses = names_of_kind(NameQuery(BUS, "e1000"), {TREE: tree})
    assert [(one.name, one.order) for one in sorted(buses, key=lambda one: one.order)] == [
        ("free", 0),
        ("ide.0", 1),
        ("pcie.0", 2),
    ]


def test_driver_alias_queries_each_possible_driver() -> None:
    def asked(known: dict[LiveQuery, object]) -> list[object]:
        want = NameQuery(DEVICE_PROPERTY, "virtio-blk")
        return [one.arguments["typename"] for one in queries_for(want, known)]

    short = LiveQuery("device-list-properties", {"typename": "virtio-blk"})
    on_pci = LiveQuery("device-list-properties", {"typename": "virtio-blk-pci"})
    assert asked({}) == ["virtio-blk"]
    assert asked({short: None}) == ["virtio-blk", "virtio-blk-pci"]
    found: dict[LiveQuery, object] = {short: None, on_pci: [{"name": "serial", "type": "str"}]}
    assert asked(found) == ["virtio-blk", "virtio-blk-pci"]
    assert [one.name for one in names_of_kind(NameQuery(DEVICE_PROPERTY, "virtio-blk"), found)] == [
        "serial"
    ]
    assert asked({DRIVERS: [{"name": "virtio-blk-device"}]}) == ["virtio-blk-device"]


def test_drivers_and_their_properties(machine: dict[LiveQuery, object]) -> None:
    drivers = found(machine, DEVICE_DRIVER)
    assert drivers["e1000"] == "PCI, Intel Gigabit Ethernet"
    assert drivers["virtio-blk-pci"] == "PCI"
    assert drivers["virtio-blk"] == "alias of virtio-blk-pci, PCI"
    assert "ICH9-LPC" not in drivers  # "no-user"
    assert len(drivers) > 200
    direct = found(machine, DEVICE_PROPERTY, "virtio-blk-pci")
    assert direct["romsize"] == "uint32, default 4294967295"
    assert direct["multifunction"] == "bool, default false"
    assert direct == found(machine, DEVICE_PROPERTY, "virtio-blk")
    assert "type" not in direct


@pytest.mark.parametrize(
    ("type_name", "description", "choices"),
    [
        ("OnOffAuto", "on/off/auto", "on off auto"),
        ("BlockdevOnError", "Error handling policy (report/stop)", "report stop"),
        ("BlockdevOnError", "Error handling policy, report/stop/auto", "report stop auto"),
        ("PCIELinkSpeed", "2_5/5/8", "2_5 5 8"),
        ("MigMode", "Migration mode (normal/cpr-reboot)", "normal cpr-reboot"),
        ("bool", "on/off", ""),
        ("str", "a/b", ""),
        ("uint32", "one of (1/2)", ""),
        ("link<x>", "(a/b)", ""),
        ("OnOffAuto", "Disable dirty pages tracking (DEBUG)", ""),
        ("Mapping", 'a list [{"iothread":"<id>", "vqs":[1,2]}/...]', ""),
        ("Position", "Slot and/or function number", ""),
        ("Odd", "/", ""),
    ],
)
def test_values_that_a_description_spells_out(
    type_name: str, description: str, choices: str
) -> None:
    asked = LiveQuery("device-list-properties", {"typename": "x"})
    known = {asked: [{"name": "p", "type": type_name, "description": description}]}
    (one,) = names_of_kind(NameQuery(DEVICE_PROPERTY, "x"), known)
    assert one.choices == tuple(choices.split())


def test_description_covers_all_properties_of_its_type() -> None:
    asked = LiveQuery("device-list-properties", {"typename": "x"})
    tracking = {"name": "a", "type": "OnOffAuto", "description": "Track pages (DEBUG)"}
    plain = {"name": "b", "type": "OnOffAuto", "description": "on/off/auto"}
    found_here = names_of_kind(NameQuery(DEVICE_PROPERTY, "x"), {asked: [tracking, plain]})
    assert [one.choices for one in found_here] == [("on", "off", "auto")] * 2


def test_only_enumerations_have_choices(machine: dict[LiveQuery, object]) -> None:
    listed = names_of_kind(NameQuery(DEVICE_PROPERTY, "virtio-blk-pci"), machine)
    by_name = {one.name: one for one in listed}
    assert by_name["rerror"].choices == ("report", "ignore", "enospc", "stop", "auto")
    assert by_name["rerror"].default == "auto"
    types = {one.meta.partition(",")[0] for one in listed if one.choices}
    assert types == {"OnOffAuto", "BlockdevOnError"}


def test_object_properties_come_from_its_type(machine: dict[LiveQuery, object]) -> None:
    path = "/machine/peripheral/vd0"
    own = LiveQuery("qom-list", {"path": path})
    known = {**machine, own: [{"name": "rerror", "type": "BlockdevOnError"}]}
    asked = queries_for(NameQuery(QOM_PROPERTY, path), known)
    assert [one.arguments for one in asked] == [
        {"path": path},
        {"path": "/machine/peripheral"},
        {"typename": "virtio-blk-pci"},
    ]
    (one,) = names_of_kind(NameQuery(QOM_PROPERTY, path), known)
    assert one.choices[:2] == ("report", "ignore")
    assert one.default == "auto"
    unknown = {own: known[own]}
    assert not names_of_kind(NameQuery(QOM_PROPERTY, path), unknown)[0].choices
    assert len(queries_for(NameQuery(QOM_PROPERTY, "/"), known)) == 2


def test_bus_drivers_come_first_and_cpus_last(machine: dict[LiveQuery, object]) -> None:
    drivers = found(machine, DEVICE_DRIVER)
    ordered = list(drivers)
    sitting = [name for name in ordered if "PCI" in drivers[name] or "usb-bus" in drivers[name]]
    processors = [name for name in ordered if name.endswith("-cpu")]
    assert len(sitting) > 100 and len(processors) > 50
    assert ordered[-len(processors) :] == processors
    assert ordered.index("nvdimm") > max(ordered.index(name) for name in sitting)
    assert ordered.index("nvdimm") < ordered.index(processors[0])
    without_help = list(found({**machine, DRIVERS_HELP: None}, DEVICE_DRIVER))
    assert without_help[-len(processors) :] == processors


def test_crowded_types_come_last() -> None:
    types = [
        *({"name": name} for name in ("486-v1-x86_64-cpu", "pc-q35-7.2-machine")),
        *({"name": name} for name in ("cfi.pflash01", "PCI::conventional-pci-device", "tpm-tis")),
    ]
    ordered = list(found({LiveQuery("qom-list-types"): types}, QOM_TYPE))
    assert ordered[:2] == ["cfi.pflash01", "tpm-tis"]


def test_types_and_paths(machine: dict[LiveQuery, object]) -> None:
    models = found(machine, CPU_MODEL)
    assert models["qemu64"] == "alias of qemu64-v1"
    assert models["host"] == "not fully supported"
    children = found(machine, QOM_CHILD, "/machine")
    assert children["peripheral"] == "container"
    assert children["q35"] == "q35-pcihost"
    assert "kernel" not in children
    properties = found(machine, QOM_PROPERTY, "/machine")
    assert properties["kernel"] == "string"
    assert "peripheral" not in properties
    assert found(machine, QOM_CHILD, "/nosuch") == {}


def test_a_storage_daemon(daemon: dict[LiveQuery, object]) -> None:
    assert found(daemon, NODE) == {"n0": "null-co"}
    assert found(daemon, CHARDEV) == {"m": "unix:/vm/q.sock,server=on"}
    for kind in set(KINDS) - {NODE, CHAIN, CHARDEV, BLOCK_DEVICE}:
        assert found(daemon, kind) == {}


# -- what is asked ---------------------------------------------------------------------------------


def test_older_query_runs_after_newer_fails() -> None:
    want = NameQuery(NODE)
    assert queries_for(want, {}) == [FLAT_NODES]
    nested = LiveQuery("query-named-block-nodes")
    assert queries_for(want, {FLAT_NODES: None}) == [FLAT_NODES, nested]
    known = {FLAT_NODES: None, nested: [{"node-name": "a", "drv": "raw"}]}
    assert found(known, NODE) == {"a": "raw"}
    old = LiveQuery("query-block-jobs")
    assert queries_for(NameQuery(JOB), {JOBS: None}) == [JOBS, old]
    job = {"device": "a", "type": "stream", "len": 10, "offset": 4}
    assert found({JOBS: None, old: [job]}, JOB) == {"a": "stream, 40 %"}


def test_driver_help_needs_a_driver_command() -> None:
    want = NameQuery(DEVICE_DRIVER)
    assert queries_for(want, {}) == [DRIVERS]
    assert queries_for(want, {DRIVERS: None}) == [DRIVERS]
    assert queries_for(want, {DRIVERS: []}) == [DRIVERS, DRIVERS_HELP]
    assert found({DRIVERS: [{"name": "x"}], DRIVERS_HELP: None}, DEVICE_DRIVER) == {"x": ""}


def properties_asked(driver: str, known: dict[LiveQuery, object]) -> list[object]:
    asked = queries_for(NameQuery(DEVICE_PROPERTY, driver), known)
    assert all(one.command == "device-list-properties" for one in asked)
    return [one.arguments["typename"] for one in asked]


def test_only_possible_drivers_are_queried() -> None:
    assert properties_asked("virtio-bl", {}) == ["virtio-bl"]
    for text in ("", "a b", "é", "x" * 129, '"', "a/b"):
        assert properties_asked(text, {}) == []
    known = MACHINES["7.2"]
    assert properties_asked("virtio-blk-pci", known) == ["virtio-blk-pci"]
    assert properties_asked("virtio-blk", known) == ["virtio-blk-pci"]
    assert properties_asked("e1000-82540em", known) == ["e1000"]
    assert properties_asked("virtio-bl", known) == []
    assert properties_asked("virtio-bl", {DRIVERS: None}) == ["virtio-bl"]


def test_paths_are_asked_only_where_they_are_paths() -> None:
    assert queries_for(NameQuery(QOM_CHILD, "machine"), {}) == []
    assert queries_for(NameQuery(QOM_PROPERTY, "/" + "x" * 1024), {}) == []
    assert queries_for(NameQuery(DEVICE_PROPERTY, "no type"), {}) == []


def test_constant_answers_stay_valid() -> None:
    assert FLAT_NODES.life == JOBS.life == 2.0
    assert NETWORK.life == TREE.life == LiveQuery("qom-list", {"path": "/"}).life == 5.0
    assert DRIVERS.life is DRIVERS_HELP.life is LiveQuery("query-cpu-definitions").life is None
    assert DRIVERS.loads_modules and DRIVERS_HELP.loads_modules
    assert not NETWORK.loads_modules


def test_questions_are_equal_by_what_they_ask() -> None:
    other = LiveQuery("qom-list-types", {"abstract": False, "implements": "device"})
    assert other == DRIVERS
    assert hash(other) == hash(DRIVERS)
    assert LiveQuery("qom-list-types") != DRIVERS
    assert repr(NETWORK) == "LiveQuery('human-monitor-command', {'command-line': 'info network'})"


@pytest.mark.parametrize(
    ("event", "commands"),
    [
        ("JOB_STATUS_CHANGE", {"query-jobs", "query-named-block-nodes"}),
        ("BLOCK_EXPORT_DELETED", {"query-block-exports"}),
        ("DEVICE_TRAY_MOVED", {"query-block"}),
        ("NETDEV_STREAM_CONNECTED", {"human-monitor-command"}),
        ("VSERPORT_CHANGE", {"query-chardev"}),
    ],
)
def test_events_make_answers_doubtful(event: str, commands: set[str]) -> None:
    doubted = stale_after_event(event)
    assert doubted is not None
    assert commands <= doubted


def test_events_that_say_all_or_nothing() -> None:
    assert stale_after_event("DEVICE_DELETED") is None
    assert stale_after_event("RTC_CHANGE") == frozenset()


@pytest.mark.parametrize(
    ("name", "line", "changes"),
    [
        ("blockdev-add", None, True),
        ("query-block", None, False),
        ("qom-list", None, False),
        ("qom-set", None, True),
        ("human-monitor-command", "info block", False),
        ("human-monitor-command", "x/4i $pc", False),
        ("human-monitor-command", "", False),
        ("human-monitor-command", "device_del x", True),
        ("human-monitor-command", None, True),
    ],
)
def test_commands_that_may_change_something(name: str, line: object, *, changes: bool) -> None:
    assert may_change(name, line) is changes


# -- texts -----------------------------------------------------------------------------------------


def test_network_backends_behind_a_hub() -> None:
    text = (
        "hub 0\r\n"
        " \\ p1: n1: index=0,type=user,net=10.0.2.0,restrict=off\r\n"
        " \\ p0: nic: index=0,type=nic,model=e1000\r\n"
        " \\ p2\r\n"
        "n2: index=0,type=tap\r\n"
        " \\ n3: index=0,type=socket,\r\n"
        "broken: index=\r\n"
    )
    assert [(one.name, one.type, one.about) for one in parse_netdevs(text)] == [
        ("p1", "hubport", "to n1"),
        ("n1", "user", "net=10.0.2.0,restrict=off"),
        ("p0", "hubport", "to nic"),
        ("p2", "hubport", ""),
        ("n2", "tap", ""),
        ("n3", "socket", ""),
        ("broken", "", ""),
    ]


def test_buses_below_devices_below_buses() -> None:
    text = (
        'bus: a\n  type A\n  dev: x, id ""\n    bus: b\n      type B\n  dev: y, id "i"\n    bus: c'
    )
    assert [(one.name, one.type, one.owner, one.above, one.taken) for one in parse_buses(text)] == [
        ("a", "A", "", "", True),
        ("b", "B", "x", "A", False),
        ("c", "", "i (y)", "A", False),
    ]


def test_a_description_of_a_driver_may_say_anything() -> None:
    text = 'name "a", bus PCI, alias "b", desc "say "x", no-user", no-user\r\nname "c"\r\n'
    first, second = parse_drivers(text)
    assert (first.name, first.bus, first.alias) == ("a", "PCI", "b")
    assert (first.desc, first.no_user) == ('say "x", no-user', True)
    assert (second.name, second.bus, second.desc, second.no_user) == ("c", "", "", False)


# -- whatever comes --------------------------------------------------------------------------------

MEMBERS = st.sampled_from(
    [
        *("name", "type", "node-name", "drv", "file", "device", "qdev", "inserted", "id"),
        *("dirty-bitmaps", "granularity", "image", "snapshots", "current-progress", "ro"),
        *("total-progress", "status", "label", "filename", "default-value", "alias", "parent"),
        *("unavailable-features", "vm-state-size", "description", "len", "offset"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["child<x>", "link<", "child<>", "json:", "/", "#1", "bus: x\n  type"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=5),
    max_leaves=12,
)
LINES = st.lists(
    st.sampled_from(
        [
            *("bus: ", "  type ", "dev: a, id ", "  dev: ", ' \\ x: index=0,type="', 'name "'),
            *('name "a", bus', ', alias "x", desc "', '"', "\r\n", "\n", ": index=", "x"),
        ]
    ),
    max_size=20,
).map("".join)
SUBJECTS = st.sampled_from(["", "x", "/", "/x", "a", '"']) | st.text(max_size=5)


@given(st.sampled_from(KINDS), SUBJECTS, VALUES | LINES)
def test_whatever_is_answered_there_are_names_or_none(
    kind: str, subject: str, value: object
) -> None:
    known: dict[LiveQuery, object] = {}
    want = NameQuery(kind, subject)
    for _ in range(3):
        known |= dict.fromkeys(queries_for(want, known), value)
    listed: Any = names_of_kind(want, known)
    assert all(isinstance(one.name, str) and one.name for one in listed)
    assert all(isinstance(one.meta, str) for one in listed)
    assert len({one.name for one in listed}) == len(listed)


def test_too_long_number_is_omitted() -> None:
    number = 10**5000
    job = {"id": "j", "type": "t", "current-progress": number, "total-progress": number}
    assert found({JOBS: [job]}, JOB) == {"j": "t"}
    asked = LiveQuery("device-list-properties", {"typename": "x"})
    known = {asked: [{"name": "p", "type": "int", "default-value": number}]}
    assert found(known, DEVICE_PROPERTY, "x") == {"p": "int"}


def test_long_name_lists_are_truncated() -> None:
    nodes = [{"node-name": str(number)} for number in range(20_000)]
    assert len(found({FLAT_NODES: nodes}, NODE)) == 10_000
