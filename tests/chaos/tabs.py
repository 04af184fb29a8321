"""One tab: a socket that comes back with jitter, questions that are sent again until they are accepted, and the place
of the last frame of each reply. It does what the widget does, faster.
"""

import asyncio
import json
import random
import time
import uuid
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.chaos.history import OWN_CUT, History
from tests.chaos.views import ENDED, NUMBERED

FIRST_WAIT, LONGEST_WAIT = 0.25, 3.0
STEADY_SECONDS = 5.0  # a line that lived this long begins the waiting times anew
OPEN_SECONDS = 4.0
PING_SECONDS, PATIENCE_SECONDS = 2.0, 4.0
AGAIN_SECONDS = (0.3, 1.5)  # after `busy`


@dataclass(slots=True)
class Memory:
    """What the tabs of one browser share."""

    token: str | None = None
    conversation: str | None = None
    last_reply: str | None = None


@dataclass(slots=True)
class Place:
    epoch: int = 1
    seq: int = 0
    ended: bool = False


class Silent(Exception):
    """Nothing is heard on this line, not even a pong."""


class Tab:
    def __init__(
        self, who: str, ports: list[int], origin: str, memory: Memory, chance: random.Random, history: History
    ) -> None:
        self.who, self.ports, self.origin, self.memory = who, ports, origin, memory
        self.chance, self.history = chance, history
        self.people: set[str] = set()  # messages of people
        self.pending: dict[str, str] = {}  # id -> text, not accepted yet
        self.places: dict[str, Place] = {}
        self.conversation = memory.conversation
        self.online = False
        self.port = ports[0]  # of the line that it has, or had last
        self.heard = 0  # numbered frames
        self.socket: ClientConnection | None = None
        self.task: asyncio.Task[None] | None = None
        self._again: set[asyncio.Task[None]] = set()
        self._pings, self._cut = 0, False
        self._last_seen: dict[str, Any] | None = None
        if memory.last_reply:  # as after a reload
            self.places[memory.last_reply] = Place()

    def open(self) -> None:
        self.task = asyncio.create_task(self._live())

    async def leave(self, *, rude: bool) -> None:
        if rude:
            self.cut()
        for task in (self.task, *self._again):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in (self.task, *self._again) if task), return_exceptions=True)
        self.online = False
        self.history.note("left", who=self.who)

    def cut(self) -> None:
        """The line breaks; the tab comes back by itself."""
        if self.socket is not None:
            self._cut = True
            self.socket.transport.abort()

    @property
    def waits(self) -> list[str]:
        return [*self.pending, *(reply for reply, place in self.places.items() if not place.ended)]

    async def rest(self, seconds: float) -> None:
        """Until all that was asked has its end, or for so long."""
        end = time.monotonic() + seconds
        while self.waits and time.monotonic() < end:
            await asyncio.sleep(0.05)

    async def ask(self, text: str, *, key: str = "", times: int = 1) -> str:
        key = key or str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        self.pending[key] = text
        if self.online:
            for _ in range(times):
                await self.say(type="ask", id=key, text=text)
        return key

    async def say(self, **frame: Any) -> None:
        """Goes out or is lost with the line."""
        if self.socket is None:
            return
        fields = {name: value for name, value in frame.items() if name not in ("type", "token")}
        if frame["type"] != "ping":
            self.history.note(frame["type"], who=self.who, **fields)
        try:
            await self.socket.send(json.dumps(frame))
        except ConnectionClosed:
            return  # heard by whoever listens

    async def _live(self) -> None:
        attempt = 0
        while True:
            began = time.monotonic()
            why = await self._visit()
            self.online, self.socket = False, None
            self.history.note("lost", who=self.who, why=OWN_CUT if self._cut else why)
            self._cut = False
            attempt = 0 if time.monotonic() - began > STEADY_SECONDS else attempt + 1
            await asyncio.sleep(self.chance.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)))

    async def _visit(self) -> str:
        """One line, from its beginning to its end; gives why it ended."""
        self.port = self.chance.choice(self.ports)
        self.history.note("dial", who=self.who, port=self.port)
        url = f"ws://127.0.0.1:{self.port}/ws/chat/chaos/"
        options = {"compression": None, "proxy": None, "max_size": 2**23, "ping_interval": None, "close_timeout": 0.5}
        try:
            async with connect(url, origin=self.origin, open_timeout=OPEN_SECONDS, **options) as self.socket:
                await self._greet()
                await self._hear(self.socket)
        except ConnectionClosed as closed:
            return f"closed {closed.rcvd.code if closed.rcvd else 'without a word'}"
        except (OSError, TimeoutError, EOFError, WebSocketException, Silent) as error:
            return type(error).__name__
        return "ended"

    async def _greet(self) -> None:
        running = [reply for reply, place in self.places.items() if not place.ended]
        seen = None
        if running:
            place = self.places[running[-1]]
            seen = {"reply": running[-1], "epoch": place.epoch, "seq": place.seq}
        await self.say(
            type="hello",
            protocol=1,
            token=self.memory.token,
            conversation=self.conversation,
            last_seen=seen,
            locale="en",
        )
        self._last_seen = seen

    async def _hear(self, socket: ClientConnection) -> None:
        """Raises ConnectionClosed or Silent."""
        asked = False
        while True:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS if asked else PING_SECONDS):
                    raw = await socket.recv()
            except TimeoutError:
                if asked:
                    socket.transport.abort()
                    raise Silent from None
                asked, self._pings = True, self._pings + 1
                await self.say(type="ping", n=self._pings)
                continue
            asked = False
            frame = json.loads(raw)
            if frame["type"] != "pong":
                self.history.note("got", who=self.who, frame=frame)
            await self._take(frame)

    async def _take(self, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        if kind == "welcome":
            self._welcome(frame)
            for key, text in list(self.pending.items()):
                await self.say(type="ask", id=key, text=text)
        elif kind == "accepted":
            self.pending.pop(frame["id"], None)
            self.conversation = self.memory.conversation = frame["conversation"]
            self.memory.last_reply = frame["reply"]
            self.places.setdefault(frame["reply"], Place())
        elif kind == "message" and frame["role"] == "agent":
            self.people.add(frame["id"])
        elif kind == "restart":
            self.places[frame["reply"]] = Place(frame["epoch"])
        elif kind in NUMBERED:
            self.heard += 1
            self.places[frame["reply"]] = Place(frame["epoch"], frame["seq"], kind in ENDED)
            if kind in ENDED and self.memory.last_reply == frame["reply"]:
                self.memory.last_reply = None
        elif kind == "error" and frame["code"] in ("busy", "rate_limited") and self.online and self.pending:
            task = asyncio.create_task(self._ask_again())
            self._again.add(task)
            task.add_done_callback(self._again.discard)

    def _welcome(self, frame: dict[str, Any]) -> None:
        self.memory.token = frame["token"]
        self.conversation = self.memory.conversation = frame["conversation"]
        kept = self._last_seen["reply"] if frame["resumed"] and self._last_seen else None
        self.people = {row["id"] for row in frame["messages"] if row["role"] == "agent"}
        before, self.places = self.places, {}
        for row in frame["messages"]:
            if row["role"] == "bot":
                self.places[row["id"]] = Place(max(row["epoch"], 1), row["seq"], row["status"] in ENDED)
        if kept:
            self.places[kept] = before[kept]
        self.online = True

    async def _ask_again(self) -> None:
        await asyncio.sleep(self.chance.uniform(*AGAIN_SECONDS))
        for key, text in list(self.pending.items()):
            await self.say(type="ask", id=key, text=text)
