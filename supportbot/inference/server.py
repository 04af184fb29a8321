"""The HTTP face: /v1/chat/completions /v1/embeddings /v1/models, /health and /metrics."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from supportbot.inference.adapters import AdapterRefused
from supportbot.inference.embedder import EmbedderBusy, EmbeddingRequest
from supportbot.inference.engine import EngineBusy
from supportbot.inference.meters import Meters
from supportbot.inference.runtime import Runtime, UnknownModel
from supportbot.inference.sequence import Event, Finished, Piece, Sequence
from supportbot.inference.template import prompt_ids
from supportbot.inference.wire import (
    BadRequest,
    ChatReply,
    ChatRequest,
    embeddings_reply,
    error_body,
    parse_chat,
    parse_embeddings,
)

MAX_BODY_BYTES = 16 * 2**20  # 256 texts of 50,000 characters; chats have their own, smaller bound
DONE = "data: [DONE]\n\n"


class NotReady(Exception):
    """The models cannot answer now."""


REFUSALS: dict[type[Exception], tuple[int, str]] = {
    BadRequest: (400, "bad_request"),
    UnknownModel: (404, "model_not_found"),
    AdapterRefused: (409, "adapter_refused"),
    EngineBusy: (429, "busy"),
    EmbedderBusy: (429, "busy"),
    NotReady: (503, "not_ready"),
}


def make_app(runtime: Runtime) -> Starlette:
    """The application; it answers /health at once and loads the models beside that."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=runtime.load, name="loading", daemon=True).start()
        yield
        runtime.stop()

    app = Starlette(
        routes=[
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", health),
            Route("/metrics", metrics),
        ],
        exception_handlers={ClientDisconnect: nobody_reads, **dict.fromkeys(REFUSALS, refuse)},
        lifespan=lifespan,
    )
    app.state.runtime, app.state.meters = runtime, Meters(runtime)
    return app


async def refuse(_request: Request, error: Exception) -> Response:
    """The sentence of a refusal in the form that OpenAI's clients know."""
    status, code = REFUSALS[type(error)]
    headers = {"Retry-After": "1"} if status in (429, 503) else {}
    return JSONResponse(error_body(str(error), code), status, headers)


async def nobody_reads(_request: Request, _error: Exception) -> Response:
    """The client hung up before its request was whole or its vectors were there."""
    return Response(status_code=400)


async def chat_completions(request: Request) -> Response:
    runtime = _ready(request)
    wanted = parse_chat(await _json(request))
    answer = Answer(runtime, request.app.state.meters)
    await answer.begin(wanted)
    watch = asyncio.create_task(_when_gone(request, answer.sequence.cancel))
    if wanted.stream:
        return StreamingResponse(_streamed(answer, wanted, watch), media_type="text/event-stream")
    try:
        text = "".join([piece async for piece in answer.pieces()])
    finally:
        watch.cancel()
    return JSONResponse(ChatReply(wanted.model).whole(text, answer.finished))


async def embeddings(request: Request) -> Response:
    runtime = _ready(request)
    wanted = parse_embeddings(await _json(request))
    if wanted.model != runtime.names.embedding:
        raise UnknownModel(f"The embedding model here is called {runtime.names.embedding}.")
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[list[float]]] = loop.create_future()
    tokens = await asyncio.to_thread(runtime.embedder.tokenize, wanted.texts)
    work = EmbeddingRequest(tokens, lambda vectors: _tell(loop, _resolve, done, vectors))
    runtime.scheduler.embed(work)

    def give_up() -> None:
        work.cancelled = True
        done.cancel()

    watch = asyncio.create_task(_when_gone(request, give_up))
    try:
        vectors = await done
    except asyncio.CancelledError as error:
        if work.cancelled:
            raise ClientDisconnect from error
        raise
    finally:
        work.cancelled = True
        watch.cancel()
    return JSONResponse(embeddings_reply(wanted, vectors, sum(len(ids) for ids in tokens)))


async def models(request: Request) -> Response:
    """Every model by name; adapters that may not serve with the reason."""
    runtime = _ready(request)
    names = [runtime.names.base, runtime.names.embedding]
    entries: list[dict[str, Any]] = [{"id": name, "object": "model", "owned_by": "supportbot"} for name in names]
    refused = []
    for adapter in await asyncio.to_thread(runtime.adapters.all):
        if adapter.refusal:
            refused.append({"id": adapter.name, "reason": adapter.refusal})
        else:
            entry = {"id": adapter.name, "object": "model", "owned_by": "supportbot", "parent": runtime.names.base}
            entries.append(entry | {"sha256": adapter.sha256, "prompt_version": adapter.prompt_version})
    return JSONResponse({"object": "list", "data": entries, "refused": refused})


async def health(request: Request) -> Response:
    runtime: Runtime = request.app.state.runtime
    state = runtime.health()
    body = {"status": state.status, "reason": state.reason}
    counts = {"running": runtime.engine.running, "waiting": runtime.engine.waiting}
    return JSONResponse(body | counts, 200 if state.status == "ready" else 503)


async def metrics(request: Request) -> Response:
    return Response(generate_latest(request.app.state.meters.registry), media_type="text/plain; version=0.0.4")


class Answer:
    """One sequence in the engine, seen from the event loop."""

    def __init__(self, runtime: Runtime, meters: Meters) -> None:
        self._runtime = runtime
        self._meters = meters
        self._started = time.monotonic()
        self._events: asyncio.Queue[Event] = asyncio.Queue()  # bounded by the request's max_tokens
        self.sequence: Sequence
        self.finished: Finished

    async def begin(self, wanted: ChatRequest) -> None:
        """Queue the request. BadRequest, UnknownModel, AdapterRefused and EngineBusy say why not."""
        runtime, loop = self._runtime, asyncio.get_running_loop()
        model = await asyncio.to_thread(runtime.chat_model, wanted.model)
        prompt = prompt_ids(runtime.tokenizer, wanted.messages)
        if len(prompt) + wanted.sampling.max_tokens > model.context:
            raise BadRequest(
                f"The prompt has {len(prompt)} tokens and the answer may have {wanted.sampling.max_tokens}; "
                f"together the model reads {model.context}."
            )
        self.sequence = Sequence(
            model=model,
            prompt=prompt,
            sampling=wanted.sampling,
            ends=runtime.ends,
            decode=lambda ids: runtime.tokenizer.decode(ids, skip_special_tokens=True),
            deliver=lambda event: _tell(loop, self._events.put_nowait, event),
        )
        runtime.scheduler.chat(self.sequence)

    async def pieces(self) -> AsyncIterator[str]:
        """Text as it comes; then `finished` is set. Leaving early drops the sequence."""
        try:
            while isinstance(event := await self._events.get(), Piece):
                if self._started:
                    self._meters.first_word.observe(time.monotonic() - self._started)
                    self._started = 0.0
                yield event.text
            self.finished = event
        finally:
            self.sequence.cancel()


async def _streamed(answer: Answer, wanted: ChatRequest, watch: asyncio.Task[None]) -> AsyncIterator[str]:
    reply = ChatReply(wanted.model)
    try:
        yield _event(reply.event({"role": "assistant", "content": ""}))
        async for text in answer.pieces():
            yield _event(reply.event({"content": text}))
        yield _event(reply.event({}, answer.finished))
        if wanted.include_usage:
            yield _event(reply.usage_event(answer.finished))
        yield DONE
    finally:
        answer.sequence.cancel()
        watch.cancel()


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


async def _when_gone(request: Request, act: Callable[[], None]) -> None:
    """The server tells who asks that a client hung up; else a waiting answer would be written for nobody."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    act()


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *values: object) -> None:
    """From the computing thread to the loop; a loop that has closed has nobody to tell."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, *values)


def _resolve(future: "asyncio.Future[list[list[float]]]", vectors: list[list[float]]) -> None:
    if not future.done():
        future.set_result(vectors)


def _ready(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    if not runtime.ready or runtime.dead:
        raise NotReady(runtime.health().reason)
    return runtime


async def _json(request: Request) -> dict[str, Any]:
    """The body as an object, read no further than its bound."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise BadRequest(f"The body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        body = json.loads(b"".join(parts))
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    return body
