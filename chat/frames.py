"""The numbered frames of one reply: written by its owner, followed by any number of sockets.

The owner's `Log` holds every frame of the newest epoch in memory, so that a follower is a place in it and needs no
queue of its own. The deltas of an epoch, joined, are the text.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from chat import replays
from chat.events import frame
from chat.replays import Frame

COALESCE_SECONDS = 0.04
KEEP_SECONDS = 120
MAX_TEXT_CHARS = 12_000

LIVE: dict[UUID, "Log"] = {}


class Log:
    """The frames of the newest epoch of a reply that this process writes."""

    def __init__(self, reply: UUID, epoch: int) -> None:
        self.reply = reply
        self.epoch = epoch
        self.frames: list[Frame] = []
        self.text = ""
        self.stage: Frame | None = None
        self.ended = self.lost = False
        self.listeners = 0
        self.unheard_since = time.monotonic()
        self._coming = ""
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._unstored: list[Frame] = []
        self._storing: asyncio.Task[None] | None = None
        self._stored_bytes = 0
        self._storable = True
        LIVE[reply] = self

    @property
    def seq(self) -> int:
        return len(self.frames)

    @property
    def over(self) -> bool:
        return self.ended or self.lost

    def tell(self, stage: str, position: int | None = None) -> None:
        """Say what is being done; not stored, not numbered."""
        place = {"position": position} if position is not None else {}
        self.stage = frame("stage", reply=str(self.reply), stage=stage, **place)
        self._ring()

    def say(self, text: str) -> None:
        """Add words. What comes within COALESCE_SECONDS goes out as one delta."""
        self._coming += text
        if self._coming and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self.flush)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._coming and not self.over:
            text, self._coming = self._coming, ""
            self.text += text
            self.add("delta", text=text)

    def add(self, kind: str, **fields: Any) -> None:
        """A stored frame, with the next number of this epoch."""
        made = frame(kind, reply=str(self.reply), epoch=self.epoch, seq=self.seq + 1, **fields)
        self.frames.append(made)
        self._stored_bytes += len(str(made))
        if self._storable and self._stored_bytes <= replays.MAX_BYTES:
            self._unstored.append(made)
            if self._storing is None or self._storing.done():
                self._storing = asyncio.create_task(self._store())
        else:
            self._storable = False
        self._ring()

    def restart(self, epoch: int) -> None:
        """All earlier text is void."""
        self.flush()
        self.epoch, self.frames, self.text, self.stage = epoch, [], "", None
        self._unstored, self._stored_bytes, self._storable = [], 0, True
        self._ring()

    async def end(self, kind: str, **fields: Any) -> None:
        """The last frame; the caller has saved the row."""
        self.add(kind, **fields)
        self.ended = True
        self._leave()
        if self._storing is not None:
            await self._storing

    def lose(self) -> None:
        """Another process owns the reply now: followers go on there."""
        if not self.over:
            self.lost = True
            self._leave()

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ring()
        if self.lost:
            self._forget()
        else:
            asyncio.get_running_loop().call_later(KEEP_SECONDS, self._forget)

    def _forget(self) -> None:
        if LIVE.get(self.reply) is self:
            del LIVE[self.reply]

    async def _store(self) -> None:
        while self._unstored and self._storable:
            batch, self._unstored = self._unstored, []
            if not await replays.write(self.reply, batch) and batch[0]["epoch"] == self.epoch:
                self._storable = False

    def _ring(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self, place: "Place") -> AsyncGenerator[Frame, None]:
        """Every frame after `place`, then live ones, until the reply has ended or this process has lost it."""
        told: Frame | None = None
        self.listeners += 1
        try:
            while True:
                changed = self._changed
                if self.epoch != place.epoch:
                    place.move_to(self.epoch)
                    yield frame("restart", reply=str(self.reply), epoch=place.epoch)
                elif place.seq < self.seq:
                    place.seq += 1
                    yield self.frames[place.seq - 1]
                elif self.over:
                    return
                elif self.stage is not told and self.seq <= 1:
                    told = self.stage
                    if told is not None:
                        yield told
                else:
                    await changed.wait()
        finally:
            self.listeners -= 1
            self.unheard_since = time.monotonic()


class Place:
    """The last stored frame that a follower has."""

    def __init__(self, epoch: int, seq: int) -> None:
        self.epoch = epoch
        self.seq = seq

    def move_to(self, epoch: int) -> None:
        self.epoch, self.seq = epoch, 0
