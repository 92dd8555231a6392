"""Tests of the search for manual pages, and of the choice between versions."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from qmpshell.manual import find_page, manual_directories

NAME = "qemu-qmp-ref"


def page(version: str, more: str = "") -> str:
    return f'.\\" comment\n.TH "QEMU-QMP-REF" "7" "May 25, 2026" "{version}" "QEMU"\n{more}'


def install(directory: Path, text: str, suffix: str = ".gz") -> None:
    (directory / "man7").mkdir(parents=True, exist_ok=True)
    data = text.encode()
    if suffix:
        data = gzip.compress(data) if suffix == ".gz" else lzma.compress(data)
    (directory / "man7" / f"{NAME}.7{suffix}").write_bytes(data)


def find_in(
    *parts: Path | str, version: tuple[int, ...] | None = None, **environment: str
) -> str | None:
    variables = {"MANPATH": ":".join(map(str, parts)), **environment}
    return find_page(NAME, version, environment=variables)


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_page_is_read_with_any_compression(tmp_path: Path, suffix: str) -> None:
    text = page("7.2.22", "long\n" * 100_000)
    install(tmp_path, text, suffix)
    assert find_in(tmp_path) == text


def test_missing_page_is_none(tmp_path: Path) -> None:
    assert find_in(tmp_path) is None
    assert find_in(tmp_path / "nowhere") is None


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_broken_compressed_page_is_none(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "man7").mkdir()
    broken = tmp_path / "man7" / f"{NAME}.7{suffix}"
    for data in (b"no such thing", b""):
        broken.write_bytes(data)
        assert find_in(tmp_path) is None
    broken.unlink()
    broken.mkdir()
    assert find_in(tmp_path) is None


def test_page_of_the_server_version_is_preferred(tmp_path: Path) -> None:
    versions = ("7.2.22", "10.0.2", "10.1.0")
    parts = [tmp_path / version for version in versions]
    for directory, version in zip(parts, versions, strict=True):
        install(directory, page(version))
    cases: list[tuple[tuple[int, ...] | None, str]] = [
        ((7, 2, 22), "7.2.22"),
        ((7, 2, 0), "7.2.22"),
        ((10, 0, 2), "10.0.2"),
        ((10, 1, 3), "10.1.0"),
        ((10, 2, 0), "10.0.2"),
        ((6, 0, 0), "7.2.22"),
        (None, "7.2.22"),
    ]
    for wanted, best in cases:
        assert find_in(*parts, version=wanted) == page(best)


def test_page_without_version_is_not_preferred(tmp_path: Path) -> None:
    install(tmp_path / "a", page("no version"))
    install(tmp_path / "b", page("7.2.22"))
    assert find_in(tmp_path / "a", tmp_path / "b", version=(7, 2, 0)) == page("7.2.22")


def test_manpath_replaces_or_extends_default_directories() -> None:
    assert manual_directories({"MANPATH": "/a:/b"}) == ["/a", "/b"]
    usual = manual_directories({})
    assert "/usr/share/man" in usual
    assert "/usr/local/share/man" in usual
    assert "/opt/homebrew/share/man" in usual
    assert manual_directories({"MANPATH": ""}) == usual
    assert manual_directories({"MANPATH": "/a:"}) == ["/a", *usual]
    assert manual_directories({"MANPATH": ":/a"}) == [*usual, "/a"]
    assert manual_directories({"MANPATH": "/a::/b"}) == ["/a", *usual, "/b"]
    brew = manual_directories({"HOMEBREW_PREFIX": "/brew"})
    assert brew.index("/brew/share/man") < brew.index("/opt/homebrew/share/man")


def test_manual_next_to_program_comes_first(tmp_path: Path) -> None:
    for name in ("own", "variable", "path"):
        program = tmp_path / name / "bin" / "qemu-system-x86_64"
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
    environment = {
        "QEMU": f"'{tmp_path}/variable/bin/qemu-system-x86_64' -nodefaults",
        "PATH": f"{tmp_path}/path/bin",
    }
    found = manual_directories(environment, f"{tmp_path}/own/bin/qemu-system-x86_64")
    places = [found.index(f"{tmp_path}/{name}/share/man") for name in ("own", "variable", "path")]
    assert places == sorted(places)
    assert found.index("/usr/share/man") > places[-1]
    # A build of QEMU has its manual there.
    assert f"{tmp_path}/own/bin/docs" in found
    for broken in ("'", "", "   "):
        assert "/usr/share/man" in manual_directories({"QEMU": broken})


def test_page_in_build_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / f"{NAME}.7").write_text(page("10.1.50"))
    program = tmp_path / "qemu-system-x86_64"
    text = find_page(NAME, (10, 1, 50), environment={"MANPATH": "/none"}, program=str(program))
    assert text == page("10.1.50")
