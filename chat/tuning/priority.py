"""How a run keeps out of the application's way: always at the lowest priority, and on one thread beside it."""

import atexit
import os
import socket
from contextlib import suppress
from pathlib import Path

from django.conf import settings

AUTOGROUP = Path("/proc/self/autogroup")
LOWEST = 19


def threads_to_take() -> int:
    """All processors, or one while the model server answers customers on this machine."""
    return 1 if is_application_running() else os.cpu_count() or 1


def is_application_running() -> bool:
    """Whether a model server listens on this machine's own socket; one with an address costs nothing here."""
    path = settings.MODEL_URL.removeprefix("unix:")
    if path == settings.MODEL_URL:
        return False
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(path)
        return True
    return False


def yield_processor() -> None:
    """Let everything else go first. The priority counts within a terminal's session only where Linux groups processes
    by session; the group is lowered too, but only by root, for no one else could raise it again at the end."""
    os.nice(LOWEST)
    before = _group_nice()
    if os.geteuid() == 0 and before is not None and _lower_group(str(LOWEST)):
        atexit.register(_lower_group, before)


def _group_nice() -> str | None:
    """The group's priority, as Linux writes it ("/autogroup-12 nice 0"). None: no such file, or an empty one, which is
    how Linux shows a process of the root group (in a container's first session, say)."""
    words = AUTOGROUP.read_text().split() if AUTOGROUP.exists() else []
    return words[-1] if words else None


def _lower_group(nice: str) -> bool:
    try:
        AUTOGROUP.write_text(nice)
    except OSError:  # no group of its own (a container), or no right to it: the process's own priority stands
        return False
    return True
