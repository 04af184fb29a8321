"""What is done from outside: lines that break, stall or lead nowhere, crowds, readers that do not read, editors."""

import asyncio
import json
import random
import socket
import time
import uuid

from channels.db import database_sync_to_async
from django.db import Error
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.chaos import shop
from tests.chaos.world import World

CROWD = 3  # questions of each browser
EDITS = 3
TALKS, MESSAGES = 3, 2  # conversations that a person writes into, and how often
SMALL_BUFFER = 4096  # bytes that the slow reader's kernel takes
SMALL_SEGMENT = 536  # bytes; by those of loopback, the server's kernel would take a megabyte and more
REPETITIONS = 150  # of a question that has its answer: each is told again, and none is read
SLOW_SECONDS = 20.0  # the server gives a send ten


async def lines_cut(world: World, chance: random.Random) -> None:
    """All at once, as by a proxy that is restarted: everybody comes back."""
    for line in world.lines():
        line.cut()


async def lines_held(world: World, chance: random.Random) -> None:
    """Half of them stall for some seconds, and then all comes that was sent."""
    held = [line for network in world.networks for line in network.some(0.5, chance)]
    for line in held:
        line.flows.clear()
    await asyncio.sleep(chance.uniform(1, 6))
    for line in held:
        line.flows.set()


async def lines_swallowed(world: World, chance: random.Random) -> None:
    """A quarter of them lead nowhere from now on, and neither end is told."""
    for network in world.networks:
        for line in network.some(0.25, chance):
            line.swallowed = time.monotonic()
            line.flows.set()


async def crowd(world: World, chance: random.Random) -> None:
    """Everybody asks at once."""
    await asyncio.gather(*(b.ask() for b in world.browsers for _ in range(CROWD) if b.tabs))


async def articles_edited(world: World, chance: random.Random) -> None:
    """Under the chat: what is quoted is of one edition, the old or the new."""
    for _ in range(EDITS):
        name = chance.choice(shop.NAMES)
        world.editions[name] += 1
        try:
            await database_sync_to_async(shop.edit)(name, world.editions[name])
        except Error as error:  # the database may be away just now: the old edition stays
            world.history.note("fact", name="edits refused", text=type(error).__name__)
        await asyncio.sleep(chance.uniform(0, 1))


async def person_writes(world: World, chance: random.Random) -> None:
    """Into some conversations, and hands them back. Each message is heard in each tab, once."""
    talks = sorted({b.front.conversation for b in world.browsers if b.tabs and b.front.conversation})
    for talk in chance.sample(talks, min(len(talks), TALKS)):
        try:
            for number in range(MESSAGES):
                text = f"Here is Ada, message {number}."
                world.people[talk].add(await database_sync_to_async(shop.write_as_person)(talk, text))
                await asyncio.sleep(chance.uniform(0, 1.5))
            await database_sync_to_async(shop.hand_back)(talk)
        except Error as error:
            world.history.note("fact", name="messages of people refused", text=type(error).__name__)


async def slow_reader(world: World, chance: random.Random) -> None:
    """Asks for a lot and reads none of it: it must be dropped, and nobody else may notice."""
    port = chance.choice(world.stack.ports)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT)
    plain.setblocking(False)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port)), 5)
        dropped = await _read_slowly(world, plain, port)
    except (OSError, TimeoutError, WebSocketException) as error:
        world.history.note("fact", name="slow readers that came to nothing", text=type(error).__name__)
        return
    finally:
        plain.close()
    if dropped is None:
        world.history.note("wrong", kind="slow_reader_kept", text=f"web on port {port} still speaks with it")
    else:
        world.history.note("fact", name="slow readers dropped", text=dropped)


async def _read_slowly(world: World, plain: socket.socket, port: int) -> str | None:
    """How the line was ended, or None if it was not."""
    url = f"ws://127.0.0.1:{port}/ws/chat/{shop.WIDGET}/"
    options = {"compression": None, "proxy": None, "ping_interval": None, "max_queue": 1, "close_timeout": 1}
    async with connect(url, sock=plain, origin=world.origin, open_timeout=5, **options) as line:
        await line.send(json.dumps({"type": "hello", "protocol": 1, "token": None}))
        ask = {"type": "ask", "id": str(uuid.uuid4()), "text": shop.QUESTIONS[0].format(name=shop.NAMES[0])}
        world.history.note("ask", who="slow", id=ask["id"], text=ask["text"], once=True)
        await line.send(json.dumps(ask))
        async with asyncio.timeout(SLOW_SECONDS):
            while json.loads(heard := await line.recv())["type"] not in ("done", "failed"):
                if json.loads(heard)["type"] == "accepted":
                    world.history.note("got", who="slow", frame=json.loads(heard))
        for _ in range(REPETITIONS):
            await asyncio.wait_for(line.send(json.dumps(ask)), SLOW_SECONDS)
            await asyncio.sleep(0.05)
        await asyncio.sleep(SLOW_SECONDS)
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                while True:
                    await line.recv()
        except TimeoutError:
            return None
        except WebSocketException as error:
            return f"{type(error).__name__} {line.close_code or ''}".strip()
