"""Whom the data servers run as, and the folders they may reach. PostgreSQL refuses to run as root."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path


class EmbeddedError(Exception):
    """The data servers cannot run: a sentence for people, and where there is one, a fix."""

    def __init__(self, text: str, fix: str = "") -> None:
        super().__init__(text)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int


def account_for(*data: Path) -> Account | None:
    """None: the servers run as we do. As root: the account that owns the data, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return None
    for folder in data:
        if folder.exists() and (status := folder.stat()).st_uid != 0:
            return Account(_name_of(status.st_uid), status.st_uid, status.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and this machine has no account `postgres` or `nobody` to run it as.",
        "start as an ordinary user, or make an account: useradd --system postgres",
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a number without a name, as in containers
        return str(uid)


def make_folder(path: Path, *, mode: int, owner: Account | None = None, private: bool = False) -> None:
    """Make a folder, and its parents open for passing through. `private`: refuse one that somebody else has made."""
    for parent in reversed(path.parents):
        if not parent.exists():
            _mkdir(parent, 0o755)
    if not path.exists() and not path.is_symlink():
        _mkdir(path, mode)
    status = path.lstat()
    ours = status.st_uid == os.geteuid() or (owner is not None and status.st_uid == owner.uid)
    if private and not (ours and stat.S_ISDIR(status.st_mode)):
        raise EmbeddedError(
            f"The folder {path} belongs to somebody else, so it is not used.", f"look at it, then: rm -r {path}"
        )
    if private and stat.S_IMODE(status.st_mode) != mode:
        path.chmod(mode)
    if owner is not None and status.st_uid != owner.uid:
        os.chown(path, owner.uid, owner.gid)


def _mkdir(path: Path, mode: int) -> None:
    try:
        path.mkdir(exist_ok=True)
        path.chmod(mode)  # whatever the umask is
    except OSError as error:
        raise EmbeddedError(
            f"The folder {path} cannot be made: {error.strerror}.", "set DATA_DIR to a folder that can be written"
        ) from error


def check_reach(folder: Path, account: Account) -> None:
    """Raise unless the account may pass through the folder and everything above it."""
    for place in (*reversed(folder.parents), folder):
        status = place.stat()
        if status.st_uid == account.uid:
            passes = status.st_mode & stat.S_IXUSR
        elif status.st_gid == account.gid:
            passes = status.st_mode & stat.S_IXGRP
        else:
            passes = status.st_mode & stat.S_IXOTH
        if not passes:
            raise EmbeddedError(
                f"PostgreSQL runs as the account {account.name}, which may not enter {place}, so {folder} is no use.",
                f"set DATA_DIR to a folder elsewhere (root's default is /var/lib/supportbot), or: chmod o+x {place}",
            )
