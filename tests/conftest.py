"""The services that tests talk to are real: PostgreSQL, Valkey, the model server, the whole product."""

import os
import shutil
import signal
import socket as socket_module
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import httpx
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from supportbot import rates

PROJECT = Path(__file__).resolve().parent.parent
DATA = PROJECT.parent / "shared" / "data"


def wait_until(true, seconds: float, what: str, every: float = 0.05) -> None:
    """Poll `true()` until it holds, or fail naming `what`."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not happen within {seconds:g} s")
        time.sleep(every)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser and the whole product are many processes on two processors: such a test that fails is tried once more.

    What failed first is in the report (RERUN); a fault that comes back fails. All other tests have one try.
    """
    for item in items:
        if "tests/browser/" in item.nodeid or item.get_closest_marker("stack"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session", autouse=True)
def patience_with_redis() -> Iterator[None]:
    """On starved processors a first answer may take longer than a door may wait: a process would count alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rates, "REDIS_SECONDS", 5.0)
        yield


@pytest.fixture(scope="session")
def services() -> Iterator[None]:
    """The embedded PostgreSQL and Valkey, in the tests' own data folder."""
    from supportbot.embedded import EmbeddedServices

    embedded = EmbeddedServices(settings.DATA_DIR, settings.RUN_DIR)
    embedded.start()
    yield
    embedded.stop()


def bring_groups_back() -> None:
    """A flush takes what migrations have put into the tables; the groups of staff are needed by later tests."""
    import_module("chat.migrations.0002_people").make_groups(apps, None)
    import_module("chat.migrations.0005_desk_people").widen_groups(apps, None)
    import_module("supportbot.migrations.0001_status").widen_groups(apps, None)
    import_module("supportbot.migrations.0002_audit").widen_groups(apps, None)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(services) -> None:
    """Any test that asks for the database starts the services first."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> None:
    """Tests with transactions of their own empty every table after them, the audit log's too."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE supportbot_auditentry DISABLE TRIGGER supportbot_audit_whole")


def _answers(socket: Path) -> bool:
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=2) as client:
            return client.get("http://model/health").status_code == 200
    except httpx.HTTPError:
        return False


def _serve(command: list[str], socket: Path, seconds: float) -> Iterator[str]:
    socket.unlink(missing_ok=True)
    log = settings.DATA_DIR / f"{socket.stem}.log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, *command], cwd=PROJECT, stdout=out, stderr=subprocess.STDOUT)

    def ready() -> bool:
        if process.poll() is not None:
            pytest.fail(f"{command} ended with {process.returncode}: {log.read_text()[-2000:]}")
        return _answers(socket)

    try:
        wait_until(ready, seconds, f"a healthy {socket.name}", every=0.1)
        yield f"unix:{socket}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def run_dir() -> Path:
    settings.RUN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    return settings.RUN_DIR


@pytest.fixture(scope="session")
def fake_model_url(run_dir) -> Iterator[str]:
    socket = run_dir / "fake.sock"
    yield from _serve(["-m", "supportbot.inference.fake_server", "--socket", str(socket)], socket, 30)


@pytest.fixture(scope="session")
def model_server_url(run_dir) -> Iterator[str]:
    socket = run_dir / "model.sock"
    yield from _serve(["manage.py", "serve_model", "--socket", str(socket)], socket, 300)


@pytest.fixture
def fake_model(fake_model_url, settings) -> str:
    settings.MODEL_URL = settings.EMBEDDING_URL = settings.RERANK_URL = fake_model_url
    return fake_model_url


@pytest.fixture
def model_server(model_server_url, settings) -> str:
    settings.MODEL_URL = settings.EMBEDDING_URL = settings.RERANK_URL = model_server_url
    return model_server_url


@pytest.fixture(scope="session")
def evaluation_data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"no evaluation data at {DATA}")
    return DATA


@dataclass(frozen=True)
class Stack:
    """The whole product, started by its own command."""

    url: str
    data_dir: Path
    process: subprocess.Popen[bytes]
    log: Path

    def password(self, user: str) -> str:
        for line in (self.data_dir / "first-passwords.txt").read_text().splitlines():
            words = line.split()
            if words and words[0].rstrip(":") == user:
                return words[-1]
        raise LookupError(user)

    def output(self) -> str:
        return self.log.read_text(errors="replace")


def free_port() -> int:
    with socket_module.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def live_stack(tmp_path_factory) -> Iterator[Stack]:
    """`manage.py up` on a free port, in a data folder of its own; the converted weights are shared between runs."""
    data_dir = Path(f"{settings.DATA_DIR}-stack")
    if data_dir.exists():
        shutil.rmtree(data_dir)
    data_dir.mkdir(parents=True)
    (settings.DATA_DIR / "models").mkdir(parents=True, exist_ok=True)
    (data_dir / "models").symlink_to((settings.DATA_DIR / "models").resolve())
    port, log = free_port(), tmp_path_factory.mktemp("stack") / "up.log"
    environment = {**os.environ, "DATA_DIR": str(data_dir), "PORT": str(port), "NO_COLOR": "1", "SECRET_KEY": ""}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    stack = Stack(f"http://127.0.0.1:{port}", data_dir, process, log)

    def ready() -> bool:
        if process.poll() is not None:
            pytest.fail(f"`manage.py up` ended with {process.returncode}:\n{stack.output()[-3000:]}")
        return "Ready" in stack.output()

    try:
        wait_until(ready, 420, "`manage.py up` being ready", every=0.2)
        yield stack
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
