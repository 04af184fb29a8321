"""How well retrieval finds what it should, measured through the path that customers' questions take.

The articles are published by the verb that staff use, embedded by the recipe in use, and searched by `find_passages`.
Only the vectors are kept between runs. Call it on the ground of `scratch`.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from knowledge import indexing, publishing, reading
from knowledge.answerability import Evidence
from knowledge.blending import context_of
from knowledge.chunking import TooManyPieces, split
from knowledge.embedding import Recipe, embed_passages, passage_text
from knowledge.evaluation_files import GivenArticle, GivenQuestion
from knowledge.evaluation_sets import GivenSet
from knowledge.metrics import RANKING, SEED, Estimate, auroc_with_interval, mean_with_interval
from knowledge.models import Article, Category, Chunk, Embedding, EmbeddingSpace
from knowledge.peers import Rankings, rank_all
from knowledge.retrieval import RANKED_ARTICLES, Retrieval, find_passages
from knowledge.vector_cache import VectorCache
from knowledge.vector_index import build_index
from supportbot.inference.client import ModelError

BATCH = 64
BEGINNING_CHARS = 20_000
PROGRESS_SECONDS = 10.0
READING_SECONDS = 60.0  # a question of a measurement waits: what was not read is of another search
READS = {
    "public": ("public",),
    "customers": ("public", "customers"),
    "internal": ("public", "customers", "internal"),
}
Say = Callable[[str], object]


class EvaluationFailed(RuntimeError):
    """What was measured would not be what customers get; the text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one question. Article ids are those of the file."""

    id: str
    ranked_article_ids: list[str]
    answerable_score: float
    ms: float
    evidence: Evidence | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "ranked_article_ids": self.ranked_article_ids,
            "answerable_score": round(self.answerable_score, 4),
            "ms": round(self.ms, 2),
            "evidence": asdict(self.evidence) if self.evidence else None,
        }


@dataclass(frozen=True, slots=True)
class SetResult:
    """What came of one set. `peers` holds, for each peer and way of asking, a ranking for each question in order."""

    name: str
    articles: int
    questions: list[GivenQuestion]
    rows: list[Row]
    recipe: dict[str, Any]
    peers: dict[str, Rankings] = field(default_factory=dict)
    read: bool = False  # whether the first passages were read word by word


class Progress:
    """Says how far a long step is, every few seconds."""

    def __init__(self, say: Say, what: str, total: int) -> None:
        self.say, self.what, self.total = say, what, total
        self.start = self.told = time.monotonic()

    def at(self, done: int) -> None:
        now = time.monotonic()
        if done == self.total or now - self.told >= PROGRESS_SECONDS:
            self.told = now
            self.say(f"{self.what}: {done:,} of {self.total:,}, {now - self.start:.0f} s")


def sample(questions: Sequence[GivenQuestion], limit: int | None) -> list[GivenQuestion]:
    """The same `limit` questions each time, in the order of the file."""
    if limit is None or limit >= len(questions):
        return list(questions)
    chosen = sorted(random.Random(SEED).sample(range(len(questions)), limit))  # nosec B311 # the same ones each time
    return [questions[number] for number in chosen]


def reading_seconds(say: Say) -> float:
    """How long each question waits to be read; 0, and it is said, where no server reads. Ask once, before the first.

    EvaluationFailed where a server should read and does not answer.
    """
    try:
        there = reading.is_there(READING_SECONDS)
    except ModelError as error:
        raise EvaluationFailed(
            f"The server that reads passages does not answer: {error.text} Try again, or measure the search alone: "
            "RERANK_PASSAGES=0."
        ) from None
    if not there:
        why = "the server at RERANK_URL does not read" if settings.RERANK_PASSAGES else "RERANK_PASSAGES is 0"
        say(f"the search alone is measured: {why}")
    return READING_SECONDS if there else 0.0


def measure_set(
    given: GivenSet,
    cache: VectorCache,
    *,
    peer_names: Sequence[str],
    audience: str,
    limit: int | None,
    seconds: float,
    say: Say,
) -> SetResult:
    """Publish, embed, ask, and take everything away again. Peers rank the same articles for the same questions.

    `seconds` are those of `reading_seconds`.
    """
    asked = sample(given.questions, limit)
    ids = publish_all(given.articles, say)
    space = embed_all(cache, say)
    rows = ask_all(asked, ids, audience=audience, seconds=seconds, say=say)
    clear()
    others = rank_all(peer_names, given.articles, asked, cache) if peer_names else {}
    return SetResult(given.name, len(given.articles), asked, rows, space.recipe, others, seconds > 0)


def clear() -> None:
    """Make a scratch database empty, for the next set: far quicker than making another database."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE knowledge_category, knowledge_embeddingspace CASCADE")


def publish_all(articles: Sequence[GivenArticle], say: Say) -> dict[UUID, str]:
    """Publish them; gives the id in the file for each article's own."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")  # a scratch database may lose what a crash loses
    category = Category.objects.create(name="Evaluation", slug="evaluation")
    ids: dict[UUID, str] = {}
    progress = Progress(say, "published", len(articles))
    for number, given in enumerate(articles, 1):
        article = Article(
            slug=f"evaluation-{number}",
            title=given.title,
            body=publishable(given.title, given.body),
            category=category,
            audience=given.audience,
            language=given.language,
        )
        with transaction.atomic():
            try:
                publishing.publish(article=article, by=None)
            except publishing.PublishingError as error:
                raise EvaluationFailed(f"Article {given.id} cannot be published: {error}") from None
            connection.run_on_commit.clear()  # no worker need hear of it: `embed_all` follows
        ids[article.pk] = given.id
        progress.at(number)
    return ids


def publishable(title: str, body: str) -> str:
    """A body that has passages: one odd article is to end no run. The title, or the beginning of an endless body."""
    try:
        return body if split(title, body) else title
    except TooManyPieces:
        return body[:BEGINNING_CHARS]


def embed_all(cache: VectorCache, say: Say) -> EmbeddingSpace:
    """Give each passage its vector, from the cache where it has been made before, then build the index."""
    space = indexing.active_space()
    recipe = indexing.recipe_of(space)
    passages = list(Chunk.objects.filter(live=True).select_related("revision").order_by("pk"))
    progress = Progress(say, "embedded", len(passages))
    for start in range(0, len(passages), BATCH):
        batch = passages[start : start + BATCH]
        vectors = _vectors(recipe, batch, cache)
        Embedding.objects.bulk_create(
            Embedding(
                chunk=passage,
                space=space,
                vector=vectors[passage.text_hash],
                audience=passage.audience,
                language=passage.language,
            )
            for passage in batch
        )
        progress.at(min(start + BATCH, len(passages)))
    build_index(space)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return space


def _vectors(recipe: Recipe, batch: Sequence[Chunk], cache: VectorCache) -> dict[str, list[float]]:
    """A vector for each text hash of the batch; new ones are made and kept."""
    vectors = cache.get(recipe.fingerprint, {passage.text_hash for passage in batch})
    new = {
        passage.text_hash: passage_text(passage.revision.title, passage.heading, passage.text)
        for passage in batch
        if passage.text_hash not in vectors
    }
    if new:
        made = dict(zip(new, embed_passages(recipe, list(new.values())), strict=True))
        cache.put(recipe.fingerprint, made)
        vectors |= made
    return vectors


def ask(given: GivenQuestion, *, audience: str, seconds: float, space: EmbeddingSpace | None = None) -> Retrieval:
    """Search as for a customer's question. EvaluationFailed if less was searched or read than there should be."""
    found = find_passages(
        given.question,
        audiences=READS[audience],
        context=context_of(given.history),
        space=space,
        reading_seconds=seconds,
    )
    if found.degraded:
        raise EvaluationFailed(f"Question {given.id} was searched by words alone: {found.degraded}. Try again.")
    if found.unread:
        raise EvaluationFailed(f"Question {given.id} was not read: the server that reads failed, or was late.")
    return found


def ask_all(
    questions: Sequence[GivenQuestion], ids: dict[UUID, str], *, audience: str, seconds: float, say: Say
) -> list[Row]:
    """Search for each question as a customer's would be, one at a time."""
    progress = Progress(say, "asked", len(questions))
    rows = []
    for number, given in enumerate(questions, 1):
        start = time.perf_counter()
        found = ask(given, audience=audience, seconds=seconds)
        ms = 1000 * (time.perf_counter() - start)
        ranked = [ids[article] for article in found.ranked_article_ids[:RANKED_ARTICLES]]
        rows.append(Row(given.id, ranked, found.answerable, ms, found.evidence))
        progress.at(number)
    return rows


def summarise(questions: Sequence[GivenQuestion], rows: Sequence[Row]) -> dict[str, Estimate]:
    """Ranking over the answerable questions that have gold articles; AUROC of `answerable_score` over all."""
    found = {row.id: row for row in rows}
    gold = [question for question in questions if question.answerable and question.gold]
    summary = {}
    if gold:
        for name, measure in RANKING.items():
            summary[name] = mean_with_interval(
                [measure(found[question.id].ranked_article_ids, question.gold) for question in gold]
            )
    positive = [found[question.id].answerable_score for question in questions if question.answerable]
    negative = [found[question.id].answerable_score for question in questions if not question.answerable]
    if positive and negative:
        summary["auroc"] = auroc_with_interval(positive, negative)
    return summary


def times(rows: Sequence[Row]) -> dict[str, float]:
    ordered = sorted(row.ms for row in rows)
    return {"p50": round(median(ordered), 1), "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1)}


def cache_path(data_dir: Path) -> Path:
    return data_dir / "cache" / "vectors.sqlite3"
