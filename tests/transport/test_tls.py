"""Tests of the TLS codec without a socket."""

from __future__ import annotations

import contextlib
import itertools
import ssl
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, strategies as st

from qmpshell.transport.codec import CodecError
from qmpshell.transport.tls import TlsCodec, make_context
from tests.harness.tls import make_credentials

sizes = st.lists(st.integers(1, 500), max_size=60)


@pytest.fixture(scope="module")
def contexts(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a client and a server."""
    directory = make_credentials(tmp_path_factory.mktemp("tls") / "creds")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "server-cert.pem", directory / "server-key.pem")
    return make_context(str(directory)), server


Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


class Far:
    """The server's side."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)


def cut(data: bytes, sizes: Iterator[int]) -> Iterator[bytes]:
    while data:
        size = next(sizes)
        yield data[:size]
        data = data[size:]


def opened(
    contexts: Contexts, sizes: Sequence[int] = (), *, small_record: int = 1
) -> tuple[TlsCodec, Far, Iterator[int]]:
    """Complete the handshake with the server's bytes in pieces of these sizes, in turn."""
    codec, far = (
        TlsCodec(contexts[0], "localhost", small_record=small_record),
        Far(contexts[1]),
    )
    pieces = itertools.cycle([*sizes, 1000])
    while True:
        far.incoming.write(codec.data_to_send())
        with contextlib.suppress(ssl.SSLWantReadError):
            far.tls.do_handshake()
        if codec.is_open:
            return codec, far, pieces
        for piece in cut(far.outgoing.read(), pieces):
            assert codec.receive(piece) == b""


def received_by(far: Far) -> bytes:
    data = b""
    with contextlib.suppress(ssl.SSLWantReadError):
        while True:
            data += far.tls.read(1 << 16)
    return data


def records(wire: bytes) -> list[int]:
    """Return the lengths of the TLS records."""
    found = []
    while wire:
        length = int.from_bytes(wire[3:5])
        found.append(length)
        wire = wire[5 + length :]
    return found


@given(parts=st.lists(st.binary(min_size=1, max_size=300), max_size=5), sizes=sizes)
def test_codec_output_does_not_depend_on_chunks(
    contexts: Contexts, parts: list[bytes], sizes: list[int]
) -> None:
    codec, far, pieces = opened(contexts, sizes)
    for part in parts:
        far.tls.write(part)
    wire = far.outgoing.read()
    assert b"".join(codec.receive(piece) for piece in cut(wire, pieces)) == b"".join(parts)
    assert codec.receive(b"") == b""


@given(chunks=st.lists(st.binary(min_size=1, max_size=100), max_size=8), is_open=st.booleans())
def test_any_bytes_give_data_or_codec_error(
    contexts: Contexts, chunks: list[bytes], is_open: bool
) -> None:
    codec = opened(contexts)[0] if is_open else TlsCodec(contexts[0], "localhost")
    with contextlib.suppress(CodecError):
        for chunk in [*chunks, b"", b""]:
            assert isinstance(codec.receive(chunk), bytes)
            codec.data_to_send()


@given(parts=st.lists(st.binary(max_size=20_000), max_size=4))
def test_sent_data_arrives(contexts: Contexts, parts: list[bytes]) -> None:
    codec, far, _ = opened(contexts)
    for part in parts:
        far.incoming.write(codec.send(part))
    assert received_by(far) == b"".join(parts)


@pytest.mark.parametrize(
    ("greeting", "small_record", "count"),
    [
        (b'{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}}}', 1, 50),
        (b'{\n "QMP": {\n "version": {\n "qemu": {\n "major": 4}', 1, 50),
        (b'\x82\x7e{"QMP": {"version": {"qemu": {"major": 7}}}}', 20, 3),
        (b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 0, "major": 8}}}}', 1, 1),
        (b'{"QMP": {}}', 1, 1),
        (b'{"return": {"major": 7}}', 1, 1),
        (b"x" * 5000 + b'{"QMP": {"version": {"qemu": {"major": 7}}}}', 1, 1),
    ],
)
def test_records_are_small_for_old_server(
    contexts: Contexts, greeting: bytes, small_record: int, count: int
) -> None:
    codec, far, _ = opened(contexts, small_record=small_record)
    assert len(records(codec.send(b"x" * 50))) == 1
    for start in range(0, len(greeting), 10):  # in several records
        far.tls.write(greeting[start : start + 10])
    assert codec.receive(far.outgoing.read()) == greeting
    wire = codec.send(b"y" * 50)
    assert len(records(wire)) == count
    assert codec.send(b"") == b""
