"""The numbered frames of one reply: written by its owner, followed by any number of sockets.

The owner's `Log` holds every frame of the newest epoch in memory, so that a follower is a place in it and needs no
queue of its own. The deltas of an epoch, joined, are the text.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from django.conf import settings

from chat.copying import Copy
from chat.events import frame
from chat.replays import Frame

COALESCE_SECONDS = 0.04
KEEP_SECONDS = 120
MAX_TEXT_CHARS = 12_000
BELIEVED_SHARE = 0.8  # of a lease: this process's clock need not run as the database's does

LIVE: dict[UUID, "Log"] = {}


class Log:
    """The frames of the newest epoch of a reply that this process writes.

    Words are told only while the lease holds by this process's own clock. One that was frozen meanwhile keeps them
    back until it has asked the database (`renewed`), or hears that another owns the reply (`lose`).
    """

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
        self._held_until = 0.0
        self._copy = Copy(self)
        self.renewed(time.monotonic())
        LIVE[reply] = self

    @property
    def seq(self) -> int:
        return len(self.frames)

    @property
    def speaks(self) -> bool:
        """There are words of this epoch, or its end: until then the words of the one before stay in sight."""
        return bool(self.text) or self.ended

    @property
    def over(self) -> bool:
        return self.ended or self.lost

    @property
    def held(self) -> bool:
        """Whether the lease cannot have lapsed since it was renewed."""
        return time.monotonic() < self._held_until

    def renewed(self, at: float) -> None:
        """The lease was lengthened by a statement sent at this time of `time.monotonic`."""
        self._held_until = at + BELIEVED_SHARE * settings.CHAT_LEASE_SECONDS
        if self._coming and self._timer is None:
            self.flush()  # was kept back
        self._copy.catch_up()

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

    def flush(self) -> bool:
        """False if words are kept back: the lease may have lapsed."""
        self._cancel_timer()
        if self._coming and self.held and not self.over:
            text, self._coming = self._coming, ""
            self.text += text
            self.add("delta", text=text)
        return not self._coming or self.over

    def add(self, kind: str, **fields: Any) -> None:
        """A stored frame, with the next number of this epoch."""
        made = frame(kind, reply=str(self.reply), epoch=self.epoch, seq=self.seq + 1, **fields)
        self.frames.append(made)
        self._copy.catch_up()
        self._ring()

    def restart(self, epoch: int) -> None:
        """All earlier text is void, and what is still to come of it."""
        self._cancel_timer()
        self.epoch, self.frames, self.text, self.stage, self._coming = epoch, [], "", None, ""
        self._copy.begin()
        self._ring()

    async def end(self, kind: str, **fields: Any) -> None:
        """The last frame; the caller has saved the row."""
        self.add(kind, **fields)
        self.ended = True
        self._leave()
        await self._copy.end()

    def lose(self) -> None:
        """Another process owns the reply now: followers go on there."""
        if not self.over:
            self.lost = True
            self._leave()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self) -> None:
        self._cancel_timer()
        self._ring()
        if self.lost:
            self._forget()
        else:
            asyncio.get_running_loop().call_later(KEEP_SECONDS, self._forget)

    def _forget(self) -> None:
        if LIVE.get(self.reply) is self:
            del LIVE[self.reply]

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
                if self.epoch != place.epoch and self.speaks:
                    place.move_to(self.epoch)
                    yield frame("restart", reply=str(self.reply), epoch=place.epoch)
                elif self.epoch == place.epoch and place.seq < self.seq:
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
