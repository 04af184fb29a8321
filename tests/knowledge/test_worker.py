"""A real Celery worker: asked, killed in the middle, or never asked, an article ends up answerable."""

import os
import signal
import time

import httpx
import psutil
import pytest

from knowledge import publishing, tasks
from knowledge.models import Article, Embedding
from tests.conftest import wait_until
from tests.knowledge.workers import running_worker, wait_until_it_rests

pytestmark = pytest.mark.django_db(transaction=True)
QUEUES = "embed,sweep"


@pytest.fixture(scope="module")
def worker(django_db_setup, fake_model_url):
    with running_worker(fake_model_url, queues=QUEUES, children=1) as process:
        yield process


@pytest.fixture
def model(fake_model):
    with httpx.Client(transport=httpx.HTTPTransport(uds=fake_model.removeprefix("unix:")), base_url="http://m") as http:
        http.put("/script", json={})
        yield http
        http.put("/script", json={})


@pytest.fixture(autouse=True)
def own_time(worker, transactional_db, monkeypatch):
    """Each test begins without an earlier failed hint, and ends when the worker rests: then the tables are emptied."""
    monkeypatch.setattr("supportbot.hints._rests_until", 0.0)
    yield
    wait_until_it_rests(QUEUES)


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
