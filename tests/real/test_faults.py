"""Bad input, bad servers, bad ends: one clear line, the right status, no traceback, no hang."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.program import COMMAND, environment, run, start
from tests.harness.scripted import GREETING, Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_qemu

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
        (["-c", "a", "-f", "b", "c"], "exclude"),
        (["--events", "a,,b", "c"], "--events"),
        (["--raw", "-H", "c"], "exclude"),
        (["a", "b"], "unexpected extra argument"),
        ([], "QMP_SOCKET"),
        (["-e"], "QMP_SOCKET"),
        ([""], "QMP_SOCKET"),
        (["localhost:port"], "no port number"),
        (["localhost:0"], "no port number"),
        (["localhost:65536"], "no port number"),
        (["::1:4444"], "[::1]:4444"),
        (["unix:"], "needs a path"),
        (["unix:a,sever=on"], "sever"),
        (["fd:x"], "number"),
        (["telnet:localhost:1"], "telnet"),
        (["-f", "/no/such/file", "a"], "No such file"),
    ],
)
def test_wrong_usage(arguments: list[str], complaint: str) -> None:
    result = run(*arguments, input="query-name\n")
    assert (result.status, result.out) == (2, "")
    assert complaint in result.err


# -- no connection --------------------------------------------------------------------------------


def test_addresses_without_a_server(tmp_path: Path) -> None:
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
            ("info", "no such socket"),
            (str(gone), "connection refused"),
            (str(file), "not a socket but a regular file"),
            (str(tmp_path), "not a socket but a directory"),
            ("/dev/null", "not a socket but a character device"),
            (str(datagram), "not a stream socket"),
            (f"127.0.0.1:{port}", "connection refused"),
            ("fd:77", "fd:77"),
            ("/" + "x" * 200, "107 bytes"),
            ("no-such-host.invalid:4444", "no such host"),
        ):
            result = run(address, input="query-name\n")
            assert (result.status, result.out) == (3, ""), address
            assert complaint in one_line(result.err)
    # Nothing that was there is gone.
    assert gone.exists()
    assert datagram.exists()
    assert file.read_text() == "text"


def test_wait_gives_up_in_time(tmp_path: Path) -> None:
    begun = time.monotonic()
    result = run("--wait", "0.3", "-c", "query-name", str(tmp_path / "none.sock"))
    assert result.status == 3
    assert "tried for 0.3 s" in one_line(result.err)
    assert 0.3 <= time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("says", "complaint"),
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
def test_another_protocol_at_the_other_end(
    scripted: Scripted, says: bytes, complaint: str, closes: bool
) -> None:
    def part(peer: Peer) -> None:
        peer.send(says)
        if not closes:
            peer.ended()

    result = run(scripted(part).address, input="query-name\n")
    assert (result.status, result.out) == (3, "")
    assert complaint in one_line(result.err)
    assert "\x1b" not in result.err


def test_half_a_greeting(scripted: Scripted) -> None:
    result = run(scripted(lambda peer: peer.send(b'{"QMP": \n')).address, input="query-name\n")
    assert (result.status, result.out) == (3, "")
    assert 'it says “{"QMP":”' in one_line(result.err)


def test_the_human_monitor_at_the_other_end(installation: Installation, tmp_path: Path) -> None:
    with start_qemu(installation, tmp_path / "vm.sock", monitor="mode=readline") as server:
        result = run("-c", "query-name", server.address)
        assert (result.status, result.out) == (3, "")
        assert "human monitor, not QMP" in one_line(result.err)


def test_a_server_that_closes_without_a_word(scripted: Scripted) -> None:
    result = run(scripted(lambda peer: None).address, input="query-name\n")
    assert (result.status, result.out) == (3, "")
    assert "closed before the server greeted" in one_line(result.err)


def test_silence_is_diagnosed_and_then_given_up(scripted: Scripted) -> None:
    server = scripted(lambda peer: peer.ended())
    with start("-c", "query-name", server.address) as client:
        begun = time.monotonic()
        assert client.stderr is not None
        first = client.stderr.readline().decode()
        assert 1.9 < time.monotonic() - begun < 4.5
        assert "no greeting" in first
        assert "another client" in first
        rest = client.stderr.read().decode()
        assert 4.9 < time.monotonic() - begun < 9
        assert client.wait() == 3
        assert "no greeting" in one_line(rest)


@pytest.mark.parametrize("says", [b"", GREETING[:30], GREETING])
def test_wait_bounds_the_wait_for_the_greeting(scripted: Scripted, says: bytes) -> None:
    def part(peer: Peer) -> None:
        peer.send(says)
        peer.ended()

    begun = time.monotonic()
    result = run("--wait", "0.5", "-c", "query-name", scripted(part).address)
    assert result.status == 3
    assert time.monotonic() - begun < 4
    one_line(result.err)


def test_the_second_client_of_a_monitor(qemu: Server) -> None:
    with start(qemu.address) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write(b"query-name\n")
        first.stdin.flush()
        assert first.stdout.readline() == b'{"return": {}}\n'
        waiting = run("--wait", "0.5", "-c", "query-name", qemu.address)
        assert waiting.status == 3
        assert "another client" in one_line(waiting.err)
        # When the first leaves, who waits is served.
        with start("--wait", "20", "-c", "query-name", qemu.address) as second:
            assert second.stdout is not None
            first.stdin.close()
            assert first.wait(10) == 0
            assert second.stdout.readline() == b'{"return": {}}\n'
            assert second.wait(10) == 0


def test_the_fourth_client_of_a_monitor_is_told_that_it_is_busy(qemu: Server) -> None:
    with socket.socket(socket.AF_UNIX) as holder:
        holder.connect(qemu.address)
        assert holder.recv(10)
        others = []
        try:
            while True:
                one = socket.socket(socket.AF_UNIX)
                others.append(one)
                one.setblocking(False)
                one.connect(qemu.address)
        except BlockingIOError:
            pass
        result = run("--wait", "0.2", "-c", "query-name", qemu.address)
        assert result.status == 3
        assert "busy" in one_line(result.err)
        with start("-c", "query-name", qemu.address) as client:
            assert client.stderr is not None
            assert b"busy" in client.stderr.readline()
            for one in others:
                one.close()
            holder.close()
            assert client.stdout is not None
            assert client.stdout.readline() == b'{"return": {}}\n'
            assert client.wait(10) == 0


# -- loss -----------------------------------------------------------------------------------------


def test_a_reply_that_is_cut_in_half(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        peer.read()
        peer.send(b'{"return": {"a": ')

    result = run(scripted(part).address, input="query-name\nquery-status\n")
    assert (result.status, result.out) == (3, "")
    cut, lost = result.err.splitlines()
    assert 'cut off: {"return": {"a":' in cut
    assert "stdin:1:1: connection lost while waiting for the reply to query-name" in lost


def test_a_server_that_is_killed_during_a_command(qemu: Server) -> None:
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
        assert client.wait(10) == 3
        assert b"connection lost" in client.stderr.readline()
        assert client.stderr.read() == b""


def test_a_server_that_is_killed_while_the_script_waits_for_input(qemu: Server) -> None:
    with start(qemu.address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        client.stdin.write(b"query-name\n")
        client.stdin.flush()
        client.stdout.readline()
        qemu.kill()
        assert client.wait(10) == 3
        assert client.stderr.read().count(b"\n") == 1


def test_a_stopped_server_and_a_timeout(qemu: Server) -> None:
    with start("--timeout", "0.3", qemu.address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        client.stdin.write(b"query-name\n")
        client.stdin.flush()
        client.stdout.readline()
        qemu.stop()
        client.stdin.write(b"query-status\nquery-name\n")
        client.stdin.flush()
        assert client.wait(10) == 3
        assert client.stderr.read() == (
            b"stdin:2:1: no reply to query-status within 0.3 s; its outcome is unknown\n"
        )


def test_what_a_server_says_that_nobody_asked_for(scripted: Scripted) -> None:
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
        "a reply that nobody asked for",
        "unreadable",
        "unreadable",
        "not a message of QMP",
    ]
    assert not set("\x1b\x9b") & set(result.err)


def test_a_server_that_starts_anew_in_mid_session(scripted: Scripted) -> None:
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
    assert "the server started anew; the outcome of query-name is unknown" in result.err


def test_a_server_that_does_not_know_capabilities(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.send(b'{"QMP": {}}\r\n')
        peer.reply(peer.read(), error={"class": "CommandNotFound", "desc": "no"})
        peer.reply(peer.read(), 5)
        peer.ended()

    result = run(scripted(part).address, input="query-name\n")
    assert (result.status, result.out, result.err) == (0, '{"return": 5}\n', "")


def test_a_server_that_refuses(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.send(GREETING)
        for _ in range(2):
            peer.reply(peer.read(), error={"class": "GenericError", "desc": "not you"})
        peer.ended()

    result = run(scripted(part).address, input="query-name\n")
    assert (result.status, result.out) == (3, "")
    assert "refuses: not you" in one_line(result.err)


def test_a_large_command_to_a_server_that_does_not_read(scripted: Scripted) -> None:
    """Neither a hang nor a busy loop: the time-out ends it."""

    def part(peer: Peer) -> None:
        peer.negotiate()
        time.sleep(1.5)  # the misbehaviour itself: it reads nothing

    line = f'x a="{"y" * 4_000_000}"\n'
    result = run("--timeout", "0.5", scripted(part).address, input=line)
    assert result.status == 3
    assert "no reply to x within 0.5 s" in result.err


# -- the reader of our output ---------------------------------------------------------------------


def test_a_reader_that_goes_away(one_qemu: Server) -> None:
    script = (
        f"yes query-name | {' '.join(COMMAND)} {one_qemu.address} | head -1;"
        ' echo "${PIPESTATUS[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, env=environment(), timeout=30, check=False
    )
    assert done.stdout.splitlines()[0] == b'{"return": {}}'
    assert done.stdout.split()[-2:] == [b"141", b"0"]
    assert done.stderr == b""


def test_a_reader_that_goes_away_while_nothing_is_written(one_qemu: Server) -> None:
    with start(one_qemu.address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        client.stdin.write(b"query-name\n")
        client.stdin.flush()
        client.stdout.readline()
        client.stdout.close()
        assert client.wait(10) == 141
        assert client.stderr.read() == b""


def test_a_slow_reader_gets_all_and_the_socket_is_read_meanwhile(scripted: Scripted) -> None:
    count = 20_000
    sent = []

    def part(peer: Peer) -> None:
        peer.negotiate()
        for number in range(count):
            peer.send(b'{"event": "E", "data": {"n": %d}}\r\n' % number)
        sent.append(True)  # more than any buffer between us: it was read
        peer.reply(peer.read())
        peer.ended()

    server = scripted(part)
    with start(server.address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        deadline = time.monotonic() + 20
        while not sent and time.monotonic() < deadline:
            time.sleep(0.01)  # nothing of ours reads meanwhile
        assert sent
        out, _ = client.communicate(b"query-name\n", timeout=30)
        lines = out.splitlines()
        assert len(lines) == count + 1
        assert lines[-2] == b'{"event": "E", "data": {"n": %d}}' % (count - 1)
        assert lines[-1] == b'{"return": {}}'


@pytest.mark.parametrize(
    ("redirection", "complaint"),
    [(">/dev/full", b"No space left on device"), (">&-", b"Bad file descriptor")],
)
def test_output_that_cannot_be_written(
    one_qemu: Server, redirection: str, complaint: bytes
) -> None:
    command = f"{' '.join(COMMAND)} -c query-name -c stop {one_qemu.address} {redirection}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, env=environment(), timeout=30, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert complaint in done.stderr


@pytest.mark.parametrize("redirection", ["<&-", "2>&-", "<&- 2>&-", "2>/dev/full"])
def test_closed_input_and_diagnostics(one_qemu: Server, redirection: str) -> None:
    command = f"{' '.join(COMMAND)} -c query-name -c 'x y' {one_qemu.address} {redirection}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, env=environment(), timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (1, b'{"return": {}}\n')


def test_the_users_descriptors_stay_blocking(one_qemu: Server) -> None:
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
            timeout=30,
            check=False,
        )
        assert done.returncode == 0
        assert outer.recv(100) == b'{"return": {}}\n'
        for one in (inner, link):
            assert os.get_blocking(one.fileno())


# -- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
@pytest.mark.parametrize("moment", ["connecting", "greeting", "input", "reply", "output"])
def test_signals_at_every_moment(
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
        address, options = str(tmp_path / "none.sock"), ["--wait", "30"]
    with start(*options, address) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        if moment not in ("input", "greeting", "connecting"):
            client.stdin.write(b"query-name\n")
            client.stdin.flush()
        if moment == "output":
            assert client.stdout.read(10)
        deadline = time.monotonic() + 20
        while not reached and moment != "connecting" and time.monotonic() < deadline:
            time.sleep(0.005)
        if moment == "connecting":
            # It has no way to tell; its signal handlers are there once it maps our modules.
            _wait_for_handlers(client.pid)
        client.send_signal(number)
        client.stdout.close()
        assert client.wait(10) == status
        assert client.stderr.read() == b""


def _wait_for_handlers(pid: int) -> None:
    """Until the process handles SIGINT (bit 1) and SIGTERM (bit 14) itself."""
    wanted = 1 << (signal.SIGINT - 1) | 1 << (signal.SIGTERM - 1)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        if caught & wanted == wanted:
            return
        time.sleep(0.002)
    raise AssertionError("no signal handlers")


def test_interrupts_during_the_start_leave_no_traceback(one_qemu: Server) -> None:
    """From the moment at which the program has its handlers on."""
    for delay in range(0, 40, 4):
        with start("-r", one_qemu.address) as client:
            _wait_for_handlers(client.pid)
            time.sleep(delay / 1000)  # any moment of the start will do
            client.send_signal(signal.SIGINT)
            assert client.stderr is not None
            assert client.wait(10) == 130
            assert client.stderr.read() == b""


# -- lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "place", "reason"),
    [
        (b"x a=\xff b=1", "1:5", "not UTF-8"),
        (b"x a=\x00", "1:5", "control character (U+0000)"),
        (b"x a=\x1b[2J", "1:5", "control character (U+001B)"),
        (b"x a=1 a=2", "1:7", "given twice"),
        (b'x a="b', "1:5", "not closed"),
        (b"x a=[1, 2", "1:5", "not closed"),
        (b'{"execute": "a" "b"}', "1:17", "expected a comma or }"),
        (b'{"execute": "a"', "1:1", "not complete, but the input ends"),
        (b"query-name \\", "1:1", "the line goes on, but the input ends"),
        ("x ä=1 b".encode(), "1:7", "no argument"),
    ],
)
def test_lines_that_make_no_sense(one_qemu: Server, line: bytes, place: str, reason: str) -> None:
    result = run("-v", one_qemu.address, input=line)
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith(f"stdin:{place}: ")
    assert reason in result.err
    assert "->" not in result.err
    assert "^" in result.err
    assert "\x1b" not in result.err


def test_a_line_of_64_mib(one_qemu: Server) -> None:
    result = run(
        one_qemu.address, input=b"query-name " + b"y" * (64 << 20) + b"\nquery-name", timeout=60
    )
    assert result.status == 1
    assert result.lines == ['{"return": {}}']
    assert len(result.err) < 1000


def test_a_line_that_breaks_the_json_of_the_lines_before_is_told_at_once(one_qemu: Server) -> None:
    result = run(one_qemu.address, input='{"execute": "stop"\nquery-name\nquery-name\n')
    assert result.lines == ['{"return": {}}']
    assert result.err.startswith("stdin:2:1: expected a comma or }\n  query-name\n  ^")
