"""A real worker with its beat: it shows life by what it does, and falls silent when it is frozen."""

import json
import signal

import psutil
import pytest
from django.conf import settings

from knowledge.import_tasks import carry_out
from supportbot import heartbeats, meter_relay
from supportbot.heartbeats import listen, redis_client
from tests.conftest import wait_until
from tests.knowledge.workers import running_worker

pytestmark = pytest.mark.django_db(transaction=True)
SOON_LATE, SOON_STUCK = 13.0, 16.0  # a little over the time between two heartbeats


@pytest.fixture(scope="module")
def worker(django_db_setup, fake_model_url):
    with running_worker(fake_model_url, queues="embed,chat,sweep,import", children=2, beat=True) as process:
        yield psutil.Process(process.pid)


def told_by_workers() -> dict[str, float]:
    """The samples of the workers' meters, added up."""
    samples: dict[str, float] = {}
    for told in meter_relay.told():
        for _, _, _, rows in told.families:
            for name, labels, value in rows:
                key = f"{name} {json.dumps(labels, sort_keys=True)}"
                samples[key] = samples.get(key, 0.0) + value
    return samples


def test_a_worker_shows_life_in_every_queue_and_sweep_and_falls_silent_when_frozen(
    worker, fake_model, monkeypatch
) -> None:
    wait_until(lambda: listen().word == "ok", 90, "a sign of life of every queue, every sweep and the beat", every=0.5)
    found = listen()
    assert found.beats == 1
    assert [sign.name for sign in found.queues] == ["queue:embed", "queue:sweep", "queue:import", "queue:chat"]
    assert len(found.sweeps) == 7

    counted = [f'supportbot_task_wait_seconds_count {{"queue": "{name}"}}' for name in heartbeats.queues()]
    counted += ['supportbot_task_seconds_count {"end": "done", "task": "supportbot.tasks.heartbeat"}']
    wait_until(lambda: set(counted) <= set(told_by_workers()), 30, f"workers that have told {counted}", every=0.5)

    monkeypatch.setattr(heartbeats, "LATE_SECONDS", SOON_LATE)
    monkeypatch.setattr(heartbeats, "STUCK_SECONDS", SOON_STUCK)
    frozen = [worker, *worker.children(recursive=True)]
    try:
        for process in frozen:
            process.send_signal(signal.SIGSTOP)
        wait_until(lambda: listen().beat.state == "stuck", 60, "a beat that is stuck", every=0.5)
        wait_until(
            lambda: {sign.state for sign in listen().queues} == {"stuck"}, 60, "queues that are stuck", every=0.5
        )
    finally:
        for process in frozen:
            process.send_signal(signal.SIGCONT)
    wait_until(lambda: listen().word == "ok", 90, "signs of life again", every=0.5)


def test_a_queue_without_a_worker_is_told_from_the_others(worker, fake_model, settings) -> None:
    """Of the settings' queues, one that nobody serves: its heartbeats are sent, and nobody ends them."""
    settings.CELERY_TASK_ROUTES = settings.CELERY_TASK_ROUTES | {"nobody.serves": {"queue": "forgotten"}}
    began = float(redis_client().time()[0]) - 2 * heartbeats.STUCK_SECONDS
    redis_client().zadd(heartbeats.KEY, {heartbeats.BEGAN: began})
    states = {sign.name: sign.state for sign in listen().queues}
    assert states.pop("queue:forgotten") == "stuck"
    assert set(states.values()) == {"ok"}


def test_a_task_that_fails_is_logged_without_what_it_was_given(worker, fake_model) -> None:
    log = settings.DATA_DIR / "worker-embed-chat-sweep-import.log"
    carry_out.delay("wombat-4711")  # no number: the error quotes it
    wait_until(lambda: "task=knowledge.import_tasks.carry_out" in log.read_text(), 60, "a failed task", every=0.5)
    line = next(line for line in log.read_text().splitlines() if "task=knowledge.import_tasks.carry_out" in line)
    assert 'event="task raised unexpected"' in line and 'error="ValueError' in line and "knowledge/imports.py:" in line
    assert "wombat-4711" not in log.read_text()
