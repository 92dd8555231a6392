"""Completion in the user's shell from a server: commands, arguments, events, QOM paths.

It never disturbs a monitor in use and never waits for long: only a server of this machine that
serves no other client is queried, for a limited time. Otherwise, the functions raise QmpShellError or
OSError.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time

from ..client import Connection
from ..complete import CompletionSources, NameQuery, complete, names_of_kind, queries_for
from ..errors import CommandError, QmpShellError
from ..qmp import Schema, load_agent_schema
from ..qmp.references import QOM_CHILD
from ..storage import read_config
from ..transport import TcpAddress, UnixAddress, find_peer, open_stream, resolve_address
from .start import address_variable, is_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    import click

    from ..complete import Candidate, LiveName, LiveQuery
    from ..transport import Address


# Seconds for the connection and all queries of one completion.
_TIMEOUT = 1.5
# Seconds to wait for the end of another client, and between two checks.
_FREE_TIMEOUT, _FREE_INTERVAL = 0.2, 0.02
_STOPPED = ("T", "t")  # letters of process states: by a signal, or in a debugger
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class _Server:
    """The connection to a server, as the source of live names."""

    def __init__(self, connection: Connection, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._results: dict[LiveQuery, object] = {}

    def execute(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Return the result of a command, or None for an error. Raises QmpShellError."""
        left = max(0.0, self._deadline - time.monotonic())
        with contextlib.suppress(CommandError):
            return self._connection.execute(name, dict(arguments or {}), timeout=left)
        return None

    def read_schema(self) -> Schema:
        """Return the server's schema, or an empty one. Raises QmpShellError."""
        reply = self.execute("query-qmp-schema")
        return Schema(reply if isinstance(reply, list) else [])

    def find(self, name_query: NameQuery) -> Sequence[LiveName]:
        """Return the names of a kind."""
        while True:
            queries = queries_for(name_query, self._results)
            missing = [query for query in queries if query not in self._results]
            if not missing:
                return names_of_kind(name_query, self._results)
            for query in missing:
                self._results[query] = self.execute(query.command, query.arguments)

    peek = find


@contextlib.contextmanager
def _connected(context: click.Context) -> Iterator[_Server]:
    """Connect to the server that the command line names. Raises QmpShellError if that may disturb it."""
    deadline = time.monotonic() + _TIMEOUT
    text = _parameter(context, "socket") or os.environ.get(address_variable(agent=False))
    text = text or os.environ.get("QMP_PATH")
    if not text or _parameter(context, "tls_creds"):
        raise QmpShellError("no address, or one that may need more than a socket")
    address = resolve_address(text, read_config(os.environ).targets, exists=is_file)
    if not isinstance(address, UnixAddress | TcpAddress):
        raise QmpShellError("other addresses may start a program, or wait for one")
    while not _is_free(address):  # the end of the previous completion may not be noticed yet
        if time.monotonic() > deadline - _TIMEOUT + _FREE_TIMEOUT:
            raise QmpShellError("the server is in use, stopped or unknown")
        time.sleep(_FREE_INTERVAL)
    stream = open_stream(address, timeout=_TIMEOUT)
    with Connection(stream, address=text) as connection:
        connection.negotiate(max(0.1, deadline - time.monotonic()))
        yield _Server(connection, deadline)


def _is_free(address: Address) -> bool:
    """Return True if the system shows that the server runs and serves no client."""
    peer = find_peer(address)
    if peer is None or peer.is_held or peer.waiting:
        return False
    return peer.server is None or peer.server.state not in _STOPPED


def _parameter(context: click.Context | None, name: str) -> Any:
    """Return a parameter of the command, or of the command above it."""
    while context is not None:
        if context.params.get(name):
            return context.params[name]
        context = context.parent
    return None


def command_names(context: click.Context, _words: Sequence[str], _typed: str) -> list[str]:
    """Return the names of the server's commands."""
    if _parameter(context, "agent"):
        return load_agent_schema().commands()
    with _connected(context) as server:
        reply = server.execute("query-commands")
        commands = reply if isinstance(reply, list) else []
        names = (command.get("name") for command in commands if isinstance(command, dict))
        return sorted(name for name in names if isinstance(name, str))


def command_words(context: click.Context, words: Sequence[str], incomplete: str) -> list[str]:
    """Return the arguments of the command that is the parameter `name`, or their values."""
    command = context.params.get("name") or ""
    prefix = "--" if incomplete.startswith("--") else ""
    typed = incomplete.removeprefix("--")
    line = " ".join([command, *(word.removeprefix("--") for word in words), typed])
    if _parameter(context, "agent"):
        found = complete(line, len(line), CompletionSources())
    else:
        with _connected(context) as server:
            schema = server.read_schema()
            found = complete(line, len(line), CompletionSources(schema=schema, live=server))
    return [prefix + word for word in _words(found, typed)]


def event_names(context: click.Context, _words: Sequence[str], _typed: str) -> list[str]:
    """Return the names of the server's events."""
    with _connected(context) as server:
        return server.read_schema().events()


def qom_words(context: click.Context, words: Sequence[str], incomplete: str) -> list[str]:
    """Return the objects below a path or the properties in PATH.PROPERTY; in later words properties."""
    if not incomplete and not words:
        return ["/"]
    found: list[str] = []
    with contextlib.suppress(QmpShellError, OSError), _connected(context) as server:
        if words:
            return _qom_properties(server, str(words[0]), incomplete)
        found = _qom_words(server, f"qom-list path={incomplete}", incomplete)
        if len(found) == 1 and server.find(NameQuery(QOM_CHILD, found[0])):
            found.append(f"{found[0]}/")  # the user may want either
        if "." in incomplete.rpartition("/")[2]:  # a component may contain points too
            path, _, start = incomplete.rpartition(".")
            found += [f"{path}.{word}" for word in _qom_properties(server, path, start)]
    return found


def _qom_properties(server: _Server, path: str, typed: str) -> list[str]:
    return _qom_words(server, f"qom-get path={path} property={typed}", typed)


def _qom_words(server: _Server, line: str, typed: str) -> list[str]:
    sources = CompletionSources(schema=_QOM_SCHEMA, live=server)
    return _words(complete(line, len(line), sources), typed)


def _members(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "type": "str"} for name in names]


# The part of the schema for QOM paths, which is the same for all servers.
_QOM_SCHEMA = Schema(
    [
        {"name": "str", "meta-type": "builtin", "json-type": "string"},
        {"name": "1", "meta-type": "object", "members": _members("path")},
        {"name": "2", "meta-type": "object", "members": _members("path", "property")},
        {"name": "qom-list", "meta-type": "command", "arg-type": "1", "ret-type": "str"},
        {"name": "qom-get", "meta-type": "command", "arg-type": "2", "ret-type": "str"},
    ]
)


def _words(candidates: Sequence[Candidate], typed: str) -> list[str]:
    """Return the complete words for what is typed: the user's shell has its own quotes."""
    return [
        _QUOTED.sub(
            lambda found: str(json.loads(found[0])),
            typed[: len(typed) + candidate.start] + candidate.text.rstrip(" "),
        )
        for candidate in candidates
    ]
