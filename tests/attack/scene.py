"""What the attacks share: the instance, chance, and two visitors who have talked."""

import random
from dataclasses import dataclass
from functools import cached_property

from tests.attack import people
from tests.attack.instance import Instance
from tests.attack.people import Visitor


@dataclass
class Scene:
    """`few`: a sample of each list. `minutes`: of fuzzing."""

    instance: Instance
    chance: random.Random
    minutes: float
    few: bool

    @property
    def host(self) -> str:
        return self.instance.address

    @cached_property
    def visitors(self) -> tuple[Visitor, Visitor]:
        """Dora and Emil."""
        return people.visitors(self.host)
