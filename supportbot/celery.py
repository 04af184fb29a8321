"""The Celery application: `celery -A supportbot.celery worker`. In its signals workers and the beat show life."""

import os
import time
from typing import Any

from celery import Celery, Task
from celery.signals import (
    after_task_publish,
    beat_embedded_init,
    beat_init,
    before_task_publish,
    setup_logging,
    task_failure,
    task_prerun,
    task_success,
    worker_process_init,
    worker_process_shutdown,
)

from supportbot import heartbeats, meter_relay, meters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportbot.settings")

app = Celery("supportbot", task_cls="supportbot.deliveries:BoundedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["knowledge"], related_name="import_tasks")
app.autodiscover_tasks(["knowledge"], related_name="finding_tasks")
app.autodiscover_tasks(["knowledge"], related_name="bulk_tasks")
app.autodiscover_tasks(["knowledge"], related_name="space_tasks")

SENT = "supportbot_sent"  # the header that says when a task was sent
_is_beat = False


@setup_logging.connect
def keep_our_logging(**_options: object) -> None:
    """Where this is connected, Celery leaves the loggers as supportbot.log has made them."""


@beat_init.connect
@beat_embedded_init.connect
def know_the_beat(**_options: object) -> None:
    global _is_beat
    _is_beat = True


@before_task_publish.connect
def date_task(headers: dict[str, Any] | None = None, **_options: object) -> None:
    if headers is not None:
        headers[SENT] = time.time()


@after_task_publish.connect
def note_beat(**_options: object) -> None:
    """The broker has taken something from this beat."""
    if _is_beat:
        heartbeats.note_beat()


@worker_process_init.connect
def tell_meters(**_options: object) -> None:
    meter_relay.begin("worker")


@worker_process_shutdown.connect
def tell_last_meters(**_options: object) -> None:
    meter_relay.end()


@task_prerun.connect
def begin_task(task: Task, **_options: object) -> None:
    task.request.supportbot_began = time.perf_counter()
    sent = getattr(task.request, SENT, None)
    if isinstance(sent, int | float):
        meters.TASK_WAIT.labels(_queue(task)).observe(max(0.0, time.time() - sent))


@task_success.connect
def end_task(sender: Task, **_options: object) -> None:
    """Ended well: its queue works, and what it swept is swept."""
    _measure(sender, "done")
    heartbeats.note(f"queue:{_queue(sender)}")
    if sender.name in heartbeats.sweeps():
        heartbeats.note(f"sweep:{sender.name}")


@task_failure.connect
def fail_task(sender: Task, **_options: object) -> None:
    _measure(sender, "failed")


def _measure(task: Task, end: str) -> None:
    began = getattr(task.request, "supportbot_began", None)
    if began is not None:
        meters.TASK_TIME.labels(task.name, end).observe(time.perf_counter() - began)


def _queue(task: Task) -> str:
    """The queue that a task came from; those of this project alone, so that a label has few values."""
    name = str((task.request.delivery_info or {}).get("routing_key") or "")
    return name if name in heartbeats.queues() else "other"
