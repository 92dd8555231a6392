"""Certificates, and monitors of a real QEMU behind TLS."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import qmpshell
from tests.harness.servers import NEWEST, Installation

# How an authority signs. Other commands than `openssl ca` cannot make an expired certificate.
_AUTHORITY = """
[ca]
default_ca = default
[default]
database = {directory}/index
new_certs_dir = {directory}
unique_subject = no
rand_serial = yes
default_md = sha256
policy = policy
[policy]
commonName = supplied
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def make_authority(directory: Path) -> None:
    """Make a directory with an authority's certificate and key."""
    directory.mkdir()
    _openssl(
        *("req", "-x509", *_KEY, "-subj", "/CN=test authority", "-days", "2"),
        *("-addext", "keyUsage=critical,keyCertSign"),
        *("-keyout", f"{directory}/ca-key.pem", "-out", f"{directory}/ca-cert.pem"),
    )


def make_certificate(directory: Path, kind: str, name: str, *, is_expired: bool = False) -> None:
    """Make the certificate and key of a "server" or "client" in an authority's directory."""
    now = datetime.now(UTC)
    start, end = now - timedelta(days=2), now + timedelta(days=-1 if is_expired else 1)
    (directory / "index").touch()
    authority = directory / "authority"
    authority.write_text(_AUTHORITY.format(directory=directory))
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
        *("ca", "-batch", "-notext", "-config", str(authority), "-in", str(request)),
        *("-cert", f"{directory}/ca-cert.pem", "-keyfile", f"{directory}/ca-key.pem"),
        *("-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}"),
        *("-extfile", str(extensions), "-out", f"{directory}/{kind}-cert.pem"),
    )


def make_credentials(directory: Path) -> Path:
    """Make a directory with certificates for a server on localhost and for a client."""
    make_authority(directory)
    make_certificate(directory, "server", "localhost")
    make_certificate(directory, "client", "client")
    return directory


@contextmanager
def start_tls_qemu(
    credentials: Path,
    *options: str,
    installation: Installation = NEWEST,
    chardev: str = "",
    tls: bool = True,
) -> Iterator[int]:
    """Start QEMU with a monitor on a port, behind TLS or without it. Yield the port.

    QEMU 7.2 to 10.0 may crash if a client connects to a monitor with `telnet=on` while QEMU starts:
    the main thread and the monitor's I/O thread then both handle the new connection. All monitors
    are ready when the last one replies.
    """
    chardev += ",tls-creds=tls0" if tls else ""
    with (
        tempfile.TemporaryDirectory() as directory,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        port, number = listener.getsockname()[1], listener.fileno()
        last = f"{directory}/last.sock"
        process = subprocess.Popen(
            [
                os.environ.get("QMPSHELL_TEST_QEMU") or installation.program("qemu-system-x86_64"),
                *installation.data_options(),
                *("-machine", "none", "-nodefaults", "-display", "none", "-S", "-object"),
                f"tls-creds-x509,id=tls0,dir={credentials},endpoint=server,verify-peer=on",
                *("-mon", "chardev=m,mode=control", "-chardev"),
                f"socket,id=m,fd={number},server=on,wait=off{chardev}",
                *options,
                *("-qmp", f"unix:{last},server=on,wait=off"),
            ],
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
            env=installation.environment(),
        )
        listener.close()
        try:
            qmpshell.connect(last, wait=60).close()
            yield port
        finally:
            process.kill()
            process.wait()
