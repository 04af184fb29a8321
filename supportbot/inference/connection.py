"""Pooled HTTP connections to a model server, at `unix:/path` or `http://host:port/v1`."""

import asyncio
import os
import weakref
from functools import lru_cache

import httpx

MAX_CONNECTIONS = 1024  # more than the answers one process writes at once
KEPT_CONNECTIONS = 32
CONNECT_SECONDS = 3.0

_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], httpx.AsyncClient]]
_clients = weakref.WeakKeyDictionary()


def async_client(url: str, key: str) -> httpx.AsyncClient:
    """The running loop's client for this server. Time limits come with each call."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if (url, key) not in clients:
        base, socket = _address(url)
        transport = httpx.AsyncHTTPTransport(uds=socket, limits=_LIMITS)
        clients[url, key] = httpx.AsyncClient(  # nosec B113 # each call brings its own
            transport=transport, base_url=base, headers=_headers(key), timeout=None, trust_env=False
        )
    return clients[url, key]


def sync_client(url: str, key: str) -> httpx.Client:
    """This process's client for this server; threads may share it, forks may not."""
    return _sync_client(url, key, os.getpid())


@lru_cache(maxsize=16)
def _sync_client(url: str, key: str, _process: int) -> httpx.Client:
    base, socket = _address(url)
    transport = httpx.HTTPTransport(uds=socket, limits=_LIMITS)
    # Each call brings its own time limit.
    return httpx.Client(  # nosec B113 # see above
        transport=transport, base_url=base, headers=_headers(key), timeout=None, trust_env=False
    )


def _address(url: str) -> tuple[str, str | None]:
    if url.startswith("unix:"):
        return "http://model/v1", url.removeprefix("unix:")
    return url.rstrip("/"), None


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


_LIMITS = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=KEPT_CONNECTIONS)
