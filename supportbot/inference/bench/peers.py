"""The processes that are compared, seen from the one that compares them."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supportbot.server_binaries import die_with_parent

LOAD_SECONDS = 300.0
ROUND_SECONDS = 600.0
LOG_LINES = 5
PROJECT = Path(__file__).resolve().parents[3]


class PeerFailed(Exception):
    """The sentence says which process did not do its part, and what it said last."""


class PeerMissing(Exception):
    """The sentence says what is not installed, and how it comes here."""


@dataclass(slots=True)
class Peer:
    """A process that speaks as `talking` says. `facts` is what it told when it had loaded."""

    name: str
    module: str
    given: dict[str, Any]
    log: Path
    python: str = sys.executable
    facts: dict[str, Any] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None
    _rest: bytes = b""

    def start(self) -> None:
        """PeerMissing where what it needs is not installed."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [self.python, "-m", f"supportbot.inference.bench.{self.module}"],
                cwd=PROJECT,
                env=environment(self.given.get("threads", 1)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        self.facts = self.ask(self.given, LOAD_SECONDS)
        if missing := self.facts.get("missing"):
            self.stop()
            raise PeerMissing(missing)

    def ask(self, work: Mapping[str, Any], seconds: float = ROUND_SECONDS) -> dict[str, Any]:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        end = time.monotonic() + seconds
        try:
            process.stdin.write(json.dumps(work).encode() + b"\n")
            process.stdin.flush()
            while b"\n" not in self._rest:
                ready, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
                part = os.read(process.stdout.fileno(), 1 << 20) if ready else b""
                if not part:
                    raise PeerFailed(f"{self.name} {'ended' if ready else 'was silent for too long'}: {self._last()}")
                self._rest += part
        except BrokenPipeError as error:
            raise PeerFailed(f"{self.name} ended: {self._last()}") from error
        line, _, self._rest = self._rest.partition(b"\n")
        return dict(json.loads(line))

    def memory(self) -> dict[str, int]:
        assert self._process is not None
        return memory_of(self._process.pid)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _last(self) -> str:
        lines: Sequence[str] = deque(self.log.open(errors="replace"), maxlen=LOG_LINES)
        return " / ".join(line.strip() for line in lines if line.strip())[-600:] or f"{self.log} is empty"


def environment(threads: int) -> dict[str, str]:
    """The threads of every peer wait for each other as those of our own model server do."""
    own = {"OMP_NUM_THREADS": str(threads), "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "2000")}
    return {**os.environ, **own, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


def memory_of(process: int) -> dict[str, int]:
    """MiB that the process holds now, and the most that it has held."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return {name: int(fields[key].split()[0]) // 1024 for name, key in (("now_mib", "VmRSS"), ("peak_mib", "VmHWM"))}
