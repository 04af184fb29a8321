"""Two opinions of one passage, its meaning and its words, made into one order. Pure.

The score is `similarity + 0.6 * lexical`. Both are of known scale: a cosine, and the share of the question's telling
words that the passage holds, so they may be added. Measured on six evaluation sets this beats reciprocal rank fusion
on each (see docs/decisions/retrieval.md): ranks alone forget that the first passage was far ahead of the second.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

LEXICAL_SHARE = 0.6
SECOND_SHARE = 0.1  # of an article's second best passage in the article's score; see docs/experiments.md
LANGUAGE_BONUS = 0.05  # a preference: it decides between near equals, and never hides the only answer
PASSAGES_AN_ARTICLE = 2


class Scored(Protocol):
    """What is fused: `similarity` is None while a passage has no vector."""

    @property
    def chunk_id(self) -> int: ...
    @property
    def article_id(self) -> UUID: ...
    @property
    def language(self) -> str: ...
    @property
    def similarity(self) -> float | None: ...
    @property
    def lexical(self) -> float: ...


S = TypeVar("S", bound=Scored)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages and articles best first, and the score of each."""

    scores: dict[int, float]
    chunk_ids: list[int]
    article_ids: list[UUID]
    article_scores: list[float]


def rank(candidates: Sequence[Scored], language: str | None = None) -> Ranking:
    """An article is as good as its best passage by meaning and its best by words, which need not be the same one.

    A little of it is its second best passage: an article on the matter has more than one sentence on it.
    A passage without a vector (just published, or the encoder is down) is taken to be no nearer than the furthest.
    """
    known = [candidate.similarity for candidate in candidates if candidate.similarity is not None]
    furthest = min(known, default=0.0)

    def meaning(candidate: Scored) -> float:
        near = furthest if candidate.similarity is None else candidate.similarity
        return near + (LANGUAGE_BONUS if language and candidate.language == language else 0.0)

    def words(candidate: Scored) -> float:
        return LEXICAL_SHARE * candidate.lexical

    scores = {candidate.chunk_id: meaning(candidate) + words(candidate) for candidate in candidates}
    nearest = best_of_article(candidates, meaning)
    wordiest = best_of_article(candidates, words)
    seconds = second_of_article(candidates, scores)
    articles = {
        article: (nearest[article] + wordiest[article] + SECOND_SHARE * seconds[article]) / (1 + SECOND_SHARE)
        for article in nearest
    }
    article_ids = sorted(articles, key=lambda article: (-articles[article], str(article)))
    return Ranking(
        scores=scores,
        chunk_ids=sorted(scores, key=lambda chunk: (-scores[chunk], chunk)),
        article_ids=article_ids,
        article_scores=[articles[article] for article in article_ids],
    )


def best_of_article(candidates: Iterable[Scored], score: Callable[[Scored], float]) -> dict[UUID, float]:
    best: dict[UUID, float] = {}
    for candidate in candidates:
        best[candidate.article_id] = max(score(candidate), best.get(candidate.article_id, float("-inf")))
    return best


def second_of_article(candidates: Iterable[Scored], scores: Mapping[int, float]) -> dict[UUID, float]:
    """The score of each article's second best passage; of its only one where it has no other."""
    own: dict[UUID, list[float]] = {}
    for candidate in candidates:
        own.setdefault(candidate.article_id, []).append(scores[candidate.chunk_id])
    return {article: sorted(all_scores, reverse=True)[:2][-1] for article, all_scores in own.items()}


def choose(ranked: Iterable[S], limit: int) -> list[S]:
    """The first `limit` passages, at most PASSAGES_AN_ARTICLE of one article."""
    chosen: list[S] = []
    taken: dict[UUID, int] = {}
    for passage in ranked:
        if len(chosen) >= limit:
            break
        if taken.get(passage.article_id, 0) < PASSAGES_AN_ARTICLE:
            taken[passage.article_id] = taken.get(passage.article_id, 0) + 1
            chosen.append(passage)
    return chosen
