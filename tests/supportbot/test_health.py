"""Ready says one word for each part, within a second or so, whatever hangs."""

import json
import socket
import time
from collections.abc import Iterator

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import RequestFactory

from supportbot import health, heartbeats
from supportbot.heartbeats import redis_client

pytestmark = pytest.mark.django_db


async def ask_ready() -> tuple[int, dict[str, str]]:
    answer: HttpResponse = await health.ready(RequestFactory().get("/health/ready"))
    return answer.status_code, json.loads(answer.content)


@pytest.fixture
def deaf_server() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture(autouse=True)
def no_signs(services: None) -> Iterator[None]:
    """Nobody has looked yet, and no worker of another test has left a sign."""
    redis_client().delete(heartbeats.KEY, heartbeats.BEATS)
    yield
    redis_client().delete(heartbeats.KEY, heartbeats.BEATS)


async def test_a_running_process_is_alive() -> None:
    answer = await health.live(RequestFactory().get("/health/live"))
    assert (answer.status_code, json.loads(answer.content)) == (200, {"status": "ok"})


async def test_all_is_well(fake_model: str) -> None:
    status, words = await ask_ready()
    assert status == 200
    assert words == dict.fromkeys(("status", "database", "migrations", "redis", "model"), "ok") | {
        "workers": "starting"
    }


async def test_without_the_model_server_it_is_degraded(settings) -> None:
    settings.MODEL_URL = "unix:/nowhere/model.sock"
    status, words = await ask_ready()
    assert (status, words["status"], words["model"]) == (200, "degraded", "unavailable")


async def test_without_redis_it_is_degraded(fake_model: str, settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    status, words = await ask_ready()
    assert (status, words["status"], words["redis"]) == (200, "degraded", "unavailable")
    assert words["workers"] == "unknown"


async def test_without_workers_it_is_degraded_and_stays_in_the_balancer(fake_model: str) -> None:
    began = float(redis_client().time()[0]) - 2 * heartbeats.STUCK_SECONDS
    redis_client().zadd(heartbeats.KEY, {heartbeats.BEGAN: began})
    status, words = await ask_ready()
    assert (status, words["status"], words["workers"]) == (200, "degraded", "stuck")


async def test_without_the_database_it_is_unavailable(fake_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "HOST", "/nowhere")
    status, words = await ask_ready()
    assert (status, words["status"], words["database"]) == (503, "unavailable", "unavailable")


async def test_the_options_of_the_database_url_count_here_too(fake_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = connections["default"].settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "options", "-c search_path=elsewhere")
    _, words = await ask_ready()
    assert (words["database"], words["migrations"]) == ("ok", "missing")


async def test_a_database_without_our_tables_is_not_ready(fake_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "NAME", "postgres")
    status, words = await ask_ready()
    assert (status, words["database"], words["migrations"]) == (503, "ok", "missing")


async def test_what_hangs_is_given_a_second(deaf_server: int, settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connections["default"].settings_dict, "PORT", str(deaf_server))
    settings.REDIS_URL = f"redis://127.0.0.1:{deaf_server}/0"
    settings.MODEL_URL = f"http://127.0.0.1:{deaf_server}/v1"
    started = time.monotonic()
    status, words = await ask_ready()
    assert status == 503
    assert {words["database"], words["redis"], words["model"]} == {"unavailable"}
    assert time.monotonic() - started < 5  # three probes of a second at once, on a machine that may be busy
