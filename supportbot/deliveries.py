"""A task that kills the process it runs in is given up after some deliveries: else its message would go round for ever.

Messages are acknowledged when their task has ended, and given back to the queue when its process dies (which saves what
was in hand when a machine is switched off). Nothing is lost with one that is given up: the sweeps find what is to do.
"""

from typing import Any

from celery import Task
from redis.exceptions import RedisError

from supportbot import heartbeats, meters
from supportbot.log import get_logger

logger = get_logger(__name__)

MOST_DELIVERIES = 3
KEPT_SECONDS = 3600


class BoundedTask(Task):
    """The class of all tasks. Only a message that comes again is counted, in Redis; while that is away none is."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        delivery = self.request.delivery_info or {}
        if delivery.get("redelivered") and deliveries(str(self.request.id)) > MOST_DELIVERIES:
            meters.GIVEN_UP.labels(self.name).inc()
            logger.error("task given up", task=self.name, id=self.request.id, deliveries=MOST_DELIVERIES)
            return None
        return super().__call__(*args, **kwargs)


def deliveries(task: str) -> int:
    """How often this message has come by now; called once for each time after the first."""
    key = f"supportbot:deliveries:{task}"
    try:
        pipeline = heartbeats.redis_client().pipeline()
        pipeline.incr(key)
        pipeline.expire(key, KEPT_SECONDS)
        count, _ = pipeline.execute()
    except (RedisError, OSError):
        return 1
    return 1 + int(count)
