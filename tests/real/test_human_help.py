"""Test the parsed help of the human monitor against the monitor itself."""

from __future__ import annotations

import json

from qmpshell.complete import HmpCommand, is_flag, parse_catalogue, parse_parameters
from tests.harness.program import run
from tests.harness.servers import Server


def hmp_output(server: Server, *lines: str) -> list[str]:
    """Return the output of the human monitor for each line."""
    script = "".join(f"human-monitor-command command-line={json.dumps(line)}\n" for line in lines)
    result = run("-r", server.address, input=script)
    assert result.status == 0, result.err
    texts: list[str] = [json.loads(line) for line in result.lines]
    assert len(texts) == len(lines)
    return texts


def flags(command: HmpCommand) -> list[str]:
    parameters = parse_parameters(command.parameters)
    return [choice for parameter in parameters for choice in parameter.choices if is_flag(choice)]


def test_catalogue_matches_help_of_each_command(qemu: Server) -> None:
    catalogue = parse_catalogue(*hmp_output(qemu, "help", "help info"))
    assert len(catalogue.commands) > 100
    assert len(catalogue.info) > 50
    names = [name for name in catalogue.by_name if name != "info"]
    for name, text in zip(
        names, hmp_output(qemu, *(f"help {name}" for name in names)), strict=True
    ):
        if name == "log":
            assert text.startswith("Log items")  # "help log" prints the log items instead
            continue
        (found,) = parse_catalogue(text).commands
        expected = catalogue.by_name[name]
        assert (found.names, found.parameters) == (expected.names, expected.parameters)
        assert found.description == expected.description
    names = list(catalogue.info_by_name)
    texts = hmp_output(qemu, *(f"help info {name}" for name in names))
    for name, text in zip(names, texts, strict=True):
        assert [command.names for command in parse_catalogue("", text).info] == [(name,)]


def test_info_commands_accept_their_parsed_flags(qemu: Server) -> None:
    catalogue = parse_catalogue(*hmp_output(qemu, "help", "help info"))
    lines = [
        f"info {command.names[0]} {flag}" for command in catalogue.info for flag in flags(command)
    ]
    assert len(lines) > 5
    for line, text in zip(lines, hmp_output(qemu, *lines), strict=True):
        assert "unsupported option" not in text, line
    (refused,) = hmp_output(qemu, "info block -x")
    assert "unsupported option" in refused  # the message for an unknown flag
