"""An independent client of the protocol, where it lies beside the project, against the whole product."""

import subprocess
import sys
from pathlib import Path

import pytest

CLIENT = Path(__file__).resolve().parent.parent.parent / "shared" / "tools" / "conformance.py"


@pytest.mark.stack
def test_an_independent_client_finds_nothing_wrong(live_stack) -> None:
    if not CLIENT.is_file():
        pytest.skip(f"no conformance client at {CLIENT}")
    address = live_stack.url.removeprefix("http://")
    done = subprocess.run(
        [
            sys.executable,
            str(CLIENT),
            *("--url", f"ws://{address}/ws/chat/demo/", "--origin", live_stack.url),
            *("--question", "How do I return an item?", "--resumes", "5"),
        ],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
