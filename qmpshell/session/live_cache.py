"""A cache of the names that only the server knows, and the queries for them in the background.

The user's commands have precedence.
"""

from __future__ import annotations

from .. import complete as completion  # its modules are imported on first use, after the prompt
from ..qmp import failed, hmp_command, hmp_text
from ..record import Record
from .effects import QueryResult, ShowEvent, ShowReply
from .server import result_or_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..complete import LiveName, LiveQuery, NameQuery
    from ..qmp import Greeting, Reply
    from .effects import Effect
    from .requests import Request
    from .state import SessionState


# The name of QueryResult for live names.
LIVE = "live"
# Maximum number of queries in flight: QEMU runs them in line with the user's commands.
_MAX_IN_FLIGHT = 2
# Seconds after which a reply is no longer expected.
_QUERY_TIMEOUT = 30.0
# Seconds after which a wait is shown.
_SHOWN_AFTER = 1.0
# Seconds for which a failed query is not repeated.
_FAILED_LIFETIME = 60.0
# How many of the latest requests for names are remembered.
_MAX_WANTED = 8
_MAX_ANSWERS = 256


class _Answer(Record):
    """A cached reply.

    `lifetime` is in seconds, None for as long as the server runs. `may_be_stale` is true if it must be
    queried again; `is_stale` if something has changed since.
    """

    at: float
    lifetime: float | None
    may_be_stale: bool = False
    is_stale: bool = False

    def is_current(self, now: float) -> bool:
        """Return True if it is recent and nothing has changed since."""
        return not self.is_stale and (self.lifetime is None or now < self.at + self.lifetime)


class _Asked(Record):
    """A query in flight to the server at `address`. `may_be_stale` is true if its subject has changed."""

    at: float
    address: str
    may_be_stale: bool = False


class LiveCache:
    """A cache of the names of one session's server.

    `find` is for completion, at every key, and never sends. The driver passes all effects of the
    session to `on_effects`, and calls `send_queries` after completion; both return effects. When
    missing or old names have arrived, a QueryResult follows with the name LIVE and the NameQuery as
    value. `is_free` returns True if no command of the user's is in flight or queued.
    """

    def __init__(self, state: SessionState, *, is_free: Callable[[], bool]) -> None:
        self._state = state
        self._settings = state.settings
        self._server = state.server
        self._connection = state.connection
        self._sender = state.sender
        self._outbox = state.outbox
        self._is_free = is_free
        self._greeting: Greeting | None = None
        self._known: dict[LiveQuery, object] = {}
        self._answers: dict[LiveQuery, _Answer] = {}
        self._asked: dict[LiveQuery, _Asked] = {}
        # Requested names, the newest last, each with the queries sent for it since.
        self._wanted: dict[NameQuery, set[LiveQuery]] = {}
        # The names found for the latest requests, to detect changes, and whether they were reliable.
        self._found: dict[NameQuery, tuple[list[LiveName] | None, bool]] = {}
        self._names: dict[NameQuery, list[LiveName]] = {}
        # Whether any names found since `on_ready` are unknown or possibly wrong.
        self.may_be_wrong = False
        # Queries during which the server ended, by its address.
        self._fatal: set[tuple[str, LiveQuery]] = set()

    def on_ready(self, now: float) -> None:
        """Start a new completion: nothing is stale yet."""
        self._outbox.start(now)
        self.may_be_wrong = False

    def peek(self, name_query: NameQuery) -> Sequence[LiveName]:
        """Return the known names, without a query."""
        if not self._may_probe:
            return ()
        self._clear_if_another_server()
        return self._find_names(name_query) or ()

    def find(self, name_query: NameQuery) -> Sequence[LiveName] | None:
        """Return the known names, or None if there are none, and remember to query them."""
        if not self._may_probe:
            return ()
        self._clear_if_another_server()
        self._wanted.pop(name_query, None)
        self._wanted[name_query] = set()
        self._found.pop(name_query, None)
        found = self._find_names(name_query)
        is_certain = self._is_certain(name_query)
        self.may_be_wrong |= not is_certain
        self._found[name_query] = (found, is_certain)
        for table in (self._wanted, self._found):
            while len(table) > _MAX_WANTED:
                table.pop(next(iter(table)))
        return found

    @property
    def is_waiting(self) -> bool:
        """Whether queried names have not arrived yet."""
        return bool(self._asked)

    def describe_wait(self, now: float) -> str:
        """Describe how long names have been awaited, or return "" if not for long."""
        seconds = now - min((asked.at for asked in self._asked.values()), default=now)
        if seconds < _SHOWN_AFTER or self._connection.is_lost:
            return ""
        return f"waiting for names from the server, {int(seconds)} s; it may be stopped or busy"

    def send_queries(self, now: float) -> list[Effect]:
        """Send the queries for missing or stale names, unless the user's commands are waiting."""
        self._outbox.start(now)
        self._send_queries()
        return self._state.pop_effects()

    def _send_queries(self) -> None:
        if not self._wanted or not self._may_probe or not self._is_free():
            return
        self._clear_if_another_server()
        self._stop_waiting(self._outbox.now)
        for name_query in reversed(list(self._wanted)):
            self._ask_for(name_query, self._outbox.now)
        self._emit_changed_results()

    def on_effects(self, effects: Iterable[Effect], now: float) -> list[Effect]:
        """Handle the effects of the session, then do the same as `send_queries`."""
        for effect in effects:
            if isinstance(effect, ShowEvent):
                self._mark_stale(completion.stale_after_event(effect.event.name))
            elif isinstance(effect, ShowReply) and not effect.again and _changes(effect.request):
                self._mark_stale(None)
        return self.send_queries(now)

    @property
    def _may_probe(self) -> bool:
        return self._sender.can_query and not self._settings.hmp and not self._settings.agent

    def _clear_if_another_server(self) -> None:
        """Clear the cache if the server is another one."""
        greeting = self._connection.protocol.greeting
        if greeting is self._greeting:
            return
        self._greeting = greeting
        for table in (self._known, self._answers, self._asked, self._names):
            table.clear()

    def _block_fatal_query(self, query: LiveQuery, asked: _Asked) -> None:
        """Handle a server that ended during a query: it is not run on this server again."""
        if query.loads_modules:
            self._fatal.add((asked.address, query))
            self._outbox.show(
                f"connection lost while completion was running {query.command}, possibly the cause; "
                "it will not be run on this server again"
            )

    def _ask_for(self, name_query: NameQuery, now: float) -> None:
        """Send the missing queries of a kind, each once per request."""
        asked = self._wanted[name_query]
        pending = False
        for query in self._queries(name_query):
            answer = self._answers.get(query)
            if query in self._asked:
                pending = True
            elif query not in asked and (
                answer is None or answer.may_be_stale or not answer.is_current(now)
            ):
                pending = True
                if len(self._asked) < _MAX_IN_FLIGHT:
                    asked.add(query)
                    self._ask(query, now)
        if not pending:
            del self._wanted[name_query]

    def _queries(self, name_query: NameQuery) -> list[LiveQuery]:
        """Return the queries of a kind. Those that the server does not have fail at once."""
        while True:
            found = completion.queries_for(name_query, self._known)
            unanswerable = [
                item for item in found if item not in self._known and self._is_unanswerable(item)
            ]
            if not unanswerable:
                return found
            for query in unanswerable:
                self._store(query, None, _Answer(self._outbox.now, None))

    def _is_unanswerable(self, query: LiveQuery) -> bool:
        commands = self._server.names
        if commands and query.command not in commands:
            return True
        return (self._connection.address, query) in self._fatal

    def _ask(self, query: LiveQuery, now: float) -> None:
        greeting = self._greeting
        self._asked[query] = _Asked(now, self._connection.address)

        def answered(reply: Reply | None) -> None:
            if greeting is self._greeting:
                self._answered(query, reply)

        self._sender.query(query.command, query.arguments, answered, background=True)

    def _answered(self, query: LiveQuery, reply: Reply | None) -> None:
        asked = self._asked.pop(query, None)
        if reply is None:  # the server or the connection is another one
            if asked is not None and self._connection.is_lost:  # not left, and not restarted
                self._block_fatal_query(query, asked)
            return
        now = self._outbox.now
        value = result_or_none(reply)
        if isinstance(value, str) and failed(hmp_text(value)):
            value = None
        lifetime = query.lifetime
        if value is None:
            lifetime = None if reply.error_class == "CommandNotFound" else _FAILED_LIFETIME
        may_be_stale = asked is None or asked.may_be_stale
        self._store(query, value, _Answer(now, lifetime, may_be_stale=may_be_stale))
        self._emit_changed_results()
        self._send_queries()

    def _stop_waiting(self, now: float) -> None:
        for query, asked in list(self._asked.items()):
            if now >= asked.at + _QUERY_TIMEOUT:
                del self._asked[query]
                self._answers[query] = _Answer(now, _FAILED_LIFETIME)

    def _store(self, query: LiveQuery, value: object, answer: _Answer) -> None:
        self._names.clear()
        for table in (self._known, self._answers):
            table.pop(query, None)
        self._known[query] = value
        self._answers[query] = answer
        while len(self._answers) > _MAX_ANSWERS:
            oldest = next(iter(self._answers))
            del self._answers[oldest]
            self._known.pop(oldest, None)

    def _mark_stale(self, commands: frozenset[str] | None) -> None:
        """Mark the replies of these commands as stale, None for all."""
        for query, answer in self._answers.items():
            if answer.lifetime is not None and _is_among(query, commands):
                answer.may_be_stale = answer.is_stale = True
        for query, asked in self._asked.items():
            if _is_among(query, commands):
                asked.may_be_stale = True

    def _is_certain(self, name_query: NameQuery) -> bool:
        """Return True if everything that it needs is known and current."""
        answers = [self._answers.get(query) for query in self._queries(name_query)]
        return all(answer is not None and answer.is_current(self._outbox.now) for answer in answers)

    def _find_names(self, name_query: NameQuery) -> list[LiveName] | None:
        found = self._names.get(name_query)
        if found is None:
            if len(self._names) > _MAX_ANSWERS:
                self._names.clear()
            found = self._names[name_query] = completion.names_of_kind(name_query, self._known)
        if not found and any(query not in self._known for query in self._queries(name_query)):
            return None
        return found

    def _emit_changed_results(self) -> None:
        """Emit QueryResults for names that have changed or become reliable."""
        for name_query, (before, was_certain) in self._found.items():
            found = self._find_names(name_query)
            if found is None:
                continue
            is_certain = self._is_certain(name_query)
            if (
                before is None
                or is_certain > was_certain
                or _shown_fields(found) != _shown_fields(before)
            ):
                self._found[name_query] = (found, is_certain)
                self._outbox.emit(QueryResult(LIVE, name_query))


def _is_among(query: LiveQuery, commands: frozenset[str] | None) -> bool:
    """Return True if a reply may change with those of the commands, None for all."""
    return query.lifetime is not None and (commands is None or query.command in commands)


def _shown_fields(found: Iterable[LiveName]) -> list[tuple[object, ...]]:
    return [(item.name, item.meta, item.choices) for item in found]


def _changes(request: Request) -> bool:
    line = request.arguments.get("command-line")
    return completion.may_change(request.name, line)


class HmpCatalogueLoader:
    """Queries the human monitor's help once per server, in the background.

    The result arrives as QueryResult with a `HmpCatalogue`. A server without a human monitor returns
    an error.
    """

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._connection = state.connection
        self._sender = state.sender
        self._outbox = state.outbox
        # The greeting of the server that was asked: a new or restarted server sends another one.
        self._asked: Greeting | None = None

    def load(self, now: float) -> list[Effect]:
        """Send the query if it was not sent and is allowed."""
        greeting = self._connection.protocol.greeting
        is_allowed = self._sender.can_query and self._connection.is_ready
        if not is_allowed or greeting is self._asked:
            return []
        self._asked = greeting
        self._outbox.start(now)
        self._query("help", self._on_help)
        return self._state.pop_effects()

    def _on_help(self, text: str) -> None:
        if text:
            self._query("help info", lambda info: self._on_info(text, info))

    def _on_info(self, text: str, info: str) -> None:
        catalogue = completion.parse_catalogue(text, info)
        if catalogue.commands:
            self._outbox.emit(QueryResult("human-monitor-command", catalogue))

    def _query(self, line: str, then: Callable[[str], None]) -> None:
        """Query the output of the human monitor command `line`. `then` receives it, or ""."""

        def answered(reply: Reply | None) -> None:
            text = result_or_none(reply)
            then(text if isinstance(text, str) else "")

        command = hmp_command(line, None)
        self._sender.query(command["execute"], command["arguments"], answered, background=True)
