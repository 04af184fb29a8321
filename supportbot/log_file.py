"""The log of a child process, which appends to it by itself: kept within a bound, and its end shown when it fails."""

import os
import shutil
from pathlib import Path

LOG_BYTES = 5_000_000  # of each file; one older file of the same size is kept


def bound_log(path: Path) -> None:
    """Move a log that grew too long to `<name>.1`, over the older one. The writer appends, so it goes on there."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        shutil.copyfile(path, path.with_name(path.name + ".1"))
        os.truncate(path, 0)


def log_tail(path: Path, lines: int = 20) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 16_000))
        return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
