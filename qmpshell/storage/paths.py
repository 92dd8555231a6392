"""The user's own folders (XDG Base Directory Specification).

Owns: where they are. Must not know: what is in them. A path in a variable that is not absolute does not
count: nothing is read from, or written to, the current folder.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def config_folder(environment: Mapping[str, str]) -> str | None:
    """Where our settings are; None where no place for them is known."""
    return _folder(environment, "XDG_CONFIG_HOME", ".config")


def state_folder(environment: Mapping[str, str]) -> str | None:
    """Where what is to outlast a session is; None where no place for it is known."""
    return _folder(environment, "XDG_STATE_HOME", os.path.join(".local", "state"))


def home_folder(environment: Mapping[str, str]) -> str:
    """What ~ stands for; empty where the environment does not say."""
    return environment.get("HOME", "")


def _folder(environment: Mapping[str, str], variable: str, below_home: str) -> str | None:
    base = environment.get(variable, "")
    if not os.path.isabs(base):
        base = os.path.join(home_folder(environment), below_home)
    return os.path.join(base, "qmpshell") if os.path.isabs(base) else None
