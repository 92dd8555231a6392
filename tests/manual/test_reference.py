"""QEMU's reference manual, by its entries: on the pages of both versions, whose layouts differ."""

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
from tests.harness.servers import BACKPORTS, SYSTEM, Installation


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
def test_titles(title: str, found: object) -> None:
    assert parse_title(title) == found


@given(st.text())
def test_any_text_may_be_a_title(text: str) -> None:
    parse_title(text)


# -- the real pages -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_the_version_is_read(installation: Installation, page: str) -> None:
    major = {SYSTEM: "7.2.", BACKPORTS: "10."}[installation]
    assert reference(installation, page).version.startswith(major)


FEWEST = {"qemu-qmp-ref": 880, "qemu-storage-daemon-qmp-ref": 420, "qemu-ga-ref": 80}
# An empty object, and commands whose return is all that is said of them.
WITHOUT_MEMBERS = {"Abort"}
WITHOUT_PROSE = {
    "query-block-exports",
    "query-hotpluggable-cpus",
    "guest-get-disks",
    "guest-get-fsinfo",
}


@pytest.mark.parametrize("page", PAGES)
def test_every_entry_is_found_and_says_something(installation: Installation, page: str) -> None:
    whole = reference(installation, page)
    names = whole.names()
    assert len(names) > FEWEST[page]
    assert len(names) == len(set(names))
    entries = [entry(installation, name, page) for name in names]
    nearly_all = 0.98 * len(entries)
    assert sum(bool(one.since) for one in entries) > nearly_all - 10
    for one in entries:
        if one.kind in (COMMAND, EVENT):
            assert one.prose or one.name in WITHOUT_PROSE, one.name
        else:
            assert one.members or one.inherited or one.name in WITHOUT_MEMBERS, one.name
        for member in one.members:
            assert member.name.replace("-", "").replace("_", "").replace(".", "").isalnum()
            assert bool(member.type) == (one.kind != ENUM), (one.name, member.name)
        for inherited in one.inherited:
            assert whole.entry(inherited.type) is not None, (one.name, inherited.type)


def test_a_command(installation: Installation) -> None:
    one = entry(installation, "block-stream")
    assert (one.kind, one.since) == (COMMAND, "1.1")
    assert one.first_sentence == "Copy data from a backing file into a block device"
    assert texts(one.prose)[1].startswith(
        "The block streaming operation is performed in the background until the entire backing"
        " file has been copied. This command returns immediately once streaming has started."
    )
    assert one.prose[5] == Paragraph(
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
    members = {member.name: member for member in one.members}
    assert list(members)[:6] == [
        *("job-id", "device", "base", "base-node", "bottom", "backing-file"),
    ]
    assert (members["device"].type, members["device"].optional) == ("str", False)
    assert (members["job-id"].type, members["job-id"].optional) == ("str", True)
    assert members["on-error"].type == "BlockdevOnError"
    assert texts(members["device"].blocks) == ["the device or node name of the top image"]
    assert len(members["backing-file"].blocks) == 3
    assert "If device does not exist, DeviceNotFound." in texts(one.returns + one.errors)
    (example,) = one.examples
    assert isinstance(example, Literal)
    assert example.text.splitlines()[0] == '-> { "execute": "block-stream",'
    assert example.text.splitlines()[-1] == '<- { "return": {} }'


def test_a_command_whose_arguments_are_a_type(installation: Installation) -> None:
    one = entry(installation, "blockdev-add")
    assert [(each.type, each.tag, each.value) for each in one.inherited] == [
        ("BlockdevOptions", "", "")
    ]
    options = entry(installation, "BlockdevOptions")
    branches = {each.value: each.type for each in options.inherited}
    assert branches["qcow2"] == "BlockdevOptionsQcow2"
    # It is there only where QEMU was built so.
    assert branches["host_device"] == "BlockdevOptionsFile"
    assert {each.tag for each in options.inherited} == {"driver"}
    assert entry(installation, "blockdev-snapshot").inherited[0].type == "BlockdevSnapshot"


def test_an_event(installation: Installation) -> None:
    one = entry(installation, "JOB_STATUS_CHANGE")
    assert (one.kind, one.since) == (EVENT, "3.0")
    assert [(member.name, member.type) for member in one.members] == [
        ("id", "str"),
        ("status", "JobStatus"),
    ]
    assert texts(one.members[1].blocks) == ["The new job status"]


def test_types(installation: Installation) -> None:
    enum = entry(installation, "OnOffSplit")
    assert [(one.name, texts(one.blocks)) for one in enum.members] == [
        ("on", ["Enabled"]),
        ("off", ["Disabled"]),
        ("split", ["Mixed"]),
    ]
    alternate = entry(installation, "StrOrNull")
    assert [(one.name, one.type) for one in alternate.members] == [("s", "str"), ("n", "null")]
    assert [one.name for one in entry(installation, "SecretProperties").members] == ["data", "file"]
    assert [one.name for one in reference(installation).enums_with("qcow2")] == [
        "ImageInfoSpecificKind",
        "BlockdevDriver",
    ]


def test_the_parts_that_are_labelled(installation: Installation) -> None:
    one = entry(installation, "device_add")
    assert [feature.name for feature in one.features] == ["json-cli", "json-cli-hotplug"]
    assert "Additional arguments depend on the type." in texts(one.notes)
    assert len(texts(one.notes)) == 3
    shutdown = entry(installation, "SHUTDOWN")
    assert texts(shutdown.notes)[0].startswith("If the command-line option")
    unstable = entry(installation, "x-debug-block-dirty-bitmap-sha256")
    assert texts(unstable.features[0].blocks) == ["This command is meant for debugging."]
    returns = texts(entry(installation, "guest-exec", "qemu-ga-ref").returns)
    assert returns == {SYSTEM: ["PID on success."], BACKPORTS: ["PID"]}[installation]
    status = entry(installation, "query-status")
    assert status.return_type == {SYSTEM: "", BACKPORTS: "StatusInfo"}[installation]
    assert texts(status.returns)[0].startswith("StatusInfo reflecting ")


def test_a_condition_that_has_lost_its_line_end() -> None:
    condition = entry(BACKPORTS, "set-cpu-topology")
    assert condition.condition == "TARGET_S390X and CONFIG_KVM"
    assert condition.first_sentence == "This command is unstable/experimental"


def test_what_is_searched_for(installation: Installation) -> None:
    whole = reference(installation)
    found = search_manual(whole, ["DIRTY", "bitmap"])
    names = [one.name for one in found]
    assert names[0] == "block-dirty-bitmap-add"
    assert (
        found[0].sentence
        == "Create a dirty bitmap with a name on the node, and start tracking the writes"
    )
    assert names.index("BlockDirtyBitmapSha256") > names.index("block-dirty-bitmap-merge")
    # The first sentence of the one has both words, the other's prose.
    assert names.index("BlockDirtyInfo") < names.index("MirrorSyncMode")
    kinds = [one.kind if one.kind in (COMMAND, EVENT) else "type" for one in found]
    assert kinds == sorted(kinds, key=[COMMAND, EVENT, "type"].index)
    assert search_manual(whole, ["stop"])[0].name in ("stop", "STOP")
    assert search_manual(whole, ["rst2man"]) == search_manual(whole, ["unindent"]) == []
    assert search_manual(whole, ["block-stream"])[0].name == "block-stream"


def names_of(installation: Installation, *words: str, told: Schema | None = None) -> list[str]:
    return [one.name for one in search_manual(reference(installation), list(words), told)]


def test_match_in_type_leads_to_its_command(installation: Installation) -> None:
    told = schema("7.2" if installation is SYSTEM else "10")
    for known in (told, None):
        found = names_of(installation, "persistent", "bitmap", told=known)
        assert found[:2] == ["block-dirty-bitmap-add", "block-dirty-bitmap-remove"]
        assert found.index("transaction") < found.index("BlockDirtyBitmapAdd")
    found = names_of(installation, "lazy-refcounts")
    assert found[0] == "blockdev-add"
    assert found.index("blockdev-reopen") < found.index("BlockdevOptionsQcow2")
    # An event, by a type that it takes.
    found = names_of(installation, "sasl_username")
    assert found.index("VNC_INITIALIZED") < found.index("VncClientInfo")


def test_what_only_wraps_another_type_is_left_out(installation: Installation) -> None:
    found = names_of(installation, "BlockDirtyBitmap")
    assert found[0] == "BlockDirtyBitmap"
    assert "transaction" in found
    assert [one for one in found if one.endswith("Wrapper")] == []
    assert names_of(installation, "BlockDirtyBitmapAddWrapper")[0] == "BlockDirtyBitmapAddWrapper"


@pytest.mark.parametrize("name", ["remove", "clear", "enable", "disable"])
def test_the_type_whose_members_a_command_takes_untold(name: str) -> None:
    """The manual of 7.2 does not say so."""
    whole = reference(SYSTEM)
    assert inferred_type(whole, f"block-dirty-bitmap-{name}", schema("7.2")) == "BlockDirtyBitmap"
    assert inferred_type(whole, f"block-dirty-bitmap-{name}", None) == ""
    assert inferred_type(whole, "stop", schema("7.2")) == inferred_type(whole, "nosuch", None) == ""


def test_first_sentences() -> None:
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


def test_a_layout_that_no_version_has() -> None:
    whole = Reference(MIXED)
    assert whole.version == "11.0.50"
    assert whole.names() == ["stop", "Netdev"]
    stop = whole.entry("stop")
    assert stop is not None
    assert stop.first_sentence == "Stop it"
    assert [(one.name, one.type, one.optional) for one in stop.members] == [("when", "int", True)]
    netdev = whole.entry("Netdev", "union")
    assert netdev is not None
    assert netdev.since == "1.2"
    assert [(one.type, one.tag, one.value) for one in netdev.inherited] == [
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
def test_any_page_can_be_read(lines: list[str]) -> None:
    whole = Reference("\n".join(lines))
    for name in whole.names():
        assert whole.entry(name) is not None
    search_manual(whole, ["a"])
    list(whole.enums_with("a"))


@given(st.lists(LINES))
def test_any_blocks_are_an_entry(lines: list[str]) -> None:
    one = Entry("a", COMMAND, "", parse_page("\n".join(lines)))
    assert isinstance(one.first_sentence, str)
