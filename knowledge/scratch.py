"""The ground that an evaluation runs on: the services it needs, and a database of its own beside the live one.

The live database is never read or written: a new one is made on the same server, Django's connection is pointed at it,
and it is dropped at the end. What a killed run left behind is dropped by the next one.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from supportbot.embedded import EmbeddedServices
from supportbot.inference import client

MODEL_SECONDS = 300  # the first start converts the weights
ASK_SECONDS = 2.0
Say = Callable[[str], object]


class NoGround(RuntimeError):
    """An evaluation cannot run here; the text says why and what to do."""


@contextmanager
def ground(say: Say) -> Iterator[None]:
    """PostgreSQL and an embeddings server that answer, and an empty scratch database with the project's tables."""
    with ExitStack() as stack:
        if settings.EMBEDDED_POSTGRES:
            stack.enter_context(EmbeddedServices(settings.DATA_DIR, settings.RUN_DIR, valkey=False))
        stack.enter_context(model_server(say))
        stack.enter_context(scratch_database(say))
        yield


@contextmanager
def model_server(say: Say) -> Iterator[None]:
    """The server at MODEL_URL if it answers, else one of our own for as long as the block runs."""
    if encoder_answers():
        yield
        return
    if not settings.MODEL_URL.startswith("unix:"):
        raise NoGround(f"No model server answers at {settings.MODEL_URL}. Start it, or unset MODEL_URL.")
    say("starting the model server")
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    log = settings.DATA_DIR / "evaluate-model.log"
    with log.open("wb") as out:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve_model"]
        process = subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + MODEL_SECONDS
        while not encoder_answers():
            if process.poll() is not None or time.monotonic() > end:
                raise NoGround(f"The model server did not start; {log} says why.")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def scratch_database(say: Say) -> Iterator[str]:
    """Point Django's default connection at a new, migrated database; put it back and drop the new one afterwards."""
    live = connection.settings_dict["NAME"]
    with _session(live) as server:
        _drop_left_behind(server, f"{live}_scratch_")
        name = f"{live}_scratch_{time.time_ns()}"
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with _session(name):  # open for as long as the run: other runs see that the database is in use
                _point_at(name)
                say("making a scratch database")
                call_command("migrate", verbosity=0, interactive=False)
                yield name
        finally:
            _point_at(live)
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def encoder_answers() -> bool:
    """Whether the embeddings server gives vectors: it may be listening and still be loading."""
    try:
        client.embed(["hello"], model=settings.EMBEDDING_MODEL, timeout=ASK_SECONDS)
    except client.ModelError:
        return False
    return True


def _session(name: str) -> psycopg.Connection:
    return psycopg.connect(**(connection.get_connection_params() | {"dbname": name}), autocommit=True)


def _point_at(name: str) -> None:
    """All threads share these settings; connections that are open go to the old database and are closed."""
    connections.close_all()
    connection.close_pool()
    connection.settings_dict["NAME"] = name


def _drop_left_behind(server: psycopg.Connection, prefix: str) -> None:
    """Scratch databases that nobody has open: their run was killed."""
    left = server.execute(
        """SELECT datname FROM pg_database WHERE starts_with(datname, %s)
           AND NOT EXISTS (SELECT FROM pg_stat_activity AS session WHERE session.datname = pg_database.datname)""",
        [prefix],
    ).fetchall()
    for (name,) in left:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
