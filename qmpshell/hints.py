"""What may have been meant, after the server has refused.

Owns: guessing from an error. Must not know: sessions. A name is always sent as it was typed; the guess
comes after.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .protocol.messages import Reply
    from .requests import Request

_WRONG_TYPE = re.compile(r"Invalid parameter type for '([^']*)', expected: string")
# A job has its device's name where it has no other, which a node is not (QEMU's blockjob.c).
_NO_JOB_ID = "Invalid job ID ''"


def mistaken_name(reply: Reply, request: Request) -> str:
    """The command's name if the server has none of that name, else nothing."""
    missing = reply.error_class == "CommandNotFound" and "has not been found" in reply.desc
    return request.name if missing and request.is_typed else ""


def hint_for(text: str, names: Sequence[str] | None) -> str:
    """With `names`: the one that `text` may have been meant to be, as a question. Without: what cures
    the error that `text` describes. Empty where there is nothing to say."""
    if names is None:
        if text.startswith(_NO_JOB_ID):
            return "a job on a node needs a name of its own: job-id=NAME"
        match = _WRONG_TYPE.search(text)
        return f"to have it as text, put the value of {match[1]} in quotes" if match else ""
    from difflib import get_close_matches  # slow to import, and seldom needed

    same = [name for name in names if _plain(name) == _plain(text)]
    close = same or get_close_matches(text, names, n=1, cutoff=0.75)
    return f"did you mean {close[0]}?" if close else ""


def _plain(name: str) -> str:
    return name.strip("/").replace("_", "-").lower()
