"""Which passages one search is about: those that this reader may see, in the language demanded if one is.

How many these are decides how they are searched. It is counted anew for each question: from an index alone, and only
up to a bound, so that it costs a millisecond however many there are.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from django.db import connection

from knowledge.embedding import Recipe, cut_of, default_recipe
from knowledge.models import LANGUAGES, Audience, EmbeddingSpace

COUNTED_PASSAGES = 12_000  # beyond it the planner's estimate of all live passages is taken
# Readers' subjects differ: past a wall between them a walk meets mostly others (a third of 100,000: recall 0.92, 80 ms
# of a core). Reading so many costs 27 ms and misses nothing.
WALLED_PASSAGES, WALLED_SHARE = 40_000, 0.5
MEASURED_DIMENSIONS = 384  # of the vectors that these bounds were measured with; a longer one takes longer to read
SURVEY = """
WITH counted AS (
    SELECT count(*) AS passages FROM (
        SELECT FROM knowledge_chunk AS chunk WHERE {passages} LIMIT {bound}
    ) AS seen
), estimated AS (
    SELECT reltuples::bigint AS live FROM pg_class WHERE oid = to_regclass('chunk_search_live')
)
SELECT
    CASE WHEN passages < {bound} THEN passages ELSE greatest(passages, live) END,
    greatest(passages, live),
    array(
        SELECT code FROM unnest(%(languages)s::text[]) AS code
        WHERE EXISTS (SELECT FROM knowledge_chunk AS chunk WHERE {passages} AND chunk.language = code)
    )
FROM counted CROSS JOIN estimated
"""
KNOWN_LANGUAGES = {code for code, _ in LANGUAGES}
CUT = re.compile(r"\d+/\d+")


@dataclass(frozen=True, slots=True)
class Scope:
    """Audiences by name, sorted; the language that passages must be in ("" for any); the cut that is searched.

    `dimensions` are those of the vectors that are searched.
    """

    audiences: tuple[str, ...]
    language: str
    cut: str
    dimensions: int

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
        recipe = Recipe(**space.recipe) if space else default_recipe()
        cut = cut_of(recipe)
        if not CUT.fullmatch(cut):
            raise ValueError(f"A cut is named by two numbers, such as 1/200, and not {cut!r}.")
        return cls(readers, language or "", cut, recipe.dimensions)

    @property
    def walled(self) -> bool:
        """Some readers' passages and not the others', without a graph of their own as the public ones have."""
        return self.audiences != (str(Audience.PUBLIC),) and len(self.audiences) < len(Audience)

    def faces(self, table: str) -> str:
        """The condition on a row's audience and language, in SQL. Only known names are ever written into it."""
        named = ", ".join(f"'{Audience(audience).value}'" for audience in self.audiences)
        spoken = f" AND {table}.language = '{self.language}'" if self.language else ""
        return f"{table}.audience IN ({named}){spoken}"

    def passages(self, table: str) -> str:
        """The condition on passages."""
        return f"{table}.live AND {table}.cut = '{self.cut}' AND {self.faces(table)}"


@dataclass(frozen=True, slots=True)
class Survey:
    """What a scope holds. `passages` is exact as long as they are few; `live` are all that anybody might see, about."""

    passages: int
    live: int
    languages: frozenset[str]
    walled: bool = False
    dimensions: int = MEASURED_DIMENSIONS

    @property
    def few(self) -> bool:
        """So few that reading them all is better than walking the graph."""
        wall = self.walled and self.share < WALLED_SHARE
        return self.passages < most_read(WALLED_PASSAGES if wall else COUNTED_PASSAGES, self.dimensions)

    @property
    def share(self) -> float:
        """Of all live passages, how many are meant."""
        return self.passages / self.live if self.live else 1.0


def most_read(passages: int, dimensions: int) -> int:
    """How many vectors take as long to read as so many of the measured ones. Of shorter ones no more: each is a row."""
    return passages * MEASURED_DIMENSIONS // max(MEASURED_DIMENSIONS, dimensions)


def survey(scope: Scope) -> Survey:
    bound = WALLED_PASSAGES if scope.walled else COUNTED_PASSAGES
    statement = SURVEY.format(passages=scope.passages("chunk"), bound=bound)
    with connection.cursor() as cursor:
        cursor.execute(statement, {"languages": sorted(KNOWN_LANGUAGES)})
        passages, live, languages = cursor.fetchone()
    return Survey(passages, live, frozenset(languages), scope.walled, scope.dimensions)
