"""Benchmark of the transports: one command again and again, and a script of five thousand.

The start of each, with its libraries and handshake, is measured apart. A command behind `exec:` and
a relay add a process, so that they are compared with another relay of the same kind.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from qmpshell import Connection, connect
from qmpshell.transport import (
    Credentials,
    connect_with_retries,
    make_address,
    with_credentials,
)
from tests.harness.relay import start_relay
from tests.harness.servers import NEWEST, start_qemu
from tests.harness.tls import make_credentials

from .measure import BIN, compare, report, wall_time

UNIX, TCP, TELNET, TLS = "UNIX socket", "TCP", "telnet", "TLS"
RELAY, WEBSOCKET = "TCP through a relay", "websocket through a relay"
SOCAT, EXEC = "TCP through socat", "exec:socat"
_COMMANDS = 300
_BOUND = 1.3
_BOUNDS = [
    (TELNET, TCP, _BOUND),
    (TLS, TCP, _BOUND),
    (WEBSOCKET, RELAY, _BOUND),
    (EXEC, SOCAT, _BOUND),
]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _addresses() -> Iterator[tuple[dict[str, str], str]]:
    """Start a QEMU with a monitor for each transport. Yield their addresses and the certificates."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        credentials = make_credentials(directory / "creds")
        ports = {name: _free_port() for name in (TCP, TELNET, TLS, SOCAT)}
        paths = {name: f"{directory}/{len(name)}" for name in (RELAY, WEBSOCKET, SOCAT, EXEC)}
        places = [f"path={path}" for path in paths.values()]
        for name, option in ((TCP, ""), (TELNET, ",telnet=on"), (TLS, ",tls-creds=t")):
            places.append(f"host=127.0.0.1,port={ports[name]}{option}")
        options = ["-object", f"tls-creds-x509,id=t,dir={credentials},endpoint=server"]
        for number, place in enumerate(places):
            options += ["-chardev", f"socket,id=c{number},{place},server=on,wait=off"]
            options += ["-mon", f"chardev=c{number},mode=control"]
        server = stack.enter_context(start_qemu(NEWEST, directory / "vm.sock", *options))
        connect(server.address, wait=30).close()  # it listens everywhere now
        relay = stack.enter_context(start_relay(paths[RELAY], websocket=False))
        web = stack.enter_context(start_relay(paths[WEBSOCKET], websocket=True))
        listen = f"TCP-LISTEN:{ports[SOCAT]},bind=127.0.0.1,fork,reuseaddr,nodelay"
        socat = stack.enter_context(subprocess.Popen(["socat", listen, f"UNIX:{paths[SOCAT]}"]))
        stack.callback(socat.kill)
        found = {
            UNIX: server.address,
            TCP: f"localhost:{ports[TCP]}",
            TELNET: f"telnet:localhost:{ports[TELNET]}",
            TLS: f"localhost:{ports[TLS]}",
            RELAY: f"localhost:{relay}",
            WEBSOCKET: f"websocket:localhost:{web}",
            SOCAT: f"localhost:{ports[SOCAT]}",
            EXEC: f"exec:socat - UNIX:{paths[EXEC]}",
        }
        yield found, str(credentials)


def _open(name: str, address: str, credentials: str) -> Connection:
    parsed = make_address(address, exists=os.path.exists)
    if name == TLS:
        parsed = with_credentials(parsed, Credentials(credentials))
    stream = connect_with_retries(parsed, wait=30, clock=time.monotonic, sleep=time.sleep)
    connection = Connection(stream, address=address)
    connection.negotiate(30)
    return connection


def _time_commands(connection: Connection) -> float:
    started = time.perf_counter()
    for _ in range(_COMMANDS):
        connection.execute("query-status")
    return (time.perf_counter() - started) / _COMMANDS * 1e6


def one_command() -> bool:
    with _addresses() as (addresses, credentials), ExitStack() as stack:
        connections = {
            name: stack.enter_context(_open(name, address, credentials))
            for name, address in addresses.items()
        }
        runs = {name: partial(_time_commands, each) for name, each in connections.items()}
        return report("query-status over each transport", compare(runs, rounds=15), _BOUNDS, "µs")


def script() -> bool:
    with _addresses() as (addresses, credentials):

        def run(name: str, lines: int) -> float:
            tls = ["--tls-creds", credentials] if name == TLS else []
            command = [str(BIN / "qmpshell"), *tls, addresses[name]]
            return wall_time(command, b"query-status\n" * lines) * 1000

        starts = compare({name: partial(run, name, 1) for name in addresses}, rounds=7)
        whole = compare({name: partial(run, name, 5000) for name in addresses}, rounds=5)
    report("A script of one command, with the start of the program", starts, [], "ms")
    rest = {name: whole[name] - starts[name] for name in addresses}
    return report("A script of 5,000 query-status, without the start", rest, _BOUNDS, "ms")
