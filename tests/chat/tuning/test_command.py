"""The command as an operator gives it, in a process of its own, on a base of two thin layers."""

import json
import os
import socket
import subprocess
import sys

import pytest
from django.conf import settings


@pytest.fixture
def tune(tiny_base, tmp_path):
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        own = {"GENERATOR_WEIGHTS": str(tiny_base), "DATA_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
        own["MODEL_URL"] = f"unix:{tmp_path / 'model.sock'}"
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "tune", "--from", "base", "--name", "mine"]
        return subprocess.run(
            [*command, *options], env=os.environ | own, capture_output=True, text=True, timeout=300, check=False
        )

    return run


def test_a_run_beside_the_application_takes_one_thread_and_writes_an_adapter(tune, tmp_path):
    with socket.socket(socket.AF_UNIX) as application:
        application.bind(str(tmp_path / "model.sock"))
        application.listen()
        done = tune("--max-examples", "12", "--minutes", "5")
    assert done.returncode == 0, done.stderr
    assert "Taking  1 of" in done.stderr and "at the lowest priority" in done.stderr
    assert "Leaving out  5 of 267 questions" in done.stderr and "questions.train.jsonl, line " in done.stderr
    folder = tmp_path / "adapters" / "mine"
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors", "manifest.json",
    ]  # fmt: skip
    manifest = json.loads((folder / "manifest.json").read_text())
    assert 12 <= manifest["examples"] <= 21 and manifest["scores"]["base"]["asked"] == 13
    assert not list((tmp_path / "tuning").iterdir())  # a whole run needs no checkpoint
