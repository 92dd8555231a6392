"""The programs that a person uses from the shell: pager, editor, shell commands.

Owns: which they are, what they read and what is read back. Must not know: sessions, prompts, how a
program gets the terminal (that is `foreground`).
"""

from __future__ import annotations

import os
import shutil
from asyncio import sleep
from collections.abc import Iterable, Mapping

from .foreground import Foreground
from .scratch import nameless, private, write_all

# What a shell's exit status says of the command it was to run.
_NOT_FOUND = 127
_CHUNK = 1 << 18
_LONG = 60


class Programs:
    """Runs them by `foreground`, with the variables of `environment`."""

    def __init__(self, foreground: Foreground, environment: Mapping[str, str]) -> None:
        self._foreground = foreground
        self._environment = environment

    async def shell(self, command: str, data: bytes) -> str:
        """Run a shell command that reads `data`; what went wrong, or nothing."""
        try:
            status = await self._read_by(command, [data], self._environment)
        except OSError as error:
            return f"{command[:_LONG]}: {error.strerror}"
        return f"{command}: {_ended(status)}" if status else ""

    async def page(self, text: Iterable[str], *, pager: str) -> str:
        """Show text in `pager`, or in the environment's where that is empty; what went wrong, or
        nothing."""
        command = pager or self._environment.get("PAGER") or self._usual_pager()
        # As git does: colours are shown as such, unless the person has settings of his own.
        environment = {"LESS": "-R", "LV": "-c", **self._environment}
        chunks = (part.encode("utf-8", "backslashreplace") for part in text)
        try:
            status = await self._read_by(command, chunks, environment)
        except OSError as error:
            return f"{command[:_LONG]}: {error.strerror}"
        return f"{command}: {_ended(status)}" if status == _NOT_FOUND else ""

    async def edit(self, text: str) -> tuple[str | None, str]:
        """The text as it is after the editor has ended, None if that failed; and what went wrong."""
        editor = self._environment.get("VISUAL") or self._environment.get("EDITOR") or "vi"
        try:
            with private(text, suffix=".qmp") as path:
                # By the shell: the variables may hold options, and quotes.
                status = await self._foreground.run(
                    ["/bin/sh", "-c", f'{editor} "$1"', "sh", path], environment=self._environment
                )
                if status:
                    return None, f"{editor}: {_ended(status)}; the line stays as it was"
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    return file.read().removesuffix("\n"), ""
        except OSError as error:
            return None, f"{editor}: {error.strerror}"

    def _usual_pager(self) -> str:
        return "less" if shutil.which("less", path=self._environment.get("PATH")) else "more"

    async def _read_by(
        self, command: str, chunks: Iterable[bytes], environment: Mapping[str, str]
    ) -> int:
        with nameless() as descriptor:
            written = 0
            for chunk in chunks:
                for start in range(0, len(chunk), _CHUNK):
                    write_all(descriptor, chunk[start : start + _CHUNK])
                written += len(chunk)
                if written >= _CHUNK:
                    written = 0
                    await sleep(0)  # the server is read meanwhile
            os.lseek(descriptor, 0, os.SEEK_SET)
            return await self._foreground.run(command, stdin=descriptor, environment=environment)


def _ended(status: int) -> str:
    if status == _NOT_FOUND:
        return "there is no such command"
    return f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
