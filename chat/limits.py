"""How much one visitor, one address or one widget may ask for in a minute, and how many sockets are open."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from redis.exceptions import RedisError

from chat import replays
from supportbot import addresses, rates

WINDOW_SECONDS = 60
SOCKETS: Counter[str] = Counter()  # open sockets of each address, in this process


async def allow(kind: str, who: str, most: int) -> bool:
    """Count one more of `kind` for `who` in the last minute; what is refused counts for nothing."""
    name = f"{kind}:{who}"
    try:
        async with asyncio.timeout(rates.REDIS_SECONDS):
            return bool(await replays.client().eval(*rates.arguments(name, most, WINDOW_SECONDS)))
    except (RedisError, TimeoutError, OSError):
        return rates.HERE.allow(name, most, WINDOW_SECONDS)


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
