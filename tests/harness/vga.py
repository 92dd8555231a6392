"""Virtual machines with a screen and a keyboard, which need no guest system."""

from __future__ import annotations

import time
from pathlib import Path

from qmpshell import Connection, connect
from qmpshell.render.views.screen import Picture, parse_ppm

from .servers import Installation, Server, start_qemu

# What the firmware writes last if there is nothing to start.
FIRMWARE_END = "No bootable device."
# A boot sector that clears the screen, writes a prompt, and shows what is typed (int 10h, 16h).
ECHO = bytes.fromhex("b80300 cd10 b83e0e cd10 30e4 cd16 b40e cd10 ebf6")
ECHO_PROMPT = ">"
# A boot sector that shows the colours of mode 13h, 320 by 200 pixels, in 9 rows of 23.
COLORS = bytes.fromhex(
    "b81300 cd10 6800a0 07 31ff"  # the mode, and the segment of the pixels
    "89f8 31d2 bb4001 f7f3 52"  # a pixel's row, and its column on the stack
    "31d2 bb1700 f7f3 b318 f6e3 89c1"  # 24 colours for each 23 rows
    "58 31d2 bb0e00 f7f3 01c8 0420 aa"  # another one for each 14 columns
    "81ff00fa 72d6 f4 ebfd"
)
# A boot sector that hides the cursor and shows all 256 characters in order.
CHARACTERS = bytes.fromhex("b80300cd10 b401b90020cd10 6800b8 07 31ff b80007 ab fec0 75fb f4 ebfd")
_TIMEOUT = 60.0  # seconds
_TEXT_MEMORY, _COLUMNS, _ROWS = 0xB8000, 80, 25


def start_vga(installation: Installation, directory: Path, *, boot: bytes = b"") -> Server:
    """Start a paused VM with a standard VGA, and a boot sector if there is one."""
    options = ["-vga", "std"]
    if boot:
        disk = directory / "boot.img"
        disk.write_bytes(boot.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
        options += ["-drive", f"if=none,id=b,format=raw,file={disk}"]
        options += ["-device", "virtio-blk-pci,drive=b"]
    return start_qemu(installation, directory / "vm.sock", *options, machine="q35")


def text_lines(qmp: Connection, directory: Path) -> list[str]:
    """Return the text that the guest has written to the screen."""
    file = directory / "text"
    size = 2 * _COLUMNS * _ROWS
    qmp.execute("pmemsave", {"val": _TEXT_MEMORY, "size": size, "filename": str(file)})
    text = file.read_bytes()[::2].decode("cp437")
    return [text[start : start + _COLUMNS] for start in range(0, len(text), _COLUMNS)]


def picture_of(qmp: Connection, directory: Path) -> Picture:
    file = directory / "reference.ppm"
    qmp.execute("screendump", {"filename": str(file)})
    return parse_ppm(file.read_bytes())


def wait_for_text(qmp: Connection, directory: Path, text: str) -> list[str]:
    """Wait until a line that the guest has written starts with this text, and return the lines."""
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        lines = text_lines(qmp, directory)
        if any(line.startswith(text) for line in lines):
            return lines
        time.sleep(0.05)
    raise AssertionError(f"no {text!r} on the screen of the VM: {lines}")


def show_colors(server: Server, directory: Path) -> Picture:
    """Run the boot sector COLORS, pause the VM, and return the picture."""
    deadline = time.monotonic() + _TIMEOUT
    with connect(server.address) as qmp:
        qmp.execute("cont")
        while time.monotonic() < deadline:
            picture = picture_of(qmp, directory)
            if picture.width == 640 and any(picture.pixels[-3:]):
                qmp.execute("stop")
                return picture
            time.sleep(0.05)
    raise AssertionError("the VM does not draw")


def show_firmware(server: Server, directory: Path) -> tuple[list[str], Picture]:
    """Run the firmware to its end and pause the VM. Return the text and the picture.

    The picture does not change then, because the clock that lets the cursor blink has stopped.
    """
    with connect(server.address) as qmp:
        qmp.execute("cont")
        lines = wait_for_text(qmp, directory, FIRMWARE_END)
        qmp.execute("stop")
        picture_of(qmp, directory)
        return lines, picture_of(qmp, directory)
