"""The widget's pure parts (reducer, Markdown, strings) are tested by Node, without a browser."""

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1] / "widget"


def test_the_pure_parts_of_the_widget() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the widget's unit tests need Node 20 or newer")
    files = sorted(str(path) for path in TESTS.glob("*.test.mjs"))
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
