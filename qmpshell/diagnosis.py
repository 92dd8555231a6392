"""Why there is no QMP at the other end, in words.

Owns: recognising what else answers, and what silence may mean. Must not know: connections, time.
"""

from __future__ import annotations

from .render.escape import escape

_KNOWN = (
    (b"HTTP/", "a web server (HTTP)"),
    (b"SSH-", "an SSH server"),
    (b"RFB ", "a VNC server"),
    (b"220 ", "a mail or FTP server"),
    (b"\xfb", "a telnet server"),
    (b"\x16\x03", "a TLS server"),
    (b"\x15\x03", "a TLS server"),
)


def explain_garbage(address: str, raw: bytes) -> str:
    """What sent `raw` where a greeting was due."""
    if (raw.startswith(b"QEMU ") and b"monitor" in raw) or raw.startswith(b"(qemu)"):
        return (
            f"{address}: this is QEMU's human monitor, not QMP; start QEMU with -qmp, or with"
            " mode=control in -mon"
        )
    for start, name in _KNOWN:
        if raw.startswith(start):
            return f"{address}: this is {name}, not QMP: it says {_quote(raw)}"
    return f"{address}: this is not QMP: it says {_quote(raw)}"


def explain_silence(address: str, pending: bytes, *, greeted: bool) -> str:
    """What it may mean that the server has not greeted, or not answered `qmp_capabilities`."""
    if greeted:
        return f"{address}: the server greeted, but does not answer qmp_capabilities"
    if pending:
        if pending.lstrip()[:1] != b"{":
            return explain_garbage(address, pending)
        return f"{address}: only the beginning of a greeting came: {_quote(pending)}"
    return (
        f"{address}: connected, but no greeting: another client may hold this monitor (QEMU serves"
        " one at a time), QEMU may be stopped, or this may be a guest agent (try --ga)"
    )


def explain_monitor(address: str) -> str:
    """What greeted where a guest agent was meant."""
    return f"{address}: this is a QMP monitor, and no guest agent: leave out --ga"


def explain_quiet_agent(address: str, pending: bytes) -> str:
    """What it may mean that a guest agent does not answer."""
    if pending and pending.lstrip()[:1] != b"{":
        return f"{address}: this is no guest agent: it says {_quote(pending)}"
    return (
        f"{address}: connected, but no answer: the guest agent may not be running in the guest, the guest"
        " may be stopped, or another client may hold the connection"
    )


def _quote(raw: bytes) -> str:
    text = raw[:60].decode("utf-8", "backslashreplace").strip()
    return f"“{escape(text)}{'…' if len(raw) > 60 else ''}”"
