"""How good a ranking is, with the interval that chance alone would explain. Pure."""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

RESAMPLES = 1000
SEED = 20261122
DEPTH = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, the 95 % bootstrap interval of it, and how many questions it is of."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] n={self.n}"

    def as_json(self) -> dict[str, float | int]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def recall(ranked: Sequence[str], gold: Collection[str], depth: int) -> float:
    """The share of the gold articles that are among the first `depth`."""
    return len(set(ranked[:depth]) & set(gold)) / len(set(gold))


def hit(ranked: Sequence[str], gold: Collection[str]) -> float:
    return float(bool(ranked) and ranked[0] in gold)


def reciprocal_rank(ranked: Sequence[str], gold: Collection[str], depth: int = DEPTH) -> float:
    return next((1 / place for place, article in enumerate(ranked[:depth], 1) if article in gold), 0.0)


def ndcg(ranked: Sequence[str], gold: Collection[str], depth: int = DEPTH) -> float:
    """Normalised discounted cumulative gain, every gold article being worth the same."""
    gained = sum(1 / math.log2(place + 1) for place, article in enumerate(ranked[:depth], 1) if article in gold)
    return gained / sum(1 / math.log2(place + 1) for place in range(1, min(depth, len(set(gold))) + 1))


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The chance that an answerable question scores above an unanswerable one; ties count half."""
    ordered = sorted(negative)
    below = sum(bisect_left(ordered, score) + bisect_right(ordered, score) for score in positive)
    return below / (2 * len(positive) * len(negative))


RANKING: dict[str, Callable[[Sequence[str], Collection[str]], float]] = {
    "recall@1": lambda ranked, gold: recall(ranked, gold, 1),
    "recall@5": lambda ranked, gold: recall(ranked, gold, 5),
    "recall@10": lambda ranked, gold: recall(ranked, gold, 10),
    "hit@1": hit,
    "mrr@10": reciprocal_rank,
    "ndcg@10": ndcg,
}


def mean_with_interval(values: Sequence[float]) -> Estimate:
    """Resampled over questions, with a fixed seed: the same values give the same interval."""
    chance = random.Random(SEED)
    means = [fmean(chance.choices(values, k=len(values))) for _ in range(RESAMPLES)]
    return Estimate(fmean(values), *_middle(means), len(values))


def auroc_with_interval(positive: Sequence[float], negative: Sequence[float]) -> Estimate:
    """Answerable and unanswerable questions are resampled apart."""
    chance = random.Random(SEED)
    areas = [
        auroc(chance.choices(positive, k=len(positive)), chance.choices(negative, k=len(negative)))
        for _ in range(RESAMPLES)
    ]
    return Estimate(auroc(positive, negative), *_middle(areas), len(positive) + len(negative))


def _middle(resampled: list[float]) -> tuple[float, float]:
    ordered = sorted(resampled)
    tail = round(0.025 * len(ordered))
    return ordered[tail], ordered[-tail - 1]
