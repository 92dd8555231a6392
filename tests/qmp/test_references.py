"""Tests of the table of arguments that name objects of the server, with the schemas of real servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from qmpshell.complete import COMMAND, argument_context, find_kind
from qmpshell.language import tokenize
from qmpshell.qmp import Member, Schema, load_references, references, references as kinds
from tests.harness.schemas import ALL, schema

TABLE = load_references()
# The schema does not contain the driver properties that device_add accepts.
OPEN = "device_add"


# Kinds of values that need no query.
NOT_LIVE = ("event", "file", "qom-path", "")


def all_members(known: Schema, type_name: str) -> Iterator[Member]:
    """Yield the members of an object and of all its variants."""
    todo = [type_name]
    visited: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in visited:
            visited.add(name)
            yield from known.members(name).values()
            todo += known.cases(name).values()


def plain(known: Schema, type_name: str) -> list[str]:
    """Return the type, or the types of an alternate's branches."""
    if known.kind(type_name) == "alternate":
        return known.alternatives(type_name)
    return [type_name]


def types_below(known: Schema, types: Iterable[str], part: str) -> set[str]:
    found = set()
    for type_name in types:
        for branch in plain(known, type_name):
            if part == "*":
                found.add(known.element_type(branch) or "")
            else:
                found |= {m.type for m in all_members(known, branch) if m.name == part}
    return found - {""}


def reachable(known: Schema, type_name: str) -> Iterator[Member]:
    """Yield the members of a type and of everything that they contain."""
    todo = [type_name]
    visited: set[str] = set()
    while todo:
        for branch in plain(known, todo.pop()):
            if branch in visited:
                continue
            visited.add(branch)
            todo.append(known.element_type(branch) or "")
            for member in all_members(known, branch):
                yield member
                todo.append(member.type)


def accepts_text(known: Schema, types: Iterable[str]) -> bool:
    return any(known.kind(branch) == "str" for name in types for branch in plain(known, name))


def is_real(known: Schema, command: str, member: str) -> bool:
    info = known.command(command) or known.event(command)
    if info is None:
        return False
    if member.startswith("**."):
        found = {m.type for m in reachable(known, info.arg_type) if m.name == member[3:]}
        return accepts_text(known, found)
    types = {info.arg_type}
    for part in member.split("."):
        types = types_below(known, types, part)
    return accepts_text(known, types)


@pytest.mark.parametrize(("command", "member"), [key for key in TABLE if key[0] != OPEN])
def test_each_reference_is_a_real_string_argument(command: str, member: str) -> None:
    assert any(is_real(schema(server), command, member) for server in ALL)


def test_each_reference_kind_has_a_query() -> None:
    found = {
        value
        for name, value in vars(references).items()
        if name.isupper() and name[0] != "_" and isinstance(value, str) and value not in NOT_LIVE
    }
    assert {reference.kind for reference in TABLE.values()} <= found | {
        kinds.FILE,
        kinds.MIGRATION_URI,
        kinds.QOM_PATH,
    }


# Kinds that are not in the table: names outside the schema, parts of paths, and monitor commands.
ELSEWHERE = {kinds.DEVICE_PROPERTY, kinds.QOM_CHILD, kinds.IOMMUFD, kinds.HUMAN_COMMAND}


def test_each_query_kind_is_used() -> None:
    found = {
        value
        for name, value in vars(references).items()
        if name.isupper() and name[0] != "_" and isinstance(value, str) and value not in NOT_LIVE
    }
    assert found - {reference.kind for reference in TABLE.values()} == ELSEWHERE


def test_each_subject_is_a_sibling_or_parent() -> None:
    for (command, member), reference in TABLE.items():
        if reference.subject:
            holders = member.split(".")
            places = [".".join([*holders[:n], reference.subject]) for n in range(len(holders))]
            places = [place.replace(".0", ".*") for place in places]
            assert any(
                is_real(schema(server), command, place) for server in ALL for place in places
            ), (command, member)


def test_conditional_member_names_a_sibling_argument() -> None:
    pairs = [
        (command, member, reference.other)
        for (command, member), reference in TABLE.items()
        if reference.other
    ]
    assert len(pairs) > 4
    for command, member, other in pairs:
        holder = member.removesuffix(".*").rpartition(".")[0]
        place = f"{holder}.{other}" if holder else other
        assert any(
            is_real(schema(server), command, name)
            for server in ALL
            for name in (place, f"{place}.*")
        ), (command, member)


# String arguments that name nothing on the server, or objects that cannot be listed. The test
# below fails for new arguments of a server.
NO_NAMES = [
    "cert-subject",
    "child",
    "command-line",
    "component-id",
    "data",
    "description",
    "fdname",
    "filter-node-name",
    "format",
    "group",
    "hostname",
    "id",
    "job-id",
    "mnonce",
    "name",
    "node-name",
    "opaque",
    "option",
    "packet-header",
    "password",
    "protocol",
    "secret",
    "snapshot-node-name",
    "tag",
    "time",
]


def test_string_arguments_without_kind_are_listed() -> None:
    unknown = set()
    for server in ALL:
        known = schema(server)
        for command in known.commands():
            info = known.command(command)
            assert info is not None
            for member in known.members(info.arg_type).values():
                has_kind = (command, member.name) in TABLE
                if known.kind(member.type) == "str" and not has_kind:
                    unknown.add((command, member.name))
    assert sorted({name for _, name in unknown}) == sorted(NO_NAMES)


@pytest.mark.parametrize(
    ("line", "path", "expected"),
    [
        ("block-stream device=x", ["device"], (kinds.BLOCK_DEVICE, "")),
        ("block-stream speed=1", ["speed"], ("", "")),
        ("screendump device=x", ["device"], (kinds.DISPLAY, "")),
        ("block_set_io_throttle id=x", ["id"], (kinds.BLOCK_QDEV, "")),
        ("device_add bus=x driver=e1000", ["bus"], (kinds.BUS, "e1000")),
        ("block-dirty-bitmap-clear name=b node=n0", ["name"], (kinds.BITMAP, "n0")),
        ("block-dirty-bitmap-clear name=b", ["name"], (kinds.BITMAP, "")),
        ("block-dirty-bitmap-merge node=n0 bitmaps.0=b", ["bitmaps", "0"], (kinds.BITMAP, "n0")),
        (
            "block-dirty-bitmap-merge node=n0 bitmaps.0.name=b bitmaps.0.node=n1",
            ["bitmaps", "0", "name"],
            (kinds.BITMAP, "n1"),
        ),
        ("snapshot-delete devices.0=n2 tag=x", ["tag"], (kinds.SNAPSHOT, "n2")),
        ("qom-get path=/machine property=x", ["property"], (kinds.QOM_PROPERTY, "/machine")),
        ("qom-get path=x", ["path"], (kinds.QOM_PATH, "")),
        ("blockdev-add file.file.filename=x", ["file", "file", "filename"], (kinds.FILE, "")),
        (
            "transaction actions.0.type=block-dirty-bitmap-clear actions.0.data.node=n3",
            ["actions", "0", "data", "name"],
            (kinds.BITMAP, "n3"),
        ),
        ("transaction actions.0.type=x", ["actions", "0", "data", "name"], ("", "")),
        ("transaction actions.0=x", ["actions", "0"], ("", "")),
    ],
)
def test_argument_kind_and_subject_are_found(
    line: str, path: list[str], expected: tuple[str, str]
) -> None:
    name, *rest = tokenize(line)
    call = argument_context(line, len(line), COMMAND, name, rest).call
    assert call is not None
    assert find_kind(TABLE, call, path) == expected
