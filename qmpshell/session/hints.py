"""Hints after error replies: names that the user may have meant."""

from __future__ import annotations

from ..language import MISSING_DRIVER, MISSING_SCHEMA, Missing, names_a_parameter, suggestion_for
from ..qmp import DEVICE_ADD
from .requests import unknown_command_name
from .server import list_commands, names_in, queries_for_missing, returned
from .steps import Query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..complete import LiveName, NameQuery
    from ..language import Properties
    from ..qmp import Reply
    from .requests import Request
    from .state import SessionState
    from .steps import Steps


def hint_steps(state: SessionState, reply: Reply, request: Request) -> Steps | None:
    """Return the steps that show a hint about an error reply, or None if there is none."""
    name = unknown_command_name(reply, request)
    if name:
        return _suggest_command(state, name, request)
    if request.is_typed and request.text is None and names_a_parameter(reply.desc):
        return _suggest_parameter(state, request)
    return None


def _suggest_command(state: SessionState, name: str, request: Request) -> Steps:
    """Suggest commands and shell commands with similar names."""
    from .commands.registry import COMMANDS

    server = state.server
    if server.names is None and server.introspection.schema is not None:
        server.names = server.introspection.schema.commands()
    if server.names is None and state.sender.can_query:
        reply = yield Query(list_commands(agent=state.settings.agent))
        server.names = names_in(returned(reply))
    hint = suggestion_for(name, [*(server.names or ()), *COMMANDS])
    if hint:
        state.outbox.show(state.place(request, hint))


def _suggest_parameter(state: SessionState, request: Request) -> Steps:
    """Suggest arguments and values with similar names, in the words of the prompt's diagnostics."""
    introspection = state.server.introspection
    if not introspection.has_schema and state.sender.can_query:
        reply = yield Query("query-qmp-schema")
        if reply is not None:
            state.server.learn(Missing(MISSING_SCHEMA), returned(reply))
    driver = request.arguments.get("driver") if request.name == DEVICE_ADD else None
    if isinstance(driver, str) and driver not in introspection.drivers and state.sender.can_query:
        need = Missing(MISSING_DRIVER, driver)
        for name, arguments in queries_for_missing(need):
            reply = yield Query(name, arguments)
            if reply is None or not reply.is_error:
                break
        state.server.learn(need, returned(reply))
    from ..complete import CompletionSources, find_mistyped_names  # few scripts need it

    known = CompletionSources(
        schema=introspection.schema, live=_KnownProperties(introspection.drivers)
    )
    for text in find_mistyped_names(request.data.decode("utf-8"), known):
        state.outbox.show(state.place(request, text))


class _KnownProperties:
    """The device properties that were queried for the values of a line, as live names."""

    def __init__(self, drivers: Mapping[str, Properties | None]) -> None:
        self._drivers = drivers

    def find(self, name_query: NameQuery) -> Sequence[LiveName]:
        """Return the names that are known."""
        return self.peek(name_query)

    def peek(self, name_query: NameQuery) -> Sequence[LiveName]:
        """Return the names that are known."""
        from ..complete import LiveName
        from ..qmp.references import DEVICE_PROPERTY

        is_device = name_query.kind == DEVICE_PROPERTY
        properties = self._drivers.get(name_query.subject) if is_device else None
        return [LiveName(name) for name in properties or ()]
