"""TLS with the certificates of QEMU's tls-creds-x509."""

from __future__ import annotations

import os
import re
import ssl

from ..errors import ConnectError
from .codec import CodecError, CodecStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .address import TcpAddress
    from .stream import Stream


# QEMU before 8.0 reads only when the socket is readable, and does not notice the rest of a TLS record,
# which it has decrypted already (io/channel-tls.c). Its monitor reads single bytes, so that each needs a
# record of its own. A websocket reads up to 4096.
_READS_WHOLE_RECORDS = 8
_SMALL_RECORD, _WEBSOCKET_RECORD = 1, 2048
_VERSION = rb'"QMP"\s*:.*?"major"\s*:\s*([0-9]+)'
_GREETING_SIZE = 4096  # where the version must be


class TlsCodec:
    """The client's side of TLS, without I/O. `host` must be in the server's certificate.

    `small_record` is the number of bytes that an old server reads at once. `has_certificate` is true
    if the client can prove who it is.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        host: str,
        *,
        small_record: int = _SMALL_RECORD,
        has_certificate: bool = True,
    ) -> None:
        self._is_refused_if_closed = not has_certificate
        self._small_record = small_record
        self._record_size: int | None = None  # no limit
        self._greeting: bytes | None = b""  # None if the version is known or there is none
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.is_open = False
        self._shake_hands()

    def receive(self, data: bytes) -> bytes:
        """Return all decrypted data. Raises CodecError."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        if not self.is_open:
            self._shake_hands()
        plain = self._decrypt() if self.is_open else b""
        if not data and self.is_open and self._is_refused_if_closed:
            # QEMU sends no alert (io/channel-tls.c).
            raise CodecError(
                "TLS: the server closed the connection after the handshake; it may require a"
                " certificate: client-cert.pem and client-key.pem"
            )
        self._is_refused_if_closed &= not plain
        if self._greeting is not None:
            self._find_version(self._greeting + plain)
        return plain

    def _find_version(self, greeting: bytes) -> None:
        found = re.search(_VERSION, greeting[:_GREETING_SIZE], re.DOTALL)
        self._greeting = greeting if found is None and len(greeting) < _GREETING_SIZE else None
        if found is not None and int(found[1][:9]) < _READS_WHOLE_RECORDS:
            self._record_size = self._small_record

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except (ssl.SSLError, OSError) as error:
            raise CodecError(_explain(error, is_open=False)) from error
        self.is_open = True

    def _decrypt(self) -> bytes:
        parts = []
        try:
            while part := self._tls.read(1 << 16):
                parts.append(part)
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass  # the wire ends too; a JSON message shows by itself whether it is complete
        except (ssl.SSLError, OSError) as error:
            raise CodecError(_explain(error, is_open=True)) from error
        return b"".join(parts)

    def send(self, data: bytes) -> bytes:
        """Return the encrypted data. Raises CodecError."""
        try:
            size = self._record_size or max(len(data), 1)
            for start in range(0, len(data), size):
                self._tls.write(data[start : start + size])
        except (ssl.SSLError, OSError) as error:
            raise CodecError(_explain(error, is_open=True)) from error
        return self.data_to_send()

    def data_to_send(self) -> bytes:
        """Return what the handshake, an alert or a new key needs, once."""
        return self._outgoing.read()


# OpenSSL's names for bytes that are not TLS.
_CLEAR_TEXT = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


def _explain(error: OSError, *, is_open: bool) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: the server's certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "TLS: the server closed the connection during the handshake; does it use TLS?"
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    if reason in _CLEAR_TEXT and is_open:
        # QEMU 10 sends its telnet negotiation to the channel below TLS (chardev/char-socket.c).
        return (
            "TLS: the server sent unencrypted data after the handshake, as QEMU does with"
            " telnet=on; give QEMU a monitor without telnet"
        )
    if reason in _CLEAR_TEXT:
        return "TLS: the server does not use TLS here; connect without it"
    return f"TLS: {reason.replace('_', ' ').lower()}"


def _files(directory: str) -> list[str]:
    names = ("ca-cert.pem", "client-cert.pem", "client-key.pem")
    return [os.path.join(os.path.expanduser(directory), name) for name in names]


def make_context(directory: str) -> ssl.SSLContext:
    """Read ca-cert.pem, and client-cert.pem with client-key.pem if present. Raises ConnectError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority, certificate, key = _files(directory)
    path = authority
    try:
        context.load_verify_locations(authority)
        if os.path.exists(certificate) or os.path.exists(key):
            path = f"{certificate} and client-key.pem"
            context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise ConnectError(f"{path}: not a valid certificate or key") from error
    except OSError as error:
        raise ConnectError(f"{path}: {error.strerror}") from error
    return context


def _no_password() -> str:
    # Without this function, OpenSSL would ask at the terminal.
    return ""


def open_tls(
    stream: Stream, address: TcpAddress, *, timeout: float, explain: Callable[[bool], str]
) -> Stream:
    """Complete the handshake within `timeout` seconds; see `CodecStream.open`. Raises ConnectError."""
    credentials = address.credentials
    if credentials is None:
        raise ConnectError("TLS needs the certificates: give --tls-creds DIR")
    codec = TlsCodec(
        make_context(credentials.directory),
        credentials.host or address.host,
        small_record=_WEBSOCKET_RECORD if address.websocket else _SMALL_RECORD,
        has_certificate=os.path.exists(_files(credentials.directory)[1]),
    )
    opened = CodecStream(stream, codec)
    opened.open(name="TLS", timeout=timeout, explain=explain)
    return opened
