"""A real Celery worker for the tests of a module, on the tests' database and the fake model server."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from supportbot.celery import app
from tests.conftest import PROJECT, wait_until


@contextmanager
def running_worker(model_url: str, *, queues: str, children: int, beat: bool = False) -> Iterator[subprocess.Popen]:
    """A worker that is ready, over an empty broker, with a beat if wanted; it is ended with the block."""
    place = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": f"postgres://{place['USER']}@{quote(place['HOST'], safe='')}/{place['NAME']}",
        "EMBEDDING_URL": model_url,
        "MODEL_URL": model_url,
    }
    with app.connection_for_write() as broker:
        broker.default_channel.client.flushdb()
    log = settings.DATA_DIR / f"worker-{queues.replace(',', '-')}.log"
    command = [sys.executable, "-m", "celery", "-A", "supportbot.celery", "worker", "-c", str(children), "-Q", queues]
    if beat:
        schedule = settings.DATA_DIR / "beat-schedule"
        schedule.unlink(missing_ok=True)
        command += ["--beat", "--schedule", str(schedule)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--without-gossip", "--without-mingle", "-l", "INFO"],
            cwd=PROJECT, env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def ready() -> bool:
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


def rests(queues: str) -> bool:
    """Whether nothing waits in these queues and nothing is being done."""
    with app.connection_for_read() as broker:
        waiting = sum(broker.default_channel.client.llen(queue) for queue in queues.split(","))
    running = app.control.inspect(timeout=2, limit=1).active()
    return waiting == 0 and running is not None and not any(running.values())


def wait_until_it_rests(queues: str) -> None:
    wait_until(lambda: rests(queues), 60, "a worker that rests", every=0.2)
