"""What is warned of while a line is typed, and what real servers say of the same lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from qmpshell import connect
from qmpshell.client import Connection
from qmpshell.complete import Known, Live, LiveName, Question, describe, names, questions
from qmpshell.errors import CommandError
from qmpshell.qmp import Schema
from tests.harness.exchange import messages, script
from tests.harness.program import run
from tests.harness.servers import Installation, Server, start_qemu

REFUSED = (
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
TAKEN = (
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
    """A q35 with two buses to plug into, and two nodes."""
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
    """Asks the server at once."""

    def __init__(self, qmp: Connection) -> None:
        self._qmp = qmp

    def peek(self, want: Live) -> Sequence[LiveName]:
        return self.find(want)

    def find(self, want: Live) -> Sequence[LiveName]:
        known: dict[Question, object] = {}
        for question in questions(want, known):
            try:
                known[question] = self._qmp.execute(question.command, question.arguments)
            except CommandError:
                known[question] = None
        return list(names(want, known))


def warnings(machine: Server) -> dict[str, list[str]]:
    with connect(machine.address) as qmp:
        schema: Any = qmp.execute("query-qmp-schema")
        knows = Known(schema=Schema(schema), live=Names(qmp))
        found = {}
        for line in (*REFUSED, *TAKEN):
            # A blank behind it: the last word is finished.
            shape = describe(f"{line} ", len(line) + 1, knows)
            found[line] = shape.warnings if shape is not None else []
    return found


def test_what_is_warned_of_is_refused_and_nothing_else(machine: Server) -> None:
    told = warnings(machine)
    result = run("--events", "none", machine.address, input=script(*REFUSED, *TAKEN))
    answers = messages(result)
    assert len(answers) == len(REFUSED) + len(TAKEN), result.err
    for line, answer in zip((*REFUSED, *TAKEN), answers, strict=True):
        assert ("error" in answer) == (line in REFUSED), (line, answer)
        assert bool(told[line]) == (line in REFUSED), (line, told[line])
