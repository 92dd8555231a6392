"""QEMU's command line: its program, its options, and what qmpshell adds or rejects."""

from __future__ import annotations

import json
import shlex

from ..errors import CommandLineError, LaunchError
from ..record import Record
from ..transport import read_option, split_commas

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
_NO_SETSID = "setsid would detach QEMU from the shell; omit it: QEMU gets its own process group"


# Programs that run another one, and their options that are followed by a word of their own. Only those
# matter whose word may be the name of a program.
_WRAPPERS = {
    "cgexec": ("-g",),
    "chroot": (),
    "chrt": (),
    "doas": ("-u", "-C"),
    "env": ("-u", "-C", "-S", "--unset", "--chdir", "--split-string"),
    "gdb": ("-ex", "-iex", "-x", "-ix", "-d", "-cd", "-directory", "-command", "-eval-command"),
    "ionice": (),
    "ltrace": ("-e", "-o", "-u", "-x"),
    "nice": (),
    "nohup": (),
    "numactl": (),
    "pkexec": ("--user",),
    "prlimit": (),
    "runuser": ("-u", "-g", "-G", "--user", "--group", "--supp-group"),
    "setarch": (),
    "setpriv": (),
    "setsid": (),
    "stdbuf": (),
    "strace": ("-e", "-E", "-o", "-P", "-u", "-S"),
    "sudo": ("-u", "-g", "-h", "-p", "-C", "-D", "-R", "-T", "-U", "--user", "--group", "--prompt"),
    "systemd-run": ("-p", "-u", "--property", "--unit", "--slice", "--uid", "--gid"),
    "taskset": (),
    "time": ("-f", "-o"),
    "timeout": ("-s", "-k"),
    "unshare": (),
    "valgrind": (),
}
# Wrappers that close all inherited descriptors, except for the standard ones.
_CLOSING_WRAPPERS = ("doas", "pkexec", "sudo", "systemd-run")
_QEMU_NAME = "qemu-system-"
# Options of gdb that give it commands.
_RUNNING = ("ex", "x", "iex", "ix", "eval-command", "command")


class QemuCommandLine(Record):
    """QEMU's command line: the program, and its arguments."""

    program: str
    # The arguments that belong to the program (the words of $QEMU), which come first.
    own: Sequence[str]
    arguments: Sequence[str]
    # A description of a machine that the user did not specify.
    note: str = ""
    # The words before the program, which run it: `nice -n 5`.
    wrapper: Sequence[str] = ()

    @property
    def keeps_descriptors(self) -> bool:
        """Whether the wrapper passes inherited descriptors other than the standard ones."""
        return not any(_name(word) in _CLOSING_WRAPPERS for word in self.wrapper)

    @property
    def hint(self) -> str:
        """Why the wrapper may have ended before QEMU started, or ""."""
        names = [_name(word) for word in self.wrapper]
        if "gdb" in names and not any(word.lstrip("-") in _RUNNING for word in self.wrapper):
            return "gdb cannot read commands here: write gdb -ex run -ex bt --args PROGRAM"
        return ""

    def monitor(self, descriptor: int) -> str:
        """Return the argument of -chardev for a monitor on the listening socket `descriptor`."""
        number = descriptor if self.keeps_descriptors else 0  # its standard input
        return f"socket,id={_MONITOR_ID},fd={number},server=on,wait=off"

    def command(self, descriptor: int) -> list[str]:
        """Return the complete command, with a monitor on the listening socket `descriptor`."""
        # In front, because an incomplete option of the user's would consume what follows.
        monitor = [
            *("-chardev", self.monitor(descriptor)),
            *("-mon", f"chardev={_MONITOR_ID},mode=control"),
        ]
        return [*self.wrapper, self.program, *self.own, *monitor, *self.arguments]


def make_command_line(
    words: Sequence[str], *, named: str, machine: str, find: Callable[[str], str]
) -> QemuCommandLine:
    """Return QEMU's command line. `words` may start with the program, or with a wrapper and the program.

    `named` is the text of $QEMU, `machine` is the host as in `uname -m`. `find` returns the file of
    a program, looked up in PATH if it contains no slash, or raises LaunchError. Raises LaunchError
    if there is no program, CommandLineError if the line would use the terminal, or $QEMU cannot be
    parsed.
    """
    arguments = list(words)
    own: list[str] = []
    wrapper: list[str] = []
    architecture = _ARCHITECTURES.get(machine, "arm" if machine.startswith("armv") else machine)
    if arguments and not arguments[0].startswith("-"):
        wrapper, program, arguments = _split_wrapper(arguments, find)
    elif named.strip():
        try:
            wrapper, program, own = _split_wrapper(_split(named), find)
        except LaunchError as error:
            raise LaunchError(f"$QEMU: {error}") from None
    else:
        program = _find_default(architecture, find)
    if any(_name(word) == "setsid" for word in wrapper):
        raise CommandLineError(_NO_SETSID)
    refuse_terminal([*own, *arguments])
    note = ""
    if not arguments:
        arguments = default_machine(_architecture_of(program) or architecture)
        ports = ", free ports port0 and port1" if "-device" in arguments else ""
        note = f"A small paused VM: block nodes disk0 and disk1{ports}."
    return QemuCommandLine(program, own, arguments, note=note, wrapper=wrapper)


def _split_wrapper(
    words: list[str], find: Callable[[str], str]
) -> tuple[list[str], str, list[str]]:
    """Return the words before QEMU's program, the program, and the words after it.

    Raises LaunchError.
    """
    first = find(words[0])
    position = _program_position(words, find)
    if position == 0:
        return [], first, words[1:]
    # As typed, because the wrapper may search for it elsewhere.
    return [first, *words[1:position]], words[position], words[position + 1 :]


def _program_position(words: Sequence[str], find: Callable[[str], str]) -> int:
    """Return the position of QEMU's program in a command that starts with a program."""
    position = 0
    while _name(words[position]) in _WRAPPERS:
        position = _wrapped_position(words, position, find)
    if not _is_qemu(words[position]):
        # A program of another name is QEMU, or runs the QEMU that is named later.
        for later in range(position + 1, len(words)):
            is_argument = _is_long_option(words[later - 1])
            if _name(words[later]).startswith(_QEMU_NAME) and not is_argument:
                return later
    return position


def _wrapped_position(words: Sequence[str], wrapper: int, find: Callable[[str], str]) -> int:
    """Return the position of the program that a wrapper runs. Raises LaunchError."""
    options = _WRAPPERS[_name(words[wrapper])]
    position = wrapper + 1
    while position < len(words):
        word = words[position]
        if word.startswith("-"):
            position += 2 if _uses_next_word(word, options) else 1
        elif _is_qemu(word) or _exists(word, find):
            return position
        else:  # a number, a CPU list, NAME=VALUE
            position += 1
    raise LaunchError(f"{words[wrapper]}: no program of QEMU follows it, or it is not installed")


def _uses_next_word(option: str, options: Sequence[str]) -> bool:
    """Return True if the next word belongs to a wrapper's option, or to the last one of `-nu`."""
    if option in options or f"-{option.lstrip('-')}" in options:
        return True
    if option.startswith("--"):
        return False
    letters = [index for index, letter in enumerate(option[1:], 1) if f"-{letter}" in options]
    return letters[:1] == [len(option) - 1]


def _is_long_option(word: str) -> bool:
    """Return True if the word is an option in QEMU's form, such as -name, that has an argument."""
    name = word[1:]
    return word[:1] == "-" and name[:1].isalpha() and len(name) > 1 and takes_argument(name)


def _is_qemu(word: str) -> bool:
    name = _name(word)
    return name in ("kvm", "qemu") or name.startswith("qemu-")


def _exists(word: str, find: Callable[[str], str]) -> bool:
    try:
        find(word)
    except LaunchError:
        return False
    return True


def _name(program: str) -> str:
    """Return the file name of a program."""
    return program.rpartition("/")[2]


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
    name = _name(program)
    return name.removeprefix(_QEMU_NAME) if name.startswith(_QEMU_NAME) else ""


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
    if name == "curses" or (
        name == "display" and read_members(value, "type").get("type") == "curses"
    ):
        return "use -display none, or vnc=:0"
    if name == "chardev" and read_members(value, "backend").get("backend") == "stdio":
        return f"use -chardev pty,… {_PTY}"
    if name in _DEVICES and value.removeprefix("mon:") in ("stdio", "/dev/tty"):
        return _DEVICES[name]
    return ""


def read_options(text: str, implied: str) -> dict[str, str]:
    """Return comma-separated options, of which the first may be the value of `implied` alone."""
    parts = split_commas(text)
    if "=" not in parts[0]:
        parts[0] = f"{implied}={parts[0]}"
    return dict(map(read_option, parts))


def read_members(text: str, implied: str) -> dict[str, str]:
    """Return the same, or the members of the JSON that such an option accepts too."""
    if not text.startswith("{"):
        return read_options(text, implied)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {name: str(member) for name, member in value.items()} if isinstance(value, dict) else {}
