"""A small chat server for the widget's tests: it speaks the frames, follows a script, and can be made to misbehave.

What it answers depends on a word in the question (see `answer`). Answers are kept as numbered frames, so dropping a
socket and resuming are real; only the answering itself is scripted.
`DJANGO_SETTINGS_MODULE=supportbot.settings python -m tests.browser.fake_chat_server PORT` serves it by hand.
"""

import asyncio
import json
import sys
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from chat import widget_files

Frame = dict[str, Any]
STATIC = Path(__file__).resolve().parents[2] / "static"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:"
FOR_ALL = {"Access-Control-Allow-Origin": "*"}
WORD_SECONDS = 0.015
SOURCES = [
    {"n": 1, "title": "Returns and refunds", "url": "/help/returns/#time", "heading": "How long you have"},
    {"n": 2, "title": "Send an item back", "url": "/help/send-back/#label", "heading": "Print a label"},
]
ANSWER = (
    "You can send an item back within **30 days** of delivery [1].\n\n"
    "1. Print the label from your order page [2].\n2. Pack the item in any box.\n3. Hand it in at a parcel shop.\n\n"
    "The refund reaches your account *5 working days* after we have the parcel [1]."
)
EVIL = (
    '<img src=x onerror="window.pwned=1"> <script>window.pwned=1</script> [click](javascript:window.pwned=1) '
    "[more](https://evil.example/x) ![pixel](https://evil.example/p.png) **<b>bold</b>** https://evil.example/y"
)


@dataclass
class Reply:
    id: str
    frames: list[Frame] = field(default_factory=list)  # the stored frames of the current epoch
    epoch: int = 1
    status: str = "queued"
    outcome: str | None = None
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    stopped: bool = False
    gone: bool = False  # the replay is lost: only a snapshot can be given

    @property
    def text(self) -> str:
        return "".join(frame["text"] for frame in self.frames if frame["type"] == "delta")

    def row(self) -> Frame:
        done = next((f for f in self.frames if f["type"] == "done"), {})
        return {
            "id": self.id, "role": "bot", "text": self.text, "created": "2026-05-03T10:00:00Z", "status": self.status,
            "outcome": self.outcome, "epoch": self.epoch, "seq": len(self.frames), "nearest": done.get("nearest", []),
            "sources": next((f["sources"] for f in self.frames if f["type"] == "sources"), []),
        }  # fmt: skip


@dataclass
class Conversation:
    id: str
    rows: list[Frame | Reply] = field(default_factory=list)
    asks: dict[str, tuple[str, Reply | None]] = field(default_factory=dict)
    asked: int = 0  # how many ask frames came, repeated ones too
    agent: bool = False


class FakeChat:
    """The server's memory, and what the tests may look at."""

    def __init__(self) -> None:
        self.conversations: dict[str, Conversation] = {}
        self.ratings: list[Frame] = []
        self.contacts: list[Frame] = []
        self.hellos: list[Frame] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.down = False
        self.settings: dict[str, Any] = {}  # of the widget's row
        self.told: list[Any] = []  # what visitors said of themselves, with each question
        self.team_away = False
        self.typed = 0  # frames that said so
        self.pages: dict[str, tuple[str, str]] = {}  # name -> page and its policy, as a company would write them
        self.open: list[str] = []  # the keys of the sockets that are open
        self.gate = threading.Event()  # scripts that wait for the test go on when it is set

    async def page(self, request: Request) -> HTMLResponse:
        """Any host page: `?dir=rtl&lang=ar&theme=dark` and further attributes of the element as they come.

        `?state=NAME` plays one of static/demo/states.js in the page.
        """
        query = dict(request.query_params)
        language, direction, scheme = query.pop("lang", "en"), query.pop("dir", "ltr"), query.pop("scheme", "light")
        source = query.pop("source", "/widget/")  # or /static/widget/, the modules as they are written
        script = '<script type="module" src="/static/demo/states.js"></script>' if "state" in query else ""
        attributes = " ".join(f'{name}="{value}"' for name, value in query.items())
        return HTMLResponse(
            f'<!doctype html><html lang="{language}" dir="{direction}"><meta charset="utf-8"><title>Test shop</title>'
            f'<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="{scheme}">'
            f'{script}<script type="module" src="{source}support-chat.js"></script><h1>Shop</h1><a href="/?two">Two</a>'
            f'<support-chat key="demo" {attributes}><a href="/contact">Contact</a></support-chat></html>',
            headers={"Content-Security-Policy": POLICY},
        )

    async def own_page(self, request: Request) -> HTMLResponse:
        body, policy = self.pages[request.path_params["name"]]
        return HTMLResponse(body, headers={"Content-Security-Policy": policy})

    async def widget_settings(self, request: Request) -> JSONResponse:
        return JSONResponse(self.settings, headers=FOR_ALL)

    async def widget_file(self, request: Request) -> Response:
        text = widget_files.read(request.path_params["name"], 0).text
        return Response(text, media_type="text/javascript", headers=FOR_ALL)

    async def contact(self, request: Request) -> JSONResponse:
        self.contacts.append(await request.json())
        return JSONResponse({"ok": True})

    async def socket(self, ws: WebSocket) -> None:
        if self.down:
            await ws.close()
            return
        await ws.accept()
        key = ws.path_params["key"]
        self.open.append(key)
        try:
            await Line(self, ws).serve()
        except WebSocketDisconnect:
            return
        finally:
            self.open.remove(key)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.page),
                Route("/chat/contact", self.contact, methods=["POST"]),
                Route("/host/{name}", self.own_page),
                WebSocketRoute("/ws/chat/{key}/", self.socket),
                Route("/widget/{key}.json", self.widget_settings),
                Route("/widget/{name:path}", self.widget_file),
                Mount("/static", StaticFiles(directory=STATIC)),
            ]
        )

    def spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Line:
    """One socket."""

    def __init__(self, chat: FakeChat, ws: WebSocket) -> None:
        self.chat, self.ws = chat, ws
        self.conversation = Conversation(str(uuid.uuid4()))

    async def send(self, **frame: Any) -> None:
        try:
            await self.ws.send_text(json.dumps(frame))
        except (WebSocketDisconnect, RuntimeError):
            return  # the customer has gone; the answer goes on without them

    async def serve(self) -> None:
        while self.ws.application_state is WebSocketState.CONNECTED:
            frame = json.loads(await self.ws.receive_text())
            await getattr(self, f"on_{frame['type']}")(frame)

    async def on_hello(self, frame: Frame) -> None:
        self.chat.hellos.append(frame)
        known = self.chat.conversations.get(frame["conversation"] or "")
        self.conversation = known or self.conversation
        seen, resumed, follow = frame["last_seen"], None, []
        rows = [row.row() if isinstance(row, Reply) else row for row in self.conversation.rows]
        for reply in (row for row in self.conversation.rows if isinstance(row, Reply)):
            if seen and seen["reply"] == reply.id:
                resumed = not reply.gone
                start = seen["seq"] if seen["epoch"] == reply.epoch else 0
                place = (len(reply.frames), reply.epoch) if reply.gone else (start, seen["epoch"])
                follow.append((reply, *place))
            elif reply.status in ("queued", "streaming"):
                follow.append((reply, len(reply.frames), reply.epoch))
        await self.send(
            type="welcome", protocol=1, token="token-1", conversation=known and known.id, messages=rows,
            resumed=resumed, greeting="",
            suggestions=["How do I return an item?", "Where is my order?", "Do you repair tents?"],
        )  # fmt: skip
        for reply, seq, epoch in follow:
            self.chat.spawn(self.follow(reply, seq, epoch))

    async def follow(self, reply: Reply, seq: int, epoch: int) -> None:
        """Send the frames after `seq` as they are written, to the last."""
        while True:
            async with reply.news:
                while reply.epoch == epoch and len(reply.frames) <= seq:
                    await reply.news.wait()
                if reply.epoch != epoch:
                    epoch, seq = reply.epoch, 0
                    await self.send(type="restart", reply=reply.id, epoch=epoch)
                later, seq = reply.frames[seq:], len(reply.frames)
            for frame in later:
                await self.send(**frame)
            if later and later[-1]["type"] in ("done", "failed"):
                return

    async def on_ask(self, frame: Frame) -> None:
        known = [talk for talk in self.chat.conversations.values() if frame["id"] in talk.asks]
        talk = self.conversation = known[0] if known else self.conversation
        text = frame["text"]
        talk.asked += 1
        self.chat.told.append(frame.get("about"))
        if "limit" in text:
            return await self.send(type="error", code="rate_limited", text="Too many questions.", id=frame["id"])
        if frame["id"] not in talk.asks:
            self.chat.conversations[talk.id] = talk
            message = str(uuid.uuid4())
            created = "2026-05-03T10:00:00Z"
            talk.rows.append({"id": message, "role": "customer", "text": text, "created": created, "status": "done"})
            reply = None if talk.agent else Reply(str(uuid.uuid4()))
            talk.asks[frame["id"]] = (message, reply)
            if reply:
                talk.rows.append(reply)
                self.chat.spawn(answer(self, reply, text))
        message, reply = talk.asks[frame["id"]]
        if "deaf" in text and talk.asked == 1:
            return await self.ws.close()  # committed, but the customer never heard
        await self.send(
            type="accepted", id=frame["id"], message=message, reply=reply and reply.id, conversation=talk.id
        )
        if reply:
            self.chat.spawn(self.follow(reply, 0, 1))

    async def on_stop(self, frame: Frame) -> None:
        for reply in (row for row in self.conversation.rows if isinstance(row, Reply)):
            reply.stopped |= reply.id == frame["reply"]

    async def on_rate(self, frame: Frame) -> None:
        self.chat.ratings.append(frame)
        await self.send(type="rated", reply=frame["reply"], score=frame["score"])

    async def on_handover(self, frame: Frame) -> None:
        if self.chat.team_away:
            return await self.send(type="agent", name="", state="closed")
        self.conversation.agent = True
        await self.send(type="agent", name="", state="waiting")
        await asyncio.sleep(0.3)
        await self.send(type="agent", name="Ada", state="joined")
        said = {
            "id": str(uuid.uuid4()),
            "role": "agent",
            "text": "Hello, this is Ada.",
            "name": "Ada",
            "status": "done",
        }
        self.conversation.rows.append(said)
        await self.send(type="message", **said)

    async def on_conversations(self, frame: Frame) -> None:
        """The newest first, as the one visitor there is would see them."""
        talks = [talk for talk in reversed(self.chat.conversations.values()) if talk.rows]
        first = [(talk.id, talk.rows[0]["text"]) for talk in talks if isinstance(talk.rows[0], dict)]
        when = "2026-05-03T10:00:00Z"
        rows = [{"id": key, "title": text, "created": when, "updated": when, "state": "bot"} for key, text in first]
        await self.send(type="conversations", conversations=rows)

    async def on_typing(self, frame: Frame) -> None:
        """Whoever writes is answered in kind."""
        self.chat.typed += 1
        await self.send(type="typing", name="Ada")

    async def on_ping(self, frame: Frame) -> None:
        await self.send(type="pong", n=frame["n"])

    async def on_logout(self, frame: Frame) -> None:
        self.chat.conversations.pop(self.conversation.id, None)


async def write(reply: Reply, type: str, **fields: Any) -> None:
    async with reply.news:
        reply.frames.append(
            {"type": type, "reply": reply.id, "epoch": reply.epoch, "seq": len(reply.frames) + 1, **fields}
        )
        reply.news.notify_all()


async def finish(reply: Reply, outcome: str, text: str | None = None, nearest: list[Frame] | None = None) -> None:
    if text is not None:
        await write(reply, "delta", text=text)
    reply.status, reply.outcome = "done", outcome
    await write(
        reply, "done", text=reply.text, outcome=outcome, reason=None, citations=[1, 2] if "[1]" in reply.text else [],
        nearest=nearest or [], follow_ups=["How long does a refund take?"] if outcome == "answered" else [],
    )  # fmt: skip


async def say(line: Line, reply: Reply, text: str, drop_at: int = -1, pause: float = WORD_SECONDS) -> bool:
    """Stream a text in small pieces; False if the customer stopped it."""
    reply.status = "streaming"
    for count, piece in enumerate(text[at : at + 5] for at in range(0, len(text), 5)):
        if reply.stopped:
            await finish(reply, "stopped")
            return False
        await write(reply, "delta", text=piece)
        if count == drop_at:
            await line.ws.close()
        await asyncio.sleep(pause)
    return True


async def answer(line: Line, reply: Reply, question: str) -> None:
    """The scripts, by a word of the question."""
    if "queue" in question:
        for place in (3, 2, 1):
            await line.send(type="stage", reply=reply.id, stage="queued", position=place)
            await asyncio.sleep(0.4)
    await line.send(type="stage", reply=reply.id, stage="searching")
    await asyncio.sleep(1.2 if "wait" in question else 0.1)
    if "abstain" in question:
        near = [{"title": "Contact us", "url": "/help/contact/"}, {"title": "Returns", "url": "/help/returns/"}]
        return await finish(reply, "abstained", "I found nothing about this in our articles.", near)
    if "fail" in question:
        await write(reply, "sources", sources=SOURCES)
        reply.status = "failed"
        return await write(reply, "failed", code="unavailable", text="The model could not be reached.", retry=True)
    await write(reply, "sources", sources=SOURCES)
    await line.send(type="stage", reply=reply.id, stage="writing")
    if "extract" in question:
        return await finish(reply, "extracted", "Items may be returned within 30 days of delivery. [1]")
    if "restart" in question:
        await say(line, reply, "This first try is void and must be")
        while not line.chat.gate.is_set():
            await asyncio.sleep(WORD_SECONDS)
        async with reply.news:
            reply.epoch, reply.frames = reply.epoch + 1, []
            reply.news.notify_all()
        await write(reply, "sources", sources=SOURCES)
    reply.gone = "snapshot" in question
    while question.startswith("endless") and await say(line, reply, ANSWER + "\n\n"):
        continue
    if reply.stopped:
        return None
    text = {"evil": EVIL, "long": "\n\n".join([ANSWER] * 6)}.get(question.split()[0], ANSWER)
    pause = 8 * WORD_SECONDS if "slowly" in question else WORD_SECONDS
    if await say(line, reply, text, drop_at=12 if "drop" in question else -1, pause=pause):
        await finish(reply, "answered")
    return None


class FakeServer:
    """The fake in a thread of its own, on a free port."""

    def __init__(self, port: int = 0) -> None:
        self.chat = FakeChat()
        config = uvicorn.Config(
            self.chat.app(), host="127.0.0.1", port=port, log_level="warning", lifespan="off", ws_max_size=65_536
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> "FakeServer":
        self.thread.start()
        while not self.server.started and self.thread.is_alive():
            self.thread.join(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.server.force_exit = True
        self.thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"


if __name__ == "__main__":
    FakeServer(int(sys.argv[1])).server.run()
