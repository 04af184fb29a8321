"""What there is once for each event loop. A Celery task runs a loop of its own: what belonged to it goes with it."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class OnePerLoop(Generic[T]):
    def __init__(self) -> None:
        self._made: dict[asyncio.AbstractEventLoop, T] = {}

    def get(self, make: Callable[[], T], is_good: Callable[[T], bool] = lambda _: True) -> T:
        """That of the running loop, made if there is none yet, or none that `is_good`."""
        loop = asyncio.get_running_loop()
        if loop not in self._made or not is_good(self._made[loop]):
            for closed in [other for other in self._made if other.is_closed()]:
                del self._made[closed]
            self._made[loop] = make()
        return self._made[loop]

    def pop(self) -> T | None:
        """Take that of the running loop away."""
        return self._made.pop(asyncio.get_running_loop(), None)

    def clear(self) -> None:
        self._made.clear()
