"""What a session lets its local commands do.

Owns: the calls that they may make. Must not know: any of the commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..effects import Effect
    from ..language.command import Command, LocalCommand, RawCommand
    from ..language.facts import Facts, Need
    from ..language.tokens import Token
    from ..manual.library import Manual
    from ..page import Block
    from ..protocol.messages import Event, Reply
    from ..settings import Settings
    from ..waits import Wait


class Host(Protocol):
    """A session, as its local commands see it. Every call returns effects to be passed on."""

    @property
    def settings(self) -> Settings: ...
    @property
    def facts(self) -> Facts: ...
    @property
    def now(self) -> float: ...
    @property
    def can_probe(self) -> bool:
        """Whether the server may be asked what nobody typed."""

    def untaken_events(self) -> list[Event]:
        """The latest events that no `/wait` has taken, oldest first."""

    def take_event(self, event: Event) -> None: ...
    def tell(self, text: str) -> list[Effect]: ...
    def page(self, blocks: list[Block]) -> list[Effect]:
        """Show a page of text."""

    def manual(self, name: str = "") -> Manual:
        """The manual of the server, or what there is of it; where it is not known which server it is,
        the one that has `name`."""

    def fail(self, text: str) -> list[Effect]:
        """The command that runs has failed."""

    def ask(
        self, name: str, arguments: dict[str, Any], then: Callable[[Reply | None], list[Effect]]
    ) -> list[Effect]:
        """Ask the server something of our own; `then` takes the reply, or None where none came."""

    def wait(self, wait: Wait) -> list[Effect]:
        """Hold up the lines that follow until `wait` is over."""

    def watch(
        self, what: Command | RawCommand | Token, text: str, *, interval: float, count: int | None
    ) -> list[Effect]:
        """Send a command, or the human monitor's line that a token is, again and again. Raises
        LineError."""

    def watch_jobs(self, deadline: float | None) -> list[Effect]:
        """Follow all jobs until they are done."""

    def recent_events(self) -> list[Event]:
        """The latest events, oldest first."""

    def show_event(self, event: Event) -> list[Effect]:
        """Show an event, whichever are wanted."""

    def settle(self, wait: Wait) -> list[Effect]:
        """Go on if `wait` is over."""

    def perform(self, command: Command) -> list[Effect]:
        """Send a command as if it had been typed."""

    def perform_human(self, text: str, start: int) -> list[Effect]:
        """Send a line to the human monitor."""

    def show_last(self) -> list[Effect]:
        """Show the last reply again, where the line's replies go."""

    def connect(self, text: str | None) -> list[Effect]:
        """Leave this server for what `text` names, or with None connect to it anew."""

    def resync(self) -> list[Effect]: ...
    def source(self, name: str, data: bytes) -> list[Effect]:
        """Run the lines of a file before what follows."""

    def set_log(self, path: str | None) -> None:
        """Raises QmpShellError."""

    def satisfy(self, need: Need, call: LocalCommand) -> list[Effect]:
        """Get what must be known first, and run `call` again; what is not to be had is known then."""

    def describe(self) -> str:
        """What the session is connected to, over several lines."""

    def leave(self) -> list[Effect]: ...
