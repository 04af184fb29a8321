"""Which passages one search is about: those that this reader may see, in the language demanded if one is."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from knowledge.embedding import Recipe, cut_of, default_recipe
from knowledge.models import LANGUAGES, Audience, EmbeddingSpace

KNOWN_LANGUAGES = {code for code, _ in LANGUAGES}
CUT = re.compile(r"\d+/\d+")


@dataclass(frozen=True, slots=True)
class Scope:
    """Audiences by name, sorted; the language that passages must be in ("" for any); the cut that is searched."""

    audiences: tuple[str, ...]
    language: str
    cut: str

    @classmethod
    def of(
        cls, audiences: Collection[str], space: EmbeddingSpace | None, *, language: str | None = None
    ) -> Self | None:
        """None if no passage can be meant: nobody's audience, or a language that no article has.

        Without a space the cut is that of the settings. ValueError for an unknown audience.
        """
        readers = tuple(sorted({Audience(audience).value for audience in audiences}))
        if not readers or (language and language not in KNOWN_LANGUAGES):
            return None
        cut = cut_of(Recipe(**space.recipe) if space else default_recipe())
        if not CUT.fullmatch(cut):
            raise ValueError(f"A cut is named by two numbers, such as 1/200, and not {cut!r}.")
        return cls(readers, language or "", cut)

    def faces(self, table: str) -> str:
        """The condition on a row's audience and language, in SQL. Only known names are ever written into it."""
        named = ", ".join(f"'{Audience(audience).value}'" for audience in self.audiences)
        spoken = f" AND {table}.language = '{self.language}'" if self.language else ""
        return f"{table}.audience IN ({named}){spoken}"

    def passages(self, table: str) -> str:
        """The condition on passages."""
        return f"{table}.live AND {table}.cut = '{self.cut}' AND {self.faces(table)}"
