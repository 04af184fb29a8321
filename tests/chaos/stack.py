"""The running product as the harness sees it: which process is which, signals to them, and what their logs say."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from supportbot.server_binaries import die_with_parent
from tests.chaos.engine import steady_script

PROJECT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 420.0
STOP_SECONDS = 60.0
EVENT = re.compile(rb"level=(\w+) event=(?:\"([^\"]*)\"|(\S+))")
CHANGING = re.compile(r"0x[0-9a-f]+|\d+")  # what makes two lines of one thing different
RAISED = re.compile(rb"^(?:\w+\.)*(\w+(?:Error|Exception|Refused|Timeout|Lost\w*|Failed)): ", re.MULTILINE)


class StackFailed(Exception):
    """The product does not run; the text says what its log says."""


class Stack:
    """`roles`: web-1, web-2, worker, model, postgres, valkey."""

    def __init__(self, data_dir: Path, run_dir: Path, ports: list[int], skew: float = 0.0) -> None:
        self.data_dir, self.run_dir, self.ports, self.skew = data_dir, run_dir, ports, skew
        self.log = data_dir / "host.log"
        self.host: psutil.Popen | None = None

    def start(self) -> None:
        script = self.data_dir / "engine.json"
        script.write_text(steady_script())
        command = [sys.executable, "-m", "tests.chaos.host", "--ports", *map(str, self.ports)]
        with self.log.open("wb") as out:
            self.host = psutil.Popen(
                [*command, "--engine-script", str(script), "--skew", str(self.skew)],
                cwd=PROJECT,
                env=os.environ | {"NO_COLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    def check(self) -> None:
        """Raises StackFailed if the supervisor itself has ended."""
        if self.host is None or self.host.poll() is not None:
            raise StackFailed(f"the processes' supervisor has ended:\n{self.said()[-3000:]}")

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    async def ready(self) -> None:
        def told() -> bool:
            self.check()
            return "\nReady" in f"\n{self.said()}"

        if not await wait(told, START_SECONDS, every=0.2):
            raise StackFailed(f"not ready after {START_SECONDS:.0f} s:\n{self.said()[-3000:]}")

    def stop(self) -> None:
        """The supervisor stops all that it has started, in order."""
        if self.host is None or self.host.poll() is not None:
            return
        for child in self.host.children(recursive=True):
            with suppress(psutil.Error):
                child.send_signal(signal.SIGCONT)
        self.host.terminate()
        try:
            self.host.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            for process in [*self.host.children(recursive=True), self.host]:
                with suppress(psutil.Error):
                    process.kill()
            self.host.wait(10)

    def find(self, role: str) -> psutil.Process | None:
        """The process that has this part now; None while it is down."""
        self.check()
        assert self.host is not None
        for child in self.host.children():
            with suppress(psutil.Error):
                if child.status() != psutil.STATUS_ZOMBIE and self._role(child) == role:
                    return child
        return None

    def _role(self, process: psutil.Process) -> str:
        command = process.cmdline()
        for part, role in (("beat", "beat"), ("celery", "worker"), ("supportbot.inference.fake_server", "model")):
            if part in command:
                return role
        if "uvicorn" in command:
            return f"web-{1 + self.ports.index(int(command[command.index('--port') + 1]))}"
        return {"valkey-server": "valkey", "redis-server": "valkey"}.get(process.name(), process.name())

    def family(self, role: str) -> list[psutil.Process]:
        """The process and all that it has started; empty while it is down."""
        found = self.find(role)
        if found is None:
            return []
        with suppress(psutil.Error):
            return [found, *found.children(recursive=True)]
        return []

    def signal(self, role: str, number: int) -> bool:
        """To the whole family, the parent first; False if it is down."""
        family = self.family(role)
        for process in family:
            with suppress(psutil.Error):
                process.send_signal(number)
        return bool(family)

    async def engine_meets(self, script: str) -> None:
        """What the fake engine does to its next requests. One that is down forgets it: it starts anew with all well."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.run_dir / "model.sock"))
        with suppress(httpx.HTTPError):
            async with httpx.AsyncClient(transport=transport, timeout=5) as client:
                await client.put("http://model/script", content=script)

    async def engine_seen(self, what: str) -> int:
        """How many requests of this kind the fake engine has counted; 0 while it is down."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.run_dir / "model.sock"))
        with suppress(httpx.HTTPError):
            async with httpx.AsyncClient(transport=transport, timeout=5) as client:
                return int((await client.get("http://model/seen")).json().get(what, 0))
        return 0

    def logged(self) -> tuple[Counter[str], Counter[str]]:
        """How often each event of level warning or worse was logged, and each exception printed; by process."""
        events: Counter[str] = Counter()
        raised: Counter[str] = Counter()
        for log in sorted((self.data_dir / "logs").glob("*.log")):
            if log.stem in ("postgres", "valkey"):
                continue
            text = log.read_bytes()
            for level, quoted, plain in EVENT.findall(text):
                if level in (b"warning", b"error", b"critical"):
                    said = CHANGING.sub("#", (quoted or plain).decode(errors="replace"))
                    events[f"{log.stem}: {said[:80]}"] += 1
            raised.update(f"{log.stem}: {name.decode()}" for name in RAISED.findall(text))
        return events, raised

    def memory(self) -> dict[str, int]:
        """MB of each process that is ours."""
        found = {}
        for role in [f"web-{n}" for n in range(1, len(self.ports) + 1)] + ["worker", "valkey"]:
            with suppress(psutil.Error):
                found[role] = sum(process.memory_info().rss for process in self.family(role)) // 2**20
        return found


async def wait(true: Callable[[], object], seconds: float, every: float = 0.1) -> bool:
    """Look again until it holds; False if it never did."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(every)
    return True
