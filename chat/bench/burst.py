"""`manage.py bench burst`: so many visitors ask at the same moment. What is each of them told, and when?

Against an instance that runs (`--url`), or against one that `manage.py up` starts here in a folder of its own. All are
connected first; the clock starts when all ask. Nobody may be lost: each answer must come to one ending, its pieces must
make its text, and the row must say the same when its visitor comes back.
"""

import asyncio
import json
import os
import signal
import time
import uuid
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

from chat.bench.sockets import HOST, OPENED_AT_ONCE, free_port, spread
from knowledge import demo
from knowledge.bench import apart, machine
from knowledge.evaluation_files import read_questions
from supportbot import open_files

HELP = "many visitors ask at once: the time to each one's place, first word and end, and what became of them"
QUESTIONS = "questions.test.jsonl"
START_SECONDS = 600.0  # of everything, with the weights converted for the first time
STOP_SECONDS = 60.0
Say = Callable[[str], object]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--n", type=int, default=200, help="how many visitors (default: %(default)s)")
    parser.add_argument("--url", help="ws://… of a widget of a running instance; its origin is taken from it")
    parser.add_argument("--seconds", type=float, default=300.0, help="who has no ending then is lost (%(default)s)")


@dataclass(slots=True)
class Asked:
    """What one visitor was told; seconds from the moment when all asked."""

    question: str
    accepted: float | None = None
    place: float | None = None  # the first word on how it stands: a place in the queue, or that it is being searched
    position: int | None = None  # the first one told; None: none
    word: float | None = None
    end: float | None = None
    outcome: str = ""
    reason: str = ""
    restarts: int = 0
    faults: list[str] = field(default_factory=list)


def run(options: dict[str, Any], arguments: Sequence[str], say: Say) -> dict[str, Any] | None:
    open_files.allow_many()
    if options["url"]:
        return measure(options["url"], options, say)
    if not apart.is_apart():
        apart.run_apart(arguments, PORT=str(free_port()), HOST=HOST)
        return None
    everything = apart.Process("up", ["manage.py", "up"], lambda said: True)
    everything.log.parent.mkdir(parents=True, exist_ok=True)
    say("starting an instance")
    try:
        everything.start(CHAT_ADDRESS_QUESTIONS_PER_MINUTE=str(10 * options["n"]), NO_COLOR="1")
        apart.wait_for(lambda: "Ready" in everything.log.read_text(), START_SECONDS, "`manage.py up` being ready")
        return measure(f"ws://{HOST}:{settings.PORT}/ws/chat/demo/", options, say)
    finally:
        stop(everything)


def stop(everything: apart.Process) -> None:
    """In order, so that no data server outlives it."""
    if everything.process is not None:
        everything.process.send_signal(signal.SIGINT)
        everything.process.wait(STOP_SECONDS)


def measure(url: str, options: dict[str, Any], say: Say) -> dict[str, Any]:
    given = read_questions([Path(demo.__file__).parent / QUESTIONS])
    alone = [one.question for one in given if not one.history]
    questions = [alone[number % len(alone)] for number in range(options["n"])]
    rows = asyncio.run(burst(url, questions, options["seconds"], say))
    summary = summary_of(rows) | {"cores": os.cpu_count(), "processor": machine.processor(), "load": machine.load()}
    for name, value in summary.items():
        say(f"{name}: {value}")
    return {"rows": [asdict(row) for row in rows], "summary": summary}


async def burst(url: str, questions: Sequence[str], seconds: float, say: Say) -> list[Asked]:
    door = asyncio.Semaphore(OPENED_AT_ONCE)

    async def enter() -> Visitor:
        async with door:
            visitor = Visitor(url)
            await visitor.arrive()
            return visitor

    visitors = await asyncio.gather(*(enter() for _ in questions))
    say(f"{len(visitors)} visitors are there and ask")
    start = time.monotonic()
    asked = zip(visitors, questions, strict=True)
    rows = await asyncio.gather(*(visitor.ask(question, start, seconds) for visitor, question in asked))
    say("looking whether each row is what was seen")
    for visitor in visitors:
        await visitor.look_again()
    return list(rows)


class Visitor:
    """One line, one question."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._line: ClientConnection | None = None
        self._token = self._conversation = self._reply = self._text = None
        self._asked = Asked("")

    async def arrive(self) -> dict[str, Any]:
        host = self._url.split("//", 1)[1].split("/", 1)[0]
        origin = f"{'https' if self._url.startswith('wss') else 'http'}://{host}"
        self._line = await connect(self._url, origin=Origin(origin), open_timeout=30, max_size=2**22, proxy=None)
        await self._say(type="hello", protocol=1, token=self._token, conversation=self._conversation)
        welcome = await self._hear(30)
        self._token = welcome["token"]
        return welcome

    async def ask(self, question: str, start: float, seconds: float) -> Asked:
        """Everything up to the ending. Never raises: what goes wrong is told as a fault."""
        self._asked = asked = Asked(question)
        said = ""
        try:
            await self._say(type="ask", id=str(uuid.uuid4()), text=question)
            while not asked.outcome:
                frame = await self._hear(start + seconds - time.monotonic())
                said = self._note(frame, said, time.monotonic() - start)
        except (TimeoutError, OSError, WebSocketException) as error:
            asked.faults.append(f"lost: {type(error).__name__}")
        return asked

    def _note(self, frame: dict[str, Any], said: str, now: float) -> str:
        """Gives the text so far."""
        asked, kind = self._asked, frame["type"]
        if kind == "accepted":
            asked.accepted, self._reply, self._conversation = now, frame["reply"], frame["conversation"]
        elif kind == "error":
            asked.outcome, asked.end = f"refused: {frame['code']}", now
            asked.faults.append(asked.outcome)
        elif frame.get("reply") == self._reply:
            asked.place = asked.place or now
            if kind == "stage" and asked.position is None:
                asked.position = frame.get("position")
            elif kind == "restart":
                asked.restarts += 1
                return ""
            elif kind == "delta":
                asked.word = asked.word or now
                return said + frame["text"]
            elif kind in ("done", "failed"):
                asked.end, asked.outcome = now, frame.get("outcome", "failed")
                asked.reason, self._text = frame.get("reason") or frame.get("code") or "", frame["text"]
                if kind == "done" and said != self._text:
                    asked.faults.append("the pieces are not the text")
        return said

    async def look_again(self) -> None:
        """Comes back, and compares the row with what was seen."""
        if self._line is not None:
            await self._line.close()
        try:
            shown = (await self.arrive())["messages"]
            row = next((one for one in shown if one["id"] == self._reply), None)
            if row is None or (row["status"] == "done" and row["text"] != self._text):
                self._asked.faults.append("the row is not what was seen")
            elif row["status"] not in ("done", "failed"):
                self._asked.faults.append(f"the row is {row['status']}")
            assert self._line is not None
            await self._line.close()
        except (TimeoutError, OSError, WebSocketException) as error:
            self._asked.faults.append(f"could not come back: {type(error).__name__}")

    async def _say(self, **frame: Any) -> None:
        assert self._line is not None
        await self._line.send(json.dumps(frame))

    async def _hear(self, seconds: float) -> dict[str, Any]:
        assert self._line is not None
        return json.loads(await asyncio.wait_for(self._line.recv(), max(seconds, 0.001)))


def summary_of(rows: Sequence[Asked]) -> dict[str, Any]:
    def times(name: str) -> dict[str, float]:
        return spread([value for row in rows if (value := getattr(row, name)) is not None] or [0.0])

    generated = sum(row.outcome == "answered" and not row.reason for row in rows)
    return {
        "visitors": len(rows),
        "accepted_seconds": times("accepted"),
        "place_seconds": times("place"),
        "word_seconds": times("word"),
        "end_seconds": times("end"),
        "told_a_position": sum(row.position is not None for row in rows),
        "generated": generated,
        "extracted": sum(row.outcome == "extracted" for row in rows),
        "handed_over": sum(row.outcome == "handed_over" for row in rows),
        "outcomes": dict(Counter(f"{row.outcome} {row.reason}".strip() for row in rows).most_common()),
        "lost": sum(row.end is None for row in rows),
        "faults": dict(Counter(fault for row in rows for fault in row.faults)),
    }
