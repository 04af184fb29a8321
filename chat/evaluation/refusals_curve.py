"""Right refusals against wrong ones over a threshold; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from knowledge.metrics import SEED, Estimate, auroc_with_interval

RESAMPLES = 1000
REFUSED = -1.0  # the score of what is refused whatever the threshold


@dataclass(frozen=True, slots=True)
class Case:
    """One question as it was answered. `search` and `model` are probabilities that it has an answer."""

    answerable: bool
    refused: bool
    right: bool
    search: float | None = None
    model: float | None = None
    title: str = ""
    article: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """A score for each question, in their order: what is below a threshold is refused."""

    name: str
    scores: Sequence[float] = field(repr=False)
    tone: str = "fair"


@dataclass(frozen=True, slots=True)
class Operating:
    """A threshold and what follows from it; `right` is of the answerable questions, as they were answered."""

    threshold: float
    wrongly: float
    rightly: Estimate
    right: float


def auroc(cases: Sequence[Case], way: Way) -> Estimate:
    yes, no = _parted(cases, way)
    return auroc_with_interval(yes.tolist(), no.tolist())


def at_most(cases: Sequence[Case], way: Way, wrongly: float) -> Operating | None:
    """The strictest threshold that refuses no more of the answerable questions; None where there is none.

    The interval chooses the threshold anew in each resample of both kinds of questions.
    """
    yes, no = _parted(cases, way)
    threshold = _threshold(yes, wrongly)
    if threshold <= REFUSED and (yes == REFUSED).any():
        return None
    chance = np.random.default_rng(SEED)
    drawn = sorted(
        _refused(
            no[chance.integers(0, len(no), len(no))], _threshold(yes[chance.integers(0, len(yes), len(yes))], wrongly)
        )
        for _ in range(RESAMPLES)
    )
    tail = round(0.025 * RESAMPLES)
    rightly = Estimate(_refused(no, threshold), drawn[tail], drawn[-tail - 1], len(no))
    pairs = zip(cases, way.scores, strict=True)
    right = sum(one.right and score >= threshold for one, score in pairs) / len(yes)
    return Operating(threshold, _refused(yes, threshold), rightly, right)


def curve(cases: Sequence[Case], way: Way, points: int = 60) -> list[tuple[float, float]]:
    """(wrongly refused, rightly refused), from the mildest threshold to the strictest."""
    yes, no = _parted(cases, way)
    thresholds = np.unique(np.quantile(yes, np.linspace(0, 1, points)))
    found = [(_refused(yes, one), _refused(no, one)) for one in thresholds if one > REFUSED]
    return [*found, (1.0, 1.0)]


def _parted(cases: Sequence[Case], way: Way) -> tuple[np.ndarray, np.ndarray]:
    scores = np.asarray(way.scores, float)
    answerable = np.array([one.answerable for one in cases], bool)
    return scores[answerable], scores[~answerable]


def _threshold(yes: np.ndarray, wrongly: float) -> float:
    """The highest score of an answerable question with no more than that share below it."""
    ordered = np.sort(yes)
    return float(ordered[min(int(wrongly * len(ordered) + 1e-9), len(ordered) - 1)])


def _refused(scores: np.ndarray, threshold: float) -> float:
    return float((scores < threshold).mean())
