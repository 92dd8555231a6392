"""Facts about QEMU's commands, drivers and events that no schema contains, as tables.

`tests/qmp/test_commands.py` checks the names against the captured schemas.
"""

from __future__ import annotations

from ..record import Record

# Commands whose arguments also depend on the server's drivers and objects.
DEVICE_ADD = "device_add"
QOM_SET = "qom-set"
# The start of the names of the guest agent's commands.
AGENT_PREFIX = "guest-"
# The arguments of device_add that are not properties of the device (qdev.json).
DEVICE_ADD_ARGUMENTS = ("driver", "bus", "id")


class CommandFacts(Record, kw_only=True):
    """What is known of a command besides its schema. Every field is optional."""

    # The argument whose name users omit, because QEMU's command line allows it.
    main_argument: str | None = None
    # Arguments that the server requires although they are optional in the schema.
    needed: tuple[str, ...] = ()
    # The option of QEMU's command line with the same arguments, without dashes.
    option: str = ""
    # Lists for which that option accepts a repeated key: each item has the only member `str`.
    repeated_keys: tuple[str, ...] = ()
    # What the command destroys, as a sentence; it needs confirmation.
    confirmation: str = ""
    # The connection ends after it, which is not an error.
    ends_server: bool = False
    # The arguments that are secret: always, or depending on the argument `secrets_by`.
    secrets: tuple[str, ...] = ()
    secrets_by: str = ""
    # The other arguments of a command with secrets. Any further argument may be a misspelt secret.
    other_arguments: tuple[str, ...] = ()
    # Its names in the human monitor, if they differ.
    hmp_names: tuple[str, ...] = ()
    # Some agent commands are answered only if they fail (`success-response`: false).
    replies_on_success: bool = True


COMMANDS = {
    "block-commit": CommandFacts(main_argument="device"),
    "block-stream": CommandFacts(main_argument="device"),
    "block_passwd": CommandFacts(  # up to QEMU 5.2
        secrets=("password",), other_arguments=("device", "node-name")
    ),
    "blockdev-add": CommandFacts(main_argument="driver", needed=("node-name",), option="blockdev"),
    "blockdev-del": CommandFacts(main_argument="node-name"),
    "change-vnc-password": CommandFacts(secrets=("password",)),
    "chardev-add": CommandFacts(option="chardev-add"),
    "cont": CommandFacts(hmp_names=("c",)),
    DEVICE_ADD: CommandFacts(main_argument="driver", option="device"),
    "guest-exec": CommandFacts(
        secrets=("input-data",), other_arguments=("path", "arg", "env", "capture-output")
    ),
    "guest-set-user-password": CommandFacts(
        secrets=("password",), other_arguments=("username", "crypted")
    ),
    "guest-shutdown": CommandFacts(
        confirmation="guest-shutdown shuts down the guest and its VM",
        ends_server=True,
        replies_on_success=False,
    ),
    "guest-suspend-disk": CommandFacts(replies_on_success=False),
    "guest-suspend-hybrid": CommandFacts(replies_on_success=False),
    "guest-suspend-ram": CommandFacts(replies_on_success=False),
    "human-monitor-command": CommandFacts(main_argument="command-line"),
    "inject-nmi": CommandFacts(hmp_names=("nmi",)),
    "migrate": CommandFacts(main_argument="uri"),
    "netdev_add": CommandFacts(
        main_argument="type",
        option="netdev",
        repeated_keys=("dnssearch", "guestfwd", "hostfwd"),
    ),
    "object-add": CommandFacts(
        main_argument="qom-type",
        option="object",
        secrets=("data",),
        secrets_by="qom-type",
        # QEMU 5.2 had the other members in props.
        other_arguments=(
            *("qom-type", "id", "props", "file", "format"),
            *("keyid", "iv", "serial"),
        ),
    ),
    "qom-get": CommandFacts(main_argument="path"),
    "qom-list": CommandFacts(main_argument="path"),
    QOM_SET: CommandFacts(
        main_argument="path",
        secrets=("value",),
        secrets_by="property",
        other_arguments=("path", "property"),
    ),
    "quit": CommandFacts(
        confirmation="quit ends the server and its VM", ends_server=True, hmp_names=("q",)
    ),
    "set_password": CommandFacts(
        secrets=("password",), other_arguments=("protocol", "connected", "display")
    ),
    "sev-inject-launch-secret": CommandFacts(
        secrets=("secret",), other_arguments=("packet-header", "gpa")
    ),
    "snapshot-delete": CommandFacts(hmp_names=("delvm",)),
    "snapshot-load": CommandFacts(hmp_names=("loadvm",)),
    "stop": CommandFacts(hmp_names=("s",)),
    "system_powerdown": CommandFacts(confirmation="system_powerdown asks the guest to power off"),
    "system_reset": CommandFacts(confirmation="system_reset resets the VM"),
}
_NO_FACTS = CommandFacts()
# Commands with these endings have a member that identifies their object.
_ID_COMMANDS = (
    *("device_del", "netdev_del"),  # no others with _: those are of the human monitor
    *("-del", "-remove", "-dismiss", "-cancel", "-pause", "-resume", "-complete", "-finalize"),
)

# Run states after events (run-state.json).
RUNNING = "running"
RUN_STATES = {
    "RESUME": RUNNING,
    "WAKEUP": RUNNING,
    "SUSPEND": "suspended",
    "SHUTDOWN": "shutdown",
    "GUEST_PANICKED": "guest-panicked",
}
# The run state may have changed after these; STOP does not contain the reason.
RUN_STATE_EVENTS = ("STOP", "RESET", "GUEST_PANICKED", "WATCHDOG", "SUSPEND_DISK", "MIGRATION")
# Run states that indicate an error (run-state.json).
ERROR_STATES = ("guest-panicked", "internal-error", "io-error", "watchdog")
# MigrationStatus (migration.json) without an ongoing migration.
NO_MIGRATION = ("", "none", "completed", "failed", "cancelled")

# Short names of drivers that device_add accepts and device-list-properties does not (QEMU:
# system/qdev-monitor.c). The machine determines the bus of these: PCI, s390x channels, or none.
_VIRTIO = (
    *("9p", "balloon", "blk", "gpu", "input-host", "iommu", "keyboard", "mouse", "net", "rng"),
    *("scsi", "serial", "sound", "tablet"),
)
_VIRTIO_PREFIX = "virtio-"
_VIRTIO_ENDINGS = ("-pci", "-ccw", "-device")
_ALIASES = {"ahci": "ich9-ahci", "e1000-82540em": "e1000", "lsi": "lsi53c895a"}


def command_facts(name: str) -> CommandFacts:
    """Return the facts about a command."""
    return COMMANDS.get(name, _NO_FACTS)


def main_argument(name: str) -> str:
    """Return the argument that a single word is most likely meant for, or "".

    >>> main_argument("device_add"), main_argument("device_del"), main_argument("stop")
    ('driver', 'id', '')
    """
    found = command_facts(name).main_argument
    if found or not name.endswith(_ID_COMMANDS):
        return found or ""
    return "device" if name.startswith("block-job-") else "id"


def option_command_name(word: str) -> str:
    """Return the command whose arguments QEMU's command line takes as an option string, or "".

    >>> option_command_name("device_add"), option_command_name("-object"), option_command_name("stop")
    ('device_add', 'object-add', '')
    """
    name = word.lstrip("-")
    for command, facts in COMMANDS.items():
        is_option = name != word and name == facts.option
        if facts.option and (is_option or name.replace("_", "-") == command.replace("_", "-")):
            return command
    return ""


def qmp_name(hmp_name: str) -> str:
    """Return the QMP command with the meaning of a human monitor command, or its name itself.

    >>> qmp_name("q"), qmp_name("info")
    ('quit', 'info')
    """
    return next((name for name, facts in COMMANDS.items() if hmp_name in facts.hmp_names), hmp_name)


def expand_driver_alias(name: str) -> list[str]:
    """Return the drivers that a short name may stand for, the likeliest first.

    >>> expand_driver_alias("virtio-net"), expand_driver_alias("e1000")
    (['virtio-net-pci', 'virtio-net-ccw', 'virtio-net-device'], [])
    """
    if name in _ALIASES:
        return [_ALIASES[name]]
    if name.startswith(_VIRTIO_PREFIX) and name.removeprefix(_VIRTIO_PREFIX) in _VIRTIO:
        return [name + ending for ending in _VIRTIO_ENDINGS]
    return []
