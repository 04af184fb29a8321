"""In a rush everybody is told their place before any answer takes the processor."""

import asyncio
from contextlib import ExitStack

from chat import arrivals
from chat.arrivals import FEW, Arrivals


async def test_a_few_questions_are_no_rush():
    door = Arrivals()
    with ExitStack() as inside:
        for _ in range(FEW):
            inside.enter_context(door.taking())
        await asyncio.wait_for(door.calm(), 0.5)


async def test_answers_begin_when_the_rush_is_over():
    door, inside = Arrivals(), ExitStack()
    for _ in range(FEW + 2):
        inside.enter_context(door.taking())
    waiting = asyncio.create_task(door.calm())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    inside.close()
    await asyncio.wait_for(waiting, 0.5)


async def test_a_rush_without_end_holds_nobody_up_for_long(monkeypatch):
    monkeypatch.setattr(arrivals, "LONGEST_SECONDS", 0.1)
    door = Arrivals()
    with ExitStack() as inside:
        for _ in range(FEW + 1):
            inside.enter_context(door.taking())
        await asyncio.wait_for(door.calm(), 2)
