"""Connecting with retries.

A server whose backlog is full is retried for a while even without `--wait`, because its clients may be
about to leave. After a connection succeeds, it is never closed and retried: that would use up QEMU's
backlog of one.
"""

from __future__ import annotations

from ..errors import ConnectError
from .sockets import Listener, open_stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .address import Address
    from .stream import Stream


_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25
_CONNECT_TIMEOUT = 5.0
_BUSY_TIMEOUT = 5.0
_BUSY_NOTICE = 2.0


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

    `notice` is called after two seconds with a busy server, and the error does not repeat its text.
    `captures_stderr` is for a command: see `open_exec`.
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
                    raise ConnectError(f"{address}: gave up after {waited:.0f} s") from error
                if wait and error.retriable:
                    raise ConnectError(f"{error} (tried for {wait:g} s)") from error
                raise
            if error.busy and notice is not None and not noticed and waited >= _BUSY_NOTICE:
                noticed = True
                notice(str(error))
            sleep(min(pause, patience - waited))
            pause = min(2 * pause, _LONGEST_PAUSE)


def accept_one(address: Address, *, wait: float | None) -> Stream:
    """Listen until a client connects, at most `wait` seconds. Raises ConnectError."""
    listener = Listener(address)
    try:
        return listener.accept(timeout=wait)
    finally:
        listener.close()
