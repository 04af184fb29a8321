"""Doors for Celery: ids in, one call. A hint makes an article answerable at once; the sweep makes it certain."""

from time import monotonic
from uuid import UUID

import redis
from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from kombu.exceptions import OperationalError

from knowledge import finding_tasks, indexing
from knowledge.embedding import EmbeddingFailed
from knowledge.vector_index import SWEEP_LOCK, advisory_lock
from supportbot.celery import app
from supportbot.log import get_logger

logger = get_logger(__name__)

SOFT_SECONDS, HARD_SECONDS = 120, 150
SWEEP_SECONDS = 20.0  # the longest one sweep goes on; the next one follows at once
HINT_SECONDS = 0.4  # for each of the few steps of a hand-over, which takes a second at most
RESTS_SECONDS = 5.0  # after a hint that failed, none is tried: a hundred saves must not wait a hundred seconds
_rests_until = 0.0


@shared_task(soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def embed_article(article_id: str) -> None:
    try:
        indexing.embed_stale(UUID(article_id))
    except EmbeddingFailed as error:
        logger.warning("embedding_waits", article=article_id, reason=error.text)
    finding_tasks.hint(article_id)


@shared_task(soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def sweep() -> None:
    with advisory_lock(SWEEP_LOCK) as held:
        if not held:
            return
        try:
            indexing.tidy()
            indexing.embed_stale(seconds=SWEEP_SECONDS)
        except EmbeddingFailed as error:
            logger.warning("sweep_waits", reason=error.text)
        except SoftTimeLimitExceeded:
            logger.warning("sweep_cut_short")


def hint(article_id: UUID) -> None:
    """Ask a worker to embed an article now. Never fails and never waits long: the sweep finds it anyway."""
    global _rests_until
    if monotonic() < _rests_until:
        return
    brief = settings.CELERY_BROKER_TRANSPORT_OPTIONS | {
        "socket_timeout": HINT_SECONDS,
        "socket_connect_timeout": HINT_SECONDS,
        "max_retries": 0,
    }
    try:
        with app.connection_for_write(connect_timeout=HINT_SECONDS, transport_options=brief) as connection:
            embed_article.apply_async((str(article_id),), connection=connection, retry=False)
    except (OperationalError, redis.RedisError, OSError) as error:
        _rests_until = monotonic() + RESTS_SECONDS
        logger.warning("hint_failed", article=str(article_id), error=type(error).__name__)
