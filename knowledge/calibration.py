"""Fitting and judging a probability: logistic regression, left-out fits, reliability. Pure; numpy alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PENALTY = 3.0  # on the squared weights of standardised features, against a total weight of SET_WEIGHT a set
SET_WEIGHT = 300.0
STEPS = 50
BINS = 10
LEAST_GROUPS = 4


@dataclass(frozen=True, slots=True)
class Labelled:
    """Questions of one set: features a row, whether each is answerable, and the group that is never divided."""

    features: np.ndarray
    answerable: np.ndarray
    groups: np.ndarray

    def only(self, kept: np.ndarray) -> "Labelled":
        return Labelled(self.features[kept], self.answerable[kept], self.groups[kept])


@dataclass(frozen=True, slots=True)
class Fit:
    intercept: float
    weights: np.ndarray

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-(self.intercept + features @ self.weights)))


def fit(sets: Sequence[Labelled]) -> Fit:
    """Weights from what tells answerable from unanswerable inside each set, the intercept from how common each is.

    For the weights both kinds weigh the same in each set, else a feature would stand for the set it is common in. For
    the intercept each set weighs the same, and each of its questions does: the probability is one of such a mixture.
    """
    features = np.concatenate([one.features for one in sets])
    wanted = np.concatenate([one.answerable for one in sets]).astype(float)
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    columns = (features - mean) / spread
    balanced = np.concatenate([_balanced(one.answerable) for one in sets])
    slopes = _newton(np.column_stack([np.ones(len(columns)), columns]), wanted, balanced, np.zeros(len(columns)))[1:]
    natural = np.concatenate([np.full(len(one.answerable), SET_WEIGHT / len(one.answerable)) for one in sets])
    (intercept,) = _newton(np.ones((len(columns), 1)), wanted, natural, columns @ slopes)
    weights = slopes / spread
    return Fit(float(intercept - weights @ mean), weights)


def _balanced(answerable: np.ndarray) -> np.ndarray:
    yes = answerable.sum()
    return SET_WEIGHT / 2 / np.where(answerable, max(yes, 1), max(len(answerable) - yes, 1))


def _newton(columns: np.ndarray, wanted: np.ndarray, weight: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Logistic regression with fixed offsets; the first column, the intercept, is not held towards 0."""
    penalty = np.diag([0.0, *[PENALTY] * (columns.shape[1] - 1)])
    found = np.zeros(columns.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-(offset + columns @ found)))
        slope = columns.T @ (weight * (chance - wanted)) + penalty @ found
        curve = (columns * (weight * chance * (1 - chance))[:, None]).T @ columns + penalty
        step = np.linalg.solve(curve, slope)
        found -= step
        if np.abs(step).max() < 1e-9:
            break
    return found


def left_out(sets: dict[str, Labelled], name: str) -> np.ndarray:
    """Probabilities of a set by a fit on all the others."""
    return fit([one for other, one in sets.items() if other != name]).probabilities(sets[name].features)


def across_groups(one: Labelled) -> np.ndarray | None:
    """Probabilities of each group by a fit on the other groups of its set; None with too few groups."""
    groups = list(dict.fromkeys(one.groups.tolist()))
    found = np.zeros(len(one.groups))
    if len(groups) < LEAST_GROUPS:
        return None
    for part in range(min(len(groups), BINS)):
        inside = np.isin(one.groups, groups[part :: min(len(groups), BINS)])
        rest = one.only(~inside)
        if len(set(rest.answerable.tolist())) < 2:
            return None
        found[inside] = fit([rest]).probabilities(one.features[inside])
    return found


@dataclass(frozen=True, slots=True)
class Bin:
    low: float
    high: float
    predicted: float  # mean probability; 0 in an empty bin
    observed: float  # share that is answerable
    n: int
    weight: float  # of all questions, when each set weighs the same


def reliability(sets: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Bin]:
    """Ten bins over (probabilities, answerable) of several sets, each set weighing the same."""
    chance = np.concatenate([given for given, _ in sets])
    truth = np.concatenate([real for _, real in sets]).astype(float)
    weight = np.concatenate([np.full(len(given), 1 / len(given) / len(sets)) for given, _ in sets])
    place = np.minimum((chance * BINS).astype(int), BINS - 1)
    bins = []
    for number in range(BINS):
        inside = place == number
        share = float(weight[inside].sum())
        mean = [float((weight * value)[inside].sum() / share) if share else 0.0 for value in (chance, truth)]
        bins.append(Bin(number / BINS, (number + 1) / BINS, mean[0], mean[1], int(inside.sum()), share))
    return bins


def expected_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: how far prediction and truth are apart, over all questions."""
    return sum(one.weight * abs(one.predicted - one.observed) for one in bins)
