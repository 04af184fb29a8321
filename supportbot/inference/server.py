"""The HTTP face: /v1/chat/completions /v1/embeddings /v1/rerank /v1/models, /health and /metrics."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from supportbot.inference.completion import Event, Finished, Piece
from supportbot.inference.meters import Meters
from supportbot.inference.refusals import BadRequest, Refusal, Unauthorised
from supportbot.inference.runtime import Runtime
from supportbot.inference.wire import (
    ChatReply,
    ChatRequest,
    embeddings_reply,
    error_body,
    parse_chat,
    parse_embeddings,
    parse_rerank,
    rerank_reply,
)

if TYPE_CHECKING:
    from supportbot.inference.sequence import Sequence

MAX_BODY_BYTES = 16 * 2**20  # 256 texts of 50,000 characters
MAX_CHAT_BYTES = 4 * 2**20  # 200,000 characters, each written as two escapes of six bytes
BODY_SECONDS = 30.0  # a body that takes longer holds a place for nothing
Handler = Callable[[Request], Awaitable[Response]]
DONE = "data: [DONE]\n\n"


def make_app(runtime: Runtime, keys: frozenset[str] = frozenset()) -> Starlette:
    """The application; it answers /health at once and loads the models beside that.

    Where there are `keys`, all but /health and /metrics wants one of them.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=runtime.load, name="loading", daemon=True).start()
        yield
        runtime.stop()

    app = Starlette(
        routes=[
            Route("/v1/chat/completions", for_holders(keys, chat_completions), methods=["POST"]),
            Route("/v1/embeddings", for_holders(keys, embeddings), methods=["POST"]),
            Route("/v1/rerank", for_holders(keys, rerank), methods=["POST"]),
            Route("/v1/models", for_holders(keys, list_models)),
            Route("/health", health),
            Route("/metrics", metrics),
        ],
        exception_handlers={ClientDisconnect: nobody_reads, Refusal: refuse},
        lifespan=lifespan,
    )
    app.state.runtime, app.state.meters = runtime, Meters(runtime)
    return app


def for_holders(keys: frozenset[str], answer: Handler) -> Handler:
    """The same, after a look at the key; without keys everybody is answered."""

    async def checked(request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        if keys and not any([compare_digest(given, key.encode()) for key in keys]):
            raise Unauthorised("This server wants the key that it was started with (MODEL_API_KEY).")
        return await answer(request)

    return checked


async def refuse(_request: Request, error: Exception) -> Response:
    """The sentence of a refusal."""
    assert isinstance(error, Refusal)
    headers = {"Retry-After": "1"} if error.status in (429, 503) else {}
    return JSONResponse(error_body(error), error.status, headers)


async def nobody_reads(_request: Request, _error: Exception) -> Response:
    """The client hung up before its request was whole or its vectors were there."""
    return Response(status_code=400)


async def chat_completions(request: Request) -> Response:
    runtime: Runtime = request.app.state.runtime
    models = runtime.models
    wanted = parse_chat(await _json(request, MAX_CHAT_BYTES))
    answer = Answer(request.app.state.meters)
    start = partial(models.start_answer, goes_on=wanted.goes_on)
    answer.sequence = await asyncio.to_thread(start, wanted.model, wanted.messages, wanted.sampling, answer.deliver)
    watch = asyncio.create_task(_when_gone(request, answer.sequence.cancel))
    if wanted.stream:
        return StreamingResponse(_streamed(answer, wanted, watch), media_type="text/event-stream")
    try:
        pieces = [piece async for piece in answer.pieces()]
    finally:
        watch.cancel()
    text, finished = "".join(piece.text for piece in pieces), answer.finished
    chances = [*(chance for piece in pieces for chance in piece.chances), *finished.chances]
    return JSONResponse(ChatReply(wanted.model).whole(text, finished, chances))


async def embeddings(request: Request) -> Response:
    models = request.app.state.runtime.models
    wanted = parse_embeddings(await _json(request))
    work, vectors = await _computed(request, partial(models.start_embedding, wanted.model, wanted.texts))
    return JSONResponse(embeddings_reply(wanted, vectors, sum(len(ids) for ids in work.tokens)))


async def rerank(request: Request) -> Response:
    """Not of OpenAI's API, but in the form that servers of rerankers share."""
    models = request.app.state.runtime.models
    wanted = parse_rerank(await _json(request))
    work, readings = await _computed(
        request, partial(models.start_reading, wanted.model, wanted.query, wanted.documents)
    )
    return JSONResponse(rerank_reply(wanted, readings, sum(len(text.ids) for text in work.pieces)))


async def _computed(request: Request, start: Callable[[Callable[[list[Any]], None]], Any]) -> tuple[Any, list[Any]]:
    """The work that `start` queues, and what it delivers; ClientDisconnect when the client hangs up before."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[Any] | None] = loop.create_future()
    work = await asyncio.to_thread(start, lambda results: _tell(loop, _resolve, done, results))
    watch = asyncio.create_task(_when_gone(request, lambda: _resolve(done, None)))
    try:
        results = await done
    finally:
        work.cancelled = True
        watch.cancel()
    if results is None:
        raise ClientDisconnect
    return work, results


async def list_models(request: Request) -> Response:
    """Every model by name; adapters that may not serve with the reason, and what serves by their name meanwhile."""
    runtime: Runtime = request.app.state.runtime
    store = runtime.models.adapters
    plan, adapters = runtime.plan, await asyncio.to_thread(store.all)
    entries: list[dict[str, Any]] = [{"id": name} for name in (plan.base, *runtime.models.encoders.names)]
    entries += [
        {"id": adapter.name, "parent": plan.base, "sha256": adapter.sha256, "prompt_version": adapter.prompt_version}
        for adapter in adapters
        if not adapter.refusal
    ]
    refused = [
        {"id": adapter.name, "reason": adapter.refusal, "serving": before.sha256 if before else None}
        for adapter in adapters
        if adapter.refusal
        for before in [store.served(adapter.name)]
    ]
    data = [{"object": "model", "owned_by": "supportbot"} | entry for entry in entries]
    return JSONResponse({"object": "list", "data": data, "refused": refused})


async def health(request: Request) -> Response:
    runtime: Runtime = request.app.state.runtime
    state, loaded = runtime.health(), runtime.loaded
    counts = {"running": loaded.engine.running, "waiting": loaded.engine.waiting} if loaded else {}
    body = {"status": state.status, "reason": state.reason, **counts}
    return JSONResponse(body, 200 if state.status == "ready" else 503)


async def metrics(request: Request) -> Response:
    return Response(generate_latest(request.app.state.meters.registry), media_type="text/plain; version=0.0.4")


class Answer:
    """One sequence in the engine, seen from the event loop."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._started = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()  # bounded by the request's max_tokens
        self.sequence: Sequence
        self.finished: Finished

    def deliver(self, event: Event) -> None:
        """Called on the computing thread."""
        _tell(self._loop, self._events.put_nowait, event)

    async def pieces(self) -> AsyncIterator[Piece]:
        """Text as it comes; then `finished` is set. Leaving early drops the sequence."""
        try:
            while isinstance(event := await self._events.get(), Piece):
                if self._started:
                    self._meters.first_word.observe(time.monotonic() - self._started)
                    self._started = 0.0
                yield event
            self.finished = event
        finally:
            self.sequence.cancel()


async def _streamed(answer: Answer, wanted: ChatRequest, watch: asyncio.Task[None]) -> AsyncIterator[str]:
    reply = ChatReply(wanted.model)
    try:
        yield _event(reply.event({"role": "assistant", "content": ""}))
        async for piece in answer.pieces():
            yield _event(reply.event({"content": piece.text}, chances=piece.chances))
        yield _event(reply.event({}, answer.finished, answer.finished.chances))
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


def _resolve(future: "asyncio.Future[list[Any] | None]", results: list[Any] | None) -> None:
    if not future.done():
        future.set_result(results)


async def _json(request: Request, most: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """The body as an object, read no further than its bound and waited for no longer."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > most:
                    raise BadRequest(f"The body is larger than {most} bytes.")
    except TimeoutError as error:
        raise BadRequest(f"The body was not there after {BODY_SECONDS:g} s.") from error
    try:
        body = json.loads(b"".join(parts))
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    return body
