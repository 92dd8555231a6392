"""Named targets: when a word is one, and what may have been meant."""

from __future__ import annotations

import pytest

from qmpshell.errors import AddressError
from qmpshell.transport import TcpAddress, UnixAddress, is_word, resolve, target_hint

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
        ("far", UnixAddress("far")),  # a file of that name is there
        ("./lab", UnixAddress("./lab")),
        ("unix:lab", UnixAddress("lab")),
        ("again", UnixAddress("lab")),  # a target's address is never another target's name
        ("here", UnixAddress("here")),
        ("nowhere", UnixAddress("nowhere")),
        ("LAB", UnixAddress("LAB")),
        ("a:1", TcpAddress("a", 1)),
    ],
)
def test_resolve(text: str, address: object) -> None:
    assert resolve(text, TARGETS, exists=lambda name: name in FILES) == address


def test_a_target_that_no_file_hides() -> None:
    assert resolve("far", TARGETS, exists=lambda name: False) == TcpAddress("far.example", 4444)


def test_a_target_with_a_wrong_address_is_named() -> None:
    with pytest.raises(AddressError, match=r"^the target bad: far\.example:x: 'x' is no"):
        resolve("bad", TARGETS, exists=lambda name: False)


@pytest.mark.parametrize("text", ["", "a/b", "/", "a:b", ":1", "a,b", "a\0"])
def test_no_words(text: str) -> None:
    assert not is_word(text)


@pytest.mark.parametrize("text", ["lab", "vm.sock", "düne", "a b", "~"])
def test_words(text: str) -> None:
    assert is_word(text)


@pytest.mark.parametrize(
    ("text", "targets", "hint"),
    [
        ("lba", {"lab": "/x"}, "the targets of the settings file are lab"),
        ("lap", {"lab1": "/x", "lab": "/x"}, "the targets of the settings file are lab, lab1"),
        ("host_7", TARGETS, "did you mean host-7?"),
        ("hots-7", TARGETS, "did you mean host-7?"),
        ("lab", TARGETS, ""),
        ("x", {}, ""),
        ("./lba", TARGETS, ""),
        ("a:b", TARGETS, ""),
        (
            "x",
            {str(number): "/x" for number in range(9)},
            "the targets of the settings file are 0, 1, 2, 3, 4, 5, 6, 7, …",
        ),
    ],
)
def test_what_may_have_been_meant(text: str, targets: dict[str, str], hint: str) -> None:
    assert target_hint(text, targets) == hint
