"""A shop with three articles, its widget, and customers who talk to the real consumer over the ASGI protocol."""

import asyncio
import json
import uuid
from contextlib import asynccontextmanager

import httpx
import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.management import call_command
from django.db import connection, connections

from chat import frames, replies
from chat.models import Message, Widget
from chat.storage import THREADS, off_loop
from knowledge import indexing, publishing
from knowledge.models import Article, Category
from tests.conftest import bring_groups_back

ORIGIN = b"http://127.0.0.1:8000"
QUESTION = "How long do I have to return unused items?"
ARTICLES = {
    "returns": ("Returns policy", "You can return unused items within 60 days. Members have 120 days.", "public", "en"),
    "repairs": ("Book a repair", "A repair of a zip costs £15 and takes 7 working days.", "public", "en"),
    "versand": ("Versand", "Die Lieferung nach Österreich dauert 5 Tage und kostet 9 Euro.", "public", "de"),
    "trade": ("Trade prices", "Trade customers get 12 % off all sleeping bags.", "customers", "en"),
}


class Customer:
    """One socket, spoken with over the ASGI protocol."""

    def __init__(self, application, path, headers):
        scope = {"type": "websocket", "path": path, "headers": headers, "subprotocols": [], "client": ["192.0.2.7", 1]}
        self.socket = ApplicationCommunicator(application, scope)
        self.frames = []
        self.closed = None  # the code
        self.token = self.conversation = None

    async def open(self):
        """True if the handshake was taken."""
        await self.socket.send_input({"type": "websocket.connect"})
        return (await self.socket.receive_output(10))["type"] == "websocket.accept"

    async def send_raw(self, **message):
        await self.socket.send_input({"type": "websocket.receive", **message})

    async def send(self, **frame):
        await self.send_raw(text=json.dumps(frame))

    async def next(self, seconds=10):
        message = await self.socket.receive_output(seconds)
        if message["type"] == "websocket.close":
            self.closed = message["code"]
            raise ConnectionError(f"closed with {self.closed}")
        self.frames.append(json.loads(message["text"]))
        return self.frames[-1]

    async def until(self, kind, seconds=15, **fields):
        """The next frame of this kind with these fields."""
        async with asyncio.timeout(seconds):
            while True:
                frame = await self.next(seconds)
                if frame["type"] == kind and fields.items() <= frame.items():
                    return frame

    async def hello(self, **fields):
        await self.send(type="hello", protocol=1, **{"token": self.token, "conversation": self.conversation} | fields)
        welcome = await self.until("welcome")
        self.token, self.conversation = welcome["token"], welcome["conversation"] or self.conversation
        return welcome

    async def ask(self, text=QUESTION, key=None):
        key = key or str(uuid.uuid4())
        await self.send(type="ask", id=key, text=text)
        accepted = await self.until("accepted", id=key)
        self.conversation = accepted["conversation"]
        return accepted

    async def answer(self, text=QUESTION):
        """Ask, and give the last frame."""
        accepted = await self.ask(text)
        return await self.until("done", reply=accepted["reply"])

    def stored(self, reply):
        """The numbered frames of this reply's last epoch."""
        mine = [f for f in self.frames if f.get("reply") == reply and "seq" in f]
        return [f for f in mine if f["epoch"] == mine[-1]["epoch"]]

    async def gone(self):
        """Leave as a broken line does."""
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1006})
        await self.socket.wait(5)


@asynccontextmanager
async def customers(shop):
    """A maker of sockets that are closed in the end."""
    from chat.routing import socket_application

    opened = []

    async def connect(key=None, origin=ORIGIN, hello=True, **fields):
        headers = [(b"origin", origin)] if origin is not None else []
        customer = Customer(socket_application, f"/ws/chat/{key or shop.key}/", headers)
        customer.accepted = await customer.open()
        opened.append(customer)
        for name in ("token", "conversation"):
            setattr(customer, name, fields.pop(name, None))
        if hello and customer.accepted:
            customer.welcome = await customer.hello(**fields)
        return customer

    yield connect
    for customer in opened:
        await customer.gone()
    while tasks := [writer.task for writer in replies.WRITERS.values()]:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the registry forgets them in the loop's next turn
    frames.LIVE.clear()
    await sync_to_async(connections.close_all)()  # the thread of the tests' own queries


@pytest.fixture
async def connect(shop):
    async with customers(shop) as maker:
        yield maker


@pytest.fixture(scope="module")
def articles(django_db_setup, django_db_blocker, fake_model_url):
    """Published and embedded once a module: emptying every table takes longer than a whole conversation."""
    from django.conf import settings

    before = settings.MODEL_URL, settings.EMBEDDING_URL
    with django_db_blocker.unblock():
        settings.MODEL_URL = settings.EMBEDDING_URL = fake_model_url
        script(fake_model_url)
        category = Category.objects.create(name="Help", slug="help")
        for slug, (title, body, audience, language) in ARTICLES.items():
            article = Article(
                slug=slug, title=title, body=body, category=category, audience=audience, language=language
            )
            publishing.publish(article=article, by=None)
        indexing.active_space()
        indexing.embed_stale()
        settings.MODEL_URL, settings.EMBEDDING_URL = before
        yield
        call_command("flush", interactive=False, verbosity=0)
        bring_groups_back()
        connection.close()


@pytest.fixture
def shop(db, articles, fake_model, settings):
    """A widget of this test alone. Made on another thread: this one's transaction is never committed."""
    settings.PORT, settings.CHAT_ANSWERABLE_FLOOR = 8000, 0.0
    settings.CHAT_CHOICE_FLOOR = 0.0  # each word of the model is heard at once
    script(fake_model)
    fields = {"greeting": "Hello!", "suggestions": ["Returns?"], "identity_secret": "s" * 40}
    return THREADS.submit(_make_widget, **fields, allowed_origins="https://shop.example").result(10)


def _make_widget(**fields):
    try:
        return Widget.objects.create(key=f"w{uuid.uuid4().hex[:12]}", name="Shop", **fields)
    finally:
        connection.close()


def script(fake_model, **steps):
    """What the fake model's next requests meet: script(url, chat=["slow"])."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=fake_model.removeprefix("unix:")), timeout=5) as client:
        client.put("http://model/script", json=steps).raise_for_status()


@pytest.fixture
def model_script(fake_model):
    """Scripts the model's faults: model_script(chat=["429", "cut"])."""
    return lambda **steps: script(fake_model, **steps)


async def row(reply):
    return await off_loop(Message.objects.get)(pk=reply)


async def eventually(true, seconds=10, what="what was waited for"):
    """Poll an async condition."""
    try:
        async with asyncio.timeout(seconds):
            while not (value := await true()):
                await asyncio.sleep(0.05)
            return value
    except TimeoutError:
        pytest.fail(f"{what} did not happen within {seconds} s")
