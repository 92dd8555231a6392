"""Telnet negotiation and escapes."""

import itertools

from hypothesis import given, strategies as st

from qmpshell.transport.telnet import TelnetCodec

IAC, DONT, DO, WONT, WILL, SB, SE = b"\xff", b"\xfe", b"\xfd", b"\xfc", b"\xfb", b"\xfa", b"\xf0"
BINARY, ECHO, GO_AHEAD = b"\0", b"\1", b"\3"
# Mostly bytes that have a meaning, so that sequences of them occur.
WIRE = st.lists(st.sampled_from([*range(4), *range(239, 256), ord("x")])).map(bytes)


def test_receive_removes_and_answers_negotiation() -> None:
    codec = TelnetCodec()
    data = codec.receive(
        IAC + WILL + ECHO + b"{" + IAC + WILL + GO_AHEAD + IAC + WILL + BINARY
        + IAC + DO + BINARY + b'"a"' + IAC + SB + b"x" + IAC + IAC + b"y" + IAC + SE + b"}"
    )  # fmt: skip
    assert data == b'{"a"}'
    assert codec.data_to_send() == (
        IAC + DONT + ECHO + IAC + DO + GO_AHEAD + IAC + DO + BINARY + IAC + WILL + BINARY
    )
    assert codec.data_to_send() == b""


def test_receive_answers_only_changes() -> None:
    codec = TelnetCodec()
    codec.receive(IAC + DO + BINARY + IAC + DO + BINARY + IAC + DONT + ECHO)
    assert codec.data_to_send() == IAC + WILL + BINARY
    codec.receive(IAC + DONT + BINARY + IAC + DONT + BINARY)
    assert codec.data_to_send() == IAC + WONT + BINARY


def test_escaped_byte_is_data_in_both_directions() -> None:
    assert TelnetCodec().send(b"a\xffb") == b"a\xff\xffb"
    assert TelnetCodec().receive(b"a\xff\xffb") == b"a\xffb"


def test_receive_skips_other_commands() -> None:
    assert TelnetCodec().receive(b"a" + IAC + b"\xf1" + b"b" + IAC + b"\xf3" + b"c") == b"abc"


@given(WIRE | st.binary(), st.lists(st.integers(0, 200)))
def test_receive_of_any_pieces_gives_same_data(wire: bytes, cuts: list[int]) -> None:
    whole, parts = TelnetCodec(), TelnetCodec()
    places = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    pieces = [wire[a:b] for a, b in itertools.pairwise(places)]
    data, answers = b"", b""
    for piece in pieces:
        data += parts.receive(piece)
        answers += parts.data_to_send()
    assert data == whole.receive(wire)
    assert answers == whole.data_to_send()


@given(st.binary())
def test_receive_returns_data_that_send_escaped(data: bytes) -> None:
    assert TelnetCodec().receive(TelnetCodec().send(data)) == data
