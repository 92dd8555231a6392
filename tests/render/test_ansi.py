"""Tests of colors in the output of scripts."""

from __future__ import annotations

import json
import re

import pexpect
import pytest

from qmpshell.render import color_json
from tests.harness.program import COMMAND, environment, run
from tests.harness.servers import Server

VALUE = {"a": [1, "x\x1b[2J", None, 2.5], "b": {}, "é": True}


@pytest.mark.parametrize(("pretty", "indent"), [(True, 2), (False, None)])
def test_json_without_colors_equals_plain_json(pretty: bool, indent: int | None) -> None:
    text = color_json(VALUE, pretty=pretty).decode("ascii")
    assert re.sub(r"\x1b\[[0-9]*m", "", text) == json.dumps(VALUE, indent=indent) + "\n"
    assert "\x1b[34m" in text


def test_each_json_kind_has_its_color() -> None:
    expected = (
        '{"a": [1, "x\\u001b", null, 2.5, true, {}]}'.replace('"a"', '\x1b[34m"a"\x1b[0m')
        .replace('"x\\u001b"', '\x1b[32m"x\\u001b"\x1b[0m')
        .replace("1,", "\x1b[36m1\x1b[0m,")
        .replace("2.5", "\x1b[36m2.5\x1b[0m")
        .replace("null", "\x1b[35mnull\x1b[0m")
        .replace("true", "\x1b[35mtrue\x1b[0m")
    )
    value = {"a": [1, "x\x1b", None, 2.5, True, {}]}
    assert color_json(value, pretty=False).decode("ascii") == expected + "\n"


@pytest.mark.parametrize("pretty", [True, False])
def test_colors_end_on_their_line(pretty: bool) -> None:
    for line in color_json([VALUE] * 3, pretty=pretty).decode("ascii").splitlines():
        assert re.fullmatch(r"([^\x1b]*\x1b\[3[0-9]m[^\x1b]+\x1b\[0m)*[^\x1b]*", line)


def test_deeply_nested_value_is_colored() -> None:
    value: object = 1
    for _ in range(3000):
        value = [value]
    text = color_json(value, pretty=False).decode("ascii")
    assert text == "[" * 3000 + "\x1b[36m1\x1b[0m" + "]" * 3000 + "\n"


def test_pipe_output_is_colored_only_with_option(one_qemu: Server) -> None:
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
def test_terminal_output_color_follows_options_and_environment(
    one_qemu: Server, arguments: tuple[str, ...], variables: dict[str, str], expected: bool
) -> None:
    child: pexpect.spawn[bytes] = pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], *arguments, "-c", "query-version", one_qemu.address],
        env=environment(**({"TERM": "xterm"} | variables)),
        timeout=60,
    )
    shown = bytes(child.read())
    child.close()
    assert (b"\x1b[" in shown) == expected
    assert b'"qemu": {' in re.sub(rb"\x1b\[[0-9]*m", b"", shown)
