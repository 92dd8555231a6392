"""Tests of vsock over the loopback CID, where the kernel has it."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

import qmpshell
from qmpshell.errors import ConnectError
from qmpshell.transport import VsockAddress, open_stream
from qmpshell.transport.vsock import open_vsock
from tests.harness.program import run
from tests.harness.servers import Server
from tests.harness.waiting import sleeps_less_than

_LOOPBACK_CID = 1


def missing() -> str:
    """Return what is missing for a connection to the loopback CID, or ""."""
    try:
        with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as listener:
            listener.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
            listener.listen(1)
            with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as client:
                client.settimeout(2)
                client.connect((_LOOPBACK_CID, listener.getsockname()[1]))
    except (AttributeError, OSError) as error:
        return (
            f"the kernel cannot connect to the vsock loopback CID (module vsock_loopback): {error}"
        )
    return ""


@pytest.fixture(scope="module")
def loopback() -> None:
    reason = missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def relay(loopback: None, qemu: Server) -> Iterator[str]:  # noqa: ARG001
    """Run a socat between a vsock port and the monitor, because -qmp has no vsock: of its own."""
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as free:
        free.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["socat", f"VSOCK-LISTEN:{port},fork", f"UNIX-CONNECT:{qemu.address}"]
    )
    try:
        yield f"vsock:{_LOOPBACK_CID}:{port}"
    finally:
        process.kill()
        process.wait()


def test_script_runs_over_vsock(relay: str) -> None:
    result = run("--wait", "60", relay, input="query-name\n")
    assert (result.status, result.out) == (0, '{"return": {}}\n')


def test_library_runs_over_vsock(relay: str) -> None:
    with qmpshell.connect(relay, wait=60) as qmp:
        assert qmp.execute("query-name") == {}


def test_large_write_over_vsock_does_not_block(loopback: None) -> None:  # noqa: ARG001
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as listener:
        listener.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
        listener.listen(1)
        stream = open_stream(VsockAddress(_LOOPBACK_CID, listener.getsockname()[1]), timeout=60)
        stream.write(b" " * 20_000_000)
        assert stream.want_write
        stream.close()


class _Socket:
    """A socket whose connection fails, for errors that this kernel cannot be made to show."""

    failure: OSError = OSError()
    closed = False

    def settimeout(self, seconds: float | None) -> None:
        assert seconds is None or seconds > 0

    def connect(self, address: tuple[int, int]) -> None:
        assert address == (3, 4444)
        raise self.failure

    def close(self) -> None:
        type(self).closed = True


@pytest.mark.parametrize(
    ("number", "reason", "retriable"),
    [
        (19, "no VM has this CID, or the kernel cannot reach it", True),
        (104, "connection refused: nothing listens there", True),
        (110, "connecting timed out: no VM with this CID answers", True),
        (13, "Permission denied", False),
        (97, "the kernel has no vsock", False),
    ],
)
def test_failure_is_explained(
    monkeypatch: pytest.MonkeyPatch, number: int, reason: str, retriable: bool
) -> None:
    _Socket.failure, _Socket.closed = OSError(number, os.strerror(number)), False
    monkeypatch.setattr(socket, "socket", lambda *_arguments: _Socket())
    with pytest.raises(ConnectError, match=reason) as caught:
        open_vsock(VsockAddress(3, 4444), timeout=1)
    assert str(caught.value).startswith("vsock:3:4444: ")
    assert caught.value.retriable is retriable
    assert _Socket.closed


def test_connect_gives_up_in_time() -> None:
    with pytest.raises(ConnectError, match="vsock:1:1: "), sleeps_less_than(2):
        open_stream(VsockAddress(_LOOPBACK_CID, 1), timeout=0.5)


@pytest.mark.parametrize("address", [VsockAddress(1, 1 << 32), VsockAddress(0xFFFFFFFF, 1)])
def test_number_out_of_range_is_rejected(address: VsockAddress) -> None:
    with pytest.raises(ConnectError, match="at most 4294967294"):
        open_vsock(address, timeout=1)


def test_system_without_vsock_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_VSOCK")
    with pytest.raises(ConnectError, match="this system has no vsock"):
        open_vsock(VsockAddress(3, 4444), timeout=1)
