"""The views of `info` show the facts that the human monitor shows, on the same machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpshell import Connection, connect
from tests.harness.machines import make_busy, start_machine
from tests.harness.servers import INSTALLATIONS, Installation, start_qemu
from tests.harness.views import ask_server, run_view

_VD0 = "/machine/peripheral/vd0/virtio-backend"

# By view: the words of the human monitor that are labels or units, and those that have another form.
_LABELS = {
    "balloon": "balloon",
    # QMP has these limits only if they are set.
    "block": "bps-max bps-rd-max bps-wr-max iops-max iops-rd-max iops-size iops-wr-max",
    "block -n": "",
    "block -v top": "actual bits bytes compression disk extended images information l2 lazy path"
    " refcount refcounts specific virtual",
    "block-jobs": "bytes completed device limit of type",
    # It is absent in QMP until the device was used.
    "blockstats": "idle-time-ns",
    "chardev": "",
    "cpus": "",
    "cryptodev": "",
    "dirty_rate": "dirty gb ms not pages per period rate ready sample sec start time",
    "dump": "",
    "hotpluggable-cpus": "cpuinstance cpus hotpluggable properties type",
    "iothreads": "",
    "irq": "",
    "kvm": "",
    "memdev": "backend host memory nodes",
    "memory-devices": "",
    "memory_size_summary": "",
    "mice": "",
    # QMP has no globals.
    "migrate": "18 blocked clear-bitmap-shift decompress-error-check globals migration off on"
    " only-migratable outgoing send-configuration send-section-footer send-switchover-start"
    " store-global-state",
    "migrate_capabilities": "",
    "migrate_parameters": "bytes mb off on second",
    "name": "",
    # QMP has no network backends.
    "network": "\\ index socket udp 127.0.0.1 9",
    "numa": "",
    "pic": "",
    "qtree -b": "dev type",
    "ramblock": "",
    "replay": "active is not record replay",
    "roms": "",
    "sev": "is not sev",
    "snapshots": "-- all clock disks icount list non-loadable none of on partial present size"
    " snapshots vm",
    "spice": "disabled server",
    "stats cryptodev": "provider",
    "status": "",
    "tpm": "",
    "trace-events qcow2_*": "0 state",
    "usb": "",
    "uuid": "",
    "vcpu_dirty_limit": "enabled! limit not page",
    "virtio": "",
    f"virtio-status {_VD0}": "backend device-name endianness guest host machine null peripheral"
    " unknown-features vd0 virtio-backend",
    f"virtio-queue-status {_VD0} 0": "align avail desc device-name machine num num-default"
    " peripheral used vd0 virtio-backend vring",
    "vm-generation-id": "",
    "vnc": "sub",
}


@pytest.fixture(scope="module", params=INSTALLATIONS, ids=lambda version: str(version.name))
def machine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Installation, Connection]]:
    """Start a machine with many devices and some jobs."""
    directory: Path = tmp_path_factory.mktemp("m")
    with (
        start_machine(request.param, directory) as server,
        connect(server.address, wait=60) as qmp,
    ):
        make_busy(qmp, directory)
        yield request.param, qmp


def human(qmp: Connection, line: str) -> str:
    text = qmp.execute("human-monitor-command", {"command-line": f"info {line}"})
    assert isinstance(text, str)
    return text.replace("\r", "")


def view(qmp: Connection, line: str) -> str:
    commands = frozenset(item["name"] for item in qmp.execute("query-commands"))
    return run_view(line.split(), commands, ask_server(qmp), width=10_000)


def facts(text: str) -> set[str]:
    """Return the words and numbers of a text, in a common form."""
    found = set()
    for word in re.findall(r"[^\s,=:;()\[\]\"'|{}<>@*/]+", text.lower().replace("_", "-")):
        try:
            found.add(str(int(word, 16 if word.startswith("0x") else 10)))
        except ValueError:
            found.add(word.strip("."))
    return found


@pytest.mark.parametrize("line", _LABELS)
def test_view_has_facts_of_human_monitor(
    machine: tuple[Installation, Connection], line: str
) -> None:
    installation, qmp = machine
    expected = human(qmp, line)
    shown = view(qmp, line)
    is_newer = line in ("pic", "cryptodev", "stats cryptodev", "qtree -b")
    if is_newer and installation.major < 10:
        return
    missing = facts(expected) - facts(shown) - facts(_LABELS[line])
    assert not missing, f"{expected}\n----\n{shown}"


def test_pci_view_has_devices_of_human_monitor(
    machine: tuple[Installation, Connection],
) -> None:
    _, qmp = machine
    text, shown = human(qmp, "pci"), view(qmp, "pci")
    # QEMU 7.2 prints the address of regions that are not mapped.
    text = "\n".join(line for line in text.split("\n") if "BAR" not in line)
    # The human monitor prints places and unknown classes as decimal numbers.
    places = re.findall(r"device +(\d+), function (\d+)", text)
    text = re.sub(r"device +\d+, function \d+", "", text)
    text = re.sub(r"Class (\d+)", lambda match: f"class {int(match[1]):04x}", text)
    assert not facts(text) - facts(shown) - facts("pci device")
    found = re.findall(r"^\W*(\w\w)\.(\w)  ", shown, re.MULTILINE)
    assert [(int(slot, 16), int(number, 16)) for slot, number in found] == [
        (int(slot), int(number)) for slot, number in places
    ]
    assert shown.count("BAR") == human(qmp, "pci").count("BAR")


def test_version_view_has_version(machine: tuple[Installation, Connection]) -> None:
    installation, qmp = machine
    assert view(qmp, "version").startswith(f"{installation.version} Debian")


def test_qom_tree_view_has_objects_of_human_monitor(
    machine: tuple[Installation, Connection],
) -> None:
    _, qmp = machine

    def objects(text: str) -> list[tuple[str, str]]:
        found = re.findall(r"^[ │├└─]*/?(.+) \(([^()]*)\)$", text, re.MULTILINE)
        return sorted(found)

    expected = objects(human(qmp, "qom-tree"))
    found = objects(view(qmp, "qom-tree").replace("/machine (", "machine (", 1))
    assert len(expected) > 200
    assert found == expected


def test_mtree_view_has_regions_of_human_monitor(
    machine: tuple[Installation, Connection],
) -> None:
    _, qmp = machine
    # QMP does not show where an alias leads, nor that a region is one. The human monitor shows
    # addresses in each address space; sizes do not depend on that.
    expected = {item for item in regions_of(human(qmp, "mtree")) if "alias " not in item[2]}
    assert len(expected) > 50
    assert not expected - regions_of(view(qmp, "mtree"))


def regions_of(text: str) -> set[tuple[int, str, str]]:
    """Return sizes, priorities and names of memory regions."""
    found = re.findall(r"([0-9a-f]{16})-([0-9a-f]{16}) \(prio (-?\d+)(?:, .+?)?\): (.+)", text)
    return {
        (int(last, 16) - int(first, 16), priority, name) for first, last, priority, name in found
    }


def devices_of(text: str) -> list[tuple[str, str, dict[str, str]]]:
    """Return the devices on buses of a device tree: type, id and properties."""
    found: list[tuple[str, str, dict[str, str]]] = []
    for line in text.split("\n"):
        header = re.match(r' *dev: ([^,]+), id "(.*)"', line)
        header = header or re.match(r'[ │├└─]* (?!bus\b)(\w\S*)(?:  id "(.*?)")?(?:  |$)', line)
        value = re.match(r"[ │]*([^= ]+) = (.*)", line)
        if re.match(r"(?!bus\b)\w", line):
            break  # CPUs and other devices without a bus
        if header:
            found.append((header[1], header[2] or "", {}))
        elif value:
            found[-1][2][value[1]] = value[2].partition(" (")[0].strip('"')
    return found


def test_qtree_view_has_devices_of_human_monitor(
    machine: tuple[Installation, Connection],
) -> None:
    _, qmp = machine
    expected, found = devices_of(human(qmp, "qtree")), devices_of(view(qmp, "qtree"))
    assert len(expected) > 50
    assert sorted(item[:2] for item in expected) == sorted(item[:2] for item in found)
    for kind, identifier, properties in expected:
        # Several devices may have the same type and no id.
        # The human monitor shows MCFG with a sign, and a list without items as <null>.
        wanted = {
            name: value
            for name, value in properties.items()
            if name != "MCFG" and value != "<null>"
        }
        candidates = [shown for *key, shown in found if key == [kind, identifier]]
        assert any(wanted.items() <= shown.items() for shown in candidates), (
            kind,
            [wanted.items() - shown.items() for shown in candidates],
        )


def test_migrate_view_has_facts_of_human_monitor(
    installation: Installation, tmp_path: Path
) -> None:
    with (
        start_qemu(installation, tmp_path / "vm.sock", "-m", "16M", machine="q35") as server,
        connect(server.address, wait=60) as qmp,
    ):
        qmp.execute("migrate", {"uri": "exec:cat >/dev/null"})
        qmp.wait_migration(timeout=60)
        expected, shown = human(qmp, "migrate"), view(qmp, "migrate")
    assert "status: completed" in shown
    numbers = re.findall(r"^([a-z ]+): ([0-9]+) (kbytes|pages|ms)$", expected, re.MULTILINE)
    assert len(numbers) > 8
    values = {int(number) for number in re.findall(r"\b[0-9]+\b", shown)}
    for _, number, unit in numbers:
        factor = 1024 if unit == "kbytes" else 1
        assert any(value // factor == int(number) for value in values), (number, unit)
