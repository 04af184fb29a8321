"""How much one visitor, one address or one widget may ask for.

Counted in Redis for all processes. While Redis is away each process counts alone, with the same bounds: the door is
neither open nor shut.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from redis.exceptions import RedisError

from chat import replays
from supportbot import addresses

WINDOW_SECONDS = 60
REDIS_SECONDS = 0.25
MAX_LOCAL_NAMES = 50_000
OTHERS = "others"

_local: Counter[str] = Counter()
_local_window = 0
SOCKETS: Counter[str] = Counter()  # open sockets of each address, in this process


async def allow(kind: str, who: str, most: int) -> bool:
    """Count one more of `kind` for `who` in this minute."""
    window = int(time.time() // WINDOW_SECONDS)
    name = f"supportbot:limit:{kind}:{who}:{window}"
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            pipeline = replays.client().pipeline(transaction=False)
            pipeline.incr(name)
            pipeline.expire(name, 2 * WINDOW_SECONDS)
            count = (await pipeline.execute())[0]
    except (RedisError, TimeoutError, OSError):
        count = _count_here(name, window)
    return int(count) <= most


def _count_here(name: str, window: int) -> int:
    """Those who come after the table is full share one row: it can neither grow nor be emptied by making names up."""
    global _local_window
    if window != _local_window:
        _local_window = window
        _local.clear()
    if name not in _local and len(_local) >= MAX_LOCAL_NAMES:
        name = OTHERS
    _local[name] += 1
    return _local[name]


class Pace:
    """How many frames one socket may send in a minute. It counts for itself alone."""

    __slots__ = ("count", "window")

    def __init__(self) -> None:
        self.window, self.count = 0.0, 0

    def allow(self, most: int) -> bool:
        now = time.monotonic()
        if now - self.window >= WINDOW_SECONDS:
            self.window, self.count = now, 0
        self.count += 1
        return self.count <= most


def address_of(scope: Mapping[str, Any]) -> str:
    """What a socket is counted by."""
    return addresses.counted(addresses.address_of(scope))


def address_of_request(request: HttpRequest) -> str:
    return addresses.counted(addresses.address_of_request(request))


def enter(address: str) -> bool:
    """Count a new socket; False when this address has enough of them."""
    if SOCKETS[address] >= settings.CHAT_SOCKETS_PER_ADDRESS:
        return False
    SOCKETS[address] += 1
    return True


def leave(address: str) -> None:
    SOCKETS[address] -= 1
    if SOCKETS[address] <= 0:
        del SOCKETS[address]
