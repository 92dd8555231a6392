"""qmpshell: a shell for QMP, the QEMU Machine Protocol, and a small library to speak it.

    from qmpshell import connect

    with connect("vm.sock") as qmp:
        print(qmp.execute("query-status"))

Owns: the names that programs may rely on. They are imported when first used: the command line must
start fast.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .connection import Connection, Server, connect, listen
    from .errors import (
        AddressError,
        CommandError,
        ConnectError,
        ConnectionLost,
        NegotiationError,
        ProtocolError,
        QmpShellError,
        ReplyTimeout,
    )

_HOMES = {
    "Connection": "connection",
    "Server": "connection",
    "connect": "connection",
    "listen": "connection",
}

__all__ = [
    "AddressError",
    "CommandError",
    "ConnectError",
    "Connection",
    "ConnectionLost",
    "NegotiationError",
    "ProtocolError",
    "QmpShellError",
    "ReplyTimeout",
    "Server",
    "connect",
    "listen",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)
