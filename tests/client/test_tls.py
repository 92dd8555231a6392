"""Tests of TLS in both clients."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from qmpshell import AddressError, ConnectError, aio, connect
from tests.harness.servers import SYSTEM
from tests.harness.tls import make_authority, make_certificate, make_credentials, start_tls_qemu


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_credentials(tmp_path_factory.mktemp("tls") / "creds")


async def execute(address: str, **parameters: Any) -> Any:
    async with aio.connect(address, wait=60, **parameters) as qmp:
        return await qmp.execute("query-name")


def test_both_clients_connect_with_tls(credentials: Path) -> None:
    with start_tls_qemu(credentials) as port:
        for address in (("localhost", port), f"localhost:{port},tls-creds=tls0"):
            with connect(address, wait=60, tls_creds=credentials) as qmp:
                assert qmp.execute("query-name") == {}
        assert asyncio.run(execute(f"localhost:{port}", tls_creds=str(credentials))) == {}


def test_tls_hostname_is_name_in_certificate(tmp_path: Path) -> None:
    make_authority(tmp_path / "creds")
    make_certificate(tmp_path / "creds", "server", "vm.example")
    make_certificate(tmp_path / "creds", "client", "client")
    with start_tls_qemu(tmp_path / "creds", installation=SYSTEM) as port:
        address = f"localhost:{port}"
        with pytest.raises(ConnectError, match="certificate is not valid"):
            connect(address, tls_creds=tmp_path / "creds")
        names = {"tls_creds": tmp_path / "creds", "tls_hostname": "vm.example"}
        assert asyncio.run(execute(address, **names)) == {}


@pytest.mark.parametrize(
    ("address", "parameters", "reason"),
    [
        ("wss://localhost:1", {}, "TLS needs the certificates: give tls_creds=DIR"),
        ("localhost:1,tls-creds=t", {}, "give tls_creds=DIR"),
        ("localhost:1", {"tls_hostname": "x"}, "give tls_creds=DIR"),
        ("vm.sock", {"tls_creds": "x"}, "tls_creds is for TCP"),
    ],
)
def test_wrong_tls_parameters_raise_address_error(
    address: str, parameters: dict[str, str], reason: str
) -> None:
    with pytest.raises(AddressError, match=reason):
        connect(address, **parameters)  # type: ignore[arg-type]
    with pytest.raises(AddressError, match=reason):
        asyncio.run(execute(address, **parameters))
