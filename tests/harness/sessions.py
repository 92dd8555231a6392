"""A driver for sessions without I/O: it feeds input and returns effects as tuples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from qmpshell.errors import QmpShellError
from qmpshell.language import LogicalLine, SourceLine
from qmpshell.render import text_of
from qmpshell.session import (
    CloseRedirect,
    Confirm,
    Connect,
    Effect,
    Exit,
    OpenFile,
    OpenRedirect,
    Ports,
    PreparedLine,
    QueryResult,
    ReadFile,
    ReadSecret,
    Ready,
    Send,
    Session,
    ShowAnswer,
    ShowCommand,
    ShowDocument,
    ShowEvent,
    ShowMessage,
    ShowPicture,
    ShowReply,
    ShowResult,
    ShowUnexpected,
    Step,
    StopFile,
    TryConnect,
)
from qmpshell.storage import Settings
from qmpshell.transport import Peer

GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""},'
    b' "capabilities": ["oob"]}}\r\n'
)
NEGOTIATED = b'{"return": {}, "id": "qmpshell-negotiation-1"}\r\n'
DONE = b'{"return": {}}\r\n'
REFUSAL = b'{"error": {"class": "GenericError", "desc": "no"}}\r\n'
NOT_FOUND = "No such file or directory"

Shown = tuple[Any, ...]
# The effects that the driver answers.
STEPS = (
    Confirm,
    ReadSecret,
    ReadFile,
    OpenFile,
    OpenRedirect,
    CloseRedirect,
    Connect,
    TryConnect,
)


def shown(effects: Iterable[Effect]) -> list[Shown]:
    """Return effects, except results of shell commands, as tuples that can be compared."""
    return [_shown(effect) for effect in effects if not isinstance(effect, ShowResult)]


def _shown(effect: Effect) -> Shown:  # noqa: C901 - a dispatch on effects
    match effect:
        case Send():
            return ("send", effect.data)
        case ShowReply():
            return ("late" if effect.late else "reply", effect.reply.value)
        case ShowAnswer():
            return ("answer", effect.value)
        case ShowEvent():
            return ("event", effect.event.name)
        case ShowUnexpected():
            return ("unexpected", effect.item.raw, effect.reason)
        case ShowCommand():
            return ("show", effect.data)
        case ShowMessage():
            return ("error" if effect.is_error else "tell", effect.text)
        case ShowDocument():
            return ("page", text_of(effect.blocks, width=80))
        case ShowPicture():
            return ("picture", effect.format, effect.data)
        case Confirm():
            return ("ask", effect.question)
        case ReadSecret():
            return ("ask secret", effect.key)
        case Ready():
            return ("ready",)
        case QueryResult():
            return ("learned", effect.name)
        case ReadFile():
            return ("read", effect.path)
        case OpenFile():
            return ("open", effect.path)
        case StopFile():
            return ("stop", *_shown(effect.step))
        case OpenRedirect():
            return ("divert", effect.redirect.operator, effect.redirect.text)
        case CloseRedirect():
            return ("finish", effect.redirect.operator, effect.redirect.text)
        case Connect():
            return ("connect", effect.text)
        case TryConnect():
            return ("try", effect.text)
        case Exit():
            return ("leave", effect.status)
    raise AssertionError(effect)


class MemoryDirectory:
    """A directory that is in `existing` until it is removed."""

    picture = "/private/picture"

    def __init__(self, existing: list[MemoryDirectory]) -> None:
        self._existing = existing
        existing.append(self)

    def remove(self) -> None:
        self._existing.remove(self)


def _opened(step: OpenFile) -> object:
    try:
        return step.call()
    except (OSError, QmpShellError) as error:
        return error


class MemoryLog:
    """A log that keeps its messages in memory.

    It accepts none if `full` is set. `pending` bytes are not written while it `hangs`.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.closed = False
        self.full = False
        self.hangs = False
        self.pending = 0

    @property
    def waits_for(self) -> dict[int, bool]:
        return {99: True}

    def flush(self, *, is_last: bool = False) -> None:  # noqa: ARG002
        if not self.hangs:
            self.pending = 0

    def add(self, direction: str, message: str) -> None:
        if self.full:
            raise QmpShellError("cannot write to the log: No space left on device")
        self.messages.append((direction, json.loads(message)))

    def close(self) -> None:
        self.closed = True


class Driver:
    """A driver for a session, with a manual clock `now`.

    `files` are the readable files, which are read at once unless `reads_files` is false; those of `<`
    and logs are opened at once unless `opens_files` is false; `pages` are the
    installed manual pages, `logs` the opened logs; a log named `forbidden` cannot be opened. `peer`
    returns what the system shows about a server. With `offline` there is no server. Tests open and close
    redirects themselves.
    """

    def __init__(
        self,
        *,
        interactive: bool = False,
        greeted: bool = True,
        offline: bool = False,
        files: dict[str, str] | None = None,
        reads_files: bool = True,
        opens_files: bool = True,
        pages: dict[str, str] | None = None,
        peer: Callable[[str], Peer | None] | None = None,
        picture_format: str = "",
        **options: Any,
    ) -> None:
        self.files = files or {}
        self._reads_files = reads_files
        self._opens_files = opens_files
        self.pages = pages or {}
        self.logs: dict[str, MemoryLog] = {}
        # The addresses to which a further connection was made.
        self.woken: list[str] = []
        # The directories for files of the server that were not removed.
        self.directories: list[MemoryDirectory] = []
        self.session = Session(
            Settings(**options),
            address="vm.sock",
            interactive=interactive,
            ports=Ports(
                read_variable=lambda _name: None,
                open_file=lambda _path, _operator: 0,
                close_file=lambda _descriptor: None,
                open_log=self._open_log,
                find_page=lambda name, _version: self.pages.get(name),
                find_peer=peer,
                wake_server=self.woken.append,
                make_directory=lambda: MemoryDirectory(self.directories),
                picture_format=lambda: picture_format,
            ),
        )
        self.now = 100.0
        self.number = 0
        # The steps that the session asked the driver to perform, newest last.
        self.steps: list[Step] = []
        # The results of shell commands.
        self.results: list[object] = []
        if offline:
            assert shown(self.session.offline()) == []
            return
        self.connect_effects = shown(self.session.connected(self.now))
        if not self.session.settings.negotiate:
            assert self.connect_effects == [("ready",)]
        elif greeted:
            self.greet()

    def connected(self, address: str | None = None) -> list[Shown]:
        """Report that the requested stream is open."""
        return self._done(self.session.connected(self.now, address=address))

    def connect_failed(self, text: str) -> list[Shown]:
        return self._answer(Connect, text)

    def tried(self, problem: str = "") -> list[Shown]:
        """Report that the server of a TryConnect has sent its greeting, or the problem."""
        return self._answer(TryConnect, problem)

    def greet(self) -> None:
        assert [item[0] for item in self.bytes(GREETING)] == ["send"]
        assert self.bytes(NEGOTIATED)[0] == ("ready",)

    def file_read(self, answer: bytes | OSError) -> list[Shown]:
        return self._answer(ReadFile, answer)

    def _open_log(self, path: str, _timeout: float | None) -> MemoryLog:
        if path == "forbidden":
            raise QmpShellError("cannot open the log forbidden: Permission denied")
        self.logs[path] = MemoryLog()
        return self.logs[path]

    def _done(self, effects: list[Effect]) -> list[Shown]:
        self.results += [item.value for item in effects if isinstance(item, ShowResult)]
        found: list[Shown] = []
        for effect in effects:
            if isinstance(effect, ReadFile) and self._reads_files:
                found += self._done(self.session.answer(effect, self._read(effect.path), self.now))
            elif isinstance(effect, OpenFile) and self._opens_files:
                found += self._done(self.session.answer(effect, _opened(effect), self.now))
            else:
                found += shown([effect])
                self.steps += [effect] if isinstance(effect, STEPS) else []
        return found

    def _read(self, path: str) -> bytes | OSError:
        text = self.files.get(path)
        return FileNotFoundError(2, NOT_FOUND, path) if text is None else text.encode()

    def _answer(self, kind: type[Step], answer: object) -> list[Shown]:
        """Answer the newest step of a kind."""
        step = next((item for item in reversed(self.steps) if isinstance(item, kind)), None)
        if step is None:
            return []
        return self._done(self.session.answer(step, answer, self.now))

    def prepare(self, text: str) -> PreparedLine:
        """Prepare a line, as drivers may do while an earlier line runs."""
        self.number += 1
        line = LogicalLine()
        line.add(text, number=self.number, line=text, dropped=0)
        return self.session.prepare(SourceLine("stdin", line))

    def submit(self, prepared: PreparedLine) -> list[Shown]:
        return self._done(self.session.submit(prepared, self.now))

    def line(self, text: str) -> list[Shown]:
        return self.submit(self.prepare(text))

    def bytes(self, data: bytes) -> list[Shown]:
        return self._done(self.session.receive(data, self.now))

    def gone(self, reason: str = "") -> list[Shown]:
        return self.broken(reason) if reason else self.bytes(b"")

    def broken(self, reason: str) -> list[Shown]:
        return self._done(self.session.connection_lost(reason))

    def after(self, seconds: float) -> list[Shown]:
        self.now += seconds
        return self._done(self.session.tick(self.now))

    def end(self) -> list[Shown]:
        return self._done(self.session.end_of_input(self.now))

    def abandon(self) -> list[Shown]:
        return self._done(self.session.abandon(self.now))

    def secret(self, text: str | None) -> list[Shown]:
        return self._answer(ReadSecret, text)

    def answer(self, *, go_on: bool) -> list[Shown]:
        return self._answer(Confirm, go_on)

    def redirect_opened(self, problem: str = "") -> list[Shown]:
        return self._answer(OpenRedirect, problem)

    def redirect_closed(self, problem: str = "") -> list[Shown]:
        return self._answer(CloseRedirect, problem)

    @property
    def status(self) -> int:
        return self.session.status


def sent(text: str) -> Shown:
    return ("send", text.encode() + b"\n")


def shown_command(text: str) -> Shown:
    """Return the output of a dry run."""
    return ("show", text.encode() + b"\n")


def own_question(number: int, name: str, **arguments: object) -> Shown:
    """Return the effect that sends the session's own query with id number `number`."""
    message: dict[str, object] = {"execute": name}
    if arguments:
        message["arguments"] = arguments
    return sent(json.dumps(message | {"id": f"qmpshell-{number}"}))


def reply(value: object, marker: object = None) -> bytes:
    """Return a reply with the id `qmpshell-MARKER`, or `marker` if it is not a number."""
    message: dict[str, object] = {"return": value}
    if marker is not None:
        message["id"] = f"qmpshell-{marker}" if isinstance(marker, int) else marker
    return json.dumps(message).encode() + b"\r\n"


def error(desc: str, error_class: str = "GenericError", marker: int | None = None) -> bytes:
    message: dict[str, object] = {"error": {"class": error_class, "desc": desc}}
    if marker is not None:
        message["id"] = f"qmpshell-{marker}"
    return json.dumps(message).encode() + b"\r\n"


def event(name: str, **data: object) -> bytes:
    """Return an event; underscores in the names of its data become dashes."""
    message = {
        "timestamp": {"seconds": 1, "microseconds": 2},
        "event": name,
        "data": {key.replace("_", "-"): value for key, value in data.items()},
    }
    return json.dumps(message).encode() + b"\r\n"


def mistake(line: str, carets: str, reason: str, hint: str = "", *, place: str = "") -> Shown:
    """Return the text of an error in a line; `carets` mark the position."""
    text = f"{place}: {reason}" if place else reason
    text = f"{text}\n  {line}\n  {carets}"
    return ("error", f"{text}\n  {hint}" if hint else text)


# A small schema for the tests.
SCHEMA: list[dict[str, Any]] = [
    {"name": "str", "meta-type": "builtin", "json-type": "string"},
    {"name": "int", "meta-type": "builtin", "json-type": "int"},
    {"name": "bool", "meta-type": "builtin", "json-type": "boolean"},
    {"name": "null", "meta-type": "builtin", "json-type": "null"},
    {"name": "0", "meta-type": "object", "members": []},
    {"name": "stop", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
    {"name": "quit", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
    {"name": "resize", "meta-type": "command", "arg-type": "1", "ret-type": "0"},
    {
        "name": "1",
        "meta-type": "object",
        "members": [
            {"name": "id", "type": "str"},
            {"name": "size", "type": "int", "default": None},
            {"name": "force", "type": "bool", "default": None, "features": ["deprecated"]},
            {"name": "how", "type": "2", "default": None},
            {"name": "names", "type": "[str]", "default": None},
            {"name": "base", "type": "3", "default": None},
        ],
    },
    {"name": "2", "meta-type": "enum", "values": ["fast", "slow"]},
    {"name": "[str]", "meta-type": "array", "element-type": "str"},
    {"name": "3", "meta-type": "alternate", "members": [{"type": "str"}, {"type": "null"}]},
    {
        "name": "blockdev-add",
        "meta-type": "command",
        "arg-type": "4",
        "ret-type": "0",
        "features": ["unstable"],
    },
    {
        "name": "4",
        "meta-type": "object",
        "members": [
            {"name": "driver", "type": "5"},
            {"name": "node-name", "type": "str", "default": None},
            {"name": "read-only", "type": "bool", "default": None},
        ],
        "tag": "driver",
        "variants": [{"case": "null-co", "type": "6"}, {"case": "raw", "type": "7"}],
    },
    {"name": "5", "meta-type": "enum", "values": ["null-co", "raw"]},
    {"name": "6", "meta-type": "object", "members": [{"name": "size", "type": "int"}]},
    {"name": "7", "meta-type": "object", "members": [{"name": "file", "type": "4"}]},
    {"name": "RESIZED", "meta-type": "event", "arg-type": "1"},
]
