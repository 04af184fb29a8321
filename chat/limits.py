"""How much one visitor or one address may ask for. Counted in Redis for all processes; in this one alone without it."""

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from redis.exceptions import RedisError

from chat import replays

WINDOW_SECONDS = 60
REDIS_SECONDS = 0.25
MAX_LOCAL_NAMES = 50_000

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
    global _local_window
    if window != _local_window or len(_local) > MAX_LOCAL_NAMES:
        _local_window = window
        _local.clear()
    _local[name] += 1
    return _local[name]


def address_of(scope: Mapping[str, Any]) -> str:
    """The address of a socket's client."""
    client = scope.get("client")
    forwarded = b",".join(value for name, value in scope.get("headers", ()) if name == b"x-forwarded-for")
    return _believed(str(client[0]) if client else "local", forwarded.decode("latin-1"))


def address_of_request(request: HttpRequest) -> str:
    return _believed(request.META.get("REMOTE_ADDR") or "local", request.headers.get("X-Forwarded-For", ""))


def _believed(peer: str, forwarded: str) -> str:
    """The last hop that is none of TRUSTED_PROXIES; what others say of forwarding is not believed."""
    if not forwarded or not _is_trusted(peer):
        return peer
    for hop in reversed([part.strip() for part in forwarded.split(",")]):
        if not _is_address(hop):
            return peer
        if not _is_trusted(hop):
            return hop
    return peer


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(address: str) -> bool:
    trusted: Sequence[str] = settings.TRUSTED_PROXIES
    if address in trusted:
        return True
    try:
        place = ipaddress.ip_address(address)
        return any(place in ipaddress.ip_network(row, strict=False) for row in trusted)
    except ValueError:
        return False


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
