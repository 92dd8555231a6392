"""Settings that users change by name: the settings file, and `/set`."""

from __future__ import annotations

import os
import re
import stat

from ..errors import QmpShellError
from ..language import suggestion_for
from ..record import Record
from ..render import escape
from ..transport import is_word
from .files import NON_BLOCKING, config_path, refusal_of_mode
from .settings import (
    BLOCKS,
    COMPACT,
    EMACS,
    KITTY,
    PRETTY,
    SIXEL,
    VI,
    VIEW_JSON,
    VIEW_TABLE,
    parse_events,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from .settings import Settings


_TARGETS = "targets"
_EXAMPLE = 'lab = "/run/lab.sock"'
_NOT_READ = "the file is ignored"
_MAX_SHOWN = 40
_MAX_FILE_SIZE = 1 << 20

_MAX_LINES = 1_000_000_000
_MAX_SECONDS = 1e9
# The styles that do not need Pygments.
OWN_STYLES = ("auto", "dark", "light")
_SOME_STYLES = ("monokai", "gruvbox-dark", "one-dark", "default", "friendly", "xcode")


class SettingError(QmpShellError):
    """An invalid value. The text names the setting, the value and the allowed values."""


class Setting(Record):
    """A setting that users can change by name.

    `help` describes it in a few words. `possible` lists the values as text, `possible_toml` those in
    the settings file if they differ; `choices` are the values if there are few. A `file_only` setting
    cannot change during a session. `renamed` is its name in Settings if that differs.
    """

    name: str
    help: str
    possible: str = ""
    possible_toml: str = ""
    choices: tuple[str, ...] = ()
    file_only: bool = False
    renamed: str = ""

    @property
    def attribute(self) -> str:
        """Its name in Settings."""
        return self.renamed or self.name

    def read(self, text: str) -> object:
        """Return the value for a text. Raises SettingError."""
        try:
            return self._read(text)
        except ValueError as error:
            raise self._error(repr(text[:_MAX_SHOWN]), self.possible, error) from None

    def from_toml(self, value: object) -> object:
        """Return the value for a TOML value. Raises SettingError."""
        try:
            return self._from_toml(value)
        except ValueError as error:
            raise self._error(_shown(value), self.possible_toml or self.possible, error) from None

    def write(self, settings: Settings) -> str:
        """Return the current value as text that `read` accepts."""
        return self._write(getattr(settings, self.attribute))

    # The methods of the subclasses. They raise ValueError with a reason for an invalid value.

    def _read(self, text: str) -> object:
        raise NotImplementedError

    def _from_toml(self, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError
        return self._read(value)

    def _write(self, value: Any) -> str:
        return str(value)

    def _error(self, shown: str, possible: str, error: ValueError) -> SettingError:
        return SettingError(f"{self.name} cannot be {shown}: {str(error) or possible}")


def _shown(value: object) -> str:
    """Return a TOML value in TOML's syntax if it is short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return repr(value[:_MAX_SHOWN] if isinstance(value, str) else value)[: _MAX_SHOWN + 2]
    except ValueError:  # a number of thousands of digits
        return "a very long number"


class _Choice(Setting):
    """A setting with a few possible words, and the value that each has in Settings."""

    def __init__(
        self, name: str, help_text: str, *words: str, values: tuple[object, ...] = (), **others: Any
    ) -> None:
        possible = f"it must be {', '.join(words[:-1])} or {words[-1]}"
        super().__init__(name, help_text, possible=possible, choices=words, **others)
        self._values = dict(zip(words, values or words, strict=True))

    def _read(self, text: str) -> object:
        if text not in self._values:
            raise ValueError
        return self._values[text]

    def _write(self, value: Any) -> str:
        return next(word for word, meant in self._values.items() if meant == value)


class _Switch(_Choice):
    def __init__(self, name: str, help_text: str, **others: Any) -> None:
        possible = "it must be true or false"
        super().__init__(
            name, help_text, "on", "off", values=(True, False), possible_toml=possible, **others
        )

    def _from_toml(self, value: object) -> object:
        if not isinstance(value, bool):
            raise ValueError
        return value


class _Lines(Setting):
    def _read(self, text: str) -> object:
        if not (text.isascii() and text.isdecimal()):
            raise ValueError
        return self._from_toml(int(text[:_MAX_SHOWN]))

    def _from_toml(self, value: object) -> object:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_LINES:
            raise ValueError
        return value


class _Seconds(Setting):
    def _read(self, text: str) -> object:
        try:
            return None if text == "none" else self._from_toml(float(text))
        except ValueError:
            raise ValueError from None  # the text of float's own exception is not for users

    def _from_toml(self, value: object) -> object:
        if value == "none":
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise ValueError
        if not 0 <= value <= _MAX_SECONDS:
            raise ValueError
        return float(value)

    def _write(self, value: Any) -> str:
        return "none" if value is None else str(value).removesuffix(".0")


class _Names(Setting):
    def _read(self, text: str) -> object:
        return self._from_toml([name.strip() for name in text.split(",")] if text.strip() else [])

    def _from_toml(self, value: object) -> object:
        if not isinstance(value, list) or not all(map(_is_name, value)):
            raise ValueError
        return tuple(value)

    def _write(self, value: Any) -> str:
        return ",".join(value)


def _is_name(value: object) -> bool:
    """Return True if the value may be the name of a command, or a glob."""
    if not isinstance(value, str) or not value.isprintable():
        return False
    return bool(value) and " " not in value and "," not in value


class _Events(Setting):
    def _read(self, text: str) -> object:
        mode = parse_events(text)
        if not text.isprintable():
            raise ValueError
        return mode

    def _from_toml(self, value: object) -> object:
        if isinstance(value, list) and all(map(_is_name, value)):
            value = ",".join(value) or "none"
        return super()._from_toml(value)

    def _write(self, value: Any) -> str:
        return value if isinstance(value, str) else ",".join(value)


class _Command(Setting):
    def _read(self, text: str) -> object:
        if not text.isprintable():
            raise ValueError
        return text.strip()


class _Style(Setting):
    def _read(self, text: str) -> object:
        if text not in OWN_STYLES:
            check_style(text)
        return text


def check_style(name: str) -> None:
    """Check that Pygments has a style of this name. Raises ValueError with some that it has."""
    from pygments.styles import get_style_by_name  # imported only for such a style
    from pygments.util import ClassNotFound

    try:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise ClassNotFound
        get_style_by_name(name)
    except ClassNotFound:
        possible = ", ".join((*OWN_STYLES, *_SOME_STYLES))
        raise ValueError(f"it must be {possible} or another Pygments style") from None


# The settings by name.
SETTINGS: Mapping[str, Setting] = {
    setting.name: setting
    for setting in (
        _Choice("color", "use colours", "auto", "always", "never"),
        _Switch(
            "complete-while-typing",
            "open the completion menu without Tab",
            renamed="complete_while_typing",
        ),
        _Names(
            "confirm",
            "commands that need confirmation at a terminal",
            possible="it must be names separated by commas, as in quit,blockdev-*",
            possible_toml='it must be a list of names, as in ["quit", "blockdev-*"]',
        ),
        _Choice("editing", "key bindings: emacs or vi", EMACS, VI),
        _Events(
            "events",
            "events to show",
            possible="it must be inline, stderr, none, or names with wildcards, as in JOB_*,STOP or -RTC_*",
            possible_toml='it must be "inline", "stderr", "none", or a list of names, as in ["JOB_*", "STOP"]',
            choices=("inline", "stderr", "none"),
        ),
        _Lines(
            "fold",
            "maximum lines of a reply at a terminal",
            possible="it must be a number of lines, 0 for all",
        ),
        _Choice(
            "layout", "layout of JSON", PRETTY, COMPACT, "auto", values=(PRETTY, COMPACT, None)
        ),
        _Command(
            "pager",
            "pager for long replies; if empty, $PAGER or less",
            possible="it must be a command on one line",
        ),
        _Choice("pictures", "how /screen draws at a terminal", "auto", KITTY, SIXEL, BLOCKS),
        _Switch("quiet", "show no banner", file_only=True),
        _Switch("result", "print only results", renamed="result_only"),
        _Style(
            "style",
            "colour style; auto uses the terminal's palette",
            possible=f"it must be {', '.join(OWN_STYLES)} or a Pygments style, such as monokai",
            choices=OWN_STYLES,
        ),
        _Seconds(
            "timeout",
            "reply timeout",
            possible="it must be a number of seconds, or none",
            possible_toml='it must be a number of seconds, or "none"',
            choices=("none",),
        ),
        _Switch("toolbar", "show the toolbar"),
        _Switch("units", "show numbers in JSON as sizes, times or addresses too"),
        _Switch("verbose", "show each command as it is sent"),
        _Choice("view", "show lists of objects as json or table", VIEW_JSON, VIEW_TABLE),
    )
}


def apply_settings(
    values: Mapping[str, object], settings: Settings, *, explicit: Collection[str] = ()
) -> None:
    """Apply values by setting name. Settings whose attribute is in `explicit` keep their value.

    `explicit` are those from the command line, which has precedence over the settings file.
    """
    for name, value in values.items():
        setting = SETTINGS[name]
        if setting.attribute not in explicit:
            setattr(settings, setting.attribute, value)


class Configuration(Record):
    """The usable contents of the file.

    `values` are the values of settings by name (see `apply_settings`); `targets` are the addresses
    of named targets. Each item of `problems` (about the file or its targets) and of
    `setting_problems` is a sentence with the file, the line if it is known, and what is allowed.
    """

    values: dict[str, object] = {}
    targets: dict[str, str] = {}
    problems: list[str] = []
    setting_problems: list[str] = []


def read_config(environment: Mapping[str, str]) -> Configuration:
    """Read the settings file. Never raises: invalid parts are ignored and reported in `problems`."""
    found = Configuration()
    path = config_path(environment)
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
    _Reader(path, found, home=environment.get("HOME", "")).read(data)
    return found


def _read(path: str) -> bytes:
    """Read the file. Raises OSError, or ValueError with a reason if the file is not trusted."""
    descriptor = os.open(path, os.O_RDONLY | NON_BLOCKING)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_uid not in (0, os.geteuid()):
            raise ValueError("it belongs to another user")
        refusal = refusal_of_mode(status.st_mode)
        if refusal:
            raise ValueError(refusal)
        if status.st_size > _MAX_FILE_SIZE:
            raise ValueError("it is too large for a settings file")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(_MAX_FILE_SIZE)
    finally:
        os.close(descriptor)


class _Reader:
    """Parses the text of the file at `path` into `found`. `home` replaces ~."""

    def __init__(self, path: str, found: Configuration, *, home: str) -> None:
        self._path = escape(path)
        self._found = found
        self._home = home
        self._text = ""

    def read(self, data: bytes) -> None:
        import tomllib  # slow to import, and most users have no such file

        try:
            self._text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._found.problems.append(f"{self._path}:{line}: this is not UTF-8; {_NOT_READ}")
            return
        try:
            values = tomllib.loads(self._text)
        except RecursionError:
            self._found.problems.append(f"{self._path}: this is nested too deeply; {_NOT_READ}")
            return
        except ValueError as error:
            self._found.problems.append(self._mistake(str(error)))
            return
        targets = values.pop(_TARGETS, {})
        for name, value in values.items():
            self._set_setting(name, value)
        if isinstance(targets, dict):
            for name, value in targets.items():
                self._set_target(name, value)
        else:
            text = f"{_TARGETS} must be a table: a line [{_TARGETS}], then lines such as {_EXAMPLE}"
            self._found.problems.append(self._placed(_TARGETS, text))

    def _mistake(self, reason: str) -> str:
        """Return tomllib's error message with a position in the form of other messages."""
        match = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", reason, re.DOTALL)
        if match is None:
            return f"{self._path}: {escape(reason)}; {_NOT_READ}"
        text = escape(match[1])
        return f"{self._path}:{match[2]}:{match[3]}: {text[:1].lower()}{text[1:]}; {_NOT_READ}"

    def _set_setting(self, name: str, value: object) -> None:
        setting = SETTINGS.get(name)
        if setting is None:
            hint = suggestion_for(name, [*SETTINGS, _TARGETS])
            hint = hint or f"there are {', '.join(SETTINGS)}"
            text = f"unknown setting {escape(name[:_MAX_SHOWN])}; {hint}"
            self._found.setting_problems.append(self._placed(name, text))
            return
        try:
            self._found.values[name] = setting.from_toml(value)
        except QmpShellError as error:
            self._found.setting_problems.append(self._placed(name, str(error)))

    def _set_target(self, name: str, value: object) -> None:
        shown = escape(name[:_MAX_SHOWN])
        if name in SETTINGS:
            text = f"{name} below [{_TARGETS}] would be a target; settings must precede the first table"
        elif not is_word(name) or not name.isprintable() or " " in name or name[0] == "-":
            text = (
                f"{shown!r} cannot be the name of a target, which must not contain blanks, / : or ,"
            )
        elif not isinstance(value, str) or not value:
            text = f"the target {shown} has no address, which must be text, as in {_EXAMPLE}"
        else:
            self._found.targets[name] = self._from_home(value)
            return
        self._found.problems.append(self._placed(name, text))

    def _from_home(self, address: str) -> str:
        """Expand ~/ at the start of an address's path, because no shell has done it."""
        scheme = "unix:" if address.startswith("unix:") else ""
        path = address[len(scheme) :]
        return scheme + self._home + path[1:] if path.startswith("~/") else address

    def _placed(self, key: str, text: str) -> str:
        """Return `text` after the file and, if it is unambiguous, the line number of the key."""
        bare = re.escape(key)
        pattern = re.compile(rf"""[ \t]*(?:\[[ \t]*)?(["']?){bare}\1[ \t]*[.=\]]""")
        lines = self._text.split("\n")
        places = [number for number, line in enumerate(lines, 1) if pattern.match(line)]
        place = f"{self._path}:{places[0]}" if len(places) == 1 else self._path
        return f"{place}: {text}"
