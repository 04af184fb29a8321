"""So many of so many, and the interval that chance alone would explain. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeVar

NORMAL = 1.959964  # of 95 %
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with Wilson's interval of 95 %."""

    count: int
    of: int

    def __str__(self) -> str:
        if not self.of:
            return "-"
        low, high = wilson(self.count, self.of)
        return f"{self.count} of {self.of}: {100 * self.count / self.of:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def share_of(given: Sequence[T], is_one: Callable[[T], bool]) -> Share:
    return Share(sum(map(is_one, given)), len(given))


def wilson(wrong: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); everything is possible of nothing."""
    if not count:
        return 0.0, 1.0
    share, square = wrong / count, NORMAL**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = NORMAL * sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    return max(0.0, middle - half), min(1.0, middle + half)
