"""Named targets: short names for addresses.

Owns: when a word is the name of a target, and what is said where it is none. Must not know: where the
names come from. The only look at the world is `exists`, which is handed in.
"""

from __future__ import annotations

from ..errors import AddressError
from ..hints import hint_for
from ..render.escape import escape
from .address import is_word, parse_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .address import Address

_MOST_NAMED = 8


def resolve(text: str, targets: Mapping[str, str], *, exists: Callable[[str], bool]) -> Address:
    """The address that `text` is, or that the target of this name has.

    `exists` says of a text whether a file of that name is there: it goes first. Raises AddressError.
    """
    if is_word(text) and text in targets and not exists(text):
        try:
            return parse_address(targets[text], exists=exists)
        except AddressError as error:
            raise AddressError(f"the target {text}: {error}") from error
    return parse_address(text, exists=exists)


def target_hint(text: str, targets: Mapping[str, str]) -> str:
    """What may have been meant by a word for which there is neither a target nor a file; empty where
    there is nothing to say."""
    if not targets or not is_word(text) or text in targets:
        return ""
    near = hint_for(text, list(targets))
    if near:
        return escape(near)
    names = sorted(targets)
    more = ", …" if len(names) > _MOST_NAMED else ""
    return escape(f"the targets of the settings file are {', '.join(names[:_MOST_NAMED])}{more}")
