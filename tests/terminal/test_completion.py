"""Test completion and the toolbar hint with a real QEMU, storage daemon and guest agent."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from qmpshell.complete import CompletionSources
from qmpshell.session import COMMANDS
from qmpshell.terminal import LineCompleter, list_programs
from tests.harness.screen import Terminal
from tests.harness.servers import (
    SYSTEM,
    Installation,
    Server,
    one_version,
    start_agent,
    start_qemu,
    start_storage_daemon,
)
from tests.harness.typing import clear, menu, wait_known, wait_line

F1, DOWN, UP, LEFT = "\x1bOP", "\x1b[B", "\x1b[A", "\x1b[D"
CTRL_C, CTRL_U = "\x03", "\x15"
DISKS = (
    *("-blockdev", "driver=null-co,node-name=disk0"),
    *("-blockdev", "driver=null-co,node-name=disk1"),
    *("-device", "pcie-root-port,id=port0,chassis=1"),
)


# The typed keys, and the line after completion.
CERTAIN = (
    ("qnbn\t", "query-named-block-nodes "),
    (
        "chardev-add id=c backend.type=socket backend.data.addr.ty\tin\t",
        "chardev-add id=c backend.type=socket backend.data.addr.type=inet ",
    ),
    ("object-add qom-type=throttle-g\t", "object-add qom-type=throttle-group "),
    ("netdev_add type=hubp\t", "netdev_add type=hubport "),
    ("nbd-server-start addr.type=un\t", "nbd-server-start addr.type=unix "),
    (
        "blockdev-add driver=quorum vote-threshold=1 children.0.driver=null-c\t",
        "blockdev-add driver=quorum vote-threshold=1 children.0.driver=null-co ",
    ),
    (
        '{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-n\t',
        '{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": ',
    ),
    (
        "blockdev-add driver=raw file={'driver': 'null-co', 'read-z\t",
        "blockdev-add driver=raw file={'driver': 'null-co', 'read-zeroes': ",
    ),
    (
        "/keyval blockdev-add driver=qcow2,file.driver=null-co,file.read-z\t",
        "/keyval blockdev-add driver=qcow2,file.driver=null-co,file.read-zeroes=",
    ),
    ("query-name; query-na\t", "query-name; query-name"),
    ("/wait BLOCK_JOB_REA\t", "/wait BLOCK_JOB_READY"),
    ("/wait BLOCK_JOB_READY ty\tmi\t", "/wait BLOCK_JOB_READY type=mirror"),
    ("/events -RTC\t", "/events -RTC_CHANGE"),
    ("/help block-st\t", "/help block-stream"),
    ("/oob migrate-p\t", "/oob migrate-pause"),
)


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    with start_qemu(installation, tmp_path / "vm.sock", *DISKS, machine="q35") as server:
        yield server


@pytest.fixture
def terminal(machine: Server) -> Iterator[Terminal]:
    with Terminal(machine.address, rows=40) as terminal:
        wait_known(terminal)
        yield terminal


def wait_menu(terminal: Terminal, *entries: str) -> None:
    """Wait until the menu contains these entries in this order. Other entries may be between them."""

    def shown() -> bool:
        rest = iter(menu(terminal))
        return all(any(entry == line for line in rest) for entry in entries)

    terminal.wait(shown, f"menu with {entries}")


# -- names and values from the schema --------------------------------------------------------------


def test_argument_menu_puts_required_first_and_omits_present(
    terminal: Terminal,
) -> None:
    terminal.type("block-str\t")
    wait_line(terminal, "(QEMU) block-stream ")
    terminal.type("\t")
    terminal.wait_toolbar("block-stream", "device: str")
    wait_menu(terminal, "device= str, required", "job-id= str", "speed= int")
    assert menu(terminal)[0] == "device= str, required"
    clear(terminal)
    terminal.type("block-stream job-id=x ")
    terminal.wait_toolbar("missing: device")
    clear(terminal)
    terminal.type("block-stream device=x \t")
    wait_menu(terminal, "job-id= str", "speed= int")
    assert not any(entry.startswith("device=") for entry in menu(terminal))


def test_union_members_appear_after_the_discriminator(terminal: Terminal) -> None:
    terminal.type("blockdev-add \t")
    wait_menu(terminal, "driver= blkdebug|blklogwrites|…, required")
    assert not any(entry.startswith(("file=", "file.")) for entry in menu(terminal))
    clear(terminal)
    terminal.type("blockdev-add dr\tqco\t")
    wait_menu(terminal, "qcow", "qcow2")
    terminal.type("2 \t")
    wait_menu(terminal, "file= node or {…}, required", "file. {…}, required")
    clear(terminal)
    terminal.type("blockdev-add driver=qcow2 file.driver=fi\t")
    wait_line(terminal, "(QEMU) blockdev-add driver=qcow2 file.driver=file ")
    terminal.type("file.fi\t")
    wait_line(terminal, "(QEMU) blockdev-add driver=qcow2 file.driver=file file.filename=")


@one_version
def test_tab_with_single_candidate_inserts_it(terminal: Terminal) -> None:
    for typed, line in CERTAIN:
        terminal.type(typed)
        wait_line(terminal, f"(QEMU) {line}")
        assert terminal.screen.cursor.x == len(f"(QEMU) {line}")
        clear(terminal)


@one_version
def test_tab_with_scattered_letters_finds_command(terminal: Terminal) -> None:
    terminal.type("blst\t")
    wait_menu(terminal, "block-stream device")
    assert menu(terminal)[0] == "block-stream device"
    terminal.type("\t")
    wait_line(terminal, "(QEMU) block-stream ")


@one_version
def test_tab_in_middle_of_line_keeps_rest(terminal: Terminal) -> None:
    terminal.type("block-stream dev job-id=j" + LEFT * len(" job-id=j") + "\t")
    start = "(QEMU) block-stream device="
    wait_line(terminal, f"{start} job-id=j", cursor=len(start))
    terminal.type("disk1")
    wait_line(terminal, f"{start}disk1 job-id=j", cursor=len(f"{start}disk1"))


def test_menu_describes_entries_where_there_is_room(
    machine: Server, installation: Installation
) -> None:
    variables = {"MANPATH": installation.manuals}
    with Terminal(machine.address, rows=40, variables=variables) as terminal:
        wait_known(terminal)
        terminal.type("drive-mirror sync=\t")
        wait_menu(terminal, "top copies data in the topmost image to the destination")
        terminal.type("f\tdevice=")
        wait_line(terminal, "(QEMU) drive-mirror sync=full device=")
        terminal.type("\x15blockdev-\t")
        terminal.wait(
            lambda: any("- Creates a new block" in line for line in menu(terminal)), "text"
        )
        clear(terminal)
        terminal.resize(50, 20)
        terminal.type("blockdev-\t")
        terminal.wait(lambda: any(line.endswith("...") for line in menu(terminal)), "cut texts")
        assert any(line.startswith("blockdev-add ") for line in menu(terminal))


def test_struct_continues_inside_or_takes_value(terminal: Terminal) -> None:
    terminal.type("chardev-add id=c back\t")
    wait_line(terminal, "(QEMU) chardev-add id=c backend.")
    terminal.type("\t")
    wait_line(terminal, "(QEMU) chardev-add id=c backend.type=")
    terminal.type("\x15chardev-add id=c back\t=")
    wait_line(terminal, "(QEMU) chardev-add id=c backend=")
    terminal.type("\x15send-key \t" + DOWN + "=")  # the menu's entry is keys.0.
    wait_line(terminal, "(QEMU) send-key keys=")
    terminal.type("\x15query-block a=b.=c")
    wait_line(terminal, "(QEMU) query-block a=b.=c")


def test_tab_after_complete_qom_path_lists_children(terminal: Terminal) -> None:
    terminal.type("qom-list path=/machine\t")
    wait_line(terminal, "(QEMU) qom-list path=/machine/")
    terminal.type("\t")
    terminal.wait(lambda: "/machine/unattached" in "".join(menu(terminal)), "menu with children")


@one_version
def test_arrow_keys_select_entries_and_wrap_around(terminal: Terminal) -> None:
    terminal.type("drive-m\t")
    wait_line(terminal, "(QEMU) drive-mirror ")
    terminal.type("sync=\t")
    wait_menu(terminal, "top", "full", "none")
    entries = menu(terminal)
    for entry in entries:
        terminal.type(DOWN)
        wait_line(terminal, f"(QEMU) drive-mirror sync={entry.split()[0]} ")
    terminal.type(DOWN)
    wait_line(terminal, "(QEMU) drive-mirror sync=")
    terminal.type(UP)
    wait_line(terminal, f"(QEMU) drive-mirror sync={entries[-1].split()[0]} ")


@one_version
def test_enter_sends_line_despite_toolbar_warnings(terminal: Terminal) -> None:
    terminal.type("block-stream device=nowhere spede=1 on-error=perhaps")
    terminal.wait_toolbar(
        "block-stream has no argument 'spede': did you mean speed?", "on-error takes"
    )
    terminal.type("\r")
    terminal.wait_above("GenericError", "block-stream has no argument 'spede': did you mean speed?")
    terminal.type("query-name")
    terminal.wait(lambda: "has no" not in terminal.toolbar, "no warning")
    terminal.type("\r")
    terminal.wait_above('{"return": {}}')


def test_transaction_actions_complete_like_commands(terminal: Terminal) -> None:
    terminal.type("transaction(\r")
    wait_line(terminal, "... ")
    terminal.type("block-dirty-bitmap-a\t")
    wait_line(terminal, "... block-dirty-bitmap-add ")
    terminal.type("no\tdisk1 na\tb0\r)\r")
    terminal.wait_above('{"return": {}}')
    terminal.type("block-dirty-bitmap-remove node=disk1 name=\t")
    wait_line(terminal, "(QEMU) block-dirty-bitmap-remove node=disk1 name=b0 ")


# -- names of live objects -------------------------------------------------------------------------


def test_node_names_follow_added_and_deleted_nodes(terminal: Terminal) -> None:
    terminal.type("blockdev-mirror job-id=j sync=full device=\t")
    wait_menu(terminal, "disk0 node, null-co", "disk1 node, null-co")
    clear(terminal)
    terminal.line("blockdev-add driver=null-co node-name=zwei")
    terminal.wait_above('{"return": {}}')
    terminal.type("blockdev-del node-name=z\t")
    wait_line(terminal, "(QEMU) blockdev-del node-name=zwei ")
    terminal.type("\r")
    terminal.wait_above('{"return": {}}')
    terminal.type("block_resize size=1 node-name=z\tx")
    wait_line(terminal, "(QEMU) block_resize size=1 node-name=zx")


@one_version
def test_deleted_node_is_not_in_the_menu(terminal: Terminal) -> None:
    terminal.line("blockdev-add driver=null-co node-name=tmp")
    terminal.wait_above('{"return": {}}')
    terminal.type("blockdev-del node-name=t\t")
    wait_line(terminal, "(QEMU) blockdev-del node-name=tmp ")
    terminal.type("\r")
    terminal.wait_above('{"return": {}}')
    typed = "(QEMU) blockdev-del node-name=t"
    terminal.type("blockdev-del node-name=t\t")
    # Without an open menu, the history suggests the earlier line.
    wait_line(terminal, f"{typed}mp", cursor=len(typed))
    assert menu(terminal) == []
    terminal.type("x")
    wait_line(terminal, "(QEMU) blockdev-del node-name=tx")


def test_device_properties_complete_by_driver(terminal: Terminal) -> None:
    terminal.type("device_add driver=virtio-blk-pci bus=por\t")
    wait_line(terminal, "(QEMU) device_add driver=virtio-blk-pci bus=port0 ")
    terminal.type("drive=disk0 id=vd0 write-c\t")
    wait_line(
        terminal,
        "(QEMU) device_add driver=virtio-blk-pci bus=port0 drive=disk0 id=vd0 write-cache=",
    )
    terminal.type("on\r")
    terminal.wait_above('{"return": {}}')
    terminal.type("device_del id=v\t")
    wait_line(terminal, "(QEMU) device_del id=vd0 ")
    clear(terminal)
    terminal.type("qom-get path=/mach\t")
    wait_line(terminal, "(QEMU) qom-get path=/machine")
    terminal.type("/periph\t")
    wait_menu(terminal, "/machine/peripheral/ container", "/machine/peripheral-anon container")
    terminal.type("/\t")
    wait_menu(terminal, "/machine/peripheral/port0 pcie-root-port")
    terminal.type("vd\t prop\tdriv\t")
    wait_line(terminal, "(QEMU) qom-get path=/machine/peripheral/vd0 property=drive ")
    clear(terminal)
    terminal.type("qom-get path=vd0 property=driv\t")  # QEMU accepts the end of a path
    wait_line(terminal, "(QEMU) qom-get path=vd0 property=drive ")


@one_version
def test_filename_argument_completes_files(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    image = tmp_path / "images" / "a disk.qcow2"
    subprocess.run(
        [SYSTEM.program("qemu-img"), "create", "-q", "-f", "qcow2", image, "1M"], check=True
    )
    terminal.resize(200, 40)
    line = f"blockdev-add driver=file node-name=f filename={tmp_path}/"
    terminal.type(line + "ima\t")
    wait_line(terminal, f"(QEMU) {line}images/")
    terminal.type("\t")
    wait_line(terminal, f'(QEMU) blockdev-add driver=file node-name=f filename="{image}" ')
    terminal.type("\r")
    terminal.wait_above('{"return": {}}')
    terminal.type(f"getfd fdname=x < {tmp_path}/ima\t")
    wait_line(terminal, f"(QEMU) getfd fdname=x < {tmp_path}/images/")


def test_device_drivers_of_system_qemu_complete(tmp_path: Path) -> None:
    """Use only the system's QEMU: an unpacked QEMU finds modules of another build."""
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", machine="q35") as server,
        Terminal(server.address, rows=40) as terminal,
    ):
        wait_known(terminal)
        terminal.type("device_add driver=virtio-blk-p\t")
        wait_menu(terminal, "virtio-blk-pci PCI", "virtio-blk-pci-transitional PCI")


# -- the menu --------------------------------------------------------------------------------------


@one_version
def test_enter_accepts_menu_entry_without_sending(terminal: Terminal) -> None:
    terminal.type("query-block-j\t\t")
    wait_line(terminal, "(QEMU) query-block-jobs")
    terminal.line(CTRL_U + "blockdev-add driver=null-co node-name=x detect-zeroes=\t" + DOWN)
    wait_line(terminal, "(QEMU) blockdev-add driver=null-co node-name=x detect-zeroes=off ")
    terminal.wait(lambda: menu(terminal) == [], "no menu")
    terminal.type("read-only=true\r")
    terminal.wait_above('{"return": {}}')


@one_version
def test_escape_closes_menu_and_restores_line(terminal: Terminal) -> None:
    terminal.type("blockdev-add driver=null-co detect-zeroes=\t")
    wait_menu(terminal, "off", "on", "unmap")
    terminal.type(DOWN)
    wait_line(terminal, "(QEMU) blockdev-add driver=null-co detect-zeroes=off ")
    terminal.type("\x1b")
    terminal.wait(lambda: menu(terminal) == [], "no menu")
    wait_line(terminal, "(QEMU) blockdev-add driver=null-co detect-zeroes=")


@one_version
def test_history_suggestion_is_hidden_while_menu_is_open(terminal: Terminal) -> None:
    terminal.line("blockdev-add driver=null-co detect-zeroes=on node-name=x")
    terminal.wait_above('{"return": {}}')
    typed = "(QEMU) blockdev-add driver=null-co detect-zeroes="
    terminal.type(typed.removeprefix("(QEMU) "))
    wait_line(terminal, f"{typed}on node-name=x", cursor=len(typed))
    terminal.type("\t")
    wait_menu(terminal, "off", "on", "unmap")
    wait_line(terminal, typed)


# -- widths ----------------------------------------------------------------------------------------


@one_version
def test_menu_at_forty_columns_fits_the_screen(machine: Server) -> None:
    with Terminal(machine.address, columns=40, rows=30) as terminal:
        wait_known(terminal)
        terminal.type("blockdev-add driver=qcow2 \t")
        terminal.wait_for("file=")
        assert all(len(line) <= 40 for line in terminal.lines)
        terminal.type("file.driver=null-c\t")
        terminal.wait_for("null-co")
        terminal.type(CTRL_C + "query-name\r")
        terminal.wait_above('{"return": {}}')


@one_version
def test_open_menu_survives_a_resize(terminal: Terminal) -> None:
    terminal.type("blockdev-add driver=qcow2 \t")
    wait_menu(terminal, "file= node or {…}, required")
    for columns, rows in ((40, 20), (160, 30), (20, 12), (100, 40)):
        terminal.resize(columns, rows)
        terminal.wait_for("file=")
    wait_menu(terminal, "file= node or {…}, required")
    terminal.type(DOWN)
    wait_line(terminal, "(QEMU) blockdev-add driver=qcow2 node-name=")
    terminal.type("q file=nowhere\r")
    terminal.wait_for("GenericError: Cannot find device")
    terminal.wait_prompt()


# -- the other servers -----------------------------------------------------------------------------


def test_storage_daemon_completes_its_own_commands(
    installation: Installation, tmp_path: Path
) -> None:
    with (
        start_storage_daemon(installation, tmp_path / "qsd.sock") as server,
        Terminal(server.address, rows=40) as terminal,
    ):
        wait_known(terminal)
        terminal.line("blockdev-add driver=null-co node-name=n0")
        terminal.wait_above('{"return": {}}')
        terminal.type("block-export-add type=nb\t")
        wait_line(terminal, "(QEMU) block-export-add type=nbd ")
        terminal.type("node-name=\t")
        wait_line(terminal, "(QEMU) block-export-add type=nbd node-name=n0 ")
        clear(terminal)
        terminal.type("device_a\tx")
        wait_line(terminal, "(QEMU) device_ax")  # the storage daemon has no devices


@pytest.fixture
def agent(installation: Installation, tmp_path: Path) -> Iterator[Terminal]:
    with (
        start_agent(installation, tmp_path) as server,
        Terminal(
            *("--ga", "--wait", "60", server.address),
            rows=40,
            variables={"MANPATH": installation.manuals},
        ) as terminal,
    ):
        terminal.wait_for("Connected to a guest agent at ")
        terminal.wait_prompt("(QGA)")
        terminal.wait_toolbar(f"guest agent {installation.version}")
        yield terminal


def test_agent_completes_commands_from_guest_info(agent: Terminal, tmp_path: Path) -> None:
    agent.type("guest-fsf\t")
    wait_line(agent, "(QGA) guest-fsfreeze-")
    wait_menu(
        agent,
        "guest-fsfreeze-thaw Unfreeze all frozen guest filesystems",
        "guest-fsfreeze-freeze disabled - Sync and freeze all freezable, local guest filesystems",
    )
    clear(agent, "(QGA)")
    agent.type("guest-set-t\t")
    wait_line(agent, "(QGA) guest-set-time ")
    agent.wait_toolbar("guest-set-time is disabled on this agent")
    clear(agent, "(QGA)")
    file = tmp_path / "guest.txt"
    file.write_text("the guest's")
    agent.type(f"guest-file-o\tpa\t{file} mo\tr\r")
    agent.wait_above('{"return": 10', prompt="(QGA)")
    agent.type("guest-file-see\t")
    wait_line(agent, "(QGA) guest-file-seek ")
    agent.wait_toolbar("guest-file-seek", "handle: int")
    agent.type("handle=1000 offset=0 whence=s\t")
    wait_line(agent, "(QGA) guest-file-seek handle=1000 offset=0 whence=set ")
    agent.type("\r")
    agent.wait_above('{"return": {', prompt="(QGA)")


def test_f1_with_agent_shows_the_agent_manual(agent: Terminal, installation: Installation) -> None:
    agent.type("guest-ping")
    wait_line(agent, "(QGA) guest-ping")
    agent.type(LEFT + F1)
    agent.wait_for("guest-ping (command, since 0.15")
    agent.wait_for(f"From qemu-ga-ref(7) of QEMU {installation.version}")
    wait_line(agent, "(QGA) guest-ping", cursor=len("(QGA) guest-pin"))


def test_agent_command_typo_gets_hint_in_toolbar(agent: Terminal) -> None:
    agent.type("guest-pong ")
    agent.wait_toolbar("guest-pong", "guest-ping")
    agent.type("\r")
    agent.wait_above("CommandNotFound", "did you mean guest-ping?", prompt="(QGA)")


def test_agent_before_first_reply_completes_and_queues_commands(
    installation: Installation, tmp_path: Path
) -> None:
    """Use a guest without a running agent: the built-in schema supplies the names."""
    path = tmp_path / "qga.sock"
    port = (
        *("-chardev", f"socket,id=ga,path={path},server=on,wait=off", "-device", "virtio-serial"),
        *("-device", "virtserialport,chardev=ga,name=org.qemu.guest_agent.0"),
    )
    with (
        start_qemu(installation, tmp_path / "vm.sock", *port, machine="q35"),
        Terminal("--ga", "--wait", "60", str(path)) as terminal,
    ):
        terminal.wait_for("connected, but no answer")
        terminal.wait_toolbar("no answer yet")
        terminal.wait_prompt("(QGA)")
        terminal.type("guest-pi\t")
        wait_line(terminal, "(QGA) guest-ping")
        terminal.type("\r")
        terminal.wait_prompt("(QGA)")
        terminal.type("\x04")
        assert terminal.end() == 0


# -- programs --------------------------------------------------------------------------------------


def test_command_that_leaves_the_shell_is_offered_once() -> None:
    known = CompletionSources(names=["query-status"], shell_commands=COMMANDS)
    completer = LineCompleter(known, is_human=False)
    asked = CompleteEvent(completion_requested=True)
    found = list(completer.get_completions(Document("ex"), asked))
    assert [(item.text, item.display_meta_text) for item in found] == [
        ("exit", COMMANDS["/quit"][2])
    ]


def test_programs_are_the_executable_files_of_path(tmp_path: Path) -> None:
    for directory, name, mode in (("a", "one", 0o700), ("a", "data", 0o600), ("b", "two", 0o755)):
        (tmp_path / directory).mkdir(exist_ok=True)
        (tmp_path / directory / name).touch(mode=mode)
        (tmp_path / directory / name).chmod(mode)
    (tmp_path / "a" / "directory").mkdir()
    assert list_programs(f"{tmp_path}/a::{tmp_path}/none:{tmp_path}/b") == {"one", "two"}


@pytest.mark.parametrize(
    ("options", "prompt", "line"),
    [
        ((), "(QEMU)", "query-name"),
        ((), "(QEMU)", "/hmp info name"),
        (("--hmp",), "(qemu)", "info name"),
    ],
)
def test_tab_after_pipe_completes_a_program(
    tmp_path: Path, one_qemu: Server, options: tuple[str, ...], prompt: str, line: str
) -> None:
    tool = tmp_path / "qmp-test-tool"
    tool.write_text("#!/bin/sh\necho received $(wc -l)\n")
    tool.chmod(0o700)
    variables = {"PATH": f"{os.environ['PATH']}:{tmp_path}"}
    with Terminal("-q", *options, one_qemu.address, variables=variables) as terminal:
        terminal.wait_prompt(prompt)
        terminal.type(f"{line} | qmp-test\t")
        wait_line(terminal, f"{prompt} {line} | qmp-test-tool ")
        terminal.type("\r")
        terminal.wait_for("received")


def test_tab_after_migrate_uri_offers_schemes(terminal: Terminal) -> None:
    terminal.type("migrate uri=\t")
    wait_menu(terminal, "tcp: HOST:PORT", "unix: PATH", "exec: COMMAND")
    terminal.type("t\t")
    wait_line(terminal, "(QEMU) migrate uri=tcp:")
