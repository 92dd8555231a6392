"""The manual of a server, as a session uses it.

Owns: reading each page once, and how its version stands to the server's. Must not know: where pages
are installed.
"""

from __future__ import annotations

from ..page import EMPHASIS, WARNING, Block, Heading
from .reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .pages import Page

# Two versions are alike if so many of their first numbers are: the next only tells of corrections.
_TELLING = 2


class Manual:
    """`reference` is None where the page is not installed; `version` is the server's, if it is known."""

    __slots__ = ("page", "reference", "version")

    def __init__(
        self, page: Page, reference: Reference | None, version: tuple[int, ...] | None
    ) -> None:
        self.page = page
        self.reference = reference
        self.version = version

    @property
    def absence(self) -> str:
        """That it is not installed, and where it is to be had; empty where it is."""
        if self.reference is not None:
            return ""
        page = self.page
        return f"no manual is installed: Debian has {page.name}(7) in {page.package}"

    def about(self, page: list[Block]) -> list[Block]:
        """A page with a line that says where its words are from: first, if that is another version than
        the server's."""
        title = f"{self.page.name}(7)"
        if self.reference is None:
            text = self.absence[:1].upper() + self.absence[1:]
            return [*page, Heading([(WARNING, f"{text}.")])]
        theirs = self.reference.version
        if self.version is not None and theirs and not self._is_like(theirs):
            server = ".".join(map(str, self.version))
            text = f"From {title} of QEMU {theirs}, but the server is QEMU {server}."
            return [Heading([(WARNING, text)]), *page]
        of = f" of QEMU {theirs}" if theirs else ""
        return [*page, Heading([(EMPHASIS, f"From {title}{of}.")])]

    def _is_like(self, text: str) -> bool:
        assert self.version is not None
        numbers = tuple(int(part) for part in text.split("."))
        return numbers[:_TELLING] == self.version[:_TELLING]


class Library:
    """`find` gives a page's text (`ports.Ports.find_page`)."""

    def __init__(self, find: Callable[[str, tuple[int, ...] | None], str | None]) -> None:
        self._find = find
        self._read: dict[tuple[str, tuple[int, ...] | None], Reference] = {}

    def manual(self, page: Page, version: tuple[int, ...] | None) -> Manual:
        """The page for a server of this version. One that is missing is looked for each time."""
        key = (page.name, version)
        reference = self._read.get(key)
        if reference is None:
            text = self._find(*key)
            if text is not None:
                reference = self._read[key] = Reference(text)
        return Manual(page, reference, version)
