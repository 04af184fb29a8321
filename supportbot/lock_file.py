"""A file lock that says who holds it."""

import fcntl
import os
from pathlib import Path
from typing import IO


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
    """The number of the process that holds the lock, for a sentence."""
    return path.read_text().strip() or "of unknown number"
