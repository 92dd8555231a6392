"""Test file descriptors that are passed to the server with `<` and `<>`."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.harness.exchange import complaints, replies, returns, script, sent
from tests.harness.program import run
from tests.harness.servers import SYSTEM, Server, start_qemu


def test_input_redirect_passes_descriptor(qemu: Server, tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text("x")
    result = run(
        "-v",
        qemu.address,
        input=script(
            f'add-fd fdset-id=1 opaque=5 < "{file}"',
            f'add-fd fdset-id=0x1 <> "{file}"',
            "query-fdsets",
            f"getfd fdname=seven < '{file}'",
            "closefd fdname=seven",
            f"getfd fdname=x < {tmp_path}/none",
            "getfd fdname=x",
            "getfd fdname=x <",
        ),
    )
    assert result.status == 1
    first, second, sets, got, closed, without = replies(result)
    assert first["return"]["fdset-id"] == second["return"]["fdset-id"] == 1
    assert {item.get("opaque") for item in sets["return"][0]["fds"]} == {"5", None}
    assert (got, closed) == ({"return": {}}, {"return": {}})
    assert "No file descriptor supplied" in without["error"]["desc"]
    place, _, caret, *rest = complaints(result)
    assert place == f"stdin:6:18: {tmp_path}/none: No such file or directory"
    assert caret.strip(" ^") == ""
    assert rest == [
        "stdin:8:16: a file must follow <",
        "  getfd fdname=x <",
        "                 ^",
    ]


def test_redirect_after_json_passes_descriptor(qemu: Server, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    add = '{"execute": "add-fd", "arguments": {"fdset-id": 1}}'
    result = run(qemu.address, input=f"{add} <> {file}; {add} < {file}\nquery-fdsets\n")
    assert (result.status, result.err) == (0, "")
    assert len(returns(result)[-1][0]["fds"]) == 2


def test_passed_descriptor_can_back_a_disk(qemu: Server, tmp_path: Path) -> None:
    file = tmp_path / "disk"
    file.write_bytes(b"\0" * 4096)
    result = run(
        qemu.address,
        input=script(
            f"add-fd fdset-id=7 <> {file}",
            "blockdev-add driver=file node-name=f0 filename=/dev/fdset/7",
            "query-named-block-nodes",
        ),
    )
    assert result.status == 0
    assert returns(result)[-1][0]["image"]["virtual-size"] == 4096


def test_input_redirect_over_tcp_is_refused(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "file").write_text("x")
    monitor = ("-qmp", f"tcp:127.0.0.1:{port},server=on,wait=off")
    with start_qemu(SYSTEM, tmp_path / "vm.sock", *monitor):
        text = f"getfd fdname=x < {tmp_path}/file"
        result = run("-v", "--wait", "9", f"127.0.0.1:{port}", input=f"{text}\nquery-name\n")
    assert (result.status, result.out) == (1, '{"return": {}}\n')
    place, shown, caret = complaints(result)
    assert place == "stdin:1:18: a file can be passed only over a UNIX socket"
    assert shown.startswith("  getfd fdname=x < /")
    assert caret.startswith(f"{' ' * 19}^^^")
    assert [command["execute"] for command in sent(result)] == ["query-name"]
