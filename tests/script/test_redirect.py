"""Where a line's replies go: files and shell commands, real ones, and what a session makes of them."""

from __future__ import annotations

import os
import select
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpshell.errors import FAILED, OK
from qmpshell.language import Redirect
from qmpshell.script import OutputError, ScriptRedirect
from tests.harness.program import run
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.sessions import DONE, NOT_FOUND, REFUSAL, Driver, event, reply, sent

_PATIENCE = 20.0
BIG = b"".join(b"%07d\n" % number for number in range(200_000))  # 1.6 MB

Capture = pytest.CaptureFixture[bytes]


def descriptors() -> set[str]:
    return set(os.listdir("/dev/fd"))


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    before = len(descriptors())
    yield
    assert len(descriptors()) == before
    with pytest.raises(ChildProcessError):  # no child is left either
        os.waitpid(-1, os.WNOHANG)


def diversion(operator: str, text: object, **environment: str) -> ScriptRedirect:
    redirect = Redirect(operator, str(text), 0)
    return ScriptRedirect(redirect, environment={"PATH": os.environ["PATH"], **environment})


def settle(one: ScriptRedirect) -> str:
    """Go on as the loop does, until it is over; what went wrong."""
    deadline = time.monotonic() + _PATIENCE
    while one.problem is None:
        assert time.monotonic() < deadline, "it does not end"
        poll = select.poll()
        for descriptor, is_writing in one.waits_for.items():
            poll.register(descriptor, select.POLLOUT if is_writing else select.POLLIN)
        poll.poll(20 if one.must_be_polled else 1000)
        one.flush()
    assert one.waits_for == {}
    return one.problem


def divert(operator: str, text: object, *parts: bytes, **environment: str) -> str:
    """Begin, write and end; what went wrong."""
    one = diversion(operator, text, **environment)
    one.start()
    for part in parts:
        one.write(part)
    one.end()
    return settle(one)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


# -- files ----------------------------------------------------------------------------------------


def test_a_file_takes_all_in_order(tmp_path: Path) -> None:
    path = tmp_path / "my file"
    assert divert(">", path, b"a\n", b"", b"b\n", BIG) == ""
    assert path.read_bytes() == b"a\nb\n" + BIG


def test_a_file_is_overwritten_or_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a much longer beginning\n")
    assert divert(">", path, b"a\n") == ""
    assert divert(">>", path, b"b\n") == ""
    assert path.read_bytes() == b"a\nb\n"
    assert divert(">", path) == ""
    assert path.read_bytes() == b""


def test_new_file_has_normal_permissions(tmp_path: Path) -> None:
    path = tmp_path / "f"
    before = os.umask(0o027)
    try:
        divert(">>", path, b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_empty_redirect_still_creates_file(tmp_path: Path) -> None:
    assert divert(">", tmp_path / "f") == ""
    assert (tmp_path / "f").read_bytes() == b""


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing/f", NOT_FOUND), ("", "Is a directory"), ("file/f", "Not a directory")],
)
def test_a_file_that_cannot_be_opened(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / name
    one = diversion(">", path)
    with pytest.raises(OutputError) as caught:
        one.start()
    assert str(caught.value) == f"{path}: {reason}"


def test_full_disk_is_reported_once() -> None:
    one = diversion(">", "/dev/full")
    one.start()
    one.write(b"x\n")
    one.write(b"y\n")
    one.end()
    assert settle(one) == "/dev/full: No space left on device"


def test_a_problem_is_not_told_before_the_end() -> None:
    """The replies that follow belong to the line, too, and must not go elsewhere."""
    one = diversion(">", "/dev/full")
    one.start()
    one.write(b"x\n")
    assert one.problem is None
    one.end()
    assert settle(one) == "/dev/full: No space left on device"


def test_fifo_accepts_more_than_its_capacity(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        one = diversion(">", path)
        one.start()
        one.write(BIG)
        one.end()
        assert one.problem is None
        assert list(one.waits_for.values()) == [True]
        found = b""
        deadline = time.monotonic() + _PATIENCE
        while one.problem is None:
            assert time.monotonic() < deadline
            found += os.read(reader, 1 << 20)
            one.flush()
        while rest := os.read(reader, 1 << 20):
            found += rest
        assert found == BIG
        assert one.problem == ""
    finally:
        os.close(reader)


# -- shell commands -------------------------------------------------------------------------------


def test_a_shell_command_takes_all_in_order(tmp_path: Path) -> None:
    path = tmp_path / "f"
    parts = [b"%d\n" % number for number in range(1000)]
    assert divert("|", f"cat > {path}", *parts) == ""
    assert path.read_bytes() == b"".join(parts)


def test_external_command_reads_beyond_pipe_capacity(tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert divert("|", f"cat > {path}", BIG, BIG) == ""
    assert path.read_bytes() == BIG + BIG


def test_writing_never_waits_for_the_shell_command(tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    one = diversion("|", f"read x < {go}; cat > {tmp_path}/f")
    one.start()
    one.write(BIG)  # nobody reads as yet
    one.end()
    assert one.problem is None
    go.write_bytes(b"\n")
    assert settle(one) == ""
    assert (tmp_path / "f").read_bytes() == BIG


def test_a_shell_command_writes_to_our_standard_output(capfdbinary: Capture) -> None:
    assert divert("|", "tr a-z A-Z; echo mistake >&2", b"abc\n") == ""
    assert capfdbinary.readouterr() == (b"ABC\n", b"mistake\n")


def test_a_shell_command_is_the_shells(capfdbinary: Capture) -> None:
    assert divert("|", 'sort -r | head -1 && echo "$GREETING"', b"a\nb\n", GREETING="hi") == ""
    assert capfdbinary.readouterr().out == b"b\nhi\n"


@pytest.mark.parametrize("command", ["head -1", "true", "exec <&-; exit 0"])
@pytest.mark.parametrize("data", [b"a\nb\n", BIG])
def test_external_command_may_stop_reading_early(
    command: str, data: bytes, capfdbinary: Capture
) -> None:
    assert divert("|", command, *[data] * 3) == ""
    assert capfdbinary.readouterr().out in (b"a\n", b"0000000\n", b"")


def test_output_after_external_command_exit_is_dropped(tmp_path: Path) -> None:
    done = tmp_path / "done"
    one = diversion("|", f"exec <&-; touch {done}")
    one.start()
    wait_until(done.exists)
    for _ in range(100):
        one.write(b"x\n")
    assert one.problem is None
    one.end()
    assert settle(one) == ""


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("cat >/dev/null; exit 3", "ended with status 3"),
        ("exit 1", "ended with status 1"),
        ("no-such-command 2>/dev/null", "ended with status 127"),
    ],
)
def test_a_shell_command_that_fails(command: str, problem: str) -> None:
    assert divert("|", command, b"x\n") == f"{command}: {problem}"


def test_a_shell_command_that_a_signal_ended() -> None:
    problem = divert("|", "kill -TERM $$", b"x\n")
    assert problem.startswith("kill -TERM $$: ended ")
    assert "-15" not in problem
    assert "signal" in problem or "SIGTERM" in problem


def test_external_command_has_default_signals(capfdbinary: Capture) -> None:
    """Python ignores SIGPIPE; a program that inherits that complains of a broken pipe."""
    divert("|", "yes | head -1; sh -c 'kill -PIPE $$; echo ignored'", b"x\n")
    assert capfdbinary.readouterr() == (b"y\n", b"")


def test_external_command_has_its_own_process_group(tmp_path: Path) -> None:
    """So that Ctrl-C at a terminal does not reach it before us."""
    path = tmp_path / "pid"
    one = diversion("|", f"echo $$ > {path}.new; mv {path}.new {path}; cat")
    one.start()
    wait_until(path.exists)
    pid = int(path.read_text())
    assert os.getpgid(pid) == pid != os.getpgid(0)
    assert one.problem is None
    one.end()
    assert settle(one) == ""


def test_external_command_exit_is_awaited(tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    one = diversion("|", f"cat > /dev/null; read x < {go}; exit 4")
    one.start()
    one.write(b"x\n")
    one.end()
    assert one.problem is None
    if not one.must_be_polled:
        ((descriptor, is_writing),) = one.waits_for.items()
        assert not is_writing
        assert not select.select([descriptor], [], [], 0)[0]
    go.write_bytes(b"\n")
    assert settle(one).endswith("ended with status 4")


def test_a_command_line_may_hold_anything(capfdbinary: Capture) -> None:
    assert divert("|", "cat; printf '%s\\n' \"é;'|#\"", b"x\n") == ""
    assert capfdbinary.readouterr().out == "x\né;'|#\n".encode()


def test_a_signal_to_our_group_spares_it(tmp_path: Path) -> None:
    path = tmp_path / "f"
    one = diversion("|", f"cat > {path}")
    one.start()
    before = signal.signal(signal.SIGWINCH, signal.SIG_IGN)
    try:
        os.killpg(0, signal.SIGWINCH)
    finally:
        signal.signal(signal.SIGWINCH, before)
    one.write(b"x\n")
    one.end()
    assert settle(one) == ""
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
def test_a_line_waits_until_its_destination_is_ready(where: str, operator: str, text: str) -> None:
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
    (effect,) = driver.session.redirect_opened(driver.destinations[-1], "", driver.now)
    request = getattr(effect, "request", None)
    assert request is not None and request.redirect is driver.destinations[-1]


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


def test_a_problem_at_opening_stops_on_error() -> None:
    driver = Driver(stop_on_error=True)
    driver.line("a > missing/f")
    assert driver.redirect_opened(PROBLEM) == [
        ("error", f"stdin:1:5: {PROBLEM}\n  a > missing/f\n      ^^^^^^^^^"),
        ("leave", FAILED),
    ]


def test_a_problem_at_the_end_is_a_failure() -> None:
    driver = Driver()
    driver.line("a | false; b")
    driver.redirect_opened()
    driver.bytes(DONE)
    assert driver.redirect_closed("false; b: ended with status 1") == [
        ("error", "stdin:1:3: false; b: ended with status 1")
    ]
    assert driver.end() == [("leave", FAILED)]


def test_a_problem_is_shown_without_its_controls() -> None:
    driver = Driver(interactive=True)
    driver.line("a > f")
    assert driver.redirect_opened("\x1b[2J: no") == [("error", "\\x1b[2J: no\n  a > f\n      ^")]


def test_shell_only_line_starts_and_ends_too() -> None:
    driver = Driver()
    assert driver.line("/events none | cat") == [("divert", "|", "cat")]
    assert driver.redirect_opened() == [("finish", "|", "cat")]
    assert driver.redirect_closed() == []
    assert driver.session.idle


def test_error_reply_is_redirected_and_line_continues() -> None:
    driver = Driver()
    driver.line("a; b > f")
    driver.redirect_opened()
    assert [one[0] for one in driver.bytes(REFUSAL)] == ["reply", "send"]
    assert [one[0] for one in driver.bytes(DONE)] == ["reply", "finish"]
    driver.redirect_closed()
    assert driver.end() == [("leave", FAILED)]


def test_stopping_on_an_error_ends_the_destination_first() -> None:
    """Or what it took would be lost, and a shell command's words come after us."""
    driver = Driver(stop_on_error=True)
    driver.line("a; b | sort")
    driver.redirect_opened()
    assert [one[0] for one in driver.bytes(REFUSAL)] == ["reply", "finish"]
    assert driver.redirect_closed() == [("leave", FAILED)]


def test_server_exit_does_not_truncate_redirect() -> None:
    driver = Driver()
    driver.line("quit | sort")
    driver.redirect_opened()
    assert [one[0] for one in driver.bytes(DONE)] == ["reply", "finish"]
    assert driver.gone() == []
    assert not driver.session.idle
    driver.redirect_closed("sort: ended with status 2")
    assert driver.end() == [("leave", FAILED)]


def test_a_loss_before_the_destination_is_ready() -> None:
    driver = Driver(interactive=True)
    driver.line("a > f")
    assert [one[0] for one in driver.gone()] == ["error"]
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


def test_an_answer_for_another_destination_is_passed_over() -> None:
    driver = Driver()
    driver.line("a > f")
    other = Redirect(">", "f", 4)
    assert driver.session.redirect_opened(other, "no", driver.now) == []
    assert driver.session.redirect_closed(other, "no", driver.now) == []
    assert driver.redirect_opened() == [sent('{"execute": "a"}')]


def test_schema_is_queried_before_redirect_opens() -> None:
    driver = Driver()
    assert [one[0] for one in driver.line("a b=5 > f")] == ["send"]
    assert driver.bytes(reply([], 1)) == [("divert", ">", "f")]


def test_a_mistake_opens_no_destination() -> None:
    driver = Driver()
    assert [one[0] for one in driver.line("a b > f")] == ["error"]
    assert driver.destinations == []


# -- all together ---------------------------------------------------------------------------------

Start = Callable[[Callable[[Peer], object]], ScriptedServer]


def echo(peer: Peer) -> None:
    """Reply to each command with its name, after an event that names it."""
    peer.negotiate()
    while True:
        command = peer.read()
        peer.send(b'{"event": "BUSY"}\r\n')
        peer.reply(command, command["execute"])


def test_a_script_with_destinations(scripted: Start, tmp_path: Path) -> None:
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
    done = run("-r", server.address, input=f"{line}\nd\n", timeout=10)
    assert done.err.splitlines() == [
        f"stdin:1:{line.index('/') + 1}: /dev/full: No space left on device"
    ]
    assert done.lines == ['"d"']
    assert done.status == 1


def test_a_script_waits_for_the_last_shell_command(scripted: Start, tmp_path: Path) -> None:
    server = scripted(echo)
    go = tmp_path / "go"
    os.mkfifo(go)
    # The command outlives the last reply until somebody writes to the FIFO, which a second one does.
    command = f"sh -c '(echo x > {go}) & read x < {go}; tr a-z A-Z'"
    done = run("-r", "-c", f"a; exit | {command}", server.address)
    assert (done.status, done.out) == (0, '"A"\n')
