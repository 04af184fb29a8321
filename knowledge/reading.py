"""The best passages, read against the question by the model server, while somebody waits for the answer.

Searching compares a question with a passage as a whole; reading compares each word of one with each word of the other,
for the few articles that the search found best. It puts them in a better order, and tells when a word of the question
is nowhere near anything said. Without a server that reads, the order of the search stands.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from django.conf import settings

from knowledge.fusion import Ranking
from supportbot.inference.client import ModelError
from supportbot.inference.reranking import Reading, rerank
from supportbot.log import get_logger

logger = get_logger(__name__)

PAUSE_SECONDS = 30.0  # after a failure; a server that cannot read is not asked with every question
# What a cosine more of relevance adds to the score of the search. Fits without each of eight sets give 0.9 to 1.1; less
# is given, since two sets lose by that much what the others gain (docs/experiments.md).
RELEVANCE_SHARE = 0.6
K = TypeVar("K")


_not_before: dict[str, float] = {}  # by address: when a server that failed may be asked again


def is_readable(language: str) -> bool:
    """Whether the reader knows the language: an order by one that does not would be worse than that of the search."""
    return language in settings.RERANK_LANGUAGES or "all" in settings.RERANK_LANGUAGES


def read(
    question: str, with_context: str, share: float, passages: Mapping[K, str], *, seconds: float | None = None
) -> dict[K, Reading] | None:
    """A reading of each passage; None where the server that reads does not answer in time, or has just failed.

    `with_context` is the question after what was said before it, or "": then its relevance counts for `share`, and no
    word is said to be missing, since a follow-up leaves out half of what it means. `seconds` is how long a measurement
    waits (0: nothing is read); None: as long as a customer, and a failure spares the next questions the wait.
    """
    if not passages or not settings.RERANK_PASSAGES or seconds == 0:
        return {}
    now = time.monotonic()
    if seconds is None and now < _not_before.get(settings.RERANK_URL, 0.0):
        return None
    end = now + (settings.RERANK_SECONDS if seconds is None else seconds)
    try:
        readings = _ask(question, list(passages.values()), end)
        if with_context:
            around = _ask(with_context, list(passages.values()), end)
            readings = [_blended(own, other, share) for own, other in zip(readings, around, strict=True)]
    except ModelError as error:
        if seconds is None:
            _not_before[settings.RERANK_URL] = time.monotonic() + PAUSE_SECONDS
        logger.warning("passages_not_read", code=error.code)
        return None
    return dict(zip(passages, readings, strict=True))


def _blended(own: Reading, around: Reading, share: float) -> Reading:
    """Of a follow-up read alone, and behind what was said before."""
    relevance = (1 - share) * own.relevance + share * around.relevance
    pairs = zip(own.sentences, around.sentences, strict=False)  # the same text, so the same sentences
    sentences = tuple(
        (start, (1 - share) * alone + share * other_alone, (1 - share) * headed + share * other_headed)
        for (start, alone, headed), (_, other_alone, other_headed) in pairs
    )
    return Reading(relevance, sentences=sentences)


def is_there(seconds: float) -> bool:
    """Whether a server reads; False where the one that was asked knows nothing of it. ModelError if none answers."""
    if not settings.RERANK_PASSAGES:
        return False
    try:
        _ask("Is anybody there?", ["Somebody is there."], time.monotonic() + seconds)
    except ModelError as error:
        if error.code != "bad_request":
            raise
        return False
    return True


def _ask(query: str, passages: Sequence[str], end: float) -> list[Reading]:
    """`end` by the monotonic clock: a follow-up is read twice, and waits no longer for that."""
    if (left := end - time.monotonic()) <= 0:
        raise ModelError("timeout", "The model server took too long.")
    return rerank(
        query,
        passages,
        url=settings.RERANK_URL,
        key=settings.RERANK_API_KEY,
        model=settings.RERANK_MODEL,
        timeout=left,
    )


def gains_of(readings: Mapping[UUID, Reading]) -> dict[UUID, float]:
    """What reading adds to the score of each article that was read, and of its passages."""
    least = min((reading.relevance for reading in readings.values()), default=0.0)
    return {article: RELEVANCE_SHARE * (reading.relevance - least) for article, reading in readings.items()}


def reorder(ranking: Ranking, readings: Mapping[UUID, Reading], article_of: Mapping[int, UUID]) -> Ranking:
    """The articles that were read in their new order, before all others; their passages gain what the article gains.

    The scores stay those of the search, by which answerability, and what is shown beside the best, are judged.
    """
    gains = gains_of(readings)
    searched = dict(zip(ranking.article_ids, ranking.article_scores, strict=True))

    def place(article: UUID) -> tuple[bool, float]:
        return article not in gains, -(searched[article] + gains.get(article, 0.0))

    def passage_place(chunk: int) -> float:
        return -(ranking.scores[chunk] + gains.get(article_of[chunk], 0.0))

    article_ids = sorted(ranking.article_ids, key=place)
    return replace(
        ranking,
        article_ids=article_ids,
        article_scores=[searched[article] for article in article_ids],
        chunk_ids=sorted(ranking.chunk_ids, key=passage_place),
    )
