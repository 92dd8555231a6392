"""Fixtures for all tests."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.harness.program import own_folders
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import BACKPORTS, SYSTEM, Installation, Server, start_qemu

# These machines are shared and noisy: how long an example takes says nothing.
settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")


@pytest.fixture(autouse=True)
def folders() -> Iterator[None]:
    """Each test has folders of its own for settings, history and sockets, and shares none."""
    # Not pytest's tmp_path: its names are too long for a socket. Not its monkeypatch: what a test
    # has patched must be as it was before the folders are removed.
    with (
        tempfile.TemporaryDirectory(prefix="qmpshell-", ignore_cleanup_errors=True) as directory,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, folder in own_folders(Path(directory)).items():
            patch.setenv(name, folder)
        yield


@pytest.fixture(params=[SYSTEM, BACKPORTS], ids=lambda one: str(one.name))
def installation(request: pytest.FixtureRequest) -> Installation:
    """Each version of QEMU that the tests run on."""
    one = request.param
    assert isinstance(one, Installation)
    return one


@pytest.fixture
def qemu(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    """A QEMU without a machine, of each version."""
    with start_qemu(installation, tmp_path / "vm.sock") as server:
        yield server


@pytest.fixture
def one_qemu(tmp_path: Path) -> Iterator[Server]:
    """A QEMU without a machine, where the version makes no difference."""
    with start_qemu(SYSTEM, tmp_path / "vm.sock") as server:
        yield server


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Callable[[Callable[[Peer], object]], ScriptedServer]]:
    """A function that starts a server playing a part."""
    with ExitStack() as stack:
        yield lambda part: stack.enter_context(ScriptedServer(tmp_path / "scripted.sock", part))


@pytest.fixture
def count_lines() -> Callable[[Callable[[], object]], int]:
    """A function that runs another and returns how many lines of Python that took."""

    def count(run: Callable[[], object]) -> int:
        total = 0

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal total
            total += event == "line"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            run()
        finally:
            sys.settrace(before)
        return total

    return count
