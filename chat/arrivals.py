"""Questions that are being taken: while many are, no answer begins. Everybody is told their place first."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from chat.loops import OnePerLoop

FEW = 4  # so many at once are no rush
LONGEST_SECONDS = 3.0  # that an answer waits for it


class Arrivals:
    def __init__(self) -> None:
        self._taking = 0
        self._calm = asyncio.Event()
        self._calm.set()

    @contextmanager
    def taking(self) -> Iterator[None]:
        """One question is being saved."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        self._taking += more
        if self._taking > FEW:
            self._calm.clear()
        else:
            self._calm.set()

    async def calm(self) -> None:
        """Returns when few are being taken, or after LONGEST_SECONDS."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._calm.wait(), LONGEST_SECONDS)


_arrivals: OnePerLoop[Arrivals] = OnePerLoop()


def arrivals() -> Arrivals:
    return _arrivals.get(Arrivals)
