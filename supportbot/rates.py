"""How often one address may ask a page for something. Counted in Redis for all processes.

Without Redis each process counts alone, with the same bounds: the pages stay open, and no door opens wider.
"""

import time
from collections import Counter
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from redis import Redis
from redis.exceptions import RedisError

from supportbot.addresses import address_of_request, counted

REDIS_SECONDS = 0.25
MAX_LOCAL_NAMES = 20_000
OTHERS = "others"

_local: Counter[tuple[str, int]] = Counter()


def allow(kind: str, request: HttpRequest, most: int, *, seconds: int = 60) -> bool:
    """Count one more of `kind` for the request's address in this span of so many seconds."""
    span = int(time.time() // seconds)
    name = f"supportbot:rate:{kind}:{counted(address_of_request(request))}"
    try:
        with _client().pipeline(transaction=False) as pipeline:
            pipeline.incr(f"{name}:{span}")
            pipeline.expire(f"{name}:{span}", 2 * seconds)
            count = pipeline.execute()[0]
    except (RedisError, OSError):
        count = _count_here(name, span)
    return int(count) <= most


@cache
def _client() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)


def _count_here(name: str, span: int) -> int:
    """Who comes after the table is full shares one row, so that it cannot be emptied by making names up."""
    if (name, span) not in _local and len(_local) >= MAX_LOCAL_NAMES:
        for old in [key for key in _local if key[1] != span]:
            del _local[old]
        if len(_local) >= MAX_LOCAL_NAMES:
            name = OTHERS
    _local[name, span] += 1
    return _local[name, span]
