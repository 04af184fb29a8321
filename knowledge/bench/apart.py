"""A place apart for what needs a worker of its own or kills things: another data folder, another process tree.

The command starts itself again with DATA_DIR beside the live one; PostgreSQL, Valkey, worker and encoder are then all
of that folder, and nothing of the live installation can be met by mistake.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from knowledge.scratch import NoGround
from supportbot.embedded import EmbeddedServices, make_data_dir
from supportbot.server_binaries import die_with_parent

SUFFIX = "-bench"
START_SECONDS = 120.0
LOOK_SECONDS = 0.05
QUEUES = "embed,sweep"


def is_apart() -> bool:
    return settings.DATA_DIR.name.endswith(SUFFIX)


def run_apart(arguments: Sequence[str], **environment: str) -> None:
    """This command again, in a fresh folder that is removed afterwards. NoGround if it failed."""
    folder = settings.DATA_DIR.with_name(settings.DATA_DIR.name + SUFFIX)
    shutil.rmtree(folder, ignore_errors=True)
    make_data_dir(folder)
    models = settings.DATA_DIR / "models"
    if models.exists():  # converted weights
        (folder / "models").symlink_to(models.resolve())
    servers = {"DATA_DIR": str(folder), "DATABASE_URL": "", "REDIS_URL": "", "MODEL_URL": "", "EMBEDDING_URL": ""}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "bench", *arguments]
    try:
        done = subprocess.run(command, cwd=settings.BASE_DIR, env={**os.environ, **servers, **environment})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode:
        raise NoGround("The benchmark failed; what it said stands above.")


@contextmanager
def data_servers() -> Iterator[EmbeddedServices]:
    """PostgreSQL and Valkey of this folder, with the project's tables."""
    with EmbeddedServices(settings.DATA_DIR, settings.RUN_DIR) as services:
        call_command("migrate", verbosity=0, interactive=False)
        try:
            yield services
        finally:
            forget_connections()


def forget_connections() -> None:
    """Those that are open lead to a database that was killed, or that stops now."""
    connections.close_all()
    connection.close_pool()


class Process:
    """One of ours, in a process group of its own, so that it can be killed with all it has started."""

    def __init__(self, name: str, command: Sequence[str], ready: Callable[[str], bool]) -> None:
        """`ready` is given what it has said so far."""
        self.name, self.command, self.ready = name, list(command), ready
        self.log = settings.DATA_DIR / "logs" / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=settings.BASE_DIR,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        wait_for(self._is_ready, START_SECONDS, f"a {self.name} that is ready (see {self.log})")

    def _is_ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise NoGround(f"The {self.name} ended at once; {self.log} says why.")
        return self.ready(self.log.read_text(errors="replace"))

    def kill(self) -> None:
        """Signal 9 to the whole group, at once."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def worker(concurrency: int = 2) -> Process:
    """A Celery worker without a beat: nothing is done that was not asked for."""
    command = ["-m", "celery", "-A", "supportbot.celery", "worker", "--queues", QUEUES, "--loglevel", "INFO"]
    command += ["--concurrency", str(concurrency), "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return Process("worker", command, lambda said: " ready." in said)


def fake_encoder(socket: Path, seconds: float) -> Process:
    """A server that needs no time but `seconds` for each request."""
    command = ["-m", "supportbot.inference.fake_server", "--socket", str(socket), "--embedding-seconds", str(seconds)]
    return Process("encoder", command, lambda said: socket.exists())


def wait_for(true: Callable[[], object], seconds: float, what: str) -> float:
    """Look again until it holds; gives the seconds it took. NoGround names what did not happen."""
    start = time.monotonic()
    while not true():
        if time.monotonic() - start > seconds:
            raise NoGround(f"{what} did not come within {seconds:g} s.")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - start
