"""What a person is asked about before it is sent.

Owns: finding the commands that are to be confirmed in each spelling, and what the question says. Must
not know: which commands those are (that is a setting), or how the question is put.
"""

from __future__ import annotations

from .render.escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .requests import Request

_QUESTIONS = {
    "quit": "quit ends the server, and the virtual machine with it",
    "system_reset": "system_reset resets the virtual machine",
    "system_powerdown": "system_powerdown asks the guest to power off",
    "guest-shutdown": "guest-shutdown ends what runs in the guest, and the virtual machine with it",
}
# The human monitor's own names for commands of QMP's.
_HUMAN = {
    "c": "cont",
    "delvm": "snapshot-delete",
    "loadvm": "snapshot-load",
    "nmi": "inject-nmi",
    "q": "quit",
    "s": "stop",
}
_WILDCARDS = "*?["


def destroys(request: Request, names: Sequence[str]) -> str:
    """What `request` would do, as a sentence; empty where it needs no question.

    `names` are the commands that need one, with wildcards if need be; - and _ are the same in them. A
    name of QMP's stands for the human monitor's command of the same meaning too, and for a
    transaction with an action of that name.
    """
    for name in _spellings(request):
        if name and any(_matches(name, wanted) for wanted in names):
            return _QUESTIONS.get(_HUMAN.get(name, name)) or (
                f"{escape(name)} is on the list of what is to be confirmed"
            )
    return ""


def _spellings(request: Request) -> Iterator[str]:
    """The names by which what a request does may be on the list."""
    if request.name != "human-monitor-command":
        yield request.name
    else:
        # Its parser ends a name at a slash too, where a format begins, as in x/10i.
        words = str(request.arguments.get("command-line", "")).replace("/", " ").split()
        if words:
            yield _HUMAN.get(words[0], words[0])
            yield words[0]
        yield request.name
    if request.name == "transaction":
        actions = request.arguments.get("actions")
        for action in actions if isinstance(actions, list) else ():
            if isinstance(action, dict):
                yield str(action.get("type", ""))


def _matches(name: str, wanted: str) -> bool:
    name, wanted = name.replace("_", "-"), wanted.replace("_", "-")
    if not any(char in wanted for char in _WILDCARDS):
        return name == wanted
    from fnmatch import fnmatchcase  # slow to import, and seldom needed

    return fnmatchcase(name, wanted)
