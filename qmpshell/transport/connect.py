"""Opening a stream with patience.

Owns: how often and how long an address is tried. Must not know: QMP, how a delay is told to people.
A server whose backlog is full is tried again for a while, also without `--wait`: its other clients
may be about to leave. One that takes the connection is never left and tried again: that would use up
QEMU's backlog of one.
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
_BUSY_PATIENCE = 5.0
_BUSY_NOTICE = 2.0


def open_patiently(
    address: Address,
    *,
    wait: float | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    notice: Callable[[str], None] = lambda text: None,
) -> Stream:
    """Connect, trying for `wait` seconds; with None once, or five seconds where it is busy.

    `notice` is told of a busy server after two seconds. Raises ConnectError.
    """
    begun = clock()
    pause = _FIRST_PAUSE
    noticed = False
    while True:
        left = _CONNECT_TIMEOUT if wait is None else wait - (clock() - begun)
        try:
            return open_stream(address, timeout=max(left, 0.1))
        except ConnectError as error:
            waited = clock() - begun
            patience = wait if wait is not None else _BUSY_PATIENCE * error.busy
            if not error.retriable or waited >= patience:
                if wait and error.retriable:
                    raise ConnectError(f"{error} (tried for {wait:g} s)") from error
                raise
            if error.busy and not noticed and waited >= _BUSY_NOTICE:
                noticed = True
                notice(str(error))
            sleep(min(pause, patience - waited))
            pause = min(2 * pause, _LONGEST_PAUSE)


def accept_one(address: Address, *, wait: float | None) -> Stream:
    """Listen until one peer has connected, within `wait` seconds. Raises ConnectError."""
    listener = Listener(address)
    try:
        return listener.accept(timeout=wait)
    finally:
        listener.close()
