"""Monitors of a real QEMU behind TLS, with certificates made here.

The newest QEMU, because 7.2 does not read the commands of a client with TLS.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.program import run
from tests.harness.servers import NEWEST

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def _make_authority(directory: Path) -> None:
    directory.mkdir()
    _openssl(
        *("req", "-x509", *_KEY, "-subj", "/CN=test authority", "-days", "2"),
        *("-addext", "keyUsage=critical,keyCertSign"),
        *("-keyout", f"{directory}/ca-key.pem", "-out", f"{directory}/ca-cert.pem"),
    )


def _make_certificate(directory: Path, kind: str, name: str, *, days: int = 2) -> None:
    request, extensions = directory / "request.pem", directory / "extensions"
    extensions.write_text(
        f"subjectAltName=DNS:{name}\nextendedKeyUsage={kind}Auth\nkeyUsage=digitalSignature\n"
        "basicConstraints=critical,CA:false\n"
    )
    _openssl(
        *("req", *_KEY, "-subj", f"/CN={name}", "-out", str(request)),
        *("-keyout", f"{directory}/{kind}-key.pem"),
    )
    _openssl(
        *("x509", "-req", "-in", str(request), "-days", str(days), "-extfile", str(extensions)),
        *("-CA", f"{directory}/ca-cert.pem", "-CAkey", f"{directory}/ca-key.pem"),
        *("-CAcreateserial", "-out", f"{directory}/{kind}-cert.pem"),
    )


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
    directory = tmp_path_factory.mktemp("tls") / "creds"
    _make_authority(directory)
    _make_certificate(directory, "server", "localhost")
    _make_certificate(directory, "client", "client")
    return directory


@contextmanager
def _qemu(credentials: Path, *, chardev: str = "") -> Iterator[int]:
    """Start QEMU with TLS. Yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, number = listener.getsockname()[1], listener.fileno()
        process = subprocess.Popen(
            [
                os.environ.get("QMPSHELL_TEST_QEMU") or NEWEST.program("qemu-system-x86_64"),
                *NEWEST.data_options(),
                *("-machine", "none", "-nodefaults", "-display", "none", "-S", "-object"),
                f"tls-creds-x509,id=tls0,dir={credentials},endpoint=server,verify-peer=on",
                *("-mon", "chardev=m,mode=control", "-chardev"),
                f"socket,id=m,fd={number},server=on,wait=off,tls-creds=tls0{chardev}",
            ],
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
            env=NEWEST.environment(),
        )
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def test_tls_monitor_runs_script(credentials: Path) -> None:
    with _qemu(credentials) as port:
        address = f"tcp:localhost:{port}"
        result = run("-r", "--tls-creds", str(credentials), "-c", "query-name", address)
        assert (result.status, result.out, result.err) == (0, "{}\n", "")


def test_tls_with_wrong_name_needs_hostname_option(credentials: Path) -> None:
    with _qemu(credentials) as port:
        arguments = ("-r", "--tls-creds", str(credentials), "-c", "query-name")
        address = f"127.0.0.1:{port}"
        result = run(*arguments, address)
        assert (result.status, result.err.count("\n")) == (3, 1)
        assert "certificate is not valid: IP address mismatch" in result.err
        result = run(*arguments, "--tls-hostname", "localhost", address)
        assert (result.status, result.out) == (0, "{}\n")


def test_tls_with_wrong_authority_is_rejected(credentials: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    _make_authority(other)
    with _qemu(credentials) as port:
        result = run("--tls-creds", str(other), "-c", "query-name", f"localhost:{port}")
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "the server's certificate is not valid" in result.err


def test_tls_with_expired_certificate_is_rejected(credentials: Path, tmp_path: Path) -> None:
    expired = tmp_path / "expired"
    shutil.copytree(credentials, expired)
    _make_certificate(expired, "server", "localhost", days=-1)
    with _server(expired) as port:
        result = run("--tls-creds", str(credentials), "-c", "query-name", f"localhost:{port}")
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "certificate has expired" in result.err


def test_tls_without_certificates_reports_missing_file(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"localhost:{listener.getsockname()[1]}"
        result = run("--tls-creds", str(tmp_path), "-c", "query-name", address)
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "ca-cert.pem: No such file" in result.err


def test_clear_text_to_other_host_gives_warning() -> None:
    # The name is invalid (RFC 6761), so that nothing is sent.
    result = run("-c", "query-name", "host.invalid:1")
    assert result.status == 3
    assert "host.invalid:1: the connection is not encrypted" in result.err
