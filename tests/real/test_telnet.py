"""Monitors of a real QEMU behind telnet."""

from pathlib import Path

import pytest

from tests.harness.program import run
from tests.harness.servers import SYSTEM, start_qemu


@pytest.mark.parametrize("monitor", ["mode=control", "mode=control,pretty=on"])
def test_telnet_monitor_runs_script(tmp_path: Path, monitor: str) -> None:
    path = tmp_path / "t.sock"
    with start_qemu(SYSTEM, path, chardev=",telnet=on", monitor=monitor):
        address = f"unix:{path},telnet=on"
        result = run("-r", "-c", "query-name", "-c", "query-status", address)
        assert (result.status, result.err) == (0, "")
        assert result.out.startswith("{}\n{")
        assert run("-r", "-c", "query-name", f"socket,path={path},telnet=on").out == "{}\n"
