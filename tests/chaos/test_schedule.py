"""The schedule is the seed's; every fault has its turn."""

from collections import Counter

from tests.chaos.faults import FAULTS
from tests.chaos.schedule import plan


def test_a_seed_gives_the_same_schedule_and_another_seed_another():
    assert plan(7, 120, list(FAULTS)) == plan(7, 120, list(FAULTS))
    assert plan(7, 120, list(FAULTS)) != plan(8, 120, list(FAULTS))


def test_every_fault_comes_once_before_any_comes_twice():
    planned = plan(3, 600, list(FAULTS))
    first = [one.kind for one in planned[: len(FAULTS)]]
    assert set(first) == set(FAULTS)
    counts = Counter(one.kind for one in planned)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert all(one.at < 600 for one in planned)
    assert [one.at for one in planned] == sorted(one.at for one in planned)
