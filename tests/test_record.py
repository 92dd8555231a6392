"""Tests of the base class of value classes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qmpshell.record import Record


class Point(Record):
    """A point with a name and neighbours."""

    x: int
    y: int = 0
    neighbours: list[Point] = []


class Named(Point):
    """A point with a name."""

    name: str = ""


def test_fields_are_parameters_in_order() -> None:
    point = Point(1, 2)
    assert (point.x, point.y, point.neighbours) == (1, 2, [])
    assert repr(Named(1, name="a")) == "Named(x=1, y=0, neighbours=[], name='a')"


def test_default_list_is_copied() -> None:
    first, second = Point(1), Point(1)
    first.neighbours.append(second)
    assert second.neighbours == []


def test_equality_compares_class_and_fields() -> None:
    assert Point(1) == Point(x=1, y=0)
    assert Point(1) != Point(2)
    assert Point(1) != Named(1)


def test_hash_agrees_with_equality() -> None:
    class Pair(Record):
        """Two values."""

        first: object
        second: object = None

    assert len({Pair(1), Pair(first=1, second=None), Pair(2)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Pair([]))


@pytest.mark.parametrize(
    "call",
    [
        lambda: Point(),  # type: ignore[call-arg]
        lambda: Point(1, 2, [], 4),  # type: ignore[call-arg]
        lambda: Point(1, z=2),  # type: ignore[call-arg]
        lambda: Point(y=2),  # type: ignore[call-arg]
    ],
)
def test_wrong_arguments_raise_type_error(call: Callable[[], Point]) -> None:
    with pytest.raises(TypeError, match="Point needs x, y, neighbours"):
        call()


def test_many_instances_are_like_the_first() -> None:
    class Value(Record):
        """A value."""

        first: int
        second: str = "x"
        items: list[int] = []

    values = [Value(number) for number in range(200)]
    assert all(value == Value(number, "x", []) for number, value in enumerate(values))
    values[-1].items.append(1)
    assert values[-2].items == []
    with pytest.raises(TypeError):
        Value()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Value(1, third=2)  # type: ignore[call-arg]
