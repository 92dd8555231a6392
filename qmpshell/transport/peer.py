"""What the system shows about the server at an address, and what follows from it, in words."""

from __future__ import annotations

import re

from ..record import Record
from ..render import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Process(Record):
    """A process. `state` is its letter in proc(5), `words` is its command line."""

    pid: int
    name: str
    state: str = "S"
    words: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{escape(self.name)} (pid {self.pid})"


class Peer(Record, kw_only=True):
    """The server at an address, as far as the system shows it.

    `server` is the process that listens, if it may be seen. `is_held` is true if it serves another
    client, and has not accepted this process's connection; `holder` is that client. `waiting` is
    the number of further clients that it has not accepted. `option` is the option of QEMU with this
    address if the address is a plain one, and `user` the one that names its chardev.
    """

    server: Process | None = None
    is_held: bool = False
    holder: Process | None = None
    waiting: int = 0
    option: str = ""
    user: str = ""


def explain_delay(address: str, peer: Peer) -> str:
    """Return a message if the server will answer later, because it is stopped or busy, or ""."""
    server = peer.server
    if server is not None and server.state == "T":
        return f"{address}: {server} is stopped; kill -CONT {server.pid} resumes it"
    if server is not None and server.state == "t":
        return f"{address}: {server} is stopped in a debugger; continue it there"
    if not peer.is_held:
        return ""
    more = ""
    if peer.waiting:
        more = f", and {peer.waiting} more {'waits' if peer.waiting == 1 else 'wait'}"
    holder = f", {peer.holder}," if peer.holder is not None else ""
    return (
        f"{address}: busy: another client{holder} holds this monitor{more} (QEMU serves one at a"
        " time); end it, or give QEMU a second monitor"
    )


def explain_mismatch(address: str, peer: Peer) -> str:
    """Return a message if the server certainly expects something else than QMP, or ""."""
    server = peer.server
    if server is not None and server.name == "qemu-ga":
        return f"{address}: this is a guest agent, {server}; add --ga"
    if "guest_agent" in peer.user:
        return f"{address}: this is the channel of a guest agent ({escape(peer.user)}); add --ga"
    if _has(peer.option, "websocket") and not is_websocket(address):
        return f"{address}: {server} expects a websocket here; use {address_with(address, 'websocket')}"
    if "tls-creds=" in peer.option and "tls-creds=" not in address:
        return f"{address}: {server} expects TLS here; add --tls-creds DIR"
    if peer.option and peer.user and "=" not in peer.user.split(",")[0]:
        return f"{address}: this is a device of the guest, not a monitor ({escape(peer.user)})"
    return ""


def is_websocket(address: str) -> bool:
    """Return True if the text of an address names a websocket."""
    return address.startswith(("websocket:", "ws:", "wss:")) or "websocket=on" in address


def address_with(address: str, kind: str) -> str:
    """Return the address with `telnet` or `websocket`, instead of the other one."""
    address = re.sub(r",(telnet|websocket)(=(on|yes|true|y))?(?=,|$)", "", address)
    if address.startswith("socket,"):
        return f"{address},{kind}=on"
    place = address.partition(",")[0]
    for scheme in ("tcp", "telnet", "websocket"):
        place = place.removeprefix(f"{scheme}:")
    if place.rpartition(":")[2].isdecimal() and not place.startswith("unix:") and "/" not in place:
        return f"{kind}:{place}"
    return f"unix:{address.removeprefix('unix:')},{kind}=on"


def _has(option: str, name: str) -> bool:
    return any(
        part == name or part in (f"{name}=on", f"{name}=yes", f"{name}=true")
        for part in option.split(",")
    )
