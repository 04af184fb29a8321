"""One request with one whole reply, to a model server of any make. Raises ModelError.

`post` and `apost` try again after a refused connection, a 429 or a 5xx; `post_once` is for what can be done without.
"""

import asyncio
import time
from typing import Any

import httpx

from supportbot.inference import dialects
from supportbot.inference.connection import CONNECT_SECONDS, async_client, sync_client
from supportbot.inference.failures import ModelError, failure, malformed, refusal

BACKOFF_SECONDS = (0.2, 0.6)  # before the second and the third attempt
MAX_REFUSAL_BYTES = 16_384
RETRIED = frozenset({"unavailable", "busy"})


def post(url: str, key: str, path: str, body: dict[str, Any], timeout: float) -> Any:
    """The reply's JSON; tries again as the module says."""
    for pause in (*BACKOFF_SECONDS, None):
        try:
            return post_once(url, key, path, body, timeout)
        except ModelError as error:
            if pause is None or error.code not in RETRIED:
                raise
        time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def post_once(url: str, key: str, path: str, body: dict[str, Any], timeout: float) -> Any:
    """The reply's JSON, or ModelError."""
    limits = httpx.Timeout(timeout, connect=CONNECT_SECONDS)
    while True:
        sent = dialects.spoken(url, body)
        try:
            response = sync_client(url, key).post(path, json=sent, timeout=limits)
        except (httpx.HTTPError, OSError) as error:
            raise failure(error, begun=False) from error
        if not _is_learnt(url, sent, response):
            return _reply(response)


async def apost(url: str, key: str, path: str, body: dict[str, Any], timeout: float) -> Any:
    """The same without blocking the loop; tries again as the module says."""
    for pause in (*BACKOFF_SECONDS, None):
        try:
            return await _apost_once(url, key, path, body, timeout)
        except ModelError as error:
            if pause is None or error.code not in RETRIED:
                raise
        await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


async def _apost_once(url: str, key: str, path: str, body: dict[str, Any], timeout: float) -> Any:
    limits = httpx.Timeout(timeout, connect=CONNECT_SECONDS)
    while True:
        sent = dialects.spoken(url, body)
        try:
            response = await async_client(url, key).post(path, json=sent, timeout=limits)
        except (httpx.HTTPError, OSError) as error:
            raise failure(error, begun=False) from error
        if not _is_learnt(url, sent, response):
            return _reply(response)


def _is_learnt(url: str, sent: dict[str, Any], response: httpx.Response) -> bool:
    """Whether the same is to be asked in other words."""
    return response.status_code != 200 and dialects.learn(
        url, sent, response.status_code, response.text[:MAX_REFUSAL_BYTES]
    )


def _reply(response: httpx.Response) -> Any:
    if response.status_code != 200:
        raise refusal(response.status_code, response.text[:MAX_REFUSAL_BYTES])
    try:
        return response.json()
    except ValueError as error:
        raise malformed() from error
