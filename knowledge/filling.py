"""Vectors for passages that have none: requests go out while what came of the last ones is written.

The server is never kept waiting for the database: DEPTH requests are under way at once. Threads only ask the server;
everything that touches the database happens in the caller's thread.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from knowledge.attempts import Attempts
from knowledge.embedding import EmbeddingFailed, Recipe, answers, embed_passages
from knowledge.models import Article, EmbeddingSpace
from supportbot.log import get_logger

logger = get_logger(__name__)

BATCH = 64  # passages a request
DEPTH = 2  # requests under way: one that is computed, and the next


@dataclass(frozen=True, slots=True)
class Stale:
    """A live passage that has no vector in a space."""

    chunk_id: int
    article_id: UUID
    text: str
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    passages: list[Stale]
    articles: set[UUID]
    vectors: "Future[list[list[float]]]"


def plan(stale: Iterable[Stale], size: int = BATCH) -> Iterator[list[Stale]]:
    """Requests of at most `size` passages. Small articles share one; an article that failed before goes alone."""
    batch: list[Stale] = []
    for passage in stale:
        same = bool(batch) and batch[-1].article_id == passage.article_id
        alone = passage.attempts > 0 or (bool(batch) and batch[-1].attempts > 0)
        if batch and (len(batch) >= size or (alone and not same)):
            yield batch
            batch = []
        batch.append(passage)
    if batch:
        yield batch


class Filling:
    """Fills one space until `end` (of the monotonic clock). `moved` says whether the last run got any vectors."""

    def __init__(self, space: EmbeddingSpace, recipe: Recipe, attempts: Attempts, end: float) -> None:
        self.space, self.recipe, self.attempts, self.end = space, recipe, attempts, end
        self.written = 0
        self.moved = False
        self._away = ""  # why the server gave nothing
        self._under_way: deque[Request] = deque()
        self._held: Counter[UUID] = Counter()  # articles by how many requests under way are of them

    def run(self, stale: Iterable[Stale]) -> int:
        """Gives vectors written so far. Raises EmbeddingFailed when the server is away."""
        self.moved = False
        pool = ThreadPoolExecutor(DEPTH, thread_name_prefix="embed")
        try:
            for batch in plan(stale):
                if monotonic() >= self.end or not self._is_wanted():
                    break
                self._send(pool, batch)
                while len(self._under_way) >= DEPTH:
                    self._finish(self._under_way.popleft())
            while self._under_way:
                self._finish(self._under_way.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            self._let_go()
        return self.written

    def _is_wanted(self) -> bool:
        """People may pause or drop a space while it is filled."""
        wanted = EmbeddingSpace.objects.filter(pk=self.space.pk, paused=False)
        return wanted.exclude(state=EmbeddingSpace.State.DROPPED).exists()

    def _send(self, pool: ThreadPoolExecutor, batch: Sequence[Stale]) -> None:
        articles = {passage.article_id for passage in batch}
        held = {article for article in articles if self._held[article]}
        allowed = held | (self.attempts.claim(articles - held) if articles - held else set())
        passages = [passage for passage in batch if passage.article_id in allowed]
        if not passages:
            return
        self._held.update(allowed)
        vectors = pool.submit(embed_passages, self.recipe, [passage.text for passage in passages])
        self._under_way.append(Request(passages, allowed, vectors))

    def _finish(self, request: Request) -> None:
        try:
            vectors = request.vectors.result()
        except EmbeddingFailed as error:
            self._failed(request, error)
        else:
            self.moved = True
            self.written += write_vectors(self.space, request.passages, vectors, self.attempts)
        finally:
            self._release(request.articles)

    def _failed(self, request: Request, error: EmbeddingFailed) -> None:
        if not (answers(self.recipe) if error.blames_text is None else error.blames_text):
            self._away = error.text
            self.attempts.give_back(request.articles, self._away)
            raise error
        if len(request.articles) == 1:
            self.attempts.fail(request.articles, error.text)
            logger.warning("embedding_failed", space=self.space.pk, articles=sorted(map(str, request.articles)))
            return
        left = sorted(request.articles)
        try:
            while left:
                article = left.pop(0)
                self._try_alone(article, [passage for passage in request.passages if passage.article_id == article])
        finally:
            self.attempts.give_back(left, self._away)

    def _try_alone(self, article: UUID, passages: list[Stale]) -> None:
        """One article of a request that was refused: is it the one to blame?"""
        try:
            vectors = embed_passages(self.recipe, [passage.text for passage in passages])
        except EmbeddingFailed as error:
            alone: Future[list[list[float]]] = Future()
            self._failed(Request(passages, {article}, alone), error)
        else:
            self.written += write_vectors(self.space, passages, vectors, self.attempts)

    def _let_go(self) -> None:
        """What was sent and will not be waited for counts as no attempt."""
        while self._under_way:
            request = self._under_way.popleft()
            self.attempts.give_back(request.articles, self._away)
            self._release(request.articles)

    def _release(self, articles: set[UUID]) -> None:
        self._held.subtract(articles)
        self.attempts.release({article for article in articles if not self._held[article]})


def write_vectors(
    space: EmbeddingSpace, passages: Sequence[Stale], vectors: Sequence[Sequence[float]], attempts: Attempts
) -> int:
    """Store vectors of passages that are still live. The lock keeps a publication from going on meanwhile."""
    articles = sorted({passage.article_id for passage in passages})
    with transaction.atomic():
        list(Article.objects.select_for_update().filter(pk__in=articles).order_by("pk").values_list("pk"))
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO knowledge_embedding (chunk_id, space_id, vector, audience, language, created)
                   SELECT chunk.id, space.id, given.vector::halfvec, chunk.audience, chunk.language, now()
                   FROM unnest(%s::bigint[], %s::text[]) AS given(chunk_id, vector)
                   JOIN knowledge_chunk AS chunk ON chunk.id = given.chunk_id AND chunk.live
                   JOIN knowledge_embeddingspace AS space ON space.id = %s AND space.state <> 'dropped'
                   ON CONFLICT DO NOTHING""",
                [[passage.chunk_id for passage in passages], [_written(vector) for vector in vectors], space.pk],
            )
            written = cursor.rowcount
        attempts.succeed(articles)
        note_answerable(articles)
    logger.info("embedded", space=space.pk, passages=written, articles=len(articles))
    return written


def _written(vector: Sequence[float]) -> str:
    """As pgvector reads it. A half has 11 bits: six digits are more than it keeps."""
    return "[" + ",".join([f"{value:.6g}" for value in vector]) + "]"


def note_answerable(articles: Sequence[UUID]) -> None:
    """Set the time from which every live passage of these articles has its vector in the space that is searched."""
    space = EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).first()
    if space is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE knowledge_article AS article SET answerable_at = %s
               WHERE article.id = ANY(%s) AND article.status = 'published' AND article.answerable_at IS NULL
                 AND NOT EXISTS (
                     SELECT FROM knowledge_chunk AS chunk
                     LEFT JOIN knowledge_embedding AS made ON made.chunk_id = chunk.id AND made.space_id = %s
                     WHERE chunk.article_id = article.id AND chunk.live AND chunk.cut = %s AND made.id IS NULL)
                 AND EXISTS (
                     SELECT FROM knowledge_chunk AS chunk
                     WHERE chunk.article_id = article.id AND chunk.live AND chunk.cut = %s)""",
            [timezone.now(), list(articles), space.pk, space.cut, space.cut],
        )
