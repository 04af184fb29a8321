"""A bell between processes: something happened in this conversation, read its rows. It carries no words.

One listener a process, over the channel layer, instead of one subscription a socket: an idle socket costs nothing, and
a Redis that goes away closes none. What is rung meanwhile is lost, which is why every ringer has saved first.
"""

import asyncio
import contextlib
from collections import defaultdict
from typing import Any, Protocol
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from supportbot.log import get_logger

logger = get_logger(__name__)

GROUP = "conversations"
RING_SECONDS = 2.0


class Listener(Protocol):
    def heard(self, note: dict[str, Any]) -> None: ...


_listeners: dict[UUID, set[Listener]] = defaultdict(set)
_tasks: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}


def ring(conversation: UUID, *, state: str = "", name: str = "") -> None:
    """From synchronous code, after the commit. A bell that cannot ring is logged; the rows are there anyway."""
    async_to_sync(aring)(conversation, state=state, name=name)


async def aring(conversation: UUID, *, state: str = "", name: str = "") -> None:
    note = {"type": "bell", "conversation": str(conversation), "state": state, "name": name}
    try:
        async with asyncio.timeout(RING_SECONDS):
            await get_channel_layer().group_send(GROUP, note)
    except (RedisError, OSError, TimeoutError) as error:
        logger.warning("bell not rung", conversation=str(conversation), error=type(error).__name__)


def listen(conversation: UUID, listener: Listener) -> None:
    _listeners[conversation].add(listener)
    loop = asyncio.get_running_loop()
    if loop not in _tasks or _tasks[loop].done():
        _tasks[loop] = loop.create_task(_hear())


def forget(conversation: UUID, listener: Listener) -> None:
    _listeners[conversation].discard(listener)
    if not _listeners[conversation]:
        del _listeners[conversation]


async def _hear() -> None:
    """For as long as the process lives; after a loss of Redis everybody looks at their rows once."""
    layer = get_channel_layer()
    while True:
        try:
            channel = await layer.new_channel()
            await layer.group_add(GROUP, channel)
            while True:
                note = await layer.receive(channel)
                for listener in list(_listeners.get(UUID(note["conversation"]), ())):
                    listener.heard(note)
        except (RedisError, OSError) as error:
            logger.warning("doorbell lost", error=type(error).__name__)
            await asyncio.sleep(1)
            for listener in [one for many in _listeners.values() for one in many]:
                with contextlib.suppress(asyncio.QueueFull):
                    listener.heard({"state": "", "name": ""})
