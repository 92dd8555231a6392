"""Tests of the parser of parameters in the human monitor's help."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from qmpshell.complete import Parameter, choices_after, parse_parameters


def to_text(parameter: Parameter) -> str:
    """Return a parameter as text.

    `a|b` are choices, `NAME` is a value, `.` is neither; `?` marks an optional parameter, `=` a flag with a value.
    """
    text = "|".join(parameter.choices) or parameter.name.upper() or "."
    return text + "=" * parameter.takes_value + "?" * parameter.is_optional


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("device", "DEVICE"),
        ("id args", "ID ARGS"),
        ("[cmd]", "CMD?"),
        ("[-f] device", "-f? DEVICE"),
        ("[-f][-d][-o][-D]", "-f? -d? -o? -D?"),
        ("[-n] [-v] [device]", "-n? -v? DEVICE?"),
        ("[-a|vcpu]", "-a|vcpu?"),
        ("[-z|-l|-s|-w] [-R] filename", "-z|-l|-s|-w? -R? FILENAME"),
        ("filename [-f format] [device [head]]", "FILENAME -f=? DEVICE? HEAD?"),
        ("protocol time [-d display]", "PROTOCOL TIME -d=?"),
        ("device [speed [base]]", "DEVICE SPEED? BASE?"),
        ("filename [begin length]", "FILENAME BEGIN? LENGTH?"),
        ("device|all", "device|all"),
        ("name on|off [vcpu]", "NAME on|off VCPU?"),
        ("[on|off|reset]", "on|off|reset?"),
        ("[reset|inject-nmi]", "reset|inject-nmi?"),
        # Choices that are followed by text are required.
        ("[user|vhost-user],id=str[,prop=value][,...]", "user|vhost-user"),
        ("[netdev_id] [tcp|udp]:[hostaddr]:hostport", "NETDEV_ID? tcp|udp"),
        # Parameters without a list of choices.
        ("item1[,...]", "."),
        ("/fmt addr", ". ADDR"),
        ("driver[,prop=value][,...]", "."),
        ("[qom-type=]type,id=str", "."),
        ('[-d] [device] "[command]"', "-d? DEVICE? ."),
        ("[-n] [[<domain>:]<bus>:]<slot>\n[,snapshot=on|off]", "-n? . .?"),
        ("id <error_status> [<tlp header> [<tlp header prefix>]]", "ID . .? .?"),
        # Unbalanced brackets.
        ("[on|off", "."),
        ("on|off]", "."),
        ("]] on|off", ". on|off"),
        ("[]", ".?"),
        ("|", "."),
    ],
)
def test_help_parameters_are_parsed(text: str, expected: str) -> None:
    assert " ".join(map(to_text, parse_parameters(text))) == expected


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("[-f] device", [], ["-f"]),
        ("[-f] device", ["-f"], []),
        ("[-f] device", ["ide0"], []),  # a flag is not offered after the device
        ("device [-f] filename", [], []),
        ("device [-f] filename", ["ide0"], ["-f"]),
        ("[-n] [-v] [device]", [], ["-n", "-v"]),
        ("[-n] [-v] [device]", ["-n"], ["-v"]),
        ("[-n] [-v] [device]", ["-v"], []),
        ("name on|off [vcpu]", [], []),
        ("name on|off [vcpu]", ["virtio*"], ["on", "off"]),
        ("name on|off [vcpu]", ["virtio*", "on"], []),
        ("name on|off [vcpu]", ["on"], ["on", "off"]),
        ("[netdev_id] [tcp|udp]:[hostaddr]:hostport", [], ["tcp", "udp"]),
        ("[netdev_id] [tcp|udp]:[hostaddr]:hostport", ["n0"], ["tcp", "udp"]),
        ("[netdev_id] [tcp|udp]:[hostaddr]:hostport", ["tcp"], []),
        ("file [-f format] [device]", ["x"], ["-f"]),
        ("file [-f format] [on|off]", ["x", "-f"], []),
        ("file [-f format] [on|off]", ["x", "-f", "on"], ["on", "off"]),
        ("file [-f format] [on|off]", ["x", "-f", "on", "on"], []),
        ("[on|off]", ["on", "on", "on"], []),
        ("", ["on"], []),
    ],
)
def test_choices_depend_on_words_before(text: str, words: list[str], expected: list[str]) -> None:
    assert choices_after(parse_parameters(text), words) == expected


PARAMETERS = st.text(alphabet="[]<>|-,.: \n\tab0\x1b\u202e", max_size=40)


@given(PARAMETERS, st.lists(st.text(alphabet="ab-", max_size=2), max_size=6))
def test_random_text_gives_valid_choices(text: str, words: list[str]) -> None:
    parameters = parse_parameters(text)
    known = {choice for parameter in parameters for choice in parameter.choices}
    assert all(choice and choice in text for choice in known)
    assert set(choices_after(parameters, words)) <= known


@pytest.mark.parametrize("text", ["[" * 200_000, "[-" * 100_000, "[a " * 70_000, "a|" * 100_000])
def test_deep_or_long_text_is_parsed_quickly(text: str) -> None:
    before = time.process_time()
    assert parse_parameters(text)
    assert time.process_time() - before < 5
