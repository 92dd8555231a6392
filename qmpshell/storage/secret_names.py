"""The names that make a value a secret, also misspelt: members, commands, properties, object types."""

from __future__ import annotations

import re
from functools import lru_cache

from ..language import edit_distance, folded_name, nearest_name
from ..qmp import COMMANDS, QOM_SET, command_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OBJECT_ADD = "object-add"
SET_PASSWORD = "set_password"
CHANGE = "change"  # up to QEMU 5.2, and in the human monitor
HUMAN_MONITOR = "human-monitor-command"

# Misspelt, they are closer to themselves than to a command with secrets.
_ORDINARY = (
    *("expire_password", "guest-exec-status", "guest-sync"),
    *("object-del", "qom-get", "qom-list"),
)
_BEARING = (*(name for name, facts in COMMANDS.items() if facts.secrets), CHANGE, HUMAN_MONITOR)

_PASSWORD = r"pas+(?:wo?r?|or)d|passphrase|passcode"
_ANY_PASSWORD = re.compile(_PASSWORD, re.IGNORECASE)
# Not the ids of secret objects (password-secret, key-secret, passwordid). A misspelt "password" is
# still the name of a secret, although no server has such a member.
_NAME = re.compile(
    rf".*(?:{_PASSWORD})s?(?:[-_]?(?:[0-9]+|b64|base64|hash|hashed|text))?"
    r"|(?:.*[-_])?(?:cookies?|pwd?|pswd|passw?|input-data)",
    re.IGNORECASE | re.DOTALL,
)
# Other misspellings, and the largest edit distance: "txcookie" and "paused" are ordinary names.
_MISSPELT = (("password", 2), ("passphrase", 2), ("cookie", 1))
# Longer words are not names.
_MAX_NAME = 40
# Members with these names are not secret if they are numbers: the pass of a migration, a flow's cookie.
_COUNTED = re.compile(r"(?:.*[-_])?(?:cookies?|pass)", re.IGNORECASE | re.DOTALL)

_DATA = "data"
_DATE = "date"  # the clock of a machine
_SECRET = "secret"
_SHORTEST_START = 3


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return True if a member, property or variable of this name holds a secret.

    Only the last part of a dotted name counts.

    >>> is_secret_name("file.proxy-password"), is_secret_name("passwrod")
    (True, True)
    >>> is_secret_name("password-secret")
    False
    """
    name = name.rpartition(".")[2]
    return _NAME.fullmatch(name) is not None or _is_misspelt(name)


def _is_misspelt(name: str) -> bool:
    if len(name) > _MAX_NAME:
        return False
    last = folded_name(name).rpartition("-")[2]
    return any(
        not last.startswith(word) and edit_distance(last, word, most) <= most
        for word, most in _MISSPELT
    )


def may_be_counted(name: str) -> bool:
    """Return True if a number under this name is not secret."""
    return _COUNTED.fullmatch(name.rpartition(".")[2]) is not None


@lru_cache(maxsize=4096)
def secret_command(name: str) -> str:
    """Return the command with secrets that `name` is, or is close to, or "".

    >>> secret_command("set_pasword"), secret_command("object_ad"), secret_command("qom-get")
    ('set_password', 'object-add', '')
    """
    nearest = nearest_name(name, (*_BEARING, *_ORDINARY))
    if nearest in _ORDINARY:
        return ""
    # A command that sets some password has other arguments.
    return nearest or (SET_PASSWORD if _ANY_PASSWORD.search(name) else "")


def secret_arguments(command: str, names: Iterable[str]) -> list[str]:
    """Return the arguments that are secret whatever the others are: all that the command does not have.

    `command` is the result of `secret_command`.

    >>> secret_arguments("set_password", ["protocl", "passwrod", "pw"])
    ['passwrod', 'pw']
    """
    facts = command_facts(command)
    if facts.secrets_by or not facts.secrets:
        return []
    return [name for name in names if nearest_argument(command, name) in ("", *facts.secrets)]


@lru_cache(maxsize=4096)
def nearest_argument(command: str, name: str) -> str:
    """Return the argument of the command that `name` is, or is close to, or ""."""
    facts = command_facts(command)
    return nearest_name(name, (*facts.other_arguments, *facts.secrets))


@lru_cache(maxsize=4096)
def is_secret_property(name: str) -> bool:
    """Return True if an object property of this name may be secret, such as `data` of a secret object."""
    is_data = name != _DATE and nearest_name(name, (_DATA,)) != ""
    return is_data or is_secret_name(name)


def secret_properties(names: Sequence[str], property_name: object) -> list[str]:
    """Return the arguments of qom-set that are secret if it sets this property.

    Without a property, the value may be secret, and so may a property that is used as an argument.
    """
    known = isinstance(property_name, str)
    is_secret = isinstance(property_name, str) and is_secret_property(property_name)
    found = []
    for name in names:
        argument = nearest_argument(QOM_SET, name)
        if argument == "value":
            secret = is_secret or not known
        else:
            secret = not argument and (is_secret or is_secret_property(name))
        if secret:
            found.append(name)
    return found


def secret_options(options: Sequence[tuple[str, object]]) -> list[bool]:
    """Return for each option of an object, as key and value, whether the value is secret.

    A type without a key has the key "", or precedes the first key and a blank. Without a type, the
    object may be a secret.
    """
    arguments = [nearest_argument(OBJECT_ADD, key.removeprefix("props.")) for key, _ in options]
    kinds = [
        value
        for (key, value), argument in zip(options, arguments, strict=True)
        if argument == "qom-type" or not key
    ]
    kinds += [key.split()[0] for key, _ in options if " " in key]
    is_certain = any(isinstance(kind, str) and is_secret_type(kind) for kind in kinds)
    if not is_certain and any(isinstance(kind, str) for kind in kinds):
        return [False] * len(options)
    return [
        bool(key) and (argument == _DATA or (not argument and (is_certain or is_secret_name(key))))
        for (key, _), argument in zip(options, arguments, strict=True)
    ]


@lru_cache(maxsize=512)
def is_secret_type(name: str) -> bool:
    """Return True for the type of a secret object, also misspelt or abbreviated.

    >>> is_secret_type("secret_keyring"), is_secret_type("secrt"), is_secret_type("iothread")
    (True, True, False)
    """
    lower = name.lower()
    return _SECRET in lower or any(
        (len(part) >= _SHORTEST_START and _SECRET.startswith(part))
        or nearest_name(part, (_SECRET,)) != ""
        for part in folded_name(name).split("-")
    )


# The meanings of words that are not commands: the `data` of an object, a name of secrets, and a type.
DATA_WORD, NAME_WORD, TYPE_WORD = _DATA, "name", "type"


@lru_cache(maxsize=4096)
def word_meaning(word: str) -> str:
    """Return what a word of a line that cannot be parsed may be, or "".

    It is a command with secrets, DATA_WORD, NAME_WORD or TYPE_WORD.
    """
    if is_secret_name(word):
        return NAME_WORD
    if is_secret_property(word):
        return DATA_WORD
    return secret_command(word) or (TYPE_WORD if is_secret_type(word) else "")
