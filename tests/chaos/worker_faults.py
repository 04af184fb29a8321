"""What is done to the worker, its beat, and to what is sent to it: killed, doubled, poisoned, never sent."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import uuid
from contextlib import suppress

import psutil
from kombu.exceptions import OperationalError

from supportbot.deliveries import MOST_DELIVERIES
from supportbot.server_binaries import die_with_parent
from supportbot.stack import beat_child
from tests.chaos import shop
from tests.chaos.poison import die
from tests.chaos.server_faults import kill
from tests.chaos.stack import PROJECT, wait
from tests.chaos.world import World

TWO_BEATS_SECONDS = 10.0
POISON_SECONDS, POISON_AFTER_SECONDS = 20.0, 4.0
CRASHED = 9  # what tests.chaos.crash says when it has died where it should


async def worker_child_killed(world: World, chance: random.Random) -> None:
    children = world.stack.family("worker")[1:]
    if children:
        with suppress(psutil.Error):
            chance.choice(children).kill()
    await asyncio.sleep(1.0)


async def worker_tree_killed(world: World, chance: random.Random) -> None:
    await kill(world, "worker")


async def poison(world: World, chance: random.Random) -> None:
    """A task that kills whatever process does it: it may come three times, and then never again."""
    came = world.stack.data_dir / f"poison-{chance.randrange(2**31)}"
    came.touch()

    def times() -> int:
        return came.read_text().count("came")

    try:
        await asyncio.to_thread(die.delay, str(came))
    except OperationalError:  # Valkey is away just now: a fault
        world.history.note("fact", name="poison not sent", text="once")
        return
    await wait(lambda: times() >= MOST_DELIVERIES, POISON_SECONDS, every=0.2)
    if await wait(lambda: times() > MOST_DELIVERIES, POISON_AFTER_SECONDS, every=0.2):
        world.history.note("wrong", kind="poison_goes_round", text=f"it was delivered {times()} times")
    world.history.note("fact", name="poison deliveries", value=times())


async def crash_after_commit(world: World, chance: random.Random) -> None:
    """A process has saved a question and an edition, and dies at the moment when it would say so."""
    key, name = str(uuid.UUID(int=chance.getrandbits(128), version=4)), chance.choice(shop.NAMES)
    world.editions[name] += 1
    text = shop.question(chance)
    world.history.note("ask", who="crashed", id=key, text=text, once=True)
    words = [shop.WIDGET, key, text, name, str(world.editions[name])]
    crash = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.crash", *words,
        cwd=PROJECT, env=os.environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if await crash.wait() != CRASHED:  # the database may be away: then nothing was saved, or only the question
        world.history.note("fact", name="crashes that came before the commit", text="once")


async def beat_killed(world: World, chance: random.Random) -> None:
    await kill(world, "beat")


async def two_beats(world: World, chance: random.Random) -> None:
    """As after a deployment that forgot the first."""
    command = list(beat_child().command)
    command[command.index("--schedule") + 1] = str(world.stack.data_dir / "second-schedule")
    with (world.stack.data_dir / "logs" / "second-beat.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=os.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=die_with_parent(signal.SIGTERM),
        )  # fmt: skip
    try:
        await asyncio.sleep(TWO_BEATS_SECONDS)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)
