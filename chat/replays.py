"""The frames of a reply in a Redis stream: for replay, and for whoever follows from another process.

A cache, nothing more: a write that fails or takes too long is given up, and the answer goes on. Ids are
`<epoch>-<seq>`, so Redis itself refuses what an owner of an older epoch still tries to write.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

LIFETIME_SECONDS = 600
MAX_BYTES = 262_144
WRITE_SECONDS = 0.05
READ_SECONDS = 1.0

Frame = dict[str, Any]
_clients: dict[asyncio.AbstractEventLoop, Redis] = {}


def client() -> Redis:
    """One pool an event loop; the pools of loops that have closed are forgotten."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        for closed in [other for other in _clients if other.is_closed()]:
            del _clients[closed]
        pool = BlockingConnectionPool.from_url(
            settings.REDIS_URL, max_connections=16, timeout=1, socket_timeout=2, socket_connect_timeout=1
        )
        _clients[loop] = Redis(connection_pool=pool)
    return _clients[loop]


def _key(reply: UUID) -> str:
    return f"supportbot:frames:{reply}"


async def write(reply: UUID, frames: Sequence[Frame]) -> bool:
    """False when the frames were not stored: from here on this epoch has a gap, and must not be replayed from Redis."""
    pipeline = client().pipeline(transaction=True)
    for frame in frames:
        pipeline.xadd(_key(reply), {"f": json.dumps(frame)}, id=f"{frame['epoch']}-{frame['seq']}")
    pipeline.expire(_key(reply), LIFETIME_SECONDS)
    try:
        async with asyncio.timeout(WRITE_SECONDS * (4 if frames[0]["seq"] == 1 else 1)):
            await pipeline.execute()
    except (RedisError, TimeoutError, OSError):
        return False
    return True


async def read(reply: UUID, epoch: int, seq: int) -> list[Frame]:
    """The stored frames after this place, in order; of the newest epoch among them only. Empty when Redis is away."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            entries: Any = await client().xrange(_key(reply), min=f"({epoch}-{seq}", max="+", count=5000)
    except (RedisError, TimeoutError, OSError):
        return []
    frames = [json.loads(fields[b"f"]) for _, fields in entries]
    return [frame for frame in frames if frame["epoch"] == frames[-1]["epoch"]]


async def heard(reply: UUID) -> None:
    """Note that somebody follows this reply from another process than its writer's."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            await client().set(f"supportbot:heard:{reply}", 1, ex=max(2, int(settings.CHAT_GRACE_SECONDS)))
    except (RedisError, TimeoutError, OSError):
        return


async def is_heard(reply: UUID) -> bool:
    try:
        async with asyncio.timeout(READ_SECONDS):
            return bool(await client().exists(f"supportbot:heard:{reply}"))
    except (RedisError, TimeoutError, OSError):
        return False
