"""Texts to vectors, in small batches between the words of chats."""

import threading
from collections import deque
from collections.abc import Callable

from supportbot.inference.encoder import Encoder
from supportbot.inference.refusals import Busy

QUESTION_TEXTS = 2  # a request of so few texts is somebody waiting for an answer: it goes before bulk work
BATCH_TEXTS = 16
BATCH_TOKENS = 1024  # padded; about a tenth of a second of two cores, the longest a chat waits for bulk work
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

    def next_batch(self) -> list[int]:
        """Indices of the next texts, at most BATCH_TEXTS and BATCH_TOKENS (but always one)."""
        batch: list[int] = []
        while self.todo and len(batch) < BATCH_TEXTS:
            width = len(self.tokens[self.todo[0]])
            if batch and width * (len(batch) + 1) > BATCH_TOKENS:
                break
            batch.append(self.todo.popleft())
        return batch


class Embedder:
    """Belongs to one thread, which calls `step_*`; `submit` may be used from any."""

    def __init__(self) -> None:
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
        self._step(self._questions, self._questions[0])

    def step_bulk(self) -> None:
        """One small batch of the request that has the fewest texts left: an edit goes before a whole knowledge base."""
        with self._lock:
            shortest = min(self._bulk, key=lambda request: len(request.todo))
        self._step(self._bulk, shortest)

    def _step(self, line: deque[EmbeddingRequest], request: EmbeddingRequest) -> None:
        if not request.cancelled:
            batch = request.next_batch()
            vectors = request.encoder.vectors([request.tokens[index] for index in batch])
            for index, vector in zip(batch, vectors, strict=True):
                request.vectors[index] = vector
            self.embedded_texts += len(batch)
            if request.todo:
                return
            request.deliver(request.vectors)
        with self._lock:
            line.remove(request)
