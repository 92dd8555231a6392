"""Test that completion warns about exactly the lines that real servers reject."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from qmpshell import connect
from qmpshell.client import Connection
from qmpshell.complete import (
    CompletionSources,
    LiveName,
    LiveQuery,
    NameQuery,
    describe,
    names_of_kind,
    queries_for,
)
from qmpshell.errors import CommandError
from qmpshell.qmp import Schema
from tests.harness.exchange import messages, script
from tests.harness.program import run
from tests.harness.servers import Installation, Server, start_qemu

REJECTED = (
    '{"execute":"block-stream","arguments":{"speed":"7","device":"x"}}',
    'block-stream {"device":"x","speed":1.5}',
    'block-stream {"device":"x","speed":1e3}',
    'block-stream {"device":"x","speed":null}',
    'block-stream {"device":"x","auto-dismiss":"on"}',
    'block-stream {"device":"x","auto-dismiss":1}',
    'block-stream {"device":5}',
    'block-stream {"device":"x","speed":98765432109876543210}',
    'block-stream device=x speed:="7"',
    'migrate-set-capabilities capabilities=[{"capability":"xbzrle","state":"on"}]',
    'blockdev-add {"driver":"raw","node-name":"r","file":5}',
    'blockdev-add {"driver":"raw","node-name":"r","file":["x"]}',
    'blockdev-add {"driver":"raw","node-name":"r","file":{"driver":"null-co","size":"5"}}',
    'blockdev-add {"driver":"qcow2","node-name":"r","file":"n0","backing":true}',
    'migrate-set-parameters {"tls-creds":{}}',
    "block-stream device=x on-error={}",
    '{"execute":"block-stream"}',
    '{"execute":"query-status","argument":{}}',
    '{"execute":"query-status","bla":3}',
    '{"execute":"query-status","arguments":[]}',
    '{"execute":5}',
    '{"arguments":{}}',
    "transaction( blockdev-backup job-id=b0 device=n0 )",
    "device_add driver=virtio-blk-pci drive=n0 bus=rp0 event_idx=maybe",
    "device_add driver=virtio-blk-pci drive=n0 bus=rp0 num-queues=foo",
    'device_add {"driver":"virtio-blk-pci","drive":"n0","bus":"rp0","num-queues":true}',
    'device_add {"driver":"virtio-blk-pci","drive":"n0","bus":"rp0","event_idx":1}',
    "qom-set path=/machine property=graphics value=maybe",
    'qom-set {"path":"/machine","property":"graphics","value":"on"}',
)
ACCEPTED = (
    "migrate-set-parameters tls-creds={}",
    'migrate-set-parameters {"tls-creds":null}',
    'blockdev-add {"driver":"raw","node-name":"r1","file":{"driver":"null-co","size":1048576}}',
    'blockdev-add driver=raw node-name=r2 file={"driver":"null-co"} read-only="on"',
    'blockdev-add driver=null-co node-name=r3 size="64k"',
    "blockdev-add driver=null-co node-name=r4 size:=5",
    "device_add driver=virtio-blk-pci id=d0 drive=n0 bus=rp0 event_idx=on num-queues=0x2 addr=0.0",
    "device_add driver=virtio-blk-pci id=d1 drive=n1 bus=rp1 event_idx=no num-queues=2"
    " logical_block_size=4k physical_block_size=4k addr=00 rerror=stop",
    "qom-set path=/machine property=graphics value=off",
    "qom-set path=/machine property=graphics value:=true",
    '{"execute":"query-status","id":{"a":[1]}}',
)


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    """Start a q35 machine with two free buses and two nodes."""
    with start_qemu(
        installation,
        tmp_path / "vm.sock",
        *("-device", "pcie-root-port,id=rp0,chassis=1"),
        *("-device", "pcie-root-port,id=rp1,chassis=2"),
        *("-blockdev", "driver=null-co,node-name=n0,size=1048576"),
        *("-blockdev", "driver=null-co,node-name=n1,size=1048576"),
        machine="q35",
    ) as server:
        yield server


class Names:
    """A name source that queries the server synchronously."""

    def __init__(self, qmp: Connection) -> None:
        self._qmp = qmp

    def peek(self, want: NameQuery) -> Sequence[LiveName]:
        return self.find(want)

    def find(self, want: NameQuery) -> Sequence[LiveName]:
        known: dict[LiveQuery, object] = {}
        for question in queries_for(want, known):
            try:
                known[question] = self._qmp.execute(question.command, question.arguments)
            except CommandError:
                known[question] = None
        return list(names_of_kind(want, known))


def warnings(machine: Server) -> dict[str, list[str]]:
    with connect(machine.address) as qmp:
        schema: Any = qmp.execute("query-qmp-schema")
        knows = CompletionSources(schema=Schema(schema), live=Names(qmp))
        found = {}
        for line in (*REJECTED, *ACCEPTED):
            # The blank completes the last word.
            shape = describe(f"{line} ", len(line) + 1, knows)
            found[line] = shape.warnings if shape is not None else []
    return found


def test_warnings_match_the_lines_that_servers_reject(machine: Server) -> None:
    found = warnings(machine)
    result = run("--events", "none", machine.address, input=script(*REJECTED, *ACCEPTED))
    answers = messages(result)
    assert len(answers) == len(REJECTED) + len(ACCEPTED), result.err
    for line, answer in zip((*REJECTED, *ACCEPTED), answers, strict=True):
        assert ("error" in answer) == (line in REJECTED), (line, answer)
        assert bool(found[line]) == (line in REJECTED), (line, found[line])
