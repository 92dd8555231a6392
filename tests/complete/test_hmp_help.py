"""Tests of the parser of the human monitor's help text."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, strategies as st

from qmpshell.complete import HmpCatalogue, HmpCommand, parse_catalogue, parse_parameters
from qmpshell.render import escape
from tests.harness.human_help import VERSIONS, catalogue, help_text, info_text


def command(text: str) -> HmpCommand:
    """Return the only command of a help text."""
    (parsed,) = parse_catalogue(text).commands
    return parsed


@pytest.mark.parametrize("version", VERSIONS)
def test_each_real_help_line_gives_a_command(version: str) -> None:
    name_columns = re.findall(r"^([a-z?][^ ]*) .*\r$", help_text(version), re.M)
    assert [entry.names for entry in catalogue(version).commands] == [
        tuple(names.split("|")) for names in name_columns
    ]
    subcommands = re.findall(r"^info ([^ ]+) .*\r$", info_text(version), re.M)
    assert [entry.names for entry in catalogue(version).info] == [(name,) for name in subcommands]


@pytest.mark.parametrize(("version", "commands", "info"), [("7.2", 108, 67), ("10", 110, 66)])
def test_catalogue_size_depends_on_qemu_version(version: str, commands: int, info: int) -> None:
    found = catalogue(version)
    assert (len(found.commands), len(found.info)) == (commands, info)
    assert (found.by_name.get("one-insn-per-tb") is not None) == (version == "10")
    assert (found.info_by_name.get("profile") is not None) == (version == "7.2")


@pytest.mark.parametrize("version", VERSIONS)
def test_catalogue_entry_has_aliases_parameters_and_summary(version: str) -> None:
    found = catalogue(version)
    entry = found.by_name.get("c")
    assert entry is not None and entry is found.by_name.get("cont")
    assert (entry.names, entry.parameters, entry.summary) == (("cont", "c"), "", "resume emulation")
    entry = found.by_name.get("?")
    assert entry is not None
    assert (entry.names, entry.parameters) == (("help", "?"), "[cmd]")
    entry = found.by_name.get("block_job_cancel")
    assert entry is not None
    assert entry.parameters == "[-f] device"
    assert entry.summary == (
        "stop an active background block operation (use -f if you want to abort the operation"
        " immediately instead of keep running until data is in sync)"
    )
    entry = found.info_by_name.get("block")
    assert entry is not None
    assert entry.parameters == "[-n] [-v] [device]"
    assert entry.describe_flag("-n") == "show named nodes"
    assert entry.describe_flag("-v") == "show details"
    assert found.info_by_name.get("cont") is None
    assert found.by_name.get("block") is None


@pytest.mark.parametrize("version", VERSIONS)
def test_parameters_on_several_lines_are_joined(version: str) -> None:
    """The lines after the first line of drive_add's parameters are not indented."""
    entry = catalogue(version).by_name.get("drive_add")
    assert entry is not None
    assert entry.parameters.startswith("[-n] [[<domain>:]<bus>:]<slot> [file=file][,if=type]")
    assert entry.parameters.endswith("[,copy-on-read=on|off]")
    assert entry.summary == "add drive to PCI storage controller"
    before = catalogue(version).by_name.get("device_del")
    assert before is not None
    assert before.summary == "remove device"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("closefd", "name"),  # its parameters begin with its name
        ("getfd", "name"),
        ("nbd_server_stop", ""),
        ("nbd_server_start", "[-a] [-w] host:port"),
    ],
)
def test_repeated_name_is_removed_from_parameters(version: str, name: str, parameters: str) -> None:
    entry = catalogue(version).by_name.get(name)
    assert entry is not None
    assert entry.parameters == parameters


CHOICES = {
    "commit": {"all"},
    "hostfwd_add": {"tcp", "udp"},
    "hostfwd_remove": {"tcp", "udp"},
    "netdev_add": {
        *("user", "tap", "socket", "stream", "dgram"),
        *("vde", "bridge", "hubport", "netmap", "vhost-user"),
    },
    "set_link": {"on", "off"},
    "sync-profile": {"on", "off", "reset"},
    "trace-event": {"on", "off"},
}
WATCHDOG = {"reset", "shutdown", "poweroff", "pause", "debug", "none"}


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("7.2", {"singlestep": {"on", "off"}, "watchdog_action": WATCHDOG}),
        ("10", {"one-insn-per-tb": {"on", "off"}, "watchdog_action": WATCHDOG | {"inject-nmi"}}),
    ],
)
def test_parameter_choices_match_real_help(version: str, more: dict[str, set[str]]) -> None:
    found = catalogue(version)
    words = {}
    for entry in (*found.commands, *found.info):
        choices = {word for part in parse_parameters(entry.parameters) for word in part.choices}
        choices = {word for word in choices - found.placeholders if not word.startswith("-")}
        if choices:
            words[entry.names[0]] = choices
    assert words == CHOICES | more


@pytest.mark.parametrize(
    ("description", "flag", "expected"),
    [
        ("show (-f: flat;-d: tree (-f only);-o: owners)", "-f", "flat"),
        ("show (-f: flat;-d: tree (-f only);-o: owners)", "-d", "tree (-f only)"),
        ("show (-f: flat;-d: tree (-f only);-o: owners)", "-o", "owners"),
        ("do\n\t\t-p: page\n\t\t-d: go (at once).", "-d", "go (at once)."),
        ("do\n\t\t -r to resume\n\t\t -b for all", "-r", "to resume"),
        ("do\n\t\t -r to resume\n\t\t -b for all", "-b", "for all"),
        ("eject (use -f to force it)", "-f", "eject (use -f to force it)"),
        ("do\nthat", "-x", "do that"),
        ("-x:", "-x", "-x:"),
    ],
)
def test_flag_description_comes_from_help(description: str, flag: str, expected: str) -> None:
    lines = description.replace("\n", "\r\n")
    assert command(f"do [-x] -- {lines}\r\n").describe_flag(flag) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r\n",
        "unknown command: 'help'\r\n",
        "Error: the monitor is not ready\r\n",
        " -- x",
        "--",
        "-- x",
        "hilfe nicht verfügbar",
        "\x1b[2J -- x",
        "\tindented -- x",
    ],
)
def test_invalid_help_text_gives_no_names(text: str) -> None:
    found = parse_catalogue(text, text)
    assert not found.by_name and not found.info_by_name


@pytest.mark.parametrize(
    ("text", "names", "summary"),
    [
        ("quit|q -- leave", ("quit", "q"), "leave"),
        ("quit|q  -- leave\n", ("quit", "q"), "leave"),
        ("quit|q  --", ("quit", "q"), ""),
        ("stop  -- halt -- at once", ("stop",), "halt -- at once"),
        ("__com.redhat_x y -- z", ("__com.redhat_x",), "z"),
        ("stop  -- halt\nthe machine", ("stop",), "halt the machine"),
        (
            "stop  -- halt\nthe machine\nand all\n  in it\n",
            ("stop",),
            "halt the machine and all in it",
        ),
    ],
)
def test_help_line_variants_give_names_and_summary(
    text: str, names: tuple[str, ...], summary: str
) -> None:
    entry = parse_catalogue(text).commands[0]
    assert (entry.names, entry.summary) == (names, summary)


def test_info_names_come_from_help_info_only() -> None:
    found = parse_catalogue(
        "info [subcommand] -- x\ninfo block -- x\n", "cont|c -- y\ninfo a|b -- z"
    )
    assert list(found.info_by_name) == ["a", "b"]
    assert list(found.by_name) == ["info"]


HELP = st.text(alphabet="ab|? -[]<>\r\n\t:;()\x1b\u202e", max_size=80)


@given(HELP | st.text(max_size=60), HELP | st.text(max_size=60))
def test_random_text_gives_a_valid_catalogue(text: str, info: str) -> None:
    found = parse_catalogue(text, f"info {info}")
    assert isinstance(found, HmpCatalogue)
    for name in (*found.by_name, *found.info_by_name):
        assert name == escape(name) and name.strip() == name and name
    for entry in (*found.commands, *found.info):
        assert "\n" not in entry.summary
        assert isinstance(entry.describe_flag("-a"), str)


@pytest.mark.parametrize("piece", ["a -- b\n", "a|", "a" * 1000, "-- ", "(", "a -- (-a: (", "\n[ "])
def test_long_help_is_parsed_quickly(piece: str) -> None:
    text = "a -- b" + piece * (10_000_000 // len(piece))
    before = time.process_time()
    for entry in parse_catalogue(text, text).commands[:1]:
        entry.describe_flag("-a")
    assert time.process_time() - before < 5
