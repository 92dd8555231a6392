"""Connecting with retries.

A server whose backlog is full is retried for a while even without `--wait`, because its clients may be
about to leave. After a connection succeeds, it is never closed and retried: that would use up QEMU's
backlog of one.
"""

from __future__ import annotations

from ..errors import ConnectError
from .sockets import open_stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .address import Address
    from .stream import Stream


_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25
_CONNECT_TIMEOUT = 5.0
_BUSY_TIMEOUT = 5.0
_BUSY_NOTICE = 0.3


def connect_with_retries(
    address: Address,
    *,
    wait: float | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    notice: Callable[[str], None] | None = None,
    captures_stderr: bool = False,
) -> Stream:
    """Connect. Retry for `wait` seconds; with None try once, or for five seconds if the server is busy.

    `notice` is called soon with what the system shows about a busy server, and the error does not
    repeat its text. `captures_stderr` is for a command: see `open_exec`.
    Raises ConnectError.
    """
    begun = clock()
    pause = _FIRST_PAUSE
    noticed = False
    while True:
        left = _CONNECT_TIMEOUT if wait is None else wait - (clock() - begun)
        try:
            return open_stream(address, timeout=max(left, 0.1), captures_stderr=captures_stderr)
        except ConnectError as error:
            waited = clock() - begun
            patience = wait if wait is not None else _BUSY_TIMEOUT * error.busy
            if not error.retriable or waited >= patience:
                if noticed:
                    raise ConnectError(
                        f"{address}: gave up after {waited:.{int(waited < 1)}f} s"
                    ) from error
                text = _explain_busy(address) if error.busy else ""
                tried = f" (tried for {wait:g} s)" if wait and error.retriable else ""
                if not text and not tried:
                    raise
                raise ConnectError(
                    f"{text or error}{tried}", retriable=error.retriable, busy=error.busy
                ) from error
            if error.busy and notice is not None and not noticed and waited >= _BUSY_NOTICE:
                noticed = True
                notice(_explain_busy(address) or str(error))
            sleep(min(pause, patience - waited))
            pause = min(2 * pause, _LONGEST_PAUSE)


def _explain_busy(address: Address) -> str:
    """Return what the system shows about a server that accepts no connection, or ""."""
    from .peer import explain_delay  # rarely needed
    from .proc import find_peer

    peer = find_peer(address)
    return explain_delay(str(address), peer) if peer is not None else ""
