"""The types of a schema, in words.

Owns: how a type is written where one is named. Must not know: the manual, values.
"""

from __future__ import annotations

from ..complete.shapes import Shapes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..schema.model import Schema

# A server's schema may refer to itself.
_DEEPEST = 5
_MEANINGS = {
    "deprecated": "deprecated: it will go",
    "unstable": "unstable: it may change or go at any time",
}


def type_text(schema: Schema, name: str, *, called: str = "", depth: int = 0) -> str:
    """A type in words, those of the menu and the signature (`complete.shapes`), but whole. `called` is its
    name in the manual, which stands for what is long."""
    kind = schema.kind(name) or "any"
    if depth > _DEEPEST:
        return "…"
    if kind == "enum":
        return " | ".join(schema.enum_values(name)) or "any"
    if kind == "array":
        element = schema.element_type(name) or ""
        return f"[{type_text(schema, element, called=called, depth=depth + 1)}]"
    if kind == "alternate":
        text = Shapes(schema).words(name)
        return f"{called} ({text})" if called else text
    if kind == "object":
        members = schema.members(name, lambda _: None).values()
        inner = ", ".join(f"[{one.name}]" if one.optional else one.name for one in members)
        text = f"{{{inner}{', …' if schema.tag(name) else ''}}}"
        return f"{called} {text}" if called else text
    return Shapes(schema).words(name)


def shape_text(schema: Schema, name: str, *, called: str = "", depth: int = 0) -> str:
    """The same where the members of an object stand below: `BlockInfo`, `[{…}]`."""
    kind = schema.kind(name)
    if depth > _DEEPEST:
        return "…"
    if kind == "array":
        element = schema.element_type(name) or ""
        return f"[{shape_text(schema, element, called=called, depth=depth + 1)}]"
    if kind == "object":
        return called or "{…}"
    return type_text(schema, name, called=called)


def features_text(features: tuple[str, ...]) -> str:
    """Those features that warn, to stand behind a name; others say nothing of use there."""
    told = [one for one in features if one in _MEANINGS]
    return f" ({', '.join(told)})" if told else ""


def meaning(feature: str) -> str:
    """What a feature says, in words; empty where only the manual knows."""
    return _MEANINGS.get(feature, "")


def object_type(schema: Schema, name: str) -> str | None:
    """The object type that a member of this type may hold: its own, one of an alternate's, or that of
    an array's elements; None where there is none."""
    for _ in range(_DEEPEST):
        kind = schema.kind(name)
        if kind == "object":
            return name
        if kind == "alternate":
            inner = (one for one in schema.alternatives(name) if schema.kind(one) == "object")
            return next(inner, None)
        if kind != "array":
            return None
        name = schema.element_type(name) or ""
    return None
