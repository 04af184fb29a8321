"""The door for Celery to the building of spaces."""

import redis
from celery import shared_task
from kombu.exceptions import OperationalError

from knowledge import building
from supportbot.log import get_logger

logger = get_logger(__name__)

PART_SECONDS = 8.0  # a worker that is asked to end does so after a part
HARD_SECONDS = 6 * 3600  # an index of millions of passages takes hours


@shared_task(soft_time_limit=HARD_SECONDS - 60, time_limit=HARD_SECONDS)
def build_spaces() -> None:
    """A part of what is to be built. The next is asked for at once, and by the beat in any case."""
    if not building.build(PART_SECONDS):
        return
    try:
        build_spaces.apply_async(expires=60)
    except (OperationalError, redis.RedisError, OSError) as error:
        logger.warning("hint_failed", error=type(error).__name__)
