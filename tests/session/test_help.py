"""Tests of `/help NAME` and `/apropos` in a session with a test schema and manual."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from qmpshell.complete import TypeResolver
from qmpshell.errors import OK
from qmpshell.manual import AGENT, QEMU, STORAGE_DAEMON, HelpPages, Reference, page_of, type_text
from qmpshell.qmp import Schema
from qmpshell.render import text_of
from qmpshell.session import COMMANDS
from qmpshell.session.commands.help import KEY_BINDINGS
from tests.harness import sessions
from tests.harness.sessions import (
    DONE,
    Driver,
    Shown,
    error,
    mistake,
    own_question,
    reply,
    sent,
)

# Without this command, the session takes the server for the storage daemon.
SCHEMA = [
    *sessions.SCHEMA,
    {"name": "query-status", "meta-type": "command", "arg-type": "0", "ret-type": "1"},
]
FULL = Schema(
    [
        *SCHEMA,
        {"name": "8", "meta-type": "alternate", "members": [{"type": "4"}, {"type": "str"}]},
        {"name": "[8]", "meta-type": "array", "element-type": "8"},
    ]
)
ASKED = own_question(1, "query-qmp-schema")
MISSING = "no manual is installed: on Debian, qemu-qmp-ref(7) in qemu-system-common"
WITHOUT = f"\n\nN{MISSING[1:]}."
FROM = "\n\nFrom qemu-qmp-ref(7) of QEMU 7.2.1."

MANUAL = r"""
.TH "QEMU-QMP-REF" "7" "May 25, 2026" "7.2.1" "QEMU"
.SH COMMANDS
.SS \fBresize\fP (Command)
.sp
Resize something. It takes \fBid\fP\&.
.SS Arguments
.INDENT 0.0
.TP
.B \fBsize\fP: \fBint\fP (optional)
in bytes
.TP
.B \fBid\fP: \fBstring\fP
Not documented
.TP
.B \fBhow\fP: \fBHowFast\fP (optional)
in a hurry, or not
.UNINDENT
.SS Features
.INDENT 0.0
.TP
.B \fBdeprecated\fP
Member \fBforce\fP is deprecated.
.UNINDENT
.SS Returns
.sp
nothing
.SS Since
.sp
1.1
.SS Note
.sp
It takes a while.
.SS Example
.INDENT 0.0
.INDENT 3.5
.sp
.nf
.ft C
\-> { }
.ft P
.fi
.UNINDENT
.UNINDENT
.SS \fBHowFast\fP (Enum)
.sp
How fast it is to be.
.SS Values
.INDENT 0.0
.TP
.B \fBfast\fP
at once
.TP
.B \fBslow\fP
later
.UNINDENT
.SS \fBblockdev\-add\fP (Command)
.sp
Add a node to the graph.
.SS Arguments
.INDENT 0.0
.TP
.B The members of \fBBlockdevOptions\fP
.UNINDENT
.SS \fBBlockdevOptions\fP (Object)
.SS Members
.INDENT 0.0
.TP
.B \fBdriver\fP: \fBBlockdevDriver\fP
which it is
.TP
.B The members of \fBRaw\fP when \fBdriver\fP is \fB\(dqraw\(dq\fP
.UNINDENT
.SS \fBBlockdevDriver\fP (Enum)
.SS Values
.INDENT 0.0
.TP
.B \fBraw\fP
as it is
.UNINDENT
.SS \fBRaw\fP (Object)
.sp
A node over another one.
.SS Members
.INDENT 0.0
.TP
.B \fBfile\fP: \fBBlockdevOptions\fP
the node below
.TP
.B The members of \fBCommon\fP
.UNINDENT
.SS \fBCommon\fP (Object)
.SS Members
.INDENT 0.0
.TP
.B \fBoffset\fP: \fBint\fP (optional)
where it begins
.UNINDENT
.SS \fBold\-resize\fP (Command)
.sp
Resize no longer.
.SS Arguments
.INDENT 0.0
.TP
.B \fBid\fP: \fBstring\fP
what
.UNINDENT
.SS If
.sp
\fBCONFIG_OLD\fP
"""
PAGES = {"qemu-qmp-ref": MANUAL}


def ask(line: str, *, pages: dict[str, str] | None = None) -> Shown:
    """Return the help for a line with a known schema."""
    driver = Driver(pages=PAGES if pages is None else pages)
    driver.line("/help stop")
    driver.bytes(reply(SCHEMA, 1))
    (found,) = driver.line(line)
    return found


def help_text(line: str, *, pages: dict[str, str] | None = None) -> str:
    kind, text = ask(line, pages=pages)
    assert kind == "page"
    return str(text)


# -- queries and lookup ---------------------------------------------------------------------------


def test_help_of_quit_describes_server_command() -> None:
    """The QMP command `quit` ends the VM; only `/quit` leaves the shell."""
    driver = Driver()
    assert driver.line("/help quit") == [ASKED]
    ((kind, text),) = driver.bytes(reply(SCHEMA, 1))
    assert kind == "page"
    assert text.splitlines()[0] == "quit (command)"


@pytest.mark.parametrize("interactive", [False, True])
def test_help_queries_schema_once_then_shows_page(interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    assert driver.line("/help stop") == [ASKED]
    assert not driver.session.idle
    assert driver.bytes(reply(SCHEMA, 1)) == [("page", f"stop (command){WITHOUT}")]
    assert driver.session.idle
    assert driver.line("/help stop") == [("page", f"stop (command){WITHOUT}")]
    assert driver.status == OK


@pytest.mark.parametrize("word", ["help", "?"])
@pytest.mark.parametrize("topic", ["", " stop", " resize size", " keys", " /wait"])
def test_help_word_shows_help_of_the_shell(word: str, topic: str) -> None:
    assert ask(f"{word}{topic}") == ask(f"/help{topic}")


def test_help_word_of_the_server_is_sent() -> None:
    driver = Driver()
    assert driver.line("help id=5") == [ASKED]
    entity = {"name": "help", "meta-type": "command", "arg-type": "1", "ret-type": "0"}
    arguments = '{"execute": "help", "arguments": {"id": "5"}}'
    assert driver.bytes(reply([*SCHEMA, entity], 1)) == [sent(arguments)]


def test_help_word_without_queries_shows_help() -> None:
    kind, text = Driver(probe=False).line("help")[0]
    assert (kind, "/help keys" in text) == ("page", True)


@pytest.mark.parametrize("human", [False, True])
def test_help_describes_lines_of_the_mode(human: bool) -> None:
    _, text = Driver(hmp=human).line("/help")[0]
    assert ("A line is COMMAND KEY=VALUE" in text) == (not human)
    assert ("A line is a command of the human monitor" in text) == human


def test_help_of_keys_lists_every_key() -> None:
    text = help_text("/help keys")
    assert re.search(r"^ *F1 +show help for the command", text, re.M)
    assert all(key in text and what in " ".join(text.split()) for key, what in KEY_BINDINGS)


def test_help_of_keys_lists_key_once() -> None:
    keys = [key for names, _ in KEY_BINDINGS for key in names.split(", ")]
    assert sorted(keys) == sorted(set(keys))


def test_help_waits_for_schema_in_order() -> None:
    driver = Driver()
    assert driver.line("/help stop; cont; /help") == [ASKED]
    assert driver.line("query-status") == []
    page, command = driver.bytes(reply(SCHEMA, 1))
    assert page[0] == "page"
    assert command == sent('{"execute": "cont"}')
    found = driver.bytes(DONE)
    assert [effect[0] for effect in found] == ["reply", "page", "send"]


@pytest.mark.parametrize("line", ["/help", "/help stop", "/apropos stop"])
def test_help_at_terminal_does_not_wait(line: str) -> None:
    driver = Driver(interactive=True)
    driver.line("/help stop")
    driver.bytes(reply(SCHEMA, 1))
    driver.line("stop")
    (found,) = driver.line(line)
    assert found[0] == "page"


def test_unique_prefix_equals_the_name() -> None:
    assert help_text("/help blockdev-a driver=raw") == help_text("/help blockdev-add driver=raw")
    assert help_text("/help How") == help_text("/help HowFast")
    assert help_text("/help query-st", pages={}) == help_text("/help query-status", pages={})


def test_ambiguous_prefix_lists_matching_names() -> None:
    pages = {"qemu-qmp-ref": MANUAL.replace("old\\-resize", "resize\\-old")}
    assert (
        help_text("/help res", pages=pages)
        == """\
Names that start with res
  resize      command  Resize something
  resize-old  command, not in this server
                       Resize no longer"""
        + FROM
    )
    # The page also describes the enum value.
    assert help_text("/help raw", pages={"qemu-qmp-ref": MANUAL.replace("Raw", "raw2")}) == (
        "raw (value)\n\nBlockdevDriver\n    as it is\n\nUsed by\n  blockdev-add  driver=raw\n\n"
        "Names that start with raw\n  raw2  object  A node over another one" + FROM
    )


@pytest.mark.parametrize("start", ["/wai", "/wa"])
def test_help_of_prefix_lists_shell_commands(start: str) -> None:
    text = help_text(f"/help {start}")
    assert [line.split()[0] for line in text.splitlines() if line[0] == "/"] == [
        name for name in COMMANDS if name.startswith(start)
    ]
    assert help_text("/help /wait-j") == help_text("/help /wait-job")


def test_help_of_unknown_name_reports_error() -> None:
    line = "/help nosuch"
    reason = "no command, event or type named 'nosuch'"
    carets = "      ^^^^^^"
    assert ask(line, pages={}) == mistake(line, carets, reason, MISSING, place="stdin:2:7")
    hint = "/apropos nosuch searches the manual"
    assert ask(line) == mistake(line, carets, reason, hint, place="stdin:2:7")
    (_, text) = ask("/help re_size")
    assert text.endswith("did you mean resize?")


@pytest.mark.parametrize("options", [{}, {"probe": False}, {"negotiate": False}])
@pytest.mark.parametrize("pages", [{}, PAGES])
def test_help_without_schema_uses_manual(options: dict[str, Any], pages: dict[str, str]) -> None:
    driver = Driver(pages=pages, **options)
    line = "/help resize"
    found = driver.line(line)
    if not options:
        assert found == [ASKED]
        found = driver.bytes(error("not found", "CommandNotFound", 1))
    if pages:
        ((kind, text),) = found
        assert kind == "page"
        assert text.startswith("resize (command, since 1.1)\n\nResize something. It takes id.\n")
        assert "\n  [size]: int\n    in bytes\n" in text.replace("      in", "    in")
        return
    reason = "no command, event or type named 'resize' (there is no schema, and no manual)"
    assert found == [mistake(line, "      ^^^^^^", reason, MISSING, place="stdin:1:7")]


# -- the help text --------------------------------------------------------------------------------

RESIZE = """\
resize (command)

Arguments
  id: str
  [size]: int
  [force]: bool (deprecated)
  [how]: fast | slow
  [names]: [str]
  [base]: str or null"""
BLOCKDEV = """\
blockdev-add (command, unstable)

Arguments
  driver: null-co | raw
  [node-name]: str
  [read-only]: bool

  Further members depend on driver: null-co, raw

Features
  unstable
      may change or disappear at any time"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("resize", RESIZE),
        ("blockdev-add", BLOCKDEV),
        ("stop", "stop (command)"),
        (
            "RESIZED",
            RESIZE.replace("resize (command)", "RESIZED (event)").replace("Arguments", "Data"),
        ),
    ],
)
def test_help_without_manual_uses_schema(name: str, text: str) -> None:
    assert help_text(f"/help {name}", pages={}) == text + WITHOUT


def test_help_combines_manual_text_with_schema_types() -> None:
    assert (
        help_text("/help resize")
        == """\
resize (command, since 1.1)

Resize something. It takes id.

Arguments
  id: str
  [size]: int
      in bytes
  [force]: bool (deprecated)
  [how]: fast | slow
      in a hurry, or not
  [names]: [str]
  [base]: str or null

Returns
  nothing

Features
  deprecated
      Member force is deprecated.

Notes
  It takes a while.

Example
  -> { }"""
        + FROM
    )


def test_union_arguments_name_their_discriminator() -> None:
    text = help_text("/help blockdev-add")
    assert "  driver: BlockdevDriver\n      which it is\n" in text
    assert "\n  Further members depend on driver: null-co, raw\n" in text


def test_help_shows_selected_branch_first() -> None:
    assert (
        help_text("/help blockdev-add driver=raw")
        == """\
blockdev-add (command, unstable)

With driver=raw
  A node over another one.

  file: BlockdevOptions {driver, [node-name], [read-only], …}
      the node below

Always
  driver: BlockdevDriver
      which it is
  [node-name]: str
  [read-only]: bool

Features
  unstable
      may change or disappear at any time"""
        + FROM
    )


def test_help_shows_nested_branch() -> None:
    text = help_text('/help blockdev-add driver="raw" file.driver=null-co')
    assert "\nWith file.driver=null-co\n" in text
    assert "\n  file.size: int\n" in text
    assert "\n  file.driver: BlockdevDriver\n      which it is\n" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("driver=nosuch", "driver cannot be nosuch."),
        ("driver=raw file.driver=x", "file.driver cannot be x."),
        ("nonsense=1", "Further members depend on driver"),
        ("driver=", "driver cannot be ."),
        ("file.driver.x.y=raw driver=raw", "With driver=raw"),
    ],
)
def test_unknown_branch_value_is_reported(line: str, words: str) -> None:
    assert words in help_text(f"/help blockdev-add {line}")


def test_help_of_manual_type_lists_members() -> None:
    assert help_text("/help HowFast").startswith(
        "HowFast (enum)\n\nHow fast it is to be.\n\nValues\n  fast\n      at once\n  slow\n"
    )
    assert help_text("/help BlockdevOptions").startswith(
        "BlockdevOptions (object)\n\nMembers\n  driver: BlockdevDriver\n      which it is\n\n"
        "  And, depending on the branch, the members of:\n\n  driver=raw  Raw\n"
    )
    assert "\n  And the members of Common\n" in help_text("/help Raw")


RETURNING = r"""
.SS \fBquery\-things\fP (Command)
.sp
Query them.
.SS Returns
.sp
all, as a Common or a \fBThing\fP each
.SS \fBThing\fP (Object)
.SS Members
.INDENT 0.0
.TP
.B \fBlabel\fP: \fBstring\fP
how it is called
.TP
.B \fBbusy\fP: \fBboolean\fP (optional)
Not documented
.TP
.B The members of \fBCommon\fP
.UNINDENT
"""


def returned(**pages: str) -> str:
    members = [
        {"name": "busy", "type": "bool", "default": None},
        {"name": "label", "type": "str", "features": ["deprecated"]},
        {"name": "offset", "type": "int", "default": None},
        {"name": "node", "type": "4"},
    ]
    schema = [
        *SCHEMA,
        {"name": "query-things", "meta-type": "command", "arg-type": "0", "ret-type": "[t]"},
        {"name": "[t]", "meta-type": "array", "element-type": "t"},
        {"name": "t", "meta-type": "object", "members": members[: 3 if pages else 4]},
    ]
    driver = Driver(pages=pages)
    driver.line("/help query-things")
    ((kind, text),) = driver.bytes(reply(schema, 1))
    assert kind == "page"
    return str(text)


def test_return_value_members_have_schema_types() -> None:
    assert returned() == (
        "query-things (command)\n\nReturns\n  [{…}]\n\n  label: str (deprecated)\n"
        "  node: {driver, [node-name], [read-only], …}\n  [busy]: bool\n  [offset]: int" + WITHOUT
    )


def test_return_value_uses_the_manual_type() -> None:
    text = returned(**{"qemu-qmp-ref": MANUAL + RETURNING})
    assert (
        "\nReturns\n  [Thing]\n\n  all, as a Common or a Thing each\n\n"
        "  label: str (deprecated)\n      how it is called\n"
        "  [busy]: bool\n  [offset]: int\n      where it begins\n" in text
    )


def test_type_names_match_completion_menu() -> None:
    """The manual uses `boolean`, `string` and `array of string`; the help page does not."""
    pages = {"qemu-qmp-ref": MANUAL + RETURNING}
    text = help_text("/help Thing", pages=pages)
    assert "\n  label: str\n" in text
    assert "\n  [busy]: bool\n" in text
    for type_name in (*"0123456", "[str]", "bool"):
        if FULL.kind(type_name) not in ("object", "enum"):
            assert type_text(FULL, type_name) == TypeResolver(FULL).words(type_name)
    assert type_text(FULL, "8") == "node or {…}"
    assert type_text(FULL, "8", called="Ref") == "Ref (node or {…})"
    assert type_text(FULL, "[8]") == "[node or {…}]"


def test_manual_command_missing_from_server_is_marked() -> None:
    text = help_text("/help old-resize")
    assert text.startswith("old-resize (command)\n\nThis server does not have this command.\n")
    assert "Only if QEMU was built with: CONFIG_OLD" in text


def test_help_of_enum_value_lists_uses() -> None:
    assert (
        help_text("/help raw")
        == "raw (value)\n\nBlockdevDriver\n    as it is\n\nUsed by\n  blockdev-add  driver=raw"
        + FROM
    )
    assert "resize  how=fast" in help_text("/help fast", pages={})


def test_shell_command_is_recognized_before_a_value() -> None:
    pages = {"qemu-qmp-ref": MANUAL.replace("fBslow", "fBlast")}
    assert ask("/help last", pages=pages) == ("page", "/last\n    show the complete last reply")


@pytest.mark.parametrize(
    ("version", "first"),
    [
        ("7.2.0", "resize (command, since 1.1)"),
        ("7.3", "From qemu-qmp-ref(7) of QEMU 7.3, but the server is QEMU 7.2.22."),
        ("10.0.2", "From qemu-qmp-ref(7) of QEMU 10.0.2, but the server is QEMU 7.2.22."),
        ("", "resize (command, since 1.1)"),
    ],
)
def test_manual_of_another_version_is_announced_first(version: str, first: str) -> None:
    pages = {"qemu-qmp-ref": MANUAL.replace("7.2.1", version)}
    assert help_text("/help resize", pages=pages).splitlines()[0] == first


def test_manual_page_is_chosen_by_server_commands() -> None:
    assert page_of(["blockdev-add", "query-status"]) is QEMU
    assert page_of(["blockdev-add", "quit"]) is STORAGE_DAEMON
    assert page_of(["guest-sync", "guest-info"]) is AGENT
    assert page_of([]) is page_of([], name="blockdev-add") is QEMU
    assert page_of([], name="guest-info") is AGENT
    assert page_of(["stop"], name="guest-info") is QEMU


# -- one argument ---------------------------------------------------------------------------------


def argument_text(line: str, **options: Any) -> str:
    """Return the text before the help page."""
    text = help_text(line, **options)
    command = line.split()[1]
    return text[: text.index(f"\n\n{command} (")]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "resize how",
            "how (argument of resize, optional)\n\nfast | slow\n\nin a hurry, or not\n\n"
            "Values\n  fast\n      at once\n  slow\n      later",
        ),
        (
            "resize how how=slow",
            "how (argument of resize, optional)\n\nfast | slow\n\nin a hurry, or not\n\n"
            "Values\n  slow\n      later",
        ),
        ("resize id", "id (argument of resize, required)\n\nstr"),
        ("resize i", "id (argument of resize, required)\n\nstr"),
        (
            "resize force",
            "force (argument of resize, optional, deprecated)\n\nbool\n\n"
            "Features\n  deprecated\n      Member force is deprecated.",
        ),
        ("RESIZED id", "id (data of RESIZED, required)\n\nstr"),
        ("resize nosuch", "resize has no argument 'nosuch'."),
        ("resize id.x", "resize has no argument 'id.x'."),
        ("resize i i=5", "resize has no argument 'i'."),
        ("device_add nosuch", "device_add has no argument 'nosuch' of its own."),
        (
            "blockdev-add file.read driver=raw",
            "file.read-only (argument of blockdev-add, optional)\n\nbool",
        ),
        (
            "blockdev-add size",
            "size (argument of blockdev-add, required)\n\nint\n\nOnly with driver=null-co.",
        ),
        (
            "blockdev-add file.size",
            "file.size (argument of blockdev-add, required)\n\nint\n\n"
            "Only with driver=raw and file.driver=null-co.",
        ),
        (
            "resize n",
            "names (argument of resize, optional)\n\n[str]",
        ),
        (
            "blockdev-add driver driver=raw",
            "driver (argument of blockdev-add, required)\n\nBlockdevDriver\n\nwhich it is\n\n"
            "Values\n  raw\n      as it is",
        ),
    ],
)
def test_help_shows_named_argument_before_page(line: str, text: str) -> None:
    device_add = {"name": "device_add", "meta-type": "command", "arg-type": "1"}
    driver = Driver(pages=PAGES)
    driver.line("/help stop")
    driver.bytes(reply([*SCHEMA, device_add], 1))
    ((kind, shown_text),) = driver.line(f"/help {line}")
    assert kind == "page"
    name, _, rest = line.partition(" ")
    assert shown_text.startswith(f"{text}\n\n{name} (")
    # The page of the command follows.
    ((_, page),) = driver.line(f"/help {name} {rest.partition(' ')[2]}")
    assert shown_text == f"{text}\n\n{page}"


def test_argument_help_lists_its_members() -> None:
    text = argument_text("/help blockdev-add file driver=raw")
    assert text.startswith(
        "file (argument of blockdev-add, required)\n\n"
        "BlockdevOptions {driver, [node-name], [read-only], …}\n\nthe node below\n\n"
        "Members of file\n  file.driver: BlockdevDriver\n      which it is\n"
    )


def test_argument_prefix_shows_all_matches() -> None:
    members = [{"name": "a-one", "type": "int"}, {"name": "a-two", "type": "str", "default": None}]
    variants = [{"case": "null-co", "type": "y"}, {"case": "raw", "type": "z"}]
    schema = [
        *SCHEMA,
        {"name": "x", "meta-type": "command", "arg-type": "t"},
        {
            "name": "t",
            "meta-type": "object",
            "members": [*members, {"name": "tag", "type": "5"}],
            "tag": "tag",
            "variants": variants,
        },
        {"name": "y", "meta-type": "object", "members": [{"name": "b", "type": "int"}]},
        {"name": "z", "meta-type": "object", "members": [{"name": "b", "type": "str"}]},
    ]
    driver = Driver()
    driver.line("/help x a-")
    ((_, text),) = driver.bytes(reply(schema, 1))
    assert text.startswith(
        "a- (argument of x: those that start with it)\n\na-one: int\n[a-two]: str\n\nx (command)\n"
    )
    ((_, text),) = driver.line("/help x b")
    assert text.startswith(
        "b (argument of x)\n\nb: int\n    with tag=null-co\nb: str\n    with tag=raw\n\nx (command)\n"
    )
    ((_, text),) = driver.line("/help x b tag=raw")
    assert text.startswith("b (argument of x, required)\n\nstr\n\nx (command)\n")


def test_argument_help_without_schema_uses_manual() -> None:
    driver = Driver(pages=PAGES, probe=False)
    ((_, text),) = driver.line("/help resize ho")
    assert text.startswith("Of resize\n\n[how]: HowFast\n    in a hurry, or not\n\nresize (command")
    ((_, text),) = driver.line("/help Raw offset")
    assert text.startswith("Of Raw\n\n[offset]: int\n    where it begins\n\nRaw (object)")
    ((_, text),) = driver.line("/help resize nosuch")
    assert text.startswith("resize has no argument 'nosuch'.\n\nresize (command")


def test_device_add_argument_help_queries_device_properties() -> None:
    driver = Driver(pages={})
    device_add = {"name": "device_add", "meta-type": "command", "arg-type": "1"}
    driver.line("/help stop")
    driver.bytes(reply([*SCHEMA, device_add], 1))
    question = own_question(2, "device-list-properties", typename="virtio-blk-pci")
    assert driver.line("/help device_add drive driver=virtio-blk-pci drive=d0") == [question]
    properties = [
        {"name": "drive", "type": "str", "description": "ID of a drive"},
        {"name": "ide", "type": "int"},
        {"name": "id", "type": "int"},
    ]
    ((kind, text),) = driver.bytes(reply(properties, 2))
    assert kind == "page"
    assert text.startswith(
        "drive (argument of device_add)\n\n"
        "[drive]: str (of virtio-blk-pci)\n    ID of a drive\n\ndevice_add (command)"
    )
    driven = "\n\n[drive]: str (of virtio-blk-pci)\n    ID of a drive\n\ndevice_add (command)"
    started = "(argument of device_add: those that start with it)"
    ((_, text),) = driver.line("/help device_add dr driver=virtio-blk-pci")
    assert text.startswith(f"dr {started}{driven}")
    ((_, text),) = driver.line("/help device_add i driver=virtio-blk-pci")
    assert text.startswith(f"i {started}\n\nid: str\n[ide]: int (of virtio-blk-pci)\n\ndevice_add")
    ((_, text),) = driver.line("/help device_add id driver=virtio-blk-pci")
    assert text.startswith("id (argument of device_add, required)")
    ((_, text),) = driver.line("/help device_add dr driver=virtio-blk-pci dr=1")
    assert text.startswith("device_add has no argument 'dr' of its own.")


def test_plain_argument_value_does_not_change_page() -> None:
    assert help_text("/help resize id=5") == help_text("/help resize")


# -- /apropos -------------------------------------------------------------------------------------


def apropos(words: str, *, pages: dict[str, str] | None = None) -> list[list[str]]:
    """Return the words of each row, up to the manual's origin."""
    text = help_text(f"/apropos {words}", pages=pages)
    return [line.split() for line in text.partition("\n\n")[0].splitlines()]


def test_apropos_sorts_best_matches_first() -> None:
    assert apropos("RESIZE") == [
        ["resize", "command", "Resize", "something"],
        ["old-resize", "command,", "not", "in", "this", "server"],
        ["Resize", "no", "longer"],
        ["RESIZED", "event"],
    ]
    assert [line[0] for line in apropos("node")] == ["blockdev-add", "Raw"]
    assert [line[0] for line in apropos("bytes takes")] == ["resize"]
    assert [line[0] for line in apropos("'over another'")] == ["blockdev-add", "Raw"]


def test_apropos_finds_command_of_type_member() -> None:
    assert [line[0] for line in apropos("begins where")] == ["blockdev-add", "Common"]


def test_apropos_without_manual_searches_schema() -> None:
    assert apropos("size", pages={}) == [["resize", "command"], ["RESIZED", "event"]]
    assert help_text("/apropos size", pages={}).endswith(WITHOUT)


def test_apropos_without_matches_reports_error() -> None:
    assert ask("/apropos zzz yyy") == ("error", "stdin:2:1: nothing found for zzz yyy")
    assert ask("/apropos zzz", pages={}) == (
        "error",
        f"stdin:2:1: nothing found for zzz: {MISSING}",
    )


# -- invalid and hostile input --------------------------------------------------------------------

HOSTILE = "\x1b]0;x\x07\u202e"


def test_recursive_schema_has_help() -> None:
    driver = Driver()
    driver.line("/help x")
    member = {"name": "a", "type": "[a]"}
    schema = [
        {"name": "x", "meta-type": "command", "arg-type": "t", "ret-type": "[a]"},
        {
            "name": "t",
            "meta-type": "object",
            "members": [member, {"name": "b", "type": "?"}],
            "tag": "a",
            "variants": [{"case": "c", "type": "t"}],
        },
        {"name": "[a]", "meta-type": "array", "element-type": "[a]"},
    ]
    ((kind, text),) = driver.bytes(reply(schema, 1))
    assert kind == "page"
    assert text.splitlines()[0] == "x (command)"
    assert "\n  b: any\n" in text
    ((kind, text),) = driver.line("/help x c")
    assert (kind, text.splitlines()[0]) == ("page", "x has no argument 'c'.")


def test_hostile_schema_and_manual_text_is_escaped() -> None:
    driver = Driver(pages={"qemu-qmp-ref": f".SS x (Command)\n{HOSTILE}"})
    driver.line("/help x")
    schema = [
        {"name": "x", "meta-type": "command", "arg-type": "t", "features": [HOSTILE]},
        {
            "name": "t",
            "meta-type": "object",
            "members": [{"name": HOSTILE, "type": "e"}],
            "tag": HOSTILE,
            "variants": [{"case": HOSTILE, "type": "t"}],
        },
        {"name": "e", "meta-type": "enum", "values": [HOSTILE]},
    ]
    ((kind, text),) = driver.bytes(reply(schema, 1))
    assert kind == "page"
    assert text.isprintable() is False  # newlines are not printable
    assert text.replace("\n", "").isprintable()
    assert text.count("\\x1b]0;x") >= 4


NAMES = st.sampled_from(["t", "u", "a", "x", "str", "[t]", "driver", ""])
ENTITIES = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "meta-type": st.sampled_from(["command", "object", "enum", "array", "alternate"]),
            "arg-type": NAMES,
            "ret-type": NAMES,
            "element-type": NAMES,
            "tag": NAMES,
            "members": st.lists(st.fixed_dictionaries({"name": NAMES, "type": NAMES}), max_size=3),
            "variants": st.lists(st.fixed_dictionaries({"case": NAMES, "type": NAMES}), max_size=3),
            "values": st.lists(NAMES, max_size=3),
            "features": st.lists(st.sampled_from(["unstable", "x"]), max_size=2),
        },
    ),
    max_size=8,
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(".".join)


@settings(max_examples=300)
@given(ENTITIES, st.dictionaries(PATHS, NAMES, max_size=4))
@example(
    [
        {"name": "t", "meta-type": "command", "ret-type": "a"},
        {"name": "a", "meta-type": "alternate", "members": [{"name": "t", "type": "x"}]},
        {"name": "x", "meta-type": "alternate"},
    ],
    {},
)
def test_random_schema_has_help(entities: list[dict[str, Any]], values: dict[str, str]) -> None:
    for reference in (None, Reference(MANUAL)):
        articles = HelpPages(Schema(entities), reference)
        for name in ("t", "x", "a", "nosuch"):
            text_of(articles.about(name, values), width=40)
            for key in values:
                text_of(articles.about(name, values, key), width=40)
                text_of(articles.about(name, {}, key), width=40)
            text_of(articles.about_value(name), width=40)
        articles.names()


def test_queued_help_appears_before_later_help() -> None:
    driver = Driver(interactive=True, greeted=False)
    assert driver.line("/help resize") == []  # it waits for the greeting
    driver.bytes(sessions.GREETING)
    assert driver.bytes(sessions.NEGOTIATED)[-1] == ASKED
    assert driver.line("/help stop") == [own_question(2, "query-qmp-schema")]
    pages = driver.bytes(reply(SCHEMA, 1) + reply(SCHEMA, 2))
    assert [(kind, text.split(" ")[0]) for kind, text in pages] == [
        ("page", "resize"),
        ("page", "stop"),
    ]
