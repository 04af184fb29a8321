"""A bell between processes: something happened in this conversation, read its rows. It carries no words.

One listener a process, over the channel layer, instead of one subscription a socket: an idle socket costs nothing, and
a Redis that goes away closes none. What is rung meanwhile is lost, and the layer does not say so: hence every ringer
has saved first, and each process looks now and then for people's messages of which it may not have heard.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection
from typing import Any, Protocol
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import DatabaseError
from redis.exceptions import RedisError

from chat.loops import OnePerLoop
from chat.models import Message
from chat.storage import off_loop
from chat.tokens import Bearer
from supportbot.log import get_logger

logger = get_logger(__name__)

GROUP = "conversations"
RING_SECONDS = 2.0
LOOK_SECONDS = 10.0
OVERLAP_SECONDS = 60.0  # by which the clocks of two machines may differ


class Listener(Protocol):
    def heard(self, note: dict[str, Any]) -> None: ...


_listeners: dict[UUID, set[Listener]] = defaultdict(set)
_tasks: OnePerLoop[asyncio.Task[None]] = OnePerLoop()


def ring(conversation: UUID, *, state: str = "", name: str = "") -> None:
    """From synchronous code, after the commit. A bell that cannot ring is logged; the rows are there anyway."""
    async_to_sync(aring)(conversation, state=state, name=name)


async def aring(conversation: UUID, *, state: str = "", name: str = "", by: str = "", ended: str = "") -> None:
    """`by` names the socket that rings, and need not hear it. `ended` is a visitor's generation whose tokens ended."""
    note = {"type": "bell", "conversation": str(conversation), "state": state, "name": name, "by": by, "ended": ended}
    try:
        async with asyncio.timeout(RING_SECONDS):
            await get_channel_layer().group_send(GROUP, note)
    except (RedisError, OSError, TimeoutError) as error:
        logger.warning("bell not rung", conversation=str(conversation), error=type(error).__name__)


async def aring_end(bearer: Bearer, conversations: Collection[UUID]) -> None:
    """Every socket of this visitor hears that its tokens have ended; those of a later sign-in do not mind."""
    for conversation in conversations:
        await aring(conversation, ended=generation_of(bearer))


def ring_end(bearer: Bearer, conversations: Collection[UUID]) -> None:
    """`aring_end` from synchronous code, after the commit."""
    async_to_sync(aring_end)(bearer, conversations)


def generation_of(bearer: Bearer) -> str:
    return f"{bearer.visitor}/{bearer.generation}"


def listen(conversation: UUID, listener: Listener) -> None:
    _listeners[conversation].add(listener)
    _tasks.get(lambda: asyncio.create_task(_attend()), is_good=lambda task: not task.done())


def forget(conversation: UUID, listener: Listener) -> None:
    _listeners[conversation].discard(listener)
    if not _listeners[conversation]:
        del _listeners[conversation]


async def _attend() -> None:
    """For as long as the process lives."""
    async with asyncio.TaskGroup() as both:
        both.create_task(_hear())
        both.create_task(_look_round())


async def _hear() -> None:
    layer = get_channel_layer()
    while True:
        try:
            channel = await layer.new_channel()
            await layer.group_add(GROUP, channel)
            while True:
                note = await layer.receive(channel)
                _tell(UUID(note["conversation"]), note)
        except (RedisError, OSError) as error:
            logger.warning("doorbell lost", error=type(error).__name__)
            await asyncio.sleep(1)


async def _look_round() -> None:
    """One query for all sockets of this process finds what people have written and nobody has rung for."""
    since = time.time()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if not _listeners:
            continue
        began = time.time()
        try:
            spoken = await _spoken_to(since - OVERLAP_SECONDS)
        except DatabaseError as error:
            logger.warning("conversations not looked at", error=type(error).__name__)
            continue
        since = began
        for conversation in spoken & _listeners.keys():
            _tell(conversation, {})


@off_loop
def _spoken_to(since: float) -> set[UUID]:
    """The conversations in which a person has written after this time: ids begin with theirs, in milliseconds."""
    first = UUID(int=int(max(since, 0.0) * 1000) << 80)
    rows = Message.objects.filter(pk__gt=first, role=Message.Role.AGENT)
    return set(rows.values_list("conversation_id", flat=True))


def _tell(conversation: UUID, note: dict[str, Any]) -> None:
    for listener in list(_listeners.get(conversation, ())):
        listener.heard(note)
