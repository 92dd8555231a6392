"""Tests of the signature of the command at the cursor, and of its warnings."""

from __future__ import annotations

import pytest

from qmpshell.complete import CURRENT, GIVEN, REQUIRED, CompletionSources, Signature, describe
from qmpshell.errors import LineError
from qmpshell.language import Introspection, evaluate_line, parse
from qmpshell.session import COMMANDS, find_mistake
from tests.harness.completion import LINES, known
from tests.harness.evaluation import no_file
from tests.harness.schemas import SYSTEMS, schema

SOURCES = {server: known(server) for server in SYSTEMS}


def signature_at(
    line: str, server: str = "10", sources: CompletionSources | None = None
) -> Signature:
    """Return the signature at the `|`, or at the end of the line."""
    cursor = line.find("|")
    text = line if cursor < 0 else line.replace("|", "", 1)
    found = describe(text, len(text) if cursor < 0 else cursor, sources or SOURCES[server])
    assert found is not None
    return found


def styles(signature: Signature) -> dict[str, str]:
    """Return the style of each argument's name."""
    marked = {}
    for part in signature.parts[1:]:
        style, name = next(piece for piece in part if piece[0] != "mark")
        marked[name] = style
    return marked


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ("block-stream ", "block-stream device: str [job-id: str] [base: str]"),
        ("|block-stream speed=1", "block-stream device: str [job-id: str] [base: str]"),
        ("bl|ock-stream speed=1", "block-stream device: str [job-id: str] [base: str]"),
        ("blockdev-add ", "blockdev-add driver: blkdebug|blklogwrites|… node-name: str [discard"),
        (
            "blockdev-add driver=qcow2 ",
            "blockdev-add driver: blkdebug|blklogwrites|… node-name: str file: node or {…} [",
        ),
        (
            "blockdev-add node-name=n driver=qcow2 file.driver=file file.x",
            "blockdev-add file. driver: ",
        ),
        ("set_link ", "set_link name: str up: bool"),
        ('{"execute": "set_link", "arguments": {', "set_link name: str up: bool"),
        ("transaction( block-dirty-bitmap-add ", "block-dirty-bitmap-add node: str name: str"),
        ("/wait JOB_STATUS_CHANGE ", "JOB_STATUS_CHANGE [id: str] [status: "),
        ("/oob migrate-recover ", "migrate-recover uri: str"),
        ("/keyval blockdev raw,node-name=n,", "blockdev-add driver: "),
        (
            "device_add driver=e1000 ",
            "device_add driver: str [bus: str] [id: str] [PROPERTY=VALUE…]",
        ),
        ("guest-exec ", "guest-exec path: str"),
        ("query-status ", "query-status"),
        ("migrate-set-capabilities capabilities.0.", "migrate-set-capabilities capabilities.0. "),
    ],
)
def test_signature_shows_arguments_with_types(server: str, line: str, begins: str) -> None:
    assert signature_at(line, server).text.startswith(begins)


@pytest.mark.parametrize(
    ("line", "current"),
    [
        ("block-stream de|vice=x", "device"),
        ("block-stream device=|x", "device"),
        ("block-stream on-error=st|", "on-error"),
        ("block-stream device=x |", None),
        ("blockdev-add node-name=n driver=raw file.driver=fi|", "driver"),
        ('blockdev-add {"node-name":"n","driver": "raw", "file": |', "file"),
        (
            'blockdev-add {"node-name":"n","driver": "raw", "file": {"driver": "file", "filename": "x|',
            "filename",
        ),
        ("/keyval blockdev raw,node-name=n,file=x|", "file"),
    ],
)
def test_signature_marks_the_current_argument(line: str, current: str | None) -> None:
    signature = signature_at(line)
    found = [name for name, style in styles(signature).items() if style == CURRENT]
    assert found == ([current] if current else [])
    if current is not None:
        assert signature.current is not None
        assert (CURRENT, current) in signature.parts[signature.current]
    else:
        assert signature.current is None


def test_signature_marks_given_and_required_arguments() -> None:
    marked = styles(signature_at("block-stream speed=5 "))
    assert marked["speed"] == GIVEN
    assert marked["device"] == REQUIRED


@pytest.mark.parametrize(
    "line", ["", "block-st", "block-stream", "/quit", "# x", "/hmp info x", "x "]
)
def test_line_without_command_has_no_signature(line: str) -> None:
    found = describe(line, len(line), SOURCES["10"])
    assert found is None or not found.parts


def test_missing_schema_gives_no_signature() -> None:
    assert describe("block-stream x", 14, CompletionSources()) is None


# -- warnings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        ("block-stream ", []),
        ("block-stream speed=5 ", ["missing: device"]),
        ("blockdev-mirror job-id=x ", ["missing: device, target, sync"]),
        ("block-streem ", ["the server has no command 'block-streem': did you mean block-stream?"]),
        ("qwertzuiop ", ["the server has no command 'qwertzuiop'"]),
        ("/wait JOB_STATUS_CHANG ", ["the server has no event 'JOB_STATUS_CHANG': "
                                     "did you mean JOB_STATUS_CHANGE?"]),
        ("/wait 'JOB_*,STPO' ", ["the server has no event 'STPO': did you mean STOP?"]),
        ("transaction( abrot ", ["the server has no action of a transaction 'abrot': "
                                 "did you mean abort?"]),
        ("block-stream device=x devcie=y ", ["block-stream has no argument 'devcie': did you mean device?"]),
        ("block-stream device=x devcie", []),
        ("block-stream device=x speed=fast ", [
            "speed takes a whole number, such as 5, 0x1f or 64k, not 'fast'"
            "; use := to send any JSON value"]),
        ("block-stream device=x speed=6", []),
        ("block-stream device=x speed=", []),
        ("block-stream device=x on-error=re", []),
        ("block-stream device=x on-error=re ", [
            "on-error takes report|ignore|enospc|stop|auto, not 're'"]),
        ("block-stream device=x on-error=rx", [
            "on-error takes report|ignore|enospc|stop|auto, not 'rx'"]),
        ("set_link name=x up=o", []),
        ("set_link name=x up=maybe ", ["up takes on or off, true or false, yes or no, not 'maybe'; use := to send any JSON value"]),
        ("blockdev-add node-name=n ", ["missing: driver, which selects the other members"]),
        ("blockdev-add driver=qcow2 ", ["missing: file, node-name"]),
        ('{"execute": "blockdev-add", "arguments": {"driver": "null-co"}}', ["missing: node-name"]),
        ("blockdev-add node-name=n driver=qcow2 file.driver=file ", ["missing: file.filename"]),
        ("blockdev-add node-name=n driver=qcow2 file.driver=file file.filename=x ", []),
        ("blockdev-add node-name=n driver=qcow2 file=x backing=null ", []),
        ("blockdev-add node-name=n driver=qcow2 file=x backing=null file=y ", ["file occurs twice"]),
        ("block-stream device=x device.y=z ", ["device has both a value and members"]),
        ("block-stream device=x y ", ["block-stream has no argument 'y'; expected KEY=VALUE; quote a value that contains blanks"]),
        ("block-stream device={} ", []),  # the text {}
        ("block-stream device:={} ", ["device takes text"]),
        ('block-stream {"device": 5} ', ["device must be text, in quotes"]),
        ('{"execute": "block-stream", "arguments": {"device": "x", "speed": "5x"}}|', [
            "speed takes a whole number, without quotes"]),
        ("blockdev-add node-name=n driver=raw file=x cache=x ", ["cache takes members, as in KEY.MEMBER=VALUE, or {…}, not 'x'; use := to send any JSON value"]),
        ("transaction( block-dirty-bitmap-add node=x ", ["missing: name"]),
        ("transaction( abort ) properties.completion-mode=grouped ", []),
        ("drive-backup ", ["drive-backup is deprecated"]),
        ("device_add driver=e1000 nonesuch=1 ", ["device_add has no argument 'nonesuch'"]),
        ("device_add driver=e1000 disable-modrn=1 ", [
            "device_add has no argument 'disable-modrn': did you mean disable-modern?"]),
        ("device_add id=x ", ["missing: driver"]),
        ("object-add qom-type=secret id=x data=@? ", []),
        ("guest-exec arg.0=x ", ["missing: path"]),
        ("/type naïve ", ["a US keyboard has no key for ï; /key presses keys by name"]),
        ("/screen a b ", ["/screen takes one word; quote it if it contains blanks; usage: /screen [-v] [FILE]"]),
    ],
)  # fmt: skip
def test_line_errors_give_warnings(server: str, line: str, warnings: list[str]) -> None:
    if server == "7.2" and line.startswith("drive-backup"):
        # Deprecated since 6.2, but not marked in the schema.
        warnings = signature_at(line, server).warnings
    assert signature_at(line, server).warnings == warnings


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        ('{"execute":"block-stream","arguments":{"speed":"7","device":"x"}}', [
            "speed takes a whole number, without quotes"]),
        ('block-stream {"device":"x","speed":"7"}', ["speed takes a whole number, without quotes"]),
        ('block-stream {"device":"x","speed":"7|', ["speed takes a whole number, without quotes"]),
        ('block-stream {"device":"x","speed":1.5} ', ["speed takes a whole number, not 1.5"]),
        ('block-stream {"device":"x","speed":64k} ', ["speed takes a whole number, not 64k"]),
        ('block-stream {"device":"x","speed":1e3} ', ["speed takes a whole number, not 1e3"]),
        ('block-stream {"device":"x","speed":null} ', ["speed takes a whole number, not null"]),
        ('block-stream {"device":"x","auto-dismiss":"on"} ', [
            "auto-dismiss takes true or false, without quotes"]),
        ('block-stream {"device":"x","auto-dismiss":1} ', [
            "auto-dismiss takes true or false, not 1"]),
        ('block-stream {"device":"x","on-error":stop} ', ["on-error must be text, in quotes"]),
        ('migrate-set-capabilities capabilities=[{"capability":"xbzrle","state":"on"}] ', [
            "capabilities.0.state takes true or false, without quotes"]),
        ('blockdev-add node-name=n driver=raw file={"driver":"null-co","size":"5"} ', [
            "file.size takes a whole number, without quotes"]),
        ('blockdev-add {"node-name":"n","driver":"raw","file":5} ', ["file takes node or {…}, not 5"]),
        ('blockdev-add {"node-name":"n","driver":"raw","file":["x"]} ', ["file takes node or {…}, not […]"]),
        ('blockdev-add {"node-name":"n","driver":"qcow2","file":"x","backing":true} ', [
            "backing takes node or null or {…}, not true"]),
        ('migrate-set-parameters {"tls-creds":{}} ', ["tls-creds takes str or null, not {…}"]),
        ('block-stream device=x speed:="7" ', ["speed takes a whole number, without quotes"]),
        ("block-stream device=x auto-dismiss:='on' ", [
            "auto-dismiss takes true or false, without quotes"]),
        ('block-stream {"device":["x"]} ', ["device takes text"]),
        ('blockdev-add {"node-name":"n","driver":"raw","file":"x","cache":"y"} ', ["cache takes {…}"]),
        ("block-stream device=x on-error={} ", [
            "on-error takes report|ignore|enospc|stop|auto, not '{}'"]),
    ],
)  # fmt: skip
def test_wrong_type_in_json_gives_warning(server: str, line: str, warnings: list[str]) -> None:
    assert signature_at(line, server).warnings == warnings


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    "line",
    [
        'block-stream device=x speed="7" ',
        "block-stream device=x speed='7' auto-dismiss=\"on\" ",
        "block-stream device=x speed:=7 auto-dismiss:=True ",
        'block-stream {"device":"x","speed":-7,"auto-dismiss":True} ',
        'block-stream {"device":"x","speed":1|',
        'block-stream {"device":"x","auto-dismiss":tr|',
        'block-stream {"device":"x","on-error":"st|',
        "block-stream device=[1] ",
        'blockdev-add node-name=n driver=raw file=["x"] ',
        'blockdev-add {"node-name":"n","driver":"qcow2","file":"x","backing":null} ',
        "blockdev-add {'node-name':'n','driver':'qcow2','file':'x','backing':None,'overlap-check':'none'} ",
        "migrate-set-parameters tls-creds={} ",
        'migrate-set-parameters {"tls-creds":null} ',
    ],
)
def test_valid_values_give_no_warning(server: str, line: str) -> None:
    assert signature_at(line, server).warnings == []


@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        ("device_add driver=e1000 disable-modern=maybe ", [
            "disable-modern takes on or off, true or false, yes or no, not 'maybe'"]),
        ("device_add driver=e1000 bootindex=foo ", [
            "bootindex takes a whole number, such as 5, 0x1f or 64k, not 'foo'"]),
        ('device_add {"driver":"e1000","bootindex":true} ', [
            "bootindex takes a whole number, not true"]),
        ('device_add {"driver":"e1000","bootindex":"foo"} ', [
            "bootindex takes a whole number, without quotes"]),
        ("qom-set path=/machine/unattached property=size value=foo ", [
            "value takes a whole number, such as 5, 0x1f or 64k, not 'foo'"]),
        ('qom-set {"path":"/machine/unattached","property":"size","value":"5"} ', [
            "value takes a whole number, without quotes"]),
        ("qom-set path=/machine/unattached property=realized value:=1 ", [
            "value takes true or false, not 1"]),
        ("device_add driver=e1000 disable-modern=ma|", [
            "disable-modern takes on or off, true or false, yes or no, not 'ma'"]),
        ("device_add driver=e1000 disable-modern=o|", []),
        ("device_add driver=e1000 rerror=never ", ["rerror takes report|on|auto, not 'never'"]),
        ("device_add driver=e1000 rerror=re|", []),
        ("device_add driver=e1000 rerror=rx|", ["rerror takes report|on|auto, not 'rx'"]),
        ("device_add driver=e1000 rerror='auto' ", []),
        ("device_add driver=e1000 disable-modern=y ", []),  # QEMU 7.2 accepts it
        ("device_add driver=e1000 bootindex=0x1f ", []),
        ("device_add driver=e1000 bootindex=-1 ", []),
        ("device_add driver=e1000 bootindex=64k ", []),
        ("device_add driver=e1000 addr=5.0 ", []),
        ("device_add driver=e1000 mac=on ", []),
        ('device_add {"driver":"e1000","bootindex":"5"} ', []),  # QEMU 7.2 accepts it
        ('device_add {"driver":"e1000","bootindex":5} ', []),
        ("qom-set path=/machine/unattached property=size value=64k ", []),
        ("qom-set path=/machine/unattached property=realized value=on ", []),
        ("qom-set path=/machine/unattached property=realized value=y ", [
            "value takes on or off, true or false, yes or no, not 'y'"]),
        ("qom-set path=/machine/unattached property=nonesuch value=x ", []),
    ],
)  # fmt: skip
def test_property_values_are_checked_with_live_types(line: str, warnings: list[str]) -> None:
    assert signature_at(line).warnings == warnings


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        ("block-stream device=x on-error=foo ", [
            "on-error takes report|ignore|enospc|stop|auto, not 'foo'"]),
        ("blockdev-add node-name=n driver=qcwo2 ", [
            "driver takes one of {} values, not 'qcwo2': did you mean qcow2?"]),
        ("blockdev-add node-name=n driver=foo ", ["driver takes one of {} values, not 'foo': Tab shows the list"]),
    ],
)  # fmt: skip
def test_invalid_enum_value_suggests_valid_values(
    server: str, line: str, warnings: list[str]
) -> None:
    found = known(server).schema
    assert found is not None
    info = found.command("blockdev-add")
    member = found.members(info.arg_type if info else "", lambda _tag: None)["driver"]
    count = len(found.enum_values(member.type))
    assert signature_at(line, server).warnings == [warning.format(count) for warning in warnings]


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        ('{"execute":"block-stream"}', ["missing: device"]),
        ('{"execute":"block-stream","arguments":{}}', ["missing: device"]),
        ('{"execute":"block-stream","arguments":{}', []),
        ('{"execute":"block-stream"', []),
        ("block-stream {}", ["missing: device"]),
        ("block-stream {", []),
        ("block-stream ; query-status ", ["block-stream: missing: device"]),
        ("block-stream; query-status ", ["block-stream: missing: device"]),
        ("block-stream ¦; query-status ", []),
        ("¦block-stream base=x", ["missing: device"]),
        ("blo¦ck-stream base=x", ["missing: device"]),
        ("blo¦k-stream a=x", ["the server has no command 'blok-stream': did you mean block-stream?"]),
        ("stop ; ¦block-stream x", [
            "block-stream has no argument 'x'; expected KEY=VALUE: did you mean device=x?"]),
        ('¦{"execute":"block-stream","arguments":{"x":1}}', [
            "block-stream has no argument 'x'", "missing: device"]),
        ('stop ; ¦{"execute":nan}', ["expected a value, not 'nan'"]),
        ("query-status ; blok¦", []),
        ("query-status¦ ; block-stream ", ["block-stream: missing: device"]),
        ("block-stream base=x | jq .", ["block-stream: missing: device"]),
        ("block-stream base=x > /tmp/x", ["block-stream: missing: device"]),
        ("block-stream base=x # why", ["block-stream: missing: device"]),
        ("block-stream ; drive-backup ", [
            "block-stream: missing: device", "drive-backup is deprecated"]),
        ("blok-stream ; blockdev-mirror job-id=x ", [
            "the server has no command 'blok-stream': did you mean block-stream?",
            "missing: device, target, sync"]),
        ("block-stream device=x speed=fast ; block-stream speed=x ", [
            "speed takes a whole number, such as 5, 0x1f or 64k, not 'fast'; use := to send any JSON value",
            "speed takes a whole number, such as 5, 0x1f or 64k, not 'x'; use := to send any JSON value",
            "missing: device"]),
        ("transaction( blockdev-backup job-id=b0 device=A ; block-dirty-bitmap-add node=A ", [
            "blockdev-backup: missing: sync, target", "missing: name"]),
        ("transaction( blockdev-backup job-id=b0 device=A ; abort )", [
            "blockdev-backup: missing: sync, target"]),
        ("transaction( blockdev-backup job-id=b0 device=A ) properties.completion-mode=grouped ", [
            "blockdev-backup: missing: sync, target"]),
        ("transaction(\nblockdev-backup job-id=b0 device=A\nabort\n)", [
            "blockdev-backup: missing: sync, target"]),
        ("/oob migrate-recover ; stop ", ["migrate-recover: missing: uri"]),
        ("/keyval blockdev qcow2 ; stop ", ["blockdev-add: missing: file, node-name"]),
        ("/wait JOB_STATUS_CHANGE ; stop ", []),
        ("transaction( abort ; block-dirty-bitmap-add node=x name=y ) ; stop ", []),
        ("exit ", []),
        ("exit x=1 ", ["the server has no command 'exit'"]),
        ("foo ; foo ; stop ", ["the server has no command 'foo'"]),
        ("(QEMU) block-stream ; stop ", ["block-stream: missing: device"]),
        ('{"execute":"stop","argument":{}}', [
            "a command in JSON has no member 'argument': did you mean arguments?"]),
        ('{"execute":"stop","bla":3}', ["a command in JSON has no member 'bla'"]),
        ('{"execute":"stop","bla', []),
        ('{"execute":5}', ["execute must be text, in quotes"]),
        ('{"execute":"stop","arguments":[1]}', ["arguments takes {…}"]),
        ('{"arguments":{}}', ["missing: execute"]),
        ('{"arguments":{}', []),
        ('{"execute":"stop","id":{"a":[1]}}', []),
        ('{"exec-oob":"migrate-pause","id":1}', []),
    ],
)  # fmt: skip
def test_every_command_of_line_is_checked(server: str, line: str, warnings: list[str]) -> None:
    cursor = line.find("¦")
    text = line.replace("¦", "", 1)
    found = describe(text, len(text) if cursor < 0 else cursor, SOURCES[server])
    actual = found.warnings if found is not None else []
    assert actual == warnings


@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        ("/nosuch ", ["unknown shell command /nosuch; /help shows the list"]),
        ("/wach ", ["unknown shell command /wach: did you mean /watch?"]),
        ("/wach", []),
        ("/set nosuch=1 ", ["unknown setting nosuch; /set shows the list"]),
        ("/set nosuch=1", ["unknown setting nosuch; /set shows the list"]),
        ("/set nosuch", []),
        ("/set fold=abc ", ["fold cannot be 'abc': it must be a number of lines, 0 for all"]),
        ("/watch -n x stop", [
            "'x' is not a number of seconds; usage: {}"]),
        ("/watch -n x", []),
        ("/watch -n ", []),
        ("/watch ", []),
        ("/watch ; stop ", ["the command to watch is missing; usage: {}"]),
        ("/keyval blockdev raw,node-name=n,file=y,x ; stop ", [
            "= must follow 'x'; x=on, if x is a boolean argument; write ,, for a comma within a value"]),
        ("/watch block-streem device=x ", [
            "the server has no command 'block-streem': did you mean block-stream?"]),
        ("/wait-job ", []),
        ("/help block-stream devise", []),
        ("/help block-stream devise ", []),
        ("/set color=always editing=", []),
    ],
)  # fmt: skip
def test_shell_commands_are_checked(line: str, warnings: list[str]) -> None:
    found = describe(line, len(line), SOURCES["10"])
    actual = found.warnings if found is not None else []
    assert actual == [warning.format(COMMANDS["/watch"][1]) for warning in warnings]


@pytest.mark.parametrize("line", ["/nosuch ", "block-stream x "])
def test_line_is_checked_without_a_schema(line: str) -> None:
    found = describe(line, len(line), CompletionSources(find_shell_mistake=find_mistake))
    assert found is not None and len(found.warnings) == 1


@pytest.mark.parametrize("server", SYSTEMS)
@pytest.mark.parametrize("line", [line for line in LINES if not line.startswith("/events")])
@pytest.mark.parametrize("end", ["", " "])
def test_complete_real_lines_give_no_warnings(server: str, line: str, end: str) -> None:
    found = describe(line + end, len(line + end), SOURCES[server])
    if found is not None:
        assert [warning for warning in found.warnings if "deprecated" not in warning] == []


@pytest.mark.parametrize("line", [line for line in LINES if not line.startswith("/events")])
def test_typing_a_valid_line_shows_no_syntax_mistake(line: str) -> None:
    for end in range(1, len(line) + 1):
        tree = parse(line[:end])
        errors = [error for part in tree.parts if part.item for error in part.item.errors]
        found = describe(line[:end], end, SOURCES["10"])
        warnings = found.warnings if found is not None else []
        assert not {error.sentence for error in errors}.intersection(warnings)


@pytest.mark.parametrize(
    "line",
    [
        "block-stream device=x speed=fast",
        "block-stream device=x y",
        "block-stream device=x device=y",
        "block-stream device=x device.y=z",
        "block-stream device=x {}",
        "block-stream device = x",
        "device_del n0",
        "set_link name=x up=maybe",
        "blockdev-add node-name=n driver=raw file=x cache=x",
        "device_del id=x )",
        "stop; 'x' a=1",
        'block-stream device="x"y; stop',
        "transaction( {} ) properties={}",
        "transaction( block-dirty-bitmap-clear node=a name=b ) c; stop",
        "transaction( block-dirty-bitmap-add node=a name='b'c )",
        "cont; a..b=1; stop",
        "getfd fdname=x <; stop",
    ],
)
def test_mistake_has_same_words_before_and_after_enter(line: str) -> None:
    introspection = Introspection(read_file=no_file, schema=schema("10"))
    with pytest.raises(LineError) as caught:
        evaluate_line(line, introspection)
    assert signature_at(f"{line} ").warnings[0].startswith(caught.value.reason)


def test_mistake_after_a_transaction_names_transaction() -> None:
    found = signature_at("transaction( block-dirty-bitmap-clear node=a name=b ) c; stop").warnings
    assert found == ["transaction has no argument 'c'; expected KEY=VALUE"]
