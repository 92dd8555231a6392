"""The connection of the subcommands that use the client: `events`, `info`, `qom`."""

from __future__ import annotations

import time

from ..client import Connection, rest_for_greeting
from ..storage import Settings
from .start import Connector, old_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def open_connection(
    environment: Mapping[str, str], *, socket: str | None, **options: Any
) -> Connection:
    """Return a negotiated connection for the options of a subcommand. Raises QmpShellError."""
    started = time.monotonic()
    settings = Settings(**options)
    connector = Connector(socket or old_address(environment, agent=False), settings, environment)
    connection = Connection(connector.open(), address=connector.name, timeout=settings.timeout)
    left = rest_for_greeting(None, settings.wait, started)
    connection.negotiate(left, connector.address)
    return connection
