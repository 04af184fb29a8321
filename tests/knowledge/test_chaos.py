"""The worker and the database are killed with signal 9 while articles are embedded anew and a space is switched to.

`CHAOS_KILLS=50 make test TESTS=tests/knowledge/test_chaos.py` kills fifty times; `manage.py bench chaos` does the same.
"""

import json
import os
import subprocess
import sys

from django.conf import settings

from tests.conftest import PROJECT

KILLS = int(os.environ.get("CHAOS_KILLS", "3"))
SECONDS = 120 + 60 * KILLS


def test_what_is_killed_leaves_old_or_new_and_is_repaired_by_one_sweep(tmp_path):
    result = tmp_path / "chaos.json"
    command = [
        sys.executable,
        "manage.py",
        "bench",
        "chaos",
        "--kills",
        str(KILLS),
        "--seed",
        "6",
        "--articles",
        "16",
        "--json",
        str(result),
    ]
    environment = os.environ | {"DATA_DIR": f"{settings.DATA_DIR}-chaos"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads(result.read_text())
    assert report["summary"]["kills"] == KILLS
    assert report["summary"]["mixed"] == report["summary"]["unrepaired"] == 0
    assert set(report["summary"]["victims"]) == {"worker", "database"}
    assert {row["aim"] for row in report["rows"]} == {"re-embedding", "switch"}
