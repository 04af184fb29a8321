"""One embedded data server as a process: how it is started, asked and ended, and what a killed owner has left."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supportbot.log_file import bound_log, log_tail
from supportbot.server_account import Account, EmbeddedError
from supportbot.server_binaries import Binaries, die_with_parent

START_SECONDS = 120  # crash recovery of a large write-ahead log takes its time
STOP_SECONDS = 30
LEAST_SHARED_BYTES = 1 << 30  # containers give 64 MB, which a parallel build of an index overflows
PATIENCE_SECONDS = 5  # for leftovers to end by themselves, before they are asked to


@dataclass(slots=True)
class ServerProcess:
    """`folder` is the data and the working folder of each of its processes; `process` is set while it is ours."""

    name: str
    command: list[str]
    folder: Path
    socket: Path
    log: Path
    account: Account | None
    answers: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None
    pause: Callable[[float], None] = time.sleep

    def launch(self) -> None:
        bound_log(self.log)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a terminal's Ctrl-C is for us, who stop things in order
                preexec_fn=die_with_parent(signal.SIGINT),
                **process_options(self.account),
            )

    def wait(self) -> None:
        """Until it answers. Raises EmbeddedError with the end of its log when it ends instead, or takes too long."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None:
                tail = log_tail(self.log, 8)
                raise EmbeddedError(f"{self.name} ended (code {self.process.returncode}) while starting:\n{tail}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self.name} did not answer within {START_SECONDS} s; see {self.log}.")
            self.pause(0.02)

    def fallen(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def end(self) -> None:
        """SIGINT is PostgreSQL's fast shutdown and Valkey's save-and-quit."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        self.process = None

    def end_leftovers(self) -> None:
        """Outlive what a killed owner has left: processes on their way out, then their lock files and sockets."""
        if not Path("/proc/self/cwd").exists():  # not Linux: PostgreSQL's own check of its lock file must do
            return
        started, asked = time.monotonic(), False
        while leftovers := list(self._leftovers()):
            waited = time.monotonic() - started
            if waited > STOP_SECONDS:
                raise EmbeddedError(f"An earlier {self.name} (process {leftovers[0]}) still holds {self.folder}.")
            if waited > PATIENCE_SECONDS and not asked:
                asked = True
                for pid in leftovers:
                    os.kill(pid, signal.SIGINT)
            self.pause(0.05)
        # Nobody works in the folder, so a lock file can only name a dead process, or a stranger with its old number.
        for stale in (self.folder / "postmaster.pid", self.socket, self.socket.with_name(self.socket.name + ".lock")):
            stale.unlink(missing_ok=True)

    def _leftovers(self) -> Iterator[int]:
        program = Path(self.command[0]).name
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                running = Path(os.readlink(entry / "exe").removesuffix(" (deleted)")).name
                if running == program and os.readlink(entry / "cwd") == str(self.folder):
                    yield int(entry.name)
            except OSError:  # gone meanwhile, a zombie, or somebody else's
                continue


def process_options(account: Account | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        "cwd": "/",
        "stdin": subprocess.DEVNULL,
        "umask": 0o077,
    }
    if account:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def postgres_command(binaries: Binaries, folder: Path, run_dir: Path) -> list[str]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(run_dir),
        "unix_socket_permissions": "0700",
        "max_connections": "150",
        "shared_buffers": "256MB",
        "maintenance_work_mem": "256MB",  # an index of 150,000 vectors is built in it, one of more on the disk
        "max_parallel_maintenance_workers": "1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Statements and details of errors would carry customers' words into the log.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    shared = Path("/dev/shm")  # nosec B108 # its room is asked for; nothing is written
    memory = os.statvfs(shared) if shared.is_dir() else None
    if memory and memory.f_bavail * memory.f_frsize < LEAST_SHARED_BYTES:
        settings["dynamic_shared_memory_type"] = "mmap"
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    return [str(binaries.postgres / "bin/postgres"), "-D", str(folder), *options]


def valkey_command(binaries: Binaries, folder: Path, path: Path) -> list[str]:
    command = [str(binaries.valkey), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    command += ["--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    # Only keys that expire may be evicted: frames can be read from the database again, a Celery queue can not.
    return [*command, "--maxmemory", "256mb", "--maxmemory-policy", "volatile-lru"]


def postgres_answers(run_dir: Path, database: str, *, make: bool) -> bool:
    """Whether the database can be entered. `make`: make it when the cluster answers and has none yet."""
    import psycopg

    if not (run_dir / ".s.PGSQL.5432").exists():
        return False
    where: dict[str, Any] = {"host": str(run_dir), "user": "postgres", "connect_timeout": 3}
    try:
        psycopg.connect(dbname=database, **where).close()
    except psycopg.OperationalError as error:
        if not (make and f'database "{database}" does not exist' in str(error)):
            return False
        with psycopg.connect(dbname="postgres", autocommit=True, **where) as connection:
            connection.execute(f"CREATE DATABASE {database}")
    return True


def valkey_answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
