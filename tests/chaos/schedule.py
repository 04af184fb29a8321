"""Which fault comes when: drawn beforehand from the seed, so that a run can be had again; pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Planned:
    """`seed` is for whatever the fault itself draws: whom it hits, how long it holds."""

    at: float
    kind: str
    seed: int


def plan(seed: int, seconds: float, kinds: Sequence[str], apart: tuple[float, float] = (1.5, 5.0)) -> list[Planned]:
    """Every kind once before any comes twice, in an order of chance, `apart` seconds from each other."""
    chance = random.Random(f"schedule {seed}")
    planned: list[Planned] = []
    bag: list[str] = []
    at = chance.uniform(*apart)
    while at < seconds:
        if not bag:
            bag = list(kinds)
            chance.shuffle(bag)
        planned.append(Planned(round(at, 3), bag.pop(), chance.randrange(2**31)))
        at += chance.uniform(*apart)
    return planned
