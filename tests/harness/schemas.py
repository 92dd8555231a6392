"""Captured replies of real servers to query-qmp-schema."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from qmpshell.qmp import Schema

SYSTEMS = ("7.2", "10")
DAEMONS = ("storage-daemon-7.2", "storage-daemon-10")
ALL = (*SYSTEMS, *DAEMONS)
_DATA = Path(__file__).parents[1] / "data"


@cache
def schema(server: str) -> Schema:
    return Schema(entities(server))


def entities(server: str) -> list[dict[str, Any]]:
    """Return the schema as the server returned it."""
    found = json.loads(gzip.decompress((_DATA / f"schema-{server}.json.gz").read_bytes()))
    assert isinstance(found, list)
    return found
