"""What is done to processes: killed, stopped in order, frozen and woken, cut off from each other."""

import asyncio
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import psycopg
import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from supportbot.server_process import valkey_answers
from tests.chaos.engine import misbehaving_script, steady_script
from tests.chaos.stack import wait
from tests.chaos.world import World

BACK_SECONDS = 60.0
DRAIN_SECONDS = 20.0  # the supervisor gives it twelve
WRITES_SECONDS = 10.0  # within which somebody asks it
MISBEHAVING_SECONDS, REQUESTS = 4.0, 15
FULL_SECONDS = (3.0, 8.0)
MEGABYTE = 2**20


async def web_killed(world: World, chance: random.Random) -> None:
    await kill(world, chance.choice(world.webs))


async def webs_killed(world: World, chance: random.Random) -> None:
    """All of them: the answers are left to the worker, until one is back."""
    await asyncio.gather(*(kill(world, web) for web in world.webs))


async def web_drained(world: World, chance: random.Random) -> None:
    """As at a deployment."""
    web = chance.choice(world.webs)
    process = await there(world, web)
    process.terminate()
    if not await wait(lambda: not runs(process), DRAIN_SECONDS):
        world.history.note("wrong", kind="drain_too_long", text=f"{web} ran on for {DRAIN_SECONDS:.0f} s after SIGTERM")
        process.kill()
    await web_back(world, web)


async def web_frozen(world: World, chance: random.Random) -> None:
    """For longer than its leases: others take over, and it wakes as an owner that has lost everything."""
    await _freeze(world, chance.choice(world.webs), world.lease + chance.uniform(1, 4))


async def web_held_up(world: World, chance: random.Random) -> None:
    """For less than its leases: it goes on as if nothing had been."""
    await _freeze(world, chance.choice(world.webs), chance.uniform(0.5, 0.8 * world.lease))


async def valkey_killed(world: World, chance: random.Random) -> None:
    """And started again with nothing of what it held."""
    process = await there(world, "valkey")
    shutil.rmtree(world.stack.data_dir / "valkey" / "appendonlydir", ignore_errors=True)
    process.kill()
    await wait(lambda: not runs(process), BACK_SECONDS)
    await _valkey_back(world)


async def valkey_emptied(world: World, chance: random.Random) -> None:
    await _tell_valkey("FLUSHALL")


async def valkey_frozen(world: World, chance: random.Random) -> None:
    await _freeze(world, "valkey", chance.choice((1.0, 3.0, 8.0)))


async def valkey_clients_cut(world: World, chance: random.Random) -> None:
    for kind in ("normal", "pubsub"):
        await _tell_valkey("CLIENT", "KILL", "TYPE", kind)


async def postgres_restarted(world: World, chance: random.Random) -> None:
    """At once: every connection ends in the midst of what it does."""
    process = await there(world, "postgres")
    process.send_signal(signal.SIGQUIT)
    await wait(lambda: not runs(process), BACK_SECONDS)
    await _postgres_back(world)


async def postgres_frozen(world: World, chance: random.Random) -> None:
    await _freeze(world, "postgres", chance.uniform(1, 5))


async def postgres_clients_cut(world: World, chance: random.Random) -> None:
    statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    await asyncio.to_thread(_in_database, f"{statement} AND backend_type = 'client backend'")


async def model_killed(world: World, chance: random.Random) -> None:
    await kill(world, "model")


async def model_frozen(world: World, chance: random.Random) -> None:
    await _freeze(world, "model", chance.choice((2.0, 6.0, 17.0)))


async def model_misbehaves(world: World, chance: random.Random) -> None:
    """Refuses, breaks off, says what is not JSON, falls silent, invents."""
    await world.stack.engine_meets(misbehaving_script(chance, REQUESTS))
    await asyncio.sleep(MISBEHAVING_SECONDS)
    await world.stack.engine_meets(steady_script())


async def model_out_of_memory(world: World, chance: random.Random) -> None:
    """While it writes: it gets no more memory for a moment, and then the kernel ends it."""
    process = await there(world, "model")
    asked, end = await world.stack.engine_seen("chat"), time.monotonic() + WRITES_SECONDS
    while await world.stack.engine_seen("chat") <= asked and time.monotonic() < end:
        await asyncio.sleep(0.1)
    await asyncio.sleep(chance.uniform(0.2, 0.8))  # some words of it
    if time.monotonic() > end:
        world.history.note("fact", name="engine out of memory with nothing to write", text="once")
    with suppress(psutil.Error):
        process.rlimit(psutil.RLIMIT_AS, (MEGABYTE, psutil.RLIM_INFINITY))
    await asyncio.sleep(chance.uniform(0.5, 1.5))
    await kill(world, "model")


async def disk_full(world: World, chance: random.Random) -> None:
    """Of everything that is kept: database, Valkey's file, logs. Then there is room again."""
    ballast = world.stack.data_dir / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(MEGABYTE))
            await asyncio.sleep(0)
    await asyncio.sleep(chance.uniform(*FULL_SECONDS))
    ballast.unlink()
    await _postgres_back(world)
    await _valkey_back(world)


async def there(world: World, role: str) -> psutil.Process:
    """Wait until it runs: an earlier fault may have ended it. Raises TimeoutError."""
    if not await wait(lambda: world.stack.find(role), BACK_SECONDS):
        raise TimeoutError(f"{role} does not run")
    found = world.stack.find(role)
    if found is None:
        raise TimeoutError(f"{role} does not stay")
    return found


def runs(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


async def kill(world: World, role: str) -> None:
    process = await there(world, role)
    world.stack.signal(role, signal.SIGKILL)
    await wait(lambda: not runs(process), BACK_SECONDS)
    if role.startswith("web"):
        await web_back(world, role)
    elif role == "model":
        await _answers(world, role, world.stack.run_dir / "model.sock", "http://model/health")
    else:
        await there(world, role)


async def _freeze(world: World, role: str, seconds: float) -> None:
    await there(world, role)
    frozen = world.stack.family(role)
    try:
        for process in frozen:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
    finally:
        for process in reversed(frozen):
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
    if role.startswith("web"):
        await web_back(world, role)


async def web_back(world: World, web: str) -> None:
    port = world.stack.ports[world.webs.index(web)]
    await _answers(world, web, None, f"http://127.0.0.1:{port}/health/live")


async def _answers(world: World, role: str, socket: Path | None, url: str) -> None:
    transport = httpx.AsyncHTTPTransport(uds=str(socket) if socket else None)
    async with httpx.AsyncClient(transport=transport, timeout=1.0) as client:
        for _ in range(int(BACK_SECONDS / 0.2)):
            with suppress(httpx.HTTPError):
                if (await client.get(url)).is_success:
                    return
            await asyncio.sleep(0.2)
    world.history.note("wrong", kind="not_up_again", text=f"{role} did not answer within {BACK_SECONDS:.0f} s")


async def _valkey_back(world: World) -> None:
    await wait(lambda: valkey_answers(world.stack.run_dir / "valkey.sock"), BACK_SECONDS)


async def _tell_valkey(*words: str) -> None:
    client = redis.asyncio.from_url(settings.REDIS_URL, socket_timeout=10, retry=None)
    with suppress(RedisError, OSError):  # it cuts this line as well
        await client.execute_command(*words)
    await client.aclose()


async def _postgres_back(world: World) -> None:
    for _ in range(int(BACK_SECONDS / 0.2)):
        if await asyncio.to_thread(_in_database, "SELECT 1"):
            return
        await asyncio.sleep(0.2)
    world.history.note("wrong", kind="not_up_again", text=f"PostgreSQL did not answer within {BACK_SECONDS:.0f} s")


def _in_database(statement: str) -> bool:
    try:
        with psycopg.connect(settings.DATABASE_URL, connect_timeout=2, autocommit=True) as connection:
            connection.execute(statement)
    except psycopg.Error:
        return False
    return True
