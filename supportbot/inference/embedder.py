"""Texts to vectors: mean-pooled, normalised outputs of a sentence encoder, in small batches between words of chats."""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer
from transformers.modeling_outputs import BaseModelOutput

from supportbot.inference.refusals import Busy

MAX_TOKENS = 256  # what all-MiniLM-L6-v2 was trained for; the rest of a longer text is not read
QUESTION_TEXTS = 2  # a request of so few texts is somebody waiting for an answer: it goes before bulk work
BATCH_TEXTS = 16
BATCH_TOKENS = 1024  # padded; about a tenth of a second of two cores, the longest a chat waits for bulk work
MAX_WAITING_TEXTS = 4096


class EmbeddingRequest:
    """Some texts on their way to vectors. `deliver` is called once, on the computing thread, and must not block."""

    def __init__(self, tokens: list[list[int]], deliver: Callable[[list[list[float]]], None]) -> None:
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
    """Belongs to one thread, which calls `step_*`; `submit` and `tokenize` may be used from any."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder, dtype=dtype).eval()
        self.dimensions: int = self._model.config.hidden_size
        self._length = min(MAX_TOKENS, self._model.config.max_position_embeddings)
        self._questions: deque[EmbeddingRequest] = deque()
        self._bulk: deque[EmbeddingRequest] = deque()
        self._lock = threading.Lock()
        self.embedded_texts = 0

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Token ids, cut to what the encoder reads."""
        return self._tokenizer(texts, truncation=True, max_length=self._length)["input_ids"]

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
        self._step(self._questions)

    def step_bulk(self) -> None:
        """One small batch of the first bulk request."""
        self._step(self._bulk)

    def _step(self, line: deque[EmbeddingRequest]) -> None:
        request = line[0]
        if not request.cancelled:
            batch = request.next_batch()
            for index, vector in zip(batch, self._embed([request.tokens[index] for index in batch]), strict=True):
                request.vectors[index] = vector
            self.embedded_texts += len(batch)
            if request.todo:
                return
            request.deliver(request.vectors)
        with self._lock:
            line.popleft()

    @torch.inference_mode()
    def _embed(self, tokens: list[list[int]]) -> list[list[float]]:
        padded = self._tokenizer.pad({"input_ids": tokens}, return_tensors="pt")
        output: BaseModelOutput = self._model(**padded)
        return _mean_pooled(output.last_hidden_state.float(), padded["attention_mask"]).tolist()


def _mean_pooled(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean of each text's real tokens, at length 1: [texts, dimensions]."""
    weights = mask.unsqueeze(-1).float()
    means = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
    return torch.nn.functional.normalize(means, dim=-1)
