"""From what the user calls a server to a stream.

Owns: which address is meant, targets of the settings file among them, and where `/connect` goes back
to. Must not know: sessions, whether a person or a script waits.
"""

from __future__ import annotations

import os
import time

from ..errors import ConnectError, QmpShellError
from ..files import is_file
from ..render.escape import escape_lines
from ..transport.address import is_word, parse_address
from ..transport.opening import accept_one, open_patiently

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..configuration import Configuration
    from ..settings import Settings
    from ..transport.address import Address
    from ..transport.stream import Stream


class UsageError(QmpShellError):
    """The command line cannot be carried out as it stands."""


def write_error(text: str) -> None:
    """Write text of ours to standard error, whatever becomes of it."""
    data = escape_lines(text).encode("utf-8") + b"\n"
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        pass


class Connector:
    """Opens the streams of one session, the first to what `text` names, or the environment.

    `listen` says that the server is to come to us. `configuration` is the settings file where it has
    been read; otherwise it is read only where an address may be the name of a target.
    Raises UsageError, AddressError.
    """

    def __init__(
        self,
        text: str | None,
        settings: Settings,
        environment: Mapping[str, str],
        *,
        listen: bool = False,
        configuration: Configuration | None = None,
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._listen = listen
        self._configuration = configuration
        variable = "QGA_CLIENT_ADDRESS" if settings.agent else "QMP_SOCKET"
        text = text or environment.get(variable)
        if not text:
            whose = "agent" if settings.agent else "monitor"
            raise UsageError(
                f"no ADDRESS: name the {whose}'s socket, or set {variable} (see qmpshell --help)"
            )
        self._address, self._hint = self._find(text)

    @property
    def name(self) -> str:
        """How the server is called in messages."""
        return str(self._address)

    def open(self) -> Stream:
        """The first stream. Raises ConnectError."""
        return self._open(lambda text: write_error(f"qmpshell: {text}"))

    def again(self, text: str | None) -> tuple[Stream, str]:
        """A stream to what `text` names, or with None to where the last one went, and the name of that.

        Raises AddressError, ConnectError.
        """
        if text is not None:
            self._address, self._hint = self._find(text)
            self._listen = False
        return self._open(lambda text: None), self.name

    def _open(self, notice: Callable[[str], None]) -> Stream:
        wait = self._settings.wait
        try:
            if self._listen:
                return accept_one(self._address, wait=wait)
            return open_patiently(
                self._address, wait=wait, clock=time.monotonic, sleep=time.sleep, notice=notice
            )
        except ConnectError as error:
            if not self._hint:
                raise
            raise ConnectError(f"{error}; {self._hint}") from error

    def _find(self, text: str) -> tuple[Address, str]:
        """The address, and what may have been meant if nothing is there."""
        if not is_word(text) or is_file(text):
            return parse_address(text, exists=is_file), ""
        from ..configuration import read_configuration  # few scripts need it
        from ..transport.targets import resolve, target_hint

        if self._configuration is None:
            self._configuration = read_configuration(self._environment)
            if text not in self._configuration.targets:
                for problem in self._configuration.problems:
                    write_error(f"qmpshell: {problem}")
        targets = self._configuration.targets
        return resolve(text, targets, exists=is_file), target_hint(text, targets)
