"""A real Celery worker: asked, killed in the middle, or never asked, an article ends up answerable."""

import os
import signal
import subprocess
import sys
import time
from urllib.parse import quote

import httpx
import psutil
import pytest
from django.conf import settings
from django.db import connection

from knowledge import publishing, tasks
from knowledge.models import Article, Embedding
from supportbot.celery import app
from tests.conftest import PROJECT, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def worker(django_db_setup, fake_model_url):
    """A worker with one child process, on the tests' database and the fake model server."""
    place = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": f"postgres://{place['USER']}@{quote(place['HOST'], safe='')}/{place['NAME']}",
        "EMBEDDING_URL": fake_model_url,
        "MODEL_URL": fake_model_url,
    }
    with app.connection_for_write() as broker:
        broker.default_channel.client.flushdb()
    log = settings.DATA_DIR / "worker.log"
    command = [sys.executable, "-m", "celery", "-A", "supportbot.celery", "worker", "-c", "1", "-Q", "embed,sweep"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--without-gossip", "--without-mingle", "-l", "INFO"],
            cwd=PROJECT, env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def ready():
        assert process.poll() is None, log.read_text()[-2000:]
        return " ready." in log.read_text()

    wait_until(ready, 120, "a worker that is ready", every=0.1)
    yield process
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def model(fake_model):
    with httpx.Client(transport=httpx.HTTPTransport(uds=fake_model.removeprefix("unix:")), base_url="http://m") as http:
        http.put("/script", json={})
        yield http
        http.put("/script", json={})


@pytest.fixture(autouse=True)
def own_time(worker, transactional_db, monkeypatch):
    """Each test begins without an earlier failed hint, and ends when the worker rests: then the tables are emptied."""
    monkeypatch.setattr(tasks, "_rests_until", 0.0)
    yield
    wait_until(rests, 60, "a worker that rests", every=0.2)


def rests():
    with app.connection_for_read() as broker:
        waiting = sum(broker.default_channel.client.llen(queue) for queue in ("embed", "sweep"))
    running = app.control.inspect(timeout=2, limit=1).active()
    return waiting == 0 and running is not None and not any(running.values())


def is_answerable(article):
    return Article.objects.get(pk=article.pk).answerable_at is not None


def has_been_asked(model):
    return model.get("/seen").json().get("embeddings", 0) > 0


def test_a_saved_article_is_answerable_within_seconds(worker, model, prices, ada):
    start = time.monotonic()
    publishing.publish(article=prices, by=ada)
    wait_until(lambda: is_answerable(prices), 30, "an answerable article")
    assert time.monotonic() - start < 30  # seconds, not minutes; the time itself is measured elsewhere
    assert Embedding.objects.count() == 3


def test_a_worker_killed_in_the_middle_leaves_nothing_half_and_a_sweep_repairs_it(worker, model, prices, ada):
    model.put("/script", json={"embeddings": ["hang"]})
    publishing.publish(article=prices, by=ada)
    wait_until(lambda: has_been_asked(model), 10, "a request for vectors")
    [child] = psutil.Process(worker.pid).children()
    os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(child.pid), 10, "the end of the worker's child")
    assert not Embedding.objects.exists()
    assert Article.objects.get().index_attempts == 1  # a text that kills is given up in the end

    model.put("/script", json={})
    Article.objects.update(index_retry_at=None)  # as if its wait were over
    tasks.sweep.delay()
    wait_until(lambda: is_answerable(prices), 20, "an answerable article")
    assert Embedding.objects.count() == 3


def test_a_hint_that_was_lost_is_made_good_by_the_sweep(worker, model, prices, ada, monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)
    publishing.publish(article=prices, by=ada)
    tasks.sweep.delay()
    wait_until(lambda: is_answerable(prices), 30, "an answerable article")


def test_the_same_task_many_times_over_writes_each_vector_once(worker, model, prices, ada):
    publishing.publish(article=prices, by=ada)
    for _ in range(5):
        tasks.embed_article.delay(str(prices.pk))
    tasks.embed_article.delay("00000000-0000-0000-0000-000000000000")
    wait_until(lambda: is_answerable(prices), 30, "an answerable article")
    assert Embedding.objects.count() == 3
