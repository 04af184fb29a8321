"""Hearing a reply to its end, whoever writes it: this process, another one, or nobody any more."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from chat import replays
from chat.conversations import shown_sources
from chat.events import Seen, frame
from chat.frames import LIVE, Place
from chat.leases import UNFINISHED
from chat.models import Message
from chat.replays import Frame
from chat.storage import off_loop

POLL_SECONDS = 0.1
ROW_SECONDS = 1.0


class LostPlace(Exception):
    """What comes next cannot be given without a gap: the client must say hello again and take the row."""


async def follow(reply: UUID, place: Place) -> AsyncGenerator[Frame, None]:
    """Every frame after `place` to the last one. Raises LostPlace rather than leave something out."""
    while True:
        log = LIVE.get(reply)
        if log is not None and log.epoch >= place.epoch:
            async with aclosing(log.follow(place)) as frames:
                async for item in frames:
                    yield item
            if log.ended:
                return
            continue
        async with aclosing(_from_elsewhere(reply, place)) as frames:
            async for item in frames:
                yield item
                if item["type"] in ("done", "failed"):
                    return


async def can_replay(row: Message, seen: Seen) -> Place | None:
    """Where to go on without a gap, or None: then the row itself is what the client gets."""
    log = LIVE.get(row.pk)
    if log is not None and not log.lost:
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


async def _from_elsewhere(reply: UUID, place: Place) -> AsyncGenerator[Frame, None]:
    """From Redis while another process writes; the end from the row if Redis does not have it."""
    looked = 0.0
    while LIVE.get(reply) is None:
        for item in await replays.read(reply, place.epoch, place.seq):
            if item["epoch"] != place.epoch:
                place.move_to(item["epoch"])
                yield frame("restart", reply=str(reply), epoch=place.epoch)
            if item["seq"] != place.seq + 1:
                break  # Redis lost some: only the row can tell now
            place.seq += 1
            yield item
        if time.monotonic() - looked > ROW_SECONDS:
            looked = time.monotonic()
            await replays.heard(reply)
            for item in await _ended(reply, place):
                yield item
        await asyncio.sleep(POLL_SECONDS)


async def _ended(reply: UUID, place: Place) -> list[Frame]:
    """The whole reply from its row, once it has ended and Redis does not hold the rest. Raises LostPlace."""
    row, sources = await load(reply)
    rest = await replays.read(reply, place.epoch, place.seq)
    goes_on = rest and rest[0]["seq"] == (place.seq + 1 if rest[0]["epoch"] == place.epoch else 1)
    if row.status in UNFINISHED or goes_on:
        return []
    made: list[Frame] = []
    if row.epoch != place.epoch:
        place.move_to(row.epoch)
        made = [frame("restart", reply=str(reply), epoch=place.epoch)]
    if place.seq:
        raise LostPlace
    return made + whole(row, sources)


@off_loop
def load(reply: UUID) -> tuple[Message, list[dict[str, object]]]:
    row = Message.objects.get(pk=reply)
    return row, shown_sources(row)


def whole(row: Message, sources: list[dict[str, object]]) -> list[Frame]:
    """An ended reply as the frames of one epoch, for a client that has seen none of them."""
    made: list[Frame] = []

    def add(kind: str, **fields: object) -> None:
        made.append(frame(kind, reply=str(row.pk), epoch=row.epoch, seq=len(made) + 1, **fields))

    if sources:
        add("sources", sources=sources)
    if row.text:
        add("delta", text=row.text)
    if row.status == Message.Status.FAILED:
        add("failed", code=row.reason, text="", retry=True)
    else:
        add("done", **last_words(row, [int(str(s["n"])) for s in sources if s.get("cited")]))
    return made


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
