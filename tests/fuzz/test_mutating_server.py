"""Scripts and terminals with a server that sends changed, repeated and broken messages."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mutation import MutatingServer
from tests.harness.program import COMMAND, environment
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_qemu

SCRIPTS, SCRIPTS_PER_TEST = 200, 10
TERMINALS = 20
# Some replies and greetings never arrive.
LIMITS = ("--timeout", "0.3", "--wait", "1")
LINES = (
    "query-status",
    "query-version; query-name",
    "query-block",
    "query-named-block-nodes",
    "query-commands | cat",
    "qom-list-types",
    "qom-list path=/machine",
    "device-list-properties typename=virtio-net-pci",
    "query-cpus-fast",
    "stop; cont; stop",
    '{"execute": "query-status", "id": [1]}',
    "nosuch-command a=1",
    "block-stream",
    "blockdev-add driver=null-co node-name=x read-only=on",
    "block-dirty-bitmap-add node=d0 name=b0 persistent=no",
    "transaction( block-dirty-bitmap-add node=d0 name=b1 )",
    "device_add driver=virtio-net-pci id=n0 bus=p0",
    "/hmp info status",
    "/status",
    "/jobs -t 0.2",
    "/wait -t 0.2 STOP",
    "/wait-job -t 0.2 j0",
    "/help block-stream",
    "/help BlockdevOptions",
    "/apropos bitmap",
    "/keyval blockdev-add driver=null-co,node-name=y",
    "/watch -n 0.1 -c 2 query-status",
    "/events JOB_*,STOP",
    "/resync",
    "/last",
)
OPTIONS: tuple[list[str], ...] = (
    [],
    ["-r"],
    ["-p"],
    ["-v"],
    ["--events", "stderr"],
    ["--no-probe"],
    ["-H"],
    ["--json-errors"],
    ["-N"],
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a paused q35 with two nodes and a port."""
    options = (
        *("-blockdev", "null-co,node-name=d0,size=1048576", "-blockdev", "null-co,node-name=d1"),
        *("-device", "pcie-root-port,id=p0"),
    )
    path = tmp_path_factory.mktemp("m") / "vm.sock"
    with start_qemu(SYSTEM, path, *options, machine="q35") as server:
        yield server


@pytest.mark.parametrize("first", range(0, SCRIPTS, SCRIPTS_PER_TEST))
def test_script_with_mutating_server_ends_properly(
    machine: Server, tmp_path: Path, first: int
) -> None:
    for seed in range(first, first + SCRIPTS_PER_TEST):
        chosen = random.Random(seed)
        script = "\n".join(chosen.choices(LINES, k=6)) + "\n"
        options = [*chosen.choice(OPTIONS), *LIMITS, "-l", str(tmp_path / "log")]
        with MutatingServer(tmp_path / f"{seed}.sock", machine.address, seed) as server:
            done = subprocess.run(
                [*COMMAND, *options, server.address],
                input=script.encode(),
                capture_output=True,
                timeout=120,
                check=False,
                env=environment(),
            )
        errors = done.stderr.decode()
        assert done.returncode in (0, 1, 3), (seed, options, script, errors)
        for words in ("Traceback", "internal error", "Exception"):
            assert words not in errors, (seed, options, script, errors)


@pytest.mark.parametrize("seed", range(TERMINALS))
def test_terminal_with_mutating_server_stays_usable(
    machine: Server, tmp_path: Path, seed: int
) -> None:
    chosen = random.Random(seed)
    with (
        MutatingServer(tmp_path / f"{seed}.sock", machine.address, seed) as server,
        Terminal(
            "--timeout", "0.3", server.address, columns=80, variables={"PAGER": "cat"}
        ) as terminal,
    ):
        terminal.wait_for("(QEMU)")
        for line in chosen.choices(LINES, k=5):
            terminal.type(line[: len(line) // 2] + "\t\x03")
            terminal.line(line)
        # Ctrl-C leaves a wait, a pager or a dialog. Ctrl-D leaves the shell.
        status = terminal.leave()
        assert status in (0, 1, 3), terminal.text
        assert terminal.modes == terminal.modes_before
        for words in (b"Traceback", b"internal error", b"Unhandled"):
            assert words not in terminal.raw
