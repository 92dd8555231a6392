"""The settings file.

Owns: where it is, when it is not trusted, and what is wrong with it. Must not know: which settings and
addresses there are (that is `options` and `transport`), or when it is read.
"""

from __future__ import annotations

import os
import re
import stat

from ..errors import QmpShellError
from ..language import hint_for
from ..render import escape
from ..transport import is_word
from .paths import config_folder, home_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings import Option


_TARGETS = "targets"
_EXAMPLE = 'lab = "/run/lab.sock"'
_NOT_READ = "nothing of the file is used"
_LONG = 40
# Without waiting: a FIFO that nobody writes to would hold us.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LARGEST = 1 << 20
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class Configuration:
    """What the file says, as far as it can be used.

    `values` are those of options, by the options' names (`options.apply` sets them), `targets` the
    addresses of named targets. Each of `problems`, with the file or with its targets, and of
    `option_problems` is a sentence with the file, the line where that is known, and what is possible.
    """

    __slots__ = ("option_problems", "problems", "targets", "values")

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self.targets: dict[str, str] = {}
        self.problems: list[str] = []
        self.option_problems: list[str] = []


def configuration_path(environment: Mapping[str, str]) -> str | None:
    """Where the file is, if there is one; None where no place for it is known."""
    folder = config_folder(environment)
    return os.path.join(folder, "config.toml") if folder is not None else None


def read_configuration(environment: Mapping[str, str]) -> Configuration:
    """Read the file. It raises nothing: what is wrong with it is left out, and told in `problems`."""
    found = Configuration()
    path = configuration_path(environment)
    if path is None:
        return found
    try:
        data = _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return found
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        found.problems.append(f"{escape(path)} is not read: {reason}")
        return found
    _Reader(path, found, home=home_folder(environment)).read(data)
    return found


def _read(path: str) -> bytes:
    """Raises OSError, and ValueError with a reason where the file is not to be trusted."""
    descriptor = os.open(path, _FLAGS)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_uid not in (0, os.geteuid()):
            raise ValueError("it belongs to another user")
        if status.st_mode & _WRITABLE_BY_OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            raise ValueError(f"others may write to it (mode {mode:04o}); chmod go-w makes it safe")
        if status.st_size > _LARGEST:
            raise ValueError("it is far larger than settings are")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(_LARGEST)
    finally:
        os.close(descriptor)


class _Reader:
    """Reads the text of the file at `path` into `found`; `home` is what ~ stands for."""

    def __init__(self, path: str, found: Configuration, *, home: str) -> None:
        self._path = escape(path)
        self._found = found
        self._home = home
        self._text = ""
        self._options: Mapping[str, Option] = {}

    def read(self, data: bytes) -> None:
        import tomllib  # slow to import, and most have no such file

        from .settings import OPTIONS

        self._options = OPTIONS

        try:
            self._text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._found.problems.append(f"{self._path}:{line}: this is not UTF-8; {_NOT_READ}")
            return
        try:
            values = tomllib.loads(self._text)
        except RecursionError:
            self._found.problems.append(f"{self._path}: this nests too deep; {_NOT_READ}")
            return
        except ValueError as error:
            self._found.problems.append(self._mistake(str(error)))
            return
        targets = values.pop(_TARGETS, {})
        for name, value in values.items():
            self._take_option(name, value)
        if isinstance(targets, dict):
            for name, value in targets.items():
                self._take_target(name, value)
        else:
            text = f"{_TARGETS} is a table: a line [{_TARGETS}], then lines such as {_EXAMPLE}"
            self._found.problems.append(self._placed(_TARGETS, text))

    def _mistake(self, reason: str) -> str:
        """What tomllib says is wrong, with the place where people look for one."""
        match = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", reason, re.DOTALL)
        if match is None:
            return f"{self._path}: {escape(reason)}; {_NOT_READ}"
        text = escape(match[1])
        return f"{self._path}:{match[2]}:{match[3]}: {text[:1].lower()}{text[1:]}; {_NOT_READ}"

    def _take_option(self, name: str, value: object) -> None:
        option = self._options.get(name)
        if option is None:
            cure = hint_for(name, [*self._options, _TARGETS])
            cure = cure or f"there are {', '.join(self._options)}"
            text = f"there is no setting {escape(name[:_LONG])}; {cure}"
            self._found.option_problems.append(self._placed(name, text))
            return
        try:
            self._found.values[name] = option.take(value)
        except QmpShellError as error:
            self._found.option_problems.append(self._placed(name, str(error)))

    def _take_target(self, name: str, value: object) -> None:
        shown = escape(name[:_LONG])
        if name in self._options:
            text = (
                f"{name} below [{_TARGETS}] would be a target; settings stand above the first table"
            )
        elif not is_word(name) or not name.isprintable() or " " in name or name[0] == "-":
            text = f"{shown!r} cannot be the name of a target: a word without / : and , is one"
        elif not isinstance(value, str) or not value:
            text = f"the target {shown} has no address: that is a text, as in {_EXAMPLE}"
        else:
            self._found.targets[name] = self._from_home(value)
            return
        self._found.problems.append(self._placed(name, text))

    def _from_home(self, address: str) -> str:
        """An address with ~/ at the beginning of its path: no shell has looked at it."""
        scheme = "unix:" if address.startswith("unix:") else ""
        path = address[len(scheme) :]
        return scheme + self._home + path[1:] if path.startswith("~/") else address

    def _placed(self, key: str, text: str) -> str:
        """`text` behind the file and, if only one line can be meant, the number of the key's line."""
        bare = re.escape(key)
        pattern = re.compile(rf"""[ \t]*(?:\[[ \t]*)?(["']?){bare}\1[ \t]*[.=\]]""")
        lines = self._text.split("\n")
        places = [number for number, line in enumerate(lines, 1) if pattern.match(line)]
        place = f"{self._path}:{places[0]}" if len(places) == 1 else self._path
        return f"{place}: {text}"
