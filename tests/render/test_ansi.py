"""Colours in a script's output: only where they are wanted, and nothing but colours."""

from __future__ import annotations

import json
import re

import pexpect
import pytest

from qmpshell.render import coloured
from tests.harness.program import COMMAND, environment, run
from tests.harness.servers import Server

VALUE = {"a": [1, "x\x1b[2J", None, 2.5], "b": {}, "é": True}


@pytest.mark.parametrize(("pretty", "indent"), [(True, 2), (False, None)])
def test_without_its_colours_it_is_the_same_json(pretty: bool, indent: int | None) -> None:
    text = coloured(VALUE, pretty=pretty).decode("ascii")
    assert re.sub(r"\x1b\[[0-9]*m", "", text) == json.dumps(VALUE, indent=indent) + "\n"
    assert "\x1b[34m" in text


def test_colours_are_those_of_the_kinds() -> None:
    expected = (
        '{"a": [1, "x\\u001b", null, 2.5, true, {}]}'.replace('"a"', '\x1b[34m"a"\x1b[0m')
        .replace('"x\\u001b"', '\x1b[32m"x\\u001b"\x1b[0m')
        .replace("1,", "\x1b[36m1\x1b[0m,")
        .replace("2.5", "\x1b[36m2.5\x1b[0m")
        .replace("null", "\x1b[35mnull\x1b[0m")
        .replace("true", "\x1b[35mtrue\x1b[0m")
    )
    value = {"a": [1, "x\x1b", None, 2.5, True, {}]}
    assert coloured(value, pretty=False).decode("ascii") == expected + "\n"


@pytest.mark.parametrize("pretty", [True, False])
def test_no_colour_reaches_over_a_line(pretty: bool) -> None:
    for line in coloured([VALUE] * 3, pretty=pretty).decode("ascii").splitlines():
        assert re.fullmatch(r"([^\x1b]*\x1b\[3[0-9]m[^\x1b]+\x1b\[0m)*[^\x1b]*", line)


def test_deep_nesting() -> None:
    value: object = 1
    for _ in range(3000):
        value = [value]
    text = coloured(value, pretty=False).decode("ascii")
    assert text == "[" * 3000 + "\x1b[36m1\x1b[0m" + "]" * 3000 + "\n"


def test_a_pipe_has_colours_only_when_told(one_qemu: Server) -> None:
    assert "\x1b" not in run("-c", "query-version", one_qemu.address).out
    always = run("--color", "always", "-c", "query-version", one_qemu.address)
    assert "\x1b[36m" in always.out
    assert len(always.lines) == 1


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        ((), {}, True),
        (("--color", "never"), {}, False),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"TERM": "dumb"}, False),
    ],
)
def test_at_a_terminal(
    one_qemu: Server, arguments: tuple[str, ...], variables: dict[str, str], expected: bool
) -> None:
    child: pexpect.spawn[bytes] = pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], *arguments, "-c", "query-version", one_qemu.address],
        env=environment(**({"TERM": "xterm"} | variables)),
        timeout=15,
    )
    shown = bytes(child.read())
    child.close()
    assert (b"\x1b[" in shown) == expected
    assert b'"qemu": {' in re.sub(rb"\x1b\[[0-9]*m", b"", shown)
