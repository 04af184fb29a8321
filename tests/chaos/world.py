"""All that faults are done to, and what they may need to know."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from tests.chaos.browsers import Browser
from tests.chaos.history import History
from tests.chaos.lines import Line, Lines
from tests.chaos.stack import Stack


@dataclass(slots=True)
class World:
    stack: Stack
    networks: list[Lines]
    browsers: list[Browser]
    history: History
    origin: str
    lease: float
    people: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # wrote this, in which talk
    editions: defaultdict[str, int] = field(default_factory=lambda: defaultdict(lambda: 1))
    # Two faults may come at once, but not to one target: the second waits until the first is healed.
    locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    @property
    def webs(self) -> list[str]:
        return [f"web-{number}" for number in range(1, len(self.stack.ports) + 1)]

    def lines(self) -> list[Line]:
        return [line for network in self.networks for line in network.lines if line.swallowed is None]
