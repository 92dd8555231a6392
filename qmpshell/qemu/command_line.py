"""QEMU's command line: its program, its options, and what qmpshell adds or rejects."""

from __future__ import annotations

import json
import shlex

from ..errors import CommandLineError, LaunchError
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


_MONITOR_ID = "qmpshell"
# Bytes. A block job on a disk of this size can be watched.
_DISK_SIZE = 8 << 30

# Architectures with different names in `uname -m` and QEMU.
_ARCHITECTURES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "i486": "i386",
    "i586": "i386",
    "i686": "i386",
    "parisc": "hppa",
    "parisc64": "hppa",
    "ppc64le": "ppc64",
    "powerpc": "ppc",
    "powerpc64": "ppc64",
}
# The name of the host's QEMU in Fedora and its relatives, and of Debian's wrapper.
_OTHER_NAMES = ("/usr/libexec/qemu-kvm", "qemu-kvm", "kvm")
_DEBIAN_PACKAGES = {
    "aarch64": "qemu-system-arm",
    "arm": "qemu-system-arm",
    "i386": "qemu-system-x86",
    "mips": "qemu-system-mips",
    "mips64": "qemu-system-mips",
    "ppc": "qemu-system-ppc",
    "ppc64": "qemu-system-ppc",
    "sparc64": "qemu-system-sparc",
    "x86_64": "qemu-system-x86",
}

# Options without an argument, including former ones. All other options use the next word, whatever
# it is.
_FLAGS = frozenset(
    (
        *("S", "alt-grab", "async-teardown", "audio-help", "ctrl-grab", "curses", "daemonize"),
        *("enable-fips", "enable-kvm", "enable-sync-profile", "full-screen", "h", "help"),
        *("jitdump", "localtime", "mem-prealloc", "no-acpi", "no-fd-bootchk", "no-frame"),
        *("no-hpet", "no-kvm", "no-kvm-irqchip", "no-kvm-pit-reinjection", "no-quit"),
        *("no-reboot", "no-shutdown", "no-user-config", "nodefaults", "nodefconfig", "nographic"),
        *("old-param", "only-migratable", "perfmap", "portrait", "preconfig", "rtc-td-hack", "s"),
        *("sdl", "semihosting", "show-cursor", "singlestep", "snapshot", "usb", "version"),
        *("win2k-hack", "xen-attach", "xen-domid-restrict"),
    )
)
# Options whose argument is a character device in QEMU's short form, and the alternative.
_PTY = "(QEMU then prints the /dev/pts/… to open)"
_DEVICES = {
    "serial": f"use -serial pty {_PTY}",
    "parallel": f"use -parallel pty {_PTY}",
    "debugcon": f"use -debugcon pty {_PTY}",
    "gdb": "use -gdb tcp::1234",
    "monitor": "omit it; /hmp LINE runs a human monitor command",
    "qmp": "omit it; the shell has its own monitor",
    "qmp-pretty": "omit it; the shell has its own monitor",
}
_NO_CONSOLE = "use -display none, and -serial pty for the serial port"
_NO_DAEMON = (
    "-daemonize would detach QEMU from the shell; omit it, and use --keep to let QEMU continue"
)


class QemuCommandLine(Record):
    """QEMU's command line: the program, and its arguments."""

    program: str
    # The arguments that belong to the program (the words of $QEMU), which come first.
    own: Sequence[str]
    arguments: Sequence[str]
    # A description of a machine that the user did not specify.
    note: str = ""

    def command(self, descriptor: int) -> list[str]:
        """Return the complete command, with a monitor on the listening socket `descriptor`."""
        # In front, because an incomplete option of the user's would consume what follows.
        monitor = [
            *("-chardev", f"socket,id={_MONITOR_ID},fd={descriptor},server=on,wait=off"),
            *("-mon", f"chardev={_MONITOR_ID},mode=control"),
        ]
        return [self.program, *self.own, *monitor, *self.arguments]


def make_command_line(
    words: Sequence[str], *, named: str, machine: str, find: Callable[[str], str]
) -> QemuCommandLine:
    """Return QEMU's command line.

    `named` is the text of $QEMU, `machine` is the host as in `uname -m`. `find` returns the file of
    a program, looked up in PATH if it contains no slash, or raises LaunchError. Raises LaunchError
    if there is no program, CommandLineError if the line would use the terminal, or $QEMU cannot be
    parsed.
    """
    arguments = list(words)
    own: list[str] = []
    architecture = _ARCHITECTURES.get(machine, "arm" if machine.startswith("armv") else machine)
    if arguments and not arguments[0].startswith("-"):
        program = find(arguments.pop(0))
    elif named.strip():
        name, *own = _split(named)
        try:
            program = find(name)
        except LaunchError as error:
            raise LaunchError(f"$QEMU: {error}") from None
    else:
        program = _find_default(architecture, find)
    refuse_terminal([*own, *arguments])
    note = ""
    if not arguments:
        arguments = default_machine(_architecture_of(program) or architecture)
        ports = ", free ports port0 and port1" if "-device" in arguments else ""
        note = f"A small paused machine: block nodes disk0 and disk1{ports}."
    return QemuCommandLine(program, own, arguments, note=note)


def _split(named: str) -> list[str]:
    try:
        return shlex.split(named)
    except ValueError as error:
        raise CommandLineError(f"$QEMU={named}: {str(error).lower()}") from None


def _find_default(architecture: str, find: Callable[[str], str]) -> str:
    name = f"qemu-system-{architecture}"
    for candidate in (name, *_OTHER_NAMES):
        try:
            return find(candidate)
        except LaunchError:
            continue
    package = _DEBIAN_PACKAGES.get(architecture, "qemu-system-misc")
    raise LaunchError(
        f"{name} is not installed: install the package {package} (Debian, Ubuntu) or qemu-kvm"
        " (Fedora), or name the program: qmpshell run PROGRAM"
    )


def _architecture_of(program: str) -> str:
    """Return the architecture in a program's name, or ""."""
    name = program.rpartition("/")[2]
    return name.removeprefix("qemu-system-") if name.startswith("qemu-system-") else ""


def default_machine(architecture: str) -> list[str]:
    """Return a small paused machine: two disks for block jobs, and two ports for hot-plug if it has PCIe."""
    ports: list[str] = []
    machine = "none"
    if architecture in ("x86_64", "i386"):
        machine = "q35"
    elif architecture in ("aarch64", "arm", "loongarch64", "riscv32", "riscv64"):
        machine = "virt"
    if machine != "none":
        for number in (0, 1):
            ports += ["-device", f"pcie-root-port,id=port{number},chassis={number + 1}"]
    return [
        *("-machine", machine, "-S", "-nodefaults", "-display", "none", "-m", "128"),
        *("-blockdev", f"driver=null-co,node-name=disk0,size={_DISK_SIZE}"),
        *("-blockdev", f"driver=null-co,node-name=disk1,size={_DISK_SIZE}"),
        *ports,
    ]


def refuse_terminal(arguments: Sequence[str]) -> None:
    """Raise CommandLineError if QEMU would use the terminal, or daemonize, with these arguments."""
    for name, value in split_options(arguments):
        remedy = _alternative(name, value)
        if remedy:
            shown = f"-{name} {value}" if value else f"-{name}"
            raise CommandLineError(f"{shown} would use the shell's terminal; {remedy}")
        if name == "daemonize":
            raise CommandLineError(_NO_DAEMON)


def split_options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option without its dashes, and its argument, "" if it has none.

    >>> list(split_options(["--nographic", "-append", "-nographic", "disk.img"]))
    [('nographic', ''), ('append', '-nographic')]
    """
    words = iter(arguments)
    for word in words:
        if word.startswith("-"):
            name = word[2:] if word.startswith("--") else word[1:]
            yield name, next(words, "") if takes_argument(name) else ""


def takes_argument(option: str) -> bool:
    """Return True if the word after this option is its argument. This includes unknown options."""
    return option not in _FLAGS


def _alternative(name: str, value: str) -> str:
    """Return the alternative to an option that needs the terminal, or ""."""
    if name == "nographic":
        return _NO_CONSOLE
    if name == "curses" or (name == "display" and _first(value, "type") == "curses"):
        return "use -display none, or vnc=:0"
    if name == "chardev" and _first(value, "backend") == "stdio":
        return f"use -chardev pty,… {_PTY}"
    if name in _DEVICES and value.removeprefix("mon:") in ("stdio", "/dev/tty"):
        return _DEVICES[name]
    return ""


def _first(value: str, key: str) -> str:
    """Return the member of an option's argument whose key is optional in the first place."""
    if value.startswith("{"):
        try:
            members = json.loads(value)
        except ValueError:
            return ""
        return str(members.get(key, ""))
    first, *others = value.split(",")
    for part in others:
        if part.startswith(f"{key}="):
            return part.removeprefix(f"{key}=")
    return first.removeprefix(f"{key}=")
