"""Tests of redirects to files and shell commands, with real files and in a session."""

from __future__ import annotations

import os
import select
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpshell.errors import FAILED, OK, OutputError
from qmpshell.language import Redirect
from qmpshell.session import CloseRedirect, OpenRedirect
from qmpshell.storage import RedirectTarget
from tests.harness.program import run
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.sessions import DONE, NOT_FOUND, REFUSAL, Driver, event, reply, sent

TIMEOUT = 60.0
BIG = b"".join(b"%07d\n" % number for number in range(200_000))  # 1.6 MB

Capture = pytest.CaptureFixture[bytes]


def descriptors() -> set[str]:
    return set(os.listdir("/dev/fd"))


@pytest.fixture(autouse=True)
def check_open_files() -> Iterator[None]:
    before = len(descriptors())
    yield
    assert len(descriptors()) == before
    with pytest.raises(ChildProcessError):  # no child process remains
        os.waitpid(-1, os.WNOHANG)


def make_redirect(operator: str, text: object, **environment: str) -> RedirectTarget:
    redirect = Redirect(operator, str(text), 0)
    return RedirectTarget(redirect, environment={"PATH": os.environ["PATH"], **environment})


def finish_redirect(redirect: RedirectTarget) -> str:
    """Poll the redirect until it is closed, and return its problem."""
    deadline = time.monotonic() + TIMEOUT
    while redirect.problem is None:
        assert time.monotonic() < deadline, "it does not end"
        poll = select.poll()
        for descriptor, is_writing in redirect.waits_for.items():
            poll.register(descriptor, select.POLLOUT if is_writing else select.POLLIN)
        poll.poll(20 if redirect.must_be_polled else 1000)
        redirect.flush()
    assert redirect.waits_for == {}
    return redirect.problem


def run_redirect(operator: str, text: object, *parts: bytes, **environment: str) -> str:
    """Open a redirect, write the parts, close it, and return its problem."""
    redirect = make_redirect(operator, text, **environment)
    redirect.start()
    for part in parts:
        redirect.write(part)
    redirect.end()
    return finish_redirect(redirect)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


# -- files ----------------------------------------------------------------------------------------


def test_file_receives_all_parts_in_order(tmp_path: Path) -> None:
    path = tmp_path / "my file"
    assert run_redirect(">", path, b"a\n", b"", b"b\n", BIG) == ""
    assert path.read_bytes() == b"a\nb\n" + BIG


def test_file_is_overwritten_or_appended(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a much longer beginning\n")
    assert run_redirect(">", path, b"a\n") == ""
    assert run_redirect(">>", path, b"b\n") == ""
    assert path.read_bytes() == b"a\nb\n"
    assert run_redirect(">", path) == ""
    assert path.read_bytes() == b""


def test_new_file_has_normal_permissions(tmp_path: Path) -> None:
    path = tmp_path / "f"
    before = os.umask(0o027)
    try:
        run_redirect(">>", path, b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_empty_redirect_still_creates_file(tmp_path: Path) -> None:
    assert run_redirect(">", tmp_path / "f") == ""
    assert (tmp_path / "f").read_bytes() == b""


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing/f", NOT_FOUND), ("", "Is a directory"), ("file/f", "Not a directory")],
)
def test_failed_file_open_raises_error(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / name
    redirect = make_redirect(">", path)
    with pytest.raises(OutputError) as caught:
        redirect.start()
    assert str(caught.value) == f"{path}: {reason}"


def test_full_disk_is_reported_once() -> None:
    redirect = make_redirect(">", "/dev/full")
    redirect.start()
    redirect.write(b"x\n")
    redirect.write(b"y\n")
    redirect.end()
    assert finish_redirect(redirect) == "/dev/full: No space left on device"


def test_write_error_is_reported_at_close() -> None:
    """The later replies of the line must not go elsewhere."""
    redirect = make_redirect(">", "/dev/full")
    redirect.start()
    redirect.write(b"x\n")
    assert redirect.problem is None
    redirect.end()
    assert finish_redirect(redirect) == "/dev/full: No space left on device"


def test_fifo_accepts_more_than_its_capacity(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        redirect = make_redirect(">", path)
        redirect.start()
        redirect.write(BIG)
        redirect.end()
        assert redirect.problem is None
        assert list(redirect.waits_for.values()) == [True]
        found = b""
        deadline = time.monotonic() + TIMEOUT
        while redirect.problem is None:
            assert time.monotonic() < deadline
            found += os.read(reader, 1 << 20)
            redirect.flush()
        while rest := os.read(reader, 1 << 20):
            found += rest
        assert found == BIG
        assert redirect.problem == ""
    finally:
        os.close(reader)


# -- shell commands -------------------------------------------------------------------------------


def test_external_command_receives_all_parts_in_order(tmp_path: Path) -> None:
    path = tmp_path / "f"
    parts = [b"%d\n" % number for number in range(1000)]
    assert run_redirect("|", f"cat > {path}", *parts) == ""
    assert path.read_bytes() == b"".join(parts)


def test_external_command_reads_beyond_pipe_capacity(tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert run_redirect("|", f"cat > {path}", BIG, BIG) == ""
    assert path.read_bytes() == BIG + BIG


def test_write_does_not_wait_for_external_command(tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    redirect = make_redirect("|", f"read x < {go}; cat > {tmp_path}/f")
    redirect.start()
    redirect.write(BIG)  # the command does not read yet
    redirect.end()
    assert redirect.problem is None
    go.write_bytes(b"\n")
    assert finish_redirect(redirect) == ""
    assert (tmp_path / "f").read_bytes() == BIG


def test_external_command_inherits_stdout_and_stderr(capfdbinary: Capture) -> None:
    assert run_redirect("|", "tr a-z A-Z; echo mistake >&2", b"abc\n") == ""
    assert capfdbinary.readouterr() == (b"ABC\n", b"mistake\n")


def test_external_command_runs_in_shell_with_environment(capfdbinary: Capture) -> None:
    assert (
        run_redirect("|", 'sort -r | head -1 && echo "$GREETING"', b"a\nb\n", GREETING="hi") == ""
    )
    assert capfdbinary.readouterr().out == b"b\nhi\n"


@pytest.mark.parametrize("command", ["head -1", "true", "exec <&-; exit 0"])
@pytest.mark.parametrize("data", [b"a\nb\n", BIG])
def test_external_command_may_stop_reading_early(
    command: str, data: bytes, capfdbinary: Capture
) -> None:
    assert run_redirect("|", command, *[data] * 3) == ""
    assert capfdbinary.readouterr().out in (b"a\n", b"0000000\n", b"")


def test_output_after_external_command_exit_is_dropped(tmp_path: Path) -> None:
    done = tmp_path / "done"
    redirect = make_redirect("|", f"exec <&-; touch {done}")
    redirect.start()
    wait_until(done.exists)
    for _ in range(100):
        redirect.write(b"x\n")
    assert redirect.problem is None
    redirect.end()
    assert finish_redirect(redirect) == ""


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("cat >/dev/null; exit 3", "ended with status 3"),
        ("exit 1", "ended with status 1"),
        ("no-such-command 2>/dev/null", "ended with status 127"),
    ],
)
def test_external_command_failure_status_is_reported(command: str, problem: str) -> None:
    assert run_redirect("|", command, b"x\n") == f"{command}: {problem}"


def test_external_command_ended_by_signal_is_reported() -> None:
    problem = run_redirect("|", "kill -TERM $$", b"x\n")
    assert problem.startswith("kill -TERM $$: ended ")
    assert "-15" not in problem
    assert "signal" in problem or "SIGTERM" in problem


def test_external_command_has_default_signals(capfdbinary: Capture) -> None:
    """Python ignores SIGPIPE; a child that inherits this reports a broken pipe."""
    run_redirect("|", "yes | head -1; sh -c 'kill -PIPE $$; echo ignored'", b"x\n")
    assert capfdbinary.readouterr() == (b"y\n", b"")


def test_external_command_has_its_own_process_group(tmp_path: Path) -> None:
    """Ctrl-C at a terminal must not signal the command before the shell."""
    path = tmp_path / "pid"
    redirect = make_redirect("|", f"echo $$ > {path}.new; mv {path}.new {path}; cat")
    redirect.start()
    wait_until(path.exists)
    pid = int(path.read_text())
    assert os.getpgid(pid) == pid != os.getpgid(0)
    assert redirect.problem is None
    redirect.end()
    assert finish_redirect(redirect) == ""


def test_external_command_exit_is_awaited(tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    redirect = make_redirect("|", f"cat > /dev/null; read x < {go}; exit 4")
    redirect.start()
    redirect.write(b"x\n")
    redirect.end()
    assert redirect.problem is None
    if not redirect.must_be_polled:
        ((descriptor, is_writing),) = redirect.waits_for.items()
        assert not is_writing
        assert not select.select([descriptor], [], [], 0)[0]
    go.write_bytes(b"\n")
    assert finish_redirect(redirect).endswith("ended with status 4")


def test_external_command_may_contain_special_characters(capfdbinary: Capture) -> None:
    assert run_redirect("|", "cat; printf '%s\\n' \"é;'|#\"", b"x\n") == ""
    assert capfdbinary.readouterr().out == "x\né;'|#\n".encode()


def test_external_command_ignores_signals_to_shell_group(tmp_path: Path) -> None:
    path = tmp_path / "f"
    redirect = make_redirect("|", f"cat > {path}")
    redirect.start()
    before = signal.signal(signal.SIGWINCH, signal.SIG_IGN)
    try:
        os.killpg(0, signal.SIGWINCH)
    finally:
        signal.signal(signal.SIGWINCH, before)
    redirect.write(b"x\n")
    redirect.end()
    assert finish_redirect(redirect) == ""
    assert path.read_bytes() == b"x\n"


# -- the session ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "operator", "text"),
    [
        ("> f.json", ">", "f.json"),
        (">> 'my file'", ">>", "my file"),
        ("| jq . | cat", "|", "jq . | cat"),
    ],
)
def test_line_waits_until_redirect_is_open(where: str, operator: str, text: str) -> None:
    driver = Driver()
    assert driver.line(f"a; b {where}") == [("divert", operator, text)]
    assert not driver.session.idle
    assert driver.line("c") == []
    assert driver.bytes(event("STOP")) == [("event", "STOP")]
    assert driver.redirect_opened() == [sent('{"execute": "a"}')]
    assert driver.bytes(DONE)[1:] == [sent('{"execute": "b"}')]
    assert driver.bytes(DONE)[1:] == [("finish", operator, text)]
    assert not driver.session.idle
    assert driver.redirect_closed() == [sent('{"execute": "c"}')]
    driver.bytes(DONE)
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


def test_line_requests_share_their_redirect() -> None:
    driver = Driver()
    driver.line("a > f")
    (step,) = driver.steps
    (effect,) = driver.session.answer(step, "", driver.now)
    request = getattr(effect, "request", None)
    assert isinstance(step, OpenRedirect) and request is not None
    assert request.redirect is step.redirect


PROBLEM = f"missing/f: {NOT_FOUND}"


@pytest.mark.parametrize("interactive", [False, True])
def test_failed_redirect_open_sends_nothing(interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    driver.line("a; b > missing/f")
    driver.line("c")
    place = "" if interactive else "stdin:1:8: "
    marker = ', "id": "qmpshell-1"' if interactive else ""
    assert driver.redirect_opened(PROBLEM) == [
        ("error", f"{place}{PROBLEM}\n  a; b > missing/f\n         ^^^^^^^^^"),
        sent(f'{{"execute": "c"{marker}}}'),
    ]
    assert driver.status == FAILED


def test_failed_redirect_open_stops_on_error() -> None:
    driver = Driver(stop_on_error=True)
    driver.line("a > missing/f")
    assert driver.redirect_opened(PROBLEM) == [
        ("error", f"stdin:1:5: {PROBLEM}\n  a > missing/f\n      ^^^^^^^^^"),
        ("leave", FAILED),
    ]


def test_redirect_close_error_gives_status_1() -> None:
    driver = Driver()
    driver.line("a | false; b")
    driver.redirect_opened()
    driver.bytes(DONE)
    assert driver.redirect_closed("false; b: ended with status 1") == [
        ("error", "stdin:1:3: false; b: ended with status 1")
    ]
    assert driver.end() == [("leave", FAILED)]


def test_redirect_error_is_shown_without_control_characters() -> None:
    driver = Driver(interactive=True)
    driver.line("a > f")
    assert driver.redirect_opened("\x1b[2J: no") == [("error", "\\x1b[2J: no\n  a > f\n      ^")]


def test_line_without_requests_opens_and_closes_redirect() -> None:
    driver = Driver()
    assert driver.line("/events none | cat") == [("divert", "|", "cat")]
    assert driver.redirect_opened() == [("finish", "|", "cat")]
    assert driver.redirect_closed() == []
    assert driver.session.idle


def test_line_continues_after_error_reply() -> None:
    driver = Driver()
    driver.line("a; b > f")
    driver.redirect_opened()
    assert [effect[0] for effect in driver.bytes(REFUSAL)] == ["reply", "send"]
    assert [effect[0] for effect in driver.bytes(DONE)] == ["reply", "finish"]
    driver.redirect_closed()
    assert driver.end() == [("leave", FAILED)]


def test_stop_on_error_closes_redirect_before_exit() -> None:
    """With an earlier exit, data is lost or output appears after the exit."""
    driver = Driver(stop_on_error=True)
    driver.line("a; b | sort")
    driver.redirect_opened()
    assert [effect[0] for effect in driver.bytes(REFUSAL)] == ["reply", "finish"]
    assert driver.redirect_closed() == [("leave", FAILED)]


def test_server_exit_does_not_truncate_redirect() -> None:
    driver = Driver()
    driver.line("quit | sort")
    driver.redirect_opened()
    assert [effect[0] for effect in driver.bytes(DONE)] == ["reply", "finish"]
    assert driver.gone() == []
    assert not driver.session.idle
    driver.redirect_closed("sort: ended with status 2")
    assert driver.end() == [("leave", FAILED)]


def test_loss_before_redirect_opens_drops_line() -> None:
    driver = Driver(interactive=True)
    driver.line("a > f")
    assert [effect[0] for effect in driver.gone()] == ["error", "stop"]
    assert driver.redirect_opened() == []
    assert driver.session.idle


def test_ctrl_c_abandons_running_shell_command() -> None:
    driver = Driver(interactive=True)
    driver.line("a | cat")
    driver.redirect_opened()
    driver.bytes(reply({}, 1))
    driver.abandon()
    assert driver.session.idle
    assert driver.redirect_closed("too late") == []


def test_result_for_other_redirect_is_ignored() -> None:
    driver = Driver()
    driver.line("a > f")
    other = Redirect(">", "f", 4)
    assert driver.session.answer(OpenRedirect(other), "no", driver.now) == []
    assert driver.session.answer(CloseRedirect(other), "no", driver.now) == []
    assert driver.redirect_opened() == [sent('{"execute": "a"}')]


def test_schema_is_queried_before_redirect_opens() -> None:
    driver = Driver()
    assert [effect[0] for effect in driver.line("a b=5 > f")] == ["send"]
    assert driver.bytes(reply([], 1)) == [("divert", ">", "f")]


def test_invalid_line_opens_no_redirect() -> None:
    driver = Driver(probe=False)
    assert [effect[0] for effect in driver.line("a b > f")] == ["error"]
    assert driver.steps == []


# -- complete scripts -----------------------------------------------------------------------------

Start = Callable[[Callable[[Peer], object]], ScriptedServer]


def echo(peer: Peer) -> None:
    """Reply to each command with its name, after an event that names it."""
    peer.negotiate()
    while True:
        command = peer.read()
        peer.send(b'{"event": "BUSY"}\r\n')
        peer.reply(command, command["execute"])


def test_script_writes_replies_to_redirects(scripted: Start, tmp_path: Path) -> None:
    server = scripted(echo)
    lines = f"a; b > {tmp_path}/f\nc | tr c C\nd >> {tmp_path}/f\n"
    done = run("-r", "--events", "inline", server.address, input=lines)
    assert (done.status, done.err) == (0, "")
    assert (tmp_path / "f").read_text() == '"a"\n"b"\n"d"\n'
    assert [line for line in done.lines if "BUSY" not in line] == ['"C"']
    assert done.out.count("BUSY") == 4


@pytest.mark.parametrize("line", ["a > /dev/full", "a; b; c > /dev/full"])
def test_full_disk_fails_and_script_continues(scripted: Start, line: str) -> None:
    server = scripted(echo)
    done = run("-r", server.address, input=f"{line}\nd\n", timeout=60)
    assert done.err.splitlines() == [
        f"stdin:1:{line.index('/') + 1}: /dev/full: No space left on device"
    ]
    assert done.lines == ['"d"']
    assert done.status == 1


def test_script_waits_for_last_external_command(scripted: Start, tmp_path: Path) -> None:
    server = scripted(echo)
    go = tmp_path / "go"
    os.mkfifo(go)
    # The command ends after the last reply: it waits until a background process writes to the FIFO.
    command = f"sh -c '(echo x > {go}) & read x < {go}; tr a-z A-Z'"
    done = run("-r", "-c", f"a; exit | {command}", server.address)
    assert (done.status, done.out) == (0, '"A"\n')
