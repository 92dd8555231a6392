"""Print the lowest versions of the run-time dependencies that pyproject.toml allows, for pip."""

from __future__ import annotations

import tomllib
from pathlib import Path

_PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]

for requirement in _PROJECT["dependencies"]:
    print(requirement.replace(">=", "=="))
