"""Captured output of `help` and `help info` from real HMP monitors."""

from __future__ import annotations

from pathlib import Path

from qmpshell.complete import HmpCatalogue, parse_catalogue

VERSIONS = ("7.2", "10")
_DATA = Path(__file__).parents[1] / "data"


def help_text(version: str) -> str:
    return _read(f"human-help-{version}.txt")


def info_text(version: str) -> str:
    return _read(f"human-help-info-{version}.txt")


def catalogue(version: str) -> HmpCatalogue:
    return parse_catalogue(help_text(version), info_text(version))


def _read(name: str) -> str:
    return (_DATA / name).read_bytes().decode()  # read bytes to keep the server's line ends
