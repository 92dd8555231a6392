"""The catalogue against the monitor that it was read from."""

from __future__ import annotations

import json

from qmpshell.complete import HumanCommand, is_flag, read_catalogue, read_parameters
from tests.harness.program import run
from tests.harness.servers import Server


def printed(server: Server, *lines: str) -> list[str]:
    """What the human monitor prints of each line, as it came."""
    script = "".join(f"human-monitor-command command-line={json.dumps(line)}\n" for line in lines)
    result = run("-r", server.address, input=script)
    assert result.status == 0, result.err
    texts: list[str] = [json.loads(line) for line in result.lines]
    assert len(texts) == len(lines)
    return texts


def flags(command: HumanCommand) -> list[str]:
    parameters = read_parameters(command.parameters)
    return [choice for one in parameters for choice in one.choices if is_flag(choice)]


def test_the_monitor_knows_each_name_by_the_help_that_it_was_read_from(qemu: Server) -> None:
    catalogue = read_catalogue(*printed(qemu, "help", "help info"))
    assert len(catalogue.commands) > 100
    assert len(catalogue.info) > 50
    names = [name for name in catalogue.names if name != "info"]
    for name, text in zip(names, printed(qemu, *(f"help {one}" for one in names)), strict=True):
        if name == "log":
            assert text.startswith("Log items")  # its help lists them
            continue
        (found,) = read_catalogue(text).commands
        expected = catalogue.find(name)
        assert expected is not None
        assert (found.names, found.parameters) == (expected.names, expected.parameters)
        assert found.description == expected.description
    names = catalogue.info_names
    texts = printed(qemu, *(f"help info {one}" for one in names))
    for name, text in zip(names, texts, strict=True):
        assert [one.names for one in read_catalogue("", text).info] == [(name,)]


def test_the_monitor_takes_the_flags_of_info(qemu: Server) -> None:
    catalogue = read_catalogue(*printed(qemu, "help", "help info"))
    lines = [f"info {one.names[0]} {flag}" for one in catalogue.info for flag in flags(one)]
    assert len(lines) > 5
    for line, text in zip(lines, printed(qemu, *lines), strict=True):
        assert "unsupported option" not in text, line
    (refused,) = printed(qemu, "info block -x")
    assert "unsupported option" in refused  # so it would say
