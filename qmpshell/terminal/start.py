"""A shell from the settings and an address.

Owns: putting the terminal's parts together. Must not know: how options are spelled.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from prompt_toolkit.input import create_input
from prompt_toolkit.output import create_output

from ..raw import RawSession
from ..session import Session
from ..settings import Settings
from ..transport.stream import Stream
from .companion import Companion
from .hang_up import is_hang_up
from .history import open_history
from .look import Look
from .shell import Shell
from .view import TerminalView


def run_terminal(
    settings: Settings,
    session: Session | RawSession,
    stream: Stream,
    *,
    address: str,
    connect: Callable[[str | None], tuple[Stream, str]],
    environment: Mapping[str, str],
    companion: Companion | None = None,
) -> int:
    """Run the shell on a stream that is open, at the process's own terminal; the exit status.

    `connect` opens a stream to another address, `companion` is a server that was started with the
    shell (`Shell`)."""
    try:
        return asyncio.run(
            _run(settings, session, stream, address, connect, environment, companion)
        )
    except (OSError, termios.error) as error:
        if is_hang_up(error):
            return 128 + signal.SIGHUP
        raise


async def _run(
    settings: Settings,
    session: Session | RawSession,
    stream: Stream,
    address: str,
    connect: Callable[[str | None], tuple[Stream, str]],
    environment: Mapping[str, str],
    companion: Companion | None,
) -> int:
    output = create_output(stdout=sys.stdout)
    view = TerminalView(
        settings,
        address=address,
        width=lambda: output.get_size().columns,
        unicode=(output.encoding() or "").lower().replace("-", "") == "utf8",
        now=datetime.now,
    )
    shell = Shell(
        settings,
        session,
        view=view,
        look=Look(settings, environment),
        input=create_input(),
        output=output,
        history=open_history(environment, human=settings.hmp, raw=settings.raw, clock=time.time),
        connect=connect,
        environment=environment,
        companion=companion,
    )
    return await shell.run(stream)
