"""How often somebody may do something: at most so many times within any span of so many seconds.

The times are kept in Redis, for all processes and by its own clock. What is refused is not counted: who waits gets in
again, and a crowd of refused tries keeps nobody out for longer. While Redis is away each process counts alone, with the
same bounds: the door is neither open nor shut.
"""

import time
from collections import deque
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from redis import Redis
from redis.exceptions import RedisError

from supportbot.addresses import address_of_request, counted

REDIS_SECONDS = 0.25
MOST_NAMES = 50_000
CLEARED_EVERY_SECONDS = 10.0
OTHERS = "others"

# KEYS: the name. ARGV: how many, the span in microseconds. Gives 1 if it is allowed, and counts it.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[2]))
local count = redis.call('ZCARD', KEYS[1])
if count >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now), string.format('%.0f.%d', now, count))
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000))
return 1
"""


def arguments(name: str, most: int, seconds: int) -> tuple[str, int, str, int, int]:
    """What `eval` of either client takes."""
    return SCRIPT, 1, f"supportbot:rate:{name}", most, seconds * 1_000_000


def allow(kind: str, request: HttpRequest, most: int, *, seconds: int = 60) -> bool:
    """Count one more of `kind` for the request's address."""
    name = f"{kind}:{counted(address_of_request(request))}"
    try:
        return bool(_client().eval(*arguments(name, most, seconds)))
    except (RedisError, OSError):
        return HERE.allow(name, most, seconds)


@cache
def _client() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)


class Here:
    """The same count in this process alone, for so many names."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}
        self._over: dict[str, float] = {}  # when the last time of each name counts no more
        self._cleared = 0.0

    def __len__(self) -> int:
        return len(self._times)

    def allow(self, name: str, most: int, seconds: int) -> bool:
        now = time.monotonic()
        name = self._row(name, now)
        times = self._times.setdefault(name, deque())
        while times and now - times[0] >= seconds:
            times.popleft()
        if len(times) >= most:
            return False
        times.append(now)
        self._over[name] = now + seconds
        return True

    def clear(self) -> None:
        self._times.clear()
        self._over.clear()

    def _row(self, name: str, now: float) -> str:
        """Who comes after the table is full shares one row, so that it cannot be emptied by making names up."""
        if name in self._times or len(self._times) < MOST_NAMES:
            return name
        if now - self._cleared >= CLEARED_EVERY_SECONDS:
            self._cleared = now
            for old in [key for key in self._times if self._over.get(key, 0.0) <= now]:
                del self._times[old]
                self._over.pop(old, None)
        return name if len(self._times) < MOST_NAMES else OTHERS


HERE = Here()
