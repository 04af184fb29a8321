"""The one thread that computes. Two threads with their own pools on the same cores would spin against each other,
so chats and embeddings take turns here, between two steps of the engine.

A question's embedding goes first: somebody waits for it, and it takes milliseconds. Then passages are read for a
question, for the same reason. When many ask at once, answers go on in between. Bulk embedding gets the time that chats
leave, in short slices, and beside chats a quarter of it.
"""

import threading
import time
from collections.abc import Callable

from supportbot.inference.embedder import Embedder, EmbeddingRequest
from supportbot.inference.engine import Engine
from supportbot.inference.reader import Reader, ReadingRequest
from supportbot.inference.sequence import Sequence

CHAT_SHARE = 3.0  # seconds that chats compute for each second of bulk embedding, while both have work
AHEAD_SECONDS = 0.25  # the most that questions compute in a row while answers are being written
STUCK_SECONDS = 20.0  # a step takes well under a second; so long without one means that something hangs


class Scheduler(threading.Thread):
    """Runs the engine and the embedder until `stop`. If a step raises, the thread ends and `alive` is False."""

    def __init__(
        self, engine: Engine, embedder: Embedder, reader: Reader, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(name="inference", daemon=True)
        self.engine = engine
        self.embedder = embedder
        self.reader = reader
        self._wake = threading.Condition()
        self._stopping = False
        self._owed_to_chats = 0.0
        self._ahead = 0.0  # seconds of questions since the last step of chats
        self._clock = clock
        self._last_progress = clock()

    def chat(self, sequence: Sequence) -> None:
        """Queue an answer; Busy when the line is full."""
        self.engine.submit(sequence)
        self._notify()

    def embed(self, request: EmbeddingRequest) -> None:
        """Queue texts; Busy when too many wait."""
        self.embedder.submit(request)
        self._notify()

    def read(self, request: ReadingRequest) -> None:
        """Queue a question and its passages; Busy when too many wait."""
        self.reader.submit(request)
        self._notify()

    def stop(self) -> None:
        """End after the current step."""
        self._stopping = True
        self._notify()

    @property
    def stuck_seconds(self) -> float:
        """How long work has been waiting without any step, if longer than is normal; else 0."""
        if not self._has_work():
            return 0.0
        idle = self._clock() - self._last_progress
        return idle if idle > STUCK_SECONDS else 0.0

    def run(self) -> None:
        while True:
            with self._wake:
                while not self._stopping and not self._has_work():
                    self._wake.wait()
                    self._last_progress = self._clock()
            if self._stopping:
                return
            self.turn()
            self._last_progress = self._clock()

    def turn(self) -> None:
        """One step of whoever comes next. Only for the computing thread."""
        started = self._clock()
        asked = self.embedder.has_questions or self.reader.has_work
        if asked and (self._ahead < AHEAD_SECONDS or not self.engine.busy):
            if self.embedder.has_questions:
                self.embedder.step_questions()
            else:
                self.reader.step()
            self._ahead += self._clock() - started
        elif self.embedder.has_bulk and (self._owed_to_chats <= 0 or not self.engine.busy):
            self.embedder.step_bulk()
            self._owed_to_chats = CHAT_SHARE * (self._clock() - started)
        else:
            self.engine.step()
            self._ahead = 0.0
            self._owed_to_chats -= self._clock() - started

    def _has_work(self) -> bool:
        waiting = self.embedder.has_questions or self.embedder.has_bulk or self.reader.has_work
        return self.engine.busy or waiting

    def _notify(self) -> None:
        with self._wake:
            self._wake.notify()
