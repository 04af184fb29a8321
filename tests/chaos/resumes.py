"""Coming back at points of chance, so many times: `python -m tests.chaos.run --resumes 200`.

Each customer asks (every second question is sent ten times), loses the line after some frames or some time, is away for
a moment, and comes back; at every tenth the web process that they spoke with is killed with the line. What was heard
over all of the lines is compared, byte by byte, with what is stored.
"""

import asyncio
import random
import signal
from collections.abc import Sequence

from tests.chaos import shop
from tests.chaos.browsers import ANSWER_SECONDS, MOST_QUESTIONS, Browser
from tests.chaos.server_faults import web_back
from tests.chaos.tabs import Tab
from tests.chaos.world import World

REPETITIONS = 10
KILLED_EVERY = 10
AWAY_SECONDS = (0.0, 0.05, 0.4, 2.0)
MOST_FRAMES = 12
MOST_WAITS = 6  # of ANSWER_SECONDS for one answer: a machine may be busy


class Resumes:
    """`count` of them over all customers; `killed` is how many met the death of a web process."""

    def __init__(self, world: World, count: int, seed: int) -> None:
        self.world, self.count = world, count
        self.chance = random.Random(f"resumes {seed}")
        self.begun = self.killed = 0

    async def play(self, browsers: Sequence[Browser]) -> None:
        await asyncio.gather(*(self._live(browser) for browser in browsers))
        self.world.history.note("fact", name="times a customer came back to an answer", text=self.count)
        self.world.history.note("fact", name="of them over a killed web process", text=self.killed)

    async def _live(self, browser: Browser) -> None:
        browser.open()
        while self.begun < self.count:
            self.begun += 1
            number = self.begun
            if browser.questions >= MOST_QUESTIONS:
                await browser.begin()
            browser.questions += 1
            await self._one(browser.front, number)

    async def _one(self, tab: Tab, number: int) -> None:
        """Ask, be cut off, come back, hear the end."""
        await self._until(lambda: tab.online)
        heard = tab.heard
        await tab.ask(shop.question(self.chance), times=1 if number % 2 else REPETITIONS)
        frames = self.chance.randint(0, MOST_FRAMES)
        await self._until(lambda: tab.heard >= heard + frames or not tab.waits)
        await asyncio.sleep(self.chance.uniform(0, 0.3))
        if number % KILLED_EVERY == 0:
            await self._kill(tab)
        tab.cut()
        await asyncio.sleep(self.chance.choice(AWAY_SECONDS))
        await self._until(lambda: not tab.waits)

    async def _kill(self, tab: Tab) -> None:
        """The process that the tab speaks with, as long as another one is there to come back to."""
        place = tab.ports.index(tab.port)
        web = self.world.webs[place]
        if self.world.locks["web"].locked():
            await self._until(lambda: not self.world.locks["web"].locked())
        async with self.world.locks["web"]:
            if self.world.stack.signal(web, signal.SIGKILL):
                self.killed += 1
            tab.cut()
            await web_back(self.world, web)

    async def _until(self, true) -> None:
        for _ in range(int(MOST_WAITS * ANSWER_SECONDS / 0.02)):
            if true():
                return
            await asyncio.sleep(0.02)
