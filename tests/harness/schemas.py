"""What real servers returned for query-qmp-schema.

Owns: finding the captures. Must not know: what is in them.
"""

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
    """As it was returned."""
    found = json.loads(gzip.decompress((_DATA / f"schema-{server}.json.gz").read_bytes()))
    assert isinstance(found, list)
    return found
