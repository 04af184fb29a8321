"""The frames of a reply in a Redis stream: for replay, and for whoever follows from another process.

A cache, nothing more: a write that fails or takes too long is given up, and the answer goes on. Ids are
`<epoch>-<seq>`, so Redis itself refuses what an owner of an older epoch still tries to write; and only the first frame
of an epoch makes a stream, so that a Redis which has come back empty is not filled with the rest of something.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from chat.loops import OnePerLoop

LIFETIME_SECONDS = 600
MAX_BYTES = 262_144  # of one epoch; the epochs before it are removed
WRITE_SECONDS = 0.05
FIRST_WRITE_SECONDS = 0.2  # may have to connect
READ_SECONDS = 1.0

Frame = dict[str, Any]
_clients: OnePerLoop[Redis] = OnePerLoop()


def client() -> Redis:
    """One pool an event loop."""
    return _clients.get(_connect)


def _connect() -> Redis:
    pool = BlockingConnectionPool.from_url(
        settings.REDIS_URL, max_connections=16, timeout=1, socket_timeout=2, socket_connect_timeout=1
    )
    return Redis(connection_pool=pool)


async def close() -> None:
    """Before the loop ends that the connections belong to."""
    if (made := _clients.pop()) is not None:
        await made.aclose(close_connection_pool=True)


def _key(reply: UUID) -> str:
    return f"supportbot:frames:{reply}"


async def write(reply: UUID, frames: Sequence[Frame]) -> bool:
    """Add frames that follow each other in one epoch. False when it is not certain that all are there."""
    begins = frames[0]["seq"] == 1
    pipeline = client().pipeline(transaction=True)
    for frame in frames:
        place = f"{frame['epoch']}-{frame['seq']}"
        pipeline.xadd(_key(reply), {"f": json.dumps(frame)}, id=place, nomkstream=not begins)
    if begins:
        pipeline.xtrim(_key(reply), minid=f"{frames[0]['epoch']}-0", approximate=False)
    pipeline.expire(_key(reply), LIFETIME_SECONDS)
    try:
        async with asyncio.timeout(FIRST_WRITE_SECONDS if begins else WRITE_SECONDS):
            added = (await pipeline.execute())[: len(frames)]
    except (RedisError, TimeoutError, OSError):
        return False
    return None not in added


async def written(reply: UUID, epoch: int) -> int | None:
    """The number of the last frame of this epoch that is there; 0 if there is none, None if Redis does not say.

    Also None when the last frame there is of a later epoch: then this one is nobody's business any more.
    """
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            entries: Any = await client().xrevrange(_key(reply), count=1)
    except (RedisError, TimeoutError, OSError):
        return None
    if not entries:
        return 0
    there, seq = (int(part) for part in entries[0][0].decode().split("-"))
    return None if there > epoch else seq if there == epoch else 0


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
            await client().set(_heard_key(reply), 1, ex=max(2, int(settings.CHAT_GRACE_SECONDS)))
    except (RedisError, TimeoutError, OSError):
        return


async def unheard(replies: Sequence[UUID]) -> list[UUID]:
    """Those that nobody follows from another process. While Redis is away nobody knows, and none is called unheard."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            marks = await client().mget([_heard_key(reply) for reply in replies])
    except (RedisError, TimeoutError, OSError):
        return []
    return [reply for reply, mark in zip(replies, marks, strict=True) if mark is None]


def _heard_key(reply: UUID) -> str:
    return f"supportbot:heard:{reply}"
