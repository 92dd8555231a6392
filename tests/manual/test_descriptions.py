"""Test the one-line descriptions from the manuals of real versions."""

from __future__ import annotations

import pytest

from qmpshell.complete import Candidate, CompletionSources, complete
from qmpshell.manual import Descriptions, Reference, find_page
from tests.harness.schemas import schema
from tests.harness.servers import Installation

VERSIONS = {"system": "7.2", "newest": "10"}


@pytest.fixture
def descriptions(installation: Installation) -> Descriptions:
    text = find_page("qemu-qmp-ref", None, environment={"MANPATH": installation.manuals})
    assert text is not None
    return Descriptions(Reference(text))


def candidates(line: str, descriptions: Descriptions, version: str) -> dict[str, str]:
    """Return the descriptions in the menu by the text of the entry."""
    known = CompletionSources(schema=schema(version))
    known.descriptions = descriptions
    found: list[Candidate] = complete(line, len(line), known)
    return {candidate.label: candidate.meta for candidate in found}


def test_nearly_every_command_has_a_description(
    descriptions: Descriptions, installation: Installation
) -> None:
    commands = schema(VERSIONS[installation.name]).commands()
    without = [name for name in commands if not descriptions.of_name(name)]
    assert len(without) < len(commands) / 20
    assert descriptions.of_name("stop").startswith(("Stop ", "Stops "))
    assert not any("\n" in descriptions.of_name(name) for name in commands)


def test_menu_describes_commands_and_enum_values(
    descriptions: Descriptions, installation: Installation
) -> None:
    version = VERSIONS[installation.name]
    commands = candidates("block-st", descriptions, version)
    assert commands["block-stream"].startswith("device - Copy data from a backing file into ")
    values = candidates("drive-mirror sync=", descriptions, version)
    assert values["full"] == "copies data from all images to the destination"
    arguments = candidates("block-stream ", descriptions, version)
    assert arguments["job-id="] == "str"


def test_undocumented_value_has_no_description(descriptions: Descriptions) -> None:
    found = descriptions.of_values(["null-co", "null-aio", "qcow2", "raw", "blkdebug"])
    assert "null-co" in found
    assert "Not documented" not in found.values()


def test_enum_with_removed_values_is_described(descriptions: Descriptions) -> None:
    some = descriptions.of_values(["top", "full", "none", "incremental"])
    assert some["top"] == "copies data in the topmost image to the destination"


@pytest.mark.parametrize("values", [[], ["no-such-value"], ["full", "no-such-value"]])
def test_unknown_enum_has_no_descriptions(descriptions: Descriptions, values: list[str]) -> None:
    assert descriptions.of_values(values) == {}


def test_enums_that_fit_equally_give_no_descriptions() -> None:
    enum = ".SS \\fB{}\\fP (Enum)\n.SS Values\n.INDENT 0.0\n.TP\n.B \\fBa\\fP\n{}\n.UNINDENT\n"
    alone = Descriptions(Reference(enum.format("One", "first. More.")))
    assert alone.of_values(["a"]) == {"a": "first"}
    both = enum.format("One", "first.") + enum.format("Two", "second.")
    assert Descriptions(Reference(both)).of_values(["a"]) == {}
    assert Descriptions(None).of_values(["a"]) == {}
    assert Descriptions(None).of_name("stop") == ""
