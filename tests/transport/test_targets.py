"""Tests of named targets and of suggestions for them."""

from __future__ import annotations

import pytest

from qmpshell.errors import AddressError
from qmpshell.transport import TcpAddress, UnixAddress, is_word, resolve_address, target_hint

TARGETS = {
    "lab": "unix:/run/lab.sock,server=on",
    "far": "far.example:4444",
    "host-7": "/run/7.sock",
    "again": "lab",
    "bad": "far.example:x",
    "a:1": "/never",
}
FILES = ("here", "far")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("lab", UnixAddress("/run/lab.sock")),
        ("host-7", UnixAddress("/run/7.sock")),
        ("far", UnixAddress("far")),  # a file of that name exists
        ("./lab", UnixAddress("./lab")),
        ("unix:lab", UnixAddress("lab")),
        ("again", UnixAddress("lab")),  # the address of a target is not resolved as a target
        ("here", UnixAddress("here")),
        ("nowhere", UnixAddress("nowhere")),
        ("LAB", UnixAddress("LAB")),
        ("a:1", TcpAddress("a", 1)),
    ],
)
def test_resolve_address_prefers_files_to_targets(text: str, address: object) -> None:
    assert resolve_address(text, TARGETS, exists=lambda name: name in FILES) == address


def test_target_without_file_is_resolved() -> None:
    assert resolve_address("far", TARGETS, exists=lambda _name: False) == TcpAddress(
        "far.example", 4444
    )


def test_invalid_target_address_error_names_the_target() -> None:
    with pytest.raises(AddressError, match=r"^the target bad: far\.example:x: 'x' is no"):
        resolve_address("bad", TARGETS, exists=lambda _name: False)


@pytest.mark.parametrize("text", ["", "a/b", "/", "a:b", ":1", "a,b", "a\0"])
def test_is_word_rejects_addresses(text: str) -> None:
    assert not is_word(text)


@pytest.mark.parametrize("text", ["lab", "vm.sock", "düne", "a b", "~"])
def test_is_word_accepts_plain_names(text: str) -> None:
    assert is_word(text)


@pytest.mark.parametrize(
    ("text", "targets", "hint"),
    [
        ("lba", {"lab": "/x"}, "did you mean lab?"),
        ("lbx", {"lab1": "/x", "lab": "/x"}, "the targets in the settings file are lab, lab1"),
        ("host_7", TARGETS, "did you mean host-7?"),
        ("hots-7", TARGETS, "did you mean host-7?"),
        ("lab", TARGETS, ""),
        ("x", {}, ""),
        ("./lba", TARGETS, ""),
        ("a:b", TARGETS, ""),
        (
            "x",
            {str(number): "/x" for number in range(9)},
            "the targets in the settings file are 0, 1, 2, 3, 4, 5, 6, 7, …",
        ),
    ],
)
def test_target_hint_suggests_targets(text: str, targets: dict[str, str], hint: str) -> None:
    assert target_hint(text, targets) == hint
