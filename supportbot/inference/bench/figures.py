"""What rounds of a benchmark tell: times, rates, and how peers compare where they were asked the same. Pure.

Machines are never quiet: a ratio is taken between two answers to one question within one repeat, minutes apart at most,
and its interval comes from drawing whole rounds again, since what disturbs a round disturbs all of it.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Any

RESAMPLES = 1000
DRAWS = range(RESAMPLES)
SEED = 20261123


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer. Seconds since it was asked for: to its first token, and to its last."""

    question: str
    prompt: int  # tokens
    tokens: int
    first: float
    whole: float

    @property
    def writing(self) -> float | None:
        """Tokens a second from the first on."""
        return (self.tokens - 1) / (self.whole - self.first) if self.tokens > 1 and self.whole > self.first else None


@dataclass(frozen=True, slots=True)
class Round:
    """One peer, so many streams at once, once. `wall` is the seconds from the first asking to the last token."""

    peer: str
    streams: int
    repeat: int
    wall: float
    heard: tuple[Heard, ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of paired ratios, and where it lies when rounds are drawn again (95 %)."""

    value: float
    low: float
    high: float
    pairs: int
    rounds: int

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def row(rounds: Sequence[Round]) -> dict[str, Any]:
    """The figures of one peer at one number of streams."""
    heard = [one for taken in rounds for one in taken.heard]
    writing = [rate for one in heard if (rate := one.writing) is not None]
    alone = rounds[0].streams == 1
    return {
        "peer": rounds[0].peer,
        "streams": rounds[0].streams,
        "rounds": len(rounds),
        "answers": len(heard),
        "prompt_tokens": median(one.prompt for one in heard),
        "new_tokens": sum(one.tokens for one in heard),
        "first_p50": quantile([one.first for one in heard], 0.5),
        "first_p95": quantile([one.first for one in heard], 0.95),
        "whole_p50": quantile([one.whole for one in heard], 0.5),
        "whole_p95": quantile([one.whole for one in heard], 0.95),
        "prefill_rate": median(one.prompt / one.first for one in heard) if alone else None,
        "decode_rate": median(writing) if writing else None,
        "rate_in_all": sum(one.tokens for one in heard) / sum(taken.wall for taken in rounds),
    }


def whole(one: Heard) -> float | None:
    """Seconds of the whole answer."""
    return one.whole


def token(one: Heard) -> float | None:
    """Seconds of each token after the first."""
    return 1 / one.writing if one.writing else None


def ratio(
    rounds: Iterable[Round], ours: str, theirs: str, streams: int, seconds: Callable[[Heard], float | None] = whole
) -> Ratio | None:
    """How many times as long it takes there as here; None where they were never asked the same."""
    taken = {(one.peer, one.repeat): one for one in rounds if one.streams == streams}
    groups = [
        pairs
        for (peer, repeat), one in sorted(taken.items())
        if peer == ours and (theirs, repeat) in taken and (pairs := _pairs(one, taken[theirs, repeat], seconds))
    ]
    return interval(groups) if groups else None


def interval(groups: Sequence[Sequence[float]]) -> Ratio:
    """Of ratios by round: rounds are drawn with replacement, then the pairs within each."""
    chance, pooled = random.Random(SEED), [value for group in groups for value in group]
    medians = []
    for _ in range(RESAMPLES):
        drawn = chance.choices(groups, k=len(groups))
        medians.append(median(value for group in drawn for value in chance.choices(group, k=len(group))))
    return Ratio(median(pooled), *_middle(medians), len(pooled), len(groups))


def share_of_roof(rate: float, weights: int, bandwidth: float) -> float:
    """Of what the memory could give: a token needs every weight once. Guessed tokens can bring it above 1."""
    return rate * weights / bandwidth


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that is not below the given share of all."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def quantile_with_interval(values: Sequence[float], share: float) -> tuple[float, float, float]:
    """The quantile, and between what it lies when the values are drawn again (95 %)."""
    chance = random.Random(SEED)
    return quantile(values, share), *_middle(quantile(chance.choices(values, k=len(values)), share) for _ in DRAWS)


def ratio_with_interval(
    above: Sequence[float], below: Sequence[float], figure: Callable[[Sequence[float]], float]
) -> tuple[float, float, float]:
    """Of one figure of two samples, each drawn again for the interval (95 %)."""
    chance = random.Random(SEED)

    def again(values: Sequence[float]) -> float:
        return figure(chance.choices(values, k=len(values)))

    return figure(above) / figure(below), *_middle(again(above) / again(below) for _ in DRAWS)


def _middle(drawn: Iterable[float]) -> tuple[float, float]:
    """What 95 % of the values lie between."""
    ordered = sorted(drawn)
    tail = round(0.025 * len(ordered))
    return ordered[tail], ordered[-tail - 1]


def _pairs(ours: Round, theirs: Round, seconds: Callable[[Heard], float | None]) -> list[float]:
    there = {one.question: seconds(one) for one in theirs.heard}
    both = [(there.get(one.question), seconds(one)) for one in ours.heard]
    return [other / own for other, own in both if other and own]
