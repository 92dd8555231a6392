"""Queries that qmpshell sends in the background, and a cache of the names that they return.

The user's commands have precedence.
"""

from __future__ import annotations

from .. import complete as completion  # its modules are imported on first use, after the prompt
from ..language import MISSING_SCHEMA, Missing
from ..qmp import failed, hmp_command, hmp_text
from .effects import QueryResult, ShowEvent, ShowMessage, ShowReply
from .execute import agent_version, learn, list_commands, names_in, returned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..complete import LiveName, LiveQuery, NameQuery
    from ..qmp import Greeting, Reply
    from .effects import Effect
    from .requests import Request
    from .session import Session


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


class _Answer:
    """A cached reply.

    `lifetime` is in seconds, None for as long as the server runs. `may_be_stale` is true if it must be
    queried again; `is_stale` if something has changed since.
    """

    __slots__ = ("at", "is_stale", "lifetime", "may_be_stale")

    def __init__(self, at: float, lifetime: float | None, *, may_be_stale: bool) -> None:
        self.at = at
        self.lifetime = lifetime
        self.may_be_stale = may_be_stale
        self.is_stale = False

    def stands(self, now: float) -> bool:
        """Return True if it need not be queried again."""
        return not self.may_be_stale and self.is_current(now)

    def is_current(self, now: float) -> bool:
        """Return True if it is recent and nothing has changed since."""
        return not self.is_stale and (self.lifetime is None or now < self.at + self.lifetime)


class _Asked:
    """A query in flight to the server at `address`. `may_be_stale` is true if its subject has changed."""

    __slots__ = ("address", "at", "may_be_stale")

    def __init__(self, at: float, address: str) -> None:
        self.at = at
        self.address = address
        self.may_be_stale = False


class LiveCache:
    """A cache of the names of one session's server.

    `find` is for completion, at every key, and never sends. The driver passes all effects of the
    session to `on_effects`, and calls `send_queries` after completion; both return effects. When
    missing or old names have arrived, a QueryResult follows with the name LIVE and the NameQuery as
    value.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
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
        self.is_in_doubt = False
        # Queries during which the server ended, by its address.
        self._fatal: set[tuple[str, LiveQuery]] = set()

    def on_ready(self, now: float) -> None:
        """Start a new completion: nothing is stale yet."""
        self._session.now = now
        self.is_in_doubt = False

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
        self.is_in_doubt |= not is_certain
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
        if seconds < _SHOWN_AFTER or self._session.lost:
            return ""
        return f"waiting for names from the server, {int(seconds)} s; it may be stopped or busy"

    def send_queries(self, now: float) -> list[Effect]:
        """Send the queries for missing or stale names, unless the user's commands are waiting."""
        if not self._wanted or not self._may_ask:
            return []
        self._clear_if_another_server()
        self._session.now = now
        self._stop_waiting(now)
        effects: list[Effect] = []
        for name_query in reversed(list(self._wanted)):
            effects += self._ask_for(name_query, now)
        return [*effects, *self._changed_results()]

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
        settings = self._session.settings
        return self._session.can_probe and not settings.hmp and not settings.agent

    @property
    def _may_ask(self) -> bool:
        """Return True if no command of the user's is in flight or queued."""
        session = self._session
        return (
            self._may_probe
            and session.link.is_ready
            and session.asking is None
            and session.request_table.oldest_blocking is None
            and not session.queue.unsent
        )

    def _clear_if_another_server(self) -> None:
        """Clear the cache if the server is another one."""
        greeting = self._session.greeting
        if greeting is self._greeting:
            return
        self._greeting = greeting
        for table in (self._known, self._answers, self._asked, self._names):
            table.clear()

    def _block_fatal_query(self, question: LiveQuery, asked: _Asked) -> list[Effect]:
        """Handle a server that ended during a query: it is not run on this server again."""
        if not question.loads_modules:
            return []
        self._fatal.add((asked.address, question))
        return [
            ShowMessage(
                f"connection lost while completion was running {question.command}, possibly the cause; "
                "it will not be run on this server again"
            )
        ]

    def _ask_for(self, name_query: NameQuery, now: float) -> list[Effect]:
        """Send the missing queries of a kind, each once per request."""
        asked = self._wanted[name_query]
        effects: list[Effect] = []
        pending = False
        for question in self._questions(name_query):
            answer = self._answers.get(question)
            if question in self._asked:
                pending = True
            elif question not in asked and (answer is None or not answer.stands(now)):
                pending = True
                if len(self._asked) < _MAX_IN_FLIGHT:
                    asked.add(question)
                    effects += self._ask(question, now)
        if not pending:
            del self._wanted[name_query]
        return effects

    def _questions(self, name_query: NameQuery) -> list[LiveQuery]:
        """Return the queries of a kind. Those that the server does not have fail at once."""
        while True:
            found = completion.queries_for(name_query, self._known)
            hopeless = [
                item for item in found if item not in self._known and self._is_hopeless(item)
            ]
            if not hopeless:
                return found
            for question in hopeless:
                self._store(question, None, _Answer(self._session.now, None, may_be_stale=False))

    def _is_hopeless(self, question: LiveQuery) -> bool:
        commands = self._session.names
        if commands and question.command not in commands:
            return True
        return (self._session.link.address, question) in self._fatal

    def _ask(self, question: LiveQuery, now: float) -> list[Effect]:
        greeting = self._greeting
        self._asked[question] = _Asked(now, self._session.link.address)

        def answered(reply: Reply | None) -> list[Effect]:
            if greeting is not self._greeting:
                return []
            return self._answered(question, reply)

        return self._session.ask(question.command, question.arguments, answered, background=True)

    def _answered(self, question: LiveQuery, reply: Reply | None) -> list[Effect]:
        asked = self._asked.pop(question, None)
        if reply is None:  # the server or the connection is another one
            is_gone = self._session.lost  # not left, and not restarted
            return self._block_fatal_query(question, asked) if asked is not None and is_gone else []
        now = self._session.now
        value = returned(reply)
        if isinstance(value, str) and failed(hmp_text(value)):
            value = None
        lifetime = question.lifetime
        if value is None:
            lifetime = None if reply.error_class == "CommandNotFound" else _FAILED_LIFETIME
        may_be_stale = asked is None or asked.may_be_stale
        self._store(question, value, _Answer(now, lifetime, may_be_stale=may_be_stale))
        return [*self._changed_results(), *self.send_queries(now)]

    def _stop_waiting(self, now: float) -> None:
        for question, asked in list(self._asked.items()):
            if now >= asked.at + _QUERY_TIMEOUT:
                del self._asked[question]
                self._answers[question] = _Answer(now, _FAILED_LIFETIME, may_be_stale=False)

    def _store(self, question: LiveQuery, value: object, answer: _Answer) -> None:
        self._names.clear()
        for table in (self._known, self._answers):
            table.pop(question, None)
        self._known[question] = value
        self._answers[question] = answer
        while len(self._answers) > _MAX_ANSWERS:
            oldest = next(iter(self._answers))
            del self._answers[oldest]
            self._known.pop(oldest, None)

    def _mark_stale(self, commands: frozenset[str] | None) -> None:
        """Mark the replies of these commands as stale, None for all."""
        for question, answer in self._answers.items():
            if answer.lifetime is not None and _is_among(question, commands):
                answer.may_be_stale = answer.is_stale = True
        for question, asked in self._asked.items():
            if _is_among(question, commands):
                asked.may_be_stale = True

    def _is_certain(self, name_query: NameQuery) -> bool:
        """Return True if everything that it needs is known and current."""
        answers = [self._answers.get(query) for query in self._questions(name_query)]
        return all(
            answer is not None and answer.is_current(self._session.now) for answer in answers
        )

    def _find_names(self, name_query: NameQuery) -> list[LiveName] | None:
        found = self._names.get(name_query)
        if found is None:
            if len(self._names) > _MAX_ANSWERS:
                self._names.clear()
            found = self._names[name_query] = completion.names_of_kind(name_query, self._known)
        if not found and any(query not in self._known for query in self._questions(name_query)):
            return None
        return found

    def _changed_results(self) -> list[Effect]:
        """Return QueryResults for names that have changed or become reliable."""
        effects: list[Effect] = []
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
                effects.append(QueryResult(LIVE, name_query))
        return effects


def _is_among(question: LiveQuery, commands: frozenset[str] | None) -> bool:
    """Return True if a reply may change with those of the commands, None for all."""
    return question.lifetime is not None and (commands is None or question.command in commands)


def _shown_fields(found: Iterable[LiveName]) -> list[tuple[object, ...]]:
    return [(item.name, item.meta, item.choices) for item in found]


def _changes(request: Request) -> bool:
    line = request.arguments.get("command-line")
    return completion.may_change(request.name, line)


class BackgroundQueries:
    """Sends queries for one session. Results arrive as QueryResult; errors are ignored."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def learn_commands(self, now: float) -> list[Effect]:
        """Query the names of the server's commands, and an agent's version."""
        session = self._session
        name = list_commands(agent=session.settings.agent)

        def on_query_result(value: object) -> None:
            session.names = names_in(value)
            session.agent_version = agent_version(value)

        return self.learn(name, now, on_query_result)

    def learn(
        self, name: str, now: float, store: Callable[[object], None] | None = None
    ) -> list[Effect]:
        """Query the result of command `name`. `store` receives it first."""
        session = self._session
        session.now = now

        def on_query_result(reply: Reply | None) -> list[Effect]:
            value = returned(reply)
            if store is not None and value is not None:
                store(value)
            return [QueryResult(name, value)] if value is not None else []

        return session.ask(name, {}, on_query_result, background=True)

    def load_schema(self, now: float) -> list[Effect]:
        """Query the schema, unless it is known or unavailable."""
        session = self._session
        session.now = now
        if session.introspection.has_schema or not session.can_probe:
            return []

        def loaded(reply: Reply | None) -> list[Effect]:
            value = returned(reply)
            if reply is not None and not session.introspection.has_schema:
                learn(session.introspection, Missing(MISSING_SCHEMA), value)
            return [QueryResult("query-qmp-schema", value)] if value is not None else []

        return session.ask("query-qmp-schema", {}, loaded, background=True)

    def watch_machine(self, now: float) -> list[Effect]:
        """Start to track the VM of the connected server.

        The first run state also arrives as QueryResult.
        """
        from .vm import VmState  # a script does not need it

        session = self._session
        session.now = now
        if session.can_probe and not session.settings.agent:
            session.machine = VmState(session)
        return []


class HmpCatalogueLoader:
    """Queries the human monitor's help once per server, in the background.

    The result arrives as QueryResult with a Catalogue. A server without a human monitor returns an
    error.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        # The greeting of the server that was asked: a new or restarted server sends another one.
        self._asked: Greeting | None = None

    def load(self, now: float) -> list[Effect]:
        """Send the query if it was not sent and is allowed."""
        session = self._session
        if not session.can_probe or not session.link.is_ready or session.greeting is self._asked:
            return []
        self._asked = session.greeting
        session.now = now
        return self._ask("help", self._took_help)

    def _took_help(self, text: str) -> list[Effect]:
        if not text:
            return []
        return self._ask("help info", lambda info: self._learned(text, info))

    def _learned(self, text: str, info: str) -> list[Effect]:
        catalogue = completion.parse_catalogue(text, info)
        return [QueryResult("human-monitor-command", catalogue)] if catalogue.commands else []

    def _ask(self, line: str, then: Callable[[str], list[Effect]]) -> list[Effect]:
        """Query the output of the human monitor command `line`. `then` receives it, or ""."""

        def answered(reply: Reply | None) -> list[Effect]:
            text = returned(reply)
            return then(text if isinstance(text, str) else "")

        command = hmp_command(line, None)
        return self._session.ask(
            command["execute"], command["arguments"], answered, background=True
        )
