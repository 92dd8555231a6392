"""Tests of human monitor commands over QMP: requests, replies and errors."""

from __future__ import annotations

import pytest

from qmpshell.qmp import failed, hmp_command, hmp_text, selected_cpu


@pytest.mark.parametrize(
    ("cpu", "arguments"),
    [
        (None, {"command-line": "info status"}),
        (0, {"command-line": "info status", "cpu-index": 0}),
        (3, {"command-line": "info status", "cpu-index": 3}),
    ],
)
def test_hmp_command_contains_line_and_cpu(cpu: int | None, arguments: dict[str, object]) -> None:
    assert hmp_command("info status", cpu) == {
        "execute": "human-monitor-command",
        "arguments": arguments,
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [("a\r\nb\r\n", "a\nb\n"), ("", ""), ("a", "a"), ({}, "{}"), (5, "5")],
)
def test_hmp_text_normalizes_line_ends(value: object, text: str) -> None:
    assert hmp_text(value) == text


@pytest.mark.parametrize(
    "text",
    [
        "unknown command: 'foo'\n",
        "Error: Device 'x' not found\n",
        "invalid CPU index\n",
        'device_add: string expected\nTry "help device_add" for more information\n',
        'cpu: extraneous characters at the end of line\nTry "help cpu" for more information\n',
        "warning: something else\nError: Device 'x' not found\n",
        "Error: no\nand more\n",
    ],
)
def test_error_text_means_failure(text: str) -> None:
    assert failed(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "VM status: paused\n",
        "Errors: 0\n",
        "virtio0: no Error: at all\n",
        "id = \"unknown command: 'x'\"\n",
        "There is no snapshot available.\n",
        "ret = 5\n" * 1000,
    ],
)
def test_other_text_means_success(text: str) -> None:
    assert not failed(text)


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("cpu 1", "1"),
        ("cpu   12", "12"),
        ("cpu\t0", "0"),
        ("cpu", None),
        ("cpu ", None),
        ("cpu x", None),
        ("cpu -1", None),
        ("cpu 1 2", None),
        ("cpus 1", None),
        ("info cpu 1", None),
        ("cpu 99999999999999999999", None),
    ],
)
def test_cpu_command_returns_selected_cpu(line: str, number: str | None) -> None:
    assert selected_cpu(line) == (None if number is None else int(number))
