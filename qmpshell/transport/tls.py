"""TLS with the certificates of QEMU's tls-creds-x509."""

from __future__ import annotations

import os
import ssl

from ..errors import ConnectError
from .codec import CodecError, CodecStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .address import TcpAddress
    from .stream import Stream


class TlsCodec:
    """The client's side of TLS, without I/O. `host` must be in the server's certificate."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
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
        return self._decrypt() if self.is_open else b""

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except (ssl.SSLError, OSError) as error:
            raise CodecError(_explain(error)) from error
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
            raise CodecError(_explain(error)) from error
        return b"".join(parts)

    def send(self, data: bytes) -> bytes:
        """Return the encrypted data. Raises CodecError."""
        try:
            self._tls.write(data)
        except (ssl.SSLError, OSError) as error:
            raise CodecError(_explain(error)) from error
        return self.data_to_send()

    def data_to_send(self) -> bytes:
        """Return what the handshake, an alert or a new key needs, once."""
        return self._outgoing.read()


def _explain(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: the server's certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "TLS: the server closed the connection during the handshake; does it use TLS?"
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return "TLS: the server does not use TLS here; connect without --tls-creds"
    return f"TLS: {reason.replace('_', ' ').lower()}"


def make_context(directory: str) -> ssl.SSLContext:
    """Read ca-cert.pem, and client-cert.pem with client-key.pem if present. Raises ConnectError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority, certificate, key = (
        os.path.join(os.path.expanduser(directory), name)
        for name in ("ca-cert.pem", "client-cert.pem", "client-key.pem")
    )
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


def open_tls(stream: Stream, address: TcpAddress, *, timeout: float) -> Stream:
    """Complete the handshake within `timeout` seconds. Raises ConnectError or CodecError."""
    credentials = address.credentials
    if credentials is None:
        raise ConnectError("TLS needs the certificates: give --tls-creds DIR")
    codec = TlsCodec(make_context(credentials.directory), credentials.host or address.host)
    opened = CodecStream(stream, codec)
    opened.open(name="TLS", timeout=timeout)
    return opened
