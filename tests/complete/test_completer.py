"""Completions of QMP lines, with the schemas of real servers."""

from __future__ import annotations

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
    find_target,
    logical_line,
    rank,
)
from qmpshell.language import tokenize, tokens as t
from qmpshell.qmp import DEVICE_DRIVER, DEVICE_PROPERTY, QOM_CHILD
from qmpshell.session import COMMANDS
from tests.harness.completion import LINES, FakeLive, files, known
from tests.harness.schemas import ALL, SYSTEMS, schema

KNOWN = {server: known(server) for server in ALL}
NOTHING = CompletionSources()
AGENT = CompletionSources(
    names=["guest-file-seek", "guest-exec", "guest-ping"], shell_commands=COMMANDS
)


def offered(
    line: str, server: str = "10", knows: CompletionSources | None = None
) -> list[Candidate]:
    """Return the candidates at the `|`, or at the end of the line."""
    cursor = line.find("|")
    text = line if cursor < 0 else line.replace("|", "", 1)
    return complete(text, len(text) if cursor < 0 else cursor, knows or KNOWN[server])


def texts(line: str, server: str = "10", knows: CompletionSources | None = None) -> list[str]:
    return [one.text for one in offered(line, server, knows)]


# -- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    ("line", "first"),
    [
        # Commands.
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
        ("blockdev-add driver=qcow2 ", ["file=", "file.", "node-name="]),
        ("blockdev-add | driver=qcow2", ["file=", "file.", "node-name="]),
        ("blockdev-add driver=qcow2 file.driver=file ", ["file.filename=", "node-name="]),
        ("blockdev-add file.driver=file fil", ["file.filename=", "file."]),
        ("blockdev-add driver=qcow2 file.driver=file file.", ["filename=", "node-name="]),
        ("blockdev-add driver=qcow2 file.dr", ["driver="]),
        ("blockdev-add driver=nbd server.", ["type="]),
        ("blockdev-add server.type=inet driver=nbd server.", ["host=", "port=", "numeric="]),
        ("chardev-add ba", ["backend.", "backend="]),
        ("chardev-add id=c backend.type=socket ", ["backend.data.", "backend.data="]),
        (
            "chardev-add backend.type=socket backend.data.addr.type=inet backend.data.addr.data.",
            ["host=", "port="],
        ),
        ("object-add qom-type=thro", ["throttle-group "]),
        ("object-add qom-type=secret ", ["id="]),
        ("netdev_add type=user hostn", ["hostname="]),
        # Arrays.
        ("blockdev-reopen opt", ["options.0.", "options="]),
        (
            "blockdev-reopen options.0.driver=raw opt",
            ["options.0.file=", "options.0.file.", "options.0.", "options.1."],
        ),
        ("blockdev-reopen options.0.driver=raw options.", ["0.", "1."]),
        ("send-key ", ["keys.0.", "keys="]),
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
        # What is there already.
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
        ('blockdev-add {"driver": "qcow2", ', ['"file": ', '"node-name": ']),
        ('blockdev-add {| "driver": "qcow2"}', ['"file": ', '"node-name": ']),
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
        ("transaction( abort ) pro", ["properties.", "properties="]),
        ("transaction( abort ) properties.completion-mode=", ["individual", "grouped"]),
        ("transaction(\n abort\n blockdev-snap", ["blockdev-snapshot "]),
        # Local commands.
        ("/wa", ["/wait ", "/wait-job "]),
        ("/qu", ["/quit"]),
        ("/wait job", ["JOB_STATUS_CHANGE"]),
        ("/wait -", ["-t "]),
        ("/wait -t 5 JOB_STATUS_CHANGE ", ["id=", "status="]),
        ("/wait JOB_STATUS_CHANGE status=conc", ["concluded"]),
        ("/wait-job ", ["job0", "job1"]),
        ("/wait-job -t 5 ", ["job0", "job1"]),
        ("/help block-str", ["block-stream"]),
        ("/help /wai", ["/wait", "/wait-job"]),
        ("/help JOB_ST", ["JOB_STATUS_CHANGE"]),
        ("/oob migrate-", ["migrate-pause", "migrate-recover "]),
        ("/oob migrate-recover ", ["uri="]),
        ("/events inl", ["inline"]),
        ("/events lis", ["list"]),
        ("/events -STO", ["STOP"]),
        ("/events list RES", ["RESET", "RESUME"]),
        ("/jobs ", ["-t "]),
        ("/watch -n 5 -", ["-c "]),
        ("/watch -c 3 -n 1 query-sta", ["query-stats ", "query-stats-schemas ", "query-status"]),
        ("/events STOP,RES", ["RESET", "RESUME"]),
        ("/set co", ["color=", "confirm="]),
        ("/set color=", ["auto", "always", "never"]),
        ("/set color=always editing=v", ["vi"]),
        ("/set confirm=quit,system_res", ["system_reset"]),
        ("/log o", ["off"]),
        ("/source /images/", ["/images/disk.img"]),
        ('/source "/images/d', ['"/images/disk.img"']),
        ("/connect im", ["images/"]),
        ("/keyval ", ["blockdev ", "blockdev-add ", "chardev-add "]),
        ("/keyval blockdev qcow2,", ["file=", "file.", "node-name="]),
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
        # What the schema leaves open.
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
        # Nothing.
        ("/hmp inf", []),
        ("# query-st", []),
        ("stop # query-st", []),
        ("query-block | le", []),
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
def test_what_is_offered_first(server: str, line: str, first: list[str]) -> None:
    found = texts(line, server)
    if not line.endswith(("=", ":")) and "=" not in line.rpartition(" ")[2]:
        assert found[: len(first)] == first if first else not found
    else:  # whether a blank follows a value is not the table's affair
        stripped = [one.rstrip(" ") for one in found[: len(first)]]
        assert stripped == [one.rstrip(" ") for one in first] if first else not found


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("block-stream device=disk", "disk0 "),
        ("blockdev-mirror sync=fu", "full "),
        ("blockdev-mirror sync=fu|", "full "),
        ("blockdev-mirror sync=fu| device=disk0", "full"),  # there is one
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
def test_a_blank_follows_a_value_that_is_whole(line: str, text: str) -> None:
    found = texts(line)
    assert not text or found[0] == text


@pytest.mark.parametrize(
    ("line", "text", "after"),
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
def test_completion_replaces_rest_of_name(line: str, text: str, after: int) -> None:
    first = offered(line)[0]
    assert (first.text, first.after) == (text.rpartition(".")[2], after)


@pytest.mark.parametrize(
    "line",
    [
        "block-stream |device=x",  # the cursor is before another one
        "block-stream device=x |",
        'blockdev-add driver="qc|ow2"',
        '{"exec|ute": "stop"}',
    ],
)
def test_nothing_else_behind_the_cursor_is_touched(line: str) -> None:
    assert all(one.after == 0 for one in offered(line))


@pytest.mark.parametrize("server", SYSTEMS)
def test_initials_that_match_one_name(server: str) -> None:
    assert texts("qnbn", server) == ["query-named-block-nodes "]


@pytest.mark.parametrize("server", SYSTEMS)
def test_behind_exact_beginnings_stand_no_strangers(server: str) -> None:
    found = [one.strip() for one in texts("query-st", server)]
    assert found[:3] == ["query-stats", "query-stats-schemas", "query-status"]
    assert all("-st" in one for one in found)
    assert "query-sev-attestation-report" in [one.strip() for one in texts("qsevst", server)]
    # Three letters are too few to tell.
    assert "query-block" in [one.strip() for one in texts("blo", server)]


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    "line", ["blockdev-create options.driver=", 'blockdev-create {"options": {"driver": "']
)
def test_drivers_that_create_images_come_first(server: str, line: str) -> None:
    found = [one.strip('" ') for one in texts(line, server)]
    first = found.index("blkdebug")
    creating = {"file", "luks", "nfs", "parallels", "qcow", "qcow2", "vdi", "vhdx", "vmdk", "vpc"}
    assert creating <= set(found[:first])
    assert {"null-co", "nbd", "raw", "quorum"} <= set(found[first:])


def test_dotted_key_completes_an_object() -> None:
    metas = {one.text: one.meta for one in offered("blockdev-add driver=raw file")}
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
        ("/quit", "leave the shell; the server continues"),
        ("blockdev-add driver=file filename=/images/d", "file"),
    ],
)
def test_what_the_menu_says(line: str, meta: str) -> None:
    assert offered(line)[0].meta == meta


def test_what_is_given_is_left_out() -> None:
    found = texts("block-stream device=x speed=5 ")
    assert not {"device=", "speed="} & set(found)
    assert "cache=" not in texts("blockdev-add driver=raw cache.direct=on ")
    assert "cache." in texts("blockdev-add driver=raw cache.direct=on ")
    assert not [one for one in texts("blockdev-add cache={} ") if one.startswith("cache")]


def test_what_is_deprecated_or_unstable_comes_last() -> None:
    names = [one.text.strip() for one in offered("block")]
    all_names = [one.text.strip() for one in offered("")]
    assert "drive-backup" in all_names[-60:]
    assert names[0] == "block-commit"
    tail = all_names[all_names.index("drive-backup") :]
    assert not {"block-stream", "quit"} & set(tail)
    assert texts("x-query-ji")[0] == "x-query-jit"


def test_empty_line_offers_server_and_shell_commands() -> None:
    found = {one.strip() for one in texts("")}
    assert set(schema("10").commands()) <= found
    assert set(COMMANDS) <= found


def test_commands_come_from_the_server() -> None:
    some = CompletionSources(schema=schema("10"), names=["stop", "cont", "not-in-schema"])
    assert texts("", knows=some)[:2] == ["cont", "stop"]
    assert texts("not-in", knows=some) == []
    no_schema = CompletionSources(names=["stop", "cont"])
    assert texts("sto", knows=no_schema) == ["stop "]
    some.names = ["quit"]
    assert texts("qui", knows=some) == ["quit"]
    some.schema = schema("7.2")
    assert texts("quit ", knows=some) == []


def test_style_search_runs_once_when_needed() -> None:
    asked = []

    def find() -> Sequence[str]:
        asked.append("styles")
        return ["zenburn", "monokai"]

    knows = CompletionSources(styles=find, shell_commands=COMMANDS)
    assert texts("/set color=", knows=knows) == ["auto", "always", "never"]
    assert not asked
    everything = ["auto", "dark", "light", "monokai", "zenburn"]
    assert texts("/set style=", knows=knows) == texts("/set style=", knows=knows) == everything
    assert texts("/set style=mono", knows=knows) == ["monokai"]
    assert asked == ["styles"]
    assert texts("/set style=", knows=NOTHING) == ["auto", "dark", "light"]


def test_many_file_names_are_sorted() -> None:
    listed = [(f"f{number}", "file") for number in range(5000, 0, -1)]
    many = CompletionSources(files=lambda _typed: listed, shell_commands=COMMANDS)
    few = CompletionSources(files=lambda _typed: listed[-20:], shell_commands=COMMANDS)
    assert texts("/source f", knows=few)[:2] == ["f1", "f2"]
    assert texts("/source f", knows=many) == sorted(name for name, _ in listed)


def test_the_agent_completes_from_data_of_ours() -> None:
    assert texts("guest-p", knows=AGENT) == ["guest-ping"]
    assert texts("guest-file-seek ", knows=AGENT) == ["handle=", "offset=", "whence="]
    assert texts("guest-file-seek handle=1 offset=0 whence=c", knows=AGENT) == ["cur "]
    assert texts("guest-exec path=x capture-output=tr", knows=AGENT)[0] == "true "


def test_the_storage_daemon_has_its_own_commands() -> None:
    assert texts("device_ad", "storage-daemon-10") == []
    assert texts("blockdev-add driver=qcow2 file.dr", "storage-daemon-7.2") == ["driver="]


# -- live names -----------------------------------------------------------------------------------


class Names:
    """Of every kind the same names, which need quotes."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def peek(self, _want: NameQuery) -> Sequence[LiveName]:
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
def test_quoted_name_reads_back_equal(name: str, quote: str) -> None:
    from qmpshell.language import Introspection, evaluate_line, no_file

    if any(0xD800 <= ord(char) < 0xE000 for char in name):
        return
    knows = CompletionSources(schema=schema("10"), live=Names([name]))
    introspection = Introspection(read_file=no_file, schema=schema("10"))
    for line, member in (
        ("block-stream device=", "device"),
        ("blockdev-add driver=qcow2 file=x backing=", "backing"),
    ):
        typed = line + quote
        found = [one for one in complete(typed, len(typed), knows) if one.text.strip() != "{"]
        mine = [one for one in found if one.text.strip() not in ("null",) or member == "device"]
        whole = typed[: len(typed) + mine[0].start] + mine[0].text
        plan = evaluate_line(whole, introspection)
        actions = getattr(plan, "actions")  # noqa: B009
        assert actions[0].arguments[member] == name


def test_reading_an_unknown_answer_queues_a_query() -> None:
    asked = FakeLive()
    knows = CompletionSources(schema=schema("10"), live=asked)
    complete("qom-get path=/machine/", 22, knows)
    assert asked.asked == [NameQuery(QOM_CHILD, "/machine")]
    assert complete("blockdev-del node-name=zzz", 26, knows) == []


def test_partial_driver_name_is_not_queried() -> None:
    asked = FakeLive()
    knows = CompletionSources(schema=schema("10"), live=asked)
    for line in ("device_add driver=e1000", "device_add id=x driver=e10"):
        complete(line, len(line), knows)
        describe(line, len(line), knows)
    assert {one.kind for one in asked.asked} == {DEVICE_DRIVER}
    complete("device_add driver=e1000 ", 24, knows)
    assert asked.asked[-1] == NameQuery(DEVICE_PROPERTY, "e1000")


def test_without_live_names_nothing_is_asked() -> None:
    knows = CompletionSources(schema=schema("10"), files=files)
    assert texts("blockdev-del node-name=", knows=knows) == []
    assert texts("device_add driver=x ", knows=knows) == ["bus=", "id="]


# -- every position of real lines -----------------------------------------------------------------


def is_next(line: str, cursor: int, one: Candidate) -> bool:
    """Return True if a candidate continues the text at the cursor."""
    made = (line[: cursor + one.start] + one.text).rstrip(" ")
    is_same = line.startswith(made) or line.replace(":=", "=").startswith(made)
    return is_same and len(made) >= cursor


def known_places(server: str, line: str) -> list[int]:
    """Return the positions whose continuation the schema determines.

    They are in names of commands and members, and in values from a list.
    """
    knows = KNOWN[server]
    places = []
    for cursor in range(len(line)):
        for slot in find_target(line, cursor).slots:
            if slot.kind == KEY and slot.text and slot.call is not None:
                shapes = knows.shapes_of(slot.call.name)
                holder = slot.call.root.at(slot.path)
                kind = shapes.of_call(slot.call) if shapes is not None else ""
                assert shapes is not None
                members = shapes.members(
                    shapes.compound(shapes.at(kind, slot.call.root, slot.path)), holder
                )
                # What is below a value of any type is known to nobody.
                member = members.get(slot.own)
                if member is not None and shapes.schema.kind(member.type) != "any":
                    places.append(cursor)
            elif slot.kind == VALUE and slot.call is not None and cursor > slot.start:
                shapes = knows.shapes_of(slot.call.name)
                assert shapes is not None
                kind = shapes.at(shapes.of_call(slot.call), slot.call.root, slot.path)
                if shapes.schema.kind(kind) in ("enum", "boolean") and not slot.closed:
                    places.append(cursor)
            elif slot.kind == COMMAND and slot.text and not line.startswith("guest-"):
                places.append(cursor)
    return places


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize("line", LINES)
def test_what_really_follows_is_offered(server: str, line: str) -> None:
    places = known_places(server, line)
    assert places or line.startswith(("/", "guest-"))
    for cursor in places:
        # With all of the line there, as when one corrects it.
        assert any(is_next(line, cursor, one) for one in complete(line, cursor, KNOWN[server])), (
            line[:cursor]
        )


# Before the outer discriminator is given, or in a pasted prompt, there is nothing to offer.
TYPED = [
    line
    for line in LINES
    if not line.startswith(("(QEMU)", "guest-", "blockdev-add file.driver=file"))
]


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize("line", TYPED)
def test_line_completes_from_left_to_right(server: str, line: str) -> None:
    for token in tokenize(line):
        if token.kind in (t.KEY, t.NAME, t.LOCAL, t.OPEN):
            found = complete(line[: token.start], token.start, KNOWN[server])
            # Each of them adds at least one character, at the beginning of the word.
            assert any(
                is_next(line, token.start, one) and one.text for one in found if one.start == 0
            ), line[: token.start]


@pytest.mark.parametrize("server", ["10", "storage-daemon-7.2", "nothing", "agent"])
def test_no_position_of_a_real_line_fails(server: str) -> None:
    knows = {**KNOWN, "nothing": NOTHING, "agent": AGENT}[server]
    for line in LINES:
        for cursor in range(len(line) + 1):
            # Half typed, and typed into: that differs only in what is known already.
            for text in (line[:cursor], line) if server == "10" else (line[:cursor],):
                for one in complete(text, cursor, knows):
                    assert one.text
                    assert -cursor <= one.start <= 0
                    assert "\n" not in one.meta
                describe(text, cursor, knows)


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
def test_no_text_fails(text: str, data: st.DataObject | None) -> None:
    cursor = len(text) if data is None else data.draw(st.integers(0, len(text)))
    line, place = logical_line(text, cursor)
    assert 0 <= place <= len(line)
    for one in complete(line, place, KNOWN["10"]):
        assert -place <= one.start <= 0
    signature = describe(line, place, KNOWN["10"])
    assert signature is None or signature.current is None or signature.parts[signature.current]


def test_a_huge_line_is_not_looked_at() -> None:
    assert complete("block-stream device=" + "x" * 100_000, 5, KNOWN["10"]) == []


# -- lines of several lines -----------------------------------------------------------------------


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
def test_the_logical_line_of_a_text(text: str, expected: str) -> None:
    cursor = max(text.find("|"), 0)
    line, place = logical_line(text.replace("|", ""), cursor)
    assert f"{line[:place]}|{line[place:]}" == expected


def test_long_name_is_ranked_quickly(count_lines: Callable[..., int]) -> None:
    """Names are the server's, or the file system's."""
    short, long = (
        count_lines(lambda words=words: rank("a" * 30, "a-" * words + "b")) for words in (200, 800)
    )
    assert long < 6 * short + 1000
