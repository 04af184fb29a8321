"""The story of `manage.py up`: check, start the data servers, migrate, fill, serve, watch, and stop in order."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import ERROR, run_checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from supportbot import open_files
from supportbot.embedded import EmbeddedError, EmbeddedServices
from supportbot.health import model_state
from supportbot.log_file import log_tail
from supportbot.people import FIRST_PEOPLE, ensure_first_people
from supportbot.server_binaries import die_with_parent
from supportbot.stack import MODEL, beat_child, model_child, model_failed, serves_model, web_child, worker_child
from supportbot.startup_checks import (
    StartError,
    check_data_dir,
    check_database,
    check_pgvector,
    check_port,
    check_redis,
    lock_data_dir,
    pgvector_versions,
)
from supportbot.stop_signal import Stopped, StopSignal
from supportbot.supervisor import Child, Supervisor
from supportbot.terminal import Terminal

WEB_SECONDS = 90  # to the first answer of the web server and the worker
MODEL_SECONDS = 300  # the first start converts the weights
INDEX_SECONDS = 120  # for the first articles to get their vectors; it goes on behind the scenes after that
TOO_MANY_DEATHS = 3  # of a child that has never answered


def up(host: str, port: int, terminal: Terminal) -> int:
    """Run everything until a signal; gives the exit code."""
    began = time.monotonic()
    settings.HOST, settings.PORT = host, port
    stop = StopSignal()
    stop.listen()
    open_files.allow_many()
    services = EmbeddedServices(
        settings.DATA_DIR,
        settings.RUN_DIR,
        postgres=settings.EMBEDDED_POSTGRES,
        valkey=settings.EMBEDDED_VALKEY,
        attach=False,
        pause=stop.pause,
    )
    environment = {**os.environ, "HOST": host, "PORT": str(port), "DATA_DIR": str(settings.DATA_DIR)}
    supervisor = Supervisor(
        logs=services.logs, folder=settings.BASE_DIR, environment=environment, services=services, say=terminal.say
    )
    lock: IO[str] | None = None
    try:
        lock = _check(host, port, terminal)
        _start_data_servers(services, terminal)
        if serves_model():
            supervisor.start(model_child())
        _migrate(supervisor, stop, terminal)
        supervisor.start(worker_child())
        supervisor.start(beat_child())
        supervisor.start(web_child(host, port))
        _fill(supervisor, stop, terminal)
        _serve(supervisor, stop, terminal)
        _index(supervisor, stop, terminal)
        _show(services.logs, time.monotonic() - began, terminal)
        supervisor.watch(stop.pause)
    except (StartError, EmbeddedError) as error:
        terminal.fail(str(error), error.fix)
        return 1
    except DatabaseError as error:
        terminal.fail(f"the database refuses: {str(error).strip().splitlines()[0]}", "manage.py migrate shows more")
        return 1
    except Stopped as stopped:
        names = [child.name for child in reversed(supervisor.children)]
        names += [server.name for server in reversed(services.servers)]
        with terminal.step("Stopping", " · ".join(names)):
            supervisor.stop()
            services.stop()
        terminal.say("Stopped", f"everything is kept in {settings.DATA_DIR}; the same command goes on from there")
        return 128 + stopped.number
    finally:
        supervisor.stop()
        services.stop()
        if lock is not None:
            lock.close()


def _check(host: str, port: int, terminal: Terminal) -> IO[str]:
    with terminal.step("Checking", "Python, data folder, port, servers, settings") as step:
        check_data_dir(settings.DATA_DIR)
        lock = lock_data_dir(settings.DATA_DIR)
        check_port(host, port)
        if not settings.EMBEDDED_POSTGRES:
            check_database(settings.DATABASES["default"])
        if not settings.EMBEDDED_VALKEY:
            check_redis(settings.REDIS_URL)
        for problem in run_checks():
            if problem.level >= ERROR:
                raise StartError(str(problem.msg), str(problem.hint or ""))
        python = ".".join(map(str, sys.version_info[:2]))
        step.text = f"Python {python} ok · data in {settings.DATA_DIR} · port {port} free"
    return lock


def _start_data_servers(services: EmbeddedServices, terminal: Terminal) -> None:
    titles = {"postgres": "PostgreSQL", "valkey": "Valkey"}
    wanted = [settings.EMBEDDED_POSTGRES and "postgres", settings.EMBEDDED_VALKEY and "valkey"]
    text = " and ".join(titles[name] for name in wanted if name) or "nothing: the database and Redis are your own"
    with terminal.step("Starting", text):
        services.start()
        if settings.EMBEDDED_POSTGRES:
            connection.ensure_connection()
            check_pgvector(*pgvector_versions(connection.connection))


def _migrate(supervisor: Supervisor, stop: StopSignal, terminal: Terminal) -> None:
    with terminal.step("Migrating", "the database") as step:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            _run(["migrate", "--no-input"], supervisor, stop)
        step.text = f"{len(plan)} migrations" if plan else "nothing to do"


def _run(arguments: list[str], supervisor: Supervisor, stop: StopSignal) -> None:
    """A command of ours as a process of its own, which Ctrl-C can end at any point; what it says goes to the log."""
    log = supervisor.log_of("up")
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=supervisor.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    try:
        while process.poll() is None:
            supervisor.look()
            stop.pause(0.05)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode != 0:
        raise StartError(f"`manage.py {arguments[0]}` failed; the end of {log}:\n{log_tail(log)}")


def _fill(supervisor: Supervisor, stop: StopSignal, terminal: Terminal) -> None:
    """The first start loads the demo, then makes the people: who finds people knows that the demo was loaded whole."""
    if not get_user_model().objects.exists():
        with terminal.step("Loading", "the demo's articles and the first people") as step:
            _run(["load_demo"], supervisor, stop)
            ensure_first_people(settings.DATA_DIR)
            articles = apps.get_model("knowledge", "Article").objects.count()
            step.text = f"{articles} articles of the demo, {len(FIRST_PEOPLE)} people"
    _close_connections()


def _serve(supervisor: Supervisor, stop: StopSignal, terminal: Terminal) -> None:
    """Wait for each to answer; all were started as soon as what they need was there."""
    with terminal.step("Serving", "web, worker and model server") as step:
        for child in supervisor.children:
            if child.name != MODEL:
                _wait_for(child, supervisor, stop, WEB_SECONDS)
        step.text = "web · worker · the model server is loading (a first start converts its weights)"
        step.text = f"web · worker · {_await_model(supervisor, stop)}"


def _await_model(supervisor: Supervisor, stop: StopSignal) -> str:
    """What is said of the model server; without one the site runs too."""
    passages = "answers are passages of your articles until it does"
    if not serves_model():
        state = asyncio.run(model_state(settings.MODEL_URL))
        return "your model server" if state == "ok" else f"your model server does not answer ({passages})"
    child = next(child for child in supervisor.children if child.name == MODEL)
    try:
        _wait_for(child, supervisor, stop, MODEL_SECONDS, hopeless=model_failed)
    except StartError:
        return f"the model server does not answer yet ({passages}; see {supervisor.log_of(MODEL)})"
    return "model"


def _wait_for(
    child: Child, supervisor: Supervisor, stop: StopSignal, seconds: float, hopeless: Callable[[], bool] = lambda: False
) -> None:
    """Raises StartError with the end of its log when it keeps dying or is silent for too long."""
    deadline = time.monotonic() + seconds
    while child.answered is None:
        supervisor.look()
        if child.deaths >= TOO_MANY_DEATHS or time.monotonic() > deadline or hopeless():
            log = supervisor.log_of(child.name)
            raise StartError(f"{child.name} does not start; the end of {log}:\n{log_tail(log)}")
        stop.pause(0.05)


def _index(supervisor: Supervisor, stop: StopSignal, terminal: Terminal) -> None:
    """Passages without a vector cannot be found by meaning yet: wait for the worker to have embedded them."""
    waiting = _passages_without_vector()
    if not waiting:
        return
    if asyncio.run(model_state(settings.EMBEDDING_URL)) != "ok":
        terminal.say("Indexing", f"{waiting} passages wait for the embedding server; until then words are searched")
        return
    with terminal.step("Indexing", f"{waiting} passages") as step:
        deadline = time.monotonic() + INDEX_SECONDS
        while (left := _passages_without_vector()) and time.monotonic() < deadline:
            step.text = f"{waiting - left} of {waiting} passages"
            supervisor.look()
            stop.pause(0.2)
        step.text = f"{left} of {waiting} passages are still to do" if left else f"{waiting} passages"
    _close_connections()


def _passages_without_vector() -> int:
    """In the space that is searched. Before there is one, all of them."""
    chunk, space = apps.get_model("knowledge", "Chunk"), apps.get_model("knowledge", "EmbeddingSpace")
    live, active = chunk.objects.filter(live=True), space.objects.filter(state="active").first()
    return (live.filter(cut=active.cut).exclude(embeddings__space=active) if active else live).count()


def _close_connections() -> None:
    """Nothing in this process asks the database while it watches."""
    connection.close()
    with contextlib.suppress(AttributeError):
        connection.close_pool()


def _show(logs: Path, seconds: float, terminal: Terminal) -> None:
    everywhere = settings.HOST in ("0.0.0.0", "::", "")  # nosec B104 # asked, not bound
    host = "127.0.0.1" if everywhere else settings.HOST
    host = f"[{host}]" if ":" in host else host
    site = settings.PUBLIC_URL or f"http://{host}:{settings.PORT}"
    terminal.say("Ready", f"in {seconds:.1f}s")
    terminal.say("", f"Chat       {site}/")
    terminal.say("", f"Help       {site}/help/")
    terminal.say("", f"Admin      {site}/{settings.ADMIN_PATH}  as admin, manager, editor or agent")
    terminal.say("", f"Passwords  {settings.DATA_DIR / 'first-passwords.txt'}")
    if everywhere and not settings.PUBLIC_URL:
        terminal.say("", "Network    other machines are refused until PUBLIC_URL is the address that they use")
    terminal.say("", f"Logs       {logs}/ · Ctrl-C stops everything")
