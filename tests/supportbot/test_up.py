"""`manage.py up`: what it refuses before it changes anything, and what it does when something dies."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import psycopg
import pytest
from django.conf import settings

from supportbot.lock_file import try_lock
from supportbot.startup_checks import StartError, check_database, check_pgvector, pgvector_versions, port_owner
from tests.conftest import free_port, wait_until

PROJECT = Path(__file__).resolve().parent.parent.parent


def run_up(data_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATA_DIR": str(data_dir), "PORT": str(free_port()), **variables}
    return subprocess.run(
        [sys.executable, "manage.py", "up", *arguments],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def assert_refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    """One `error:` line and at most one `fix:`; nothing was started, and nobody sees a traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: ") and sentence in lines[0], done.stderr
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("  fix: ")), done.stderr
    assert "Starting" not in done.stdout


def test_a_port_in_use_is_named_with_the_process_that_has_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port_owner(port)[0] == os.getpid()
        done = run_up(tmp_path, "--port", str(port))
    assert_refused(done, f"port {port} is in use by process {os.getpid()} (")
    assert f"make run PORT={port + 1}" in done.stderr
    assert not (tmp_path / "postgres").exists()


def test_a_second_one_on_the_same_data_is_refused(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / "up.lock")
    assert lock is not None
    with lock:
        assert_refused(run_up(tmp_path), f"already served by process {os.getpid()}")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgres://u:topsecret@127.0.0.1:1/none", "the database of DATABASE_URL cannot be reached"),
        ("mysql://u@127.0.0.1/none", "DATABASE_URL must name a PostgreSQL server"),
        ("nonsense", "DATABASE_URL"),
    ],
)
def test_a_broken_database_url_is_one_sentence_without_its_password(tmp_path: Path, url: str, sentence: str) -> None:
    done = run_up(tmp_path, DATABASE_URL=url)
    assert_refused(done, sentence)
    assert "topsecret" not in done.stdout + done.stderr


def test_a_redis_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    assert_refused(run_up(tmp_path, REDIS_URL="redis://127.0.0.1:1/0"), "the server of REDIS_URL cannot be reached")


def test_a_data_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_up(tmp_path / "file" / "data", SECRET_KEY="x" * 50)
    assert_refused(done, f"the data folder {tmp_path}/file/data cannot be written")


def test_an_address_of_another_machine_is_one_sentence(tmp_path: Path) -> None:
    assert_refused(run_up(tmp_path, "--host", "192.0.2.1"), "cannot listen on 192.0.2.1")


@pytest.mark.parametrize(
    ("installed", "available", "sentence"),
    [
        (None, None, "has no pgvector; 0.8.4 or newer is needed"),
        (None, "0.7.4", "server has pgvector 0.7.4; 0.8.4 or newer is needed"),
        ("0.8.3", "0.8.3", "database has pgvector 0.8.3; 0.8.4 or newer is needed"),
        ("0.8.0", "0.8.6", "database has pgvector 0.8.0; 0.8.4 or newer is needed"),
    ],
)
def test_a_pgvector_that_is_too_old_is_named(installed: str | None, available: str | None, sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        check_pgvector(installed, available)


def test_a_pgvector_that_is_new_enough_passes() -> None:
    for versions in (("0.8.4", "0.8.4"), ("0.9.0", "0.9.0"), (None, "0.10.0"), ("1.0", None)):
        check_pgvector(*versions)


def test_an_outdated_extension_on_a_new_server_is_to_be_updated() -> None:
    with pytest.raises(StartError) as refusal:
        check_pgvector("0.8.0", "0.8.6")
    assert refusal.value.fix == "run in the database: ALTER EXTENSION vector UPDATE"


def test_a_real_server_tells_what_it_has(services: None) -> None:
    where = settings.DATABASES["default"]
    with psycopg.connect(host=where["HOST"], user=where["USER"], dbname="template1") as connection:
        installed, available = pgvector_versions(connection)
    assert installed is None and available is not None
    check_database({**where, "NAME": "template1"})
    with pytest.raises(StartError, match="sslmode value"):
        check_database({**where, "NAME": "template1", "OPTIONS": {"sslmode": "sometimes"}})
    with pytest.raises(StartError, match='definition of service "nowhere" not found'):
        check_database({**where, "NAME": "template1", "OPTIONS": {"service": "nowhere"}})
    with pytest.raises(StartError, match='invalid connection option "colour"'):
        check_database({**where, "NAME": "template1", "OPTIONS": {"colour": "red"}})
    with pytest.raises(StartError, match='database "nowhere" does not exist'):
        check_database({**where, "NAME": "nowhere"})


def test_ctrl_c_while_it_starts_stops_what_was_started() -> None:
    place = Path(tempfile.mkdtemp(prefix="supportbot-up-", dir="/tmp"))
    place.chmod(0o755)
    environment = {**os.environ, "DATA_DIR": str(place / "data"), "PORT": str(free_port())}
    try:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_until((place / "data/postgres/postmaster.pid").exists, 60, "the start of PostgreSQL")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=90)
        assert process.returncode == 130
        assert "Stopping" in said and f"everything is kept in {place}/data" in said
        assert not [command for command in commands() if str(place) in command]
    finally:
        shutil.rmtree(place, ignore_errors=True)


def commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_text().replace("\0", " "))
    return found


def children_of(pid: int) -> dict[str, int]:
    """Command lines of a process's children, and their numbers."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"\nPPid:\t{pid}\n" in (entry / "status").read_text():
                found[(entry / "cmdline").read_text().replace("\0", " ")] = int(entry.name)
        except OSError:
            continue
    return found


def child_of(pid: int, word: str) -> int:
    return next(number for command, number in children_of(pid).items() if word in command)


@pytest.mark.stack
def test_the_whole_product_starts_and_brings_back_what_is_killed(live_stack) -> None:
    ready = httpx.get(f"{live_stack.url}/health/ready", timeout=10)
    assert ready.status_code == 200
    words = ready.json()
    assert words.pop("workers") in ("starting", "ok")
    assert words == dict.fromkeys(("status", "database", "migrations", "redis", "model"), "ok")
    passwords = live_stack.data_dir / "first-passwords.txt"
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
    assert len({live_stack.password(name) for name in ("admin", "manager", "editor", "agent")}) == 4
    said = live_stack.output()
    assert str(passwords) in said and "Traceback" not in said
    assert len([line for line in said.splitlines() if " … " not in line]) <= 12  # a slow machine says that it is at it
    for word, name in (("uvicorn", "web"), ("bin/postgres", "postgres"), ("valkey-server", "valkey")):
        os.kill(child_of(live_stack.process.pid, word), signal.SIGKILL)
        line = f"{name} answers again"
        wait_until(lambda line=line: line in live_stack.output(), 60, f"the line `{line}`")
        assert f"{name} was killed (SIGKILL)" in live_stack.output()

    def well() -> bool:
        try:
            return httpx.get(f"{live_stack.url}/health/ready", timeout=10).json()["status"] == "ok"
        except httpx.HTTPError:
            return False

    wait_until(well, 30, "a stack that is well again")
