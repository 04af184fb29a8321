"""The processes of one machine: what each is started with, and how one sees that it works."""

import os
import sys

import httpx
import kombu.exceptions
import redis
from django.conf import settings

from supportbot import heartbeats
from supportbot.celery import app
from supportbot.supervisor import Child

WEB, WORKER, BEAT, MODEL = "web", "worker", "beat", "model"
ASK_SECONDS = 1.5
BEAT_SECONDS = 30.0  # it sends something every few
CLOSE_SECONDS = 5  # for pages and sockets that are open when the web process is asked to stop
MAX_FRAME_BYTES = 65_536  # a larger frame closes its socket with 1009


def serves_model() -> bool:
    """Whether a URL points at the model server of this machine."""
    return f"unix:{settings.RUN_DIR / 'model.sock'}" in (settings.MODEL_URL, settings.EMBEDDING_URL)


def model_child() -> Child:
    path = settings.RUN_DIR / "model.sock"
    command = [sys.executable, "manage.py", "serve_model", "--socket", str(path)]

    return Child(MODEL, command, lambda: _model_status() == "ready", stop_seconds=5)


def model_failed() -> bool:
    """The weights could not be loaded: waiting does not help."""
    return _model_status() == "failed"


def _model_status() -> str:
    """What the model server of this machine says of itself: loading, ready, stuck, failed; or silent."""
    transport = httpx.HTTPTransport(uds=str(settings.RUN_DIR / "model.sock"), verify=False)
    try:
        with httpx.Client(transport=transport, timeout=ASK_SECONDS) as client:
            return client.get("http://model/health").json().get("status", "silent")
    except (httpx.HTTPError, ValueError):
        return "silent"


def worker_child() -> Child:
    name = f"supportbot-{os.getpid()}@localhost"
    command = [sys.executable, "-m", "celery", "-A", "supportbot.celery", "worker", "--hostname", name]
    command += ["--queues", "embed,chat,sweep,import", "--concurrency", "3", "--loglevel", "INFO"]
    command += ["--without-gossip", "--without-mingle"]

    def answers() -> bool:
        try:
            return bool(app.control.ping(destination=[name], timeout=ASK_SECONDS, limit=1))
        except (kombu.exceptions.OperationalError, redis.RedisError, OSError):
            return False

    return Child(WORKER, command, answers, stop_seconds=15)


def beat_child() -> Child:
    """Apart from the worker: inside one it is a child of its own, whose death nobody hears of."""
    command = [sys.executable, "-m", "celery", "-A", "supportbot.celery", "beat", "--loglevel", "INFO"]
    command += ["--schedule", str(settings.DATA_DIR / "beat-schedule")]

    def answers() -> bool:
        """It has sent something lately, as it tells in Redis."""
        try:
            age = heartbeats.listen().beat.age
        except (redis.RedisError, OSError):
            return False
        return age is not None and age < BEAT_SECONDS

    return Child(BEAT, command, answers, stop_seconds=5)


def web_child(host: str, port: int) -> Child:
    command = [sys.executable, "-m", "uvicorn", "supportbot.asgi:application", "--host", host, "--port", str(port)]
    command += ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false"]
    command += ["--ws-ping-interval", str(settings.CHAT_PING_SECONDS)]
    command += ["--ws-max-size", str(MAX_FRAME_BYTES), "--timeout-graceful-shutdown", str(CLOSE_SECONDS)]
    # The application itself decides whose X-Forwarded-For it believes (TRUSTED_PROXIES).
    command += ["--no-proxy-headers", "--no-server-header", "--no-access-log", "--lifespan", "on"]
    asked = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # nosec B104 # asked, not bound
    url = f"http://{f'[{asked}]' if ':' in asked else asked}:{port}/health/live"

    def answers() -> bool:
        try:  # any answer will do: ALLOWED_HOSTS may not name the address that we ask by; there is no TLS to verify
            return httpx.get(url, timeout=ASK_SECONDS, verify=False).status_code < 500  # nosec B501 # http on this machine
        except httpx.HTTPError:
            return False

    return Child(WEB, command, answers, stop_seconds=CLOSE_SECONDS + settings.CHAT_DRAIN_SECONDS + 4)
