"""How many answers are written at once in this process, and who is next."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Seats:
    """First come, first served. Those who wait can see their place."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._moved = asyncio.Event()

    @asynccontextmanager
    async def wait(self) -> AsyncIterator["Ticket"]:
        """A ticket whose seat, if it got one, is free again afterwards."""
        ticket = Ticket(self)
        try:
            yield ticket
        finally:
            self._leave(ticket)

    def _enter(self, ticket: "Ticket") -> None:
        if self._free and not self._waiting:
            self._free -= 1
            ticket.seat.set_result(None)
        else:
            self._waiting.append(ticket.seat)

    def _leave(self, ticket: "Ticket") -> None:
        if ticket.seat in self._waiting:
            self._waiting.remove(ticket.seat)
        elif ticket.seat.done() and not ticket.seat.cancelled():
            self._free += 1
        while self._free and self._waiting:
            self._free -= 1
            self._waiting.popleft().set_result(None)
        self._moved.set()
        self._moved = asyncio.Event()


class Ticket:
    def __init__(self, seats: Seats) -> None:
        self.seat: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._seats = seats
        seats._enter(self)

    @property
    def seated(self) -> bool:
        return self.seat.done()

    @property
    def place(self) -> int:
        """How many are to be seated up to and with this one."""
        return self._seats._waiting.index(self.seat) + 1

    async def moved(self, seconds: float) -> None:
        """Returns when the queue has moved, or after `seconds`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._seats._moved.wait(), seconds)
