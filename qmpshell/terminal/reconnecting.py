"""`/connect` at a terminal.

Owns: that connecting takes as long as it takes, while the prompt stays free, and that only the latest of
several attempts counts. Must not know: addresses, sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ..transport.stream import Stream
from .background import in_thread


class Reconnecting:
    """`connect` opens the stream to an address, or with None to the same one again, says how it is named,
    and raises what it likes; it runs in a thread. `connected` is given both, `failed` why there is none."""

    def __init__(
        self,
        connect: Callable[[str | None], tuple[Stream, str]],
        *,
        connected: Callable[[Stream, str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._connect = connect
        self._connected = connected
        self._failed = failed
        self._attempt: asyncio.Task[None] | None = None

    def begin(self, text: str | None) -> None:
        self.cancel()
        self._attempt = asyncio.ensure_future(self._try(text))

    def cancel(self) -> bool:
        """Whether there was anything to cancel."""
        if self._attempt is None:
            return False
        self._attempt.cancel()
        return True

    async def _try(self, text: str | None) -> None:
        try:
            stream, address = await in_thread(
                partial(self._connect, text), unwanted=lambda opened: opened[0].close()
            )
        except asyncio.CancelledError:
            self._end("not connected")
        except Exception as error:  # whatever it is, the shell is not to wait for ever
            self._end(str(error))
        else:
            self._attempt = None
            self._connected(stream, address)

    def _end(self, reason: str) -> None:
        if self._attempt is asyncio.current_task():
            self._attempt = None
            self._failed(reason)
