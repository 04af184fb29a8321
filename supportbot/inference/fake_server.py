"""A deterministic OpenAI-compatible server without a model, for tests: `python -m supportbot.inference.fake_server`.

Answers are the first sentence of passage [1] and its number; vectors are words hashed into buckets, 384 or as many as
the model's name ends with (`other-64d`). Faults come from a script: `{"chat": ["429", "ok", "cut"], "embeddings":
["500"]}` names what the next requests of each kind meet, in order; afterwards all is well. `PUT /script` replaces it,
`GET /seen` counts requests and clients that hung up.

Faults: a status such as `429`, `hang` (silence before the first word), `stall` (silence after it), `cut` (the
connection ends after some words), `malformed` (an event that is not JSON), `slow` (a word every 50 ms), `say:` and a
text (which is the answer).
"""

import argparse
import asyncio
import hashlib
import json
import math
import re
from collections import Counter, deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

DIMENSIONS = 384
MODELS = ("support-v1", "smollm2-135m-instruct", "all-minilm-l6-v2")
SILENCE_SECONDS = 600.0
SLOW_SECONDS = 0.05
WORDS_BEFORE_FAULT = 3
SAY = "say:"
NO_PASSAGE = "There is no passage to answer from."
PASSAGE = re.compile(r"^\[1\][^\n]*\n(.+?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
SENTENCE = re.compile(r".+?[.!?](?=\s|\Z)|.+", re.DOTALL)


class Script:
    """The faults that are still to come, and what was seen so far."""

    def __init__(self, steps: dict[str, list[str]]) -> None:
        self.seen: Counter[str] = Counter()
        self.replace(steps)

    def replace(self, steps: dict[str, list[str]]) -> None:
        """Forget what was left of the script, and the counts."""
        self._steps = {kind: deque(faults) for kind, faults in steps.items()}
        self.seen.clear()

    def next(self, kind: str) -> str:
        """What the next request of this kind meets; `ok` when the script has ended."""
        self.seen[kind] += 1
        steps = self._steps.get(kind)
        return steps.popleft() if steps else "ok"


def answer_to(messages: list[dict[str, str]]) -> str:
    """The first sentence of the passage numbered 1 in the last message, with its number."""
    passage = PASSAGE.search(messages[-1]["content"])
    if passage is None:
        return NO_PASSAGE
    sentence = SENTENCE.match(" ".join(passage.group(1).split()))
    return f"{sentence.group(0) if sentence else NO_PASSAGE} [1]"


def dimensions_of(model: str) -> int:
    named = re.search(r"-(\d+)d$", model)
    return int(named.group(1)) if named else DIMENSIONS


def vector_of(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Words hashed into buckets, at length 1: texts that share words are near each other."""
    buckets = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()) or [""]:
        buckets[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % dimensions] += 1.0
    length = math.sqrt(sum(value * value for value in buckets))
    return [value / length for value in buckets]


def _refused(status: int) -> Response:
    return JSONResponse({"error": {"message": "scripted", "type": "scripted", "code": "scripted"}}, status)


def _usage(messages: list[dict[str, str]], words: list[str]) -> dict[str, int]:
    prompt = sum(len(message["content"].split()) for message in messages)
    return {"prompt_tokens": prompt, "completion_tokens": len(words), "total_tokens": prompt + len(words)}


def _event(model: str, text: str, reason: str | None = None, usage: dict[str, int] | None = None) -> str:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": reason}
    event = {"id": "fake", "object": "chat.completion.chunk", "model": model, "choices": [choice], "usage": usage}
    return f"data: {json.dumps(event)}\n\n"


async def _stream(body: dict[str, Any], words: list[str], fault: str, script: Script) -> AsyncIterator[str]:
    model, finished = body["model"], False
    try:
        for count, word in enumerate(words):
            if (fault, count) in (("hang", 0), ("stall", WORDS_BEFORE_FAULT)):
                await asyncio.sleep(SILENCE_SECONDS)
            if fault == "cut" and count == WORDS_BEFORE_FAULT:
                raise ConnectionResetError("scripted")
            if fault == "malformed" and count == WORDS_BEFORE_FAULT:
                yield "data: {not json\n\n"
            if fault == "slow":
                await asyncio.sleep(SLOW_SECONDS)
            yield _event(model, word if count == 0 else f" {word}")
        yield _event(model, "", "stop", _usage(body["messages"], words)) + "data: [DONE]\n\n"
        finished = True
    finally:
        script.seen["hung_up"] += not finished


def without_beginning(words: list[str], begun: str) -> list[str]:
    """What follows an answer's beginning, a blank before the first word; all of it where it begins otherwise."""
    said = begun.split()
    left = words[len(said) :] if words[: len(said)] == said else words
    return [f" {left[0]}", *left[1:]] if left else []


async def chat(request: Request) -> Response:
    script: Script = request.app.state.script
    fault, body = script.next("chat"), await request.json()
    begun = body["messages"].pop()["content"] if body.get("continue_final_message") else ""
    if fault.isdigit():
        return _refused(int(fault))
    if fault.startswith(SAY):
        words = fault.removeprefix(SAY).split(" ")
    else:
        words = answer_to(body["messages"]).split()[: body.get("max_tokens") or None]
    if begun:
        script.seen["continued"] += 1
        words = without_beginning(words, begun)
    if body.get("stream"):
        return StreamingResponse(_stream(body, words, fault, script), media_type="text/event-stream")
    message = {"role": "assistant", "content": " ".join(words)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return JSONResponse({"object": "chat.completion", "choices": [choice], "usage": _usage(body["messages"], words)})


async def embeddings(request: Request) -> Response:
    fault, body = request.app.state.script.next("embeddings"), await request.json()
    if fault.isdigit():
        return _refused(int(fault))
    if fault == "hang":
        await asyncio.sleep(SILENCE_SECONDS)
    if fault == "malformed":
        return JSONResponse({"data": [{"index": 0}]})
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    await asyncio.sleep(request.app.state.embedding_seconds)
    size = dimensions_of(body["model"])
    entries = [{"object": "embedding", "index": n, "embedding": vector_of(text, size)} for n, text in enumerate(texts)]
    return JSONResponse({"object": "list", "data": entries, "model": body["model"]})


async def models(_request: Request) -> Response:
    return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]})


async def health(_request: Request) -> Response:
    return JSONResponse({"status": "ready"})


async def replace_script(request: Request) -> Response:
    request.app.state.script.replace(await request.json())
    return Response(status_code=204)


async def seen(request: Request) -> Response:
    return JSONResponse(dict(request.app.state.script.seen))


def make_app(steps: dict[str, list[str]], embedding_seconds: float = 0.0) -> Starlette:
    """The application, with the faults that its first requests meet, and how long each request for vectors takes."""
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", health),
            Route("/script", replace_script, methods=["PUT"]),
            Route("/seen", seen),
        ]
    )
    app.state.script, app.state.embedding_seconds = Script(steps), embedding_seconds
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake model server for tests.")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--socket", type=Path)
    place.add_argument("--port", type=int)
    parser.add_argument("--script", type=Path)
    parser.add_argument("--embedding-seconds", type=float, default=0.0, help="how long each request for vectors takes")
    options = parser.parse_args()
    app = make_app(json.loads(options.script.read_text()) if options.script else {}, options.embedding_seconds)
    where = {"uds": str(options.socket)} if options.socket else {"port": options.port}
    uvicorn.run(app, **where, log_level="critical", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
