"""Test `/help` and `/apropos` in scripts with real servers and manuals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import qmpshell
from qmpshell.manual import COMMAND, EVENT, Reference
from qmpshell.qmp import Schema
from tests.harness.manuals import OTHER_VERSION, manual_of_other_version, page_text
from tests.harness.processes import wait_until
from tests.harness.program import Result, run
from tests.harness.servers import (
    NEWEST,
    SYSTEM,
    Installation,
    Server,
    start_agent,
    start_qemu,
    start_storage_daemon,
)


@pytest.fixture
def daemon(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    with start_storage_daemon(installation, tmp_path / "qsd.sock") as server:
        yield server


def ask(server: Server, *lines: str, manuals: str) -> Result:
    result = run(server.address, input="\n".join(lines), MANPATH=manuals)
    assert (result.status, result.out) == (0, "")
    return result


@pytest.mark.parametrize("page", ["qemu-qmp-ref", "qemu-storage-daemon-qmp-ref"])
def test_manual_parser_finds_every_schema_entity(
    installation: Installation, tmp_path: Path, page: str
) -> None:
    start = start_qemu if page == "qemu-qmp-ref" else start_storage_daemon
    with (
        start(installation, tmp_path / "vm.sock") as server,
        qmpshell.connect(server.address) as qmp,
    ):
        schema = Schema(qmp.execute("query-qmp-schema"))
    reference = Reference(page_text(installation, page))
    assert [name for name in schema.commands() if not reference.entry(name, COMMAND)] == []
    assert [name for name in schema.events() if not reference.entry(name, EVENT)] == []
    for name in schema.commands():
        info, entry = schema.command(name), reference.entry(name, COMMAND)
        assert info is not None and entry is not None
        for member in schema.members(info.arg_type):
            documented = entry.member(member) is not None or bool(entry.inherited)
            # The manual of 7.2 does not document the arguments of bitmaps.
            assert documented or (installation.major < 10 and "dirty-bitmap" in name), (
                name,
                member,
            )


def test_help_uses_the_manual_of_the_server(installation: Installation, qemu: Server) -> None:
    result = ask(
        qemu, "/help block-stream", "/help JOB_STATUS_CHANGE", manuals=installation.manuals
    )
    lines = result.err.splitlines()
    assert lines[0] == "block-stream (command, since 1.1)"
    assert lines[2] == "Copy data from a backing file into a block device."
    assert "  device: str" in lines
    assert "      the device or node name of the top image" in lines
    assert "  [job-id]: str" in lines
    assert "JOB_STATUS_CHANGE (event, since 3.0)" in lines
    assert lines[-1].startswith(f"From qemu-qmp-ref(7) of QEMU {installation.version}")
    assert max(map(len, lines)) <= 80


def test_help_lists_returned_members_with_types(installation: Installation, qemu: Server) -> None:
    result = ask(qemu, "/help query-named-block-nodes", manuals=installation.manuals)
    lines = result.err.splitlines()
    place = lines.index("  [BlockDeviceInfo]")
    assert lines[place - 1] == "Returns"
    assert "  ro: bool" in lines[place:]
    assert "  [node-name]: str" in lines[place:]
    assert "      the filename of the backing device" in lines[place:]


def test_help_with_discriminator_shows_the_branch(installation: Installation, qemu: Server) -> None:
    result = ask(qemu, "/help blockdev-add driver=qcow2", manuals=installation.manuals)
    lines = result.err.splitlines()
    assert lines[2] == "With driver=qcow2"
    assert lines[3] == "  Driver specific block device options for qcow2."
    # The description comes from a base type.
    place = lines.index("  [backing]: BlockdevRefOrNull (node or null or {…})")
    assert lines[place + 1].startswith("      reference to or definition of the backing file")
    assert "  [lazy-refcounts]: bool" in lines
    assert "  driver: BlockdevDriver" in lines


def test_help_with_nested_discriminator_shows_the_branch(
    installation: Installation, qemu: Server
) -> None:
    line = "/help chardev-add backend.type=socket backend.data.addr.type=inet"
    result = ask(qemu, line, manuals=installation.manuals)
    for words in ("With backend.type=socket", "With backend.data.addr.type=inet"):
        assert words in result.err
    assert "backend.data.addr: SocketAddressLegacy {type" in result.err


def test_help_for_argument_shows_it_first(installation: Installation, qemu: Server) -> None:
    result = ask(
        qemu,
        "/help blockdev-add driver=qcow2 lazy-ref",
        "/help device_add driver=virtio-blk-pci drive",
        manuals=installation.manuals,
    )
    lines = result.err.splitlines()
    assert lines[:3] == ["lazy-refcounts (argument of blockdev-add, optional)", "", "bool"]
    place = lines.index("drive (argument of device_add)")
    assert lines[place + 2].startswith("[drive]: str (of virtio-blk-pci)")


def test_help_describes_types_and_enum_values(installation: Installation, qemu: Server) -> None:
    result = ask(qemu, "/help BlockdevCacheOptions", "/help unmap", manuals=installation.manuals)
    assert "  [no-flush]: bool" in result.err
    assert "unmap (value)" in result.err
    lines = result.err.splitlines()
    place = lines.index("BlockdevDiscardOptions")
    assert lines[place + 1] == "    Forward as an unmap request"
    assert "  blockdev-add  discard=unmap" in lines


def test_help_with_storage_daemon_uses_its_manual(
    installation: Installation, daemon: Server
) -> None:
    result = ask(daemon, "/help blockdev-add", manuals=installation.manuals)
    assert "Creates a new block device." in result.err
    assert "From qemu-storage-daemon-qmp-ref(7) of QEMU " in result.err


def test_apropos_lists_best_match_first(installation: Installation, qemu: Server) -> None:
    result = ask(qemu, "/apropos dirty bitmap", manuals=installation.manuals)
    first = result.err.splitlines()[0].split()
    assert first[:5] == ["block-dirty-bitmap-add", "command", "Create", "a", "dirty"]
    result = ask(qemu, "/apropos persistent bitmap", manuals=installation.manuals)
    assert result.err.startswith("block-dirty-bitmap-add ")


def test_help_takes_argument_text_from_its_type(installation: Installation, qemu: Server) -> None:
    result = ask(qemu, "/help block-dirty-bitmap-add", manuals=installation.manuals)
    assert "      the bitmap is persistent, i.e. it will be saved" in result.err


def test_help_reports_manual_of_other_version(
    qemu: Server, installation: Installation, tmp_path: Path
) -> None:
    other = manual_of_other_version(installation, tmp_path)
    both = f"{other}:{installation.manuals}"
    (first, *_) = ask(qemu, "/help stop", manuals=other).err.splitlines()
    assert first == (
        f"From qemu-qmp-ref(7) of QEMU {OTHER_VERSION}, but the server is QEMU {installation.version}."
    )
    assert ask(qemu, "/help stop", manuals=both).err.startswith("stop (command, since 0.14)\n")


def test_help_without_manual_names_the_package(
    qemu: Server, daemon: Server, tmp_path: Path
) -> None:
    result = ask(qemu, "/help block_resize", manuals=str(tmp_path))
    assert result.err.startswith("block_resize (command)\n\nArguments\n  size: int\n")
    last = "No manual is installed: on Debian, qemu-qmp-ref(7) in qemu-system-common."
    assert result.err.splitlines()[-1] == last
    result = ask(daemon, "/help blockdev-add", manuals=str(tmp_path))
    assert "qemu-storage-daemon-qmp-ref(7) in qemu-system-common" in " ".join(result.err.split())


def test_help_in_run_finds_manual_next_to_qemu(tmp_path: Path) -> None:
    result = run(
        "run",
        "--command",
        "/help stop",
        variables=NEWEST.variables("-machine", "none", "-nodefaults", "-display", "none"),
        MANPATH=str(tmp_path),
    )
    assert f"From qemu-qmp-ref(7) of QEMU {NEWEST.version}" in result.err, result.err


def test_help_in_dry_run_uses_installed_manual() -> None:
    result = run("-n", "-c", "/help block-stream", MANPATH=SYSTEM.manuals)
    assert (result.status, result.out) == (0, "")
    assert "  device: str\n      the device or node name of the top image\n" in result.err


def test_help_with_agent_uses_its_manual(tmp_path: Path) -> None:
    with start_agent(SYSTEM, tmp_path) as agent:
        wait_until(Path(agent.address).exists, "the agent's socket")
        result = run("-N", agent.address, input="/help guest-exec\n", MANPATH=SYSTEM.manuals)
    assert (result.status, result.out) == (0, "")
    assert result.err.startswith(
        "guest-exec (command, since 2.5)\n\nExecute a command in the guest\n"
    )
    assert "\n  [arg]: [str]\n      argument list to pass to executable\n" in result.err
    assert f"From qemu-ga-ref(7) of QEMU {SYSTEM.version}" in result.err
