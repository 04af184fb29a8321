"""How many answers are written at once in this process, and who is next."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Seats:
    """So many at once. Who waits is served in rounds, one of each visitor, and can see their place.

    A visitor who asks ten questions, on however many lines, is not before somebody else with one.
    """

    def __init__(self, count: int, most_waiting: int | None = None) -> None:
        self._free = count
        self._most = most_waiting
        self._lines: dict[Hashable, deque[Ticket]] = {}  # of each visitor, in the order of this round

    @asynccontextmanager
    async def wait(self, visitor: Hashable = None) -> AsyncIterator["Ticket"]:
        """A ticket whose seat, if it got one, is free again afterwards. None: a visitor like no other."""
        ticket = Ticket(self, object() if visitor is None else visitor)
        self._enter(ticket)
        try:
            yield ticket
        finally:
            self._leave(ticket)

    @property
    def waiting(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def _enter(self, ticket: "Ticket") -> None:
        if self._free and not self._lines:
            self._free -= 1
            ticket.seat.set_result(None)
        elif self._most is not None and self.waiting >= self._most:
            ticket.turned_away = True
        else:
            self._lines.setdefault(ticket.visitor, deque()).append(ticket)

    def _leave(self, ticket: "Ticket") -> None:
        line = self._lines.get(ticket.visitor, deque())
        if ticket in line:
            line.remove(ticket)
            if not line:
                del self._lines[ticket.visitor]
        elif ticket.seated:
            self._free += 1
        while self._free and self._lines:
            self._free -= 1
            self._next().seat.set_result(None)

    def _next(self) -> "Ticket":
        """The first of whose turn it is; their others wait for the next round."""
        visitor, line = next(iter(self._lines.items()))
        del self._lines[visitor]
        first = line.popleft()
        if line:
            self._lines[visitor] = line
        return first

    def _place(self, ticket: "Ticket") -> int:
        """How many are seated up to and with this one, if nobody else comes."""
        before, own = 0, self._lines[ticket.visitor].index(ticket)
        passed = False
        for visitor, line in self._lines.items():
            if visitor == ticket.visitor:
                passed = True
                before += own
            else:  # those of the rounds before; and of this round, who stands in front
                before += min(len(line), own if passed else own + 1)
        return before + 1


class Ticket:
    """`turned_away`: too many wait already; it will never be seated."""

    def __init__(self, seats: Seats, visitor: Hashable) -> None:
        self.seat: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.visitor = visitor
        self.turned_away = False
        self._seats = seats

    @property
    def seated(self) -> bool:
        return self.seat.done()

    @property
    def place(self) -> int:
        """Of one that waits."""
        return self._seats._place(self)

    async def moved(self, seconds: float) -> None:
        """Returns when it is seated, or after `seconds`: its place may be another one then."""
        await asyncio.wait([self.seat], timeout=seconds)
