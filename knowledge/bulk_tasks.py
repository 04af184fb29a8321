"""Doors for Celery: changes of many articles, a part at a time, so that a worker is never long away."""

from uuid import UUID

from celery import shared_task
from django.db import DatabaseError

from knowledge import bulk
from supportbot import hints
from supportbot.log import get_logger

logger = get_logger(__name__)

PART_SECONDS = 20.0
SOFT_SECONDS, HARD_SECONDS = 60, 90


@shared_task(soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def carry_out(key: str) -> None:
    bulk.carry_out(UUID(key), seconds=PART_SECONDS)
    for following in bulk.waiting():  # the rest of this one, unless somebody else is at it
        hint(following)


@shared_task(soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def sweep() -> None:
    """Go on with what was broken off or never began."""
    for key in bulk.waiting():
        try:
            bulk.carry_out(key, seconds=PART_SECONDS)
        except DatabaseError as error:  # one that cannot go on stops no other; it is tried again
            logger.warning("bulk_broke_off", change=str(key), error=type(error).__name__)
    bulk.forget()


def hint(key: UUID) -> None:
    """Ask a worker to begin now."""
    hints.hint(carry_out, str(key))
