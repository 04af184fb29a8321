"""What should be embedded minus what is embedded: a query. The plan is pure; doing it is safe twice and in any order.

An article is claimed before its passages are sent, so that a crash counts as an attempt; after MAX_ATTEMPTS it is left
alone until somebody asks again. A server that is away counts against nobody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from time import monotonic
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from knowledge.embedding import EmbeddingFailed, Recipe, answers, default_recipe, embed_passages, passage_text
from knowledge.models import Article, Chunk, Embedding, EmbeddingSpace
from knowledge.vector_index import build_index, is_built
from supportbot.log import get_logger

logger = get_logger(__name__)

MAX_ATTEMPTS = 5
RETRY_SECONDS = 20  # after the first attempt; doubles with each
AWAY_SECONDS = 5  # before an article is tried again whose embeddings server was away
BATCH = 64  # passages a request
READ = 512  # passages a query


@dataclass(frozen=True, slots=True)
class Stale:
    """A live passage that has no vector in a space."""

    chunk_id: int
    article_id: UUID
    text: str
    attempts: int = 0


def plan(stale: Iterable[Stale], size: int = BATCH) -> list[list[Stale]]:
    """Requests of at most `size` passages. Small articles share one; an article that failed before goes alone."""
    batches: list[list[Stale]] = []
    for passage in stale:
        last = batches[-1] if batches else []
        same = bool(last) and last[-1].article_id == passage.article_id
        alone = passage.attempts > 0 or (bool(last) and last[-1].attempts > 0)
        if not last or len(last) >= size or (alone and not same):
            batches.append([])
        batches[-1].append(passage)
    return batches


def active_space() -> EmbeddingSpace:
    """The space that is searched; the first one is made on demand."""
    return EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).first() or ensure_space()


def ensure_space() -> EmbeddingSpace:
    """The space of the recipe that the settings ask for. It is active if it is the first, and is built if it is not."""
    recipe = default_recipe()
    space, _ = EmbeddingSpace.objects.get_or_create(
        fingerprint=recipe.fingerprint, defaults={"recipe": asdict(recipe), "dimensions": recipe.dimensions}
    )
    if space.state == EmbeddingSpace.State.ACTIVE:
        return space
    if not EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).exists():
        activate(space)
    elif space.state == EmbeddingSpace.State.RETIRED:
        EmbeddingSpace.objects.filter(pk=space.pk).update(state=EmbeddingSpace.State.BUILDING)
    space.refresh_from_db()
    return space


def activate(space: EmbeddingSpace) -> None:
    """Search this space from now on. The one before keeps its vectors, as the way back."""
    with transaction.atomic():
        spaces = {found.pk: found for found in EmbeddingSpace.objects.select_for_update().order_by("pk")}
        if spaces[space.pk].state == EmbeddingSpace.State.ACTIVE:
            return
        EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).update(state=EmbeddingSpace.State.RETIRED)
        EmbeddingSpace.objects.filter(pk=space.pk).update(state=EmbeddingSpace.State.ACTIVE, activated=timezone.now())
    logger.info("space_activated", space=space.pk, fingerprint=space.fingerprint)


def recipe_of(space: EmbeddingSpace) -> Recipe:
    return Recipe(**space.recipe)


def unembedded(space: EmbeddingSpace) -> QuerySet[Chunk]:
    """Live passages without a vector in this space."""
    return Chunk.objects.filter(
        ~Exists(Embedding.objects.filter(chunk=OuterRef("pk"), space=space)),
        live=True,
    )


def stale_passages(space: EmbeddingSpace, article_id: UUID | None = None) -> list[Stale]:
    """What may be embedded now, oldest publication first; articles that wait for their next attempt are left out."""
    due = Q(article__index_retry_at=None) | Q(article__index_retry_at__lte=Now())
    chunks = unembedded(space).filter(due, article__index_attempts__lt=MAX_ATTEMPTS)
    if article_id:
        chunks = chunks.filter(article=article_id)
    rows = chunks.order_by("article__published_at", "article_id", "position").values_list(
        "pk", "article_id", "revision__title", "heading", "text", "article__index_attempts"
    )[:READ]
    return [Stale(pk, article, passage_text(*words), attempts) for pk, article, *words, attempts in rows]


def embed_stale(article_id: UUID | None = None, *, seconds: float = 20.0) -> int:
    """Embed what is stale, of one article or of all, until nothing is left or the time is over. Gives vectors written.

    Raises EmbeddingFailed when the server is away; what is not done then, is done later.
    """
    end = monotonic() + seconds
    wanted = ensure_space()
    active = active_space()
    written = _fill(active, article_id, end) if active == wanted else 0
    if active != wanted:
        written += _fill(wanted, article_id, end)
        try:
            written += _fill(active, article_id, end)
        except EmbeddingFailed as error:  # the model before this one may be served no longer
            logger.warning("old_space_not_filled", space=active.pk, reason=error.text)
    return written


def _fill(space: EmbeddingSpace, article_id: UUID | None, end: float) -> int:
    written = 0
    while monotonic() < end and (stale := stale_passages(space, article_id)):
        moved = False
        for batch in plan(stale):
            if monotonic() >= end:
                break
            count = _embed(space, batch)
            written += count or 0
            moved |= count is not None
        if not moved:
            break
    return written


def _embed(space: EmbeddingSpace, batch: Sequence[Stale]) -> int | None:
    """Vectors written, or None where others are at it. Raises EmbeddingFailed when the server is away."""
    claimed = _claim({passage.article_id for passage in batch})
    batch = [passage for passage in batch if passage.article_id in claimed]
    if not batch:
        return None
    try:
        vectors = embed_passages(recipe_of(space), [passage.text for passage in batch])
    except EmbeddingFailed as error:
        if not (answers(recipe_of(space)) if error.blames_text is None else error.blames_text):
            _give_back(claimed, error)
            raise
        if len(claimed) == 1:
            _note_failure(claimed, error)
            return 0
        _give_back(claimed, None)
        return sum(_embed(space, [one for one in batch if one.article_id == article]) or 0 for article in claimed)
    return _write(space, batch, vectors)


def _claim(articles: set[UUID]) -> set[UUID]:
    """Count an attempt before it is made, and keep others off for as long as the next attempt would wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE knowledge_article
               SET index_attempts = index_attempts + 1,
                   index_retry_at = now() + make_interval(secs => %s * 2 ^ index_attempts)
               WHERE id = ANY(%s) AND status = 'published' AND index_attempts < %s
                 AND (index_retry_at IS NULL OR index_retry_at <= now())
               RETURNING id""",
            [RETRY_SECONDS, list(articles), MAX_ATTEMPTS],
        )
        return {row[0] for row in cursor.fetchall()}


def _give_back(articles: set[UUID], error: EmbeddingFailed | None) -> None:
    """Not the articles' fault: the attempt does not count."""
    retry_at = timezone.now() + timedelta(seconds=AWAY_SECONDS) if error else None
    Article.objects.filter(pk__in=articles, index_attempts__gt=0).update(
        index_attempts=F("index_attempts") - 1,
        index_retry_at=retry_at,
        index_error=error.text[:300] if error else "",
    )


def _note_failure(articles: set[UUID], error: EmbeddingFailed) -> None:
    Article.objects.filter(pk__in=articles).update(index_error=error.text[:300])
    logger.warning("embedding_failed", articles=sorted(str(article) for article in articles))


def _write(space: EmbeddingSpace, batch: Sequence[Stale], vectors: Sequence[Sequence[float]]) -> int:
    """Store vectors of passages that are still live. The lock keeps a publication from going on meanwhile."""
    articles = sorted({passage.article_id for passage in batch})
    with transaction.atomic():
        list(Article.objects.select_for_update().filter(pk__in=articles).order_by("pk").values_list("pk"))
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO knowledge_embedding (chunk_id, space_id, vector, audience, language, created)
                   SELECT chunk.id, %s, given.vector::halfvec, chunk.audience, chunk.language, now()
                   FROM unnest(%s::bigint[], %s::text[]) AS given(chunk_id, vector)
                   JOIN knowledge_chunk chunk ON chunk.id = given.chunk_id AND chunk.live
                   ON CONFLICT DO NOTHING""",
                [space.pk, [passage.chunk_id for passage in batch], [str(list(vector)) for vector in vectors]],
            )
            written = cursor.rowcount
        Article.objects.filter(pk__in=articles).update(index_attempts=0, index_error="", index_retry_at=None)
        note_answerable(articles)
    logger.info("embedded", space=space.pk, passages=written, articles=len(articles))
    return written


def note_answerable(articles: Sequence[UUID]) -> None:
    """Set the time from which every live passage of these articles has its vector in the active space."""
    space = EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).first()
    if space is None:
        return
    waiting = unembedded(space).filter(article=OuterRef("pk"))
    Article.objects.filter(
        ~Exists(waiting), pk__in=articles, status=Article.Status.PUBLISHED, answerable_at=None
    ).update(answerable_at=timezone.now())


def settle() -> None:
    """Where nothing is left to embed: build the index, and search the space that the settings ask for."""
    space = ensure_space()
    if space.state == EmbeddingSpace.State.ACTIVE and is_built(space):
        return
    if unembedded(space).filter(article__index_attempts__lt=MAX_ATTEMPTS).exists():
        return
    build_index(space)
    if space.state != EmbeddingSpace.State.ACTIVE:
        activate(space)


def tidy() -> int:
    """A safety net: the verbs delete the vectors of what they withdraw. Gives how many were left behind."""
    left, _ = Embedding.objects.filter(chunk__live=False).delete()
    if left:
        logger.warning("vectors_left_behind", deleted=left)
    return left
