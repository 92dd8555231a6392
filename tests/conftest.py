"""Fixtures for all tests."""

from __future__ import annotations

import gc
import shutil
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.harness.program import own_directories
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import INSTALLATIONS, SYSTEM, Installation, Server, start_qemu

# Shared machines are noisy, so examples have no deadline. They are the same in each run, so that a
# failure can be repeated; `--hypothesis-profile=random` tries others.
settings.register_profile(
    "ci", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("random", settings.get_profile("ci"), derandomize=False)
settings.load_profile("ci")

# Programs that tests start inherit ignored signals, and would not end by them: SIGHUP is ignored under
# nohup, and SIGQUIT in a background job of a script.
for _number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(_number, signal.SIG_DFL)


# Seconds after which a test that hangs fails, and then each step of its end.
_TEST_LIMIT, _END_LIMIT = 600.0, 60.0


def _fail_test(*_arguments: object) -> None:
    pytest.fail(f"the test, or a step of its end, hangs: it has taken {_TEST_LIMIT:g} s")


signal.signal(signal.SIGALRM, _fail_test)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test fail that waits without a limit: the run would never end."""
    if not item.config.getoption("usepdb"):
        signal.setitimer(signal.ITIMER_REAL, _TEST_LIMIT, _END_LIMIT)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def pytest_collection_finish() -> None:
    """Exclude the tests from garbage collection, which would visit them all many times."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def spare_directories() -> Iterator[list[Path]]:
    """Keep the directories that a test has left empty, for the next test."""
    spare: list[Path] = []
    yield spare
    for path in spare:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(autouse=True)
def directories(spare_directories: list[Path]) -> Iterator[None]:
    """Give each test its own directories for settings, history and sockets."""
    # The names of tmp_path are too long for a socket. Most tests use no directory, and some file
    # systems need milliseconds to remove one.
    directory = spare_directories.pop() if spare_directories else Path(mkdtemp(prefix="qmpshell-"))
    own_directories(directory)
    if not _is_unused(directory):  # a process of the earlier test has ended late
        shutil.rmtree(directory, ignore_errors=True)
        directory = Path(mkdtemp(prefix="qmpshell-"))
    # The fixture has its own MonkeyPatch, because the patches of a test must be undone before the
    # directories are removed.
    with pytest.MonkeyPatch.context() as patch:
        for name, path in own_directories(directory).items():
            patch.setenv(name, path)
        yield
    if _is_unused(directory):
        spare_directories.append(directory)
    else:
        shutil.rmtree(directory, ignore_errors=True)


def _is_unused(directory: Path) -> bool:
    """Return True if a directory is as `own_directories` leaves it."""
    try:
        modes = {
            str(path.relative_to(directory)): path.lstat().st_mode
            for path in (directory, *directory.rglob("*"))
        }
    except OSError:  # a process that ends removes its files
        return False
    return modes == {".": 0o40700, "run": 0o40700}


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
