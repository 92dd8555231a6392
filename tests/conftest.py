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
from tests.harness.servers import INSTALLATIONS, SYSTEM, Installation, Server, start_qemu

# Shared machines are noisy, so examples have no deadline.
settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")


@pytest.fixture(autouse=True)
def folders() -> Iterator[None]:
    """Give each test its own folders for settings, history and sockets."""
    # The names of tmp_path are too long for a socket. The fixture has its own MonkeyPatch,
    # because the patches of a test must be undone before the folders are removed.
    with (
        tempfile.TemporaryDirectory(prefix="qmpshell-", ignore_cleanup_errors=True) as directory,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, folder in own_folders(Path(directory)).items():
            patch.setenv(name, folder)
        yield


@pytest.fixture(params=INSTALLATIONS, ids=lambda version: str(version.name))
def installation(request: pytest.FixtureRequest) -> Installation:
    """Return each version of QEMU that the tests use."""
    version = request.param
    assert isinstance(version, Installation)
    return version


@pytest.fixture
def qemu(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    """Start a QEMU without a machine, of each version."""
    with start_qemu(installation, tmp_path / "vm.sock") as server:
        yield server


@pytest.fixture
def one_qemu(tmp_path: Path) -> Iterator[Server]:
    """Start a QEMU without a machine, of one version."""
    with start_qemu(SYSTEM, tmp_path / "vm.sock") as server:
        yield server


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Callable[[Callable[[Peer], object]], ScriptedServer]]:
    """Return a function that starts a server with a scripted part."""
    with ExitStack() as stack:
        yield lambda part: stack.enter_context(ScriptedServer(tmp_path / "scripted.sock", part))


@pytest.fixture
def count_lines() -> Callable[[Callable[[], object]], int]:
    """Return a function that runs another and counts the executed lines of Python."""

    def count(run: Callable[[], object]) -> int:
        total = 0

        def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
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
