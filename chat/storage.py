"""The door from the event loop to the database: a few threads, each handing its connection back after every call."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from channels.db import DatabaseSyncToAsync

P = ParamSpec("P")
R = TypeVar("R")

# Fewer than the connections of the pool (DATABASE_POOL), which pages and retrieval use as well.
THREADS = ThreadPoolExecutor(max_workers=6, thread_name_prefix="storage")
# Renewals must not stand behind a thousand hellos: late by a lease, every answer would be begun anew.
RENEWING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leases")


def off_loop(function: Callable[P, R], threads: ThreadPoolExecutor = THREADS) -> Callable[P, Awaitable[R]]:
    """`function`, which speaks with the database, as a coroutine function."""
    return DatabaseSyncToAsync(function, thread_sensitive=False, executor=threads)
