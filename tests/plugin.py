"""Loaded before Django reads its settings: each test run has its own data folder, and never the developer's services.

Two runs at once take two folders, so they do not meet; the converted weights are shared by all of them.
"""

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO

PROJECT = Path(__file__).resolve().parent.parent
RUNS_AT_ONCE = 32

# Empty means the default. A variable that were only taken away would come back out of the developer's `.env`.
for line in (PROJECT / ".env.example").read_text().splitlines():
    if line and not line.startswith("#"):
        os.environ[line.partition("=")[0]] = ""


def base_folder() -> Path:
    if "SUPPORTBOT_TEST_DATA" in os.environ:
        return Path(os.environ["SUPPORTBOT_TEST_DATA"])
    if os.geteuid() == 0:
        # PostgreSQL drops to another account, which must reach the folder: a clone may lie where only root may look.
        place = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"supportbot-tests-{place}"
    return PROJECT / ".cache" / "tests"


def take_folder(base: Path) -> tuple[Path, IO[str]]:
    """The first folder that no other run holds, and the lock that holds it for as long as this process lives."""
    base.mkdir(parents=True, exist_ok=True)
    for number in range(RUNS_AT_ONCE):
        lock = (base / f"run-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return base / f"run-{number}", lock
    raise RuntimeError(f"{RUNS_AT_ONCE} test runs hold the folders in {base}: end some of them")


base = base_folder()
data_dir, held = take_folder(base)
(base / "models").mkdir(exist_ok=True)
data_dir.mkdir(exist_ok=True)
if not (data_dir / "models").exists():
    (data_dir / "models").symlink_to(base / "models")
os.environ["DATA_DIR"] = str(data_dir)
os.environ["SECRET_KEY"] = "for-the-tests-alone-" + "x" * 40
