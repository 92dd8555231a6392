"""What a person is asked about before it is sent.

Owns: which commands end or reset the machine, in each spelling. Must not know: how the question is put.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .requests import Request

_QUESTIONS = {
    "quit": "quit ends the server, and the virtual machine with it",
    "system_reset": "system_reset resets the virtual machine",
    "system_powerdown": "system_powerdown asks the guest to power off",
}
# The human monitor's own spellings.
_HUMAN = {"q": "quit"}


def destroys(request: Request) -> str:
    """What `request` would do, as a sentence; empty where it needs no question."""
    name = request.name
    if name == "human-monitor-command":
        words = str(request.arguments.get("command-line", "")).split()
        name = _HUMAN.get(words[0], words[0]) if words else ""
    return _QUESTIONS.get(name, "")
