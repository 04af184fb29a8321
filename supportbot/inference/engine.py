"""Continuous batching: admit, prefill, step, emit, retire. Requests join and leave between two steps.

One batch for all: the base model reads its weights once for every running answer, and each answer has the adapter it
asked for beside them.
"""

import threading
from collections import deque

from supportbot.inference.cache import Kept
from supportbot.inference.llama import Llama, Part
from supportbot.inference.refusals import Busy
from supportbot.inference.sequence import Sequence

CHUNK = 256  # prompt tokens read at once when nobody else is writing
CHUNK_BESIDE_OTHERS = 128  # ... and when somebody is, who waits for that long


class Engine:
    """Belongs to one thread, which calls `step`; `submit` and the counters may be used from any."""

    def __init__(self, model: Llama, *, max_batch: int, max_waiting: int) -> None:
        """`model` is the base; sequences are of it, or of it with an adapter."""
        self.model = model
        self.max_batch = max_batch
        self.max_waiting = max_waiting
        self._waiting: deque[Sequence] = deque()
        self._lock = threading.Lock()
        self._running: list[Sequence] = []
        self._prefilling: Sequence | None = None  # one prompt is read at a time
        self._kept = Kept()
        self.prompt_tokens = 0
        self.reused_tokens = 0
        self.written_tokens = 0
        self.guessed_tokens = 0
        self.steps = 0

    def submit(self, sequence: Sequence) -> None:
        """Put a sequence in the waiting line; Busy when that is full. Wake the engine's thread afterwards."""
        if not sequence.prompt or len(sequence.prompt) + sequence.sampling.max_tokens > self.model.context:
            raise ValueError(f"Prompt and answer must have between 1 and {self.model.context} tokens together.")
        with self._lock:
            if len(self._waiting) >= self.max_waiting:
                raise Busy(f"{self.max_waiting} requests are waiting already.")
            self._waiting.append(sequence)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running) + (self._prefilling is not None)

    @property
    def busy(self) -> bool:
        return bool(self._waiting) or self.running > 0

    @property
    def kept_tokens(self) -> int:
        """Tokens of answers that ended, whose states are kept for prompts that begin alike."""
        return self._kept.tokens

    def step(self) -> None:
        """At most one chunk of a prompt, and one word for each running sequence, or several where guesses are right."""
        self._drop_cancelled()
        self._admit()
        if not self.running:
            return
        self.steps += 1
        if self._prefilling is not None:
            self._prefill(self._prefilling, CHUNK_BESIDE_OTHERS if self._running else CHUNK)
        if self._running:
            self._write()

    def _drop_cancelled(self) -> None:
        """Let go of sequences whose client went away."""
        with self._lock:
            gone = [sequence for sequence in self._waiting if sequence.cancelled]
            for sequence in gone:
                self._waiting.remove(sequence)
        if self._prefilling is not None and self._prefilling.cancelled:
            gone.append(self._prefilling)
            self._kept.keep(self._prefilling.states)
            self._prefilling = None
        for sequence in [sequence for sequence in self._running if sequence.cancelled]:
            gone.append(sequence)
            self._retire(sequence)
        for sequence in gone:
            sequence.drop()

    def _admit(self) -> None:
        """The first in line begins when no other prompt is being read: nobody overtakes."""
        if self._prefilling is not None or self.running >= self.max_batch:
            return
        with self._lock:
            if not self._waiting:
                return
            sequence = self._waiting.popleft()
            self._prefilling = sequence
        sequence.states = sequence.model.new_states(len(sequence.prompt) + sequence.sampling.max_tokens)
        running = [other.states for other in self._running]
        self.reused_tokens += self._kept.begin(sequence.states, sequence.prompt, running)

    def _prefill(self, sequence: Sequence, chunk: int) -> None:
        """Read a part of the prompt; after the last part the sequence writes its first word."""
        read = len(sequence.states.tokens)
        tokens = sequence.prompt[read : read + chunk]
        last = read + len(tokens) == len(sequence.prompt)
        part = Part(tokens, sequence.states, sequence.model.adapter)
        few = last and len(tokens) <= self.model.spare_rows  # what is left after a beginning that was known
        logits = self.model.decode([part])[-1:] if few else self.model.prefill(part, last=last)
        self.prompt_tokens += len(tokens)
        if logits is None:
            return
        self._prefilling = None
        self._running.append(sequence)
        _, over = sequence.take(logits, logits.argmax(-1).tolist(), [])
        if over:
            self._retire(sequence)

    def _write(self) -> None:
        """One step for all that run. Room that the batch leaves is used to check guesses."""
        each = max(0, self.model.spare_rows - len(self._running)) // len(self._running)
        parts = [
            Part([sequence.output[-1], *sequence.guess(each)], sequence.states, sequence.model.adapter)
            for sequence in self._running
        ]
        logits = self.model.decode(parts)
        likeliest = logits.argmax(-1).tolist()
        row = 0
        for sequence, part in zip(list(self._running), parts, strict=True):
            end = row + len(part.tokens)
            written, over = sequence.take(logits[row:end], likeliest[row:end], part.tokens[1:])
            row = end
            wrong = len(part.tokens) - written
            del sequence.states.tokens[len(sequence.states.tokens) - wrong :]
            self.written_tokens += written
            self.guessed_tokens += written - 1
            if over:
                self._retire(sequence)

    def _retire(self, sequence: Sequence) -> None:
        self._running.remove(sequence)
        self._kept.keep(sequence.states)
