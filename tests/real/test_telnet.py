"""Monitors of a real QEMU behind telnet."""

import socket
from pathlib import Path

import pytest

from qmpshell import connect
from tests.harness.program import run
from tests.harness.servers import Installation, start_qemu


@pytest.mark.parametrize("monitor", ["mode=control", "mode=control,pretty=on"])
def test_telnet_monitor_runs_script(
    installation: Installation, tmp_path: Path, monitor: str
) -> None:
    path, last = tmp_path / "t.sock", tmp_path / "last.sock"
    options = ("-qmp", f"unix:{last},server=on,wait=off")
    with start_qemu(installation, path, *options, chardev=",telnet=on", monitor=monitor):
        connect(last, wait=60).close()  # see start_tls_qemu
        address = f"unix:{path},telnet=on"
        result = run("-r", "-c", "query-name", "-c", "query-status", address)
        assert (result.status, result.err) == (0, "")
        assert result.out.startswith("{}\n{")
        assert run("-r", "-c", "query-name", f"socket,path={path},telnet=on").out == "{}\n"


def test_telnet_scheme_connects_to_port(installation: Installation, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ("-chardev", f"socket,id=t,host=127.0.0.1,port={port},server=on,wait=off,telnet=on")
    with start_qemu(
        installation, tmp_path / "a.sock", *options, "-mon", "t,mode=control"
    ) as server:
        connect(server.address, wait=60).close()  # see start_tls_qemu
        for address in (f"telnet:127.0.0.1:{port}", f"socket,host=localhost,port={port},telnet=on"):
            assert run("--wait", "60", "-r", "-c", "query-name", address).out == "{}\n"
        # The byte 0xFF is a command of telnet, which would remove the two bytes after it.
        line = b'\xff{"execute": "qmp_capabilities"}\n'
        result = run("--wait", "60", "--raw", f"telnet:localhost:{port}", input=line)
    assert (result.status, result.err) == (0, "")
    assert '{"return": {}}' in result.out
