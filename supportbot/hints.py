"""Asking a worker for something that a sweep would do in any case: it never fails, and never waits long."""

from time import monotonic

import redis
from celery import Task
from django.conf import settings
from kombu.exceptions import OperationalError

from supportbot.celery import app
from supportbot.log import get_logger

logger = get_logger(__name__)

STEP_SECONDS = 0.4  # for each of the few steps of a hand-over, which takes a second at most
RESTS_SECONDS = 5.0  # after a hint that failed, none is tried: a hundred saves must not wait a hundred seconds
_rests_until = 0.0


def hint(task: Task, *ids: str | int, expires: float | None = None) -> None:
    """Ask a worker to do `task` with these ids now; after `expires` seconds it is not worth doing."""
    global _rests_until
    if monotonic() < _rests_until:
        return
    brief = settings.CELERY_BROKER_TRANSPORT_OPTIONS | {
        "socket_timeout": STEP_SECONDS,
        "socket_connect_timeout": STEP_SECONDS,
        "max_retries": 0,
    }
    try:
        with app.connection_for_write(connect_timeout=STEP_SECONDS, transport_options=brief) as connection:
            task.apply_async(ids, connection=connection, retry=False, expires=expires)
    except (OperationalError, redis.RedisError, OSError) as error:
        _rests_until = monotonic() + RESTS_SECONDS
        logger.warning("hint_failed", task=task.name, ids=list(ids), error=type(error).__name__)
