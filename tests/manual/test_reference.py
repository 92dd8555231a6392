"""Tests of the parser and the search of QEMU's reference manual, with the pages of both versions."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, strategies as st

from qmpshell.manual import (
    COMMAND,
    ENUM,
    EVENT,
    Entry,
    Reference,
    first_sentence,
    inferred_type,
    parse_page,
    parse_title,
    search_manual,
)
from qmpshell.qmp import Schema
from qmpshell.render import NAME, PLAIN, Block, Item, Literal, Paragraph, plain_text_of
from tests.harness.manuals import PAGES, page_text
from tests.harness.schemas import schema
from tests.harness.servers import NEWEST, SYSTEM, Installation


@cache
def reference(installation: Installation, page: str = "qemu-qmp-ref") -> Reference:
    return Reference(page_text(installation, page))


def entry(installation: Installation, name: str, page: str = "qemu-qmp-ref") -> Entry:
    found = reference(installation, page).entry(name)
    assert found is not None
    return found


def texts(blocks: list[Block]) -> list[str]:
    """Return the paragraphs, including those in lists."""
    found: list[str] = []
    for block in blocks:
        if isinstance(block, Paragraph):
            found.append(plain_text_of(block.spans))
        elif isinstance(block, Item):
            found += texts(block.blocks)
    return found


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("block-stream (Command)", ("block-stream", "command", "")),
        ("Command  block-stream  (Since: 1.1)", ("block-stream", "command", "1.1")),
        ("Event JOB_STATUS_CHANGE (since 3.0)", ("JOB_STATUS_CHANGE", "event", "3.0")),
        ("Enum: X", ("X", "enum", "")),
        ("String (Object)", ("String", "object", "")),
        ("union Netdev", ("Netdev", "union", "")),
        ("Block core (VM unrelated)", None),
        ("Object", None),
        ("Members", None),
        ("the command is sent", None),
        ("Command Event", None),
        ("", None),
    ],
)
def test_title_gives_name_kind_and_version(title: str, found: object) -> None:
    assert parse_title(title) == found


@given(st.text())
def test_random_title_is_parsed_without_error(text: str) -> None:
    parse_title(text)


# -- the real pages -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_page_version_is_parsed(installation: Installation, page: str) -> None:
    assert reference(installation, page).version == installation.version


FEWEST = {"qemu-qmp-ref": 880, "qemu-storage-daemon-qmp-ref": 420, "qemu-ga-ref": 80}
# An empty object, and commands that have only a description of their return value.
WITHOUT_MEMBERS = {"Abort"}
WITHOUT_PROSE = {
    "query-block-exports",
    "query-hotpluggable-cpus",
    "guest-get-disks",
    "guest-get-fsinfo",
}


@pytest.mark.parametrize("page", PAGES)
def test_every_entry_has_description_or_members(installation: Installation, page: str) -> None:
    whole = reference(installation, page)
    names = whole.names()
    assert len(names) > FEWEST[page]
    assert len(names) == len(set(names))
    entries = [entry(installation, name, page) for name in names]
    nearly_all = 0.98 * len(entries)
    assert sum(bool(item.since) for item in entries) > nearly_all - 10
    for item in entries:
        if item.kind in (COMMAND, EVENT):
            assert item.prose or item.name in WITHOUT_PROSE, item.name
        else:
            assert item.members or item.inherited or item.name in WITHOUT_MEMBERS, item.name
        for member in item.members:
            assert member.name.replace("-", "").replace("_", "").replace(".", "").isalnum()
            assert bool(member.type) == (item.kind != ENUM), (item.name, member.name)
        for inherited in item.inherited:
            assert whole.entry(inherited.type) is not None, (item.name, inherited.type)


def test_command_entry_has_description_members_and_examples(installation: Installation) -> None:
    command = entry(installation, "block-stream")
    assert (command.kind, command.since) == (COMMAND, "1.1")
    assert command.first_sentence == "Copy data from a backing file into a block device"
    assert texts(command.prose)[1].startswith(
        "The block streaming operation is performed in the background until the entire backing"
        " file has been copied. This command returns immediately once streaming has started."
    )
    assert command.prose[5] == Paragraph(
        [
            (PLAIN, "In case "),
            (NAME, "device"),
            (
                PLAIN,
                " is a filter node, block-stream modifies the first non-filter overlay node below"
                " it to point to the new backing node instead of modifying ",
            ),
            (NAME, "device"),
            (PLAIN, " itself."),
        ]
    )
    members = {member.name: member for member in command.members}
    assert list(members)[:6] == [
        *("job-id", "device", "base", "base-node", "bottom", "backing-file"),
    ]
    assert (members["device"].type, members["device"].optional) == ("str", False)
    assert (members["job-id"].type, members["job-id"].optional) == ("str", True)
    assert members["on-error"].type == "BlockdevOnError"
    assert texts(members["device"].blocks) == ["the device or node name of the top image"]
    assert len(members["backing-file"].blocks) == 3
    assert "If device does not exist, DeviceNotFound." in texts(command.returns + command.errors)
    (example,) = command.examples
    assert isinstance(example, Literal)
    assert example.text.splitlines()[0] == '-> { "execute": "block-stream",'
    assert example.text.splitlines()[-1] == '<- { "return": {} }'


def test_command_entry_inherits_members_of_its_type(installation: Installation) -> None:
    command = entry(installation, "blockdev-add")
    assert [(each.type, each.tag, each.value) for each in command.inherited] == [
        ("BlockdevOptions", "", "")
    ]
    options = entry(installation, "BlockdevOptions")
    branches = {each.value: each.type for each in options.inherited}
    assert branches["qcow2"] == "BlockdevOptionsQcow2"
    # Only some builds of QEMU have this driver.
    assert branches["host_device"] == "BlockdevOptionsFile"
    assert {each.tag for each in options.inherited} == {"driver"}
    assert entry(installation, "blockdev-snapshot").inherited[0].type == "BlockdevSnapshot"


def test_event_entry_has_members_and_version(installation: Installation) -> None:
    event = entry(installation, "JOB_STATUS_CHANGE")
    assert (event.kind, event.since) == (EVENT, "3.0")
    assert [(member.name, member.type) for member in event.members] == [
        ("id", "str"),
        ("status", "JobStatus"),
    ]
    assert texts(event.members[1].blocks) == ["The new job status"]


def test_type_entries_have_values_and_members(installation: Installation) -> None:
    enum = entry(installation, "OnOffSplit")
    assert [(member.name, texts(member.blocks)) for member in enum.members] == [
        ("on", ["Enabled"]),
        ("off", ["Disabled"]),
        ("split", ["Mixed"]),
    ]
    alternate = entry(installation, "StrOrNull")
    assert [(member.name, member.type) for member in alternate.members] == [
        ("s", "str"),
        ("n", "null"),
    ]
    assert [member.name for member in entry(installation, "SecretProperties").members] == [
        "data",
        "file",
    ]
    assert [found.name for found in reference(installation).enums_with("qcow2")] == [
        "ImageInfoSpecificKind",
        "BlockdevDriver",
    ]


def test_entry_has_features_notes_and_returns(installation: Installation) -> None:
    device_add = entry(installation, "device_add")
    assert [feature.name for feature in device_add.features] == ["json-cli", "json-cli-hotplug"]
    assert "Additional arguments depend on the type." in texts(device_add.notes)
    assert len(texts(device_add.notes)) == 3
    shutdown = entry(installation, "SHUTDOWN")
    assert texts(shutdown.notes)[0].startswith("If the command-line option")
    unstable = entry(installation, "x-debug-block-dirty-bitmap-sha256")
    assert texts(unstable.features[0].blocks) == ["This command is meant for debugging."]
    returns = texts(entry(installation, "guest-exec", "qemu-ga-ref").returns)
    assert returns == (["PID"] if installation.major >= 10 else ["PID on success."])
    status = entry(installation, "query-status")
    assert status.return_type == ("StatusInfo" if installation.major >= 10 else "")
    assert texts(status.returns)[0].startswith("StatusInfo reflecting ")


def test_condition_without_line_end_is_parsed() -> None:
    condition = entry(NEWEST, "set-cpu-topology")
    assert condition.condition == "TARGET_S390X and CONFIG_KVM"
    assert condition.first_sentence == "This command is unstable/experimental"


def test_search_ranks_commands_before_types(installation: Installation) -> None:
    whole = reference(installation)
    found = search_manual(whole, ["DIRTY", "bitmap"])
    names = [result.name for result in found]
    assert names[0] == "block-dirty-bitmap-add"
    assert (
        found[0].sentence
        == "Create a dirty bitmap with a name on the node, and start tracking the writes"
    )
    assert names.index("BlockDirtyBitmapSha256") > names.index("block-dirty-bitmap-merge")
    # A match in the first sentence ranks before a match in the prose.
    assert names.index("BlockDirtyInfo") < names.index("MirrorSyncMode")
    kinds = [result.kind if result.kind in (COMMAND, EVENT) else "type" for result in found]
    assert kinds == sorted(kinds, key=[COMMAND, EVENT, "type"].index)
    assert search_manual(whole, ["stop"])[0].name in ("stop", "STOP")
    assert search_manual(whole, ["rst2man"]) == search_manual(whole, ["unindent"]) == []
    assert search_manual(whole, ["block-stream"])[0].name == "block-stream"


def names_of(
    installation: Installation, *words: str, qmp_schema: Schema | None = None
) -> list[str]:
    return [
        result.name for result in search_manual(reference(installation), list(words), qmp_schema)
    ]


def test_search_match_in_type_finds_its_command(installation: Installation) -> None:
    qmp_schema = schema("7.2" if installation is SYSTEM else "10")
    for known in (qmp_schema, None):
        found = names_of(installation, "persistent", "bitmap", qmp_schema=known)
        assert found[:2] == ["block-dirty-bitmap-add", "block-dirty-bitmap-remove"]
        assert found.index("transaction") < found.index("BlockDirtyBitmapAdd")
    found = names_of(installation, "lazy-refcounts")
    assert found[0] == "blockdev-add"
    assert found.index("blockdev-reopen") < found.index("BlockdevOptionsQcow2")
    # An event is found by the type of a member.
    found = names_of(installation, "sasl_username")
    assert found.index("VNC_INITIALIZED") < found.index("VncClientInfo")


def test_search_omits_wrapper_types(installation: Installation) -> None:
    found = names_of(installation, "BlockDirtyBitmap")
    assert found[0] == "BlockDirtyBitmap"
    assert "transaction" in found
    assert [name for name in found if name.endswith("Wrapper")] == []
    assert names_of(installation, "BlockDirtyBitmapAddWrapper")[0] == "BlockDirtyBitmapAddWrapper"


# The manual of 7.2 does not name the type of these arguments.
UNTYPED = r"""
.TH "QEMU-QMP-REF" "7" "May 25, 2026" "7.2.22" "QEMU"
.SS \fBblock\-dirty\-bitmap\-clear\fP (Command)
Clear the bitmap.
.SS \fBstop\fP (Command)
Stop the guest.
.SS \fBBlockDirtyBitmap\fP (Object)
.SS Members
.TP
\fBnode\fP: \fBstring\fP
the node
.TP
\fBname\fP: \fBstring\fP
the bitmap
"""


def test_inferred_type_comes_from_the_schema() -> None:
    whole = Reference(UNTYPED)
    command = "block-dirty-bitmap-clear"
    assert inferred_type(whole, command, schema("7.2")) == "BlockDirtyBitmap"
    assert inferred_type(whole, command, None) == ""
    assert inferred_type(whole, "stop", schema("7.2")) == inferred_type(whole, "nosuch", None) == ""


def test_first_sentence_ends_at_its_full_stop() -> None:
    for text, sentence in (
        ("One. Two.", "One"),
        ("One", "One"),
        ("Some, e.g. These ones. More", "Some, e.g. These ones"),
        ("With 7.2 it is so. X", "With 7.2 it is so"),
        ("What? X", "What"),
    ):
        assert first_sentence([Paragraph([(PLAIN, text)])]) == sentence
    assert first_sentence([Literal("x")]) == ""


# -- other layouts --------------------------------------------------------------------------------

MIXED = r"""
.TH "X" "7" "May 25, 2026" "11.0.50" "QEMU"
.SH COMMANDS
.TP
.B Command: stop
Stop it\&. Now.
.SS Arguments
.TP
\fBwhen\fP: \fIint\fP (optional)
the time
.SH TYPES
text of the section
.TP
Union \fBNetdev\fP (Since: 1.2)
.INDENT 7.0
.TP
.B Branches
.INDENT 7.0
.IP \(bu 2
When \fBtype\fP is \fBuser\fP: The members of \fI\%NetdevUser\fP\&.
.UNINDENT
.UNINDENT
"""


def test_mixed_layout_is_parsed() -> None:
    whole = Reference(MIXED)
    assert whole.version == "11.0.50"
    assert whole.names() == ["stop", "Netdev"]
    stop = whole.entry("stop")
    assert stop is not None
    assert stop.first_sentence == "Stop it"
    assert [(member.name, member.type, member.optional) for member in stop.members] == [
        ("when", "int", True)
    ]
    netdev = whole.entry("Netdev", "union")
    assert netdev is not None
    assert netdev.since == "1.2"
    assert [(member.type, member.tag, member.value) for member in netdev.inherited] == [
        ("NetdevUser", "type", "user")
    ]
    assert whole.entry("Netdev", COMMAND) is None


LINES = st.sampled_from(
    [
        *MIXED.split("\n"),
        ".SS \\fBa\\fP (Enum)",
        ".SS Values",
        ".SS Since",
        "\\fBNOTE:\\fP",
        ".TP",
        ".UNINDENT",
        "",
    ]
)


@given(st.lists(st.one_of(LINES, st.text(max_size=10))))
def test_random_page_is_parsed_and_searched(lines: list[str]) -> None:
    whole = Reference("\n".join(lines))
    for name in whole.names():
        assert whole.entry(name) is not None
    search_manual(whole, ["a"])
    list(whole.enums_with("a"))


@given(st.lists(LINES))
def test_random_blocks_give_an_entry(lines: list[str]) -> None:
    parsed = Entry("a", COMMAND, "", parse_page("\n".join(lines)))
    assert isinstance(parsed.first_sentence, str)
