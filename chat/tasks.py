"""Celery's doors: what was left unfinished is found and finished."""

import asyncio
from uuid import UUID

from celery import shared_task

from chat import leases, replays, replies
from supportbot.log import get_logger

logger = get_logger(__name__)

MOST_AT_ONCE = 50


@shared_task
def sweep() -> int:
    """Find the replies that nobody writes any more and have each finished. Safe to run twice, or never."""
    left = list(leases.lapsed().order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])
    for reply in left:
        finish_reply.apply_async((str(reply),), expires=60)
    if left:
        logger.info("unfinished replies found", count=len(left))
    return len(left)


@shared_task(soft_time_limit=180)
def finish_reply(reply: str) -> None:
    """Write this reply to its end, if its lease is still free."""
    asyncio.run(_finish(UUID(reply)))


async def _finish(reply: UUID) -> None:
    try:
        task = await replies.take_over(reply, patient=True)
        if task is not None:
            await task
    finally:
        await replays.close()
