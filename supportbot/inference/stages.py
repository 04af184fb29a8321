"""The steps of a start, one after the other, and the seconds of each: an operator sees what it waits for."""

import time
from collections.abc import Callable


class Stages:
    """`begin` is called by the thread that loads; all else may be read by any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self.now = ""
        self.seconds: dict[str, float] = {}

    def begin(self, name: str) -> None:
        """What was going on has ended; an empty name ends the last."""
        before, self._started = self._started, self._clock()
        if self.now:
            self.seconds[self.now] = self.seconds.get(self.now, 0.0) + self._started - before
        self.now = name

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def __str__(self) -> str:
        """`libraries 2.6 s, chat model 0.9 s`"""
        return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
