"""Doors for Celery: look at an article that changed. A hint makes it prompt; the sweep makes it certain."""

from uuid import UUID

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

from knowledge.findings import checkups
from knowledge.retrieval import RetrievalError
from knowledge.vector_index import advisory_lock
from supportbot import hints
from supportbot.log import get_logger

logger = get_logger(__name__)

SOFT_SECONDS, HARD_SECONDS = 60, 90
SWEEP_SECONDS = 20.0
SWEEP_LOCK = 7_220_010  # an advisory lock of this database, beside those of vector_index, indexing and import_tasks
HINT_EXPIRES = 60  # seconds; the sweep has been there by then


@shared_task(soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def check_article(article_id: str) -> None:
    if checkups.is_embedding_busy():
        return  # the sweep looks at it afterwards
    try:
        checkups.check_article(UUID(article_id))
    except RetrievalError as error:
        logger.warning("checkup_waits", article=article_id, reason=str(error))
    except SoftTimeLimitExceeded:
        logger.warning("checkup_cut_short", article=article_id)


@shared_task(soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def sweep() -> None:
    with advisory_lock(SWEEP_LOCK) as held:
        if not held or checkups.is_embedding_busy():
            return
        try:
            checkups.check_due(seconds=SWEEP_SECONDS)
        except SoftTimeLimitExceeded:
            logger.warning("checkups_cut_short")


def hint(article_id: str) -> None:
    """Ask a worker to look at an article. It is due in any case."""
    hints.hint(check_article, article_id, expires=HINT_EXPIRES)
