"""Values as lines `a.b[0].c: value`, as QEMU's former `qmp` script printed them."""

from __future__ import annotations

from .text import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def value_flat(value: object) -> bytes:
    """Return one line for each scalar. Booleans and null are written as in Python.

    >>> print(value_flat([{"a": {"b": True}}, None]).decode(), end="")
    item[0].a.b: True
    item[1]: None
    """
    return "".join(f"{line}\n" for line in _lines(value)).encode("utf-8", "backslashreplace")


def _lines(value: object) -> Iterator[str]:
    # A stack, because values may be nested more deeply than Python's calls.
    stack: list[tuple[str, object]] = [("", value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, dict):
            prefix = f"{path}." if path else ""
            stack += [(f"{prefix}{name}", member) for name, member in reversed(item.items())]
        elif isinstance(item, list):
            name = path or "item"
            stack += [(f"{name}[{at}]", item[at]) for at in reversed(range(len(item)))]
        else:
            yield escape(f"{path}: {item}" if path else str(item))
