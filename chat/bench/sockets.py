"""`manage.py bench sockets`: what a thousand customers cost who say nothing, and how soon all are back after a crash.

In a folder of its own: PostgreSQL, Valkey and one web process, as `manage.py up` starts them; each customer has a
conversation. Memory is the growth of the process while the sockets are opened, divided by their number; in the same run
a consumer that only echoes is measured in the same way. Then the web process is killed and started again, and all
customers come back as the widget does: after a random wait that doubles, until they have their welcome.
"""

import asyncio
import json
import random
import socket
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil
from django.conf import settings
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Origin

from chat.conversations import after
from chat.models import Conversation, Message, Visitor, Widget
from chat.tokens import Bearer, make_token
from knowledge.bench import apart, machine
from supportbot import open_files
from supportbot.stack import web_child

HELP = "memory of idle sockets beside a bare echo, the time of a ping among them, and the return after a crash"
HOST, KEY = "127.0.0.1", "bench"
SETTLE_SECONDS = 3.0
OPENED_AT_ONCE = 50
FIRST_ONES = 10
STORM_SECONDS = 120.0  # after which whoever is not back counts as lost
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0  # as the widget's
MESSAGE = "How long do I have to return an item that I have bought, and what does it cost me? " * 4
Say = Callable[[str], object]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--n", type=int, default=1000, help="how many sockets (default: %(default)s)")
    parser.add_argument("--pings", type=int, default=2000, help="how many are timed (default: %(default)s)")


@dataclass(frozen=True, slots=True)
class Customer:
    token: str
    conversation: str

    def hello(self) -> str:
        return json.dumps({"type": "hello", "protocol": 1, "token": self.token, "conversation": self.conversation})


@dataclass(frozen=True, slots=True)
class Server:
    """A web process, and how one talks with it."""

    process: apart.Process
    url: str
    origin: str

    @property
    def memory(self) -> int:
        assert self.process.process is not None
        return psutil.Process(self.process.process.pid).memory_info().rss

    def open(self) -> Any:
        quiet: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None}
        return connect(self.url, origin=Origin(self.origin), open_timeout=20, max_size=2**22, **quiet)


def run(options: dict[str, Any], arguments: Sequence[str], say: Say) -> dict[str, Any] | None:
    if not apart.is_apart():
        apart.run_apart(arguments, PORT=str(free_port()), HOST=HOST)
        return None
    open_files.allow_many()
    with apart.data_servers():
        customers = settle(options["n"])
        apart.forget_connections()
        ours, bare = product(settings.PORT), echo(free_port())
        try:
            for server in (bare, ours):
                server.process.start()
            rows = asyncio.run(measure(ours, bare, customers, options["pings"], say))
        finally:
            ours.process.kill()
            bare.process.kill()
        facts = machine.facts() | {"load": machine.load()}
    return {"rows": rows, "summary": summary_of(rows) | {"machine": facts}}


def settle(count: int) -> list[Customer]:
    """As many visitors, each with a conversation of four messages."""
    widget = Widget.objects.create(key=KEY, name="Bench")
    visitors = Visitor.objects.bulk_create([Visitor(widget=widget) for _ in range(count)])
    talks = Conversation.objects.bulk_create([Conversation(widget=widget, visitor=one) for one in visitors])
    messages: list[Message] = []
    for talk in talks:
        asked = None
        for place in range(4):
            fields = {"role": "bot", "outcome": "answered", "reply_to": asked} if place % 2 else {"role": "customer"}
            asked = Message(conversation=talk, text=MESSAGE, **fields)
            asked.pk = after(messages[-1].pk) if messages else asked.pk
            messages.append(asked)
    Message.objects.bulk_create(messages)
    return [
        Customer(make_token(KEY, Bearer(one.pk, 1)), str(talk.pk)) for one, talk in zip(visitors, talks, strict=True)
    ]


def product(port: int) -> Server:
    child = web_child(HOST, port)
    origin = f"http://{HOST}:{port}"
    process = apart.Process("web", child.command[1:], lambda said: listens(port))
    return Server(process, f"ws://{HOST}:{port}/ws/chat/{KEY}/", origin)


def echo(port: int) -> Server:
    """The same server with the same options before the least of consumers."""
    command = web_child(HOST, port).command[1:]
    command = ["chat.bench.echo:application" if part == "supportbot.asgi:application" else part for part in command]
    command[command.index("--lifespan") + 1] = "off"
    process = apart.Process("echo", command, lambda said: listens(port))
    return Server(process, f"ws://{HOST}:{port}/", f"http://{HOST}:{port}")


async def measure(ours: Server, bare: Server, customers: list[Customer], pings: int, say: Say) -> list[dict[str, Any]]:
    rows = []
    for name, server in (("echo", bare), ("supportbot", ours)):
        say(f"{name}: opening {len(customers):,} sockets")
        greeted = customers if server is ours else [None] * len(customers)
        await leave(await arrive(server, greeted[:FIRST_ONES]))  # what the first ones cost is no socket's
        await asyncio.sleep(SETTLE_SECONDS)
        before, start = server.memory, time.monotonic()
        lines = await arrive(server, greeted)
        opened = time.monotonic() - start
        await asyncio.sleep(SETTLE_SECONDS)
        kilobytes = (server.memory - before) / 1024 / len(lines)
        times = await ping(lines, pings)
        row = {"server": name, "sockets": len(lines), "kb_per_socket": round(kilobytes, 1)}
        row |= {"opened_per_second": round(len(lines) / opened), "ping_ms": spread([1000 * one for one in times])}
        if server is ours:
            say("killing the web process")
            row |= await storm(ours, customers)
        await leave(lines)
        rows.append(row)
    return rows


async def arrive(server: Server, customers: Sequence[Customer | None]) -> list[ClientConnection]:
    """A line for each, greeted where there is somebody to greet as."""
    door = asyncio.Semaphore(OPENED_AT_ONCE)

    async def one(customer: Customer | None) -> ClientConnection:
        async with door:
            line = await server.open()
            if customer is not None:
                await greet(line, customer)
            return line

    return await asyncio.gather(*(one(customer) for customer in customers))


async def greet(line: ClientConnection, customer: Customer) -> None:
    await line.send(customer.hello())
    while json.loads(await line.recv())["type"] != "welcome":
        pass


async def leave(lines: Sequence[ClientConnection]) -> None:
    for line in lines:
        line.transport.abort()
    await asyncio.gather(*(line.wait_closed() for line in lines))


async def ping(lines: Sequence[ClientConnection], count: int) -> list[float]:
    """Seconds of one frame and its answer, on one socket after another of those that are open."""
    dice, times = random.Random(1), []
    for number in range(count):
        line, start = dice.choice(lines), time.perf_counter()
        await line.send(json.dumps({"type": "ping", "n": number}))
        await line.recv()
        times.append(time.perf_counter() - start)
    return times


async def storm(server: Server, customers: Sequence[Customer]) -> dict[str, Any]:
    """Kill it, start it again, and see all come back at once as widgets do."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, server.process.kill)
    start = time.monotonic()
    restart = loop.run_in_executor(None, server.process.start)
    coming = asyncio.gather(*(come_back(server, customer, start) for customer in customers))
    await restart
    listened = time.monotonic() - start
    seconds = [one for one in await coming if one is not None]
    return {
        "lost": len(customers) - len(seconds),
        "listened_again_seconds": round(listened, 2),
        "back_seconds": spread(seconds),
        "all_back_after_listening_seconds": round(max(seconds) - listened, 2),
    }


async def come_back(server: Server, customer: Customer, start: float) -> float | None:
    """Seconds until the welcome; None when it never came."""
    attempt = 0
    while time.monotonic() - start < STORM_SECONDS:
        await asyncio.sleep(random.random() * min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**attempt))
        attempt += 1
        try:
            line = await server.open()
            await asyncio.wait_for(greet(line, customer), 20)
        except (OSError, TimeoutError, WebSocketException, InvalidHandshake):
            continue
        took = time.monotonic() - start
        asyncio.get_running_loop().call_later(STORM_SECONDS, line.transport.abort)
        return took
    return None


def spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    last = len(ordered) - 1
    picked = {"p50": median(ordered), "p95": ordered[int(0.95 * last)], "p99": ordered[int(0.99 * last)]}
    return {name: round(value, 2) for name, value in (picked | {"max": ordered[-1]}).items()}


def summary_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    bare, ours = rows
    return {
        "kb_per_socket": ours["kb_per_socket"],
        "kb_per_socket_of_a_bare_echo": bare["kb_per_socket"],
        "ping_p99_ms": ours["ping_ms"]["p99"],
        "all_back_seconds": ours["back_seconds"]["max"],
        "lost": ours["lost"],
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
