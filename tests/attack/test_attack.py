"""A sample of every attack on a running instance, and nothing gets through.

`ATTACK_SEED=7 make test TESTS=tests/attack` repeats a run; `make attack MINUTES=30` is the whole of it.
"""

import json
import os
import random
import shutil
import subprocess
import sys

import pytest

from tests.attack.run import PROJECT

MINUTES = 0.1  # of fuzzing
MOST_SECONDS = 900  # on a machine that is busy; the start alone has 420
LEAST = {  # of each kind, so that none is left out without a word
    "pages read by those who may not (IDOR)": 100,
    "deeds done by those who may not (IDOR)": 100,
    "forged requests (CSRF)": 30,
    "articles shown to those they are not for": 15,
    "another visitor's things by frames (IDOR)": 40,
    "origins": 90,
    "visitors' tokens": 60,
    "the company's word (JWT)": 60,
    "after a log-out": 3,
    "rates and sizes": 25,
    "frames by chance": 10,
    "secrets in prompts": 5,
}
BROWSER = {
    "markup in the assistant's words, cut at every place": 1000,
    "markup in an article's text, cut at every place": 1000,
    "hostile words on every page (browser)": 45,
    "hostile words in the widget (browser)": 100,
    "payloads cut at every place in the transcript (browser)": 500,
}


@pytest.mark.stack
def test_nothing_gets_through(tmp_path):
    seed = os.environ.get("ATTACK_SEED") or str(random.SystemRandom().randrange(10**6))
    result = tmp_path / "attack.json"
    command = [sys.executable, "-m", "tests.attack.run", "--few", "--minutes", str(MINUTES), "--seed", seed]
    least = dict(LEAST)
    if shutil.which("chromium"):
        least |= BROWSER
    else:
        command += ["--kinds", "reach,frames,origins,tokens,limits,fuzzing,sent"]
    command += ["--json", str(result)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=MOST_SECONDS)
    print(done.stdout)  # pytest shows it when the test fails: the seed is its first line
    assert result.is_file(), f"seed {seed}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    report = json.loads(result.read_text())
    through = {row["kind"]: row["examples"] for row in report["rows"] if row["got_through"]}
    assert through == {}, f"seed {seed}"
    assert done.returncode == 0
    tried = {row["kind"]: row["tried"] for row in report["rows"]}
    assert {kind: tried.get(kind, 0) for kind, count in least.items() if tried.get(kind, 0) < count} == {}
