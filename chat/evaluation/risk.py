"""How much may be answered if at most so many of the answers may be wrong: risk against coverage; pure.

A question is answered where the search's probability reaches a threshold and an answer came of it. Coverage is the
share of all questions that are answered, risk the share of those answers that are wrong: not right by the evaluation's
measure, or given to a question that has no answer. What is promised is bounded: ten thresholds are looked at, and each
one's upper bound (Clopper and Pearson, one-sided) holds with a tenth of the 5 % that the choice may fail by chance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

from chat.dial import Point
from chat.evaluation.shares import wilson

CONFIDENCE = 0.95
LEVELS = 10  # thresholds that a promise may choose among
FINE = 60  # points of a picture
LEAST_GROUP = 5  # questions; smaller groups are told together
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question, wherever it was asked."""

    score: float
    answered: bool
    wrong: bool
    topic: str = ""
    language: str = ""
    set: str = ""


def points(outcomes: Sequence[Outcome], levels: int, *, least: float = 0.0) -> list[Point]:
    """Strictest first: thresholds that let the best 1/levels, 2/levels, ... of the questions through.

    None is below `least`: what was declined before it was answered says nothing of lower thresholds.
    """
    scores = sorted((one.score for one in outcomes), reverse=True)
    wanted = (scores[max(0, round(len(scores) * level / levels) - 1)] for level in range(1, levels + 1))
    return [point(outcomes, one) for one in dict.fromkeys(max(score, least) for score in wanted)]


def point(outcomes: Sequence[Outcome], threshold: float) -> Point:
    answered = [one for one in outcomes if one.answered and one.score >= threshold]
    wrong = sum(one.wrong for one in answered)
    low, high = wilson(wrong, len(answered))
    upper = upper_bound(wrong, len(answered), (1 - CONFIDENCE) / LEVELS)
    return Point(threshold, len(outcomes), len(answered), wrong, low, high, upper)


def groups(outcomes: Sequence[Outcome], name: Callable[[Outcome], str], threshold: float) -> dict[str, Point]:
    """The same threshold, topic by topic or language by language; the largest first, small ones together."""
    members: dict[str, list[Outcome]] = {}
    for one in outcomes:
        members.setdefault(name(one) or OTHERS, []).append(one)
    small = [key for key, inside in members.items() if len(inside) < LEAST_GROUP]
    together = [one for key in small for one in members.pop(key)]
    if together:
        members[OTHERS] = members.get(OTHERS, []) + together
    ordered = sorted(members.items(), key=lambda item: (item[0] == OTHERS, -len(item[1]), item[0]))
    return {key: point(inside, threshold) for key, inside in ordered}


def upper_bound(wrong: int, count: int, chance: float) -> float:
    """The share above which so few wrong ones would have been luck of less than `chance` (Clopper and Pearson 1934)."""
    if wrong >= count:
        return 1.0
    low, high = wrong / count, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, count, middle) > chance else (low, middle)
    return high


def _at_most(wrong: int, count: int, share: float) -> float:
    """The probability of `wrong` or fewer of `count`, each with the probability `share`, which is inside 0 and 1."""
    return sum(
        exp(
            lgamma(count + 1)
            - lgamma(one + 1)
            - lgamma(count - one + 1)
            + one * log(share)
            + (count - one) * log1m(share)
        )
        for one in range(wrong + 1)
    )


def log1m(share: float) -> float:
    return log(max(1.0 - share, 1e-300))
