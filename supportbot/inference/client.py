"""The client of the model server, ours or any OpenAI-compatible one: words in, words and vectors out.

A request is tried again only when nothing of its answer has been shown: after a refused connection, a 429 or a 5xx.
"""

import asyncio
import base64
import math
import sys
import time
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from supportbot.inference.connection import CONNECT_SECONDS, async_client, sync_client
from supportbot.inference.sse import Delta, MalformedStream, read_deltas

BACKOFF_SECONDS = (0.2, 0.6)  # before the second and the third attempt
IDLE_SECONDS = 10.0  # between two words; a server that is silent for longer hangs
MAX_ANSWER_CHARS = 100_000
EMBED_BATCH = 64
MAX_DIMENSIONS = 8192
_RETRIED = frozenset({"unavailable", "busy"})


class ModelError(Exception):
    """The model server gave no (whole) answer. `text` is a sentence without anything that customers wrote.

    `code` is unavailable, busy, timeout, bad_request, cut (after some words) or malformed.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an answer. `reason` is stop or length."""

    reason: str
    prompt_tokens: int
    completion_tokens: int


async def stream_chat(
    messages: Sequence[Mapping[str, str]],
    *,
    model: str,
    max_tokens: int,
    temperature: float = 0.0,
    first_token_seconds: float,
    total_seconds: float,
) -> AsyncGenerator[str | Finish, None]:
    """Pieces of text, then exactly one Finish. Raises ModelError. Closing the generator drops the request."""
    body = _chat_body(messages, model, max_tokens, temperature)
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    start = asyncio.get_running_loop().time()
    limits = (start + first_token_seconds, start + total_seconds)
    for pause in (*BACKOFF_SECONDS, None):
        begun = False
        try:
            async with aclosing(_stream_once(body, *limits)) as items:
                async for item in items:
                    begun = True
                    yield item
            return
        except ModelError as error:
            late = pause is None or asyncio.get_running_loop().time() + pause > min(limits)
            if begun or late or error.code not in _RETRIED:
                raise
        await asyncio.sleep(pause or 0)


async def _stream_once(body: dict[str, Any], first_limit: float, limit: float) -> AsyncGenerator[str | Finish, None]:
    """One attempt. Each wait has its own time-out: none may be open across a yield."""
    loop = asyncio.get_running_loop()
    shown, reason, counts = 0, None, (0, 0)
    try:
        async with _opened(body, min(first_limit, limit)) as deltas:
            while True:
                async with asyncio.timeout_at(min(limit, loop.time() + IDLE_SECONDS if shown else first_limit)):
                    delta: Delta | None = await anext(deltas, None)
                if delta is None:
                    break
                reason = delta.reason or reason
                counts = (delta.prompt_tokens or counts[0], delta.completion_tokens or counts[1])
                shown += len(delta.text)
                if shown > MAX_ANSWER_CHARS:
                    raise MalformedStream
                if delta.text:
                    yield delta.text
    except (TimeoutError, httpx.HTTPError, MalformedStream, OSError) as error:
        raise _failure(error, begun=shown > 0) from error
    if reason is None:
        raise ModelError("cut" if shown else "unavailable", "The model server stopped in the middle of an answer.")
    yield Finish(reason, *counts)


@asynccontextmanager
async def _opened(body: dict[str, Any], limit: float) -> AsyncIterator[AsyncGenerator[Delta, None]]:
    """The events of a stream that the server has accepted before `limit`; leaving hangs up."""
    client = async_client(*_chat_address())
    request = client.build_request("POST", "chat/completions", json=body)
    request.extensions["timeout"] = {"connect": CONNECT_SECONDS, "pool": CONNECT_SECONDS}
    async with asyncio.timeout_at(limit):
        response = await client.send(request, stream=True)
    async with aclosing(response):
        if response.status_code != 200:
            raise _refusal(response)
        async with aclosing(read_deltas(response.aiter_bytes())) as deltas:
            yield deltas


def chat(
    messages: Sequence[Mapping[str, str]],
    *,
    model: str,
    max_tokens: int,
    temperature: float = 0.0,
    timeout: float = 120.0,
) -> tuple[str, Finish]:
    """A whole answer at once, for evaluation and the terminal."""
    reply = _post(*_chat_address(), "chat/completions", _chat_body(messages, model, max_tokens, temperature), timeout)
    try:
        choice, usage = reply["choices"][0], reply.get("usage") or {}
        finish = Finish(str(choice["finish_reason"]), usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))
        return str(choice["message"]["content"] or ""), finish
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _malformed() from error


def embed(texts: Sequence[str], *, model: str | None = None, timeout: float = 60.0) -> list[list[float]]:
    """One vector for each text, in batches; `timeout` holds for each batch."""
    address, vectors = _embedding_address(model), []
    for batch in _batches(texts):
        reply = _post(*address, "embeddings", _embedding_body(batch, model), timeout)
        vectors.extend(_vectors(reply, len(batch)))
    return vectors


async def aembed(texts: Sequence[str], *, model: str | None = None, timeout: float = 60.0) -> list[list[float]]:
    """The same without blocking the loop."""
    address, vectors = _embedding_address(model), []
    for batch in _batches(texts):
        reply = await _apost(*address, "embeddings", _embedding_body(batch, model), timeout)
        vectors.extend(_vectors(reply, len(batch)))
    return vectors


def list_models(timeout: float = 5.0) -> list[str]:
    """The names that the `model` field may have."""
    url, key = _chat_address()
    try:
        response = sync_client(url, key).get("models", timeout=timeout)
        if response.status_code != 200:
            raise _refusal(response)
        return [str(entry["id"]) for entry in response.json()["data"]]
    except (httpx.HTTPError, OSError) as error:
        raise _failure(error, begun=False) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _malformed() from error


def _post(url: str, key: str, path: str, body: dict[str, Any], timeout: float) -> Any:
    """The reply's JSON; tries again as the module says."""
    for pause in (*BACKOFF_SECONDS, None):
        try:
            return post_once(url, key, path, body, timeout)
        except ModelError as error:
            if pause is None or error.code not in _RETRIED:
                raise
        time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def post_once(url: str, key: str, path: str, body: dict[str, Any], timeout: float) -> Any:
    """The reply's JSON, or ModelError."""
    limits = httpx.Timeout(timeout, connect=CONNECT_SECONDS)
    try:
        return _reply(sync_client(url, key).post(path, json=body, timeout=limits))
    except (httpx.HTTPError, OSError) as error:
        raise _failure(error, begun=False) from error


async def _apost(url: str, key: str, path: str, body: dict[str, Any], timeout: float) -> Any:
    client = async_client(url, key)
    for pause in (*BACKOFF_SECONDS, None):
        try:
            return _reply(await client.post(path, json=body, timeout=httpx.Timeout(timeout, connect=CONNECT_SECONDS)))
        except (httpx.HTTPError, OSError) as error:
            failure = _failure(error, begun=False)
        except ModelError as error:
            failure = error
        if pause is None or failure.code not in _RETRIED:
            raise failure
        await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _reply(response: httpx.Response) -> Any:
    if response.status_code != 200:
        raise _refusal(response)
    try:
        return response.json()
    except ValueError as error:
        raise _malformed() from error


def _vectors(reply: Any, count: int) -> list[list[float]]:
    """The reply's vectors in the order of the texts: as many as asked for, of one length, all finite."""
    try:
        entries = sorted(reply["data"], key=lambda entry: entry["index"])
        vectors = [_numbers(entry["embedding"]) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed() from error
    sizes = {len(vector) for vector in vectors}
    if len(vectors) != count or len(sizes) != 1 or not 0 < sizes.pop() <= MAX_DIMENSIONS:
        raise _malformed()
    if not all(math.isfinite(value) for vector in vectors for value in vector):
        raise _malformed()
    return vectors


def _numbers(embedding: str | list[float]) -> list[float]:
    """Base64 of 4-byte floats, as was asked for; servers that do not know it send a list. Raises ValueError."""
    if not isinstance(embedding, str):
        return [float(value) for value in embedding]
    packed = array("f", base64.b64decode(embedding, validate=True))
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tolist()


def _refusal(response: httpx.Response) -> ModelError:
    status = response.status_code
    if status == 429:
        return ModelError("busy", "The model server has too many requests waiting; try again soon.")
    if status >= 500:
        return ModelError("unavailable", f"The model server cannot answer now (status {status}).")
    return ModelError("bad_request", f"The model server refused the request (status {status}).")


def _failure(error: Exception, *, begun: bool) -> ModelError:
    if isinstance(error, MalformedStream):
        return _malformed()
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return ModelError("unavailable", "The model server cannot be reached.")
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return ModelError("timeout", "The model server took too long.")
    if begun:
        return ModelError("cut", "The model server stopped in the middle of an answer.")
    return ModelError("unavailable", "The connection to the model server was lost.")


def _malformed() -> ModelError:
    return ModelError("malformed", "The model server sent something that is not an answer.")


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
