"""Loaded before Django reads its settings: the tests have their own data folder, and never the developer's services."""

import hashlib
import os
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

for name in ("DATABASE_URL", "REDIS_URL", "MODEL_URL", "EMBEDDING_URL", "PUBLIC_URL", "PORT", "HOST", "ADMIN_PATH"):
    os.environ.pop(name, None)
if "SUPPORTBOT_TEST_DATA" in os.environ:
    data_dir = Path(os.environ["SUPPORTBOT_TEST_DATA"])
elif os.geteuid() == 0:
    # PostgreSQL drops to another account, which must reach the folder: a clone may lie where only root may look.
    place = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:10]
    data_dir = Path(tempfile.gettempdir()) / f"supportbot-tests-{place}"
else:
    data_dir = PROJECT / ".cache" / "test-data"
os.environ["DATA_DIR"] = str(data_dir)
os.environ["SECRET_KEY"] = "for-the-tests-alone-" + "x" * 40
