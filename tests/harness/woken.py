"""A workaround for a bug of QEMU with websockets."""

from __future__ import annotations

import threading
from pathlib import Path

import qmpshell


class Woken:
    """Uses a second monitor of a server all the time.

    The main thread of QEMU 7.2 to 10.0 reads the data of a websocket, and does not wake the I/O thread
    that handles the monitor (io/channel-websock.c). That thread looks for the data whenever a command
    to another monitor wakes it. Nothing that a client sends to the websocket itself does.
    """

    def __init__(self, path: Path) -> None:
        self._connection = qmpshell.connect(path, wait=60)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            while not self._ended.wait(0.002):
                self._connection.execute("query-name")
        except qmpshell.ConnectionLost:
            pass

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        self._connection.close()
