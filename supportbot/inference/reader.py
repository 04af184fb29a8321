"""How well a text speaks of each word of a question: late interaction over the token vectors of the sentence encoder.

Each piece of the question looks for its nearest piece in two neighbouring sentences of the text; the sentences in which
the question's telling pieces are nearest on the whole are what is read. Nothing is trained: rare pieces count for more,
and the vocabulary knows which are rare. What it gains is in docs/experiments.md.
"""

import math
import re
import threading
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from supportbot.inference.encoder import Encoder, Pieces
from supportbot.inference.refusals import Busy

BATCH_TOKENS = 1024  # padded, as for vectors: the longest that a chat waits for one step
MAX_WAITING = 64
CACHED_TOKENS = 30_000  # about 45 MB: the passages that people ask for are the same few
MOST_SENTENCES = 512  # of a text; the encoder reads no more pieces, and what follows counts as one
COMMON_PIECES = 100  # "the" to "where": they say nothing of the matter
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
CLOSED = (".", "!", "?", ":", ";", ",")  # a line that ends so is no title


@dataclass(frozen=True, slots=True)
class Reading:
    """Cosines of the question's pieces to the sentences that were read. Shallow vectors know words, deep ones meaning.

    `least` is of the telling piece that is furthest from anything said there.
    """

    relevance: float  # the weighted mean over the question, deep
    shallow: float
    least: float
    least_shallow: float
    sentences: tuple["SentenceReading", ...] = ()


class SentenceReading(NamedTuple):
    """How near one sentence is to the question by itself, and together with the title and heading above it."""

    start: int  # where in the text it begins
    alone: float
    headed: float


class Cut(NamedTuple):
    """A text's sentences: where each begins, how many are of its title lines, and which one each piece is of."""

    starts: list[int]
    head: int
    numbers: Tensor


class ReadingRequest:
    """A question and texts on their way to readings. `deliver` is called once, on the computing thread."""

    def __init__(
        self,
        encoder: Encoder,
        query: Pieces,
        texts: Sequence[tuple[str, Pieces]],
        deliver: Callable[[list[Reading]], None],
    ) -> None:
        self.encoder = encoder
        self.deliver = deliver
        self.cancelled = False
        self.pieces = [query, *(pieces for _, pieces in texts)]
        self.sentences = [cut_sentences(text, pieces.starts) for text, pieces in texts]
        self.vectors: dict[int, Tensor] = {}  # by place in `pieces`

    def readings(self) -> list[Reading]:
        """When all vectors are there."""
        weights = piece_weights(self.encoder.ranks(self.pieces[0].own_ids))
        query = self.vectors[0].float()
        return [
            read(query, weights, self.vectors[place].float(), sentences)
            for place, sentences in enumerate(self.sentences, 1)
        ]


class Reader:
    """Belongs to one thread, which calls `step`; `submit` may be used from any."""

    def __init__(self) -> None:
        self._waiting: deque[ReadingRequest] = deque()
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()
        self._cached_tokens = 0
        self.read_texts = 0

    def submit(self, request: ReadingRequest) -> None:
        """Put a request in the line; Busy when too many wait. Wake the computing thread afterwards."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                raise Busy(f"{MAX_WAITING} questions are waiting to be read already.")
            self._waiting.append(request)

    @property
    def has_work(self) -> bool:
        return bool(self._waiting)

    def step(self) -> None:
        """Encode a batch of the first request's texts; the last batch answers it."""
        request = self._waiting[0]
        if not request.cancelled:
            if not request.vectors:
                request.vectors[0] = request.encoder.piece_vectors(request.pieces[:1])[0]
            if unknown := self._unknown(request):
                self._encode(request, unknown)
            if len(request.vectors) < len(request.pieces):
                return
            self.read_texts += len(request.sentences)
            request.deliver(request.readings())
        with self._lock:
            self._waiting.popleft()

    def _unknown(self, request: ReadingRequest) -> list[int]:
        """Places of the next texts that were not read lately: at most BATCH_TOKENS, but always one."""
        places: list[int] = []
        width = 0
        for place, pieces in enumerate(request.pieces):
            if place in request.vectors:
                continue
            key = (id(request.encoder), *pieces.ids)
            if (known := self._cache.get(key)) is not None:
                self._cache.move_to_end(key)
                request.vectors[place] = known
                continue
            width = max(width, len(pieces.ids))
            if places and width * (len(places) + 1) > BATCH_TOKENS:
                break
            places.append(place)
        return places

    def _encode(self, request: ReadingRequest, places: list[int]) -> None:
        made = request.encoder.piece_vectors([request.pieces[place] for place in places])
        for place, vectors in zip(places, made, strict=True):
            request.vectors[place] = vectors
            key = (id(request.encoder), *request.pieces[place].ids)
            if key not in self._cache:
                self._cache[key] = vectors
                self._cached_tokens += len(key)
        while self._cached_tokens > CACHED_TOKENS:
            key, _ = self._cache.popitem(last=False)
            self._cached_tokens -= len(key)


def cut_sentences(text: str, starts: Sequence[int]) -> Cut:
    """`starts` are those of the text's pieces."""
    ends = [match.end() for match in islice(SENTENCE.finditer(text), MOST_SENTENCES - 1)]
    lines = text.split("\n", 2)
    titles = lines[: 1 if len(lines) < 3 or lines[1].rstrip().endswith(CLOSED) else 2] if len(lines) > 1 else []
    head = bisect_right(ends, sum(len(line) + 1 for line in titles))
    numbers = [bisect_right(ends, start) for start in starts]
    return Cut([0, *ends], head, torch.tensor(numbers, dtype=torch.long))


def piece_weights(ranks: Sequence[int]) -> Tensor:
    """What each piece of a question tells; the sum is 1. By Zipf's law rarity is the logarithm of the rank.

    Common words and marks tell nothing, unless the question has nothing else.
    """
    weights = torch.tensor([math.log(rank + 1) ** 2 if rank > COMMON_PIECES else 0.0 for rank in ranks])
    return weights / weights.sum() if weights.any() else torch.full((len(ranks),), 1 / max(1, len(ranks)))


def read(query: Tensor, weights: Tensor, text: Tensor, cut: Cut) -> Reading:
    """`query` and `text` are vectors of length 1 a piece, shallow and deep: [2, pieces, dimensions]."""
    if not query.shape[1] or not text.shape[1]:
        return Reading(0.0, 0.0, 0.0, 0.0)
    near = query @ text.transpose(1, 2)  # [2, question, text]
    best = torch.full((2, near.shape[1], int(cut.numbers[-1]) + 1), -1.0)
    best = best.scatter_reduce(2, cut.numbers.expand_as(near), near, "amax")
    pairs = torch.maximum(best[..., :-1], best[..., 1:]) if best.shape[2] > 1 else best
    means = (pairs * weights[:, None]).sum(1)  # [2, sentences]
    window = int(means[1].argmax())
    least = pairs[:, weights > 0, window].amin(1)
    relevance, shallow = means[1, window].item(), means[0, window].item()
    sentences = tuple(_by_sentence(best[1], weights, cut))
    return Reading(relevance, shallow, least[1].item(), least[0].item(), sentences)


def _by_sentence(best: Tensor, weights: Tensor, cut: Cut) -> Iterator[SentenceReading]:
    """`best` is how near each piece of the question is to each sentence: [question, sentences]."""
    head = best[:, : cut.head].amax(1, keepdim=True) if cut.head else best.new_full((len(best), 1), -1.0)
    alone, headed = ((near * weights[:, None]).sum(0).tolist() for near in (best, torch.maximum(best, head)))
    for start, one, both in zip(cut.starts, alone, headed, strict=False):
        if one > -1:  # a sentence behind the last one that the encoder reads has no pieces
            yield SentenceReading(start, one, both)
