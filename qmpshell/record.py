"""The base class of value classes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, dataclass_transform
else:  # do not import typing, which is slow
    dataclass_transform = lambda: lambda decorated: decorated  # noqa: E731

# Compiling an `__init__` takes as long as creating this many instances without it.
_COMPILE_AFTER = 80


@dataclass_transform()
class Record:
    """A value class. Its annotated attributes are the parameters of `__init__`, in their order.

    A class attribute is the default of its parameter; a default list or dict is copied for each
    instance. This is like `dataclasses.dataclass`, but a script starts 17 ms earlier without the
    import of `dataclasses`, and 1.5 ms earlier because a class gets an `__init__` of its own only
    when it has many instances.
    """

    _kw_only = False

    def __init__(self, *values: Any, **named: Any) -> None:
        cls = type(self)
        fields: _Fields = cls.__dict__.get("_fields") or _Fields(cls)
        fields.count += 1
        if fields.count == _COMPILE_AFTER:
            compiled = fields.compile_init(kw_only=cls._kw_only)
            cls.__init__ = compiled  # type: ignore[method-assign]
        state = self.__dict__
        state.update(fields.defaults)
        for name in fields.copied:
            state[name] = fields.defaults[name].copy()
        state.update(zip(fields.names, values, strict=False))
        state.update(named)
        if state.keys() != fields.names.keys() or len(values) + len(named) > len(fields.names):
            raise TypeError(f"{cls.__name__} needs {', '.join(fields.names)}")

    def __init_subclass__(cls, *, kw_only: bool = False) -> None:
        # Setting an attribute of a class takes as long as creating several instances.
        if kw_only:
            cls._kw_only = True
        # The base class may have an `__init__` for its own fields.
        if cls.__base__ is not Record and "__init__" not in cls.__dict__:
            cls.__init__ = Record.__init__  # type: ignore[method-assign]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(
            (type(self), *(vars(self)[name] for name in type(self).__dict__["_fields"].names))
        )

    def __repr__(self) -> str:
        names = type(self).__dict__["_fields"].names
        values = ", ".join(f"{name}={vars(self)[name]!r}" for name in names)
        return f"{type(self).__name__}({values})"


class _Fields:
    """The fields of a class: all `names`, the `defaults`, and those whose default is `copied`.

    `count` is the number of instances so far. The class refers to its fields.
    """

    def __init__(self, cls: Any) -> None:
        self.names: dict[str, None] = {}
        for base in reversed(cls.__mro__):
            self.names.update(dict.fromkeys(vars(base).get("__annotations__", ())))
        self.defaults = {name: getattr(cls, name) for name in self.names if hasattr(cls, name)}
        self.copied = [
            name for name, value in self.defaults.items() if isinstance(value, list | dict)
        ]
        self.count = 0
        cls._fields = self

    def compile_init(self, *, kw_only: bool) -> Any:
        """Return an `__init__` with one parameter for each field."""
        parameters = "".join(
            f", {name}=_{name}" if name in self.defaults else f", {name}" for name in self.names
        )
        body = "".join(
            f"\n    self.{name} = {name}.copy() if {name} is _{name} else {name}"
            if name in self.copied
            else f"\n    self.{name} = {name}"
            for name in self.names
        )
        scope = {f"_{name}": value for name, value in self.defaults.items()}
        star = ", *" if kw_only and self.names else ""
        exec(f"def __init__(self{star}{parameters}):{body or ' pass'}", scope)
        return scope["__init__"]
