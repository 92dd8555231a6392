"""Test file descriptors that are passed to the server with `<` and `<>`."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    "redirect", ["<&{}", "<& {}", "< /dev/fd/{}", "<> /dev/fd/{}", "< /proc/self/fd/{}"]
)
def test_inherited_socket_is_passed(one_qemu: Server, redirect: str) -> None:
    """A socket cannot be opened by a path."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        result = run(
            one_qemu.address,
            input=script(
                f"getfd fdname=s {redirect.format(theirs.fileno())}",
                "chardev-add id=c backend.type=socket backend.data.server=off"
                " backend.data.addr.type=fd backend.data.addr.data.str=s",
                "chardev-remove id=c",
            ),
            pass_fds=[theirs.fileno()],
        )
    assert (result.status, result.err) == (0, "")


def test_standard_input_is_passed(one_qemu: Server) -> None:
    lines = ("getfd fdname=s <&0", "getfd fdname=t < /dev/stdin", "closefd fdname=t")
    result = run(*(word for line in lines for word in ("-c", line)), one_qemu.address)
    assert (result.status, result.err) == (0, "")


def test_unusable_descriptor_is_reported(one_qemu: Server) -> None:
    with socket.socket() as unrelated:
        closed = unrelated.fileno() + 500
    path = one_qemu.address
    result = run(
        path,
        # Descriptor 3 is a private one of qmpshell, such as its connection.
        input=script(
            *("getfd fdname=s <&3", f"getfd fdname=s < /dev/fd/{closed}"),
            *(f"getfd fdname=s < {path}", "getfd fdname=s <&x", "getfd fdname=s <&"),
        ),
    )
    assert (result.status, result.out) == (1, "")
    assert complaints(result)[::3] == [
        "stdin:1:18: 3: qmpshell has not inherited this descriptor",
        f"stdin:2:18: /dev/fd/{closed}: qmpshell has not inherited this descriptor",
        f"stdin:3:18: {path}: a socket cannot be opened; pass an inherited one with <&N",
        "stdin:4:18: the number of an inherited descriptor must follow <&",
        "  for a file, write < FILE",
        "                 ^^",
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
        result = run("-v", "--wait", "60", f"127.0.0.1:{port}", input=f"{text}\nquery-name\n")
    assert (result.status, result.out) == (1, '{"return": {}}\n')
    place, shown, caret = complaints(result)
    assert place == "stdin:1:18: a file can be passed only over a UNIX socket"
    assert shown.startswith("  getfd fdname=x < /")
    assert caret.startswith(f"{' ' * 19}^^^")
    assert [command["execute"] for command in sent(result)] == ["query-name"]
