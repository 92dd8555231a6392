"""Tests of the evaluation of arguments by type, with the schemas of real servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from qmpshell import connect
from qmpshell.errors import LineError
from qmpshell.language import (
    MISSING_DRIVER,
    MISSING_OBJECT,
    MISSING_SCHEMA,
    MISSING_SECRET,
    Command,
    Introspection,
    Missing,
    ParsedLine,
    PropertyType,
    RawCommand,
    ShellCommand,
    evaluate_line,
)
from qmpshell.qmp import Schema
from tests.harness.evaluation import no_file
from tests.harness.servers import Installation, Server

FILES = {
    "text": b" a\n",
    "size": b"64k",
    "five": b"5\n",
    "on": b"on",
    "null": b"null",
    "raw": b"raw",
    "json": b'{"a": [1, null]}\n',
    "latin": b"\xff",
    "empty": b"",
}
DRIVERS = ("virtio-blk-pci", "virtio-net-pci", "pcie-root-port")
OBJECTS = ("/machine",)


def read_file(path: str) -> bytes:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


class CompletionSources:
    """The schema and properties that a server returned."""

    def __init__(self, address: str) -> None:
        with connect(address) as qmp:
            self.schema = Schema(qmp.execute("query-qmp-schema"))
            self.drivers = {
                name: properties(qmp.execute("device-list-properties", {"typename": name}))
                for name in DRIVERS
            }
            self.objects = {
                path: properties(qmp.execute("qom-list", {"path": path})) for path in OBJECTS
            }

    def introspection(self, *, can_ask: bool = False) -> Introspection:
        introspection = Introspection(read_file=read_file, schema=self.schema, can_ask=can_ask)
        introspection.drivers.update(self.drivers)
        introspection.objects.update(self.objects)
        return introspection


def properties(answer: Any) -> dict[str, PropertyType]:
    return {
        item["name"]: PropertyType(item["type"], item.get("description", "")) for item in answer
    }


# The first test that needs a version starts its server and caches the answers.
_known: dict[str, CompletionSources] = {}


@pytest.fixture
def known(installation: Installation, request: pytest.FixtureRequest) -> CompletionSources:
    if installation.name not in _known:
        server: Server = request.getfixturevalue("qemu")
        _known[installation.name] = CompletionSources(server.address)
    return _known[installation.name]


def empty_introspection(*, has_schema: bool = False, can_ask: bool = False) -> Introspection:
    return Introspection(read_file=read_file, has_schema=has_schema, can_ask=can_ask)


def command(line: str, introspection: Introspection) -> Command:
    parsed = evaluate_line(line, introspection)
    assert isinstance(parsed, ParsedLine), vars_of(parsed)
    (item,) = parsed.actions
    assert isinstance(item, Command)
    return item


def vars_of(missing: Missing) -> tuple[str, str, int]:
    return missing.kind, missing.subject, missing.start


def same(found: object, expected: object) -> bool:
    """Return True if the values are equal; 1 and true differ."""
    return json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


def check(line: str, introspection: Introspection, expected: dict[str, Any]) -> None:
    found = command(line, introspection).arguments
    assert same(found, expected), found


# -- scalars ---------------------------------------------------------------------------------------

TEXT = "device_del id="
INT = "block_resize size="
BOOL = "set_link up="
STR_OR_NULL = "migrate-set-parameters tls-creds="
REF = "blockdev-add driver=raw file="
ENUM = "blockdev-add driver=raw discard="
ANY = "x-nosuch a="


@pytest.mark.parametrize(
    ("line", "value"),
    [
        # Strings.
        (TEXT + "5", "5"),
        (TEXT + '"5"', "5"),
        (TEXT + "'a b'", "a b"),
        (TEXT + '"a\\n\\u00e9"', "a\né"),
        (TEXT + "null", "null"),
        (TEXT + "on", "on"),
        (TEXT + "True", "True"),
        (TEXT + "007", "007"),
        (TEXT + "1e400", "1e400"),
        (TEXT + "10G", "10G"),
        (TEXT + "", ""),
        (TEXT + "[1]", "[1]"),
        (TEXT + "{a}", "{a}"),
        (TEXT + "{'a': 1}", "{'a': 1}"),
        (TEXT + "/a/device[0]", "/a/device[0]"),
        (TEXT + "it's", "it's"),
        (TEXT + 'json:{"driver": "raw"}', 'json:{"driver": "raw"}'),
        (TEXT + "@text", " a\n"),
        (TEXT + "@empty", ""),
        (TEXT + '"@text"', "@text"),
        (TEXT + "'@?'", "@?"),
        (TEXT + "a@text", "a@text"),
        # Enums, including unknown values.
        (ENUM + "unmap", "unmap"),
        (ENUM + '"unmap"', "unmap"),
        (ENUM + "on", "on"),
        (ENUM + "5", "5"),
        (INT + "5", 5),
        (INT + "-5", -5),
        (INT + "+5", 5),
        (INT + "0", 0),
        (INT + "0x1b", 27),
        (INT + "-0x10", -16),
        (INT + "64k", 65536),
        (INT + "64K", 65536),
        (INT + "10G", 10 * 2**30),
        (INT + "1M", 2**20),
        (INT + "2T", 2 * 2**40),
        (INT + "1.5G", 3 * 2**29),
        (INT + "18446744073709551615", 2**64 - 1),
        (INT + "-9223372036854775808", -(2**63)),
        (INT + '"64k"', 65536),
        (INT + "@size", 65536),
        (BOOL + "true", True),
        (BOOL + "True", True),
        (BOOL + "on", True),
        (BOOL + "yes", True),
        (BOOL + "false", False),
        (BOOL + "False", False),
        (BOOL + "off", False),
        (BOOL + "no", False),
        (BOOL + '"on"', True),
        (BOOL + "@on", True),
        (STR_OR_NULL + "null", None),
        (STR_OR_NULL + '"null"', "null"),
        (STR_OR_NULL + "'null'", "null"),
        (STR_OR_NULL + "@null", "null"),
        (STR_OR_NULL + "", ""),
        (STR_OR_NULL + '""', ""),
        (STR_OR_NULL + "tls0", "tls0"),
        (STR_OR_NULL + "5", "5"),
        (STR_OR_NULL + "on", "on"),
        (STR_OR_NULL + "{}", "{}"),
        (REF + "n0", "n0"),
        (REF + "5", "5"),
        (REF + "null", "null"),
        (REF + '{"driver": "null-co"}', {"driver": "null-co"}),
        (REF + "{'driver': 'null-co', 'size': 5,}", {"driver": "null-co", "size": 5}),
        (REF + '"{}"', "{}"),
        (REF + "[1]", "[1]"),
        (REF + "[x]", "[x]"),
        ("blockdev-add driver=qcow2 backing=null", None),
        ('blockdev-add driver=qcow2 backing="null"', "null"),
        ("blockdev-add driver=qcow2 backing=", ""),
        ("blockdev-add driver=qcow2 backing={'driver': 'raw'}", {"driver": "raw"}),
        ("blockdev-add driver=qcow2 overlap-check=all", "all"),
        # Unknown commands and members.
        (ANY + "5", 5),
        (ANY + "on", "on"),
        (ANY + "null", None),
        (ANY + "64k", "64k"),
        (ANY + "@size", "64k"),
        (ANY + "@five", "5\n"),
        ("device_del id=a nosuch=5", 5),
        ("device_del id=a nosuch=on", "on"),
        ("device_del id=a nosuch=[1, 'a']", [1, "a"]),
        # JSON for any type.
        ("device_del id:=5", 5),
        ('device_del id:="5"', "5"),
        ("device_del id:=null", None),
        ("device_del id:=[1]", [1]),
        ("device_del id:=@json", {"a": [1, None]}),
        ("device_del id:=@five", 5),
        ('block_resize size:="64k"', "64k"),
        ("set_link up:=1", 1),
        ("blockdev-add driver=raw file:=[1]", [1]),
        ("migrate-set-parameters tls-creds:=null", None),
    ],
)
def test_value_is_evaluated_by_its_type(known: CompletionSources, line: str, value: object) -> None:
    found = command(line, known.introspection()).arguments
    last = list(found.values())[-1]
    assert same(last, value), found


# -- objects, arrays, unions -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "blockdev-add driver=raw node-name=5 file.driver=null-co file.size=1M read-only=on",
            {
                "driver": "raw",
                "node-name": "5",
                "file": {"driver": "null-co", "size": 2**20},
                "read-only": True,
            },
        ),
        (
            "blockdev-add driver=qcow2 file=n0 overlap-check.template=all "
            "overlap-check.bitmap-directory=off",
            {
                "driver": "qcow2",
                "file": "n0",
                "overlap-check": {"template": "all", "bitmap-directory": False},
            },
        ),
        (
            "blockdev-add driver=qcow2 file=n0 encrypt.format=luks encrypt.key-secret=5",
            {"driver": "qcow2", "file": "n0", "encrypt": {"format": "luks", "key-secret": "5"}},
        ),
        (
            "blockdev-add driver=quorum vote-threshold=2 children.0=a children.1=5 "
            "children.2.driver=null-co children.2.size=5",
            {
                "driver": "quorum",
                "vote-threshold": 2,
                "children": ["a", "5", {"driver": "null-co", "size": 5}],
            },
        ),
        (
            "blockdev-add driver=quorum vote-threshold=2 children=['a', {\"driver\": 'raw'}]",
            {"driver": "quorum", "vote-threshold": 2, "children": ["a", {"driver": "raw"}]},
        ),
        (
            "blockdev-add driver=nbd server.type=inet server.host=1 server.port=10809 server.to=5 "
            "tls-creds=null",
            {
                "driver": "nbd",
                "server": {"type": "inet", "host": "1", "port": "10809", "to": 5},
                "tls-creds": "null",
            },
        ),
        (
            'blockdev-add "driver"=raw "file"."driver"=\'null-co\' file."size"=1k',
            {"driver": "raw", "file": {"driver": "null-co", "size": 1024}},
        ),
        (
            'blockdev-add driver:="raw" file=5 offset=64k',
            {"driver": "raw", "file": "5", "offset": 65536},
        ),
        (
            "blockdev-add driver=@raw file=5 offset=64k",
            {"driver": "raw", "file": "5", "offset": 65536},
        ),
        ("blockdev-add driver=nosuch offset=5", {"driver": "nosuch", "offset": 5}),
        ("blockdev-add offset=5", {"offset": 5}),
        (
            "blockdev-add driver=raw nosuch=5 more=on deep.er.q=1 list.0=x list.1=2",
            {
                "driver": "raw",
                "nosuch": 5,
                "more": "on",
                "deep": {"er": {"q": 1}},
                "list": ["x", 2],
            },
        ),
        (
            "chardev-add id=5 backend.type=socket backend.data.addr.type=inet "
            "backend.data.addr.data.host=::1 backend.data.addr.data.port=5 backend.data.server=on",
            {
                "id": "5",
                "backend": {
                    "type": "socket",
                    "data": {
                        "addr": {"type": "inet", "data": {"host": "::1", "port": "5"}},
                        "server": True,
                    },
                },
            },
        ),
        (
            "input-send-event events.0.type=key events.0.data.down=on "
            "events.0.data.key.type=number events.0.data.key.data=0x1e",
            {
                "events": [
                    {"type": "key", "data": {"down": True, "key": {"type": "number", "data": 30}}}
                ]
            },
        ),
        (
            "object-add qom-type=memory-backend-ram id=5 size=1G share=on host-nodes=0-1 policy=bind",
            {
                "qom-type": "memory-backend-ram",
                "id": "5",
                "size": 2**30,
                "share": True,
                "host-nodes": [0, 1],
                "policy": "bind",
            },
        ),
        (
            "netdev_add type=user id=5 hostfwd.0.str=tcp::5-:22 ipv4=on",
            {"type": "user", "id": "5", "hostfwd": [{"str": "tcp::5-:22"}], "ipv4": True},
        ),
        (
            "block-latency-histogram-set id=x boundaries.1=20 boundaries.0=10",
            {"id": "x", "boundaries": [10, 20]},
        ),
        (
            'query-cpu-model-expansion type=full model.name=5 model.props."sse4.1"=true '
            "model.props.x=on",
            {"type": "full", "model": {"name": "5", "props": {"sse4.1": True, "x": "on"}}},
        ),
        (
            "blockdev-create job-id=j options.driver=qcow2 options.file=5 options.size=1G",
            {"job-id": "j", "options": {"driver": "qcow2", "file": "5", "size": 2**30}},
        ),
        ("qmp_capabilities enable.0=oob", {"enable": ["oob"]}),
        ("qmp_capabilities enable=[]", {"enable": []}),
        ("blockdev-add {'driver': 'raw', 'offset': '5'}", {"driver": "raw", "offset": "5"}),
        ("query-named-block-nodes flat=yes", {"flat": True}),
        (
            "human-monitor-command command-line=5 cpu-index=1",
            {"command-line": "5", "cpu-index": 1},
        ),
    ],
)
def test_members_are_evaluated_by_their_types(
    known: CompletionSources, line: str, expected: dict[str, Any]
) -> None:
    check(line, known.introspection(), expected)


@pytest.mark.parametrize(
    "words",
    [
        "driver=raw file.driver=null-co file.size=1M node-name=5 offset=64k",
        "driver=quorum children.0=5 children.1.driver=null-co children.1.size=5 vote-threshold=2",
        "driver=qcow2 encrypt.format=luks encrypt.key-secret=5 file=n0 backing=null",
        "driver=nbd server.type=inet server.port=5 server.to=5 export=7",
    ],
)
def test_word_order_does_not_change_the_arguments(known: CompletionSources, words: str) -> None:
    pieces = words.split(" ")
    introspection = known.introspection()
    first = command(f"blockdev-add {words}", introspection).arguments
    for order in permutations(pieces):
        found = command("blockdev-add " + " ".join(order), introspection).arguments
        assert same(found, first), order


@pytest.mark.parametrize("levels", [10, 150, 190, 200, 250, 400])
def test_recursive_type_is_evaluated_at_any_depth(known: CompletionSources, levels: int) -> None:

    words = [f"{'file.' * level}driver=raw" for level in range(levels)]
    found = command("blockdev-add " + " ".join(words), known.introspection()).arguments
    for _ in range(levels - 1):
        assert found["driver"] == "raw"
        found = found["file"]
    assert found == {"driver": "raw"}


# -- properties that the schema does not describe -------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "device_add driver=virtio-blk-pci id=5 bus=7 addr=5.0 drive=5 bootindex=1 serial=007",
            {
                "driver": "virtio-blk-pci",
                "id": "5",
                "bus": "7",
                "addr": "5.0",
                "drive": "5",
                "bootindex": 1,
                "serial": "007",
            },
        ),
        (
            "device_add bootindex=0x2 share-rw=yes driver=virtio-blk-pci logical_block_size=4k",
            {
                "bootindex": 2,
                "share-rw": True,
                "driver": "virtio-blk-pci",
                "logical_block_size": 4096,
            },
        ),
        (
            # In every version, the text "10" is the slot 0x10.
            "device_add driver=pcie-root-port chassis=5 addr=10 multifunction=on slot=0x10 port=3",
            {
                "driver": "pcie-root-port",
                "chassis": 5,
                "addr": "10",
                "multifunction": True,
                "slot": 16,
                "port": 3,
            },
        ),
        (
            "device_add driver=virtio-net-pci mac=52:54:00:12:34:56 netdev=1 vectors=abc romfile=",
            {
                "driver": "virtio-net-pci",
                "mac": "52:54:00:12:34:56",
                "netdev": "1",
                "vectors": "abc",
                "romfile": "",
            },
        ),
        (
            "device_add driver=virtio-blk-pci nosuch=5 more=on deep.er=1",
            {"driver": "virtio-blk-pci", "nosuch": 5, "more": "on", "deep": {"er": 1}},
        ),
        (
            'device_add driver=virtio-blk-pci bootindex="5" serial="5" share-rw="on"',
            {"driver": "virtio-blk-pci", "bootindex": 5, "serial": "5", "share-rw": True},
        ),
        (
            'device_add driver=virtio-blk-pci bootindex:="5" serial:=5',
            {"driver": "virtio-blk-pci", "bootindex": "5", "serial": 5},
        ),
        (
            "device_add driver=virtio-blk-pci bootindex=@size serial=@size",
            {"driver": "virtio-blk-pci", "bootindex": 65536, "serial": "64k"},
        ),
        (
            "device_add driver=virtio-blk-pci serial=null write-cache=on",
            {"driver": "virtio-blk-pci", "serial": "null", "write-cache": "on"},
        ),
        (
            "device_add driver=virtio-blk-pci serial=[1]",
            {"driver": "virtio-blk-pci", "serial": "[1]"},
        ),
        (
            "device_add driver=virtio-blk-pci serial={a}",
            {"driver": "virtio-blk-pci", "serial": "{a}"},
        ),
        (
            "device_add driver=virtio-blk-pci id=[1] bootindex=x",
            {"driver": "virtio-blk-pci", "id": "[1]", "bootindex": "x"},
        ),
        (
            "device_add {'driver': 'virtio-blk-pci', 'bootindex': '5'}",
            {"driver": "virtio-blk-pci", "bootindex": "5"},
        ),
        (
            "qom-set path=/machine property=phandle-start value=5",
            {"path": "/machine", "property": "phandle-start", "value": 5},
        ),
        (
            "qom-set value=0x10 property=phandle-start path=/machine",
            {"path": "/machine", "property": "phandle-start", "value": 16},
        ),
        (
            "qom-set path=/machine property=graphics value=on",
            {"path": "/machine", "property": "graphics", "value": True},
        ),
        (
            "qom-set path=/machine property=kernel value=5",
            {"path": "/machine", "property": "kernel", "value": "5"},
        ),
        (
            "qom-set path=/machine property=kernel value=null",
            {"path": "/machine", "property": "kernel", "value": "null"},
        ),
        (
            "qom-set path=/machine property=append value=[1]",
            {"path": "/machine", "property": "append", "value": "[1]"},
        ),
        (
            "qom-set path=/machine property=smp value.cpus=5",
            {"path": "/machine", "property": "smp", "value": {"cpus": 5}},
        ),
        (
            "qom-set path=/machine property=smp value={'cpus': 5}",
            {"path": "/machine", "property": "smp", "value": {"cpus": 5}},
        ),
        (
            "qom-set path=/machine property=nosuch value=5",
            {"path": "/machine", "property": "nosuch", "value": 5},
        ),
        (
            "qom-set path=/machine property=phandle-start value=x",
            {"path": "/machine", "property": "phandle-start", "value": "x"},
        ),
    ],
)
def test_device_and_object_properties_use_their_types(
    known: CompletionSources, line: str, expected: dict[str, Any]
) -> None:
    check(line, known.introspection(), expected)


def test_unknown_driver_or_object_is_evaluated_untyped(
    known: CompletionSources,
) -> None:
    introspection = known.introspection()
    introspection.drivers["nosuch"] = None
    check(
        "device_add driver=nosuch id=5 x=5 y=on",
        introspection,
        {"driver": "nosuch", "id": "5", "x": 5, "y": "on"},
    )
    introspection.objects["/nosuch"] = None
    check(
        "qom-set path=/nosuch property=5 value=5",
        introspection,
        {"path": "/nosuch", "property": "5", "value": 5},
    )


# -- transactions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "transaction( blockdev-snapshot-sync device=5 snapshot-file=7 )",
            {
                "actions": [
                    {
                        "type": "blockdev-snapshot-sync",
                        "data": {"device": "5", "snapshot-file": "7"},
                    }
                ]
            },
        ),
        (
            "transaction(\n block-dirty-bitmap-add granularity=64k node=1 name=2 persistent=on\n"
            "abort; block-dirty-bitmap-add {'node': 5}\n"
            ") properties.completion-mode=grouped",
            {
                "actions": [
                    {
                        "type": "block-dirty-bitmap-add",
                        "data": {
                            "granularity": 65536,
                            "node": "1",
                            "name": "2",
                            "persistent": True,
                        },
                    },
                    {"type": "abort", "data": {}},
                    {"type": "block-dirty-bitmap-add", "data": {"node": 5}},
                ],
                "properties": {"completion-mode": "grouped"},
            },
        ),
        (
            "transaction( block-dirty-bitmap-merge node=1 target=2 bitmaps.0=5 bitmaps.1.node=1 "
            "bitmaps.1.name=7 ) properties={'completion-mode': 'grouped'}",
            {
                "actions": [
                    {
                        "type": "block-dirty-bitmap-merge",
                        "data": {
                            "node": "1",
                            "target": "2",
                            "bitmaps": ["5", {"node": "1", "name": "7"}],
                        },
                    }
                ],
                "properties": {"completion-mode": "grouped"},
            },
        ),
        (
            "transaction( nosuch x=5 y=on )",
            {"actions": [{"type": "nosuch", "data": {"x": 5, "y": "on"}}]},
        ),
        ("transaction( )", {"actions": []}),
    ],
)
def test_transaction_is_evaluated_as_one_command(
    known: CompletionSources, line: str, expected: dict[str, Any]
) -> None:
    found = command(line, known.introspection())
    assert found.name == "transaction"
    assert same(found.arguments, expected), found.arguments


def test_secret_in_transaction_is_missing(known: CompletionSources) -> None:
    line = "transaction( x-nosuch password=@? )"
    introspection = known.introspection(can_ask=True)
    missing = evaluate_line(line, introspection)
    assert isinstance(missing, Missing)
    assert vars_of(missing) == (MISSING_SECRET, "password", line.index("@?"))
    introspection.secrets[line.index("@?")] = "pw"
    check(line, introspection, {"actions": [{"type": "x-nosuch", "data": {"password": "pw"}}]})


@pytest.mark.parametrize("words", ["actions:=[]", "actions.0.type=abort", "actions=[]"])
def test_transaction_with_second_actions_argument_is_rejected(
    known: CompletionSources, words: str
) -> None:
    with pytest.raises(LineError):
        evaluate_line(f"transaction( abort ) {words}", known.introspection())


# -- the guest agent -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("guest-exec path=5 arg.0=1 arg.1=on", {"path": "5", "arg": ["1", "on"]}),
        ('guest-exec path=/bin/ls arg=["-l"]', {"path": "/bin/ls", "arg": ["-l"]}),
        ("guest-exec path=a capture-output=on", {"path": "a", "capture-output": True}),
        ("guest-exec path=a capture-output=merged", {"path": "a", "capture-output": "merged"}),
        ("guest-exec-status pid=0x10", {"pid": 16}),
        ("guest-file-open path=5 mode=r", {"path": "5", "mode": "r"}),
        ("guest-file-read handle=1000 count=4k", {"handle": 1000, "count": 4096}),
        (
            "guest-file-seek handle=5 offset=-5 whence=0",
            {"handle": 5, "offset": -5, "whence": 0},
        ),
        (
            "guest-file-seek handle=5 offset=0 whence=cur",
            {"handle": 5, "offset": 0, "whence": "cur"},
        ),
        ("guest-file-write handle=0 buf-b64=5", {"handle": 0, "buf-b64": "5"}),
        (
            "guest-set-vcpus vcpus.0.logical-id=1 vcpus.0.online=on",
            {"vcpus": [{"logical-id": 1, "online": True}]},
        ),
        (
            "guest-set-user-password username=5 password=007 crypted=no",
            {"username": "5", "password": "007", "crypted": False},
        ),
        ("guest-nosuch a=5 b=on", {"a": 5, "b": "on"}),
        ("guest-ping nosuch=5", {"nosuch": 5}),
    ],
)
def test_guest_agent_commands_need_no_schema(line: str, expected: dict[str, Any]) -> None:
    check(line, empty_introspection(), expected)
    check(line, empty_introspection(has_schema=True), expected)


# -- mistakes --------------------------------------------------------------------------------------

AS_IT_IS = "use := to send any JSON value"
QUOTE = "quote it to send it as text"
NUMBER = "takes a whole number, such as 5, 0x1f or 64k, not "
SWITCH = "takes on or off, true or false, yes or no, not "
MEMBERS = "takes members, as in KEY.MEMBER=VALUE, or {…}, not "
ELEMENTS = "takes members, as in KEY.0=VALUE, or […], not "


@pytest.mark.parametrize(
    ("line", "reason", "marked", "hint"),
    [
        (INT + "abc", f"size {NUMBER}'abc'", "abc", AS_IT_IS),
        (INT + "5.0", f"size {NUMBER}'5.0'", "5.0", AS_IT_IS),
        (INT + "1e3", f"size {NUMBER}'1e3'", "1e3", AS_IT_IS),
        (INT + "64KiB", f"size {NUMBER}'64KiB'", "64KiB", AS_IT_IS),
        (INT + '"abc"', f"size {NUMBER}'abc'", '"abc"', AS_IT_IS),
        (INT + "[1]", f"size {NUMBER}'[1]'", "[1]", AS_IT_IS),
        (INT, f"size {NUMBER}nothing", "=", AS_IT_IS),
        (INT + "@five", f"size {NUMBER}'5\\n'", "@five", "did you mean size:=@five?"),
        (INT + "9" * 5000, f"size {NUMBER}'{'9' * 40}'", "9" * 5000, AS_IT_IS),
        (BOOL + "1", f"up {SWITCH}'1'", "1", AS_IT_IS),
        (BOOL + "TRUE", f"up {SWITCH}'TRUE'", "TRUE", AS_IT_IS),
        (BOOL + "null", f"up {SWITCH}'null'", "null", AS_IT_IS),
        ("blockdev-add driver=nbd server=a", f"server {MEMBERS}'a'", "a", AS_IT_IS),
        ('blockdev-add driver=nbd server="a"', f"server {MEMBERS}'\"a\"'", '"a"', AS_IT_IS),
        (
            "blockdev-add driver=quorum children=a",
            f"children {ELEMENTS}'a'",
            "a",
            "did you mean children.0=a?",
        ),
        (
            "netdev_add type=user id=n hostfwd=x",
            f"hostfwd {ELEMENTS}'x'",
            "x",
            "did you mean hostfwd.0.str=x?",
        ),
        (
            "qmp_capabilities enable=oob",
            f"enable {ELEMENTS}'oob'",
            "oob",
            "did you mean enable.0=oob?",
        ),
        (
            "qmp_capabilities enable=[a]",
            "expected a value or ], not 'a'",
            "a",
            'did you mean enable=["a"]?',
        ),
        (
            "qmp_capabilities enable=",
            f"enable {ELEMENTS}nothing",
            "=",
            "did you mean enable.0=VALUE?",
        ),
        (
            "blockdev-add driver=raw file.driver=null-co file.size=x",
            f"file.size {NUMBER}'x'",
            "x",
            AS_IT_IS,
        ),
        (
            "transaction( block-dirty-bitmap-add node=0 granularity=x )",
            f"granularity {NUMBER}'x'",
            "x",
            AS_IT_IS,
        ),
        ("guest-exec-status pid=x", f"pid {NUMBER}'x'", "x", AS_IT_IS),
        (
            "blockdev-add file=a file.driver=b driver=raw",
            "file has both a value and members",
            "file",
            "",
        ),
        ("set_link up=on name=5 up=off", "up occurs twice", "up", ""),
        ('set_link up=on "up"=off', '"up" occurs twice', '"up"', ""),
        (TEXT + "@nosuch", "nosuch: No such file or directory", "@nosuch", QUOTE),
        (TEXT + "@latin", "latin is not UTF-8", "@latin", ""),
        (TEXT + "@", "the name of a file must follow @", "@", QUOTE),
        (
            "device_del id:=@text",
            "text is not JSON: offset 1: expected a value, not 'a'",
            "@text",
            "",
        ),
        ("device_del id:=@latin", "latin is not JSON: offset 0: not UTF-8", "@latin", ""),
        (
            TEXT + "@?",
            "only the interactive shell can ask for a value",
            "@?",
            "key=@FILE reads the value from a file",
        ),
        (
            "device_del id:=@?",
            "only the interactive shell can ask for a value",
            "@?",
            "key=@FILE reads the value from a file",
        ),
        (
            "device_del id:=abc",
            "expected a value, not 'abc'",
            "a",
            "after := comes JSON, with text in double quotes; after = comes plain text",
        ),
        (
            "blockdev-add driver=quorum children=[1",
            "the bracket is not closed",
            "[1",
            QUOTE,
        ),
    ],
)
def test_invalid_argument_reports_reason_and_position(
    known: CompletionSources, line: str, reason: str, marked: str, hint: str
) -> None:
    with pytest.raises(LineError) as caught:
        evaluate_line(line, known.introspection())
    error = caught.value
    assert (error.reason, line[error.start : error.end], error.hint) == (reason, marked, hint)
    if marked not in ("=", "a"):
        assert (
            error.end == len(line.removesuffix(" )"))
            or " has both " in reason
            or " occurs " in reason
        )


def test_duplicate_argument_error_marks_the_second(known: CompletionSources) -> None:
    line = "set_link up=on name=5 up=off"
    with pytest.raises(LineError) as caught:
        evaluate_line(line, known.introspection())
    assert caught.value.start == line.rindex("up")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("blockdev-add driver.x=a", "driver"),
        ("blockdev-add driver=raw read-only.x=a", "read-only"),
        ("blockdev-add driver=qcow2 backing.0=a", ""),
        ("migrate-set-parameters tls-creds.a=5", "tls-creds"),
        ("block_resize size.0=5", "size"),
    ],
)
def test_members_of_single_value_are_rejected(
    known: CompletionSources, line: str, name: str
) -> None:
    if not name:  # the server checks members of an object
        assert command(line, known.introspection()).arguments["backing"] == {"0": "a"}
        return
    with pytest.raises(LineError) as caught:
        evaluate_line(line, known.introspection())
    assert caught.value.reason == f"{name} has no members: it is a single value"
    assert caught.value.start == line.index(f" {name}.") + 1
    assert caught.value.hint == AS_IT_IS


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("children.0=a children.2=b", "1"),
        ("children.1=a", "0"),
        ("children.0=a children.b=a", "1"),
        ("children.00=a", "0"),
        ("children.0.driver=raw children.2.driver=raw", "1"),
    ],
)
def test_array_with_missing_index_is_rejected(
    known: CompletionSources, words: str, missing: str
) -> None:
    line = f"blockdev-add driver=quorum {words}"
    with pytest.raises(LineError) as caught:
        evaluate_line(line, known.introspection())
    assert caught.value.reason == f"children is an array: children.{missing} is missing"
    assert caught.value.start >= line.index("children")
    assert caught.value.hint == "the indexes must be 0, 1, 2… without a gap"


@pytest.mark.parametrize("line", [REF + "{abc}", REF + "{'driver' 5}", REF + "{a"])
def test_error_hint_suggests_quotes(known: CompletionSources, line: str) -> None:
    with pytest.raises(LineError) as caught:
        evaluate_line(line, known.introspection())
    assert "quote" in caught.value.hint


# -- required introspection ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "x a=5",
        "x a=-5",
        "x a=007",
        "x a=0x1b",
        "x a=64k",
        "x a=5.0",
        "x a=1e3",
        "x a=true",
        "x a=True",
        "x a=on",
        "x a=off",
        "x a=yes",
        "x a=no",
        "x a=null",
        "x a=None",
        "x a={a}",
        "x a={'a': 1}",
        "x a=[1]",
        'x a="5"',
        "x a='on'",
        "x a=b; y c=5",
        "x a.b=5",
        "x a.1=x",
        "x a.0=b a.2=c",
        "stop; transaction( y a=5 )",
        "transaction( y a=b ) z=5",
        "blockdev-add driver=qcow2 backing=null",
        "block_resize size=@size",
        "block_resize size=@five",
        "set_link up=@on",
    ],
)
def test_ambiguous_value_needs_the_schema(line: str) -> None:
    missing = evaluate_line(line, empty_introspection())
    assert isinstance(missing, Missing)
    assert vars_of(missing) == (MISSING_SCHEMA, "", 0)


def test_unavailable_introspection_is_not_required_again() -> None:
    assert command("x a=5 b=on", empty_introspection(has_schema=True)).arguments == {
        "a": 5,
        "b": "on",
    }
    introspection = empty_introspection(has_schema=True)
    introspection.drivers["e1000"] = None
    assert command("device_add driver=e1000 x=5", introspection).arguments["x"] == 5


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# a=5",
        "stop",
        "stop; cont",
        "x a=b",
        "x a=",
        "x a=/tmp/disk.img",
        "x a=disk0 b=5.0.0 c=nothing",
        'x a="b c"',
        'x a=json:{"driver": "raw"}',
        "x a:=5 b:=null c:=[1]",
        "x a:=@json",
        "x a.b=c",
        "x a.0=b a.1=c",
        "x {'a': 5}",
        "{'execute': 'x', 'arguments': {'a': 5}}",
        "transaction( y a=b ) properties.completion-mode=grouped",
        "transaction( y {'a': 5} )",
        "/wait JOB_STATUS_CHANGE id=5",
        "guest-file-read handle=5 count=4k",
        "device_add driver=e1000 id=5",
        "device_add driver=e1000 netdev=n0 mac=52:54:00:12:34:56",
        "device_add driver=e1000 bootindex:=5",
        "device_add id=5 addr=5",
        "device_add {'driver': 'e1000', 'addr': 5}",
        "qom-set path=/ property=a value=abc",
        "qom-set path=/ property=5 value=abc",
        "qom-set path=5 property=a value:=5",
        "qom-set path=/ value=5",
        "stop | cat -n 5",
        "stop > 5",
        "getfd fdname=x < 5",
    ],
)
def test_unambiguous_line_needs_no_schema(line: str) -> None:
    assert isinstance(evaluate_line(line, empty_introspection()), ParsedLine)
    assert isinstance(evaluate_line(line, empty_introspection(can_ask=True)), ParsedLine)


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("device_add driver=e1000 addr=5", (MISSING_DRIVER, "e1000", 0)),
        ("device_add bootindex=1 driver=e1000", (MISSING_DRIVER, "e1000", 0)),
        ('device_add driver="e1000" x="5"', (MISSING_DRIVER, "e1000", 0)),
        ("device_add driver=5 x=on", (MISSING_DRIVER, "5", 0)),
        ("device_add driver=e1000 x=[1]", (MISSING_DRIVER, "e1000", 0)),
        ("qom-set path=/machine property=a value=5", (MISSING_OBJECT, "/machine", 0)),
        ("qom-set value=on property=a path=5", (MISSING_OBJECT, "5", 0)),
        ('qom-set path="/a b" property=a value="5"', (MISSING_OBJECT, "/a b", 0)),
        ("qom-set path=/ property=a value={'a': 1}", (MISSING_OBJECT, "/", 0)),
    ],
)
def test_device_and_object_values_need_properties(line: str, missing: tuple[str, str, int]) -> None:
    for has_schema in (False, True):
        found = evaluate_line(line, empty_introspection(has_schema=has_schema))
        assert isinstance(found, Missing)
        assert vars_of(found) == missing


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("set_password protocol=vnc password=@?", "password"),
        ("x a:=@?", "a"),
        ("x a=5 b.c=@?", "b.c"),
        ("device_add driver=e1000 x=@? y=5", "x"),
        ("guest-set-user-password username=a password=@? crypted=off", "password"),
        ("stop; x a=@?", "a"),
    ],
)
def test_secret_is_required_before_other_introspection(line: str, key: str) -> None:
    found = evaluate_line(line, empty_introspection(can_ask=True))
    assert isinstance(found, Missing)
    assert vars_of(found) == (MISSING_SECRET, key, line.index("@?"))


@pytest.mark.parametrize(
    ("line", "text", "value"),
    [
        (TEXT + "@?", "5", "5"),
        (TEXT + "@?", ' "a" ', ' "a" '),
        (TEXT + "@?", "@text", "@text"),
        (TEXT + "@?", "", ""),
        (INT + "@?", "64k", 65536),
        (ANY + "@?", "5", "5"),
        (STR_OR_NULL + "@?", "null", "null"),
        ("device_del id:=@?", "5", "5"),
        ("device_add driver=virtio-blk-pci serial=@?", "5", "5"),
        ("device_add driver=virtio-blk-pci bootindex=@?", "5", 5),
        ("qom-set path=/machine property=kernel value=@?", "5", "5"),
    ],
)
def test_secret_answer_is_used_unchanged(
    known: CompletionSources, line: str, text: str, value: object
) -> None:
    introspection = known.introspection(can_ask=True)
    introspection.secrets[line.index("@?")] = text
    found = command(line, introspection).arguments
    assert same(list(found.values())[-1], value), found


def test_each_secret_of_line_is_required() -> None:
    line = "x a=@?; y b=@?"
    introspection = empty_introspection(can_ask=True)
    starts = []
    for text in ("one", "two"):
        missing = evaluate_line(line, introspection)
        assert isinstance(missing, Missing) and missing.kind == MISSING_SECRET
        starts.append(missing.start)
        introspection.secrets[missing.start] = text
    assert starts == [line.index("@?"), line.rindex("@?")]
    parsed = evaluate_line(line, introspection)
    assert isinstance(parsed, ParsedLine)
    found = [item.arguments for item in parsed.actions if isinstance(item, Command)]
    assert found == [{"a": "one"}, {"b": "two"}]


def test_invalid_line_fails_before_introspection_is_required() -> None:
    for line in ("x a=5; y z", "device_add driver=e1000 x=5 x=6", "x a=@? b=c b=d"):
        with pytest.raises(LineError):
            evaluate_line(line, empty_introspection(can_ask=True))


# -- notes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "notes"),
    [
        ("query-status", []),
        ("block_resize device=x size=5", []),
        ("drive-backup device=a target=b sync=full", ["drive-backup is deprecated"]),
        ("x-debug-query-block-graph", ["x-debug-query-block-graph is unstable"]),
        ("eject device=x", ["device is deprecated"]),
        ("eject id=x", []),
        (
            "migrate-set-parameters x-checkpoint-delay=5",
            ["x-checkpoint-delay is unstable"],
        ),
        (
            "migrate-set-capabilities capabilities.0.capability=x-colo capabilities.0.state=on",
            ["capabilities.0.capability=x-colo is unstable"],
        ),
        (
            'migrate-set-capabilities capabilities.0.capability="x-colo"',
            ["capabilities.0.capability=x-colo is unstable"],
        ),
        (
            "transaction( drive-backup device=a target=b sync=full )",
            ["drive-backup is deprecated"],
        ),
    ],
)
def test_deprecated_and_unstable_members_give_notes(
    known: CompletionSources, line: str, notes: list[str]
) -> None:
    assert command(line, known.introspection()).notes == notes


# -- random text -------------------------------------------------------------------------------

any_server = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
printable = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def values(schema: Schema, type_name: str, depth: int) -> st.SearchStrategy[Any]:
    """Return a strategy for values of a type; deep levels hold only required members."""
    kind = schema.kind(type_name)
    if kind in ("str", "any"):
        return printable | st.sampled_from(["5", "on", "null", "@x", "{", ""])
    if kind == "int":
        return st.integers(-(2**63), 2**64 - 1)
    if kind == "boolean":
        return st.booleans()
    if kind == "null":
        return st.none()
    if kind == "enum":
        return st.sampled_from(list(schema.enum_values(type_name)))
    if kind == "array":
        element = schema.element_type(type_name)
        assert element is not None
        return st.lists(values(schema, element, depth + 1), max_size=0 if depth > 3 else 2)
    if kind == "alternate":
        names = sorted(
            schema.alternatives(type_name),
            key=lambda name: schema.kind(name) in ("object", "array"),
        )
        names = names[:1] if depth > 2 else names
        return st.one_of([values(schema, name, depth + 1) for name in names])
    assert kind == "object", (type_name, kind)
    return objects(schema, type_name, depth)


@st.composite
def objects(draw: Callable[[Any], Any], schema: Schema, type_name: str, depth: int) -> Any:
    found: dict[str, Any] = {}

    def tag_value(tag: str) -> str | None:
        return found.get(tag)

    while True:
        members = schema.members(type_name, tag_value)
        left = [item for name, item in members.items() if name not in found]
        tags = [item for item in left if schema.kind(item.type) == "enum" and not item.optional]
        if not tags:
            break
        found[tags[0].name] = draw(values(schema, tags[0].type, depth + 1))
    for item in left:
        if not item.optional or (depth < 3 and draw(st.integers(0, 5)) == 0):
            found[item.name] = draw(values(schema, item.type, depth + 1))
    return found


def words_of(path: str, value: object) -> list[str]:
    """Return KEY=VALUE words that assign `value` to the key `path`."""
    if isinstance(value, bool):
        return [f"{path}={'on' if value else 'off'}"]
    if isinstance(value, dict) and value:
        return [word for name, item in value.items() for word in words_of(f"{path}.{name}", item)]
    if isinstance(value, list) and value:
        return [
            word for index, item in enumerate(value) for word in words_of(f"{path}.{index}", item)
        ]
    if value is None or isinstance(value, (str, int, list, dict)):
        return [f"{path}={json.dumps(value)}"]
    raise AssertionError(value)


@any_server
@given(data=st.data())
def test_random_arguments_of_schema_round_trip(
    known: CompletionSources, data: st.DataObject
) -> None:
    schema = known.schema
    names = [name for name in schema.commands() if name not in ("device_add", "qom-set")]
    name = data.draw(st.sampled_from(names))
    info = schema.command(name)
    assert info is not None
    arguments = data.draw(objects(schema, info.arg_type, 0))
    words = [word for key, item in arguments.items() for word in words_of(key, item)]
    words = data.draw(st.permutations(words))
    found = command(" ".join([name, *words]), known.introspection())
    assert found.name == name
    assert same(found.arguments, arguments), found.arguments


@any_server
@given(data=st.data())
def test_random_json_arguments_are_sent_unchanged(
    known: CompletionSources, data: st.DataObject
) -> None:
    info = known.schema.command("blockdev-add")
    assert info is not None
    arguments = data.draw(objects(known.schema, info.arg_type, 0))
    check(f"blockdev-add {json.dumps(arguments)}", known.introspection(), arguments)


SNIPPETS = [
    "blockdev-add",
    "device_add",
    "qom-set",
    "transaction(",
    ")",
    ";",
    "|",
    ">",
    ">>",
    "<",
    "<>",
    "#",
    "\\",
    "{",
    "}",
    "[",
    "]",
    '"',
    "'",
    "=",
    ":=",
    ".",
    "@?",
    "@text",
    "@nosuch",
    "@",
    "driver=raw",
    "driver=quorum",
    "driver=",
    'driver:="raw"',
    "driver.x=1",
    "driver=@raw",
    "file=",
    "file.driver=raw",
    "file.file.",
    "children.0=a",
    "children.1.",
    "children=",
    "backing=null",
    "overlap-check.",
    "server.type=inet",
    "server.",
    "path=/machine",
    "property=graphics",
    "value=",
    "value.",
    "value.0=1",
    "guest-exec",
    "arg.",
    "capture-output=",
    "set_link",
    "up=on",
    "up=",
    "size=64k",
    "properties.",
    "/hmp",
    "/wait",
    "exec:x",
    '"a"',
    "{'a':1}",
    "[1,]",
    "null",
    "on",
    "5",
    "0x",
    "1e9",
    ",",
    ":",
    "0",
    "é",
    'props."a.b"=',
]
lines = st.lists(
    st.sampled_from([*SNIPPETS, " ", " ", " ", "\n", "\x1b", "\ud800"]) | st.text(max_size=3)
).map("".join)
spaced = st.lists(st.sampled_from(SNIPPETS)).map(" ".join)


def outcome(line: str, introspection: Introspection) -> ParsedLine | Missing | LineError:
    try:
        return evaluate_line(line, introspection)
    except LineError as error:
        return error


def check_safe(line: str, introspection: Introspection) -> None:
    found = outcome(line, introspection)
    if isinstance(found, LineError):
        assert found.reason
        assert 0 <= found.start < found.end
        assert found.start <= len(line)
        return
    if isinstance(found, Missing):
        assert found.kind in (MISSING_SCHEMA, MISSING_DRIVER, MISSING_OBJECT, MISSING_SECRET)
        assert found.kind != MISSING_SCHEMA or not introspection.has_schema
        assert found.kind != MISSING_SECRET or line.startswith("@?", found.start)
        return
    for item in found.actions:
        assert isinstance(item, (Command, RawCommand, ShellCommand))
        assert line[item.start :].strip()
        if isinstance(item, Command):
            json.dumps(item.arguments)


@any_server
@given(line=lines | spaced, can_ask=st.booleans())
def test_random_text_is_safe_with_schema(
    known: CompletionSources, line: str, can_ask: bool
) -> None:
    check_safe(line, known.introspection(can_ask=can_ask))


@given(lines | spaced, st.booleans(), st.booleans())
def test_random_text_is_safe_without_schema(line: str, can_ask: bool, has_schema: bool) -> None:
    check_safe(line, empty_introspection(can_ask=can_ask, has_schema=has_schema))


@given(lines | spaced)
def test_random_text_is_safe_with_empty_schema(line: str) -> None:
    check_safe(line, Introspection(read_file=no_file, schema=Schema([])))
