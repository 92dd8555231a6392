"""A shell and a client library for QMP, the QEMU Machine Protocol.

from qmpshell import connect

with connect("vm.sock") as qmp:
    print(qmp.execute("query-status"))
"""

from __future__ import annotations

import sys

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .client import Connection, LaunchedQemu, Server, connect, launch, listen
    from .errors import (
        AddressError,
        CommandError,
        CommandLineError,
        ConnectError,
        ConnectionLost,
        LaunchError,
        NegotiationError,
        OperationError,
        ProtocolError,
        QmpShellError,
        ReplyTimeout,
    )

__all__ = [
    "AddressError",
    "CommandError",
    "CommandLineError",
    "ConnectError",
    "Connection",
    "ConnectionLost",
    "LaunchError",
    "LaunchedQemu",
    "NegotiationError",
    "OperationError",
    "ProtocolError",
    "QmpShellError",
    "ReplyTimeout",
    "Server",
    "connect",
    "launch",
    "listen",
]


def export_lazily(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a package that imports its modules on first use.

    `modules` maps each module of the package to the names that the package exports from it,
    separated by blanks. A script must start fast, so a package imports only what is used of it.
    """
    homes = {name: module for module, names in modules.items() for name in names.split()}

    def get_attribute(name: str) -> object:
        module = homes.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        # Faster than importlib.import_module, which scripts do not need otherwise.
        found = vars(__import__(f"{package}.{module}", fromlist=["__name__"]))
        # All names of the module, so that this function is called once for each module.
        names = modules[module].split()
        vars(sys.modules[package]).update({each: found[each] for each in names if each in found})
        if name not in found:
            raise AttributeError(f"module {module!r} of {package!r} has no attribute {name!r}")
        return found[name]

    return get_attribute, lambda: sorted(homes)


if not TYPE_CHECKING:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "client": "Connection LaunchedQemu Server connect launch listen",
            "errors": "AddressError CommandError CommandLineError ConnectError ConnectionLost"
            " LaunchError NegotiationError OperationError ProtocolError QmpShellError ReplyTimeout",
        },
    )
