"""The guest agent, which has no schema: its arguments are typed by data of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.exchange import messages, returns, script, sent_arguments
from tests.harness.program import run
from tests.harness.servers import Installation, Server, start_agent


@pytest.fixture
def agent(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    with start_agent(installation, tmp_path) as server:
        yield server


def test_files(agent: Server, tmp_path: Path) -> None:
    file = tmp_path / "5"
    line = f"guest-file-open path={file} mode=w+\n"
    (handle,) = returns(run("-N", "--wait", "9", agent.address, input=line))
    result = run(
        "-N",
        "-v",
        agent.address,
        input=script(
            f"guest-file-write handle={handle} buf-b64=NQo=",
            f"guest-file-flush handle={handle}",
            f"guest-file-seek handle={handle} offset=0 whence=set",
            f"guest-file-seek handle={handle} offset=-2 whence=2",
            f"guest-file-read handle={handle} count=1k",
            f"guest-file-close handle={handle}",
        ),
    )
    assert (result.status, file.read_bytes()) == (0, b"5\n")
    arguments = sent_arguments(result)
    assert arguments[2] == {"handle": handle, "offset": 0, "whence": "set"}
    assert arguments[3] == {"handle": handle, "offset": -2, "whence": 2}
    assert arguments[4] == {"handle": handle, "count": 1024}
    assert returns(result)[4]["buf-b64"] == "NQo="


def test_programs(agent: Server) -> None:
    result = run(
        "-N",
        "-v",
        "--wait",
        "9",
        agent.address,
        input=script(
            "guest-exec path=/bin/echo arg.0=5 arg.1=on arg.2=null capture-output=on",
            "guest-exec path=/bin/echo arg=['a b', \"5\"] env.0=A=5 capture-output=no",
            "guest-exec-status pid=0x7fffffff",
            "guest-sync id=0x10",
        ),
    )
    first, second, missing, synchronised = messages(result)
    assert isinstance(first["return"]["pid"], int)
    assert isinstance(second["return"]["pid"], int)
    assert "error" in missing
    assert synchronised == {"return": 16}
    arguments = sent_arguments(result)
    assert arguments[0]["arg"] == ["5", "on", "null"]
    assert arguments[0]["capture-output"] is True
    assert arguments[1]["arg"] == ["a b", "5"]
    assert arguments[1]["env"] == ["A=5"]
    assert arguments[1]["capture-output"] is False
    assert arguments[2] == {"pid": 0x7FFFFFFF}


def test_nothing_is_asked_of_an_agent(agent: Server) -> None:
    """It has neither a schema nor query-commands."""
    result = run("-N", "-v", "--wait", "9", agent.address, input="guest-pong\nguest-ping a=5\n")
    assert result.status == 1
    assert [set(one) for one in messages(result)] == [{"error"}, {"error"}]
    assert sent_arguments(result) == [{}, {"a": 5}]


def test_what_is_blocked_says_so(agent: Server) -> None:
    result = run("-N", "--wait", "9", agent.address, input="guest-fsfreeze-freeze\n")
    assert result.status == 1
    assert messages(result)[0]["error"]["class"] == "CommandNotFound"
