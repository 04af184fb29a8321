"""Continuous batching: admit, prefill, step, emit, retire. Requests join and leave between two steps.

Each merged model that is asked for has a lane: its weights, a cache and its running sequences. Lanes take turns.
"""

import threading
from collections import deque

from supportbot.inference.llama import Llama
from supportbot.inference.refusals import Busy
from supportbot.inference.sequence import Sequence

TURN = 8  # decode steps of one lane before another lane with work gets its turn
CHUNK = 256  # prompt tokens read at once when nobody else is writing
CHUNK_BESIDE_OTHERS = 128  # ... and when somebody is: about as long as three steps


class Lane:
    """The running sequences of one model; the one in list position i owns slot i of the cache."""

    def __init__(self, model: Llama, slots: int) -> None:
        self.model = model
        self.cache = model.new_cache(slots)
        self.running: list[Sequence] = []
        self.prefilling: Sequence | None = None  # owns the slot after the running ones

    @property
    def busy(self) -> bool:
        return bool(self.running) or self.prefilling is not None

    def admit(self, sequence: Sequence) -> None:
        """Give the sequence the next slot, with what the cache already knows of its prompt."""
        sequence.read = self.cache.reuse(len(self.running), sequence.prompt)
        self.prefilling = sequence

    def prefill(self, chunk: int) -> int:
        """Read a part of the prompt; after the last part the sequence writes its first word. Tokens read."""
        sequence = self.prefilling
        assert sequence is not None
        part = sequence.prompt[sequence.read : sequence.read + chunk]
        last = sequence.read + len(part) == len(sequence.prompt)
        logits = self.model.prefill(part, self.cache, len(self.running), last=last)
        sequence.read += len(part)
        if logits is not None:
            self.prefilling = None
            if not sequence.take(logits):
                self.running.append(sequence)
        return len(part)

    def step(self) -> int:
        """One more word for every running sequence, or several for one that is alone. Tokens written."""
        if len(self.running) == 1 and (guessed := self.running[0].guess()):
            return self._step_alone(guessed)
        logits = self.model.decode([sequence.output[-1] for sequence in self.running], self.cache)
        over = [sequence.take(row) for sequence, row in zip(self.running, logits, strict=True)]
        for slot in reversed(range(len(over))):
            if over[slot]:
                self._retire(slot)
        return len(over)

    def _step_alone(self, guessed: list[int]) -> int:
        """Check guessed words all at once, and keep those that the model writes itself, with the one that follows."""
        sequence, known = self.running[0], len(self.cache.tokens[0])
        logits = self.model.verify([sequence.output[-1], *guessed], self.cache, 0)
        written = 0
        for row, hoped in zip(logits, [*guessed, None], strict=True):
            over = sequence.take(row)
            written += 1
            if over or sequence.output[-1] != hoped:
                break
        del self.cache.tokens[0][known + written :]
        sequence.learn(written - 1)
        if over:
            self._retire(0)
        return written

    def drop_cancelled(self) -> None:
        """Let go of sequences whose client went away."""
        if self.prefilling is not None and self.prefilling.cancelled:
            self.prefilling.drop()
            self.prefilling = None
        for slot in reversed(range(len(self.running))):
            if self.running[slot].cancelled:
                self.running[slot].drop()
                self._retire(slot)

    def _retire(self, slot: int) -> None:
        """The last sequence moves into the gap; one that is being prefilled moves down behind it."""
        last = len(self.running) - 1
        if slot != last:
            self.cache.move(last, slot)
            self.running[slot] = self.running[last]
        self.running.pop()
        if self.prefilling is not None:
            self.cache.move(last + 1, last)


class Engine:
    """Belongs to one thread, which calls `step`; `submit` and the counters may be used from any."""

    def __init__(self, *, max_batch: int, max_waiting: int, max_lanes: int) -> None:
        self.max_batch = max_batch
        self.max_waiting = max_waiting
        self.max_lanes = max_lanes
        self._waiting: deque[Sequence] = deque()
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []  # the one whose turn it is comes first
        self._turn = 0
        self.prompt_tokens = 0
        self.reused_tokens = 0
        self.written_tokens = 0
        self.steps = 0

    def submit(self, sequence: Sequence) -> None:
        """Put a sequence in the waiting line; Busy when that is full. Wake the engine's thread afterwards."""
        if not sequence.prompt or len(sequence.prompt) + sequence.sampling.max_tokens > sequence.model.context:
            raise ValueError(f"Prompt and answer must have between 1 and {sequence.model.context} tokens together.")
        with self._lock:
            if len(self._waiting) >= self.max_waiting:
                raise Busy(f"{self.max_waiting} requests are waiting already.")
            self._waiting.append(sequence)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return sum(len(lane.running) + (lane.prefilling is not None) for lane in list(self._lanes))

    @property
    def busy(self) -> bool:
        return bool(self._waiting) or any(lane.busy for lane in list(self._lanes))

    def step(self) -> None:
        """At most one chunk of a prompt and one word for each running sequence of the lane whose turn it is."""
        self._drop_cancelled()
        self._admit()
        lane = self._next_lane()
        if lane is None:
            return
        self.steps += 1
        if lane.prefilling is not None:
            self.prompt_tokens += lane.prefill(CHUNK_BESIDE_OTHERS if lane.running else CHUNK)
        if lane.running:
            self.written_tokens += lane.step()

    def _drop_cancelled(self) -> None:
        with self._lock:
            gone = [sequence for sequence in self._waiting if sequence.cancelled]
            for sequence in gone:
                self._waiting.remove(sequence)
        for sequence in gone:
            sequence.drop()
        for lane in self._lanes:
            lane.drop_cancelled()

    def _admit(self) -> None:
        """The first in line whose lane is free to read a prompt. A lane reads one prompt at a time."""
        if self.running >= self.max_batch:
            return
        with self._lock:
            for sequence in self._waiting:
                lane = self._lane_for(sequence.model)
                if lane is None:
                    return  # nobody overtakes the first in line here, or a lane might never come free for it
                if lane.prefilling is None:
                    self._waiting.remove(sequence)
                    break
            else:
                return
        lane.admit(sequence)
        self.reused_tokens += sequence.read

    def _lane_for(self, model: Llama) -> Lane | None:
        """The model's lane, a new one if need be; None while every lane is at work for other models."""
        for lane in self._lanes:
            if lane.model is model:
                return lane
        if len(self._lanes) >= self.max_lanes:
            idle = next((lane for lane in reversed(self._lanes) if not lane.busy), None)
            if idle is None:
                return None
            self._lanes.remove(idle)
        lane = Lane(model, self.max_batch)
        self._lanes.append(lane)
        return lane

    def _next_lane(self) -> Lane | None:
        """The lane whose turn it is; after TURN steps, or when it has nothing to do, the next one's turn begins."""
        if not any(lane.busy for lane in self._lanes):
            return None
        self._turn += 1
        if self._turn > TURN or not self._lanes[0].busy:
            self._turn = 1
            self._lanes.append(self._lanes.pop(0))
            while not self._lanes[0].busy:
                self._lanes.append(self._lanes.pop(0))
        return self._lanes[0]
