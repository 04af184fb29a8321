"""A real worker carries imports out: asked, killed in the middle, or found by the sweep."""

import os
import signal
import subprocess
import sys
from urllib.parse import quote

import psutil
import pytest
from django.conf import settings
from django.db import connection

from knowledge import import_tasks, tasks
from knowledge.models import Article, ImportRun, ImportSource
from supportbot.celery import app
from tests.conftest import PROJECT, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = 60


@pytest.fixture(scope="module")
def worker(django_db_setup, fake_model_url):
    """A worker with two child processes, on the tests' database and the fake model server."""
    place = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": f"postgres://{place['USER']}@{quote(place['HOST'], safe='')}/{place['NAME']}",
        "EMBEDDING_URL": fake_model_url,
        "MODEL_URL": fake_model_url,
    }
    with app.connection_for_write() as broker:
        broker.default_channel.client.flushdb()
    log = settings.DATA_DIR / "import-worker.log"
    command = [sys.executable, "-m", "celery", "-A", "supportbot.celery", "worker", "-c", "2", "-Q", "import,sweep"]
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
def source(worker, ada, tmp_path, monkeypatch):
    """A folder of pages; the articles are not embedded here."""
    monkeypatch.setattr(tasks, "hint", lambda *_: None)
    for number in range(PAGES):
        paragraphs = "\n\n".join(f"## Part {part}\n\nDelivery {number} costs £{part}." for part in range(40))
        (tmp_path / f"{number:03}.md").write_text(f"# Page {number}\n\n{paragraphs}\n")
    yield ImportSource.objects.create(name="Help", kind="markdown", location=str(tmp_path), publish=True, by=ada)
    wait_until(rests, 60, "a worker that rests", every=0.2)


def rests():
    with app.connection_for_read() as broker:
        waiting = sum(broker.default_channel.client.llen(queue) for queue in ("import", "sweep"))
    running = app.control.inspect(timeout=2, limit=1).active()
    return waiting == 0 and running is not None and not any(running.values())


def fresh(run):
    return ImportRun.objects.get(pk=run.pk)


def ends(run):
    wait_until(lambda: fresh(run).is_finished, 90, "the end of the import", every=0.1)
    return fresh(run)


def test_a_worker_carries_out_what_is_asked(source, ada):
    run = ends(import_tasks.begin(source=source, by=ada, preview=True))
    assert (run.state, run.counts) == ("done", {"new": PAGES}) and not Article.objects.exists()
    run = ends(import_tasks.begin(source=source, by=ada, preview=False))
    assert (run.state, run.counts, run.error) == ("done", {"new": PAGES}, "")
    assert Article.objects.filter(status="published").count() == PAGES


def test_a_process_killed_in_the_middle_is_followed_by_one_that_goes_on(worker, source, ada):
    run = import_tasks.begin(source=source, by=ada, preview=False)
    wait_until(lambda: Article.objects.count() >= 5, 60, "some articles", every=0.02)
    for child in psutil.Process(worker.pid).children():
        os.kill(child.pid, signal.SIGKILL)
    written = Article.objects.count()
    assert written < PAGES
    ImportRun.objects.filter(pk=run.pk).update(heartbeat="2020-01-01T00:00Z")  # as if a while had passed
    import_tasks.sweep.delay()
    run = ends(run)
    assert (run.state, run.counts, run.attempts) == ("done", {"new": PAGES}, 2)
    assert Article.objects.count() == PAGES and run.items.count() == PAGES
    assert not Article.objects.exclude(status="published").exists()


def test_a_hint_that_was_lost_is_made_good_by_the_sweep(source, ada, monkeypatch):
    monkeypatch.setattr(import_tasks, "hint", lambda run: None)
    run = import_tasks.begin(source=source, by=ada, preview=True)
    ImportRun.objects.filter(pk=run.pk).update(heartbeat="2020-01-01T00:00Z")
    import_tasks.sweep.delay()
    assert ends(run).state == "done"
