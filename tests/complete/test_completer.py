"""Tests of the completion of QMP lines, with the schemas of real servers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, strategies as st

from qmpshell.complete import (
    COMMAND,
    KEY,
    VALUE,
    Candidate,
    CompletionSources,
    LiveName,
    NameQuery,
    complete,
    describe,
    find_event_mistake,
    find_target,
    logical_line,
    rank,
)
from qmpshell.language import tokenize, tokens as t
from qmpshell.qmp import references as kinds
from qmpshell.session import COMMANDS
from tests.harness.completion import LINES, FakeLive, files, known
from tests.harness.evaluation import no_file
from tests.harness.schemas import ALL, SYSTEMS, schema

SOURCES = {server: known(server) for server in ALL}
NOTHING = CompletionSources()
AGENT = CompletionSources(
    names=["guest-file-seek", "guest-exec", "guest-ping"], shell_commands=COMMANDS
)


def candidates_at(
    line: str, server: str = "10", sources: CompletionSources | None = None
) -> list[Candidate]:
    """Return the candidates at the `|`, or at the end of the line."""
    cursor = line.find("|")
    text = line if cursor < 0 else line.replace("|", "", 1)
    return complete(text, len(text) if cursor < 0 else cursor, sources or SOURCES[server])


def texts(line: str, server: str = "10", sources: CompletionSources | None = None) -> list[str]:
    return [candidate.text for candidate in candidates_at(line, server, sources)]


# -- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    ("line", "first"),
    [
        # Commands.
        ("hel", ["help "]),
        ("help query-sta", ["query-stats", "query-stats-schemas", "query-status"]),
        ("? blockdev-ad", ["blockdev-add"]),
        ("help ke", ["keys"]),
        ("query-stat", ["query-stats ", "query-stats-schemas ", "query-status"]),
        ("blst", ["block-stream "]),
        ("devadd", ["device_add "]),
        ("qst", ["query-stats ", "query-status", "query-colo-status", "query-stats-schemas "]),
        (
            "snsync",
            [
                "blockdev-snapshot-sync ",
                "blockdev-snapshot-internal-sync ",
                "blockdev-snapshot-delete-internal-sync ",
            ],
        ),
        ("qblk", ["query-block", "query-block-jobs", "query-blockstats "]),
        ("mig", ["migrate ", "migrate-continue "]),
        ("device-ad", ["device_add "]),
        ("QUIT", ["quit"]),
        ("exi", ["exit"]),
        ("transaction", ["transaction ", "transaction( "]),
        ("stop ; query-statu", ["query-status"]),
        ("  query-statu", ["query-status"]),
        ("(QEMU) query-statu", ["query-status"]),
        ("-> query-statu", ["query-status"]),
        ("query-statu| x=1", ["query-status"]),
        # The order of arguments.
        ("block-stream ", ["device=", "job-id=", "base="]),
        ("block-stream device=x ", ["job-id=", "base="]),
        ("block-stream | device=x", ["job-id=", "base="]),
        ("blockdev-mirror ", ["device=", "target=", "sync=", "job-id="]),
        ("block-stream dev|=x", ["device"]),
        ("block-stream | ", ["device="]),
        # Unions.
        ("blockdev-add ", ["driver=", "node-name="]),
        ("blockdev-add driver=qcow2 ", ["node-name=", "file=", "file."]),
        ("blockdev-add | driver=qcow2", ["node-name=", "file=", "file."]),
        ("blockdev-add driver=qcow2 file.driver=file ", ["node-name=", "file.filename="]),
        ("blockdev-add file.driver=file fil", ["file.filename=", "file."]),
        ("blockdev-add driver=qcow2 file.driver=file file.", ["filename=", "node-name="]),
        ("blockdev-add driver=qcow2 file.dr", ["driver="]),
        ("blockdev-add driver=nbd server.", ["type="]),
        ("blockdev-add server.type=inet driver=nbd server.", ["host=", "port=", "numeric="]),
        ("chardev-add ba", ["backend."]),
        ("chardev-add id=c backend.type=socket ", ["backend.data."]),
        (
            "chardev-add backend.type=socket backend.data.addr.type=inet backend.data.addr.data.",
            ["host=", "port="],
        ),
        ("object-add qom-type=thro", ["throttle-group "]),
        ("object-add qom-type=secret ", ["id="]),
        ("netdev_add type=user hostn", ["hostname="]),
        ("transaction actions.0.type=abort actions.0.", ["data={}"]),
        ("transaction actions.0.type=abort ", ["actions.0.data={}"]),
        # Arrays.
        ("blockdev-reopen opt", ["options.0."]),
        (
            "blockdev-reopen options.0.driver=raw opt",
            ["options.0.file=", "options.0.file.", "options.0.", "options.1."],
        ),
        ("blockdev-reopen options.0.driver=raw options.", ["0.", "1."]),
        ("send-key ", ["keys.0.", "hold-time="]),
        ("block-export-add type=nbd bitmaps.0=a bit", ["bitmaps.1=", "bitmaps.1."]),
        ("object-add qom-type=memory-backend-ram host-n", ["host-nodes.0=", "host-nodes="]),
        # Values.
        ("block-stream device=disk0 base-node=", ["base0"]),
        ("block-stream device=disk0 base=", ["/images/base.img", "images/"]),
        ("block-commit device=disk0 top=/images/", ["/images/base.img", "/images/disk.img"]),
        ("block-stream device=x on-error=", ["report", "ignore", "enospc", "stop", "auto"]),
        ("block-stream device=x on-error=i", ["ignore"]),
        ("set_link up=", ["true ", "false "]),
        ("set_link name=x up=o", ["on", "off"]),
        ("set_link name=x up=T", ["True", "true"]),
        ("blockdev-create options.driver=null", ["null-aio ", "null-co "]),
        ("blockdev-add driver=", ["blkdebug ", "blklogwrites ", "blkreplay ", "blkverify "]),
        ("blockdev-add driver=raw file=", ["disk0", "base0", "{"]),
        ("blockdev-add driver=qcow2 file=disk0 backing=n", ["null"]),
        ("blockdev-add driver=file filename=/im", ["/images/"]),
        ("blockdev-add driver=file filename=im", ["images/"]),
        ("blockdev-add driver=file filename=/images/", ["/images/disk.img"]),
        ('blockdev-add driver=file filename="/images/d', ['"/images/disk.img"']),
        ('blockdev-add driver=file filename="/images/d|"', ['"/images/disk.img']),
        ("object-add qom-type=secret id=x data=@/images/d", ["/images/disk.img"]),
        ("migrate-set-parameters tls-creds=", ["tls0"]),
        ("blockdev-add driver=throttle throttle-group=", []),
        ("blockdev-add driver=nbd tls-creds=", ["tls0 "]),
        ("device_add driver=e1000 canbus1=", ["can0"]),
        # Names that are already in the line are not offered.
        ("block-dirty-bitmap-merge node=disk0 target=bm0 bitmaps=['bm1', ", ['"bm2"', "{"]),
        ("block-dirty-bitmap-merge node=disk0 target=bm0 bitmaps=['bm1', '", ["'bm2'"]),
        ("block-dirty-bitmap-merge node=disk0 target=bm0 bitmaps.0=bm1 bitmaps.1=", ["bm2"]),
        ("block-dirty-bitmap-merge node=disk0 bitmaps.0=bm1 target=", ["bm0", "bm2"]),
        ("block-dirty-bitmap-merge node=disk0 target=bm0 bitmaps.0=bm1|", ["bm1"]),
        ("blockdev-mirror device=disk0 sync=full target=", ["base0"]),
        ("blockdev-snapshot node=base0 overlay=", ["disk0"]),
        ("snapshot-save job-id=j tag=t vmstate=disk0 devices=['base0', '", ["'disk0'"]),
        # Literals.
        ('blockdev-add {"dr', ['"driver": ']),
        ("blockdev-add {", ['"driver": ', '"node-name": ']),
        ('blockdev-add {"dr|"', ['"driver']),
        ('blockdev-add {"dr|": "raw"}', ['"driver']),
        ("blockdev-add {'driver': 'qco", ["'qcow'", "'qcow2'"]),
        ('blockdev-add {"driver": "qcow2", ', ['"node-name": ', '"file": ']),
        ('blockdev-add {| "driver": "qcow2"}', ['"node-name": ', '"file": ']),
        ('blockdev-add {"driver": "raw", "file": ', ['"disk0"', '"base0"', "{"]),
        ('blockdev-add {"driver": "raw", "file": {"driver": "file", ', ['"filename": ']),
        ('blockdev-add {"read-only": t', ["true"]),
        ("blockdev-add {'read-only': T", ["True"]),
        ('blockdev-add driver=raw file={"driver": "file", "filen', ['"filename": ']),
        ('blockdev-add {"driver": "raw"}', []),
        ('blockdev-add {"driver": "raw"} ', []),
        ('{"exec', ['"execute": ', '"exec-oob": ']),
        ('{"execute": "stop", ', ['"arguments": ', '"id": ']),
        ('{"execute": "block-str', ['"block-stream"']),
        ('{"execute": "block-stream", "arguments": ', ["{"]),
        ('{"execute": "block-stream", "arguments": {', ['"device": ']),
        ('{"arguments": {"dev|"}, "execute": "block-stream"}', ['"device']),
        ('{"arguments": {"dev|": 1}, "execute": "block-stream"}', ['"device']),
        ('{"exec-oob": "', ['"migrate-pause"', '"migrate-recover"']),
        (
            '{"execute": "transaction", "arguments": {"actions": [{}, {"type": "abort", "da',
            ['"data": '],
        ),
        # Transactions.
        ("transaction( ", ["abort ", "block-dirty-bitmap-add "]),
        ("transaction( block-dirty-bitmap-add ", ["node=", "name="]),
        ("transaction( abort ; block-dirty-bitmap-clear node=disk0 name=", ["bm0"]),
        ("transaction( abort ) pro", ["properties."]),
        ("transaction( abort ) properties.completion-mode=", ["individual", "grouped"]),
        ("transaction(\n abort\n blockdev-snap", ["blockdev-snapshot "]),
        # Shell commands.
        ("/wa", ["/wait ", "/wait-job "]),
        ("/qu", ["/quit"]),
        ("/wait job", ["JOB_STATUS_CHANGE"]),
        ("/wait STOP,job", ["JOB_STATUS_CHANGE"]),
        ("/wait --check STOP,job", ["JOB_STATUS_CHANGE"]),
        ("/wait --", ["--check "]),
        ("/wait-migration -", ["-t "]),
        ("/wait -", ["-t "]),
        ("/wait -t 5 JOB_STATUS_CHANGE ", ["id=", "status="]),
        ("/wait JOB_STATUS_CHANGE status=conc", ["concluded"]),
        ("/wait-job ", ["job0", "job1"]),
        ("/wait-job -t 5 ", ["job0", "job1"]),
        ("/info block", ["block ", "block-jobs", "blockstats", "named-block-nodes "]),
        ("/info -v kv", ["kvm"]),
        ("/info -", ["-v "]),
        ("/info block ", ["disk0", "virtio0", "-n ", "-v "]),
        ("/info block -v di", ["disk0"]),
        ("/info block disk0 d", []),
        ("/info named-block-nodes ba", ["base0"]),
        ("/info qom-tree /machine/per", ["/machine/peripheral"]),
        ("/info virtio-status /machine/peripheral/", ["/machine/peripheral/dev0"]),
        ("/info nope ", []),
        ("/help block-str", ["block-stream"]),
        ("/help /wai", ["/wait", "/wait-job"]),
        ("/help JOB_ST", ["JOB_STATUS_CHANGE"]),
        ("/help block-stream ", ["device", "job-id"]),
        ("help block-stream d", ["device"]),
        ("/help blockdev-add ", ["driver=", "node-name", "discard"]),
        ("/help blockdev-add driver=nul", ["null-aio", "null-co"]),
        ("/help blockdev-add driver=qcow2 ", ["node-name", "file", "file."]),
        ("/help blockdev-add driver=qcow2 file.dr", ["driver="]),
        ("/help device_add driver=e1000 ne", ["netdev"]),
        ("/help a=b ", []),
        ("/help nosuch ", []),
        ("/oob migrate-", ["migrate-pause", "migrate-recover "]),
        ("/oob migrate-recover ", ["uri="]),
        ("/events inl", ["inline"]),
        ("/events lis", ["list"]),
        ("/events -STO", ["STOP"]),
        ("/events list RES", ["RESET", "RESUME"]),
        ("/jobs ", ["-t "]),
        ("/watch -n 5 -", ["-c "]),
        ("/watch -c 3 -n 1 query-sta", ["query-stats ", "query-stats-schemas ", "query-status"]),
        ("/table -", ["-s ", "--tsv "]),
        ("/table --tsv -", ["-s "]),
        ("/table query-sta", ["query-stats ", "query-stats-schemas ", "query-status"]),
        ("/table -s a drv=raw query-statu", ["query-status"]),
        ("/table device,drv query-named-block-nodes ", ["flat="]),
        ("/graph ", ["block ", "devices ", "qom ", "pci "]),
        ("/graph b", ["block "]),
        ("/graph block --", ["--dot"]),
        ("/graph -", ["--dot", "-v"]),
        ("/graph -v ", ["block ", "devices ", "qom ", "pci "]),
        ("/graph -v b", ["block "]),
        ("/graph -v block -", ["--dot"]),
        ("/watch /ta", ["/table "]),
        ("/watch -n 1 /table a query-statu", ["query-status"]),
        ("/watch /graph p", ["pci "]),
        ("/events STOP,RES", ["RESET", "RESUME"]),
        ("/set co", ["color=", "complete-while-typing=", "confirm="]),
        ("/set color=", ["auto", "always", "never"]),
        ("/set color=always editing=v", ["vi"]),
        ("/set confirm=quit,system_res", ["system_reset"]),
        ("/log o", ["off"]),
        ("/source /images/", ["/images/disk.img"]),
        ('/source "/images/d', ['"/images/disk.img"']),
        ("/connect im", ["images/"]),
        ("/keyval ", ["blockdev ", "blockdev-add ", "chardev-add "]),
        ("/keyval -", ["-blockdev ", "-device ", "-netdev ", "-object "]),
        ("/keyval -dev", ["-device "]),
        ("/keyval blockdev qcow2,", ["node-name=", "file=", "file."]),
        ("/keyval blockdev driver=raw,file.dr", ["driver="]),
        ("/keyval blockdev driver=qc", ["qcow", "qcow2"]),
        ("/keyval blockdev qc", ["qcow", "qcow2"]),
        ("/keyval device virtio-net-pci,", ["bus=", "id=", "netdev="]),
        ("/keyval device virtio-net-pci,x.d", ["x.dotted="]),
        # Files.
        ("query-status > im", ["images/"]),
        ("query-status >> /images/d", ["/images/disk.img"]),
        ("getfd fdname=x < /images/", ["/images/disk.img"]),
        (
            "/source /run/",
            [
                *("/run/d9/", "/run/d10/", "/run/Docs/"),
                *("/run/a.sock", "/run/pts0", "/run/vm9.log", "/run/vm10.log", "/run/z.sock"),
            ],
        ),
        (
            "/connect /run/",
            [
                *("/run/a.sock", "/run/z.sock", "/run/d9/", "/run/d10/", "/run/Docs/"),
                *("/run/pts0", "/run/vm9.log", "/run/vm10.log"),
            ],
        ),
        ("blockdev-add driver=file filename=/run/", ["/run/d9/", "/run/d10/", "/run/Docs/"]),
        # Members that are not in the schema.
        ("device_add ", ["driver=", "bus="]),
        ("device_add driver=e1", ["e1000"]),
        ("device_add driver=e1000 ", ["bus=", "id=", "netdev="]),
        ("device_add driver=e1000 netdev=", ["net0"]),
        ("device_add driver=e1000 disable-modern=", ["true", "false"]),
        ("device_add driver=e1000 rerror=", ["report", "on", "auto"]),
        ('device_add {"driver": "e1000", "rerror": "', ['"report"', '"on"', '"auto"']),
        ("device_add driver=e1000 x.d", ['"x.dotted"=']),
        ('device_add driver=e1000 "x.d', ['"x.dotted"=']),
        ("blockdev-snapshot-sync snapshot-file=x format=qcow", ["qcow", "qcow2"]),
        ("qom-get path=/machine/per", ["/machine/peripheral"]),
        ("qom-list path=", ["/machine", "/objects", "/chardevs"]),
        ("qom-list path=peri", []),
        ("qom-get path=/machine property=", ["type"]),
        ("qom-set path=/machine/unattached property=realized value=", ["true", "false"]),
        ("qom-set path=/machine/unattached property=size value=", []),
        ("qom-set path=/machine/unattached property=rerror value=", ["report", "on", "auto"]),
        # The schemes of a migration.
        ("migrate uri=", ["tcp:", "unix:", "exec:", "fd:"]),
        ("migrate-incoming uri=t", ["tcp:"]),
        ('migrate uri="', ['"tcp:', '"unix:', '"exec:']),
        ("migrate-recover uri=unix:/run/z", ["unix:/run/z.sock"]),
        ("migrate uri=file:/ima", ["file:/images/"]),
        ("migrate uri=tcp:", []),
        # No candidates.
        ("/hmp inf", []),
        ("# query-st", []),
        ("stop # query-st", []),
        ("query-status ", []),
        ("nonsense ", []),
        ("stop ;", []),
        ('<- {"ret', []),
        ("block-stream device", ["device="]),
        ("block-stream speed=", []),
        ("block-stream speed.", []),
        ("/quit ", []),
    ],
)
def test_first_candidates_match_the_table(server: str, line: str, first: list[str]) -> None:
    found = texts(line, server)
    if not line.endswith(("=", ":")) and "=" not in line.rpartition(" ")[2]:
        assert found[: len(first)] == first if first else not found
    else:  # the table does not check the blank after a value
        stripped = [text.rstrip(" ") for text in found[: len(first)]]
        assert stripped == [text.rstrip(" ") for text in first] if first else not found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("query-block | ", ["jq ", "less ", "cat ", "lessecho ", "zcat "]),
        ("query-block | le", ["less ", "lessecho "]),
        ("query-block | jq .return | l", ["less ", "lessecho "]),
        ("query-block; query-name | (cat; j", ["jq "]),
        ("query-block | cat > /run/v", ["/run/vm9.log", "/run/vm10.log"]),
        ("query-block | jq -f /images/d", ["/images/disk.img"]),
        ("query-block | /run/v", ["/run/vm9.log", "/run/vm10.log"]),
        ("query-block | .return", []),
        ("query-block |", []),
        ('query-block | jq ".re', []),
    ],
)
def test_program_or_file_is_completed_after_pipe(line: str, expected: list[str]) -> None:
    found = complete(line, len(line), SOURCES["10"])
    assert [candidate.text for candidate in found] == expected


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("block-stream device=disk", "disk0 "),
        ("blockdev-mirror sync=fu", "full "),
        ("blockdev-mirror sync=fu|", "full "),
        ("blockdev-mirror sync=fu| device=disk0", "full"),  # a blank is already there
        ("set_link name=x up=t", "true "),
        ("blockdev-add driver=file filename=/images/d", "/images/disk.img "),
        ("blockdev-add driver=file filename=/im", "/images/"),  # completion continues inside it
        ("qom-get path=/mach", "/machine"),
        ("blockdev-add driver=raw file={", ""),
        ('block-stream {"device": "disk', '"disk0"'),
        ("/keyval blockdev-add raw,file=disk", "disk0"),
        ("/wait JOB_STATUS_CHANGE status=abo", "aborting"),
    ],
)
def test_complete_value_is_followed_by_a_blank(line: str, text: str) -> None:
    found = texts(line)
    assert not text or found[0] == text


@pytest.mark.parametrize(
    ("line", "text", "suffix_length"),
    [
        ("blockdev-add driv|er=raw node-name=x", "driver", 2),
        ("blockdev-add driver=raw node-na|mes=x", "node-name", 3),
        ("block-str|aem device=x", "block-stream", 3),
        ("/hel|lo block-stream", "/help", 2),
        ("blockdev-add driver=qcow2 file.driver=file file.fil|e=x", "file.filename", 1),
        ("/wait JOB_STA|T id=x", "JOB_STATUS_CHANGE", 1),
        ("blockdev-add driver=qco|w2 node-name=x", "qcow", 2),
        ("blockdev-mirror device=dis|k1 sync=full", "disk0", 2),
        ("blockdev-mirror device=|disk1; stop", "disk0", 5),
        ("blockdev-mirror device=dis|k1; stop", "disk0", 2),
        ("/keyval blockdev-add driver=qco|w2,node-name=x", "qcow", 2),
    ],
)
def test_completion_replaces_rest_of_name(line: str, text: str, suffix_length: int) -> None:
    first = candidates_at(line)[0]
    assert (first.text, first.suffix_length) == (text.rpartition(".")[2], suffix_length)


@pytest.mark.parametrize(
    "line",
    [
        "block-stream |device=x",  # the cursor is before another argument
        "block-stream device=x |",
        'blockdev-add driver="qc|ow2"',
        '{"exec|ute": "stop"}',
    ],
)
def test_other_text_after_cursor_is_not_replaced(line: str) -> None:
    assert all(candidate.suffix_length == 0 for candidate in candidates_at(line))


@pytest.mark.parametrize("server", SYSTEMS)
def test_initials_find_the_only_match(server: str) -> None:
    assert texts("qnbn", server) == ["query-named-block-nodes "]


@pytest.mark.parametrize("server", SYSTEMS)
def test_prefix_match_hides_unrelated_names(server: str) -> None:
    found = [text.strip() for text in texts("query-st", server)]
    assert found[:3] == ["query-stats", "query-stats-schemas", "query-status"]
    assert all("-st" in text for text in found)
    assert "query-sev-attestation-report" in [text.strip() for text in texts("qsevst", server)]
    # Three letters also match inside names.
    assert "query-block" in [text.strip() for text in texts("blo", server)]


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    "line", ["blockdev-create options.driver=", 'blockdev-create {"options": {"driver": "']
)
def test_drivers_that_create_images_come_first(server: str, line: str) -> None:
    found = [text.strip('" ') for text in texts(line, server)]
    first = found.index("blkdebug")
    creating = {"file", "luks", "nfs", "parallels", "qcow", "qcow2", "vdi", "vhdx", "vmdk", "vpc"}
    assert creating <= set(found[:first])
    assert {"null-co", "nbd", "raw", "quorum"} <= set(found[first:])


@pytest.mark.parametrize("command", ["migrate", "migrate-incoming"])
def test_file_migration_is_offered_if_supported(command: str) -> None:
    assert "file:" in texts(f"{command} uri=", "10")
    assert "file:" not in texts(f"{command} uri=", "7.2")


def test_object_key_is_offered_with_a_dot() -> None:
    metas = {
        candidate.text: candidate.meta
        for candidate in candidates_at("blockdev-add driver=raw file")
    }
    assert metas["file="] == "node or {…}, required"
    assert metas["file."] == "{…}, required"


@pytest.mark.parametrize(
    ("line", "meta"),
    [
        ("block-stream dev", "str, required"),
        ("block-stream job", "str"),
        ("block-stream on-er", "report|ignore|enospc|stop|…"),
        ("blockdev-add driver=raw file", "node or {…}, required"),
        ("blockdev-add driver=qcow2 backin", "node or null or {…}"),
        ("migrate-set-capabilities capabilities", "{…}, required"),
        ("drive-back", "device, sync, target (deprecated)"),
        ("x-query-jit", "unstable"),
        ("blockdev-mirror", "device, target, sync"),
        ("/wait JOB_STATUS_CHANGE i", "str"),
        ("/help STOP", "event"),
        ("device_add driver=e1000 rerror=au", "the default"),
        ("device_add driver=e1000 rerror=re", ""),
        ("/quit", "leave the shell; the server continues, unless qmpshell run has started it"),
        ("blockdev-add driver=file filename=/images/d", "file"),
    ],
)
def test_candidate_meta_shows_type_or_description(line: str, meta: str) -> None:
    assert candidates_at(line)[0].meta == meta


def test_given_arguments_are_not_offered_again() -> None:
    found = texts("block-stream device=x speed=5 ")
    assert not {"device=", "speed="} & set(found)
    assert "cache=" not in texts("blockdev-add driver=raw cache.direct=on ")
    assert "cache." in texts("blockdev-add driver=raw cache.direct=on ")
    assert not [text for text in texts("blockdev-add cache={} ") if text.startswith("cache")]


def test_deprecated_and_unstable_names_come_last() -> None:
    names = [candidate.text.strip() for candidate in candidates_at("block")]
    all_names = [candidate.text.strip() for candidate in candidates_at("")]
    assert "drive-backup" in all_names[-60:]
    assert names[0] == "block-commit"
    tail = all_names[all_names.index("drive-backup") :]
    assert not {"block-stream", "quit"} & set(tail)
    assert texts("x-query-ji")[0] == "x-query-jit"


def test_empty_line_offers_server_and_shell_commands() -> None:
    found = {text.strip() for text in texts("")}
    assert set(schema("10").commands()) <= found
    assert set(COMMANDS) <= found


def test_commands_come_from_the_server() -> None:
    sources = CompletionSources(schema=schema("10"), names=["stop", "cont", "not-in-schema"])
    assert texts("", sources=sources)[:2] == ["cont", "stop"]
    assert texts("not-in", sources=sources) == []
    no_schema = CompletionSources(names=["stop", "cont"])
    assert texts("sto", sources=no_schema) == ["stop "]
    sources.names = ["quit"]
    assert texts("qui", sources=sources) == ["quit"]
    sources.schema = schema("7.2")
    assert texts("quit ", sources=sources) == []


def test_style_search_runs_once_when_needed() -> None:
    calls = []

    def find() -> Sequence[str]:
        calls.append("styles")
        return ["zenburn", "monokai"]

    sources = CompletionSources(styles=find, shell_commands=COMMANDS)
    assert texts("/set color=", sources=sources) == ["auto", "always", "never"]
    assert not calls
    everything = ["auto", "dark", "light", "monokai", "zenburn"]
    assert (
        texts("/set style=", sources=sources) == texts("/set style=", sources=sources) == everything
    )
    assert texts("/set style=mono", sources=sources) == ["monokai"]
    assert calls == ["styles"]
    assert texts("/set style=", sources=NOTHING) == ["auto", "dark", "light"]


def test_many_file_names_are_sorted() -> None:
    listed = [(f"f{number}", "file") for number in range(5000, 0, -1)]
    many = CompletionSources(files=lambda _typed: listed, shell_commands=COMMANDS)
    few = CompletionSources(files=lambda _typed: listed[-20:], shell_commands=COMMANDS)
    assert texts("/source f", sources=few)[:2] == ["f1", "f2"]
    assert texts("/source f", sources=many) == sorted(name for name, _ in listed)


def test_agent_commands_complete_from_builtin_schema() -> None:
    assert texts("guest-p", sources=AGENT) == ["guest-ping"]
    assert texts("guest-file-seek ", sources=AGENT) == ["handle=", "offset=", "whence="]
    assert texts("guest-file-seek handle=1 offset=0 whence=c", sources=AGENT) == ["cur "]
    assert texts("guest-exec path=x capture-output=tr", sources=AGENT)[0] == "true "


def test_storage_daemon_offers_only_its_commands() -> None:
    assert texts("device_ad", "storage-daemon-10") == []
    assert texts("blockdev-add driver=qcow2 file.dr", "storage-daemon-7.2") == ["driver="]


# -- live names -----------------------------------------------------------------------------------


class Names:
    """Live names that are the same for every kind."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def peek(self, _name_query: NameQuery) -> Sequence[LiveName]:
        return [LiveName(name) for name in self.names]

    def find(self, want: NameQuery) -> Sequence[LiveName] | None:
        return self.peek(want)


@given(st.text(max_size=12), st.sampled_from(["", '"', "'"]))
@example("a b", "")
@example("@x", "")
@example("x;", "")
@example("", "")
@example("it's", "'")
@example('json:"x"', "")
@example("null", "")
@example("\x1b\u2028", "")
def test_quoted_name_evaluates_to_itself(name: str, quote: str) -> None:
    from qmpshell.language import Introspection, evaluate_line

    if any(0xD800 <= ord(char) < 0xE000 for char in name):
        return
    sources = CompletionSources(schema=schema("10"), live=Names([name]))
    introspection = Introspection(read_file=no_file, schema=schema("10"))
    for line, member in (
        ("block-stream device=", "device"),
        ("blockdev-add driver=qcow2 file=x backing=", "backing"),
    ):
        typed = line + quote
        found = [
            candidate
            for candidate in complete(typed, len(typed), sources)
            if candidate.text.strip() != "{"
        ]
        names = [
            candidate
            for candidate in found
            if candidate.text.strip() not in ("null",) or member == "device"
        ]
        whole = typed[: len(typed) + names[0].start] + names[0].text
        parsed = evaluate_line(whole, introspection)
        actions = getattr(parsed, "actions")  # noqa: B009
        assert actions[0].arguments[member] == name


def test_missing_live_name_queues_a_query() -> None:
    live = FakeLive()
    sources = CompletionSources(schema=schema("10"), live=live)
    complete("qom-get path=/machine/", 22, sources)
    assert live.asked == [NameQuery(kinds.QOM_CHILD, "/machine")]
    assert complete("blockdev-del node-name=zzz", 26, sources) == []


def test_partial_driver_name_is_not_queried() -> None:
    live = FakeLive()
    sources = CompletionSources(schema=schema("10"), live=live)
    for line in ("device_add driver=e1000", "device_add id=x driver=e10"):
        complete(line, len(line), sources)
        describe(line, len(line), sources)
    assert {query.kind for query in live.asked} == {kinds.DEVICE_DRIVER}
    complete("device_add driver=e1000 ", 24, sources)
    assert live.asked[-1] == NameQuery(kinds.DEVICE_PROPERTY, "e1000")


def test_completion_without_live_names_offers_schema_only() -> None:
    sources = CompletionSources(schema=schema("10"), files=files)
    assert texts("blockdev-del node-name=", sources=sources) == []
    assert texts("device_add driver=x ", sources=sources) == ["bus=", "id="]


# -- every position of real lines -----------------------------------------------------------------


def is_next(line: str, cursor: int, candidate: Candidate) -> bool:
    """Return True if a candidate continues the text at the cursor, possibly after a typed `=`."""
    completed = (line[: cursor + candidate.start] + candidate.text).rstrip(" ")
    whole = re.sub(r"(\.0)?\.$", "=", completed)
    is_same = any(
        line.startswith(text) or line.replace(":=", "=").startswith(text)
        for text in (completed, whole)
    )
    return is_same and len(completed) >= cursor


def schema_positions(server: str, line: str) -> list[int]:
    """Return the positions whose continuation the schema determines.

    These are positions in names of commands and members, and in values of enums and booleans.
    """
    sources = SOURCES[server]
    positions = []
    for cursor in range(len(line)):
        for target in find_target(line, cursor).targets:
            if target.kind == KEY and target.text and target.call is not None:
                shapes = sources.types_of(target.call.name)
                holder = target.call.root.at(target.path)
                kind = shapes.of_call(target.call) if shapes is not None else ""
                assert shapes is not None
                members = shapes.members(
                    shapes.schema.compound(shapes.at(kind, target.call.root, target.path)), holder
                )
                # The schema does not describe members below a value of type any.
                member = members.get(target.name_at_cursor)
                if member is not None and shapes.schema.kind(member.type) != "any":
                    positions.append(cursor)
            elif target.kind == VALUE and target.call is not None and cursor > target.start:
                shapes = sources.types_of(target.call.name)
                assert shapes is not None
                kind = shapes.at(shapes.of_call(target.call), target.call.root, target.path)
                if shapes.schema.kind(kind) in ("enum", "boolean") and not target.closed:
                    positions.append(cursor)
            elif target.kind == COMMAND and target.text and not line.startswith("guest-"):
                positions.append(cursor)
    return positions


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize("line", LINES)
def test_next_word_of_real_line_is_offered(server: str, line: str) -> None:
    positions = schema_positions(server, line)
    assert positions or line.startswith(("/", "guest-"))
    for cursor in positions:
        # The rest of the line stays after the cursor, as in a correction.
        assert any(
            is_next(line, cursor, candidate)
            for candidate in complete(line, cursor, SOURCES[server])
        ), line[:cursor]


# Lines that completion cannot continue: pasted prompts, agent commands, and members that are
# typed before their discriminator.
TYPED = [
    line
    for line in LINES
    if not line.startswith(("(QEMU)", "guest-", "blockdev-add file.driver=file"))
]


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize("line", TYPED)
def test_line_completes_from_left_to_right(server: str, line: str) -> None:
    for token in tokenize(line):
        if token.kind in (t.KEY, t.NAME, t.SHELL_COMMAND, t.OPEN):
            found = complete(line[: token.start], token.start, SOURCES[server])
            # The candidate starts at the word and is not empty.
            assert any(
                is_next(line, token.start, candidate) and candidate.text
                for candidate in found
                if candidate.start == 0
            ), line[: token.start]


@pytest.mark.parametrize("server", ["10", "storage-daemon-7.2", "nothing", "agent"])
def test_every_position_of_real_lines_completes(server: str) -> None:
    sources = {**SOURCES, "nothing": NOTHING, "agent": AGENT}[server]
    for number, line in enumerate(LINES):
        first, step = (number % 2, 2) if server == "10" else (0, 1)
        for cursor in range(first, len(line) + 1, step):
            # The text ends at the cursor, or the rest of the line follows it.
            for text in (line[:cursor], line) if server == "10" else (line[:cursor],):
                for candidate in complete(text, cursor, sources):
                    assert candidate.text
                    assert -cursor <= candidate.start <= 0
                    assert "\n" not in candidate.meta
                describe(text, cursor, sources)


PIECES = st.sampled_from(
    [
        *("block-stream", "blockdev-add", "transaction(", ")", "/wait", "/keyval", "/set", "/oob"),
        *("driver", "file", "qcow2", "actions", "0", "1", "execute", "arguments", "device_add"),
        *(
            " ",
            " ",
            "=",
            ":=",
            ".",
            ",",
            ":",
            ";",
            "{",
            "}",
            "[",
            "]",
            '"',
            "'",
            "\\",
            "\n",
            "@",
            "#",
        ),
        *("|", ">", "<", "-t", "true", "5", "<- ", "(QEMU) ", "é", "\x00", "__com.x_y"),
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join)), st.data())
@example('blockdev-add {"a": ' + "[{" * 3000, None)
def test_random_text_gives_valid_candidates(text: str, data: st.DataObject | None) -> None:
    cursor = len(text) if data is None else data.draw(st.integers(0, len(text)))
    line, place = logical_line(text, cursor)
    assert 0 <= place <= len(line)
    for candidate in complete(line, place, SOURCES["10"]):
        assert -place <= candidate.start <= 0
    signature = describe(line, place, SOURCES["10"])
    assert signature is None or signature.current is None or signature.parts[signature.current]


def test_huge_line_gives_no_candidates() -> None:
    assert complete("block-stream device=" + "x" * 100_000, 5, SOURCES["10"]) == []


# -- multi-line text ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stop\nblock-|stream", "block-|stream"),
        ("stop|\nblock-stream", "stop|"),
        ("block-stream \\\n dev|", "block-stream \n dev|"),
        ("block-stre|am \\\n device=x", "block-stre|am \n device=x"),
        ("transaction(\n ab|ort\n)", "transaction(\n ab|ort\n)"),
        ("transaction(\n ab|", "transaction(\n ab|"),
        ('{"execute":\n "st|op"}', '{"execute":\n "st|op"}'),
        ('{"execute":\n "st|', '{"execute":\n "st|'),
        ("(QEMU) sto|p", "(QEMU) sto|p"),
        ("stop\n(QEMU) con|t\nstop", "con|t"),
        ("(Q|EMU) cont\nstop", "|cont"),
        ("", "|"),
        ("|", "|"),
        ("stop\n\n|\ncont", "|"),
    ],
)
def test_logical_line_contains_the_cursor(text: str, expected: str) -> None:
    cursor = max(text.find("|"), 0)
    line, place = logical_line(text.replace("|", ""), cursor)
    assert f"{line[:place]}|{line[place:]}" == expected


def test_long_name_is_ranked_quickly(count_lines: Callable[..., int]) -> None:
    """The time grows linearly with the length of the name."""
    short, long = (
        count_lines(lambda words=words: rank("a" * 30, "a-" * words + "b")) for words in (200, 800)
    )
    assert long < 6 * short + 1000


@pytest.mark.parametrize("server", SYSTEMS)
def test_struct_argument_is_offered_once(server: str) -> None:
    """A struct continues inside. Only an alternate, such as a node, also has a value of its own."""
    known_schema = schema(server)
    checked = 0
    for name in known_schema.commands():
        info = known_schema.command(name)
        assert info is not None
        found = texts(f"{name} ", server)
        for member in known_schema.members(info.arg_type).values():
            if known_schema.kind(member.type) == "object":
                assert [text for text in found if text.startswith(f"{member.name}=")] == []
                assert f"{member.name}." in found
                checked += 1
    assert checked > 5


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("qom-list path=/machine", ["/machine/"]),
        ("qom-list path=/machine/", ["/machine/peripheral", "/machine/unattached"]),
        ("qom-list path=/mach", ["/machine"]),
        ("qom-list path='/machine", ["'/machine/"]),
        ("qom-list path='/machine|'", ["'/machine/"]),
        ('{"execute": "qom-list", "arguments": {"path": "/machine', ['"/machine/']),
    ],
)
def test_complete_qom_path_continues_with_slash(line: str, first: list[str]) -> None:
    assert texts(line) == first


def test_commands_without_match_are_not_described(count_lines: Callable[..., int]) -> None:
    def work(line: str) -> int:
        sources = known("10")
        complete(line, len(line), sources)  # the types of the server are known
        return count_lines(lambda: complete(line, len(line), sources))

    assert texts("block-strea") == ["block-stream "]
    assert 2 * work("block-strea") < work("")


def test_mistake_in_event_member_needs_no_tab() -> None:
    """Scripts and subcommands report it too."""
    mistake = find_event_mistake(schema("10"), "JOB_STATUS_CHANGE", "status=nope")
    assert mistake == "status takes one of 11 values, not 'nope'"
