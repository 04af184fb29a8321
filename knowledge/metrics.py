"""How good a ranking is, with the interval that chance alone would explain. Pure."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass

import numpy as np

RESAMPLES = 1000
BLOCK = 100  # resamples drawn at once: bounds the memory of a large set
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

    @property
    def signed(self) -> str:
        """As a difference is written: better is +."""
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}] n={self.n}"

    @property
    def is_below_zero(self) -> bool:
        """Of a difference: wholly below, so not by chance alone."""
        return self.high < 0

    @property
    def is_above_zero(self) -> bool:
        return self.low > 0

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
    return _area(np.asarray(positive, float), np.asarray(negative, float))


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
    given = np.asarray(values, float)
    chance = np.random.default_rng(SEED)
    means = [given[chance.integers(0, len(given), (BLOCK, len(given)))].mean(axis=1) for _ in range(RESAMPLES // BLOCK)]
    return Estimate(float(given.mean()), *_middle(np.concatenate(means)), len(given))


def auroc_with_interval(positive: Sequence[float], negative: Sequence[float]) -> Estimate:
    """Answerable and unanswerable questions are resampled apart."""
    yes, no = np.asarray(positive, float), np.asarray(negative, float)
    chance = np.random.default_rng(SEED)
    areas = [
        _area(yes[chance.integers(0, len(yes), len(yes))], no[chance.integers(0, len(no), len(no))])
        for _ in range(RESAMPLES)
    ]
    return Estimate(_area(yes, no), *_middle(np.array(areas)), len(yes) + len(no))


def _area(positive: np.ndarray, negative: np.ndarray) -> float:
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.sum()) / (2 * len(positive) * len(negative))


def _middle(resampled: np.ndarray) -> tuple[float, float]:
    ordered = np.sort(resampled)
    tail = round(0.025 * len(ordered))
    return float(ordered[tail]), float(ordered[-tail - 1])
