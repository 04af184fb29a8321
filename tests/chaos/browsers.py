"""Customers: each has a browser with one tab or more, asks, waits, loses the line, goes away and comes back."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from tests.chaos import shop
from tests.chaos.history import History
from tests.chaos.tabs import Memory, Tab

ANSWER_SECONDS = 25.0
MOST_QUESTIONS = 8  # of a conversation: a welcome shows all of it
MOST_TABS = 3


class Browser:
    """`away`: seconds that leave a customer's answer unheard for too long."""

    def __init__(
        self, name: str, ports: list[int], origin: str, away: float, chance: random.Random, history: History
    ) -> None:
        self.name, self.ports, self.origin, self.away = name, ports, origin, away
        self.chance, self.history = chance, history
        self.memory = Memory()
        self.tabs: list[Tab] = []
        self.questions = self._opened = 0

    async def live(self, over: asyncio.Event) -> None:
        self.open()
        while not over.is_set():
            await asyncio.sleep(self.chance.uniform(0.2, 2.0))
            if self.questions >= MOST_QUESTIONS:
                await self.begin()
            move = self.chance.choices(MOVES, WEIGHTS)[0]
            await move(self)
        if not self.tabs:
            self.open()

    async def leave(self) -> None:
        for tab in list(self.tabs):
            await tab.leave(rude=False)

    def open(self, heir_of: Tab | None = None) -> Tab:
        """A page that has just been loaded; `heir_of` the one it replaces, with what waited there."""
        self._opened += 1
        who = f"{self.name}.{self._opened}"
        tab = Tab(who, self.ports, self.origin, self.memory, random.Random(f"{self.chance.random()}"), self.history)
        if heir_of is not None:
            tab.pending = heir_of.pending
        self.tabs.append(tab)
        tab.open()
        return tab

    async def close(self, tab: Tab, *, rude: bool) -> None:
        self.tabs.remove(tab)
        await tab.leave(rude=rude)

    async def begin(self) -> None:
        """A new conversation of the same visitor, when all of the old one has its end."""
        for tab in self.tabs:
            await tab.rest(ANSWER_SECONDS)
        if any(tab.waits for tab in self.tabs):
            return
        for tab in list(self.tabs):
            await self.close(tab, rude=False)
        self.memory.conversation = self.memory.last_reply = None
        self.questions = 0
        self.open()

    @property
    def front(self) -> Tab:
        return self.tabs[-1]

    async def ask(self, *, times: int = 1) -> tuple[Tab, str, str]:
        self.questions += 1
        tab, text = self.front, shop.question(self.chance)
        return tab, await tab.ask(text, times=times), text

    async def ask_and_wait(self) -> None:
        tab, _, _ = await self.ask()
        await tab.rest(ANSWER_SECONDS)

    async def ask_two(self) -> None:
        await self.ask()
        await asyncio.sleep(self.chance.uniform(0, 0.5))
        await self.ask_and_wait()

    async def send_many_times(self) -> None:
        tab, key, text = await self.ask(times=self.chance.choice((2, 3, 10)))
        for other in self.tabs[:-1]:
            await other.ask(text, key=key, times=2)
        await tab.rest(ANSWER_SECONDS)
        if self.chance.random() < 0.3 and key not in tab.pending:
            await tab.ask(text, key=key)  # after its end: it is told again
            await tab.rest(ANSWER_SECONDS)

    async def lose_the_line(self) -> None:
        tab, _, _ = await self.ask()
        for _ in range(self.chance.choice((1, 1, 2, 4))):
            await asyncio.sleep(self.chance.uniform(0, 2.5))
            tab.cut()
        await tab.rest(ANSWER_SECONDS)

    async def go_and_come_back(self) -> None:
        tab, _, _ = await self.ask()
        await asyncio.sleep(self.chance.uniform(0, 2.5))
        await self.close(tab, rude=self.chance.random() < 0.5)
        await asyncio.sleep(self.chance.choice((0.05, 0.5, 2.0, self.away)))
        tab = self.open(heir_of=tab)
        await tab.rest(ANSWER_SECONDS)

    async def open_another_tab(self) -> None:
        first, _, _ = await self.ask()
        await asyncio.sleep(self.chance.uniform(0, 1.5))
        second = self.open()
        await first.rest(ANSWER_SECONDS)
        await second.rest(ANSWER_SECONDS)
        while len(self.tabs) >= MOST_TABS or (len(self.tabs) > 1 and self.chance.random() < 0.5):
            oldest = self.tabs[0]
            for key, text in oldest.pending.items():
                await self.front.ask(text, key=key)
            await self.close(oldest, rude=self.chance.random() < 0.5)

    async def say_stop(self) -> None:
        tab, _, _ = await self.ask()
        await asyncio.sleep(self.chance.uniform(0.1, 2.0))
        for reply in tab.waits:
            if reply not in tab.pending:
                await tab.say(type="stop", reply=reply)
        await tab.rest(ANSWER_SECONDS)


Move = Callable[[Browser], Awaitable[None]]
MOVES: tuple[Move, ...] = (
    Browser.ask_and_wait, Browser.ask_two, Browser.send_many_times, Browser.lose_the_line,
    Browser.go_and_come_back, Browser.open_another_tab, Browser.say_stop,
)  # fmt: skip
WEIGHTS = (5, 2, 2, 4, 3, 2, 1)
