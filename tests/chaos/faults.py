"""Every fault by its name, and the doing of the planned ones."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from tests.chaos import line_faults as lines
from tests.chaos import server_faults as servers
from tests.chaos import worker_faults as workers
from tests.chaos.schedule import Planned
from tests.chaos.world import World

MOST_SECONDS = 150.0  # of one fault, with its healing
DISK_FULL = "disk full"  # only where the data lies on a small disk of its own

Fault = Callable[[World, random.Random], Awaitable[None]]
# Most valuable first. What it is done to keeps two faults of one target apart.
FAULTS: dict[str, tuple[str, Fault]] = {
    "web killed": ("web", servers.web_killed),
    "web drained": ("web", servers.web_drained),
    "web frozen past its lease": ("web", servers.web_frozen),
    "web held up": ("web", servers.web_held_up),
    "all webs killed": ("web", servers.webs_killed),
    "valkey killed and back empty": ("valkey", servers.valkey_killed),
    "valkey frozen": ("valkey", servers.valkey_frozen),
    "valkey's clients cut": ("valkey", servers.valkey_clients_cut),
    "valkey emptied": ("valkey", servers.valkey_emptied),
    "postgres restarted at once": ("postgres", servers.postgres_restarted),
    "postgres frozen": ("postgres", servers.postgres_frozen),
    "postgres' clients cut": ("postgres", servers.postgres_clients_cut),
    "engine killed": ("model", servers.model_killed),
    "engine frozen": ("model", servers.model_frozen),
    "engine misbehaves": ("model", servers.model_misbehaves),
    "engine out of memory": ("model", servers.model_out_of_memory),
    DISK_FULL: ("disk", servers.disk_full),
    "worker's child killed": ("worker", workers.worker_child_killed),
    "worker killed": ("worker", workers.worker_tree_killed),
    "beat killed": ("worker", workers.beat_killed),
    "two beats": ("worker", workers.two_beats),
    "poison": ("worker", workers.poison),
    "crash after commit": ("crash", workers.crash_after_commit),
    "all lines cut": ("lines", lines.lines_cut),
    "lines held": ("lines", lines.lines_held),
    "lines half open": ("lines", lines.lines_swallowed),
    "crowd": ("crowd", lines.crowd),
    "articles edited": ("articles", lines.articles_edited),
    "person writes": ("person", lines.person_writes),
    "slow reader": ("slow reader", lines.slow_reader),
}


async def carry_out(world: World, planned: Sequence[Planned]) -> None:
    """Each at its time, or as soon as its target is well again; returns when all are healed."""
    began = world.history.now()
    async with asyncio.TaskGroup() as group:
        for number, one in enumerate(planned, 1):
            await asyncio.sleep(max(0.0, began + one.at - world.history.now()))
            group.create_task(_do(world, number, one))


async def _do(world: World, number: int, planned: Planned) -> None:
    target, fault = FAULTS[planned.kind]
    async with world.locks[target]:
        world.history.note("fault", n=number, kind=planned.kind)
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await fault(world, random.Random(planned.seed))
        except TimeoutError as error:
            world.history.note("wrong", kind="fault_not_healed", text=f"{planned.kind}: {error}")
        world.history.note("healed", n=number, kind=planned.kind)
