"""The copy of a log's frames in Redis: kept as near to the log as Redis lets us, and never waited for by an answer."""

import asyncio
import json
import time
from typing import TYPE_CHECKING

from chat import meters, replays

if TYPE_CHECKING:
    from chat.frames import Log

REST_SECONDS = 1.0  # after a write that failed twice


class Copy:
    """What of the log's newest epoch is in Redis. A write that fails leaves it behind, and the next one makes it good.

    Nothing is written after the lease may have lapsed by this process's own clock: it may have been frozen since.
    """

    def __init__(self, log: "Log") -> None:
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self.begin()

    def begin(self) -> None:
        """A new epoch: nothing of it is there."""
        self._stored = self._bytes = self._counted = 0
        self._rests_until = 0.0

    def catch_up(self) -> None:
        """Write what is not there yet, in a task of its own."""
        if (self._task is None or self._task.done()) and self._is_behind():
            self._task = asyncio.create_task(self._write())

    async def end(self) -> None:
        """The log has ended: one more try for what is missing. Takes a few WRITE_SECONDS at most."""
        self._rests_until = 0.0
        self.catch_up()
        if self._task is not None:
            await self._task

    def _is_behind(self) -> bool:
        log = self._log
        missing = self._stored < log.seq and not log.lost
        return missing and log.held and time.monotonic() > self._rests_until and self._has_room()

    def _has_room(self) -> bool:
        for frame in self._log.frames[self._counted :]:
            self._bytes += len(json.dumps(frame))
        self._counted = len(self._log.frames)
        return self._bytes <= replays.MAX_BYTES

    async def _write(self) -> None:
        failed = 0
        while self._is_behind():
            log, epoch = self._log, self._log.epoch
            batch = log.frames[self._stored :]
            if await replays.write(log.reply, batch):
                there: int | None = batch[-1]["seq"]
            else:
                failed += 1
                meters.UNSTORED.inc()
                there = await replays.written(log.reply, epoch)  # some of it, all, or nothing of the whole epoch
            if log.epoch != epoch:
                continue
            if there is not None:
                self._stored = there
            if there is None or failed > 1:
                self._rests_until = time.monotonic() + REST_SECONDS
