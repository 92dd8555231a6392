"""Tests of the model of query-qmp-schema, with schemas of real servers and malformed schemas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell import connect
from qmpshell.qmp import CommandInfo, Member, Schema
from tests.harness.servers import Installation, Server

# Schemas by version; the first test that needs a schema starts the server.
_captured: dict[str, Any] = {}


@pytest.fixture
def entities(installation: Installation, request: pytest.FixtureRequest) -> Any:
    if installation.name not in _captured:
        server: Server = request.getfixturevalue("qemu")
        with connect(server.address) as qmp:
            _captured[installation.name] = qmp.execute("query-qmp-schema")
    return _captured[installation.name]


@pytest.fixture
def schema(entities: Any) -> Schema:
    return Schema(entities)


def unset(_tag: str) -> str | None:
    return None


def chosen(**tags: str) -> Callable[[str], str | None]:
    """Return a function that maps discriminators to values; `_` becomes a dash."""
    return {name.replace("_", "-"): value for name, value in tags.items()}.get


def command_info(schema: Schema, name: str) -> CommandInfo:
    info = schema.command(name)
    assert info is not None
    return info


def arguments(schema: Schema, command: str, **tags: str) -> dict[str, Member]:
    return schema.members(command_info(schema, command).arg_type, chosen(**tags))


def kinds(schema: Schema, alternate: str) -> list[str]:
    return sorted(str(schema.kind(name)) for name in schema.alternatives(alternate))


# -- commands and events -----------------------------------------------------------------------


def test_commands_and_events_have_names_types_and_features(schema: Schema) -> None:
    assert {"query-status", "blockdev-add", "quit"} <= set(schema.commands())
    assert {"STOP", "RESUME", "BLOCK_JOB_COMPLETED"} <= set(schema.events())
    assert not set(schema.commands()) & set(schema.events())
    status = command_info(schema, "query-status")
    assert (status.name, status.allow_oob, status.features) == ("query-status", False, ())
    assert schema.members(status.arg_type, unset) == {}
    assert schema.kind(status.ret_type) == "object"
    event = schema.event("BLOCK_JOB_COMPLETED")
    assert event is not None
    assert {"device", "len", "offset"} <= set(schema.members(event.arg_type, unset))


def test_commands_with_oob_are_marked(schema: Schema) -> None:
    allowed = {name for name in schema.commands() if command_info(schema, name).allow_oob}
    assert {"migrate-pause", "migrate-recover", "yank", "query-yank"} == allowed


def test_name_of_another_kind_is_not_found(schema: Schema) -> None:
    assert schema.command("STOP") is None
    assert schema.command("str") is None
    assert schema.event("quit") is None
    assert schema.kind("quit") is None
    assert schema.entity("no such") is None
    assert schema.members("str", unset) == {}


# -- types -------------------------------------------------------------------------------------


def test_builtin_types_have_kinds(schema: Schema) -> None:
    known = {name: schema.kind(name) for name in ("str", "int", "number", "bool", "null", "any")}
    assert known == {
        "str": "str",
        "int": "int",
        "number": "number",
        "bool": "boolean",
        "null": "null",
        "any": "any",
    }


def test_every_type_has_a_kind(schema: Schema, entities: Any) -> None:
    for entity in entities:
        is_type = entity["meta-type"] not in ("command", "event")
        assert (schema.kind(entity["name"]) is not None) == is_type
        assert schema.entity(entity["name"]) is entity


def test_enums_have_values_with_features(schema: Schema) -> None:
    on_error = arguments(schema, "block-stream")["on-error"]
    assert schema.kind(on_error.type) == "enum"
    values = schema.enum_values(on_error.type)
    assert list(values) == ["report", "ignore", "enospc", "stop", "auto"]
    assert set(values.values()) == {()}
    capabilities = arguments(schema, "migrate-set-capabilities")["capabilities"]
    element = schema.element_type(capabilities.type)
    assert element is not None
    capability = schema.members(element, unset)["capability"]
    assert "unstable" in schema.enum_values(capability.type)["x-colo"]


@pytest.mark.parametrize(
    "entity",
    [
        {"values": ["a", "b"]},
        {"members": [{"name": "a"}, {"name": "b"}]},
        {"members": [{"name": "a", "features": []}], "values": ["a", "b"]},
    ],
)
def test_enums_parse_in_both_schema_forms(entity: dict[str, Any]) -> None:
    schema = Schema([{"name": "1", "meta-type": "enum", **entity}])
    assert schema.enum_values("1") == {"a": (), "b": ()}


def test_alternates_are_found_by_their_structure(schema: Schema) -> None:
    """BlockdevRef, BlockdevRefOrNull and StrOrNull have no names on the wire."""
    qcow2 = arguments(schema, "blockdev-add", driver="qcow2")
    info = command_info(schema, "blockdev-add")
    assert schema.kind(qcow2["file"].type) == "alternate"
    assert kinds(schema, qcow2["file"].type) == ["object", "str"]
    assert info.arg_type in schema.alternatives(qcow2["file"].type)
    assert kinds(schema, qcow2["backing"].type) == ["null", "object", "str"]
    assert info.arg_type in schema.alternatives(qcow2["backing"].type)
    parameters = arguments(schema, "migrate-set-parameters")
    assert kinds(schema, parameters["tls-creds"].type) == ["null", "str"]


# -- unions ------------------------------------------------------------------------------------


def test_union_has_members_of_its_variant(schema: Schema) -> None:
    base = arguments(schema, "blockdev-add")
    qcow2 = arguments(schema, "blockdev-add", driver="qcow2")
    assert {"driver", "node-name", "read-only", "discard"} <= set(base)
    assert "file" not in base
    assert {*base, "file", "backing", "lazy-refcounts", "encrypt"} <= set(qcow2)
    assert not qcow2["driver"].optional
    assert qcow2["node-name"].optional
    assert not qcow2["file"].optional
    assert set(arguments(schema, "blockdev-add", driver="no such")) == set(base)


def test_union_inside_union_has_its_members(schema: Schema) -> None:
    qcow2 = arguments(schema, "blockdev-add", driver="qcow2")
    inner = next(name for name in schema.alternatives(qcow2["file"].type) if schema.tag(name))
    assert schema.tag(inner) == "driver"
    assert {"filename", "locking"} <= set(schema.members(inner, chosen(driver="file")))
    nbd = schema.members(inner, chosen(driver="nbd"))
    assert schema.tag(nbd["server"].type) == "type"
    assert {"host", "port"} <= set(schema.members(nbd["server"].type, chosen(type="inet")))


def test_union_has_tag_and_cases(schema: Schema) -> None:
    info = command_info(schema, "blockdev-add")
    assert schema.tag(info.arg_type) == "driver"
    cases = schema.cases(info.arg_type)
    assert {"qcow2", "raw", "null-co", "nbd"} <= set(cases)
    assert all(schema.kind(name) == "object" for name in cases.values())
    driver = arguments(schema, "blockdev-add")["driver"]
    assert set(cases) == set(schema.enum_values(driver.type))
    assert schema.tag("str") is None
    assert schema.cases("str") == {}


def test_chardev_backend_has_three_nested_levels(schema: Schema) -> None:
    backend = arguments(schema, "chardev-add")["backend"].type
    assert schema.tag(backend) == "type"
    data = schema.members(backend, chosen(type="socket"))["data"].type
    address = schema.members(data, unset)["addr"].type
    assert schema.tag(address) == "type"
    inner = schema.members(address, chosen(type="unix"))["data"].type
    assert "path" in schema.members(inner, unset)


@pytest.mark.parametrize(
    ("command", "tag", "case", "member"),
    [
        ("netdev_add", "type", "user", "hostfwd"),
        ("netdev_add", "type", "tap", "ifname"),
        ("object-add", "qom-type", "memory-backend-ram", "size"),
        ("object-add", "qom-type", "secret", "data"),
        ("object-add", "qom-type", "iothread", "poll-max-ns"),
        ("set_password", "protocol", "vnc", "display"),
        ("block-export-add", "type", "nbd", "name"),
    ],
)
def test_union_command_has_members_of_its_variant(
    schema: Schema, command: str, tag: str, case: str, member: str
) -> None:
    base = arguments(schema, command)
    assert not base[tag].optional
    assert member not in base
    assert member in arguments(schema, command, **{tag.replace("-", "_"): case})


def test_variant_without_members_adds_none(schema: Schema) -> None:
    assert set(arguments(schema, "set_password", protocol="spice")) == {
        "protocol",
        "password",
        "connected",
    }


def test_nested_union_adds_its_variant() -> None:
    """The channels of `migrate` have nested unions, with all tags on one level."""

    def union(name: str, tag: str, **variants: str) -> dict[str, Any]:
        return {
            "name": name,
            "meta-type": "object",
            "members": [{"name": tag, "type": "str"}],
            "tag": tag,
            "variants": [{"case": case, "type": to} for case, to in variants.items()],
        }

    leaf = {"name": "3", "meta-type": "object", "members": [{"name": "path", "type": "str"}]}
    schema = Schema([union("1", "transport", socket="2"), union("2", "type", unix="3"), leaf])
    assert list(schema.members("1", chosen(transport="socket"))) == ["transport", "type"]
    assert list(schema.members("1", chosen(transport="socket", type="unix"))) == [
        "transport",
        "type",
        "path",
    ]
    circle = Schema([union("1", "a", x="2"), union("2", "b", x="1")])
    assert list(circle.members("1", lambda _tag: "x")) == ["a", "b"]


def test_migration_channel_unions_have_their_members(schema: Schema) -> None:
    channels = arguments(schema, "migrate").get("channels")
    if channels is None:
        return  # since QEMU 8.2
    channel = schema.element_type(channels.type)
    assert channel is not None
    address = schema.members(channel, unset)["addr"].type
    assert "path" in schema.members(address, chosen(transport="socket", type="unix"))
    assert "args" in schema.members(address, chosen(transport="exec"))


# -- features, missing fields ------------------------------------------------------------------


def test_commands_members_and_values_have_features(schema: Schema) -> None:
    assert "deprecated" in command_info(schema, "drive-backup").features
    assert "unstable" in command_info(schema, "x-exit-preconfig").features
    assert "deprecated" in arguments(schema, "eject")["device"].features
    assert arguments(schema, "eject")["id"].features == ()
    members = [member for name in schema.commands() for member in arguments(schema, name).values()]
    assert any("unstable" in member.features for member in members)


def test_open_arguments_are_not_in_the_schema(schema: Schema) -> None:
    assert set(arguments(schema, "device_add")) == {"driver", "bus", "id"}
    assert schema.kind(arguments(schema, "qom-set")["value"].type) == "any"


def test_every_referenced_type_exists(schema: Schema) -> None:
    visited: set[str] = set()
    todo: list[str] = []
    for name in schema.commands():
        command = command_info(schema, name)
        assert schema.kind(command.arg_type) == "object"
        todo += [command.arg_type, command.ret_type]
    for name in schema.events():
        event = schema.event(name)
        assert event is not None
        todo.append(event.arg_type)
    while todo:
        name = todo.pop()
        if name not in visited:
            visited.add(name)
            todo += referenced_types(schema, name)
    assert len(visited) > 700


def referenced_types(schema: Schema, name: str) -> list[str]:
    """Return the types that an entity refers to, after checking that the entity is valid."""
    kind = schema.kind(name)
    assert kind is not None, name
    found: list[str] = []
    if kind == "array":
        found = [str(schema.element_type(name))]
    elif kind == "alternate":
        found = schema.alternatives(name)
    elif kind == "enum":
        assert schema.enum_values(name)
    elif kind == "object":
        found = [member.type for member in schema.members(name, unset).values()]
        tag = schema.tag(name)
        assert (tag is None) == (not schema.cases(name))
        for case, variant in schema.cases(name).items():
            assert schema.members(name, {tag: case}.get).keys() >= (
                schema.members(variant, unset).keys()
            )
            found.append(variant)
    return found


# -- malformed schemas -------------------------------------------------------------------------

_WORDS = st.sampled_from(
    [
        "a",
        "b",
        "name",
        "meta-type",
        "builtin",
        "enum",
        "array",
        "object",
        "alternate",
        "command",
        "event",
        "string",
    ]
)
_KEYS = st.sampled_from(
    [
        "name",
        "meta-type",
        "json-type",
        "members",
        "values",
        "element-type",
        "tag",
        "variants",
        "case",
        "type",
        "default",
        "features",
        "arg-type",
        "ret-type",
        "allow-oob",
    ]
)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | _WORDS, inner, max_size=6),
    max_leaves=12,
)
_ENTITIES = st.lists(st.dictionaries(_KEYS, _ANYTHING, max_size=10), max_size=8)


@given(_ENTITIES | st.lists(_ANYTHING) | _ANYTHING)
def test_malformed_schema_raises_no_error(entities: Any) -> None:
    schema = Schema(entities)
    for name in [*schema.commands(), *schema.events(), "a", "b", "name", ""]:
        schema.command(name)
        schema.event(name)
        schema.entity(name)
        schema.kind(name)
        schema.enum_values(name)
        schema.element_type(name)
        schema.alternatives(name)
        schema.tag(name)
        schema.cases(name)
        for tag_value in (unset, lambda _tag: "a"):
            for member in schema.members(name, tag_value).values():
                schema.kind(member.type)


def test_missing_field_is_none_or_empty() -> None:
    schema = Schema(
        [
            {"name": "c", "meta-type": "command"},
            {"name": "o", "meta-type": "object", "members": [{"name": "m"}], "tag": "m"},
            {"name": "l", "meta-type": "array"},
        ]
    )
    command = command_info(schema, "c")
    assert (command.arg_type, command.ret_type, command.features) == ("", "", ())
    assert schema.kind("") is None
    assert schema.element_type("l") is None
    members = schema.members("o", chosen(m="x"))
    assert members == {"m": Member("m", "", optional=False, features=())}
