"""A visitor of the chat, for measurements: says hello, asks, and notes when each thing came."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

from chat.events import PROTOCOL

ARRIVE_SECONDS = 30.0
MOST_FRAME_BYTES = 2**20


class Unheard(Exception):
    """No answer came to its end; the sentence says where it broke."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Seconds since the question was sent: to the first sign that it was taken, to the first word, to the first word
    that was not withdrawn later, to the end. `outcome` may also be `failed` or `error`, with the code as its reason."""

    sign: float
    word: float
    kept: float
    whole: float
    outcome: str
    reason: str
    epochs: int
    text: str


def origin_of(url: str) -> Origin:
    """Of the page that such a socket would be opened from."""
    parts = urlsplit(url)
    return Origin(f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}")


class Visitor:
    """One socket; `arrive` opens it. Raises Unheard."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    @asynccontextmanager
    async def arrive(cls, url: str, locale: str = "en") -> AsyncIterator["Visitor"]:
        """A new visitor at `ws://HOST/ws/chat/KEY/`, who has been welcomed."""
        try:
            async with connect(
                url, origin=origin_of(url), open_timeout=ARRIVE_SECONDS, max_size=MOST_FRAME_BYTES
            ) as socket:
                visitor = cls(socket)
                await visitor.say("hello", protocol=PROTOCOL, token=None, conversation=None, locale=locale)
                async with asyncio.timeout(ARRIVE_SECONDS):
                    while (frame := await visitor.frame())["type"] != "welcome":
                        if frame["type"] == "error":
                            raise Unheard(f"The server answered hello with {frame['code']}.")
                yield visitor
        except (OSError, WebSocketException, TimeoutError) as error:
            raise Unheard(f"{url} cannot be talked to ({type(error).__name__}).") from error

    async def say(self, kind: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **fields}))

    async def frame(self) -> dict[str, Any]:
        return dict(json.loads(await self._socket.recv()))

    async def ask(self, text: str, seconds: float) -> Heard:
        """Ask, and listen to the end."""
        notes = _Notes(time.perf_counter())
        await self.say("ask", id=str(uuid.uuid4()), text=text)
        async with asyncio.timeout(seconds):
            while not notes.take(await self.frame(), time.perf_counter()):
                pass
        return notes.heard


class _Notes:
    def __init__(self, asked: float) -> None:
        self._asked = asked
        self._sign = self._word = self._kept = 0.0
        self._epochs = 1
        self.heard: Heard

    def take(self, frame: dict[str, Any], now: float) -> bool:
        """Whether the answer is over."""
        kind, since = frame["type"], now - self._asked
        if kind == "restart":
            self._epochs, self._kept = self._epochs + 1, 0.0
        elif kind in ("accepted", "stage", "sources"):
            self._sign = self._sign or since
        elif kind == "delta" and frame["text"].strip():
            self._word, self._kept = self._word or since, self._kept or since
        elif kind in ("done", "failed", "error"):
            outcome = frame["outcome"] if kind == "done" else kind
            reason = frame["reason"] if kind == "done" else frame["code"]
            times = (self._sign or since, self._word or since, self._kept or since, since)
            self.heard = Heard(*times, outcome, reason or "", self._epochs, frame["text"])
            return True
        return False
