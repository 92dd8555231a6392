"""`/help`: the local commands, or what a command of the server's takes.

Owns: the words of it. Must not know: where they are shown.
"""

from __future__ import annotations

from ..errors import LineError
from ..language.facts import SCHEMA, Need
from .registry import COMMANDS
from .words import usage, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from ..schema.model import Schema
    from .host import Host

# A server's schema may refer to itself.
_DEEPEST = 5
_OVERVIEW = """\
A line is COMMAND KEY=VALUE … or a JSON object; /help COMMAND says what a command takes.
Commands of this shell's own:"""


def run(host: Host, call: LocalCommand) -> list[Effect]:
    given = words(call)
    if len(given) > 1:
        raise usage(call, "one name, or none", given[1])
    if not given:
        width = max(len(how) for _, how, _ in COMMANDS.values())
        lines = [f"  {how:{width}}  {what}" for _, how, what in COMMANDS.values()]
        return host.tell("\n".join([_OVERVIEW, *lines]))
    name = given[0].text
    if name in COMMANDS:
        return host.tell(_ours(name))
    if not host.facts.has_schema:
        return host.satisfy(Need(SCHEMA), call)
    schema = host.facts.schema
    text = _describe(schema, name) if schema is not None else ""
    if not text and f"/{name}" in COMMANDS:
        text = _ours(f"/{name}")
    if not text:
        why = "the server has none of that name" if schema is not None else "there is no schema"
        raise LineError(
            f"nothing is known of {name}: {why}", start=given[0].start, end=given[0].end
        )
    return host.tell(text)


def _ours(name: str) -> str:
    _, how, what = COMMANDS[name]
    return f"{how}\n  {what}"


def _describe(schema: Schema, name: str) -> str:
    info = schema.command(name) or schema.event(name)
    if info is None:
        return ""
    lines = [name + _features(info.features)]
    tag = schema.tag(info.arg_type)
    for member in schema.members(info.arg_type, lambda _: None).values():
        word = f"[{member.name}]" if member.optional else member.name
        lines.append(f"  {word}: {_type(schema, member.type)}{_features(member.features)}")
    if tag is not None:
        cases = ", ".join(schema.cases(info.arg_type))
        lines.append(f"  further members depend on {tag}: {cases}")
    return "\n".join(lines)


def _features(features: tuple[str, ...]) -> str:
    told = [one for one in features if one in ("deprecated", "unstable")]
    return f" ({', '.join(told)})" if told else ""


def _type(schema: Schema, name: str, depth: int = 0) -> str:
    kind = schema.kind(name) or "any"
    if depth > _DEEPEST:
        return "…"
    if kind == "enum":
        return "|".join(schema.enum_values(name))
    if kind == "array":
        return f"array of {_type(schema, schema.element_type(name) or '', depth + 1)}"
    if kind == "alternate":
        return " or ".join(schema.kind(one) or "any" for one in schema.alternatives(name))
    if kind == "object":
        members = schema.members(name, lambda _: None).values()
        inner = ", ".join(f"[{one.name}]" if one.optional else one.name for one in members)
        return f"{{{inner}{', …' if schema.tag(name) else ''}}}"
    return kind
