"""A real worker carries imports out: asked, killed in the middle, or found by the sweep."""

import os
import signal

import psutil
import pytest

from knowledge import import_tasks, tasks
from knowledge.models import Article, ImportRun, ImportSource
from tests.conftest import wait_until
from tests.knowledge.workers import running_worker, wait_until_it_rests

pytestmark = pytest.mark.django_db(transaction=True)
QUEUES = "import,sweep"

PAGES = 60


@pytest.fixture(scope="module")
def worker(django_db_setup, fake_model_url):
    with running_worker(fake_model_url, queues=QUEUES, children=2) as process:
        yield process


@pytest.fixture
def source(worker, ada, tmp_path, monkeypatch):
    """A folder of pages; the articles are not embedded here."""
    monkeypatch.setattr(tasks, "hint", lambda *_: None)
    for number in range(PAGES):
        paragraphs = "\n\n".join(f"## Part {part}\n\nDelivery {number} costs £{part}." for part in range(40))
        (tmp_path / f"{number:03}.md").write_text(f"# Page {number}\n\n{paragraphs}\n")
    yield ImportSource.objects.create(name="Help", kind="markdown", location=str(tmp_path), publish=True, by=ada)
    wait_until_it_rests(QUEUES)


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
