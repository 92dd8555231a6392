"""Tests of `qmpshell qom fuse`, mounted for real."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from qmpshell import connect
from tests.harness.objects import ObjectServer
from tests.harness.processes import wait_until
from tests.harness.program import Result, run, start
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import (
    Installation,
    Server,
    one_version,
    start_qemu,
    start_storage_daemon,
)

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]

needs_fuse = pytest.mark.skipif(
    not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="there is no /dev/fuse"
)


class Mount:
    """A mounted server. `path` is the mount point."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self.process = process
        self.path = path

    def read(self, path: str) -> str:
        return (self.path / path).read_text()

    def end(self) -> tuple[int, str]:
        """Wait for the end of the process; return its status and errors."""
        _, err = self.process.communicate(timeout=60)
        assert not os.path.ismount(self.path)
        return self.process.returncode, err.decode()


@contextmanager
def mounted(address: str, directory: Path, *options: str) -> Iterator[Mount]:
    path = directory / "mnt"
    path.mkdir()
    with start("qom", "fuse", "-s", address, *options, str(path)) as process:
        mount = Mount(process, path)
        try:
            wait_until(
                lambda: os.path.ismount(path) or process.poll() is not None, "nothing is mounted"
            )
            yield mount
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)
            if os.path.ismount(path):
                subprocess.run(["umount", "-l", path], check=False)


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    """Start a q35 with some devices and objects, of each version."""
    options = (
        *("-object", "secret,id=sec0,data=hunter2", "-object", "iothread,id=io0"),
        *("-device", "e1000e,id=net0"),
    )
    with start_qemu(installation, tmp_path / "vm.sock", *options, machine="q35") as server:
        yield server


@pytest.fixture
def mount(machine: Server, tmp_path: Path) -> Iterator[Mount]:
    with mounted(machine.address, tmp_path) as found:
        yield found


def shell(command: str, mount: Mount) -> Result:
    """Run a command of the system's shell in the mount."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=mount.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@needs_fuse
def test_files_have_values_and_true_sizes(mount: Mount) -> None:
    assert mount.read("machine/peripheral/net0/type") == "e1000e\n"
    assert mount.read("objects/io0/poll-max-ns") == "32768\n"
    assert mount.read("machine/graphics") == "True\n"
    assert '"cpus": 1' in mount.read("machine/smp")
    for path in (mount.path / "objects/io0").iterdir():
        assert path.stat().st_size == len(path.read_bytes()) > 1
    result = shell("cat machine/peripheral/net0/mac; wc -c < objects/io0/poll-max-ns", mount)
    assert result.lines == ["52:54:00:12:34:56", "6"]


@needs_fuse
def test_usual_programs_list_the_whole_tree(mount: Mount, machine: Server) -> None:
    listed = shell("ls -lR", mount)
    assert (listed.status, listed.err) == (0, "")
    assert re.search(r"^-rw-r--r-- .* 7 .* type$", listed.out, re.MULTILINE)
    assert shell("find -name mac", mount).out == "./machine/peripheral/net0/mac\n"
    found = shell("find . -type d", mount)
    assert (found.status, found.err) == (0, "")
    mount.process.send_signal(signal.SIGINT)
    mount.end()
    tree = run("qom", "tree", "-s", machine.address, "--flat")
    paths = {line for line in tree.lines if line.startswith("/")}
    assert {line[1:] or "/" for line in found.lines} == paths


@needs_fuse
@one_version
def test_links_resolve_inside_the_mount(mount: Mount) -> None:
    link = mount.path / "machine/peripheral/net0/parent_bus"
    assert os.readlink(link) == "../../q35/pcie.0"
    assert link.lstat().st_size == len(os.readlink(link))
    assert (link / "type").read_text() == "PCIE\n"
    found = shell("find machine -lname '*/pcie.0'", mount).lines
    assert "machine/peripheral/net0/parent_bus" in found
    links = shell("find -type l", mount).lines
    assert len(links) > 20
    for name in links:
        assert (mount.path / name).resolve().is_relative_to(mount.path.resolve())
        assert (mount.path / name).exists()


@needs_fuse
def test_link_to_nothing_is_an_empty_file(mount: Mount) -> None:
    path = mount.path / "objects/pc.ram/prealloc-context"
    assert (path.stat().st_size, path.read_text()) == (0, "")


@needs_fuse
def test_writes_set_properties_by_type(mount: Mount, machine: Server) -> None:
    result = shell(
        "echo 1k > objects/io0/poll-max-ns; echo off > machine/graphics; echo on > machine/graphics",
        mount,
    )
    assert (result.status, result.err) == (0, "")
    assert mount.read("objects/io0/poll-max-ns") == "1024\n"
    assert mount.read("machine/graphics") == "True\n"
    mount.process.send_signal(signal.SIGINT)
    mount.end()
    assert run("qom", "get", "-s", machine.address, "io0.poll-max-ns").out == "1024\n"


@needs_fuse
@pytest.mark.parametrize(
    ("path", "text", "number"),
    [
        ("objects/io0/poll-max-ns", "x", errno.EINVAL),
        ("objects/io0/poll-max-ns", "-5", errno.EINVAL),
        ("objects/io0/poll-max-ns", "[", errno.EINVAL),
        ("objects/io0/poll-max-ns", b"\xff", errno.EINVAL),
        ("objects/io0/type", "x", errno.EACCES),
        ("machine/peripheral/net0/mac", "52:54:00:12:34:57", errno.EBUSY),
        ("objects/io0/new", "x", errno.EPERM),
    ],
)
def test_error_of_write_is_its_errno(
    mount: Mount, path: str, text: str | bytes, number: int
) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(OSError, match=os.strerror(number)):
        (mount.path / path).write_bytes(data)


@needs_fuse
@one_version
def test_nothing_can_be_created_or_removed(mount: Mount) -> None:
    for command in ("mkdir a", "rm machine/graphics", "rmdir objects/io0", "touch b"):
        result = shell(command, mount)
        assert (result.status, "Operation not permitted" in result.err) == (1, True)


@needs_fuse
def test_secret_is_not_readable(mount: Mount) -> None:
    path = mount.path / "objects/sec0/data"
    assert (path.stat().st_size, stat.S_IMODE(path.stat().st_mode)) == (0, 0o200)
    with pytest.raises(PermissionError):
        path.read_text()
    assert mount.read("objects/sec0/type") == "secret\n"
    assert "hunter2" not in shell("cat objects/*/*", mount).out


@needs_fuse
def test_property_that_cannot_be_read_has_an_errno(mount: Mount) -> None:
    device = "machine/unattached/device[0]"
    for name, number in (("crash-information", errno.ENODATA), ("legacy-memory", errno.EACCES)):
        with pytest.raises(OSError, match=os.strerror(number)):
            mount.read(f"{device}/{name}")
    with pytest.raises(FileNotFoundError):
        mount.read(f"{device}/nothing")


@needs_fuse
def test_read_only_mount_refuses_writes(machine: Server, tmp_path: Path) -> None:
    with mounted(machine.address, tmp_path, "--read-only") as mount:
        path = mount.path / "objects/io0/poll-max-ns"
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
        with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
            path.write_text("1")
        assert path.read_text() == "32768\n"


@needs_fuse
@one_version
def test_ten_parallel_readers_get_their_values(mount: Mount) -> None:
    names = ["objects/io0/type", "machine/peripheral/net0/type", "type", "machine/smp"]
    expected = {name: mount.read(name) for name in names}

    def read(number: int) -> bool:
        chosen = names[number % len(names)]
        return mount.read(chosen) == expected[chosen]

    with ThreadPoolExecutor(10) as pool:
        assert all(pool.map(read, range(400)))
    with ThreadPoolExecutor(10) as pool:
        outputs = list(
            pool.map(lambda _: shell("cat machine/peripheral/net0/*", mount).out, range(10))
        )
    assert len(set(outputs)) == 1


@needs_fuse
@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 130), (signal.SIGQUIT, 131)],
)
def test_signal_unmounts(
    one_qemu: Server, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with mounted(one_qemu.address, tmp_path) as mount:
        assert mount.read("type") == "container\n"
        mount.process.send_signal(number)
        assert mount.end() == (status, "")


@needs_fuse
def test_signal_unmounts_directory_in_use(one_qemu: Server, tmp_path: Path) -> None:
    with mounted(one_qemu.address, tmp_path) as mount:
        directory = os.open(mount.path / "machine", os.O_RDONLY)
        mount.process.send_signal(signal.SIGINT)
        assert mount.end() == (130, "")
        os.close(directory)


@needs_fuse
def test_signal_at_any_moment_leaves_no_mount(one_qemu: Server, tmp_path: Path) -> None:
    path = tmp_path / "mnt"
    path.mkdir()
    for tenths in range(1, 8):
        with start("qom", "fuse", "-s", one_qemu.address, str(path)) as process:
            # At first, it has not even installed its handler of the signal. In about one of a
            # thousand imports, Python ignores the KeyboardInterrupt: it comes in a weakref callback.
            for timeout in (tenths / 10, 20, 20, 20):
                try:
                    process.wait(timeout)
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGINT)
            process.wait(60)
        assert not os.path.ismount(path)


@needs_fuse
def test_unmounting_ends_the_program(one_qemu: Server, tmp_path: Path) -> None:
    with mounted(one_qemu.address, tmp_path) as mount:
        assert mount.read("type") == "container\n"
        tool = ["umount"] if os.getuid() == 0 else ["fusermount3", "-u"]
        subprocess.run([*tool, mount.path], check=True)
        assert mount.end() == (0, "")


@needs_fuse
def test_mount_of_killed_program_is_named(one_qemu: Server, tmp_path: Path) -> None:
    with mounted(one_qemu.address, tmp_path) as mount:
        mount.process.kill()
        mount.process.wait(60)
        result = run("qom", "fuse", "-s", one_qemu.address, str(mount.path))
        tool = ["umount"] if os.getuid() == 0 else ["fusermount3", "-u"]
        subprocess.run([*tool, mount.path], check=True)
    assert result.status == 2
    reason = f"the program of an earlier mount has ended; use fusermount3 -u {mount.path}"
    assert reason in " ".join(result.err.split())


@needs_fuse
def test_death_of_qemu_unmounts(one_qemu: Server, tmp_path: Path) -> None:
    with mounted(one_qemu.address, tmp_path) as mount:
        assert mount.read("type") == "container\n"
        one_qemu.kill()
        status, err = mount.end()
        assert status == 3
        assert "connection lost" in err
        assert err.count("\n") == 1


@needs_fuse
def test_shutdown_of_qemu_unmounts_with_success(tmp_path: Path, installation: Installation) -> None:
    second = tmp_path / "second"
    monitor = f"unix:{second},server=on,wait=off"
    with (
        start_qemu(installation, tmp_path / "vm.sock", "-qmp", monitor) as server,
        mounted(server.address, tmp_path) as mount,
    ):
        assert mount.read("type") == "container\n"
        with connect(second) as qmp:
            qmp.execute("quit")
        assert mount.end() == (0, "")


@needs_fuse
def test_events_are_read_meanwhile(tmp_path: Path, installation: Installation) -> None:
    second = tmp_path / "second"
    monitor = f"unix:{second},server=on,wait=off"
    with (
        start_qemu(installation, tmp_path / "vm.sock", "-qmp", monitor) as server,
        mounted(server.address, tmp_path) as mount,
        connect(second) as qmp,
    ):
        for _ in range(50):
            qmp.execute("cont")
            qmp.execute("stop")
            assert mount.read("type") == "container\n"


@needs_fuse
def test_silent_server_is_a_timeout(scripted: Scripted, tmp_path: Path) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        while peer.read()["execute"] == "qom-list":
            peer.send(b'{"return": [{"name": "a", "type": "str"}], "id": "qmpshell-1"}\r\n')
        peer.ended()

    with mounted(scripted(play).address, tmp_path, "--timeout", "0.5") as mount:
        with pytest.raises(OSError, match=os.strerror(errno.ETIMEDOUT)):
            mount.read("a")
        mount.process.send_signal(signal.SIGINT)
        assert mount.end() == (130, "")


@needs_fuse
def test_signal_ends_a_read_that_waits(scripted: Scripted, tmp_path: Path) -> None:
    waiting: list[object] = []

    def play(peer: Peer) -> None:
        peer.negotiate()
        while True:
            command = peer.read()
            if command["execute"] == "qom-get":
                waiting.append(command)
                break
            peer.reply(command, [{"name": "a", "type": "str"}])
        peer.ended()

    with (
        mounted(scripted(play).address, tmp_path, "--timeout", "600") as mount,
        subprocess.Popen(["cat", mount.path / "a"], stderr=subprocess.DEVNULL) as reader,
    ):
        wait_until(lambda: bool(waiting), "nothing is read")
        mount.process.send_signal(signal.SIGTERM)
        assert mount.end() == (143, "")
        assert reader.wait(60) == 1


@needs_fuse
def test_only_names_of_files_are_listed(scripted: Scripted, tmp_path: Path) -> None:
    properties: dict[str, tuple[str, object]] = dict.fromkeys(
        ("a/b", "..", "ok"), ("str", "a\x1b\nb")
    )
    server = ObjectServer({"/": ("x", properties)})
    with mounted(scripted(server.play).address, tmp_path) as mount:
        assert sorted(os.listdir(mount.path)) == ["ok", "type"]
        assert mount.read("ok") == "a\x1b\nb\n"


@needs_fuse
def test_value_that_grows_is_read_completely(scripted: Scripted, tmp_path: Path) -> None:
    properties: dict[str, tuple[str, object]] = {"text": ("str", "a")}
    server = ObjectServer({"/": ("x", properties)})
    with mounted(scripted(server.play).address, tmp_path) as mount:
        for size in (1, 100, 10, 100_000):
            properties["text"] = ("str", "a" * size)
            descriptor = os.open(mount.path / "text", os.O_RDONLY)
            assert len(os.read(descriptor, 200_000)) == size + 1
            os.close(descriptor)
            assert (mount.path / "text").stat().st_size == size + 1


@needs_fuse
def test_storage_daemon_is_mounted(installation: Installation, tmp_path: Path) -> None:
    with start_storage_daemon(installation, tmp_path / "sd") as server:
        with connect(server.address) as qmp:
            qmp.execute("object-add", {"qom-type": "iothread", "id": "io0"})
        with mounted(server.address, tmp_path) as mount:
            assert mount.read("objects/io0/poll-grow") == "0\n"


@pytest.mark.parametrize(
    ("module", "status", "reason"),
    [
        ("raise ImportError", 2, "pip install 'qmpshell[fuse]'"),
        ("raise OSError('Unable to find libfuse')", 2, "install the package fuse3"),
        (
            "fuse_version_major = 3\ndef FUSE(*_, **__): raise RuntimeError(3)",
            1,
            "cannot mount at ",
        ),
    ],
)
def test_missing_library_is_one_line(
    one_qemu: Server, tmp_path: Path, module: str, status: int, reason: str
) -> None:
    (tmp_path / "mfusepy.py").write_text(module)
    arguments = ("qom", "fuse", "-s", one_qemu.address, str(tmp_path))
    result = run(*arguments, PYTHONPATH=str(tmp_path))
    assert (result.status, result.out) == (status, "")
    assert reason in result.err
    assert result.err.count("\n") == 1


def test_mountpoint_must_be_a_directory(tmp_path: Path) -> None:
    result = run("qom", "fuse", "-s", "/nowhere", str(tmp_path / "missing"))
    assert result.status == 2
    assert "does not exist" in result.err
