"""The passages of a draft, scored as they would be if they were published now. Nothing is written."""

import math
from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

from django.db import connection

from knowledge.candidates import Candidate, stem_values, words_rank
from knowledge.embedding import Recipe, embed_passages, passage_text, text_hash
from knowledge.lexemes import Term
from knowledge.models import Audience, Embedding, EmbeddingSpace
from knowledge.passages import search_config
from knowledge.scope import Scope

EMBEDDED = 40  # passages of one draft: about two seconds of two cores. Of a longer one those that hold most words
REMEMBERED = 800  # vectors of drafts in this process: whoever writes asks several questions of nearly the same text
NOBODY = UUID(int=0)  # stands for the article and the revision that are not there yet

WORDS = """
SELECT chunk.number, {rank} AS rank FROM (
    SELECT given.number, setweight(to_tsvector(given.config::regconfig, given.title), 'A')
        || setweight(to_tsvector(given.config::regconfig, given.heading), 'B')
        || setweight(to_tsvector(given.config::regconfig, given.text), 'C') AS search
    FROM unnest(%(configs)s::text[], %(titles)s::text[], %(headings)s::text[], %(texts)s::text[])
        WITH ORDINALITY AS given (config, title, heading, text, number)
) AS chunk
"""


@dataclass(frozen=True, slots=True)
class DraftPassage:
    """A passage that is not published. `heading` is the path of headings, joined by " > "."""

    text: str
    title: str
    heading: str = ""
    anchor: str = ""
    language: str = "en"
    audience: str = str(Audience.PUBLIC)

    @property
    def hash(self) -> str:
        return text_hash(self.title, self.heading, self.text)


class Remembered:
    """Vectors that were made for drafts, by recipe and text; the ones used last are kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._vectors: OrderedDict[tuple[str, str], array[float]] = OrderedDict()
        self._lock = Lock()

    def get(self, recipe: str, hashes: Sequence[str]) -> dict[str, list[float]]:
        with self._lock:
            there = [key for key in hashes if (recipe, key) in self._vectors]
            for key in there:
                self._vectors.move_to_end((recipe, key))
            return {key: self._vectors[recipe, key].tolist() for key in there}

    def put(self, recipe: str, vectors: Mapping[str, Sequence[float]]) -> None:
        with self._lock:
            self._vectors.update({(recipe, key): array("f", vector) for key, vector in vectors.items()})
            while len(self._vectors) > self._most:
                self._vectors.popitem(last=False)


remembered = Remembered(REMEMBERED)


def draft_candidates(
    draft: Sequence[DraftPassage],
    *,
    replacing: UUID | None,
    terms: Sequence[Term],
    scope: Scope,
    space: EmbeddingSpace | None,
    vector: Sequence[float] | None,
) -> list[Candidate]:
    """What of the draft this reader might see, with ids below zero: -1 is the draft's first passage.

    Raises EmbeddingFailed, if there is a vector of the question to compare with.
    """
    numbered = [(number, one) for number, one in enumerate(draft, 1) if _is_in(scope, one)]
    words = _words([one for _, one in numbered], terms)
    best = sorted(zip(numbered, words, strict=True), key=lambda row: (-row[1], row[0][0]))
    vectors: dict[str, list[float]] = {}
    if space is not None and vector is not None:
        vectors = _vectors(space, [one for (_, one), _ in best])
        best = [row for row in best if row[0][1].hash in vectors]
    return [
        Candidate(
            chunk_id=-number,
            revision_id=NOBODY,
            article_id=replacing or NOBODY,
            slug="",
            title=one.title,
            heading=one.heading,
            anchor=one.anchor,
            text=one.text,
            language=one.language,
            audience=one.audience,
            similarity=_similarity(vector, vectors[one.hash]) if vector is not None and vectors else None,
            lexical=share,
        )
        for (number, one), share in best
    ]


def _is_in(scope: Scope, one: DraftPassage) -> bool:
    return one.audience in scope.audiences and (not scope.language or one.language == scope.language)


def _words(draft: Sequence[DraftPassage], terms: Sequence[Term]) -> list[float]:
    """The share of the question's telling words in each passage."""
    values = stem_values(terms) | {
        "configs": [search_config(one.language) for one in draft],
        "titles": [one.title for one in draft],
        "headings": [one.heading for one in draft],
        "texts": [one.text for one in draft],
    }
    with connection.cursor() as cursor:
        cursor.execute(WORDS.format(rank=words_rank(terms)), values)
        return [rank for _, rank in sorted(cursor.fetchall())]


def _vectors(space: EmbeddingSpace, draft: Sequence[DraftPassage]) -> dict[str, list[float]]:
    """By text hash: those that a live passage of the same words has or an earlier question has made, and new ones of
    at most EMBEDDED others."""
    made = Embedding.objects.filter(space=space, chunk__text_hash__in=[one.hash for one in draft])
    vectors = {key: list(vector) for key, vector in made.values_list("chunk__text_hash", "vector")}
    vectors |= remembered.get(space.fingerprint, [one.hash for one in draft if one.hash not in vectors])
    new = {one.hash: passage_text(one.title, one.heading, one.text) for one in draft if one.hash not in vectors}
    chosen = list(new)[:EMBEDDED]
    if chosen:
        recipe = Recipe(**space.recipe)
        made_now = dict(zip(chosen, embed_passages(recipe, [new[key] for key in chosen]), strict=True))
        remembered.put(space.fingerprint, made_now)
        vectors |= made_now
    return vectors


def _similarity(vector: Sequence[float], passage: Sequence[float]) -> float:
    """The cosine times the length of the question's vector, as the search has it."""
    return sum(map(float.__mul__, vector, passage)) / math.hypot(*passage)
