"""What `help` and `help info` of real human monitors printed, as it came through QMP.

Owns: finding the captures. Must not know: what is in them.
"""

from __future__ import annotations

from pathlib import Path

from qmpshell.complete import Catalogue, read_catalogue

VERSIONS = ("7.2", "10")
_DATA = Path(__file__).parents[1] / "data"


def help_text(version: str) -> str:
    return _read(f"human-help-{version}.txt")


def info_text(version: str) -> str:
    return _read(f"human-help-info-{version}.txt")


def catalogue(version: str) -> Catalogue:
    return read_catalogue(help_text(version), info_text(version))


def _read(name: str) -> str:
    return (_DATA / name).read_bytes().decode()  # as bytes: the line ends are the server's
