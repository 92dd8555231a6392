"""Tests of the names for completion that are parsed from replies of servers."""

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
    properties_query,
    queries_for,
    stale_after_event,
)
from qmpshell.qmp import references, references as kinds

DATA = Path(__file__).parents[1] / "data"
# Kinds of values that need no query.
NOT_LIVE = ("event", "file", "migration-uri", "qom-path", "")

KINDS = sorted(
    value
    for name, value in vars(references).items()
    if name.isupper() and name[0] != "_" and isinstance(value, str) and value not in NOT_LIVE
)


def captured(name: str) -> dict[LiveQuery, object]:
    """Return the replies of a real server, with None for an error."""
    entries = json.loads((DATA / f"live-{name}.json").read_text())
    return {
        LiveQuery(entry["execute"], entry["arguments"]): entry.get("return") for entry in entries
    }


MACHINES = {name: captured(name) for name in ("7.2", "10")}
DAEMONS = {name: captured(f"storage-daemon-{name}") for name in ("7.2", "10")}


def names_with_meta(
    known: Mapping[LiveQuery, object], kind: str, subject: str = ""
) -> dict[str, str]:
    return {
        live_name.name: live_name.meta
        for live_name in names_of_kind(NameQuery(kind, subject), known)
    }


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> dict[LiveQuery, object]:
    return MACHINES[request.param]


@pytest.fixture(params=DAEMONS)
def daemon(request: pytest.FixtureRequest) -> dict[LiveQuery, object]:
    return DAEMONS[request.param]


def test_each_name_kind_has_a_query() -> None:
    subjects = {kinds.QOM_CHILD: "/", kinds.QOM_PROPERTY: "/"}
    assert len(KINDS) > 20
    for kind in KINDS:
        assert queries_for(NameQuery(kind, subjects.get(kind, "x")), {}), kind
    assert queries_for(NameQuery("unheard-of"), {}) == []
    assert names_of_kind(NameQuery("unheard-of"), {}) == []


def test_block_nodes_show_driver_and_file(machine: dict[LiveQuery, object]) -> None:
    nodes = names_with_meta(machine, kinds.NODE)
    assert nodes["disk0"] == "qcow2, a.qcow2"
    assert nodes["file0"] == "file, a.qcow2"
    assert nodes["null2"] == "null-co"
    is_generated = [name.startswith("#") for name in nodes]
    assert is_generated == sorted(is_generated)
    assert any(is_generated)


def test_block_devices_include_nodes_and_guest_devices(machine: dict[LiveQuery, object]) -> None:
    devices = names_with_meta(machine, kinds.BLOCK_DEVICE)
    assert devices["drv0"] == "device, qcow2, b.qcow2"
    assert devices["hd0"] == "guest device, qcow2, b.qcow2"
    assert "/machine/peripheral/vd0/virtio-backend" in devices
    assert devices["disk0"] == "node, qcow2, a.qcow2"


def disk(name: str, driver: str, file: str, backing: str = "") -> dict[str, object]:
    optional = {"backing_file": backing} if backing else {}
    return {"node-name": name, "drv": driver, "file": file, **optional}


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
def test_backing_nodes_of_device_come_first(device: str) -> None:
    names = names_with_meta(CHAIN_ANSWERS, kinds.CHAIN, device)
    assert names["#block2"] == "backing, qcow2, middle"
    expected = ["#block2", "#block9", "by-json", "null", "other", "#block1", "#block3", "#block4"]
    assert list(names) == expected
    assert list(names_with_meta(CHAIN_ANSWERS, kinds.CHAIN_FILE, device)) == [
        "/middle",
        "/base",
        "/top",
        "/other",
    ]


def test_unknown_chain_offers_all_nodes_equally() -> None:
    assert list(names_with_meta(CHAIN_ANSWERS, kinds.CHAIN)) == list(
        names_with_meta(CHAIN_ANSWERS, kinds.NODE)
    )
    assert list(names_with_meta(CHAIN_ANSWERS, kinds.CHAIN, "zzz")) == list(
        names_with_meta(CHAIN_ANSWERS, kinds.NODE)
    )
    assert "other" not in names_with_meta(CHAIN_ANSWERS, kinds.CHAIN, "other")
    assert list(names_with_meta(CHAIN_ANSWERS, kinds.CHAIN_FILE)) == [
        "/base",
        "/middle",
        "/other",
        "/top",
    ]


def test_circular_backing_chain_is_followed_once() -> None:
    nodes = [disk("a", "qcow2", "/a", "/b"), disk("b", "qcow2", "/b", "/a")]
    assert list(names_with_meta({FLAT_NODES: nodes}, kinds.CHAIN, "a")) == ["b"]
    assert list(names_with_meta({FLAT_NODES: [disk("a", "raw", "")]}, kinds.CHAIN_FILE, "a")) == []


def test_jobs_bitmaps_snapshots_and_exports_are_named(machine: dict[LiveQuery, object]) -> None:
    assert names_with_meta(machine, kinds.JOB) == {"job0": "mirror, 25 %, running"}
    assert names_with_meta(machine, kinds.BITMAP, "disk0") == {"bm0": "granularity 64 KiB"}
    assert names_with_meta(machine, kinds.BITMAP) == {"bm0": "disk0, granularity 64 KiB"}
    assert names_with_meta(machine, kinds.BITMAP, "file0") == {}
    path = "/machine/peripheral/vd0/virtio-backend"
    assert names_with_meta(machine, kinds.SNAPSHOT, "disk0") == {"snap1": "id 1"}
    assert names_with_meta(machine, kinds.SNAPSHOT, path) == {"snap1": "id 1"}
    assert names_with_meta(machine, kinds.SNAPSHOT, "hd0") == {}
    assert names_with_meta(machine, kinds.EXPORT) == {"exp0": "nbd, null2"}


def test_backends_and_objects_are_named_by_kind(machine: dict[LiveQuery, object]) -> None:
    chardevs = names_with_meta(machine, kinds.CHARDEV)
    assert chardevs["nul0"] == "null"
    assert chardevs["m"] == "unix:/vm/s.sock,server=on"
    assert names_with_meta(machine, kinds.NETDEV) == {
        "net1": "user, net=10.0.2.0,restrict=off",
        "net0": "user, net=10.0.2.0,restrict=off",
    }
    objects = {"io0", "mem0", "pc.ram", "tg0", "sec0"}
    assert names_with_meta(machine, kinds.OBJECT).keys() == objects
    assert names_with_meta(machine, kinds.MEMORY_BACKEND).keys() == {"mem0", "pc.ram"}
    assert names_with_meta(machine, kinds.IOTHREAD) == {"io0": "iothread"}
    assert names_with_meta(machine, kinds.SECRET_OBJECT) == {"sec0": "secret"}


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        (kinds.THROTTLE_GROUP, "throttle-group"),
        (kinds.TLS_CREDS, "tls-creds-x509 tls-creds-anon tls-creds-psk"),
        (kinds.TLS_AUTHZ, "authz-simple authz-list authz-listfile authz-pam"),
        (kinds.PR_MANAGER, "pr-manager-helper"),
        (kinds.RNG, "rng-random rng-egd rng-builtin"),
        (kinds.CRYPTODEV, "cryptodev-backend cryptodev-backend-lkcf cryptodev-vhost-user"),
        (kinds.CAN_BUS, "can-bus"),
        (kinds.IOMMUFD, "iommufd"),
        (kinds.SECRET_OBJECT, "secret secret_keyring"),
        (kinds.IOTHREAD, "iothread"),
    ],
)
def test_object_kind_offers_only_matching_types(kind: str, types: str) -> None:
    all_types = [
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
    known = {
        OBJECTS: [
            {"name": f"the-{type_name}", "type": f"child<{type_name}>"} for type_name in all_types
        ]
    }
    assert set(names_with_meta(known, kind).values()) == set(types.split())
    assert len(names_with_meta(known, kinds.OBJECT)) == len(all_types)


def test_audio_and_tpm_backends_use_own_queries() -> None:
    audio = {LiveQuery("query-audiodevs"): [{"id": "snd0", "driver": "none"}]}
    assert names_with_meta(audio, kinds.AUDIODEV) == {"snd0": "none"}
    tpm = {LiveQuery("query-tpm"): [{"id": "tpm0", "model": "tpm-tis", "options": {}}]}
    assert names_with_meta(tpm, kinds.TPMDEV) == {"tpm0": "tpm-tis"}


def test_devices_and_buses_show_type_and_owner(machine: dict[LiveQuery, object]) -> None:
    devices = names_with_meta(machine, kinds.QDEV)
    anonymous = "/machine/peripheral-anon/device[0]"
    assert devices.keys() == {"usb0", "scsi0", "nic0", "rp0", "hd0", "vd0", anonymous}
    assert devices["vd0"] == "virtio-blk-pci"
    assert devices[anonymous] == "virtio-serial-pci"
    buses = names_with_meta(machine, kinds.BUS)
    assert buses["pcie.0"] == "PCIe bus on q35-pcihost"
    assert buses["rp0"] == "PCIe bus on rp0 (pcie-root-port)"
    assert buses["usb0.0"] == "usb-bus on usb0 (usb-ehci)"
    assert buses["scsi0.0"] == "SCSI bus on virtio-scsi-device"
    assert {"ide.0", "isa.0", "virtio-serial-bus.0"} <= buses.keys()
    assert not {"main-system-bus", "virtio-bus"} & buses.keys()


def test_block_qdev_offers_devices_with_block_backend(machine: dict[LiveQuery, object]) -> None:
    path = "/machine/peripheral/vd0/virtio-backend"
    assert names_with_meta(machine, kinds.BLOCK_QDEV) == {
        "hd0": "qcow2, b.qcow2",
        path: "qcow2, a.qcow2",
    }
    tray = {LiveQuery("query-block"): [{"device": "", "qdev": "cd0", "removable": True}]}
    assert names_with_meta(tray, kinds.BLOCK_QDEV) == {"cd0": "removable, empty"}


def test_display_kind_offers_only_display_devices() -> None:
    types = "pcie-root-port VGA virtio-gpu-pci virtio-blk-pci qxl cirrus-vga bochs-display ramfb"
    listed = [
        {"name": f"a-{type_name}", "type": f"child<{type_name}>"} for type_name in types.split()
    ]
    known = {LiveQuery("qom-list", {"path": "/machine/peripheral"}): listed}
    displays = names_with_meta(known, kinds.DISPLAY)
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
def test_bus_names_match_the_drivers_bus_type(
    machine: dict[LiveQuery, object], driver: str, expected: list[str]
) -> None:
    assert list(names_with_meta(machine, kinds.BUS, driver)) == expected


def test_unknown_bus_type_offers_all_buses(
    machine: dict[LiveQuery, object],
) -> None:
    everything = names_with_meta(machine, kinds.BUS)
    assert names_with_meta(machine, kinds.BUS, "no-such-driver") == everything
    assert names_with_meta(machine, kinds.BUS, "sd-card") == everything
    assert names_with_meta({**machine, DRIVERS_HELP: None}, kinds.BUS, "usb-kbd") == everything
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
    assert list(names_with_meta(known, kinds.BUS, "e1000")) == [
        *("bridge", "z-free", "a-full"),
        *("a-root", "a-switch", "a-pxb"),
    ]
    old = "\n".join(bus("main", "System", *device("i440FX-pcihost", *bus("pci.0", "PCI", *full))))
    assert list(names_with_meta({**known, TREE: old}, kinds.BUS, "e1000")) == ["pci.0", "a-full"]


def test_bus_queries_never_load_all_modules() -> None:
    properties = properties_query("e1000")
    assert queries_for(NameQuery(kinds.BUS, "e1000"), {}) == [TREE, properties]
    assert queries_for(NameQuery(kinds.BUS, "e1000"), {DRIVERS: []}) == [TREE]
    assert queries_for(NameQuery(kinds.BUS, ""), {}) == [TREE]
    known = {DRIVERS: [{"name": "e1000"}], DRIVERS_HELP: 'name "e1000", bus PCI\n'}
    assert queries_for(NameQuery(kinds.BUS, "e1000"), known) == [TREE]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("addr multifunction mac", ["rp0", "pcie.0"]),
        ("scsi-id lun drive", ["scsi0.0"]),
        ("port msos-desc", ["usb0.0"]),
    ],
)
def test_bus_names_match_the_drivers_properties(
    machine: dict[LiveQuery, object], names: str, expected: list[str]
) -> None:
    listed = [{"name": name, "type": "str"} for name in names.split()]
    known = {TREE: machine[TREE], properties_query("x"): listed}
    assert list(names_with_meta(known, kinds.BUS, "x")) == expected


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
    buses = names_of_kind(NameQuery(kinds.BUS, "e1000"), {TREE: tree})
    assert [(bus.name, bus.order) for bus in sorted(buses, key=lambda bus: bus.order)] == [
        ("free", 0),
        ("ide.0", 1),
        ("pcie.0", 2),
    ]


def test_driver_alias_queries_each_possible_driver() -> None:
    def asked(known: dict[LiveQuery, object]) -> list[object]:
        name_query = NameQuery(kinds.DEVICE_PROPERTY, "virtio-blk")
        return [query.arguments["typename"] for query in queries_for(name_query, known)]

    short = LiveQuery("device-list-properties", {"typename": "virtio-blk"})
    on_pci = LiveQuery("device-list-properties", {"typename": "virtio-blk-pci"})
    assert asked({}) == ["virtio-blk"]
    assert asked({short: None}) == ["virtio-blk", "virtio-blk-pci"]
    replies: dict[LiveQuery, object] = {short: None, on_pci: [{"name": "serial", "type": "str"}]}
    assert asked(replies) == ["virtio-blk", "virtio-blk-pci"]
    assert [
        prop.name for prop in names_of_kind(NameQuery(kinds.DEVICE_PROPERTY, "virtio-blk"), replies)
    ] == ["serial"]
    assert asked({DRIVERS: [{"name": "virtio-blk-device"}]}) == ["virtio-blk-device"]


def test_drivers_and_properties_show_their_types(machine: dict[LiveQuery, object]) -> None:
    drivers = names_with_meta(machine, kinds.DEVICE_DRIVER)
    assert drivers["e1000"] == "PCI, Intel Gigabit Ethernet"
    assert drivers["virtio-blk-pci"] == "PCI"
    assert drivers["virtio-blk"] == "alias of virtio-blk-pci, PCI"
    assert "ICH9-LPC" not in drivers  # "no-user"
    assert len(drivers) > 200
    direct = names_with_meta(machine, kinds.DEVICE_PROPERTY, "virtio-blk-pci")
    assert direct["romsize"] == "uint32, default 4294967295"
    assert direct["multifunction"] == "bool, default false"
    assert direct == names_with_meta(machine, kinds.DEVICE_PROPERTY, "virtio-blk")
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
def test_property_choices_come_from_its_description(
    type_name: str, description: str, choices: str
) -> None:
    query = LiveQuery("device-list-properties", {"typename": "x"})
    known = {query: [{"name": "p", "type": type_name, "description": description}]}
    (prop,) = names_of_kind(NameQuery(kinds.DEVICE_PROPERTY, "x"), known)
    assert prop.choices == tuple(choices.split())


def test_description_covers_all_properties_of_its_type() -> None:
    query = LiveQuery("device-list-properties", {"typename": "x"})
    tracking = {"name": "a", "type": "OnOffAuto", "description": "Track pages (DEBUG)"}
    plain = {"name": "b", "type": "OnOffAuto", "description": "on/off/auto"}
    properties = names_of_kind(NameQuery(kinds.DEVICE_PROPERTY, "x"), {query: [tracking, plain]})
    assert [prop.choices for prop in properties] == [("on", "off", "auto")] * 2


def test_only_enumerations_have_choices(machine: dict[LiveQuery, object]) -> None:
    listed = names_of_kind(NameQuery(kinds.DEVICE_PROPERTY, "virtio-blk-pci"), machine)
    by_name = {prop.name: prop for prop in listed}
    assert by_name["rerror"].choices == ("report", "ignore", "enospc", "stop", "auto")
    assert by_name["rerror"].default == "auto"
    types = {prop.meta.partition(",")[0] for prop in listed if prop.choices}
    assert types == {"OnOffAuto", "BlockdevOnError"}


def test_object_properties_come_from_its_type(machine: dict[LiveQuery, object]) -> None:
    path = "/machine/peripheral/vd0"
    own = LiveQuery("qom-list", {"path": path})
    known = {**machine, own: [{"name": "rerror", "type": "BlockdevOnError"}]}
    asked = queries_for(NameQuery(kinds.QOM_PROPERTY, path), known)
    assert [query.arguments for query in asked] == [
        {"path": path},
        {"path": "/machine/peripheral"},
        {"typename": "virtio-blk-pci"},
    ]
    (prop,) = names_of_kind(NameQuery(kinds.QOM_PROPERTY, path), known)
    assert prop.choices[:2] == ("report", "ignore")
    assert prop.default == "auto"
    unknown = {own: known[own]}
    assert not names_of_kind(NameQuery(kinds.QOM_PROPERTY, path), unknown)[0].choices
    assert len(queries_for(NameQuery(kinds.QOM_PROPERTY, "/"), known)) == 2


def test_bus_drivers_come_first_and_cpus_last(machine: dict[LiveQuery, object]) -> None:
    drivers = names_with_meta(machine, kinds.DEVICE_DRIVER)
    ordered = list(drivers)
    on_bus = [name for name in ordered if "PCI" in drivers[name] or "usb-bus" in drivers[name]]
    processors = [name for name in ordered if name.endswith("-cpu")]
    assert len(on_bus) > 100 and len(processors) > 50
    assert ordered[-len(processors) :] == processors
    assert ordered.index("nvdimm") > max(ordered.index(name) for name in on_bus)
    assert ordered.index("nvdimm") < ordered.index(processors[0])
    without_help = list(names_with_meta({**machine, DRIVERS_HELP: None}, kinds.DEVICE_DRIVER))
    assert without_help[-len(processors) :] == processors


def test_cpu_and_machine_types_come_last() -> None:
    types = [
        *({"name": name} for name in ("486-v1-x86_64-cpu", "pc-q35-7.2-machine")),
        *({"name": name} for name in ("cfi.pflash01", "PCI::conventional-pci-device", "tpm-tis")),
    ]
    ordered = list(names_with_meta({LiveQuery("qom-list-types"): types}, kinds.QOM_TYPE))
    assert ordered[:2] == ["cfi.pflash01", "tpm-tis"]


def test_cpu_models_and_qom_paths_show_types(machine: dict[LiveQuery, object]) -> None:
    models = names_with_meta(machine, kinds.CPU_MODEL)
    assert models["qemu64"] == "alias of qemu64-v1"
    assert models["host"] == "not fully supported"
    children = names_with_meta(machine, kinds.QOM_CHILD, "/machine")
    assert children["peripheral"] == "container"
    assert children["q35"] == "q35-pcihost"
    assert "kernel" not in children
    properties = names_with_meta(machine, kinds.QOM_PROPERTY, "/machine")
    assert properties["kernel"] == "string"
    assert "peripheral" not in properties
    assert names_with_meta(machine, kinds.QOM_CHILD, "/nosuch") == {}


def test_storage_daemon_names_only_its_own_kinds(daemon: dict[LiveQuery, object]) -> None:
    assert names_with_meta(daemon, kinds.NODE) == {"n0": "null-co"}
    assert names_with_meta(daemon, kinds.CHARDEV) == {"m": "unix:/vm/q.sock,server=on"}
    for kind in set(KINDS) - {kinds.NODE, kinds.CHAIN, kinds.CHARDEV, kinds.BLOCK_DEVICE}:
        assert names_with_meta(daemon, kind) == {}


# -- queries ---------------------------------------------------------------------------------------


def test_older_query_runs_after_newer_fails() -> None:
    query = NameQuery(kinds.NODE)
    assert queries_for(query, {}) == [FLAT_NODES]
    nested = LiveQuery("query-named-block-nodes")
    assert queries_for(query, {FLAT_NODES: None}) == [FLAT_NODES, nested]
    known = {FLAT_NODES: None, nested: [{"node-name": "a", "drv": "raw"}]}
    assert names_with_meta(known, kinds.NODE) == {"a": "raw"}
    old = LiveQuery("query-block-jobs")
    assert queries_for(NameQuery(kinds.JOB), {JOBS: None}) == [JOBS, old]
    job = {"device": "a", "type": "stream", "len": 10, "offset": 4}
    assert names_with_meta({JOBS: None, old: [job]}, kinds.JOB) == {"a": "stream, 40 %"}


def test_driver_help_query_follows_driver_list() -> None:
    query = NameQuery(kinds.DEVICE_DRIVER)
    assert queries_for(query, {}) == [DRIVERS]
    assert queries_for(query, {DRIVERS: None}) == [DRIVERS]
    assert queries_for(query, {DRIVERS: []}) == [DRIVERS, DRIVERS_HELP]
    assert names_with_meta({DRIVERS: [{"name": "x"}], DRIVERS_HELP: None}, kinds.DEVICE_DRIVER) == {
        "x": ""
    }


def queried_types(driver: str, known: dict[LiveQuery, object]) -> list[object]:
    asked = queries_for(NameQuery(kinds.DEVICE_PROPERTY, driver), known)
    assert all(query.command == "device-list-properties" for query in asked)
    return [query.arguments["typename"] for query in asked]


def test_only_possible_drivers_are_queried() -> None:
    assert queried_types("virtio-bl", {}) == ["virtio-bl"]
    for text in ("", "a b", "é", "x" * 129, '"', "a/b"):
        assert queried_types(text, {}) == []
    known = MACHINES["7.2"]
    assert queried_types("virtio-blk-pci", known) == ["virtio-blk-pci"]
    assert queried_types("virtio-blk", known) == ["virtio-blk-pci"]
    assert queried_types("e1000-82540em", known) == ["e1000"]
    assert queried_types("virtio-bl", known) == []
    assert queried_types("virtio-bl", {DRIVERS: None}) == ["virtio-bl"]


def test_invalid_path_or_type_is_not_queried() -> None:
    assert queries_for(NameQuery(kinds.QOM_CHILD, ""), {}) == []
    assert queries_for(NameQuery(kinds.QOM_PROPERTY, "/" + "x" * 1024), {}) == []
    assert queries_for(NameQuery(kinds.DEVICE_PROPERTY, "no type"), {}) == []


def test_end_of_path_is_queried_without_its_parent() -> None:
    """QEMU accepts it if only one object has it; the type of the object is unknown."""
    (query,) = queries_for(NameQuery(kinds.QOM_PROPERTY, "vd0"), {})
    assert query == LiveQuery("qom-list", {"path": "vd0"})


def test_query_lifetime_depends_on_its_command() -> None:
    assert FLAT_NODES.lifetime == JOBS.lifetime == 2.0
    assert NETWORK.lifetime == TREE.lifetime == LiveQuery("qom-list", {"path": "/"}).lifetime == 5.0
    assert (
        DRIVERS.lifetime
        is DRIVERS_HELP.lifetime
        is LiveQuery("query-cpu-definitions").lifetime
        is None
    )
    assert DRIVERS.loads_modules and DRIVERS_HELP.loads_modules
    assert not NETWORK.loads_modules


def test_queries_with_same_arguments_are_equal() -> None:
    other = LiveQuery("qom-list-types", {"abstract": False, "implements": "device"})
    assert other == DRIVERS
    assert hash(other) == hash(DRIVERS)
    assert LiveQuery("qom-list-types") != DRIVERS


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
def test_event_makes_related_answers_stale(event: str, commands: set[str]) -> None:
    stale = stale_after_event(event)
    assert stale is not None
    assert commands <= stale


def test_event_makes_all_or_no_answers_stale() -> None:
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
def test_may_change_is_true_for_modifying_commands(
    name: str, line: object, *, changes: bool
) -> None:
    assert may_change(name, line) is changes


# -- texts -----------------------------------------------------------------------------------------


def test_parse_netdevs_reads_backends_behind_hub() -> None:
    text = (
        "hub 0\r\n"
        " \\ p1: n1: index=0,type=user,net=10.0.2.0,restrict=off\r\n"
        " \\ p0: nic: index=0,type=nic,model=e1000\r\n"
        " \\ p2\r\n"
        "n2: index=0,type=tap\r\n"
        " \\ n3: index=0,type=socket,\r\n"
        "broken: index=\r\n"
    )
    assert [(netdev.name, netdev.type, netdev.about) for netdev in parse_netdevs(text)] == [
        ("p1", "hubport", "to n1"),
        ("n1", "user", "net=10.0.2.0,restrict=off"),
        ("p0", "hubport", "to nic"),
        ("p2", "hubport", ""),
        ("n2", "tap", ""),
        ("n3", "socket", ""),
        ("broken", "", ""),
    ]


def test_parse_buses_reads_nested_buses() -> None:
    text = (
        'bus: a\n  type A\n  dev: x, id ""\n    bus: b\n      type B\n  dev: y, id "i"\n    bus: c'
    )
    assert [
        (bus.name, bus.type, bus.owner, bus.above, bus.is_in_use) for bus in parse_buses(text)
    ] == [
        ("a", "A", "", "", True),
        ("b", "B", "x", "A", False),
        ("c", "", "i (y)", "A", False),
    ]


def test_driver_description_may_contain_quotes_and_keywords() -> None:
    text = 'name "a", bus PCI, alias "b", desc "say "x", no-user", no-user\r\nname "c"\r\n'
    first, second = parse_drivers(text)
    assert (first.name, first.bus, first.alias) == ("a", "PCI", "b")
    assert (first.desc, first.no_user) == ('say "x", no-user', True)
    assert (second.name, second.bus, second.desc, second.no_user) == ("c", "", "", False)


# -- random replies --------------------------------------------------------------------------------

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
def test_random_reply_gives_valid_names(kind: str, subject: str, value: object) -> None:
    known: dict[LiveQuery, object] = {}
    query = NameQuery(kind, subject)
    for _ in range(3):
        known |= dict.fromkeys(queries_for(query, known), value)
    listed: Any = names_of_kind(query, known)
    assert all(isinstance(live_name.name, str) and live_name.name for live_name in listed)
    assert all(isinstance(live_name.meta, str) for live_name in listed)
    assert len({live_name.name for live_name in listed}) == len(listed)


def test_too_long_number_is_omitted() -> None:
    number = 10**5000
    job = {"id": "j", "type": "t", "current-progress": number, "total-progress": number}
    assert names_with_meta({JOBS: [job]}, kinds.JOB) == {"j": "t"}
    query = LiveQuery("device-list-properties", {"typename": "x"})
    known = {query: [{"name": "p", "type": "int", "default-value": number}]}
    assert names_with_meta(known, kinds.DEVICE_PROPERTY, "x") == {"p": "int"}


def test_long_name_lists_are_truncated() -> None:
    nodes = [{"node-name": str(number)} for number in range(20_000)]
    assert len(names_with_meta({FLAT_NODES: nodes}, kinds.NODE)) == 10_000
