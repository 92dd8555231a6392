"""Tests of the parsing of scalars by type, and of ambiguous values."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from qmpshell import connect
from qmpshell.qmp import (
    is_ambiguous,
    parse_any,
    parse_bool,
    parse_int,
    parse_number,
    parse_property,
)
from tests.harness.servers import Installation, start_qemu

K = 1024


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("007", 7),
        ("010", 10),
        ("9223372036854775808", 2**63),
        ("0x10", 16),
        ("0X1F", 31),
        ("-0x10", -16),
        ("0x1b", 27),
        ("0x1e", 30),
        ("5b", 5),
        ("5B", 5),
        ("64k", 64 * K),
        ("64K", 64 * K),
        ("1m", K**2),
        ("10G", 10 * K**3),
        ("2T", 2 * K**4),
        ("3P", 3 * K**5),
        ("1E", K**6),
        ("-1k", -K),
        ("1.5G", 3 * K**3 // 2),
        ("-1.5k", -1536),
        ("0.5k", 512),
        ("2.0b", 2),
        ("1.0k", K),
    ],
)
def test_parse_int_accepts_numbers_and_suffixes(text: str, value: int) -> None:
    assert parse_int(text) == value
    assert is_ambiguous(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-", "+", "x", "k", "0x", "0xg", "1.5", "1.0", "1.5b", "0.3k", "1.", ".5k"),
        *("1e3", "1kk", "1 k", " 1", "1 ", "1\n", "1KiB", "4Ki", "1_000", "--1", "5.0.0", "٣", "²"),
        *("0x10k", "true", "on", "null", "inf", "nan", "0o7", "0b1"),
    ],
)
def test_parse_int_rejects_other_text(text: str) -> None:
    assert parse_int(text) is None


@pytest.mark.parametrize("digits", ["9" * 5000, "9" * 5000 + "k", "1." + "1" * 5000 + "G"])
def test_parse_int_rejects_too_many_digits(digits: str) -> None:
    assert parse_int(digits) is None
    assert is_ambiguous(digits)


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("-5", -5), ("1.5", 1.5), ("1e3", 1000.0), ("-0.5E-1", -0.05), ("0", 0)],
)
def test_parse_number_accepts_json_numbers(text: str, value: float) -> None:
    parsed = parse_number(text)
    assert parsed == value
    assert type(parsed) is type(value)
    assert is_ambiguous(text)


@pytest.mark.parametrize(
    "text", ["", "+5", "007", "1.", ".5", "0x10", "64k", "1e", "1e999", "-1e999", "inf", "nan"]
)
def test_parse_number_rejects_other_text(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize("text", ["true", "True", "on", "yes"])
def test_parse_bool_accepts_words_for_true(text: str) -> None:
    assert parse_bool(text) is True
    assert is_ambiguous(text)


@pytest.mark.parametrize("text", ["false", "False", "off", "no"])
def test_parse_bool_accepts_words_for_false(text: str) -> None:
    assert parse_bool(text) is False
    assert is_ambiguous(text)


@pytest.mark.parametrize("text", ["", "1", "0", "ON", "TRUE", "y", "n", "enabled", "true ", "null"])
def test_parse_bool_rejects_other_text(text: str) -> None:
    assert parse_bool(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("None", None),
        ("on", "on"),
        ("no", "no"),
        ("64k", "64k"),
        ("0x10", "0x10"),
        ("007", "007"),
        ("1e1x", "1e1x"),
        ("1e999", "1e999"),
        ("", ""),
    ],
)
def test_parse_any_chooses_type_by_text(text: str, value: object) -> None:
    parsed = parse_any(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("text", ["null", "None", "{", "[", "{'a': 1}", "[1]", "1e999", "0.3k"])
def test_null_json_and_odd_numbers_are_ambiguous(text: str) -> None:
    assert is_ambiguous(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "disk0",
            "qcow2",
            "5.0.0",
            "06.0.1",
            "1e1x",
            "x1",
            "/a[0]",
            "-",
            "--5",
            "NULL",
            "nan",
        ),
        *("00:11:22:33:44:55", "tcp:host:4444", "onward", "Infinity", "1..2", "5\n", "٣", "1,5"),
    ],
)
def test_plain_strings_are_not_ambiguous(text: str) -> None:
    assert not is_ambiguous(text)


@given(st.text() | st.text("0123456789.+-eExXkKmMGbB"))
def test_unambiguous_text_is_parsed_as_string(text: str) -> None:
    if not is_ambiguous(text):
        assert parse_int(text) is None
        assert parse_number(text) is None
        assert parse_bool(text) is None
        assert parse_any(text) == text


@given(st.integers())
def test_random_integers_are_parsed_exactly(number: int) -> None:
    assert parse_int(str(number)) == number
    assert parse_int(hex(number)) == number
    assert parse_int(f"{number}k") == number * K


@given(st.integers(0, 2**64), st.sampled_from("kMGTPE"))
def test_fractional_size_is_exact_or_rejected(number: int, suffix: str) -> None:
    unit = K ** ("kMGTPE".index(suffix) + 1)
    text = f"{number // 1000}.{number % 1000:03}{suffix}"
    value, rest = divmod(number * unit, 1000)
    assert parse_int(text) == (None if rest else value)


# -- QOM ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "type_name", "value"),
    [
        ("on", "bool", True),
        ("false", "bool", False),
        ("maybe", "bool", "maybe"),
        ("1", "bool", "1"),
        *(("16", name, 16) for name in ("int", "int8", "int16", "int32", "int64")),
        *(("16", name, 16) for name in ("uint8", "uint16", "uint32", "uint64", "uint4")),
        ("-1", "int64", -1),
        ("0x10", "uint64_t", 16),
        ("64k", "size", 65536),
        ("64k", "size32", 65536),
        ("5.0", "int32", "5.0"),
        ("auto", "uint32", "auto"),
        ("", "uint32", ""),
        ("1.5", "number", 1.5),
        ("2", "double", 2),
        ("64k", "number", "64k"),
        ("5", "str", "5"),
        ("5", "string", "5"),
        ("true", "str", "true"),
        ("5", "link<memory-backend>", "5"),
        ("5", "child<irq>", "5"),
        ("on", "OnOffAuto", "on"),
        ("8", "PCIELinkWidth", "8"),
        ("1", "QemuUUID", "1"),
        ("5", "intList", "5"),
        ("1", "guest statistics", "1"),
        ("5", "any", 5),
        ("null", "any", None),
        ("64k", "any", "64k"),
    ],
)
def test_parse_property_uses_the_property_type(text: str, type_name: str, value: object) -> None:
    parsed = parse_property(text, type_name)
    assert parsed == value
    assert type(parsed) is type(value)


@given(st.text(), st.text() | st.sampled_from(["bool", "int", "size", "number", "any", "str"]))
def test_parse_property_accepts_random_text(text: str, type_name: str) -> None:
    parse_property(text, type_name)


def test_real_device_accepts_property_values(installation: Installation, tmp_path: Path) -> None:
    """`addr=10` means slot 0x10; the integer 16 means slot 2 in QEMU 10 and slot 0x16 in 7.2."""
    typed = {"driver": "pci-testdev", "id": "t0", "addr": "10", "multifunction": "on"}
    typed |= {"membar": "64k", "romfile": ""}
    with (
        start_qemu(installation, tmp_path / "vm.sock", machine="pc") as server,
        connect(server.address) as qmp,
    ):
        listed = qmp.execute("device-list-properties", {"typename": "pci-testdev"})
        properties = {prop["name"]: prop for prop in listed}
        arguments: dict[str, object] = dict(typed)
        for name in properties.keys() & typed.keys():
            prop = properties[name]
            arguments[name] = parse_property(
                typed[name], prop["type"], description=prop.get("description", "")
            )
        assert (arguments["addr"], arguments["multifunction"]) == ("10", True)
        assert arguments["membar"] == 65536
        qmp.execute("device_add", arguments)
        [bus] = qmp.execute("query-pci")
        slots = {device["qdev_id"]: device["slot"] for device in bus["devices"]}
        assert slots["t0"] == 0x10
