"""Test error messages and exit statuses for bad input, servers and connections."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.program import COMMAND, PYTHON, environment, run, start
from tests.harness.scripted import GREETING, Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_qemu
from tests.harness.waiting import takes_less_than

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text


# -- usage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--no-such"], "No such option"),
        (["--timeout", "x", "a"], "--timeout"),
        (["--wait", "-1", "a"], "--wait"),
        (["-c", "a", "-f", "b", "c"], "mutually exclusive"),
        (["--events", "a,,b", "c"], "--events"),
        (["--raw", "-H", "c"], "--raw and --hmp are mutually exclusive"),
        (["--raw", "-l", "x", "c"], "--raw and --log are mutually exclusive"),
        (["--raw", "-r", "c"], "--raw and --result are mutually exclusive"),
        (["--raw", "--events", "stderr", "c"], "--raw and --events are mutually exclusive"),
        (["a", "b"], "only one ADDRESS is possible"),
        ([], "QMP_SOCKET"),
        (["-e"], "QMP_SOCKET"),
        ([""], "QMP_SOCKET"),
        (["localhost:port"], "not a port number"),
        (["localhost:0"], "not a port number"),
        (["localhost:65536"], "not a port number"),
        (["::1:4444"], "[::1]:4444"),
        (["unix:"], "needs a path"),
        (["unix:a,sever=on"], "sever"),
        (["fd:x"], "number"),
        (["telnet:localhost:x"], "not a port number"),
        (["-f", "/no/such/file", "a"], "No such file"),
    ],
)
def test_wrong_usage_returns_status_2(arguments: list[str], complaint: str) -> None:
    result = run(*arguments, input="query-name\n")
    assert (result.status, result.out) == (2, "")
    assert complaint in result.err


# -- no connection --------------------------------------------------------------------------------


def test_address_without_server_reports_reason(tmp_path: Path) -> None:
    gone = tmp_path / "gone.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(gone))
    datagram = tmp_path / "datagram.sock"
    file = tmp_path / "file"
    file.write_text("text")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, socket.socket() as closed:
        other.bind(str(datagram))
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for address, complaint in (
            (str(tmp_path / "none.sock"), "no such socket"),
            ("nothing", "(is QEMU running, and is this the path given to it?)"),
            (
                "evnets",
                "(is QEMU running, and is this the path given to it?); did you mean events?",
            ),
            (str(gone), "connection refused"),
            (str(file), "not a socket but a regular file"),
            (str(tmp_path), "not a socket but a directory"),
            ("/dev/null", "not a socket but a character device"),
            (str(datagram), "not a stream socket"),
            (f"127.0.0.1:{port}", "connection refused"),
            ("fd:77", "fd:77"),
            ("/" + "x" * 200, "107 bytes"),
        ):
            result = run(address, input="query-name\n")
            assert (result.status, result.out) == (3, ""), address
            assert complaint in one_line(result.err)
            assert ("did you mean" in result.err) == (address == "evnets")
    warning, text = run("no-such-host.invalid:4444", input="query-name\n").err.splitlines()
    assert "the connection is not encrypted" in warning
    assert "no such host" in text
    assert gone.exists()
    assert datagram.exists()
    assert file.read_text() == "text"


def test_wait_option_limits_connection_attempts(tmp_path: Path) -> None:
    def fail() -> None:
        start_time = time.monotonic()
        result = run("--wait", "0.3", "-c", "query-name", str(tmp_path / "none.sock"))
        assert result.status == 3
        assert "tried for 0.3 s" in one_line(result.err)
        assert time.monotonic() - start_time >= 0.3

    assert takes_less_than(5, fail)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "a web server (HTTP)"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "an SSH server"),
        (b"RFB 003.008\n", "a VNC server"),
        (b"garbage \x1b]0;title\x07\n", "garbage \\x1b]0;title\\x07"),
        (b"\x00\x01\x02\n", "this is not QMP"),
        (b'{"hello": 1}\n', '{"hello": 1}'),
        (b"[]\n", "this is not QMP"),
    ],
)
@pytest.mark.parametrize("closes", [True, False])
def test_other_protocol_is_named_in_error(
    scripted: Scripted, data: bytes, complaint: str, closes: bool
) -> None:
    def part(peer: Peer) -> None:
        peer.send(data)
        if not closes:
            peer.ended()

    result = run(scripted(part).address, input="query-name\n")
    assert (result.status, result.out) == (3, "")
    assert complaint in one_line(result.err)
    assert "\x1b" not in result.err


def test_truncated_greeting_is_shown_in_error(scripted: Scripted) -> None:
    result = run(scripted(lambda peer: peer.send(b'{"QMP": \n')).address, input="query-name\n")
    assert (result.status, result.out) == (3, "")
    assert 'it sent “{"QMP":”' in one_line(result.err)


def test_human_monitor_is_named_in_error(installation: Installation, tmp_path: Path) -> None:
    with start_qemu(installation, tmp_path / "vm.sock", monitor="mode=readline") as server:
        result = run("-c", "query-name", server.address)
        assert (result.status, result.out) == (3, "")
        assert "human monitor, not QMP" in one_line(result.err)


def test_connection_closed_before_greeting_is_reported(scripted: Scripted) -> None:
    result = run(scripted(lambda _peer: None).address, input="query-name\n")
    assert (result.status, result.out) == (3, "")
    assert "closed before the server's greeting" in one_line(result.err)


def test_missing_greeting_is_explained_then_fatal(scripted: Scripted) -> None:
    server = scripted(lambda peer: peer.ended())
    with start("-c", "query-name", server.address) as client:
        start_time = time.monotonic()
        assert client.stderr is not None
        first = client.stderr.readline().decode()
        assert time.monotonic() - start_time > 1.9
        assert (
            f"no greeting: {PYTHON} (pid {os.getpid()}) sends nothing; it may be a guest" in first
        )
        rest = client.stderr.read().decode()
        assert time.monotonic() - start_time > 4.9
        assert client.wait(60) == 3
        # The second text shows that the first one is from an earlier time.
        assert re.fullmatch(re.escape(server.address) + r": gave up after \d+ s\n", rest)


@pytest.mark.parametrize("data", [b"", GREETING[:30], GREETING])
def test_wait_option_limits_wait_for_greeting(scripted: Scripted, data: bytes) -> None:
    def part(peer: Peer) -> None:
        peer.send(data)
        peer.ended()

    server = scripted(part)

    def fail() -> None:
        result = run("--wait", "0.5", "-c", "query-name", server.address)
        assert result.status == 3
        one_line(result.err)

    assert takes_less_than(4, fail)


def test_another_connection_wakes_the_server(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.send(GREETING)
        peer.accept_another()
        for _ in range(2):
            peer.reply(peer.read())

    result = run("--wait", "60", "-c", "stop", scripted(part).address)
    assert (result.status, result.out, result.err) == (0, '{"return": {}}\n', "")


def test_second_client_waits_for_the_first(qemu: Server) -> None:
    with start(qemu.address) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write(b"query-name\n")
        first.stdin.flush()
        assert first.stdout.readline() == b'{"return": {}}\n'
        waiting = run("--wait", "2", "-c", "query-name", qemu.address)
        assert waiting.status == 3
        busy, gave_up = waiting.err.splitlines()
        assert f"busy: another client, {PYTHON} (pid {first.pid}), holds this monitor (QEMU" in busy
        assert re.search(r"gave up after \d+ s$", gave_up)
        # The waiting client is served when the first disconnects.
        with start("--wait", "60", "-c", "query-name", qemu.address) as second:
            assert second.stdout is not None
            first.stdin.close()
            assert first.wait(60) == 0
            assert second.stdout.readline() == b'{"return": {}}\n'
            assert second.wait(60) == 0


def test_client_of_full_queue_reports_busy(qemu: Server) -> None:
    with socket.socket(socket.AF_UNIX) as holder:
        holder.connect(qemu.address)
        assert holder.recv(10)
        others = []
        try:
            while True:
                client_socket = socket.socket(socket.AF_UNIX)
                others.append(client_socket)
                client_socket.setblocking(False)
                client_socket.connect(qemu.address)
        except BlockingIOError:
            pass
        result = run("--wait", "0.2", "-c", "query-name", qemu.address)
        assert result.status == 3
        assert "busy" in one_line(result.err)
        with start("-c", "query-name", qemu.address) as client:
            assert client.stderr is not None
            assert b"busy" in client.stderr.readline()
            for client_socket in others:
                client_socket.close()
            holder.close()
            assert client.stdout is not None
            assert client.stdout.readline() == b'{"return": {}}\n'
            assert client.wait(60) == 0


# -- loss -----------------------------------------------------------------------------------------


def test_truncated_reply_is_reported(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        peer.read()
        peer.send(b'{"return": {"a": ')

    result = run(scripted(part).address, input="query-name\nquery-status\n")
    assert (result.status, result.out) == (3, "")
    cut, lost = result.err.splitlines()
    assert 'incomplete message: {"return": {"a":' in cut
    assert "stdin:1:1: connection lost while waiting for the reply to query-name" in lost


def test_server_death_during_command_returns_status_3(qemu: Server) -> None:
    with start(qemu.address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        client.stdin.write(b"query-name\n")
        client.stdin.flush()
        client.stdout.readline()
        qemu.stop()
        client.stdin.write(b"query-status\nquery-kvm\n")
        client.stdin.flush()
        qemu.kill()
        assert client.wait(60) == 3
        assert b"connection lost" in client.stderr.readline()
        assert client.stderr.read() == b""


def test_server_death_during_input_returns_status_3(qemu: Server) -> None:
    with start(qemu.address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        client.stdin.write(b"query-name\n")
        client.stdin.flush()
        client.stdout.readline()
        qemu.kill()
        assert client.wait(60) == 3
        assert client.stderr.read().count(b"\n") == 1


def test_timeout_with_stopped_server_returns_status_3(qemu: Server) -> None:
    with start("--timeout", "1", qemu.address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        client.stdin.write(b"query-name\n")
        client.stdin.flush()
        client.stdout.readline()
        qemu.stop()
        client.stdin.write(b"query-status\nquery-name\n")
        client.stdin.flush()
        assert client.wait(60) == 3
        assert client.stderr.read() == (
            b"stdin:2:1: no reply to query-status within 1 s; its outcome is unknown\n"
        )


def test_unexpected_server_messages_are_reported(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.send(b'{"event": "EARLY", "timestamp": {"seconds": -1, "microseconds": -1}}\n')
        peer.send(b'{"return": "of another client", "id": "x"}\n')
        peer.send(GREETING)
        capabilities = peer.read()
        assert capabilities["arguments"] == {"enable": ["oob"]}
        peer.send(b'{"event": "MIDDLE", "timestamp": {"seconds": 1, "microseconds": 0}}')
        peer.reply(capabilities)
        command = peer.read()
        peer.send(b'{"return": 1, "id": "stray"}\n{"x": "\x1b[2J"}\nrubbish\x9b\n{"what": 1}\n')
        peer.reply(command)
        peer.reply(peer.read(), error={"class": "GenericError", "desc": "no \x1b[31m"})
        peer.ended()

    result = run(scripted(part).address, input="query-name\nquery-kvm")
    assert result.status == 1
    early, middle, name, kvm = result.lines
    assert "EARLY" in early
    assert "MIDDLE" in middle
    assert name == '{"return": {}}'
    assert kvm == '{"error": {"class": "GenericError", "desc": "no \\u001b[31m"}}'
    assert [line.split(": ")[2] for line in result.err.splitlines()] == [
        "an unexpected reply",
        "not a JSON object",
        "not a JSON object",
        "not a QMP message",
    ]
    assert not set("\x1b\x9b") & set(result.err)


def test_second_greeting_restarts_the_session(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        peer.read()
        peer.send(b'{"return": {"half')
        peer.negotiate()
        peer.reply(peer.read(), "second")
        peer.ended()

    result = run(scripted(part).address, input="query-name\nquery-status\n")
    assert result.status == 1
    assert result.lines == ['{"return": "second"}']
    assert "the server was restarted; the outcome of query-name is unknown" in result.err


def test_server_without_qmp_capabilities_is_accepted(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.send(b'{"QMP": {}}\r\n')
        peer.reply(peer.read(), error={"class": "CommandNotFound", "desc": "no"})
        peer.reply(peer.read(), 5)
        peer.ended()

    result = run(scripted(part).address, input="query-name\n")
    assert (result.status, result.out, result.err) == (0, '{"return": 5}\n', "")


def test_refused_negotiation_is_reported(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.send(GREETING)
        for _ in range(2):
            peer.reply(peer.read(), error={"class": "GenericError", "desc": "not you"})
        peer.ended()

    result = run(scripted(part).address, input="query-name\n")
    assert (result.status, result.out) == (3, "")
    assert "refused to negotiate: not you" in one_line(result.err)


def test_timeout_with_blocked_write_returns_status_3(scripted: Scripted) -> None:
    """The timeout ends the program although the server reads nothing."""
    has_ended = threading.Event()

    def part(peer: Peer) -> None:
        peer.negotiate()
        has_ended.wait(60)

    line = f'x a="{"y" * 4_000_000}"\n'
    server = scripted(part)
    try:
        result = run("--timeout", "0.5", server.address, input=line)
    finally:
        has_ended.set()
    assert result.status == 3
    assert "no reply to x within 0.5 s" in result.err


# -- standard streams ------------------------------------------------------------------------------


def test_closed_stdout_returns_status_141(one_qemu: Server) -> None:
    script = (
        f"yes query-name | {' '.join(COMMAND)} {one_qemu.address} | head -1;"
        ' echo "${PIPESTATUS[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, env=environment(), timeout=60, check=False
    )
    assert done.stdout.splitlines()[0] == b'{"return": {}}'
    assert done.stdout.split()[-2:] == [b"141", b"0"]
    assert done.stderr == b""


def test_stdout_closed_while_idle_returns_status_141(one_qemu: Server) -> None:
    with start(one_qemu.address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        client.stdin.write(b"query-name\n")
        client.stdin.flush()
        client.stdout.readline()
        client.stdout.close()
        assert client.wait(60) == 141
        assert client.stderr.read() == b""


def test_socket_is_read_while_stdout_is_blocked(scripted: Scripted) -> None:
    count = 20_000
    sent = []

    def part(peer: Peer) -> None:
        peer.negotiate()
        for number in range(count):
            peer.send(b'{"event": "E", "data": {"n": %d}}\r\n' % number)
        sent.append(True)  # the data exceeds all buffers, so the client has read it
        peer.reply(peer.read())
        peer.ended()

    server = scripted(part)
    with start(server.address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        deadline = time.monotonic() + 60
        while not sent and time.monotonic() < deadline:
            time.sleep(0.01)  # the test does not read stdout
        assert sent
        out, _ = client.communicate(b"query-name\n", timeout=60)
        lines = out.splitlines()
        assert len(lines) == count + 1
        assert lines[-2] == b'{"event": "E", "data": {"n": %d}}' % (count - 1)
        assert lines[-1] == b'{"return": {}}'


@pytest.mark.parametrize(
    ("redirection", "complaint"),
    [(">/dev/full", b"No space left on device"), (">&-", b"Bad file descriptor")],
)
def test_unwritable_stdout_returns_status_1(
    one_qemu: Server, redirection: str, complaint: bytes
) -> None:
    command = f"{' '.join(COMMAND)} -c query-name -c stop {one_qemu.address} {redirection}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, env=environment(), timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert complaint in done.stderr


@pytest.mark.parametrize("redirection", ["<&-", "2>&-", "<&- 2>&-", "2>/dev/full"])
def test_closed_stdin_or_stderr_keeps_commands_running(one_qemu: Server, redirection: str) -> None:
    command = f"{' '.join(COMMAND)} -c query-name -c 'x y' {one_qemu.address} {redirection}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, env=environment(), timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, b'{"return": {}}\n')


def test_inherited_descriptors_stay_blocking(one_qemu: Server) -> None:
    inner, outer = socket.socketpair()
    with inner, outer, socket.socket(socket.AF_UNIX) as link:
        link.connect(one_qemu.address)
        number = link.fileno()
        outer.sendall(b"query-name\n")
        outer.shutdown(socket.SHUT_WR)
        done = subprocess.run(
            [*COMMAND, f"fd:{number}"],
            stdin=inner.fileno(),
            stdout=inner.fileno(),
            pass_fds=[number],
            env=environment(),
            timeout=60,
            check=False,
        )
        assert done.returncode == 0
        assert outer.recv(100) == b'{"return": {}}\n'
        for descriptor in (inner, link):
            assert os.get_blocking(descriptor.fileno())


# -- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
@pytest.mark.parametrize("moment", ["connecting", "greeting", "input", "reply", "output"])
def test_signal_in_any_state_ends_program_silently(
    scripted: Scripted, tmp_path: Path, number: int, status: int, moment: str
) -> None:
    reached: list[bool] = []

    def part(peer: Peer) -> None:
        if moment == "greeting":
            reached.append(True)
            peer.ended()
            return
        peer.negotiate()
        if moment == "input":
            reached.append(True)
            peer.ended()
            return
        command = peer.read()
        if moment == "output":
            peer.reply(command, "x" * 10_000_000)
        reached.append(True)
        peer.ended()

    address = scripted(part).address
    options = []
    if moment == "connecting":
        address, options = str(tmp_path / "none.sock"), ["--wait", "60"]
    with start(*options, address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        if moment not in ("input", "greeting", "connecting"):
            client.stdin.write(b"query-name\n")
            client.stdin.flush()
        if moment == "output":
            assert client.stdout.read(10)
        deadline = time.monotonic() + 60
        while not reached and moment != "connecting" and time.monotonic() < deadline:
            time.sleep(0.005)
        if moment == "connecting":
            # No output marks this state, so wait for the signal handlers.
            _wait_for_handlers(client.pid)
        client.send_signal(number)
        client.stdout.close()
        assert client.wait(60) == status
        assert client.stderr.read() == b""


def _wait_for_handlers(pid: int) -> None:
    """Wait until the process has handlers for SIGINT (bit 1) and SIGTERM (bit 14)."""
    required = 1 << (signal.SIGINT - 1) | 1 << (signal.SIGTERM - 1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        if caught & required == required:
            return
        time.sleep(0.002)
    raise AssertionError("no signal handlers")


def test_sigint_during_start_prints_no_traceback(one_qemu: Server) -> None:
    """Send SIGINT at various times after the program has installed its handlers."""
    for delay in range(0, 40, 4):
        with start("-r", one_qemu.address) as client:
            _wait_for_handlers(client.pid)
            time.sleep(delay / 1000)
            client.send_signal(signal.SIGINT)
            assert client.stderr is not None
            assert client.wait(60) == 130
            assert client.stderr.read() == b""


# -- lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "place", "reason"),
    [
        (b"x a=\xff b=1", "1:5", "not UTF-8"),
        (b"x a=\x00", "1:5", "control character (U+0000)"),
        (b"x a=\x1b[2J", "1:5", "control character (U+001B)"),
        (b"x a=1 a=2", "1:7", "occurs twice"),
        (b'x a="b', "1:5", "not closed"),
        (b"x a=[1, 2", "1:5", "not closed"),
        (b'{"execute": "a" "b"}', "1:17", "expected a comma or }"),
        (b'{"execute": "a"', "1:1", "not complete, but the input ends"),
        (b"query-name \\", "1:1", "the line is continued, but the input ends"),
        ("x ä=1 b".encode(), "1:7", "no argument"),
    ],
)
def test_invalid_line_is_reported_with_position(
    one_qemu: Server, line: bytes, place: str, reason: str
) -> None:
    result = run("-v", one_qemu.address, input=line)
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith(f"stdin:{place}: ")
    assert reason in result.err
    assert "->" not in result.err
    assert "^" in result.err
    assert "\x1b" not in result.err


def test_line_of_16_mib_is_reported_briefly(one_qemu: Server) -> None:
    result = run(
        one_qemu.address, input=b"query-name " + b"y" * (16 << 20) + b"\nquery-name", timeout=60
    )
    assert result.status == 1
    assert result.lines == ['{"return": {}}']
    assert len(result.err) < 1000


def test_line_inside_open_json_is_reported_alone(one_qemu: Server) -> None:
    result = run(one_qemu.address, input='{"execute": "stop"\nquery-name\nquery-name\n')
    assert result.lines == ['{"return": {}}']
    assert result.err.startswith("stdin:2:1: expected a comma or }\n  query-name\n  ^")
