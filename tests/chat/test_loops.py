"""A worker runs a loop for each task: nothing of those that have ended may be kept."""

import asyncio
import gc
import uuid
import weakref

import pytest

from chat import replays
from chat.loops import OnePerLoop


def test_each_loop_has_its_own_and_none_outlives_it():
    kept: OnePerLoop[list] = OnePerLoop()

    async def twice():
        first = kept.get(list)
        assert kept.get(list) is first
        assert kept.get(list, is_good=lambda _: False) is not first
        return weakref.ref(asyncio.get_running_loop())

    ended = [asyncio.run(twice()) for _ in range(5)]
    asyncio.run(twice())
    gc.collect()
    assert len(kept._made) == 1 and not any(loop() for loop in ended)


@pytest.mark.usefixtures("services")
def test_a_task_leaves_no_connection_to_redis():
    async def work():
        await replays.read(uuid.uuid4(), 1, 0)
        pool = replays.client().connection_pool
        await replays.close()
        return pool

    pool = asyncio.run(work())
    assert not any(connection.is_connected for connection in pool._get_in_use_connections())
