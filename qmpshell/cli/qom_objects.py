"""What the subcommands of `qmpshell qom` share: options, the connection, and requests for objects."""

from __future__ import annotations

import os
from typing import Any

import click

from ..errors import FAILED, OK, CommandError
from ..language import nearest_name
from ..qmp import (
    QOM_LIST_GET,
    QOM_SET,
    QomProperty,
    as_text,
    clean_path,
    join_path,
    natural_key,
    parse_properties,
    split_property,
)
from ..render import REDACTED, escape, value_line, value_pretty
from ..storage import is_secret_name, is_secret_property, is_secret_type
from .options import connection_options, open_connection
from .start import write_error, write_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ..client import Connection
    from .options import RunSubcommand


QOM_LIST, QOM_GET = "qom-list", "qom-get"
_TYPE = "type"  # the property of every object that contains the name of its type
_NOT_FOUND = "DeviceNotFound"
_MAX_NAMED = 5  # paths in a message


def qom_options() -> list[click.Parameter]:
    """Return the options for the connection."""
    # Without --path, as the former `qmp` had it: here, a path is that of an object.
    return connection_options("timeout", aliases=())


def make_task(
    run: Callable[[QomClient], Iterable[str]], options: Mapping[str, Any]
) -> RunSubcommand:
    """Return the task that connects, runs a function and prints the lines that it yields."""

    def print_lines(environment: Mapping[str, str]) -> int:
        with open_connection(environment, **options) as connection:
            try:
                lines = list(run(QomClient(connection)))
            except CommandError as error:
                write_error(f"qmpshell: {error.desc}")
                return FAILED
        write_lines(lines)  # a pager does not keep other clients waiting
        return OK

    return print_lines


class Unread:
    """Takes the place of a property's value that cannot be read. `reason` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


# The value was not requested because it is, or may be, a secret.
SECRET = Unread(REDACTED)


def value_text(value: object) -> str:
    """Return a property's value as text on one line, escaped. Words are those of the former scripts.

    >>> value_text(True), value_text("a b"), value_text({"cpus": 1})
    ('True', 'a b', '{"cpus": 1}')
    """
    if isinstance(value, Unread):
        return value.reason if value is SECRET else f"<{escape(value.reason)}>"
    return escape(plain_text(value))


def plain_text(value: object) -> str:
    """Return a property's value as text."""
    return str(value) if value is None or isinstance(value, bool) else as_text(value)


def value_json(value: object) -> dict[str, object]:
    """Return the member of a JSON object for a property's value."""
    if isinstance(value, Unread):
        return {"secret": True} if value is SECRET else {"error": value.reason}
    return {"value": value}


def is_secret(type_name: str, name: str) -> bool:
    """Return True if a property of an object of this type must not be read."""
    return is_secret_name(name) or (is_secret_type(type_name) and is_secret_property(name))


def _may_be_secret(item: QomObject) -> bool:
    """Return True if `qom-list-get`, which reads all properties, may read a secret of the object.

    Only objects that users create have secrets. A partial path may be that of one.
    """
    is_created = item.path.startswith("/objects/") or not item.path.startswith("/")
    return is_created or is_secret_type(item.type)


class QomObject:
    """An object of the tree: its path and type, its properties with their values, and its children.

    A property without a value was not requested. `problem` is the reason why the object could not
    be listed, or "".
    """

    __slots__ = ("children", "path", "problem", "properties", "type", "values")

    def __init__(self, path: str, type_name: str) -> None:
        self.path = path
        self.type = type_name
        self.properties: Sequence[QomProperty] = ()
        self.values: dict[str, object] = {}
        self.children: Sequence[QomObject] = ()
        self.problem = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2] or self.path

    def walk(self) -> list[QomObject]:
        """Return this object and all below it, each before those below it."""
        found, todo = [], [self]
        while todo:
            item = todo.pop()
            found.append(item)
            todo += reversed(item.children)
        return found


class QomClient:
    """Requests for objects and properties, with as few round trips as possible."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_properties(self, path: str) -> list[QomProperty]:
        """Return the properties of an object. Raises CommandError."""
        (listed,) = self._list_all([path])
        if isinstance(listed, CommandError):
            raise self._explain_path(path, listed)
        return listed

    def get(self, path: str, name: str) -> object:
        """Return the value of a property. Raises CommandError, also if it is a secret."""
        if is_secret_property(name) and is_secret(self._type(path), name):
            raise failure(f"{name} is a secret, which qom does not read; use qmpshell exec qom-get")
        return self._execute(QOM_GET, path, name)

    def set(self, path: str, name: str, value: object) -> None:
        """Change the value of a property. Raises CommandError."""
        self._execute(QOM_SET, path, name, value=value)

    def find_property(self, words: Sequence[str]) -> tuple[str, str]:
        """Return the object and the property that PATH and PROPERTY, or PATH.PROPERTY, may denote."""
        if len(words) == 2:
            return words[0], words[1]
        splits = list(split_property(words[0]))
        if len(splits) > 1:
            lists = list(self._list_all(path for path, _ in splits))
            for (path, name), listed in zip(splits, lists, strict=True):
                if name in _names(listed):
                    return path, name
            for split, listed in zip(splits, lists, strict=True):
                if not isinstance(listed, CommandError):
                    return split  # the error is about the property
            for split, listed in zip(splits, lists, strict=True):
                if isinstance(listed, CommandError) and "ambiguous" in listed.desc:
                    return split
        return splits[0]

    def values(self, path: str, properties: Sequence[QomProperty]) -> dict[str, object]:
        """Return the values of an object's properties by name, without those of its children."""
        wanted = [entry for entry in properties if not entry.child_type]
        holder = QomObject(path, "")
        if any(is_secret_property(entry.name) for entry in wanted):
            holder.type = self._type(path)
        holder.properties = wanted
        self._read_values([holder], lambda _object, _property: True)
        return holder.values

    def tree(
        self,
        path: str,
        *,
        depth: int | None = None,
        wants: Callable[[QomObject, QomProperty], bool] | None = None,
    ) -> QomObject:
        """Return an object with all objects below it, at most `depth` levels.

        `wants` selects the properties whose values are read; with None, properties of the lowest
        level are not even listed. Raises CommandError if there is no such object.
        """
        path = clean_path(path)
        kind, commands = self._connection.execute_many(
            [(QOM_GET, {"path": path, "property": _TYPE}), ("query-commands", {})]
        )
        if isinstance(kind, CommandError):
            raise self._explain_path(path, kind)
        has_list_get = isinstance(commands, list) and {"name": QOM_LIST_GET} in commands
        root = QomObject(path, as_text(kind))
        level, left = [root], depth
        while level and (left is None or left > 0 or wants is not None):
            self._fill(level, wants, has_list_get=has_list_get)
            if left == 0:
                break
            for item in level:
                item.children = [
                    QomObject(join_path(item.path, entry.name), entry.child_type)
                    for entry in item.properties
                    if entry.child_type
                ]
            level = [child for item in level for child in item.children]
            left = None if left is None else left - 1
        return root

    def _fill(
        self,
        objects: Sequence[QomObject],
        wants: Callable[[QomObject, QomProperty], bool] | None,
        *,
        has_list_get: bool,
    ) -> None:
        """Request the properties of objects, and the values that `wants` selects."""
        together = [item for item in objects if has_list_get and not _may_be_secret(item)]
        rest = [item for item in objects if not has_list_get or _may_be_secret(item)]
        if together and not self._list_get(together, wants):
            rest = list(objects)
        for item, listed in zip(rest, self._list_all(item.path for item in rest), strict=True):
            if isinstance(listed, CommandError):
                item.problem = listed.desc
            else:
                item.properties = listed
        if wants is not None:
            self._read_values(rest, wants)

    def _list_get(
        self,
        objects: Sequence[QomObject],
        wants: Callable[[QomObject, QomProperty], bool] | None,
    ) -> bool:
        """Request all properties and values at once. Return False if an object has gone."""
        paths = [item.path for item in objects]
        (result,) = self._connection.execute_many([(QOM_LIST_GET, {"paths": paths})])
        if not isinstance(result, list) or len(result) != len(objects):
            return False
        for item, found in zip(objects, result, strict=True):
            listed = found.get("properties") if isinstance(found, dict) else None
            item.properties = parse_properties(listed)
            values = {
                as_text(entry["name"]): entry.get("value", _UNREADABLE)
                for entry in (listed if isinstance(listed, list) else ())
                if isinstance(entry, dict) and "name" in entry
            }
            item.values = {
                entry.name: SECRET if is_secret(item.type, entry.name) else values[entry.name]
                for entry in item.properties
                if not entry.child_type and wants is not None and wants(item, entry)
            }
        return True

    def _read_values(
        self, objects: Sequence[QomObject], wants: Callable[[QomObject, QomProperty], bool]
    ) -> None:
        wanted: list[tuple[QomObject, str]] = []
        for item in objects:
            for entry in item.properties:
                if entry.child_type or not wants(item, entry):
                    continue
                if is_secret(item.type, entry.name):
                    item.values[entry.name] = SECRET
                elif entry.name == _TYPE and item.type:
                    item.values[_TYPE] = item.type  # known from the parent's list
                else:
                    wanted.append((item, entry.name))
        requests = ((QOM_GET, {"path": item.path, "property": name}) for item, name in wanted)
        for (item, name), value in zip(
            wanted, self._connection.execute_many(requests), strict=True
        ):
            item.values[name] = Unread(value.desc) if isinstance(value, CommandError) else value

    def _list_all(self, paths: Iterable[str]) -> Iterator[list[QomProperty] | CommandError]:
        requests = ((QOM_LIST, {"path": path}) for path in paths)
        for listed in self._connection.execute_many(requests):
            yield listed if isinstance(listed, CommandError) else parse_properties(listed)

    def _type(self, path: str) -> str:
        return as_text(self._execute(QOM_GET, path, _TYPE))

    def _execute(self, command: str, path: str, name: str, **more: object) -> object:
        try:
            return self._connection.execute(command, {"path": path, "property": name, **more})
        except CommandError as error:
            if error.error_class == _NOT_FOUND or "ambiguous" in error.desc:
                raise self._explain_path(path, error) from None
            raise self._explain_property(path, name, error) from None

    def _explain_path(self, path: str, error: CommandError) -> CommandError:
        """Return the error for a path with which no object was found, with what to do."""
        if path.startswith("/"):
            hint = self._nearest_path(path)
            return failure(f"{error.desc}: did you mean {hint}?") if hint else error
        (listed,) = self._list_all([path])  # the other commands do not name this reason
        if not isinstance(listed, CommandError) or "ambiguous" not in listed.desc:
            return error
        end = "/" + clean_path(path)
        found = [item.path for item in self.tree("/").walk() if item.path.endswith(end)]
        paths = sorted(found, key=natural_key)
        named = ", ".join(paths[:_MAX_NAMED]) + (", …" if len(paths) > _MAX_NAMED else "")
        return failure(f"{listed.desc}; use a complete path{': ' if paths else ''}{named}")

    def _nearest_path(self, path: str) -> str:
        """Return a path that is close to one that does not exist, or ""."""
        above = "/"
        for part in clean_path(path).split("/")[1:]:
            (listed,) = self._list_all([above])
            names = _names(listed)
            if part not in names:
                nearest = nearest_name(part, names)
                return join_path(above, nearest) if nearest else ""
            above = join_path(above, part)
        return ""

    def _explain_property(self, path: str, name: str, error: CommandError) -> CommandError:
        """Return the error about a property, with a similar name if it does not exist."""
        (listed,) = self._list_all([path])
        names = _names(listed)
        nearest = "" if name in names else nearest_name(name, names)
        return failure(f"{error.desc}: did you mean {nearest}?") if nearest else error


# What `qom-list-get` does not explain.
_UNREADABLE = Unread("cannot be read")


def _names(listed: Sequence[QomProperty] | CommandError) -> list[str]:
    return [] if isinstance(listed, CommandError) else [entry.name for entry in listed]


def failure(text: str) -> CommandError:
    """Return the exception for a failure that is not the server's."""
    return CommandError({"error": {"class": "GenericError", "desc": text}})


def json_text(value: object) -> str:
    """Return a value as JSON: indented if stdout is a terminal, else one line."""
    data = value_pretty(value) if os.isatty(1) else value_line(value)
    return data.decode("ascii").removesuffix("\n")
