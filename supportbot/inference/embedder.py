"""Texts to vectors, in small batches between the words of chats."""

import threading
import time
from collections import deque
from collections.abc import Callable

from supportbot.inference.encoder import Encoder
from supportbot.inference.refusals import Busy

QUESTION_TEXTS = 2  # a request of so few texts is somebody waiting for an answer: it goes before bulk work
BATCH_TEXTS = 16
BATCH_TOKENS = 1024  # padded; larger batches are no faster
SLICE_SECONDS = 0.08  # the longest that a chat waits for bulk work
FIRST_TOKENS = 256  # of the first batch, before it is known how many fit into a slice
MAX_WAITING_TEXTS = 4096


class EmbeddingRequest:
    """Some texts on their way to vectors. `deliver` is called once, on the computing thread, and must not block."""

    def __init__(self, encoder: Encoder, tokens: list[list[int]], deliver: Callable[[list[list[float]]], None]) -> None:
        self.encoder = encoder
        self.tokens = tokens
        self.deliver = deliver
        self.cancelled = False
        self.vectors: list[list[float]] = [[] for _ in tokens]
        self.todo = deque(sorted(range(len(tokens)), key=lambda index: len(tokens[index])))  # alike lengths together

    def next_batch(self, most_tokens: float = BATCH_TOKENS) -> list[int]:
        """Indices of the next texts, at most BATCH_TEXTS and so many padded tokens (but always one)."""
        batch: list[int] = []
        while self.todo and len(batch) < BATCH_TEXTS:
            width = len(self.tokens[self.todo[0]])
            if batch and width * (len(batch) + 1) > most_tokens:
                break
            batch.append(self.todo.popleft())
        return batch


class Embedder:
    """Belongs to one thread, which calls `step_*`; `submit` may be used from any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slice_tokens = float(FIRST_TOKENS)
        self._questions: deque[EmbeddingRequest] = deque()
        self._bulk: deque[EmbeddingRequest] = deque()
        self._lock = threading.Lock()
        self.embedded_texts = 0

    def submit(self, request: EmbeddingRequest) -> None:
        """Put a request in its line; Busy when too many texts wait. Wake the computing thread afterwards."""
        with self._lock:
            if self.waiting + len(request.tokens) > MAX_WAITING_TEXTS:
                raise Busy(f"{MAX_WAITING_TEXTS} texts are waiting already.")
            (self._questions if len(request.tokens) <= QUESTION_TEXTS else self._bulk).append(request)

    @property
    def waiting(self) -> int:
        """Texts that are not embedded yet."""
        return sum(len(request.todo) for request in [*self._questions, *self._bulk])

    @property
    def has_questions(self) -> bool:
        return bool(self._questions)

    @property
    def has_bulk(self) -> bool:
        return bool(self._bulk)

    def step_questions(self) -> None:
        """Embed the texts of the first waiting question."""
        request = self._questions[0]
        self._embed(request, request.next_batch())
        self._leave(self._questions, request)

    def step_bulk(self) -> None:
        """One slice of the request that has the fewest texts left: an edit goes before a whole knowledge base."""
        with self._lock:
            request = min(self._bulk, key=lambda request: len(request.todo))
        started = self._clock()
        batch = request.next_batch(self._slice_tokens)
        self._embed(request, batch)
        self._learn(sum(len(request.tokens[index]) for index in batch), self._clock() - started)
        self._leave(self._bulk, request)

    def _embed(self, request: EmbeddingRequest, batch: list[int]) -> None:
        if request.cancelled:
            return
        vectors = request.encoder.vectors([request.tokens[index] for index in batch])
        for index, vector in zip(batch, vectors, strict=True):
            request.vectors[index] = vector
        self.embedded_texts += len(batch)

    def _learn(self, tokens: int, seconds: float) -> None:
        """How many tokens the next slice may have; by several slices, since one may have been disturbed."""
        if seconds > 0:
            fitting = tokens / seconds * SLICE_SECONDS
            self._slice_tokens = min(BATCH_TOKENS, 0.7 * self._slice_tokens + 0.3 * fitting)

    def _leave(self, line: deque[EmbeddingRequest], request: EmbeddingRequest) -> None:
        """Deliver and forget a request that is through, or that nobody wants any more."""
        if request.todo and not request.cancelled:
            return
        if not request.cancelled:
            request.deliver(request.vectors)
        with self._lock:
            line.remove(request)
