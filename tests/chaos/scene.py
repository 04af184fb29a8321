"""One run from its first customer to its last row: live, be hurt, settle, be counted."""

import argparse
import asyncio
import random
import time
from collections.abc import Coroutine
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error

from knowledge.bench.chaos_checks import mixtures, unrepaired
from knowledge.retrieval import RetrievalError
from tests.chaos import shop
from tests.chaos.browsers import Browser
from tests.chaos.faults import DISK_FULL, FAULTS, carry_out
from tests.chaos.history import History
from tests.chaos.lines import Lines
from tests.chaos.resumes import Resumes
from tests.chaos.schedule import plan
from tests.chaos.stack import Stack, wait
from tests.chaos.tabs import Tab
from tests.chaos.world import World

SETTLE_SECONDS = 60.0
REPAIR_SECONDS = 60.0
LOOK_SECONDS = 10.0  # between two looks at the passages
LONG_SWALLOWED = 60.0  # a server that pings every twenty seconds and waits twenty has noticed by then
SHOWN = ("CHAT_LEASE_SECONDS", "CHAT_GRACE_SECONDS", "CHAT_FIRST_TOKEN_SECONDS", "SWEEP_SECONDS")


class Scene:
    def __init__(self, stack: Stack, history: History, options: argparse.Namespace, seed: int) -> None:
        self.stack, self.history, self.options, self.seed = stack, history, options, seed
        self.over = asyncio.Event()

    async def play(self) -> dict[str, Any]:
        """Gives what the report says of the run itself."""
        networks = [Lines(port, self._reaped) for port in self.stack.ports]
        for network in networks:
            await network.open()
        origin = f"http://127.0.0.1:{settings.PORT}"
        ports, away = [network.port for network in networks], 1.5 * settings.CHAT_GRACE_SECONDS
        browsers = [
            Browser(f"b{n}", ports, origin, away, random.Random(f"browser {self.seed} {n}"), self.history)
            for n in range(1, self.options.browsers + 1)
        ]
        world = World(self.stack, networks, browsers, self.history, origin, settings.CHAT_LEASE_SECONDS)
        await self._repaired("articles_not_searchable")
        memory = {"before": self.stack.memory()}
        began = self.history.now()
        lives = [asyncio.create_task(life) for life in self._lives(world)]
        looker = asyncio.create_task(self._look())
        try:
            if not self.options.resumes:
                kinds = self.options.faults or [kind for kind in FAULTS if kind != DISK_FULL or self.options.disk]
                await carry_out(world, plan(self.seed, 60 * self.options.minutes, kinds, tuple(self.options.apart)))
            self.over.set()
            await asyncio.gather(*lives)
            seconds = self.history.now() - began
            await self._settle(world)
            memory["after"] = self.stack.memory()
        finally:
            for task in (looker, *lives):
                task.cancel()
            for outcome in await asyncio.gather(looker, *lives, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome
            for browser in browsers:
                await browser.leave()
            for network in networks:
                await network.close()
        await self._count()
        self.history.close()
        logged, raised = self.stack.logged()
        return {
            "seed": self.seed,
            "seconds": round(seconds, 1),
            "browsers": len(browsers),
            "settings": {name: getattr(settings, name) for name in SHOWN},
            "memory_mb": memory,
            "logged": dict(logged.most_common()),
            "raised": dict(raised.most_common()),
        }

    def _lives(self, world: World) -> list[Coroutine[Any, Any, None]]:
        """What the customers do all the time."""
        if self.options.resumes:
            return [Resumes(world, self.options.resumes, self.seed).play(world.browsers)]
        return [browser.live(self.over) for browser in world.browsers]

    def _reaped(self, seconds: float) -> None:
        self.history.note("fact", name="half-open lines closed by the server after s", value=round(seconds, 1))

    async def _look(self) -> None:
        """Now and then: is what is searched of one edition? And does the supervisor live?"""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.stack.check()
            try:
                found = await database_sync_to_async(mixtures)()
            except (Error, RetrievalError):
                continue  # the database is away: a fault
            self._note("passages_mixed", found)

    def _note(self, kind: str, found: list[str]) -> None:
        for text in found:
            self.history.note("wrong", kind=kind, text=text)

    async def _settle(self, world: World) -> None:
        """Everybody comes home and hears the end of all that was asked; then nothing may be left to do."""
        start = time.monotonic()
        tabs = [tab for browser in world.browsers for tab in browser.tabs]

        def has_all(tab: Tab) -> bool:
            return tab.online and not tab.waits and world.people[tab.conversation or ""] <= tab.people

        await wait(lambda: all(has_all(tab) for tab in tabs), SETTLE_SECONDS)
        for tab in tabs:
            self.history.note("at_end", who=tab.who, online=tab.online, waits=tab.waits, talk=tab.conversation)
        while await database_sync_to_async(shop.unfinished)() and time.monotonic() - start < SETTLE_SECONDS:
            await asyncio.sleep(0.2)
        self.history.note("fact", name="seconds to settle", value=round(time.monotonic() - start, 1))
        await self._repaired("articles_not_repaired")
        for network in world.networks:
            for seconds in network.swallowed():
                if seconds > LONG_SWALLOWED:
                    self._note("half_open_line_kept", [f"the server has kept it for {seconds:.0f} s"])

    async def _repaired(self, kind: str) -> None:
        end = time.monotonic() + REPAIR_SECONDS
        while left := await database_sync_to_async(unrepaired)():
            if time.monotonic() > end:
                self._note(kind, left)
                return
            await asyncio.sleep(0.3)
        self._note("passages_mixed", await database_sync_to_async(mixtures)())

    async def _count(self) -> None:
        for row in await database_sync_to_async(shop.stored)():
            self.history.note("row", **row)
