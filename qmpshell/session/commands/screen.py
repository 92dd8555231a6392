"""The shell commands /screen, /type and /key."""

from __future__ import annotations

import re

from ...errors import LineError, QmpShellError
from ...language import Command, Redirect, ShellCommand, suggestion_for, unquote
from ...qmp import key_names, keys_for, keys_for_name, split_combination
from ...render import escape
from ..effects import PNG, PPM, ReadSecret, ShowPicture
from ..steps import Sleep, WaitStopped
from .arguments import SHOW_REQUESTS, command_words, file_name, require_monitor, usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any

    from ..context import CommandContext
    from ..steps import Step, Steps


_ELSEWHERE = (
    "QEMU runs on another machine, in a container or chroot, or as another user;"
    " screendump filename=FILE writes a file there"
)


class _NoPngError(WaitStopped):
    """The server cannot write PNG."""


def run_screen(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/screen [-v] [FILE]`."""
    if call.tokens and call.tokens[0].text == SHOW_REQUESTS:
        context.shows_requests = True
        call = ShellCommand(call.name, call.tokens[1:], line=call.line, start=call.start)
    path, start, _ = file_name(call, "") if call.tokens else ("", 0, 0)
    require_monitor(context, call, "screen")
    is_written = bool(path) or context.task.redirect is not None
    picture_format = PNG if is_written else context.state.ports.picture_format()
    if path.lower().endswith(f".{PPM}"):
        picture_format = PPM
    if context.settings.dry_run:
        path = path or "picture"
        yield from context.runner.run_command(
            context.task, screendump(call, path, picture_format or PNG)
        )
        return
    if path and context.task.redirect is not None:
        raise usage_error(call, "the picture cannot have two destinations", call.tokens[0])
    if not picture_format:
        raise usage_error(call, "pictures are shown only in the full shell; name a FILE")
    try:
        data = yield from read_picture(context, call, picture_format)
    except _NoPngError:
        if is_written:
            raise
        picture_format = PPM
        data = yield from read_picture(context, call, PPM)
    if path:
        # After confirmation if the file exists and a user is present.
        yield from context.runner.open_redirect(context.task, Redirect(">", path, start))
        if context.task.redirect is not None:
            context.state.outbox.emit(ShowPicture(data, "", context.task.redirect))
            yield from context.runner.close_redirect(context.task)
    else:
        redirect = context.task.redirect
        context.state.outbox.emit(ShowPicture(data, picture_format, redirect))


def read_picture(
    context: CommandContext, call: ShellCommand, picture_format: str
) -> Generator[Step, Any, bytes]:
    """Return a picture of the VM's screen. Raises WaitStopped."""
    try:
        directory = context.state.ports.make_directory()
    except QmpShellError as error:
        raise WaitStopped(str(error)) from None
    path = directory.picture
    try:
        try:
            yield from context.query(screendump(call, path, picture_format))
        except WaitStopped as stopped:
            raise _explained(str(stopped), path) from None
        return (yield from context.read_file(path))
    except OSError as error:
        text = f"QEMU has written a picture to {path}, but here it cannot be read"
        raise WaitStopped(f"{text} ({error.strerror}): {_ELSEWHERE}") from None
    finally:
        directory.remove()


def screendump(call: ShellCommand, path: str, picture_format: str) -> Command:
    """Return the command that writes a picture of the VM's screen to a file of the server."""
    # PPM is the default, and the only format before QEMU 7.1.
    chosen = {"format": PNG} if picture_format == PNG else {}
    return Command("screendump", {"filename": path, **chosen}, call.start)


def _explained(problem: str, path: str) -> WaitStopped:
    """Return the problem with its cause, as far as QEMU's message shows it."""
    if path in problem:
        return WaitStopped(f"{problem}; {_ELSEWHERE}")
    # Before QEMU 7.1, and without libpng.
    if "'format'" in problem or "libpng" in problem:
        return _NoPngError(f"{problem}; this QEMU writes only PPM: use a name that ends in .{PPM}")
    return WaitStopped(problem)


# How long each key is pressed, and then released, before the next one. QEMU queues keys, and drops
# those that do not fit into its queue (ui/input.c).
_HOLD_TIME = 20  # milliseconds
_HIDDEN = "@?"
_QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'


def run_type(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/type TEXT`."""
    if not call.tokens:
        raise usage_error(call, "the text is missing")
    token = call.tokens[0]
    text = unquote(token) if re.fullmatch(_QUOTED, token.text) else token.text
    is_secret = text == _HIDDEN
    if is_secret:
        if not context.introspection.can_ask:
            raise token.error("only the interactive shell can ask for a value")
        text = yield ReadSecret("text to type")
        if text is None:
            context.show_message("not sent")
            return
    missing = list(dict.fromkeys(char for char in text if not keys_for(char)))
    if missing:
        shown = ", ".join(char if char.isprintable() else ascii(char) for char in missing)
        if is_secret:
            shown = "one of its characters"
        # The first one, unless the text is quoted or hidden.
        at = token.text.find(missing[0]) if text == token.text else -1
        raise LineError(
            f"a US keyboard has no key for {shown}",
            start=token.start + max(at, 0),
            end=token.start + at + 1 if at >= 0 else token.end,
            hint="/key presses keys by name",
        )
    require_monitor(context, call, "keyboard")
    presses = [keys_for(char) for char in text]
    yield from _press(context, presses, "the end of the text", is_secret=is_secret)


def run_key(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/key KEY[-KEY…]…`."""
    words = command_words(call)
    if not words:
        raise usage_error(call, "the name of a key is missing")
    require_monitor(context, call, "keyboard")
    names = key_names(context.introspection.schema)
    presses: list[tuple[str, ...]] = []
    for word in words:
        parts = split_combination(word.text)
        found = [keys_for_name(part, names, is_alone=len(parts) == 1) for part in parts]
        if not all(found):
            wrong = parts[found.index(())]
            start = word.start + word.text.find(wrong)
            raise LineError(
                f"unknown key {wrong[:40]!r}",
                start=start,
                end=start + len(wrong),
                hint=suggestion_for(wrong.lower(), names)
                or "the names are those of QEMU, such as ret, esc, f1 or kp_0",
            )
        presses.append(tuple(dict.fromkeys(key for keys in found for key in keys)))
    yield from _press(context, presses, "the last key")


def _press(
    context: CommandContext,
    presses: Sequence[tuple[str, ...]],
    what: str,
    *,
    is_secret: bool = False,
) -> Steps:
    """Press and release the keys of each combination together, one combination after the other.

    `what` names the end for the user.
    """
    if context.settings.dry_run:
        for keys in presses:
            yield from context.runner.run_command(context.task, _send_key(keys))
        return
    if context.state.sender.can_query:
        status = yield from context.query(Command("query-status", {}, 0))
        if isinstance(status, dict) and status.get("status") not in ("running", "suspended"):
            state = escape(str(status.get("status")))
            text = f"the VM state is {state}, in which QEMU drops all keys; cont runs the VM"
            raise WaitStopped(text)
    done = 0
    try:
        for keys in presses:
            yield from context.query(_send_key(keys), is_secret=is_secret)
            done += 1
            if done < len(presses):
                assert context.task.wait is not None  # of the query before
                context.task.wait.label = what
                yield Sleep(context.now + 2 * len(keys) * _HOLD_TIME / 1000)
    except WaitStopped as stopped:
        if not done:
            raise
        pressed = f"{done} of {len(presses)} keys were pressed"
        raise WaitStopped(f"{stopped}; {pressed}" if str(stopped) else pressed) from None


def _send_key(keys: Sequence[str]) -> Command:
    codes = [{"type": "qcode", "data": key} for key in keys]
    return Command("send-key", {"keys": codes, "hold-time": _HOLD_TIME}, 0)
