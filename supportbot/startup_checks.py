"""What must hold before `manage.py up` changes anything. Each check raises StartError: what is wrong, and a fix."""

import os
import socket
from pathlib import Path
from typing import IO, Any

import psycopg
import redis

from supportbot.embedded import make_data_dir
from supportbot.lock_file import lock_owner, try_lock

LEAST_PGVECTOR = (0, 8, 4)  # iterative scans without the faults of 0.8.0 to 0.8.3
LEAST_POSTGRES = 17  # the oldest that the project is meant for; 18 comes along
PROBE_SECONDS = 3
NOT_LIBPQ = {"pool", "isolation_level", "assume_role", "server_side_binding"}  # OPTIONS that Django keeps to itself


class StartError(Exception):
    def __init__(self, text: str, fix: str = "") -> None:
        super().__init__(text)
        self.fix = fix


def check_data_dir(data_dir: Path) -> None:
    place = data_dir if data_dir.exists() else next(parent for parent in data_dir.parents if parent.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise StartError(f"the data folder {data_dir} cannot be written", "set DATA_DIR to a folder that can")


def lock_data_dir(data_dir: Path) -> IO[str]:
    """Held for as long as we run: two that serve the same data would fight over it."""
    make_data_dir(data_dir)
    path = data_dir / "up.lock"
    lock = try_lock(path)
    if lock is None:
        owner = lock_owner(path)
        raise StartError(
            f"the data in {data_dir} is already served by process {owner}, another `manage.py up`",
            f"stop that one (Ctrl-C in its terminal, or: kill {owner}), or set DATA_DIR to another folder",
        )
    return lock


def check_port(host: str, port: int) -> None:
    """Bind it for a moment, as the web server will."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise StartError(
            f"HOST={host} is not an address of this machine", "HOST=127.0.0.1, or 0.0.0.0 for all"
        ) from None
    except PermissionError:
        raise StartError(f"port {port} may be used by root alone", "choose one from 1024 on: PORT=8000") from None
    except OverflowError:
        raise StartError(f"there is no port {port}", "choose one between 1024 and 65535") from None
    except OSError as error:
        if error.errno == 98 or "in use" in str(error).lower():
            owner = port_owner(port)
            who = f" by process {owner[0]} ({owner[1]})" if owner else ""
            fix = f"make run PORT={port + 1}, or: manage.py up --port {port + 1}"
            raise StartError(f"port {port} is in use{who}", fix) from None
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror}", "set HOST and PORT") from None


def port_owner(port: int) -> tuple[int, str] | None:
    """Number and name of the process that listens on a port, where Linux lets us see it."""
    listening = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            words = line.split()
            if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                listening.add(f"socket:[{words[9]}]")
    for process in Path("/proc").glob("[0-9]*") if listening else []:
        try:
            if any(os.readlink(link) in listening for link in (process / "fd").iterdir()):
                return int(process.name), (process / "comm").read_text().strip()
        except OSError:  # somebody else's, or gone
            continue
    return None


def check_database(database: dict[str, Any]) -> None:
    """An own server of the operator's: reachable, new enough, and with pgvector new enough. `database` is Django's."""
    where = {name: value for name, value in database.get("OPTIONS", {}).items() if name not in NOT_LIBPQ}
    where |= {name: database.get(name.upper()) for name in ("host", "port", "user", "password")}
    where |= {"dbname": database["NAME"], "connect_timeout": PROBE_SECONDS}
    options: dict[str, Any] = {name: value for name, value in where.items() if value not in (None, "")}
    try:
        with psycopg.connect(**options, autocommit=True) as connection:
            major = connection.info.server_version // 10000
            versions = pgvector_versions(connection)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:  # the latter: an option that libpq has not
        reason = str(error).strip().splitlines()[0].removeprefix("connection failed: ")
        fix = "correct DATABASE_URL, or unset it to use the PostgreSQL that comes along"
        raise StartError(f"the database of DATABASE_URL cannot be reached: {reason}", fix) from None
    if major < LEAST_POSTGRES:
        raise StartError(f"the server of DATABASE_URL is PostgreSQL {major}; {LEAST_POSTGRES} or newer is needed")
    check_pgvector(*versions)


def pgvector_versions(connection: psycopg.Connection[Any]) -> tuple[str | None, str | None]:
    """Installed in this database, and available on its server."""
    query = "SELECT installed_version, default_version FROM pg_available_extensions WHERE name = 'vector'"
    return connection.execute(query).fetchone() or (None, None)


def check_pgvector(installed: str | None, available: str | None) -> None:
    """`installed` in the database, `available` on the server; None where it is absent."""
    needed = ".".join(map(str, LEAST_PGVECTOR))
    if installed is None and available is None:
        raise StartError(
            f"the PostgreSQL server has no pgvector; {needed} or newer is needed",
            "install pgvector on the server, or unset DATABASE_URL to use the PostgreSQL that comes along",
        )
    if installed is not None and _version(installed) < LEAST_PGVECTOR:
        fix = "install a newer pgvector on the server, then: ALTER EXTENSION vector UPDATE"
        if available is not None and _version(available) >= LEAST_PGVECTOR:
            fix = "run in the database: ALTER EXTENSION vector UPDATE"
        raise StartError(f"the database has pgvector {installed}; {needed} or newer is needed", fix)
    if installed is None and available is not None and _version(available) < LEAST_PGVECTOR:
        raise StartError(
            f"the PostgreSQL server has pgvector {available}; {needed} or newer is needed",
            "install a newer pgvector on the server, or unset DATABASE_URL to use the PostgreSQL that comes along",
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def check_redis(url: str) -> None:
    fix = "correct REDIS_URL, or unset it to use the Valkey that comes along"
    try:
        with redis.Redis.from_url(url, socket_timeout=PROBE_SECONDS, socket_connect_timeout=PROBE_SECONDS) as client:
            client.ping()
    except ValueError:
        raise StartError("REDIS_URL is not of the form redis://host:6379/0", fix) from None
    except (redis.RedisError, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise StartError(f"the server of REDIS_URL cannot be reached: {reason}", fix) from None
