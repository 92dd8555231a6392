"""Tests of the completion of human monitor lines."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from qmpshell.complete import Candidate, HmpCatalogue, complete_hmp, hmp_line, parse_catalogue
from tests.harness.human_help import VERSIONS, catalogue

CATALOGUES = {version: catalogue(version) for version in VERSIONS}


def completions(line: str, version: str = "7.2") -> list[str]:
    return [candidate.text for candidate in checked(line, CATALOGUES[version])]


def checked(line: str, known: HmpCatalogue) -> list[Candidate]:
    """Return the candidates after checking their start and their order."""
    found = complete_hmp(line, known)
    for candidate in found:
        assert candidate.start <= 0
        assert candidate.text.startswith(line[len(line) + candidate.start :])
        assert "\n" not in candidate.meta
    texts = [candidate.text for candidate in found]
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
        (
            "block_jo",
            [*(f"block_job_{action} " for action in ("cancel", "complete", "pause", "resume"))],
        ),
        ("info blo", ["block ", "block-jobs", "blockstats"]),
        ("info   block-", ["block-jobs"]),
        ("\tinfo\tblock-", ["block-jobs"]),
        ("info st", ["stats ", "status"]),
        ("info status ", []),
        ("info block ", ["-n", "-v"]),
        ("info block -", ["-n", "-v"]),
        ("info block -n ", ["-v"]),
        ("info registers ", ["-a"]),  # not vcpu, which is a number
        ("info mtree -f ", ["-D", "-d", "-o"]),
        ("info nonsense ", []),
        ("info status x y z", []),
        ("help block_jo", [*(f"block_job_{action}" for action in ("cancel", "complete", "pause"))]),
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
        # A shell command follows a pipe.
        ("info block | ", []),
        ("info block | inf", []),
        ("info block |", []),
    ],
)
def test_monitor_line_offers_expected_candidates(
    version: str, line: str, expected: list[str]
) -> None:
    found = completions(line, version)
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
def test_candidates_depend_on_qemu_version(version: str, line: str, expected: list[str]) -> None:
    assert completions(line, version) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_empty_line_offers_all_commands_and_aliases(version: str) -> None:
    known = CATALOGUES[version]
    assert [candidate.label for candidate in checked("", known)] == sorted(known.by_name)
    assert [candidate.label for candidate in checked("info ", known)] == sorted(known.info_by_name)
    assert [candidate.label for candidate in checked("help ", known)] == sorted(known.by_name)
    assert [candidate.label for candidate in checked("? info ", known)] == sorted(
        known.info_by_name
    )


def test_candidate_has_label_and_description() -> None:
    (candidate,) = complete_hmp("inf", CATALOGUES["7.2"])
    assert candidate == Candidate("info ", -3, "show various information about the system state")
    assert candidate.label == "info"
    (candidate,) = complete_hmp("info registers -", CATALOGUES["7.2"])
    assert candidate == Candidate("-a", -1, "show register info for all cpus")
    metas = {candidate.meta for candidate in complete_hmp("set_link net0 ", CATALOGUES["7.2"])}
    assert metas == {"change the link status of a network adapter"}


@pytest.mark.parametrize("line", ["", "inf", "info ", "help ", "x/4", '"', "| "])
def test_missing_help_offers_nothing(line: str) -> None:
    assert complete_hmp(line, HmpCatalogue()) == []
    assert complete_hmp(line, parse_catalogue("unknown command: 'help'\r\n", "\r\n")) == []


def test_info_without_help_info_offers_its_parameters() -> None:
    known = parse_catalogue("info [-x] [subcommand] -- show\n")
    assert [candidate.text for candidate in checked("info ", known)] == ["-x"]


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
def test_every_prefix_of_real_line_completes(version: str, line: str) -> None:
    for end in range(len(line) + 1):
        checked(line[:end], CATALOGUES[version])


PIECES = st.sampled_from(
    [*REAL_LINES, "info", "help", "?", "x", "/", " ", "\t", "|", '"', "\\", "-", "\x00", "\u202e"]
)


@given(st.sampled_from(VERSIONS), st.text() | st.lists(PIECES).map("".join))
def test_random_line_gives_valid_candidates(version: str, line: str) -> None:
    checked(line, CATALOGUES[version])


@given(
    st.text(alphabet="ab|? -[]<>\r\n\t", max_size=60),
    st.text(alphabet="ab|? -[]\r\n", max_size=60),
    st.text(alphabet='ab?-/ |"', max_size=12),
)
def test_random_help_and_line_give_valid_candidates(text: str, info: str, line: str) -> None:
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
def test_hmp_line_returns_text_after_command(line: str, expected: str | None) -> None:
    assert hmp_line(line) == expected


@given(st.text())
def test_hmp_line_returns_suffix_of_random_line(line: str) -> None:
    part = hmp_line(line)
    assert part is None or line.endswith(part)
