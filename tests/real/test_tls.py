"""Monitors of a real QEMU behind TLS."""

import os
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from qmpshell.cli.start import Connector
from qmpshell.errors import ConnectError
from qmpshell.storage import Settings
from qmpshell.transport import (
    Address,
    Credentials,
    TcpAddress,
    find_peer,
    open_stream,
    with_credentials,
)
from tests.harness.processes import wait_until
from tests.harness.program import PYTHON, run, start
from tests.harness.servers import Installation, Server
from tests.harness.tls import make_authority, make_certificate, make_credentials, start_tls_qemu
from tests.harness.waiting import sleeps_less_than
from tests.harness.woken import Woken


@contextmanager
def _server(credentials: Path) -> Iterator[int]:
    """Start a server of OpenSSL, because QEMU refuses to use an expired certificate."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    names = ("-cert", f"{credentials}/server-cert.pem", "-key", f"{credentials}/server-key.pem")
    with subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        while b"ACCEPT" not in process.stdout.readline():
            assert process.poll() is None
        yield port
        process.kill()


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_credentials(tmp_path_factory.mktemp("tls") / "creds")


def test_tls_monitor_runs_script(installation: Installation, credentials: Path) -> None:
    long_name = "n" * 3000
    with start_tls_qemu(credentials, installation=installation) as port:
        address = f"tcp:localhost:{port}"
        result = run(
            *("--tls-creds", str(credentials), address),
            input=f"query-name\nquery-qmp-schema\n{long_name}\n",
        )
    assert (result.status, result.err) == (1, "")
    assert result.lines[0] == '{"return": {}}'
    assert len(result.lines[1]) > 100_000
    assert long_name in result.lines[2]


def test_websocket_under_tls_runs_script(
    installation: Installation, credentials: Path, tmp_path: Path
) -> None:
    other = tmp_path / "vm.sock"
    with (
        start_tls_qemu(
            credentials,
            *("-qmp", f"unix:{other},server=on,wait=off"),
            installation=installation,
            chardev=",websocket=on",
        ) as port,
        Woken(other),
    ):
        for address in (f"wss://localhost:{port}", f"websocket:localhost:{port}"):
            result = run(
                *("--tls-creds", str(credentials), address),
                input="query-name\nquery-qmp-schema\n",
            )
            assert (result.status, result.err) == (0, "")
            assert result.lines[0] == '{"return": {}}'
            assert len(result.lines[1]) > 100_000
        # Without TLS, the handshake is not TLS.
        result = run(f"ws://localhost:{port}", "-c", "query-name")
        assert (result.status, result.err.count("\n")) == (3, 1)


def test_tls_with_telnet_names_fault_ofstart_tls_qemu(credentials: Path) -> None:
    with start_tls_qemu(credentials, chardev=",telnet=on") as port:
        address = f"telnet:localhost:{port}"
        result = run("--tls-creds", str(credentials), "-c", "query-name", address)
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "unencrypted data after the handshake, as QEMU does with telnet=on" in result.err


def test_tls_to_clear_text_server_is_rejected(credentials: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as threads:
        address = f"localhost:{listener.getsockname()[1]}"
        arguments = ("--tls-creds", str(credentials), "-c", "query-name", address)
        done = threads.submit(run, *arguments)
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b'{"QMP": {}}\r\n')
            result = done.result()
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "the server does not use TLS here; connect without it" in result.err


def test_tls_is_possible_for_subcommands(credentials: Path) -> None:
    with start_tls_qemu(credentials) as port:
        options = ["--tls-creds", str(credentials), "-s", f"127.0.0.1:{port}"]
        options += ["--tls-hostname", "localhost"]
        result = run("exec", *options, "query-name")
        assert (result.status, result.out, result.err) == (0, "{}\n", "")
        result = run("events", *options, "--timeout", "0")
        assert (result.status, result.out, result.err) == (0, "", "")


def test_tls_hostname_needs_creds() -> None:
    option = ("--tls-hostname", "x")
    for words in (("-c", "stop", ":1"), ("exec", "-s", ":1", "stop"), ("events", "-s:1", "STOP")):
        result = run(*words[:-1], *option, words[-1])
        assert (result.status, result.out) == (2, "")
        assert "--tls-hostname needs --tls-creds" in result.err


def test_tls_creds_for_unix_socket_are_rejected(one_qemu: Server, credentials: Path) -> None:
    result = run("--tls-creds", str(credentials), "-c", "stop", one_qemu.address)
    assert (result.status, result.out) == (2, "")
    assert f"--tls-creds is for TCP, but {one_qemu.address} is not a TCP address" in result.err


def test_tls_with_wrong_name_needs_hostname_option(credentials: Path) -> None:
    with start_tls_qemu(credentials) as port:
        arguments = ("-r", "--tls-creds", str(credentials), "-c", "query-name")
        address = f"127.0.0.1:{port}"
        result = run(*arguments, address)
        assert (result.status, result.err.count("\n")) == (3, 1)
        assert "certificate is not valid: IP address mismatch" in result.err
        result = run(*arguments, "--tls-hostname", "localhost", address)
        assert (result.status, result.out) == (0, "{}\n")


def test_tls_with_wrong_authority_is_rejected(credentials: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    make_authority(other)
    with start_tls_qemu(credentials) as port:
        result = run("--tls-creds", str(other), "-c", "query-name", f"localhost:{port}")
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "the server's certificate is not valid" in result.err


def test_tls_with_expired_certificate_is_rejected(credentials: Path, tmp_path: Path) -> None:
    expired = tmp_path / "expired"
    shutil.copytree(credentials, expired)
    make_certificate(expired, "server", "localhost", is_expired=True)
    with _server(expired) as port:
        result = run("--tls-creds", str(credentials), "-c", "query-name", f"localhost:{port}")
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "certificate has expired" in result.err


def test_tls_without_client_certificate_names_it(
    installation: Installation, credentials: Path, tmp_path: Path
) -> None:
    shutil.copy(credentials / "ca-cert.pem", tmp_path)
    with start_tls_qemu(credentials, installation=installation) as port:
        result = run("--tls-creds", str(tmp_path), "-c", "query-name", f"localhost:{port}")
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "it may require a certificate: client-cert.pem and client-key.pem" in result.err


def test_busy_tls_monitor_names_its_client(credentials: Path) -> None:
    with start_tls_qemu(credentials) as port:
        options = ("--tls-creds", str(credentials), f"localhost:{port}")
        with start(*options) as first:
            assert first.stdin is not None and first.stdout is not None
            first.stdin.write(b"query-name\n")
            first.stdin.flush()
            assert first.stdout.readline() == b'{"return": {}}\n'
            result = run("--wait", "1", "-c", "query-name", *options)
            first.stdin.close()
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert f"busy: another client, {PYTHON} (pid {first.pid}), holds this monitor" in result.err


@pytest.mark.parametrize(
    ("chardev", "scheme", "text"),
    [
        (",tls-creds=tls0", "websocket:", "expects TLS here; add --tls-creds DIR"),
        (",tls-creds=tls0", "telnet:", "expects TLS here; add --tls-creds DIR"),
        (",websocket=on", "telnet:", "expects a websocket here; use websocket:localhost:"),
        (",websocket=on", "tcp:", "expects a websocket here; use websocket:localhost:"),
        (",telnet=on", "websocket:", "the server uses telnet, not a websocket; use telnet:"),
        (",telnet=on", "tcp:", "the server does not use TLS here; connect without it"),
        ("", "websocket:", "”; connect without it"),
    ],
)
def test_wrong_protocol_is_named_at_once(
    installation: Installation, credentials: Path, chardev: str, scheme: str, text: str
) -> None:
    with start_tls_qemu(credentials, installation=installation, chardev=chardev, tls=False) as port:
        tls = ["--tls-creds", str(credentials)] if scheme == "tcp:" else []
        result = run(*tls, "--wait", "60", "-c", "query-name", f"{scheme}localhost:{port}")
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert text in result.err


def server_pid(address: Address) -> int:
    """Return the id of the process that serves an address."""
    found: list[int] = []

    def is_found() -> bool:
        # Linux may omit entries from its table of connections while others change.
        peer = find_peer(address)
        found.extend([peer.server.pid] if peer is not None and peer.server is not None else [])
        return bool(found)

    wait_until(is_found, "server")
    return found[0]


@pytest.mark.parametrize("chardev", ["", ",telnet=on", ",tls-creds=tls0"])
def test_large_write_to_stopped_server_does_not_block(credentials: Path, chardev: str) -> None:
    with start_tls_qemu(credentials, chardev=chardev, tls=False) as port:
        address: Address = TcpAddress("localhost", port, telnet="telnet" in chardev)
        if "tls" in chardev:
            address = with_credentials(address, Credentials(str(credentials)))
        stream = open_stream(address, timeout=60)
        data = b""
        while b'"QMP"' not in data:
            assert select.select([stream], [], [], 60)[0]
            data += stream.read() or b""
        os.kill(server_pid(address), signal.SIGSTOP)
        with sleeps_less_than(0.5):
            stream.write(b" " * 20_000_000)
            assert stream.want_write
            stream.close()


def test_tls_without_certificates_reports_missing_file(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"localhost:{listener.getsockname()[1]}"
        result = run("--tls-creds", str(tmp_path), "-c", "query-name", address)
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "ca-cert.pem: No such file" in result.err


def test_clear_text_to_other_host_gives_one_warning(capfd: pytest.CaptureFixture[str]) -> None:
    # The names are invalid (RFC 6761), so that nothing is sent.
    connector = Connector("a.invalid:1", Settings(), {})
    with pytest.raises(ConnectError):
        connector.open()
    for text in (None, "b.invalid:1", "a.invalid:1"):
        with pytest.raises(ConnectError):
            connector.reconnect(text)
    first, second = capfd.readouterr().err.splitlines()
    assert "a.invalid:1: the connection is not encrypted" in first
    assert "b.invalid:1: the connection is not encrypted" in second
