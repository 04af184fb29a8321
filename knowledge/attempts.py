"""How often an article was tried. An attempt counts before it is made: a text that kills the worker is given up too.

The space that is searched counts at the article, where people see it; a space in the making counts for itself. What is
tried is held by advisory locks, which a killed process or database gives back at once: the next sweep tries again.
"""

from collections.abc import Collection, Iterable
from typing import Protocol
from uuid import UUID

from django.db import connection

from knowledge.models import EmbeddingSpace

MAX_ATTEMPTS = 5
RETRY_SECONDS = 20  # after the first failure; doubles with each
AWAY_SECONDS = 5  # before an article is tried again whose embeddings server was away
ARTICLE_LOCK = 7_220  # the class of the advisory locks of articles; the other half of the key is of the article's id


class Attempts(Protocol):
    def claim(self, articles: Collection[UUID]) -> set[UUID]:
        """Count an attempt for each article that nobody else has and that may be tried now; gives those."""

    def give_back(self, articles: Collection[UUID], reason: str = "") -> None:
        """Not the articles' fault: the attempt does not count. With a reason they wait a little."""

    def fail(self, articles: Collection[UUID], reason: str) -> None:
        """Their own fault: the attempt counts, and the next one waits."""

    def succeed(self, articles: Collection[UUID]) -> None:
        """Forget what was counted."""

    def release(self, articles: Collection[UUID]) -> None:
        """Let others have them."""


class LiveAttempts:
    """Of the space that is searched: a hint and a sweep may want the same article at once."""

    def claim(self, articles: Collection[UUID]) -> set[UUID]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM unnest(%s::uuid[]) AS id WHERE pg_try_advisory_lock(%s, hashtext(id::text))",
                [list(articles), ARTICLE_LOCK],
            )
            held = {row[0] for row in cursor.fetchall()}
            cursor.execute(
                """UPDATE knowledge_article
                   SET index_attempts = index_attempts + 1, index_retry_at = now() + make_interval(
                       secs => CASE WHEN index_attempts = 0 THEN 0 ELSE %s * 2 ^ (index_attempts - 1) END)
                   WHERE id = ANY(%s) AND status = 'published' AND index_attempts < %s
                     AND (index_retry_at IS NULL OR index_retry_at <= now())
                   RETURNING id""",
                [RETRY_SECONDS, list(held), MAX_ATTEMPTS],
            )
            claimed = {row[0] for row in cursor.fetchall()}
        self.release(held - claimed)
        return claimed

    def give_back(self, articles: Collection[UUID], reason: str = "") -> None:
        _execute(
            """UPDATE knowledge_article SET index_attempts = index_attempts - 1, index_error = %s,
                   index_retry_at = CASE WHEN %s THEN now() + make_interval(secs => %s) END
               WHERE id = ANY(%s) AND index_attempts > 0""",
            [reason[:300], bool(reason), AWAY_SECONDS, list(articles)],
        )

    def fail(self, articles: Collection[UUID], reason: str) -> None:
        _execute(
            """UPDATE knowledge_article SET index_error = %s,
                   index_retry_at = now() + make_interval(secs => %s * 2 ^ (index_attempts - 1))
               WHERE id = ANY(%s)""",
            [reason[:300], RETRY_SECONDS, list(articles)],
        )

    def succeed(self, articles: Collection[UUID]) -> None:
        _execute(
            """UPDATE knowledge_article SET index_attempts = 0, index_error = '', index_retry_at = NULL
               WHERE id = ANY(%s) AND (index_attempts > 0 OR index_error > '' OR index_retry_at IS NOT NULL)""",
            [list(articles)],
        )

    def release(self, articles: Collection[UUID]) -> None:
        if articles:
            _execute(
                "SELECT pg_advisory_unlock(%s, hashtext(id::text)) FROM unnest(%s::uuid[]) AS id",
                [ARTICLE_LOCK, list(articles)],
            )


class SpaceAttempts:
    """Of a space in the making, which one process at a time fills."""

    def __init__(self, space: EmbeddingSpace) -> None:
        self.space = space

    def claim(self, articles: Collection[UUID]) -> set[UUID]:
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO knowledge_attempt AS known (space_id, article_id, count, error)
                   SELECT %s, article.id, 1, '' FROM knowledge_article AS article WHERE article.id = ANY(%s)
                   ON CONFLICT (space_id, article_id) DO UPDATE SET count = known.count + 1
                   WHERE known.count < %s AND (known.retry_at IS NULL OR known.retry_at <= now())
                   RETURNING article_id""",
                [self.space.pk, list(articles), MAX_ATTEMPTS],
            )
            return {row[0] for row in cursor.fetchall()}

    def give_back(self, articles: Collection[UUID], reason: str = "") -> None:
        """A server that is away is told at the space."""
        _execute(
            "UPDATE knowledge_attempt SET count = count - 1 WHERE space_id = %s AND article_id = ANY(%s) AND count > 0",
            [self.space.pk, list(articles)],
        )

    def fail(self, articles: Collection[UUID], reason: str) -> None:
        _execute(
            """UPDATE knowledge_attempt
               SET error = %s, retry_at = now() + make_interval(secs => %s * 2 ^ greatest(count - 1, 0))
               WHERE space_id = %s AND article_id = ANY(%s)""",
            [reason[:300], RETRY_SECONDS, self.space.pk, list(articles)],
        )

    def succeed(self, articles: Collection[UUID]) -> None:
        _execute(
            "DELETE FROM knowledge_attempt WHERE space_id = %s AND article_id = ANY(%s)",
            [self.space.pk, list(articles)],
        )

    def release(self, articles: Collection[UUID]) -> None:
        """Nobody else is at it."""


def give_up(space: EmbeddingSpace, article: UUID, reason: str) -> None:
    """What would fail each time."""
    if space.state == EmbeddingSpace.State.ACTIVE:
        _execute(
            "UPDATE knowledge_article SET index_attempts = %s, index_error = %s WHERE id = %s",
            [MAX_ATTEMPTS, reason[:300], article],
        )
        return
    _execute(
        """INSERT INTO knowledge_attempt (space_id, article_id, count, error) VALUES (%s, %s, %s, %s)
           ON CONFLICT (space_id, article_id) DO UPDATE SET count = excluded.count, error = excluded.error""",
        [space.pk, article, MAX_ATTEMPTS, reason[:300]],
    )


def _execute(statement: str, values: Iterable[object]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
