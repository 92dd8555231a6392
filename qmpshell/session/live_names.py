"""Names that only the running server knows, asked for in the background.

Owns: when the server is asked and how often, what is kept of its answers and for how long. Must not
know: what is asked and what the answers mean (`complete.live_questions`, `complete.live_answers`),
menus, keys. A person's own commands always go first.
"""

from __future__ import annotations

from ..complete import Question, doubted_by_event, may_change, names, questions, read_catalogue
from ..language import MISSING_SCHEMA, Need
from ..qmp import failed, human_command, human_text
from ..render import escape
from .effects import Learned, ShowEvent, ShowReply, Tell
from .execute import agent_version, learn, list_commands, names_in, returned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..complete import Live, LiveName
    from ..qmp import Greeting, Reply
    from .effects import Effect
    from .requests import Request
    from .session import Session


# The name of Learned where names have come.
LIVE = "live"
# Questions under way at a time: QEMU carries them out in line with the person's own commands.
_MOST_ASKED = 2
# After so many seconds an answer is no longer expected.
_PATIENCE = 30.0
# A wait of so many seconds is told of.
_TOLD = 1.0
# For so many seconds what failed is not asked again.
_FAILED_LIFE = 60.0
# What was wanted last is kept in mind, and what was learnt.
_MOST_WANTED = 8
_MOST_ANSWERS = 256


class _Answer:
    """`life` in seconds, None for as long as the server runs; `doubtful` means that it is to be
    asked anew at the next want, `is_stale` that something has changed since it came."""

    __slots__ = ("at", "doubtful", "is_stale", "life")

    def __init__(self, at: float, life: float | None, *, doubtful: bool) -> None:
        self.at = at
        self.life = life
        self.doubtful = doubtful
        self.is_stale = False

    def stands(self, now: float) -> bool:
        """Whether it need not be asked anew."""
        return not self.doubtful and self.is_current(now)

    def is_current(self, now: float) -> bool:
        """Whether nothing is known to have changed since it came, and that is not long ago."""
        return not self.is_stale and (self.life is None or now < self.at + self.life)


class _Asked:
    """A question under way, asked of the server at `address`; `doubtful` means that what it asks for
    has changed meanwhile."""

    __slots__ = ("address", "at", "doubtful")

    def __init__(self, at: float, address: str) -> None:
        self.at = at
        self.address = address
        self.doubtful = False


class LiveCache:
    """The names of one session's server.

    `find` is for completion, at every keystroke, and never sends. The driver hands all of the session's
    effects to `saw`, and after completing calls `take_wanted`; both give effects to carry out. When
    names that were found missing or old have come, an effect Learned says so, its name LIVE and its
    value the Live that was wanted.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._greeting: Greeting | None = None
        self._known: dict[Question, object] = {}
        self._answers: dict[Question, _Answer] = {}
        self._asked: dict[Question, _Asked] = {}
        # What is wanted, the newest last, each with what was asked for it since it was wanted.
        self._wanted: dict[Live, set[Question]] = {}
        # What was found for the latest wants, to tell news by, and whether it could be relied on.
        self._found: dict[Live, tuple[list[LiveName] | None, bool]] = {}
        self._names: dict[Live, list[LiveName]] = {}
        # Whether anything that was found since `begin` may be wrong, or is not known yet.
        self.is_in_doubt = False
        # Which questions, by the server's address, had a server's end for an answer.
        self._fatal: set[tuple[str, Question]] = set()

    def begin(self, now: float) -> None:
        """Names are about to be found: nothing is in doubt yet."""
        self._session.now = now
        self.is_in_doubt = False

    def peek(self, want: Live) -> Sequence[LiveName]:
        """What is known now, which is not wanted for that: nobody is asked for it."""
        if not self._may_probe:
            return ()
        self._meet()
        return self._look_up(want) or ()

    def find(self, want: Live) -> Sequence[LiveName] | None:
        """What is known now; None where nothing is yet. It is wanted from now on."""
        if not self._may_probe:
            return ()
        self._meet()
        self._wanted.pop(want, None)
        self._wanted[want] = set()
        self._found.pop(want, None)
        found = self._look_up(want)
        is_certain = self._is_certain(want)
        self.is_in_doubt |= not is_certain
        self._found[want] = (found, is_certain)
        for table in (self._wanted, self._found):
            while len(table) > _MOST_WANTED:
                table.pop(next(iter(table)))
        return found

    @property
    def is_waiting(self) -> bool:
        """Whether names are asked for, and have not come."""
        return bool(self._asked)

    def describe_wait(self, now: float) -> str:
        """For how long they have been waited for, in words; empty if not for long."""
        seconds = now - min((asked.at for asked in self._asked.values()), default=now)
        if seconds < _TOLD or self._session.lost:
            return ""
        return f"the server is asked for names, {int(seconds)} s; it may be stopped, or busy"

    def take_wanted(self, now: float) -> list[Effect]:
        """Ask for what is wanted and not known well enough, unless the server has better to do."""
        if not self._wanted or not self._may_ask:
            return []
        self._meet()
        self._session.now = now
        self._give_up_waiting(now)
        effects: list[Effect] = []
        for want in reversed(list(self._wanted)):
            effects += self._ask_for(want, now)
        return [*effects, *self._news()]

    def saw(self, effects: Iterable[Effect], now: float) -> list[Effect]:
        """Take note of what the session's effects say of the machine; then as `take_wanted`."""
        for effect in effects:
            if isinstance(effect, ShowEvent):
                self._doubt(doubted_by_event(effect.event.name))
            elif isinstance(effect, ShowReply) and not effect.again and _changes(effect.request):
                self._doubt(None)
        return self.take_wanted(now)

    # -- when it may be asked ------------------------------------------------------------------

    @property
    def _may_probe(self) -> bool:
        settings = self._session.settings
        return self._session.can_probe and not settings.hmp and not settings.agent

    @property
    def _may_ask(self) -> bool:
        """Whether nothing of the person's is under way or waits to be sent."""
        session = self._session
        return (
            self._may_probe
            and session.link.is_ready
            and session.asking is None
            and session.outstanding.holding is None
            and not session.queue.unsent
        )

    def _meet(self) -> None:
        """Forget everything if the server is another one."""
        greeting = self._session.greeting
        if greeting is self._greeting:
            return
        self._greeting = greeting
        for table in (self._known, self._answers, self._asked, self._names):
            table.clear()

    def _blame(self, question: Question, asked: _Asked) -> list[Effect]:
        """The server went while it was asked: if the question may be why, it is not asked there again."""
        if not question.loads_modules:
            return []
        self._fatal.add((asked.address, question))
        why = f"it went while completion asked for {question.command}, which may be why"
        return [Tell(f"{why}; this shell will not ask that at {escape(asked.address)} again")]

    # -- asking --------------------------------------------------------------------------------

    def _ask_for(self, want: Live, now: float) -> list[Effect]:
        """Ask once each, since it was wanted, what is not known well enough."""
        asked = self._wanted[want]
        effects: list[Effect] = []
        pending = False
        for question in self._questions(want):
            answer = self._answers.get(question)
            if question in self._asked:
                pending = True
            elif question not in asked and (answer is None or not answer.stands(now)):
                pending = True
                if len(self._asked) < _MOST_ASKED:
                    asked.add(question)
                    effects += self._ask(question, now)
        if not pending:
            del self._wanted[want]
        return effects

    def _questions(self, want: Live) -> list[Question]:
        """The questions of a want; those that the server is known not to answer are failed at once."""
        while True:
            found = questions(want, self._known)
            hopeless = [one for one in found if one not in self._known and self._is_hopeless(one)]
            if not hopeless:
                return found
            for question in hopeless:
                self._keep(question, None, _Answer(self._session.now, None, doubtful=False))

    def _is_hopeless(self, question: Question) -> bool:
        commands = self._session.names
        if commands and question.command not in commands:
            return True
        return (self._session.link.address, question) in self._fatal

    def _ask(self, question: Question, now: float) -> list[Effect]:
        greeting = self._greeting
        self._asked[question] = _Asked(now, self._session.link.address)

        def answered(reply: Reply | None) -> list[Effect]:
            if greeting is not self._greeting:
                return []
            return self._answered(question, reply)

        return self._session.ask(question.command, question.arguments, answered, background=True)

    def _answered(self, question: Question, reply: Reply | None) -> list[Effect]:
        asked = self._asked.pop(question, None)
        if reply is None:  # the server, or the connection, is another one
            is_gone = self._session.lost  # and was not left, or greeted anew
            return self._blame(question, asked) if asked is not None and is_gone else []
        now = self._session.now
        value = returned(reply)
        if isinstance(value, str) and failed(human_text(value)):
            value = None
        life = question.life
        if value is None:
            life = None if reply.error_class == "CommandNotFound" else _FAILED_LIFE
        doubtful = asked is None or asked.doubtful
        self._keep(question, value, _Answer(now, life, doubtful=doubtful))
        return [*self._news(), *self.take_wanted(now)]

    def _give_up_waiting(self, now: float) -> None:
        for question, asked in list(self._asked.items()):
            if now >= asked.at + _PATIENCE:
                del self._asked[question]
                self._answers[question] = _Answer(now, _FAILED_LIFE, doubtful=False)

    # -- what is known -------------------------------------------------------------------------

    def _keep(self, question: Question, value: object, answer: _Answer) -> None:
        self._names.clear()
        for table in (self._known, self._answers):
            table.pop(question, None)
        self._known[question] = value
        self._answers[question] = answer
        while len(self._answers) > _MOST_ANSWERS:
            oldest = next(iter(self._answers))
            del self._answers[oldest]
            self._known.pop(oldest, None)

    def _doubt(self, commands: frozenset[str] | None) -> None:
        """What these commands answered may be wrong by now; None for all commands."""
        for question, answer in self._answers.items():
            if answer.life is not None and _is_among(question, commands):
                answer.doubtful = answer.is_stale = True
        for question, asked in self._asked.items():
            if _is_among(question, commands):
                asked.doubtful = True

    def _is_certain(self, want: Live) -> bool:
        """Whether all is known that it needs, and nothing of that may be wrong by now."""
        answers = [self._answers.get(one) for one in self._questions(want)]
        return all(one is not None and one.is_current(self._session.now) for one in answers)

    def _look_up(self, want: Live) -> list[LiveName] | None:
        found = self._names.get(want)
        if found is None:
            if len(self._names) > _MOST_ANSWERS:
                self._names.clear()
            found = self._names[want] = names(want, self._known)
        if not found and any(one not in self._known for one in self._questions(want)):
            return None
        return found

    def _news(self) -> list[Effect]:
        """What is not any more as it was found, or can be relied on only now."""
        effects: list[Effect] = []
        for want, (before, was_certain) in self._found.items():
            found = self._look_up(want)
            if found is None:
                continue
            is_certain = self._is_certain(want)
            if before is None or is_certain > was_certain or _told(found) != _told(before):
                self._found[want] = (found, is_certain)
                effects.append(Learned(LIVE, want))
        return effects


def _is_among(question: Question, commands: frozenset[str] | None) -> bool:
    """Whether the answer may change with what these commands answer; None for all commands."""
    return question.life is not None and (commands is None or question.command in commands)


def _told(found: Iterable[LiveName]) -> list[tuple[object, ...]]:
    return [(one.name, one.meta, one.choices) for one in found]


def _changes(request: Request) -> bool:
    line = request.arguments.get("command-line")
    return may_change(request.name, line)


class Probes:
    """Asks for one session. The answers come as Learned, errors as nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def learn_commands(self, now: float) -> list[Effect]:
        """Ask for the names of the server's commands; of an agent for its version, too."""
        session = self._session
        name = list_commands(agent=session.settings.agent)

        def learnt(value: object) -> None:
            session.names = names_in(value)
            session.agent_version = agent_version(value)

        return self.learn(name, now, learnt)

    def learn(
        self, name: str, now: float, take: Callable[[object], None] | None = None
    ) -> list[Effect]:
        """Ask for what the command `name` returns; `take` is given it first."""
        session = self._session
        session.now = now

        def learnt(reply: Reply | None) -> list[Effect]:
            value = returned(reply)
            if take is not None and value is not None:
                take(value)
            return [Learned(name, value)] if value is not None else []

        return session.ask(name, {}, learnt, background=True)

    def load_schema(self, now: float) -> list[Effect]:
        """Ask for the schema, unless it is known or cannot be."""
        session = self._session
        session.now = now
        if session.facts.has_schema or not session.can_probe:
            return []

        def loaded(reply: Reply | None) -> list[Effect]:
            value = returned(reply)
            if reply is not None and not session.facts.has_schema:
                learn(session.facts, Need(MISSING_SCHEMA), value)
            return [Learned("query-qmp-schema", value)] if value is not None else []

        return session.ask("query-qmp-schema", {}, loaded, background=True)

    def watch_machine(self, now: float) -> list[Effect]:
        """From now on follow what the virtual machine of a server that has greeted does, as far as it
        may be asked. The first run state comes as Learned too."""
        from .vm import Machine  # a script has no need of it

        session = self._session
        session.now = now
        if session.can_probe and not session.settings.agent:
            session.machine = Machine(session)
        return []


class CatalogueLoader:
    """Asks each server once, in the background. The answer comes as Learned with a Catalogue; a server
    without a human monitor, such as qemu-storage-daemon, answers with an error, and that is all."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # Whose help was asked for: a server that started anew, or another one, greets anew.
        self._asked: Greeting | None = None

    def load(self, now: float) -> list[Effect]:
        """Ask, if it was not asked yet and may be."""
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
        catalogue = read_catalogue(text, info)
        return [Learned("human-monitor-command", catalogue)] if catalogue.commands else []

    def _ask(self, line: str, then: Callable[[str], list[Effect]]) -> list[Effect]:
        """Ask for what the human monitor prints of `line`; `then` takes it, or "" for none."""

        def answered(reply: Reply | None) -> list[Effect]:
            text = returned(reply)
            return then(text if isinstance(text, str) else "")

        command = human_command(line, None)
        return self._session.ask(
            command["execute"], command["arguments"], answered, background=True
        )
