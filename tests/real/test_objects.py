"""Test backends and objects with unions and nested members on real servers."""

from __future__ import annotations

import os
from pathlib import Path

from tests.harness.exchange import (
    complaints,
    events,
    replies,
    returns,
    script,
    sent,
    sent_arguments,
)
from tests.harness.processes import wait_until
from tests.harness.program import run
from tests.harness.servers import Installation, Server, start_qemu

# -- character devices ----------------------------------------------------------------------------


def test_chardev_add_accepts_every_backend(qemu: Server, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    server = "backend.data.server=on backend.data.wait=off"
    address = "backend.data.addr"
    lines = {
        "null": "backend.type=null backend.data={}",
        "ring": "backend.type=ringbuf backend.data.size=4k",
        "memory": "backend.data.size=0x1000 backend.type=memory",
        "file": f"backend.type=file backend.data.out={tmp_path}/out backend.data.append=yes",
        "pipe": f"backend.type=pipe backend.data.device={tmp_path}/fifo",
        "pty": "backend.type=pty backend.data={}",
        "unix": f"backend.type=socket {address}.type=unix {address}.data.path={tmp_path}/c {server}",
        "inet": f"{server} {address}.data.port=0 {address}.data.host=127.0.0.1"
        f" {address}.type=inet backend.data.telnet=on backend.type=socket",
        "udp": "backend.type=udp backend.data.remote.type=inet"
        " backend.data.remote.data.host=127.0.0.1 backend.data.remote.data.port=9",
        "mux": "backend.type=mux backend.data.chardev=ring",
        "vc": "backend.type=vc backend.data.width=640 backend.data.height=480",
        "braces": "backend={'type': 'ringbuf', \"data\": {'size': 64,}}",
    }
    result = run(
        "-v",
        qemu.address,
        input=script(
            [f"chardev-add id={name} {backend}" for name, backend in lines.items()],
            'ringbuf-write device=ring data="0 on"',
            "ringbuf-write device=ring data=5 format=utf8",
            "ringbuf-read device=ring size=1k",
            "chardev-change id=null backend.type=ringbuf backend.data.size=64k",
            [f"chardev-remove id={name}" for name in lines if name not in ("ring", "mux")],
            "query-chardev",
        ),
    )
    assert result.status == 0, result.out
    values = returns(result)
    added = dict(zip(lines, values, strict=False))
    assert added["pty"]["pty"].startswith("/dev/pts/")
    assert values[len(lines) : len(lines) + 3] == [{}, {}, "0 on5"]
    assert {chardev["label"] for chardev in values[-1]} == {"m", "ring", "mux"}
    sent_to = {
        arguments["id"]: arguments["backend"] for arguments in sent_arguments(result)[: len(lines)]
    }
    assert sent_to["inet"] == {
        "type": "socket",
        "data": {
            "addr": {"type": "inet", "data": {"host": "127.0.0.1", "port": "0"}},
            "server": True,
            "wait": False,
            "telnet": True,
        },
    }
    assert sent_to["udp"]["data"]["remote"]["data"]["port"] == "9"
    assert sent_to["memory"]["data"]["size"] == 4096
    assert sent_to["file"]["data"]["append"] is True


# -- networks -------------------------------------------------------------------------------------


def test_netdev_add_accepts_nested_arguments(qemu: Server, tmp_path: Path) -> None:
    result = run(
        "-v",
        qemu.address,
        input=script(
            "netdev_add type=user id=u0 net=10.0.2.0/24 restrict=on"
            " hostfwd.0.str=tcp:127.0.0.1:0-:22 ipv6-prefixlen=64",
            "netdev_add type=hubport id=h0 hubid=5",
            "netdev_add id=h1 netdev=u0 hubid=5 type=hubport",
            "netdev_add type=socket id=s0 listen=127.0.0.1:0",
            f"netdev_add type=stream id=st addr.type=unix addr.path={tmp_path}/n server=on",
            "netdev_add local.port=0 local.host=127.0.0.1 local.type=inet type=dgram id=dg"
            " remote.port=9 remote.host=127.0.0.1 remote.type=inet",
            "netdev_del id=s0",
        ),
    )
    assert (result.status, returns(result)) == (0, [{}] * 7)
    user, _, hub, _, stream, dgram, _ = sent_arguments(result)
    assert user["restrict"] is True
    assert user["hostfwd"] == [{"str": "tcp:127.0.0.1:0-:22"}]
    assert hub == {"id": "h1", "netdev": "u0", "hubid": 5, "type": "hubport"}
    assert stream["addr"] == {"type": "unix", "path": f"{tmp_path}/n"}
    assert dgram["local"] == {"port": "0", "host": "127.0.0.1", "type": "inet"}


# -- objects --------------------------------------------------------------------------------------


def test_object_add_types_and_redacts_arguments(qemu: Server, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("geheim")
    result = run(
        "-v",
        qemu.address,
        input=script(
            f"object-add qom-type=secret id=sec0 file={secret}",
            "object-add qom-type=secret id=sec1 data=5",
            f"object-add id=sec2 data=@{secret} format=raw qom-type=secret",
            "object-add qom-type=throttle-group id=tg limits.bps-total=10M limits.iops-total=0x10",
            "object-add size=64M qom-type=memory-backend-ram id=mem share=off prealloc=no",
            "object-add qom-type=iothread id=io0 poll-max-ns=0",
            "object-add qom-type=authz-list id=az policy=deny"
            " rules.0.match=fred rules.0.policy=allow rules.1.match=5 rules.1.policy=deny",
            "qom-get path=/objects/tg property=limits",
            "qom-get path=/objects/mem property=size",
            "object-del id=io0",
        ),
    )
    assert result.status == 0
    *_, limits, size, _ = returns(result)
    assert (limits["bps-total"], limits["iops-total"]) == (10 << 20, 16)
    assert size == 64 << 20
    shown = {arguments.get("id"): arguments for arguments in sent_arguments(result)}
    assert [shown[f"sec{n}"].get("data") for n in range(3)] == [None, "<redacted>", "<redacted>"]
    assert "geheim" not in result.err
    assert shown["az"]["rules"][1] == {"match": "5", "policy": "deny"}


# -- exports and transactions ---------------------------------------------------------------------


NODES = [f"blockdev-add driver=null-co node-name={name} size=1048576" for name in ("n0", "n1")]


def test_block_exports_can_be_added_and_deleted(qemu: Server, tmp_path: Path) -> None:
    result = run(
        "-v",
        qemu.address,
        input=script(
            NODES,
            f"nbd-server-start addr.type=unix addr.data.path={tmp_path}/nbd max-connections=5",
            "nbd-server-add device=n0 writable=on",
            "block-export-add id=e1 type=nbd node-name=n1 name=5 writable=off bitmaps.0=b",
            "block-export-add id=e1 type=nbd node-name=n1 name=5 writable=off",
            "query-block-exports",
            "block-export-del id=e1 mode=hard",
            "/wait -t 60 BLOCK_EXPORT_DELETED id=e1",
            "nbd-server-stop",
        ),
    )
    exports = [reply["return"] for reply in replies(result) if "return" in reply][-3]
    assert {export["id"] for export in exports} == {"n0", "e1"}
    assert result.status == 1  # bitmap b does not exist
    assert sent_arguments(result)[4]["bitmaps"] == ["b"]
    assert sent_arguments(result)[5]["name"] == "5"
    assert complaints(result) == ["nbd-server-add is deprecated"]


def test_transaction_lines_become_typed_actions(qemu: Server) -> None:
    result = run(
        "-v",
        qemu.address,
        input=script(
            NODES,
            "transaction(  # two bitmaps",
            "  block-dirty-bitmap-add node=n0 name=5 granularity=64k disabled=on",
            "",
            "  # and another",
            "  block-dirty-bitmap-add node=n1 name=b1; block-dirty-bitmap-enable node=n0 name=5",
            ") properties.completion-mode=individual",
            "transaction( block-dirty-bitmap-clear node=n0 name=5 )",
            "query-named-block-nodes flat=true",
        ),
    )
    assert result.status == 0
    message = sent(result)[2]
    assert message["execute"] == "transaction"
    assert message["arguments"]["actions"] == [
        {
            "type": "block-dirty-bitmap-add",
            "data": {"node": "n0", "name": "5", "granularity": 65536, "disabled": True},
        },
        {"type": "block-dirty-bitmap-add", "data": {"node": "n1", "name": "b1"}},
        {"type": "block-dirty-bitmap-enable", "data": {"node": "n0", "name": "5"}},
    ]
    assert message["arguments"]["properties"] == {"completion-mode": "individual"}
    nodes = {node["node-name"]: node["dirty-bitmaps"] for node in returns(result)[-1]}
    assert nodes["n0"][0]["recording"] is True
    assert nodes["n1"][0]["name"] == "b1"


def test_transaction_starts_grouped_jobs(qemu: Server) -> None:
    result = run(
        qemu.address,
        input=script(
            NODES,
            "blockdev-add driver=null-co node-name=t0 size=1048576",
            "blockdev-add driver=null-co node-name=t1 size=1048576",
            "transaction(",
            "blockdev-backup device=n0 target=t0 sync=full job-id=j0",
            "blockdev-backup device=n1 target=t1 sync=full job-id=j1",
            ") properties.completion-mode=grouped",
            "/wait-job j0",
            "/wait-job j1",
        ),
    )
    assert (result.status, result.err) == (0, "")
    assert {data["device"] for data in events(result, "BLOCK_JOB_COMPLETED")} == {"j0", "j1"}


def test_failed_transaction_changes_nothing(qemu: Server) -> None:
    result = run(
        qemu.address,
        input=script(
            NODES,
            "transaction(",
            "block-dirty-bitmap-add node=n0 name=b0",
            "block-dirty-bitmap-add node=nope name=b0",
            ")",
            "transaction( block-dirty-bitmap-add node=n0 name=b0; blockdev-snapshot-sync x )",
            "block-dirty-bitmap-remove node=n0 name=b0",
            "transaction(",
            "block-dirty-bitmap-add node=n0 name=b0",
        ),
    )
    assert result.status == 1
    *_, failed, not_found = replies(result)
    assert "nope" in failed["error"]["desc"]
    assert "not found" in not_found["error"]["desc"]
    assert result.err.startswith("stdin:7:77: blockdev-snapshot-sync has no argument 'x'\n")
    assert "stdin:9:1: the transaction is not closed" in result.err


# -- migration, passwords, dumps ------------------------------------------------------------------


def test_migration_to_file_needs_quoted_uri(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "state"
    with start_qemu(installation, tmp_path / "vm.sock", "-m", "16", machine="q35") as server:
        result = run(
            server.address,
            input=script(
                "migrate-set-capabilities capabilities.0.capability=events capabilities.0.state=on",
                "migrate-set-parameters max-bandwidth=1G",
                f"migrate uri=exec:cat > {file}",
                f'migrate uri="exec:cat > {file}"',
                "/wait -t 60 MIGRATION status=completed",
                "query-migrate",
            ),
        )
    assert result.status == 1
    place, *_, hint = result.err.splitlines()
    assert (
        place
        == "stdin:3:22: > after exec: would redirect the replies, and not be part of the command"
    )
    assert hint == '  quote the whole value: uri="exec:cat > file"'
    assert returns(result)[-1]["status"] == "completed"
    assert file.read_bytes()[:4] == b"QEVM"


def test_migration_to_other_vm_completes(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "migration"
    options = ("-m", "16", "-nodefaults")
    with (
        start_qemu(
            installation, tmp_path / "a", *options, "-incoming", "defer", machine="q35"
        ) as target,
        start_qemu(installation, tmp_path / "b", *options, machine="q35") as source,
    ):
        prepared = run(
            target.address,
            input=script(
                "migrate-set-capabilities capabilities=[{'capability': 'events', 'state': True}]",
                f"migrate-incoming uri=unix:{path}",
            ),
        )
        assert (prepared.status, prepared.err) == (0, "")
        result = run(
            source.address,
            input=script(
                'migrate-set-capabilities capabilities:=[{"capability": "events", "state": true}]',
                f"migrate uri=unix:{path}",
                "/wait -t 60 MIGRATION status=completed",
            ),
        )
        assert (result.status, result.err) == (0, "")
        # The source has sent everything before the target has loaded it.
        wait_until(
            lambda: '"completed"' in run("-r", target.address, input="query-migrate\n").out,
            "end of the migration at the target",
        )


def test_passwords_are_redacted_everywhere(installation: Installation, tmp_path: Path) -> None:
    vnc = ("-vnc", f"unix:{tmp_path}/vnc,password=on")
    file = tmp_path / "password"
    file.write_text("geheim")
    log = tmp_path / "log"
    with start_qemu(installation, tmp_path / "vm.sock", *vnc, machine="q35") as server:
        result = run(
            "-v",
            "-l",
            str(log),
            server.address,
            input=script(
                "set_password protocol=vnc password=12345678",
                f"set_password password=@{file} protocol=vnc connected=keep",
                "expire_password protocol=vnc time=+60",
                "expire_password time=1335196800 protocol=vnc",
                "change-vnc-password password=geheim",
                "/hmp set_password vnc geheim",
                "set_password protocol=vnc password=@?",
            ),
        )
    assert returns(result) == [{}] * 5
    assert result.status == 1
    assert "only the interactive shell can ask for a value" in result.err
    times = [arguments["time"] for arguments in sent_arguments(result) if "time" in arguments]
    assert times == ["+60", "1335196800"]
    for text in (result.err, log.read_text()):
        assert "geheim" not in text
        assert "12345678" not in text
        assert "<redacted>" in text


def test_dump_guest_memory_writes_files(installation: Installation, tmp_path: Path) -> None:
    with start_qemu(installation, tmp_path / "vm.sock", "-m", "16", machine="q35") as server:
        result = run(
            server.address,
            input=script(
                f"dump-guest-memory paging=no protocol=file:{tmp_path}/dump detach=on",
                "/wait -t 60 DUMP_COMPLETED result.status=completed",
                f"dump-guest-memory protocol=file:{tmp_path}/part paging=false begin=0 length=64k",
            ),
        )
    assert (result.status, result.err) == (0, "")
    assert (tmp_path / "dump").read_bytes()[:4] == b"\x7fELF"
    assert (tmp_path / "dump").stat().st_size > 16 << 20
    assert (tmp_path / "part").stat().st_size < 1 << 20
