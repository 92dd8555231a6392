"""Tests of the listing of local files for completion."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from qmpshell.terminal import list_directory


def test_list_directory_returns_kind_of_each_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A socket path has a maximum length, so it must be relative.
    monkeypatch.chdir(tmp_path)
    Path("directory").mkdir()
    Path("plain").touch()
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("vm.sock")
    Path("to-socket").symlink_to("vm.sock")
    Path("to-directory").symlink_to("directory")
    Path("to-nothing").symlink_to("nothing")
    expected = {
        "directory": "directory",
        "plain": "file",
        "pipe": "device or pipe",
        "vm.sock": "socket",
        "to-socket": "socket",
        "to-directory": "directory",
        "to-nothing": "device or pipe",
    }
    assert dict(list_directory("")) == dict(list_directory("vm.s")) == expected
    assert dict(list_directory(f"{tmp_path}/x")) == expected


def test_missing_folder_has_no_names(tmp_path: Path) -> None:
    assert list(list_directory(f"{tmp_path}/nothing/x")) == []
