"""Completions of human monitor lines."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from qmpshell.complete import Candidate, HmpCatalogue, complete_hmp, hmp_line, parse_catalogue
from tests.harness.human_help import VERSIONS, catalogue

BOTH = {version: catalogue(version) for version in VERSIONS}


def offered(line: str, version: str = "7.2") -> list[str]:
    return [one.text for one in checked(line, BOTH[version])]


def checked(line: str, known: HmpCatalogue) -> list[Candidate]:
    """Return the candidates after checking their start and their order."""
    found = complete_hmp(line, known)
    for one in found:
        assert one.start <= 0
        assert one.text.startswith(line[len(line) + one.start :])
        assert "\n" not in one.meta
    texts = [one.text for one in found]
    assert texts == sorted(set(texts))
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("inf", ["info "]),
        ("info", ["info "]),
        ("  \tinf", ["info "]),
        ("con", ["cont"]),
        ("q", ["q", "qemu-io ", "qom-get ", "qom-list ", "qom-set ", "quit"]),
        ("?", ["? "]),
        ("hel", ["help "]),
        ("INF", []),
        ("nonsense", []),
        ("block_jo", [*(f"block_job_{one} " for one in ("cancel", "complete", "pause", "resume"))]),
        ("info blo", ["block ", "block-jobs", "blockstats"]),
        ("info   block-", ["block-jobs"]),
        ("\tinfo\tblock-", ["block-jobs"]),
        ("info st", ["stats ", "status"]),
        ("info status ", []),
        ("info block ", ["-n", "-v"]),
        ("info block -", ["-n", "-v"]),
        ("info block -n ", ["-v"]),
        ("info registers ", ["-a"]),  # and not vcpu, which stands for a number
        ("info mtree -f ", ["-D", "-d", "-o"]),
        ("info nonsense ", []),
        ("info status x y z", []),
        ("help block_jo", [*(f"block_job_{one}" for one in ("cancel", "complete", "pause"))]),
        ("help inf", ["info "]),
        ("help ?", ["?"]),
        ("? con", ["cont"]),
        ("help info st", ["stats", "status"]),
        ("? info st", ["stats", "status"]),
        ("help info status ", []),
        ("help cont ", []),
        ("help help ", []),
        ("cont ", []),
        ("eject ", ["-f"]),
        ("eject -f ", []),
        ("commit ", ["all"]),
        ("set_link ", []),
        ("set_link net0 ", ["off", "on"]),
        ("set_link net0 of", ["off"]),
        ("set_link net0 on ", []),
        ("sync-profile r", ["reset"]),
        ("trace-event virtio* o", ["off", "on"]),
        ("netdev_add vh", ["vhost-user"]),
        ("netdev_add user,id=n0", []),
        ("log ", []),
        ("nonsense ", []),
        # Formats, and the arguments after them.
        ("x/4", []),
        ("x/4i", []),
        ("x/4i $", []),
        ("x /4i $pc", []),
        ("x/", []),
        ("print/x 1", []),
        ("p/x 1 | ", []),
        ("p 1 | 2", []),
        ("/", []),
        ("//", []),
        ("/fmt", []),
        # Text in quotes.
        ('qemu-io d0 "r', []),
        ('qemu-io "a b" ', []),
        ('set_link "net 0" o', ["off", "on"]),
        ('set_link "a \\" b" o', ["off", "on"]),
        # Behind a pipe stands the shell's.
        ("info block | ", []),
        ("info block | inf", []),
        ("info block |", []),
    ],
)
def test_completion(version: str, line: str, expected: list[str]) -> None:
    found = offered(line, version)
    if line.endswith("block_jo"):
        found = found[: len(expected)]
    assert found == expected


@pytest.mark.parametrize(
    ("version", "line", "expected"),
    [
        ("7.2", "migrate ", ["-b", "-d", "-i", "-r"]),
        ("10", "migrate ", ["-d", "-r"]),
        ("7.2", "watchdog_action i", []),
        ("10", "watchdog_action i", ["inject-nmi"]),
        ("7.2", "xen", []),
        ("10", "xen", ["xen-event-inject ", "xen-event-list"]),
        ("7.2", "info qtree ", []),
        ("10", "info qtree ", ["-b"]),
        ("7.2", "dump-guest-memory -z ", []),
        ("10", "dump-guest-memory -z ", ["-R"]),
    ],
)
def test_the_versions_differ(version: str, line: str, expected: list[str]) -> None:
    assert offered(line, version) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_typed_offers_all_commands_with_their_aliases(version: str) -> None:
    known = BOTH[version]
    assert [one.label for one in checked("", known)] == sorted(known.names)
    assert [one.label for one in checked("info ", known)] == sorted(known.info_names)
    assert [one.label for one in checked("help ", known)] == sorted(known.names)
    assert [one.label for one in checked("? info ", known)] == sorted(known.info_names)


def test_what_is_said_of_a_candidate() -> None:
    (one,) = complete_hmp("inf", BOTH["7.2"])
    assert repr(one) == "Candidate('info ', -3, 'show various information about the system state')"
    assert one.label == "info"
    (one,) = complete_hmp("info registers -", BOTH["7.2"])
    assert repr(one) == "Candidate('-a', -1, 'show register info for all cpus')"
    metas = {one.meta for one in complete_hmp("set_link net0 ", BOTH["7.2"])}
    assert metas == {"change the link status of a network adapter"}


@pytest.mark.parametrize("line", ["", "inf", "info ", "help ", "x/4", '"', "| "])
def test_without_a_help_nothing_is_offered(line: str) -> None:
    assert complete_hmp(line, HmpCatalogue()) == []
    assert complete_hmp(line, parse_catalogue("unknown command: 'help'\r\n", "\r\n")) == []


def test_info_parameters_without_help_info() -> None:
    known = parse_catalogue("info [-x] [subcommand] -- show\n")
    assert [one.text for one in checked("info ", known)] == ["-x"]


REAL_LINES = [
    "info block -n -v drive0",
    "help info registers",
    "? migrate_set_parameter",
    "x/10i $pc+0x10",
    "print/x 1 | 2",
    "info qtree | less -S | grep x",
    "drive_add 0:1.0 file=/x y,if=none,readonly=on",
    'qemu-io -d drive0 "read 0 4k"',
    "sendkey ctrl-alt-f1 100",
    "set_link net0 off",
    "screendump /tmp/x.png -f png vga0 1",
    "  \t help   info   \t mtree -f",
    "/quit",
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("line", REAL_LINES)
def test_every_beginning_of_a_real_line(version: str, line: str) -> None:
    for end in range(len(line) + 1):
        checked(line[:end], BOTH[version])


PIECES = st.sampled_from(
    [*REAL_LINES, "info", "help", "?", "x", "/", " ", "\t", "|", '"', "\\", "-", "\x00", "\u202e"]
)


@given(st.sampled_from(VERSIONS), st.text() | st.lists(PIECES).map("".join))
def test_any_line(version: str, line: str) -> None:
    checked(line, BOTH[version])


@given(
    st.text(alphabet="ab|? -[]<>\r\n\t", max_size=60),
    st.text(alphabet="ab|? -[]\r\n", max_size=60),
    st.text(alphabet='ab?-/ |"', max_size=12),
)
def test_any_help_with_any_line(text: str, info: str, line: str) -> None:
    checked(line, parse_catalogue(text, info))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/hmp inf", " inf"),
        ("/hmp  info  b", "  info  b"),
        ("/hmp ", " "),
        ("  /hmp inf", " inf"),
        ("stop; /hmp inf", " inf"),
        ("/hmp a; stop", " a; stop"),
        ("/hmp a # b | cat", " a # b | cat"),
        ("/hmp", None),
        ("/hmpx inf", None),
        ("/hm", None),
        ("", None),
        ("stop /hmp inf", None),
        ("stop x=/hmp inf", None),
        ("# /hmp inf", None),
        ("query-name | /hmp inf", None),
        ('{"execute": "/hmp inf', None),
    ],
)
def test_hmp_part_of_a_line(line: str, expected: str | None) -> None:
    assert hmp_line(line) == expected


@given(st.text())
def test_any_line_of_the_shell(line: str) -> None:
    part = hmp_line(line)
    assert part is None or line.endswith(part)
