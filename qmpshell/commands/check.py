"""What is wrong with a call of a local command, before anything of its line is carried out.

Owns: finding that out by a trial: a command looks at its words first, and at its host when they are
right. Must not know: any of the commands.
"""

from __future__ import annotations

from ..errors import LineError
from ..hints import hint_for
from .registry import COMMANDS, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..language.command import LocalCommand


class _WordsAreRight(Exception):
    """The command has come to ask its host."""


class _NoHost:
    def __getattr__(self, name: str) -> Any:
        raise _WordsAreRight


def mistake(call: LocalCommand) -> LineError | None:
    """The mistake in a call, if there is one that needs no server to be found."""
    run = find(call.name)
    if run is None:
        return LineError(
            f"there is no local command {call.name[:40]}",
            start=call.start,
            end=call.start + len(call.name),
            cure=hint_for(call.name, list(COMMANDS)) or "/help lists them",
        )
    host: Any = _NoHost()
    try:
        run(host, call)
    except _WordsAreRight:
        return None
    except LineError as error:
        return error
    return None
