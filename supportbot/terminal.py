"""What `manage.py up` says: one line a step, a verb at a fixed column and how long it took.

On a terminal the running step is a live line; elsewhere (a file, CI) only whole lines are written.
"""

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

VERB_COLUMNS = 12
TICK_SECONDS = 0.2
PLAIN_TICK_SECONDS = 10.0  # off a terminal, a step that takes this long says that it is still at it


class Step:
    """What a step says when it is done; it may change while the step runs."""

    def __init__(self, verb: str, text: str) -> None:
        self.verb, self.text = verb, text
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


class Terminal:
    def __init__(self, stream: TextIO | None = None, environ: dict[str, str] | None = None) -> None:
        self.stream = stream or sys.stdout
        environ = dict(os.environ) if environ is None else environ
        on_terminal = self.stream.isatty() and environ.get("TERM") != "dumb"
        self.live = on_terminal and not environ.get("CI")
        self.bold = on_terminal and not environ.get("NO_COLOR")
        self._lock = threading.Lock()
        self._drawn = 0

    def say(self, verb: str, text: str, seconds: float | None = None) -> None:
        """One line. An empty verb continues the line above."""
        took = "" if seconds is None else f"  {seconds:.1f}s"
        with self._lock:
            self._erase()
            self.stream.write(f"{self._verb(verb)}  {text}{took}\n")
            self.stream.flush()

    @contextmanager
    def step(self, verb: str, text: str) -> Iterator[Step]:
        """A live line while the block runs, its last line when it ends well."""
        step = Step(verb, text)
        ended = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(step, ended), daemon=True)
        ticker.start()
        try:
            yield step
        except BaseException:
            ended.set()
            ticker.join()
            with self._lock:
                self._erase()
            raise
        ended.set()
        ticker.join()
        self.say(verb, step.text, step.seconds)

    def fail(self, text: str, fix: str = "") -> None:
        """What is wrong and what to do, on stderr."""
        with self._lock:
            self._erase()
            self.stream.flush()
        lines = f"error: {text}\n" + (f"  fix: {fix}\n" if fix else "")
        sys.stderr.write(lines)
        sys.stderr.flush()

    def _tick(self, step: Step, ended: threading.Event) -> None:
        self._draw(step)
        while not ended.wait(TICK_SECONDS if self.live else PLAIN_TICK_SECONDS):
            if self.live:
                self._draw(step)
            else:
                self.say(step.verb, f"{step.text} … {step.seconds:.0f}s")

    def _draw(self, step: Step) -> None:
        if not self.live:
            return
        with self._lock:
            self._erase()
            line = f"{step.verb:>{VERB_COLUMNS}}  {step.text} … {step.seconds:.0f}s"
            line = line[: shutil.get_terminal_size().columns - 1]  # a wrapped line could not be erased
            self.stream.write(self._verb(step.verb) + line[VERB_COLUMNS:])
            self.stream.flush()
            self._drawn = len(line)

    def _erase(self) -> None:
        if self._drawn:
            self.stream.write("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def _verb(self, verb: str) -> str:
        column = f"{verb:>{VERB_COLUMNS}}"
        return f"\x1b[1m{column}\x1b[0m" if self.bold and verb else column
