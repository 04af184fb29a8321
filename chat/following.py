"""Hearing a reply to its end, whoever writes it: this process, another one, or nobody any more.

What cannot be told without a gap is never pieced together: `LostPlace`, and the client says hello again and takes the
row. So each number of an epoch means one frame, whoever told it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper

from chat import replays
from chat.events import Seen, frame
from chat.frames import LIVE, Log, Place
from chat.leases import LAPSED, UNFINISHED
from chat.models import Message
from chat.replays import Frame
from chat.storage import off_loop

POLL_SECONDS = 0.1
ROW_SECONDS = 1.0

TakeOver = Callable[[UUID], Awaitable[object]]


class LostPlace(Exception):
    """What comes next cannot be given without a gap: the client must say hello again and take the row."""


async def follow(reply: UUID, place: Place, take_over: TakeOver) -> AsyncGenerator[Frame, None]:
    """Every frame after `place` to the last one. Raises LostPlace rather than leave something out.

    `take_over` is called when nobody writes the reply any more: whoever hears it has it finished.
    """
    while True:
        log = _live(reply, place)
        if log is not None:
            async with aclosing(log.follow(place)) as frames:
                async for item in frames:
                    yield item
            if log.ended:
                return
            continue
        async with aclosing(_from_elsewhere(reply, place, take_over)) as frames:
            async for item in frames:
                yield item
                if item["type"] in ("done", "failed"):
                    return


def _live(reply: UUID, place: Place) -> Log | None:
    """The log in this process; not one of an older epoch, whose owner was frozen and does not know yet."""
    log = LIVE.get(reply)
    return log if log is not None and log.epoch >= place.epoch else None


async def can_replay(row: Message, seen: Seen) -> Place | None:
    """Where to go on without a gap, or None: then the row itself is what the client gets."""
    log = LIVE.get(row.pk)
    if log is not None and not log.lost and log.epoch >= row.epoch:
        epoch, last = log.epoch, log.seq
    else:
        epoch = max(row.epoch, 1)
        last = await _stored_up_to(row, epoch, seen)
    if seen.epoch > epoch or (seen.epoch == epoch and seen.seq > last) or last < row.seq:
        return None
    return Place(seen.epoch, seen.seq)


def has_all(row: Message, place: Place) -> bool:
    """This place is the end of a reply that has ended."""
    return row.status not in UNFINISHED and (place.epoch, place.seq) == (row.epoch, row.seq)


async def _stored_up_to(row: Message, epoch: int, seen: Seen) -> int:
    """The last frame in Redis that is reached without a gap from what the client has; -1 if there is a gap."""
    after = seen.seq if seen.epoch == epoch else 0
    frames = [f for f in await replays.read(row.pk, epoch, after) if f["epoch"] == epoch]
    if [f["seq"] for f in frames] != list(range(after + 1, after + 1 + len(frames))):
        return -1
    return after + len(frames)


async def _from_elsewhere(reply: UUID, place: Place, take_over: TakeOver) -> AsyncGenerator[Frame, None]:
    """From Redis while another process writes. Raises LostPlace when it has ended and Redis lacks the rest."""
    looked, gone = 0.0, False
    while _live(reply, place) is None:
        items = await replays.read(reply, place.epoch, place.seq)
        for item in items:
            if item["epoch"] != place.epoch:
                if all(other["type"] == "sources" for other in items):
                    break  # the words of the epoch before stay in sight until there are new ones
                place.move_to(item["epoch"])
                yield frame("restart", reply=str(reply), epoch=place.epoch)
            if item["seq"] != place.seq + 1:
                break  # Redis lost some: only the row can tell now
            place.seq += 1
            yield item
        if time.monotonic() - looked > ROW_SECONDS:
            looked = time.monotonic()
            await replays.heard(reply)
            row = await _load(reply)
            if row is not None and row.status in UNFINISHED:
                if row.lapsed:
                    await take_over(reply)
            elif gone:
                raise LostPlace
            else:
                gone = True  # what is left of it may be on its way: it is written after the row
        await asyncio.sleep(POLL_SECONDS)


@off_loop
def _load(reply: UUID) -> Any:
    """The row or None, with `lapsed`: whether its lease is free by the database's clock."""
    lapsed = ExpressionWrapper(LAPSED, output_field=BooleanField())
    return Message.objects.annotate(lapsed=lapsed).filter(pk=reply).first()


def last_words(row: Message, citations: list[int]) -> dict[str, object]:
    """The fields of `done`."""
    return {
        "text": row.text,
        "outcome": row.outcome,
        "reason": row.reason or None,
        "citations": citations,
        "nearest": row.nearest,
        "follow_ups": row.follow_ups,
    }
