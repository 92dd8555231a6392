"""The user's directories (XDG Base Directory Specification).

A relative path in a variable is ignored: nothing is read from or written to the current directory.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def config_directory(environment: Mapping[str, str]) -> str | None:
    """Return the directory of qmpshell's settings, or None if it is unknown."""
    return _folder(environment, "XDG_CONFIG_HOME", ".config")


def state_directory(environment: Mapping[str, str]) -> str | None:
    """Return the directory for data that outlasts a session, or None if it is unknown."""
    return _folder(environment, "XDG_STATE_HOME", os.path.join(".local", "state"))


def home_directory(environment: Mapping[str, str]) -> str:
    """Return the directory that ~ stands for, or "" if the environment does not say."""
    return environment.get("HOME", "")


def _folder(environment: Mapping[str, str], variable: str, below_home: str) -> str | None:
    base = environment.get(variable, "")
    if not os.path.isabs(base):
        base = os.path.join(home_directory(environment), below_home)
    return os.path.join(base, "qmpshell") if os.path.isabs(base) else None
