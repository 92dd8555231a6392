"""What a program of ours writes, line by line.

Owns: reading without waiting, and joining lines. Must not know: who writes, or who shows it: nothing
is escaped here.
"""

from __future__ import annotations

import os

_READ_SIZE = 1 << 16
# A line without an end is given out in parts of about this many bytes, and of a file not more than
# this is read when its writer has ended.
_LONGEST = 1 << 16


class OutputReader:
    """Over a descriptor that is its own: a pipe, which must not block, or a file that grows."""

    def __init__(self, descriptor: int, *, is_pipe: bool) -> None:
        self.descriptor = descriptor
        self.is_pipe = is_pipe
        self._line = b""
        self._ended = False

    def read(self) -> str | None:
        """The text of the lines that are complete by now, with their ends; None when the pipe has
        ended and all was given out. What is no UTF-8 comes as `\\xNN`."""
        if self._ended:
            return None
        self._fill()
        if self._ended or len(self._line) >= _LONGEST:
            return self._take(len(self._line)) or (None if self._ended else "")
        return self._take(self._line.rfind(b"\n") + 1)

    def rest(self) -> str:
        """All that is there, an incomplete line too: the writer has ended. Of a file that has grown
        long meanwhile, its end."""
        if not self.is_pipe and not self._ended:
            size = os.fstat(self.descriptor).st_size
            if size - os.lseek(self.descriptor, 0, os.SEEK_CUR) > _LONGEST:
                os.lseek(self.descriptor, size - _LONGEST, os.SEEK_SET)
                self._line = b""
        while self._fill():
            pass
        return self._take(len(self._line))

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        self._ended = True

    def _fill(self) -> bool:
        """Read once; whether that gave anything."""
        if self._ended:
            return False
        try:
            data = os.read(self.descriptor, _READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return False
        self._ended = self.is_pipe and not data
        self._line += data
        return bool(data)

    def _take(self, length: int) -> str:
        taken, self._line = self._line[:length], self._line[length:]
        return taken.decode("utf-8", "backslashreplace")
