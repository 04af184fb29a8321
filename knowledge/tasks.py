"""Doors for Celery: ids in, one call. A hint makes an article answerable at once; the sweep makes it certain."""

from uuid import UUID

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

from knowledge import finding_tasks, indexing
from knowledge.embedding import EmbeddingFailed
from knowledge.vector_index import SWEEP_LOCK, advisory_lock
from supportbot import hints
from supportbot.log import get_logger

logger = get_logger(__name__)

SOFT_SECONDS, HARD_SECONDS = 120, 150
SWEEP_SECONDS = 20.0  # the longest one sweep goes on; the next one follows at once


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
    """Ask a worker to embed an article now."""
    hints.hint(embed_article, str(article_id))
