"""The client of the model server, ours or any OpenAI-compatible one: words in, words and vectors out.

A request is tried again only when nothing of its answer has been shown: after a refused connection, a 429 or a 5xx;
and at once without what an engine says it does not know (`dialects`). Seeds and stops, which many lack, are never sent.
"""

import asyncio
import base64
import math
import sys
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from supportbot.inference import dialects
from supportbot.inference.connection import CONNECT_SECONDS, async_client, sync_client
from supportbot.inference.failures import ModelError, failure, malformed, refusal
from supportbot.inference.posting import BACKOFF_SECONDS, MAX_REFUSAL_BYTES, RETRIED, apost, post
from supportbot.inference.sse import Delta, MalformedStream, StreamRefused, parse_whole, read_deltas, read_whole

IDLE_SECONDS = 10.0  # between two words; a server that is silent for longer hangs
COUNTS_SECONDS = 2.0  # after the last word, for the token counts; an answer is whole without them
MAX_ANSWER_CHARS = 100_000
EMBED_BATCH = 64
MAX_DIMENSIONS = 8192


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an answer. `reason` is stop or length; servers that do not tell the counts leave None."""

    reason: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


async def stream_chat(
    messages: Sequence[Mapping[str, str]],
    *,
    model: str,
    max_tokens: int,
    temperature: float = 0.0,
    first_token_seconds: float,
    total_seconds: float,
    begun: str = "",
) -> AsyncGenerator[str | Finish, None]:
    """Pieces of text, then exactly one Finish. Raises ModelError. Closing the generator drops the request.

    `begun` is the answer's beginning, which is not told again: for engines that can continue it (MODEL_CONTINUES).
    """
    body = _chat_body(messages, model, max_tokens, temperature)
    if begun:
        body["messages"].append({"role": "assistant", "content": begun})
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    start = asyncio.get_running_loop().time()
    limits = (start + first_token_seconds, start + total_seconds)
    for pause in (*BACKOFF_SECONDS, None):
        heard = False
        try:
            async with aclosing(_stream_once(body, *limits)) as items:
                async for item in items:
                    heard = True
                    yield item
            return
        except ModelError as error:
            late = pause is None or asyncio.get_running_loop().time() + pause > min(limits)
            if heard or late or error.code not in RETRIED:
                raise
        await asyncio.sleep(pause or 0)


async def _stream_once(body: dict[str, Any], first_limit: float, limit: float) -> AsyncGenerator[str | Finish, None]:
    """One attempt. Each wait has its own time-out: none may be open across a yield."""
    loop = asyncio.get_running_loop()
    shown, reason, silence = 0, None, first_limit
    counts: tuple[int | None, int | None] = (None, None)
    try:
        async with _opened(body, min(first_limit, limit)) as deltas:
            while True:
                async with asyncio.timeout_at(min(limit, silence)):
                    delta: Delta | None = await anext(deltas, None)
                if delta is None:
                    break
                reason = reason or delta.reason or ("stop" if delta.done and shown else None)
                counts = (delta.prompt_tokens or counts[0], delta.completion_tokens or counts[1])
                shown += len(delta.text)
                if shown > MAX_ANSWER_CHARS:
                    raise MalformedStream
                if delta.text:
                    yield delta.text
                if reason or shown:
                    silence = loop.time() + (COUNTS_SECONDS if reason else IDLE_SECONDS)
    except (TimeoutError, httpx.HTTPError, MalformedStream, StreamRefused, OSError) as error:
        if reason is None:  # else the answer is whole, and only its counts are missing
            raise failure(error, begun=shown > 0) from error
    if reason is None:
        raise ModelError("cut" if shown else "unavailable", "The model server stopped in the middle of an answer.")
    yield Finish(reason, *counts)


@asynccontextmanager
async def _opened(body: dict[str, Any], limit: float) -> AsyncIterator[AsyncGenerator[Delta, None]]:
    """The events of a stream that the server has accepted before `limit`; leaving hangs up."""
    async with aclosing(await _accepted(body, limit)) as response:
        whole = "json" in response.headers.get("content-type", "")
        async with aclosing((read_whole if whole else read_deltas)(response.aiter_bytes())) as deltas:
            yield deltas


async def _accepted(body: dict[str, Any], limit: float) -> httpx.Response:
    """The response to read from; asked for again without what the server does not know. ModelError if it refuses."""
    url, key = _chat_address()
    client = async_client(url, key)
    while True:
        sent = dialects.spoken(url, body)
        request = client.build_request("POST", "chat/completions", json=sent)
        request.extensions["timeout"] = {"connect": CONNECT_SECONDS, "pool": CONNECT_SECONDS}
        async with asyncio.timeout_at(limit):
            response = await client.send(request, stream=True)
            if response.status_code == 200:
                return response
            words = await _refusal_words(response)
        if not dialects.learn(url, sent, response.status_code, words):
            raise refusal(response.status_code, words)


async def _refusal_words(response: httpx.Response) -> str:
    """What a refusal says, to be searched and never to be shown."""
    said = b""
    async with aclosing(response):
        async for part in response.aiter_bytes():
            said += part
            if len(said) > MAX_REFUSAL_BYTES:
                break
    return said[:MAX_REFUSAL_BYTES].decode("utf-8", "replace")


def chat(
    messages: Sequence[Mapping[str, str]],
    *,
    model: str,
    max_tokens: int,
    temperature: float = 0.0,
    timeout: float = 120.0,
) -> tuple[str, Finish]:
    """A whole answer at once, for evaluation and the terminal."""
    reply = post(*_chat_address(), "chat/completions", _chat_body(messages, model, max_tokens, temperature), timeout)
    try:
        whole = parse_whole(reply)
    except (MalformedStream, StreamRefused) as error:
        raise failure(error, begun=False) from error
    return whole.text, Finish(whole.reason or "stop", whole.prompt_tokens, whole.completion_tokens)


def embed(texts: Sequence[str], *, model: str | None = None, timeout: float = 60.0) -> list[list[float]]:
    """One vector for each text, in batches; `timeout` holds for each batch."""
    address, vectors = _embedding_address(model), []
    for batch in _batches(texts):
        reply = post(*address, "embeddings", _embedding_body(batch, model), timeout)
        vectors.extend(_vectors(reply, len(batch)))
    return vectors


async def aembed(texts: Sequence[str], *, model: str | None = None, timeout: float = 60.0) -> list[list[float]]:
    """The same without blocking the loop."""
    address, vectors = _embedding_address(model), []
    for batch in _batches(texts):
        reply = await apost(*address, "embeddings", _embedding_body(batch, model), timeout)
        vectors.extend(_vectors(reply, len(batch)))
    return vectors


def list_models(timeout: float = 5.0) -> list[str]:
    """The names that the `model` field may have."""
    url, key = _chat_address()
    try:
        response = sync_client(url, key).get("models", timeout=timeout)
        if response.status_code != 200:
            raise refusal(response.status_code, response.text)
        return [str(entry["id"]) for entry in response.json()["data"]]
    except (httpx.HTTPError, OSError) as error:
        raise failure(error, begun=False) from error
    except (ValueError, KeyError, TypeError) as error:
        raise malformed() from error


def _vectors(reply: Any, count: int) -> list[list[float]]:
    """The reply's vectors in the order of the texts: as many as asked for, of one length, all finite."""
    try:
        entries = sorted(reply["data"], key=lambda entry: entry["index"])
        vectors = [_numbers(entry["embedding"]) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise malformed() from error
    sizes = {len(vector) for vector in vectors}
    if len(vectors) != count or len(sizes) != 1 or not 0 < sizes.pop() <= MAX_DIMENSIONS:
        raise malformed()
    if not all(math.isfinite(value) for vector in vectors for value in vector):
        raise malformed()
    return vectors


def _numbers(embedding: str | list[float]) -> list[float]:
    """Base64 of 4-byte floats, as was asked for; servers that do not know it send a list. Raises ValueError."""
    if not isinstance(embedding, str):
        return [float(value) for value in embedding]
    packed = array("f", base64.b64decode(embedding, validate=True))
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tolist()


def _chat_body(
    messages: Sequence[Mapping[str, str]], model: str, max_tokens: int, temperature: float
) -> dict[str, Any]:
    wanted = [{"role": message["role"], "content": message["content"]} for message in messages]
    return {"model": model, "messages": wanted, "max_tokens": max_tokens, "temperature": temperature}


def _embedding_body(texts: Sequence[str], model: str | None) -> dict[str, Any]:
    from django.conf import settings

    return {"model": model or settings.EMBEDDING_MODEL, "input": list(texts), "encoding_format": "base64"}


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + EMBED_BATCH] for start in range(0, len(texts), EMBED_BATCH))


def _chat_address() -> tuple[str, str]:
    from django.conf import settings

    return settings.MODEL_URL, settings.MODEL_API_KEY


def _embedding_address(model: str | None) -> tuple[str, str]:
    """While one embedding model is replaced by another, two servers may be asked: each model has its own."""
    from django.conf import settings

    if model in settings.EMBEDDING_SERVERS:
        return settings.EMBEDDING_SERVERS[model], settings.EMBEDDING_SERVER_KEYS.get(model, "")
    return settings.EMBEDDING_URL, settings.EMBEDDING_API_KEY
