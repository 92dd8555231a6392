"""Suggestions for mistyped names, and hints for error messages of the server."""

from __future__ import annotations

import re

from ..qmp import encode, parse_scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


_WRONG_TYPE = r"Invalid parameter type for '([^']*)', expected: (string|boolean)"
# A job's default id is its device's name, which a node does not have (QEMU: blockjob.c).
_NO_JOB_ID = "Invalid job ID ''"
# QEMU: qobject-input-visitor.c, qerror.h, qapi-util.c; qom/object.c for a property.
_ABOUT_PARAMETER = r"(?:Invalid )?[Pp]arameter '|Property '[^']*' not found"


_MISSING = r"Parameter '([^']*)' is missing"
# The start of a hint that names what the user may have meant.
DID_YOU_MEAN = "did you mean "
_MAX_NAMES = 3
_MAX_WORD = 40
# A shorter start of a name is too common to mean it.
_MIN_START = 4
# More names with the same start are no help.
_MAX_STARTS = 8


def error_hint(desc: str, arguments: dict[str, Any] | None = None) -> str:
    """Return a hint for the error message `desc` of a server, or "".

    `arguments` are those of the command if they were typed as KEY=VALUE.
    """
    if desc.startswith(_NO_JOB_ID):
        return "a job on a node needs an id: add job-id=NAME"
    match = re.search(_WRONG_TYPE, desc)
    if match is None:
        return ""
    if match[2] == "boolean":
        return _boolean_hint(match[1], arguments or {})
    return f"quote the value of {match[1]} to send it as text"


def _boolean_hint(name: str, arguments: dict[str, Any]) -> str:
    """Return the hint for a boolean that was sent as text because its type is unknown, or "".

    `name` is the end of the path of the argument.
    """
    todo: list[tuple[str, object]] = list(arguments.items())
    for path, value in todo:
        if isinstance(value, dict):
            todo += [(f"{path}.{key}", member) for key, member in value.items()]
        elif isinstance(value, str) and f".{path}".endswith(f".{name}"):
            found, is_boolean = parse_scalar(value, "boolean")
            if is_boolean:
                return f"{DID_YOU_MEAN}{path}:={encode(found)}?"
    return ""


def names_a_parameter(desc: str) -> bool:
    """Return True if an error message of a server is about an argument or its value."""
    return re.match(_ABOUT_PARAMETER, desc) is not None


def missing_parameter(desc: str) -> str:
    """Return the key of the argument that a server misses, or "".

    >>> missing_parameter("Parameter 'actions[0].data' is missing"), missing_parameter("x")
    ('actions.0.data', '')
    """
    match = re.fullmatch(_MISSING, desc)
    return re.sub(r"\[([0-9]+)\]", r".\1", match[1]) if match is not None else ""


def suggestion_for(word: str, names: Iterable[str]) -> str:
    """Return the hint that suggests the names that a mistyped word may stand for, or "".

    >>> suggestion_for("device_dle", ["device_add", "device_del"])
    'did you mean device_del?'
    >>> suggestion_for("a-c", ["a-b", "a-d", "e"]), suggestion_for("x", ["device"])
    ('did you mean a-b or a-d?', '')
    """
    found = _near_names(word, names)
    if len(found) > 1:
        return f"{DID_YOU_MEAN}{', '.join(found[:-1])} or {found[-1]}?"
    return f"{DID_YOU_MEAN}{found[0]}?" if found else ""


def _near_names(word: str, names: Iterable[str]) -> list[str]:
    """Return up to three names close to a word, the closest first.

    These are the names with the smallest edit distance. If that is more than one, and the word is the
    start of a few names, these are the shortest of them.
    """
    typed = folded_name(word).strip("/")
    if len(typed) > _MAX_WORD:
        return []
    most = _max_distance(_MAX_WORD)
    found: list[tuple[int, str]] = []
    starts: list[str] = []
    for name in names:
        other = folded_name(name).strip("/")
        limit = min(most, _max_distance(max(len(typed), len(other))))
        distance = edit_distance(typed, other, limit)
        if distance <= limit:
            found.append((distance, name))
            most = distance
        if len(typed) >= _MIN_START and other.startswith(typed):
            starts.append(name)
    near = [name for distance, name in found if distance == most]
    if most and starts and len(starts) <= _MAX_STARTS:
        starts.sort(key=len)
        near = [*near, *starts] if most == 1 and near else starts
    return list(dict.fromkeys(near))[:_MAX_NAMES]


def _max_distance(length: int) -> int:
    """Return how many edits may lie between a mistyped word and a name, the longer of this length.

    >>> [_max_distance(length) for length in (2, 3, 5, 6, 12, 18)]
    [0, 1, 1, 2, 3, 3]
    """
    return min(1 + length // 6, 3) if length > 2 else 0


def nearest_name(word: str, names: Iterable[str]) -> str:
    """Return the name with the smallest edit distance from a word, or "" if none is close.

    >>> nearest_name("block-streem", ["block-stream", "blockdev-add"]), nearest_name("x", ["device"])
    ('block-stream', '')
    """
    typed = folded_name(word)
    if len(typed) > _MAX_WORD:
        return ""
    most = 1 + len(typed) // 5 if len(typed) > 2 else 0
    best = ""
    for name in names:
        other = folded_name(name)
        if other == typed:
            return name
        distance = edit_distance(typed, other, most)
        if distance <= most:
            best, most = name, distance - 1
    return best


def edit_distance(first: str, second: str, most: int) -> int:
    """Return the edit distance, counting transpositions as one edit; `most` + 1 if it is greater."""
    if abs(len(first) - len(second)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, char in enumerate(first, 1):
        oldest, before, row = before, row, [i]
        for j, there in enumerate(second, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (char != there))
            if i > 1 and j > 1 and char == second[j - 2] and first[i - 2] == there:
                cost = min(cost, oldest[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


_SAME = str.maketrans("_", "-")


def folded_name(text: str) -> str:
    """Return `text` in the form that names are compared in."""
    return text.lower().translate(_SAME)
