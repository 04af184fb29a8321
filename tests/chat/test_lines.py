"""Real lines to a real server: a client that never reads, one that falls silent, and a server that is asked to end."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from urllib.parse import quote

import pytest
import uvicorn
from django.conf import settings as project
from django.db import connection
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from chat import limits
from chat.routing import socket_application
from supportbot import stack
from tests.chat.conftest import QUESTION, eventually, row
from tests.chat.test_replies import SENTENCE
from tests.conftest import free_port

pytestmark = pytest.mark.django_db
UPGRADE = (
    "GET /ws/chat/{key}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Origin: http://127.0.0.1:8000\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@contextlib.asynccontextmanager
async def served(**options):
    """The chat's socket behind uvicorn, in this process; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # else megabytes wait in the kernel
    config = uvicorn.Config(
        socket_application, ws="websockets-sansio", lifespan="off", log_config=None,
        ws_per_message_deflate=False, timeout_graceful_shutdown=2, **options,
    )  # fmt: skip
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve(sockets=[listener]))
    await eventually(lambda: asyncio.sleep(0, server.started), 10, "a server that listens")
    yield listener.getsockname()[1]
    server.should_exit = True
    await asyncio.wait_for(task, 15)


def masked(text):
    """A client's frame, of less than 126 bytes; the mask is zero."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()


async def test_a_client_that_never_reads_loses_its_line_and_costs_nothing_more(connect, shop, settings):
    """The bytes that it does not take would keep a closed socket for ever: it must be cut."""
    settings.CHAT_SEND_SECONDS, settings.CHAT_UNSENT_FRAMES = 0.5, 8
    async with served(ws_ping_interval=None) as port:  # nothing else would end it
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(UPGRADE.format(key=shop.key).encode())
        client.setblocking(False)
        await eventually(lambda: asyncio.sleep(0, limits.SOCKETS["127.0.0.1"]), 10, "the socket being taken")
        shouting = asyncio.create_task(shout(client))
        await eventually(lambda: asyncio.sleep(0, "127.0.0.1" not in limits.SOCKETS), 60, "the socket being forgotten")
        await asyncio.gather(shouting)
        client.close()


async def shout(client):
    """Asks for answers, and reads none of them, until the line is cut."""
    loop, pings = asyncio.get_running_loop(), masked('{"type":"ping","n":2000000000}') * 2000
    with contextlib.suppress(ConnectionError):
        while True:
            await loop.sock_sendall(client, pings)


async def test_a_line_that_fell_silent_is_noticed_by_its_pings(shop):
    async with served(ws_ping_interval=0.2, ws_ping_timeout=0.3) as port:
        client = socket.socket()
        client.connect(("127.0.0.1", port))
        client.sendall(UPGRADE.format(key=shop.key).encode())
        await eventually(lambda: asyncio.sleep(0, limits.SOCKETS["127.0.0.1"]), 10, "the socket being taken")
        # it answers no ping, as behind a line that was cut
        await eventually(lambda: asyncio.sleep(0, "127.0.0.1" not in limits.SOCKETS), 10, "the socket being let go")
        client.close()


def test_pings_are_more_frequent_than_any_proxys_patience(settings):
    command = stack.web_child("127.0.0.1", 8000).command
    assert int(command[command.index("--ws-ping-interval") + 1]) == settings.CHAT_PING_SECONDS <= 50


@pytest.fixture
async def web(shop, fake_model):
    """The web process as `manage.py up` starts it, beside this one; gives it and its port."""
    port = free_port()
    environment = {
        **os.environ,
        "PORT": str(port),
        "MODEL_URL": fake_model,
        "EMBEDDING_URL": fake_model,
        "CHAT_ANSWERABLE_FLOOR": "0",
        "CHAT_CHOICE_FLOOR": "0",
        "CHAT_DRAIN_SECONDS": "8",
        "DATABASE_URL": database_url(),
    }
    command = stack.web_child("127.0.0.1", port).command
    log = (project.DATA_DIR / "web-test.log").open("wb")
    process = subprocess.Popen(command, cwd=project.BASE_DIR, env=environment, stdout=log, stderr=log)

    async def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await eventually(listens, 60, "a web process that listens")
    yield process, port
    process.kill()
    process.wait()


def database_url():
    """Of the tests' own database."""
    made = connection.settings_dict
    user = f"{quote(made['USER'])}:{quote(made['PASSWORD'])}@" if made["PASSWORD"] else f"{quote(made['USER'])}@"
    return f"postgres://{user}{quote(made['HOST'] or 'localhost', safe='')}:{made['PORT'] or 5432}/{made['NAME']}"


async def test_a_process_that_is_told_to_end_finishes_what_it_says_and_sends_clients_away(web, shop, model_script):
    process, port = web
    model_script(chat=["slow"])
    origin = Origin(f"http://127.0.0.1:{port}")
    async with dial(f"ws://127.0.0.1:{port}/ws/chat/{shop.key}/", origin=origin, proxy=None) as line:
        await line.send(json.dumps({"type": "hello", "protocol": 1, "token": None}))
        await line.send(json.dumps({"type": "ask", "id": "6f1c0000-0000-4000-8000-000000000000", "text": QUESTION}))
        frame = {}
        while frame.get("type") != "delta":
            frame = json.loads(await asyncio.wait_for(line.recv(), 30))
        process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await asyncio.wait_for(line.recv(), 30)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
    loop = asyncio.get_running_loop()
    await asyncio.wait_for(loop.run_in_executor(None, process.wait), 30)
    left = await row(frame["reply"])
    assert (left.status, left.text, left.epoch) == ("done", SENTENCE, 1)
