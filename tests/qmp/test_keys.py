"""Tests of the names of keys, with the schemas of real servers."""

from __future__ import annotations

import string

import pytest

from qmpshell.qmp import Schema, key_names, keys_for, keys_for_name, split_combination
from tests.harness.schemas import SYSTEMS, schema


def test_names_without_schema_are_those_of_newest_server() -> None:
    assert set(key_names(None)) == set(key_names(schema("10")))
    assert "f13" in key_names(schema("10"))
    assert "f13" not in key_names(schema("7.2"))


def test_schema_without_keys_gives_the_known_names() -> None:
    assert key_names(Schema([])) == key_names(None)
    command = {"name": "send-key", "meta-type": "command", "arg-type": "0", "ret-type": "0"}
    assert key_names(Schema([command])) == key_names(None)


@pytest.mark.parametrize("server", SYSTEMS)
def test_printable_characters_have_keys_of_the_server(server: str) -> None:
    names = key_names(schema(server))
    for char in string.printable.replace("\r", "").replace("\v", "").replace("\f", ""):
        keys = keys_for(char)
        assert keys, char
        assert set(keys) <= set(names), char


def test_characters_with_the_same_key_differ_by_shift() -> None:
    pressed = [keys_for(char) for char in string.printable if keys_for(char)]
    assert len(set(pressed)) == len(pressed)
    assert keys_for("A") == ("shift", "a")
    assert keys_for("_") == ("shift", "minus")


@pytest.mark.parametrize("char", ["é", "\0", "€", "\u00a0", ""])
def test_other_characters_have_no_keys(char: str) -> None:
    assert keys_for(char) == ()


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("ret", ("ret",)),
        ("Enter", ("ret",)),
        ("F12", ("f12",)),
        ("a", ("a",)),
        ("A", ("shift", "a")),
        ("+", ("shift", "equal")),
        ("5", ("5",)),
        ("foo", ()),
        ("", ()),
        ("é", ()),
    ],
)
def test_name_alone_gives_its_keys(name: str, keys: tuple[str, ...]) -> None:
    assert keys_for_name(name, key_names(None), is_alone=True) == keys


def test_capital_in_a_combination_needs_no_shift() -> None:
    names = key_names(None)
    assert keys_for_name("C", names, is_alone=False) == ("c",)
    assert keys_for_name("+", names, is_alone=False) == ("shift", "equal")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ret", ["ret"]),
        ("ctrl-alt-f1", ["ctrl", "alt", "f1"]),
        ("ctrl--", ["ctrl", "-"]),
        ("-", ["-"]),
        ("--", ["-"]),
        ("ctrl-", ["ctrl", ""]),
        ("", [""]),
    ],
)
def test_combination_is_split_at_hyphens(text: str, parts: list[str]) -> None:
    assert split_combination(text) == parts
