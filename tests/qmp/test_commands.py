"""Tests of the tables of facts about commands, with the captured schemas."""

from __future__ import annotations

import pytest

from qmpshell.qmp import (
    COMMANDS,
    RUN_STATE_EVENTS,
    RUN_STATES,
    Schema,
    expand_driver_alias,
    load_agent_schema,
    main_argument,
    qmp_name,
)
from tests.harness.human_help import VERSIONS, catalogue
from tests.harness.schemas import SYSTEMS, schema

SCHEMAS = [*map(schema, SYSTEMS), load_agent_schema()]
# Commands that no captured version has.
REMOVED = {"block_passwd"}
SECRETIVE = {name for name, facts in COMMANDS.items() if facts.secrets}


def schemas_with(command: str) -> list[Schema]:
    return [known for known in SCHEMAS if known.command(command) is not None]


def argument_names(known: Schema, command: str) -> set[str]:
    info = known.command(command)
    assert info is not None
    types = [info.arg_type]
    names: set[str] = set()
    for type_name in types:
        names |= known.members(type_name).keys()
        types += [case for case in known.cases(type_name).values() if case not in types]
    return names


@pytest.mark.parametrize("version", VERSIONS)
def test_main_argument_of_monitor_command_is_empty(version: str) -> None:
    names = {name for command in catalogue(version).commands for name in command.names}
    assert [name for name in sorted(names) if main_argument(name) and not schemas_with(name)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_command_with_facts_exists(name: str) -> None:
    assert schemas_with(name) or name in REMOVED


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - REMOVED))
def test_arguments_in_facts_exist(name: str) -> None:
    facts = COMMANDS[name]
    wanted = {*filter(None, (facts.main_argument, facts.secrets_by)), *facts.secrets, *facts.needed}
    found = [argument_names(known, name) for known in schemas_with(name)]
    assert any(wanted <= names for names in found)


@pytest.mark.parametrize("name", sorted(SECRETIVE - REMOVED))
def test_other_arguments_are_complete(name: str) -> None:
    facts = COMMANDS[name]
    known = {*facts.secrets, *facts.other_arguments}
    if name != "object-add":  # only the arguments of secret objects matter
        assert all(argument_names(schema, name) <= known for schema in schemas_with(name))
    assert all(
        known - {"props"} <= argument_names(schema, name) for schema in schemas_with(name)[-1:]
    )


@pytest.mark.parametrize("name", [name for name, facts in COMMANDS.items() if facts.hmp_names])
def test_hmp_names_exist_in_both_versions(name: str) -> None:
    for version in VERSIONS:
        for hmp_name in COMMANDS[name].hmp_names:
            assert catalogue(version).by_name.get(hmp_name) is not None
    assert qmp_name(COMMANDS[name].hmp_names[0]) == name


def test_confirmation_names_its_command() -> None:
    for name, facts in COMMANDS.items():
        assert not facts.confirmation or facts.confirmation.startswith(f"{name} ")


def test_command_that_ends_server_needs_confirmation() -> None:
    ending = [name for name, facts in COMMANDS.items() if facts.ends_server]
    assert ending == ["guest-shutdown", "quit"]
    assert all(COMMANDS[name].confirmation for name in ending)


def test_main_argument_of_id_commands_exists() -> None:
    for known in SCHEMAS:
        for name in known.commands():
            argument = main_argument(name)
            if name not in COMMANDS and argument == "id" and name.endswith(("_del", "-del")):
                assert argument in argument_names(known, name), name


def test_run_state_events_exist() -> None:
    for known in map(schema, SYSTEMS):
        for event in {*RUN_STATES, *RUN_STATE_EVENTS}:
            assert known.event(event) is not None, event


def test_driver_alias_is_never_its_own_driver() -> None:
    for alias in ("virtio-net", "ahci", "lsi"):
        assert alias not in expand_driver_alias(alias)
    assert expand_driver_alias("no-such-driver") == []
