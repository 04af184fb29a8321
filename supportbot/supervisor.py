"""Keeps the processes of one machine running: starts them, restarts what dies or hangs, stops them in order.

Everything happens in the main thread: a child is told of the end of the thread that started it, and ends with it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from supportbot.embedded import EmbeddedError, EmbeddedServices
from supportbot.log_file import bound_log
from supportbot.server_binaries import die_with_parent

TICK_SECONDS = 0.25
HEALTH_SECONDS = 5.0  # between two looks at a child that answered
HANG_SECONDS = 60.0  # a child that has answered before and is silent for this long is started again
BIRTH_SECONDS = 600.0  # a child that has not answered yet is given this long
STEADY_SECONDS = 60.0  # a child that ran this long is restarted at once, not later and later
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0


@dataclass(slots=True)
class Child:
    """A process to keep running. `answers` is asked now and then and must return within two seconds."""

    name: str
    command: list[str]
    answers: Callable[[], bool]
    stop_seconds: float
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    delay: float = FIRST_DELAY
    due: float | None = None  # when it is started again
    asked: float = 0.0
    answered: float | None = None  # when it last answered since it was started
    deaths: int = 0
    silent: bool = False


def how_it_ended(code: int) -> str:
    return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with code {code}"


class Supervisor:
    """`say(verb, text)` shows a line to whoever watches the terminal."""

    def __init__(
        self,
        *,
        logs: Path,
        folder: Path,
        environment: Mapping[str, str],
        services: EmbeddedServices,
        say: Callable[[str, str], None],
    ) -> None:
        self.logs, self.folder, self.environment = logs, folder, dict(environment)
        self.services, self.say = services, say
        self.children: list[Child] = []
        self._service_due: dict[str, float] = {}

    def log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def start(self, child: Child) -> None:
        if child not in self.children:
            self.children.append(child)
        bound_log(self.log_of(child.name))
        with self.log_of(child.name).open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a terminal's Ctrl-C is for us, who stop things in order
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        child.started, child.due, child.answered, child.silent = time.monotonic(), None, None, False

    def look(self) -> None:
        """One round: restart what ended, ask who has not been asked for a while, keep the logs short."""
        self._look_at_services()
        for child in self.children:
            if child.due is not None:
                if time.monotonic() >= child.due:
                    self.start(child)
            elif child.process is not None and (code := child.process.poll()) is not None:
                self._plan_restart(child, how_it_ended(code))
            else:
                self._ask(child)
        for log in self.logs.glob("*.log"):
            bound_log(log)

    def watch(self, pause: Callable[[float], None]) -> NoReturn:
        """Until `pause` raises."""
        while True:
            self.look()
            pause(TICK_SECONDS)

    def stop(self) -> None:
        """The last started first. The data servers are stopped by their owner, after this."""
        for child in reversed(self.children):
            if child.process is None:
                continue
            if child.process.poll() is None:
                child.process.terminate()
            try:
                child.process.wait(child.stop_seconds)
            except subprocess.TimeoutExpired:
                self.say("Stopping", f"{child.name} did not end within {child.stop_seconds:.0f} s and is killed")
            _kill_group(child.process)
            child.process = None

    def _plan_restart(self, child: Child, how: str) -> None:
        assert child.process is not None
        _kill_group(child.process)
        now = time.monotonic()
        child.deaths += 1
        if now - child.started > STEADY_SECONDS:
            child.delay = FIRST_DELAY
        child.due = now + child.delay
        self.say("Restarting", f"{child.name} {how}; again in {child.delay:.1f} s · see {self.log_of(child.name)}")
        child.delay = min(2 * child.delay, LONGEST_DELAY)

    def _ask(self, child: Child) -> None:
        """Say when a child falls silent and when it answers again; one that stays silent is started again."""
        now = time.monotonic()
        if now - child.asked < (HEALTH_SECONDS if child.answered else TICK_SECONDS):
            return
        child.asked = now
        if child.answers():
            if child.silent or (child.deaths and child.answered is None):
                self.say("Running", f"{child.name} answers again")
            child.answered, child.silent = time.monotonic(), False
        elif child.answered is not None:
            if not child.silent and now - child.answered > 2 * HEALTH_SECONDS:
                child.silent = True
                self.say("Watching", f"{child.name} does not answer")
            if now - child.answered > HANG_SECONDS:
                self._plan_restart(child, f"has not answered for {HANG_SECONDS:.0f} s")
        elif now - child.started > BIRTH_SECONDS:
            self._plan_restart(child, f"has not answered for {BIRTH_SECONDS:.0f} s")

    def _look_at_services(self) -> None:
        for server in self.services.servers:
            if not server.fallen() or time.monotonic() < self._service_due.get(server.name, 0.0):
                continue
            assert server.process is not None
            self.say("Restarting", f"{server.name} {how_it_ended(server.process.returncode)} · see {server.log}")
            try:
                self.services.revive(server)
            except EmbeddedError as error:
                self._service_due[server.name] = time.monotonic() + LONGEST_DELAY
                reason = str(error).splitlines()[0]
                self.say("Restarting", f"{server.name} did not come back: {reason}; again in {LONGEST_DELAY:.0f} s")
            else:
                self.say("Running", f"{server.name} answers again")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Also what the process has started: the children of a killed worker would wait for it for ever."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
