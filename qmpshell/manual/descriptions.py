"""One-line descriptions of commands and enum values, for the completion menu."""

from __future__ import annotations

from .entries import COMMAND, ENUM, EVENT, first_sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .reference import Reference


class Descriptions:
    """The first sentences of a manual's commands, events and enum values.

    All are read at once, which takes about 0.2 s; `reference` is None without a manual.
    """

    def __init__(self, reference: Reference | None) -> None:
        self._names: dict[str, str] = {}
        self._enums: list[dict[str, str]] = []
        for place in reference.places if reference is not None else ():
            assert reference is not None
            if place.kind in (COMMAND, EVENT):
                self._names.setdefault(place.name, reference.sentence(place))
            elif place.kind == ENUM:
                members = reference.at(place).members
                self._enums.append({item.name: first_sentence(item.blocks) for item in members})

    def of_name(self, name: str) -> str:
        """Return the description of a command or event, or ""."""
        return self._names.get(name, "")

    def of_values(self, values: Iterable[str]) -> Mapping[str, str]:
        """Return the descriptions of an enum's values, by its values: a schema hides its name.

        A server may lack values that the manual has. If several enums fit equally, there are none.
        """
        wanted = set(values)
        fitting = [enum for enum in self._enums if wanted <= enum.keys()]
        least = min(map(len, fitting), default=0)
        best = [enum for enum in fitting if len(enum) == least]
        return best[0] if wanted and best and all(enum == best[0] for enum in best) else {}
