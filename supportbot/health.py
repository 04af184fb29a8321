"""Is the process up, and can it do its work? `/health/live` and `/health/ready`, for people, probes and `manage.py up`.

Ready answers one word for each part. Without the database it is 503; without the model server answers still come, as
extracts of the articles, without Redis they come without replay, and without workers what is saved waits: all of these
are `degraded` and 200. What each part is, and what to do, stands on the staff's status page (`supportbot.status`).
"""

import asyncio
from functools import cache

import httpx
import psycopg
import redis.asyncio
from django.conf import settings
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse

from supportbot import heartbeats

PROBE_SECONDS = 1.0


async def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


async def ready(request: HttpRequest) -> JsonResponse:
    (database, migrations), (redis_word, workers), model = await asyncio.gather(
        _database_and_migrations(), _redis(), model_state(settings.MODEL_URL)
    )
    if database != "ok" or migrations != "ok":
        status = "unavailable"
    else:
        status = "ok" if redis_word == model == "ok" and workers != "stuck" else "degraded"
    words = {"status": status, "database": database, "migrations": migrations}
    words |= {"redis": redis_word, "model": model, "workers": workers}
    return JsonResponse(words, status=503 if status == "unavailable" else 200)


async def _database_and_migrations() -> tuple[str, str]:
    """A connection of its own: the pool may be busy, and waiting for it is not what is asked here."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            where = connections["default"].get_connection_params()
            for name in ("cursor_factory", "context", "prepare_threshold"):  # Django's own, made for its connections
                del where[name]
            where["connect_timeout"] = 2
            connection = await psycopg.AsyncConnection.connect(**where, autocommit=True)
            async with connection:
                rows = await (await connection.execute("SELECT app, name FROM django_migrations")).fetchall()
    except psycopg.errors.UndefinedTable:
        return "ok", "missing"
    except (psycopg.Error, OSError, TimeoutError):
        return "unavailable", "unknown"
    return "ok", "ok" if _migrations_on_disk() <= set(rows) else "missing"


@cache
def _migrations_on_disk() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


async def _redis() -> tuple[str, str]:
    """Its own word, and that of the workers and the beat: ok, starting, late, stuck, or unknown."""
    client = redis.asyncio.from_url(settings.REDIS_URL, socket_timeout=PROBE_SECONDS, retry=None)
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            answers = await heartbeats.questions(client.pipeline(transaction=False)).execute()
    except (redis.RedisError, OSError, TimeoutError):
        return "unavailable", "unknown"
    finally:
        await client.aclose()
    return "ok", heartbeats.signs(answers).word


async def model_state(url: str) -> str:
    """`ok` or `unavailable`; of our own server on its socket also what it says: `loading`, `stuck` or `failed`."""
    own = url.startswith("unix:")
    address = "http://model/health" if own else f"{url.rstrip('/')}/models"
    transport = httpx.AsyncHTTPTransport(uds=url.removeprefix("unix:"), verify=False) if own else None
    headers = {"Authorization": f"Bearer {settings.MODEL_API_KEY}"} if settings.MODEL_API_KEY else {}
    try:
        async with httpx.AsyncClient(transport=transport, timeout=PROBE_SECONDS, headers=headers) as client:
            answer = await client.get(address)
            if answer.is_success:
                return "ok"
            return str(answer.json()["status"])[:20] if own else "unavailable"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError):
        return "unavailable"
