"""Names of this machine's files, for completion."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from qmpshell.terminal import list_folder


def test_what_each_name_in_a_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A socket's path may not be long.
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("plain").touch()
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("vm.sock")
    Path("to-socket").symlink_to("vm.sock")
    Path("to-folder").symlink_to("folder")
    Path("to-nothing").symlink_to("nothing")
    expected = {
        "folder": "folder",
        "plain": "file",
        "pipe": "device or pipe",
        "vm.sock": "socket",
        "to-socket": "socket",
        "to-folder": "folder",
        "to-nothing": "device or pipe",
    }
    assert dict(list_folder("")) == dict(list_folder("vm.s")) == expected
    assert dict(list_folder(f"{tmp_path}/x")) == expected


def test_a_folder_that_cannot_be_read_has_no_names(tmp_path: Path) -> None:
    assert list(list_folder(f"{tmp_path}/nothing/x")) == []
