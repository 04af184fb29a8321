"""Risk against coverage: the arithmetic of the promise, and the sentence when none can be made."""

import random
from math import comb

import pytest

from chat.dial import best_bound, not_reachable, promise
from chat.evaluation.risk import LEVELS, Outcome, groups, point, points, upper_bound
from chat.evaluation.risk_report import lines, page_of, promised
from chat.evaluation.shares import wilson


def one(score: float, *, wrong: bool = False, answered: bool = True, topic: str = "", language: str = "en") -> Outcome:
    return Outcome(score, answered, wrong, topic, language, "demo")


def test_a_point_counts_what_is_answered_from_its_threshold_on():
    found = point([one(0.9), one(0.8, wrong=True), one(0.7, answered=False), one(0.2, wrong=True)], 0.7)
    assert (found.questions, found.answered, found.wrong) == (4, 2, 1)
    assert (found.coverage, found.risk) == (0.5, 0.5)


def test_ten_thresholds_let_ten_more_percent_through_each():
    found = points([one(n / 100) for n in range(100)], LEVELS)
    assert [p.answered for p in found] == list(range(10, 101, 10))
    assert [p.threshold for p in found] == sorted((p.threshold for p in found), reverse=True)


def test_nothing_is_said_of_what_was_declined_before_it_was_answered():
    found = points([one(n / 100) for n in range(100)], LEVELS, least=0.42)
    assert min(p.threshold for p in found) == 0.42 and found[-1].answered == 58


def test_equal_scores_stand_together():
    assert [p.answered for p in points([one(0.5)] * 20, LEVELS)] == [20]


@pytest.mark.parametrize(("wrong", "count"), [(0, 10), (1, 10), (3, 40), (12, 100), (99, 100)])
def test_the_upper_bound_is_where_so_few_wrong_ones_are_just_possible(wrong, count):
    share = upper_bound(wrong, count, 0.05)
    tail = sum(comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(wrong + 1))
    assert tail == pytest.approx(0.05, abs=1e-6) and share > wrong / count


def test_bounds_at_the_ends():
    assert upper_bound(0, 0, 0.05) == upper_bound(5, 5, 0.05) == 1
    assert upper_bound(0, 59, 0.05) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert wilson(0, 0) == (0, 1) and wilson(0, 10)[0] == 0 and wilson(10, 10)[1] == pytest.approx(1)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_a_promise_is_the_widest_coverage_whose_bound_keeps_it():
    outcomes = [one(0.9)] * 400 + [one(0.5, wrong=n % 2 == 0) for n in range(100)]
    found = points(outcomes, LEVELS)
    kept = promise(found, 5)
    assert kept is not None and kept.threshold == 0.9 and kept.upper <= 0.05
    assert promise(found, 20).threshold == 0.5
    assert "At most 5 % wrong: answer from 0.900 on. 80% of the questions are answered" in promised(found, 5)


def test_it_says_so_when_a_promise_is_not_reachable():
    found = points([one(n / 40, wrong=n % 2 == 0) for n in range(40)], LEVELS)
    assert promise(found, 10) is None
    best = best_bound(found)
    assert promised(found, 10) == not_reachable(found, 10)
    assert f"{100 * best.upper:.0f} % wrong" in promised(found, 10) and "is not reachable" in promised(found, 10)


def test_a_promise_holds_though_the_best_of_ten_thresholds_is_chosen():
    """Every answer is wrong with 20 %: to promise 20 % or less is a mistake; it may happen in one of twenty runs."""
    chance, broken = random.Random(7), 0
    for _ in range(200):
        outcomes = [one(chance.random(), wrong=chance.random() < 0.2) for _ in range(120)]
        broken += promise(points(outcomes, LEVELS), 19.9) is not None
    assert broken <= 10


def test_topics_and_languages_are_told_apart_and_small_ones_together():
    outcomes = [one(0.9, topic="Delivery")] * 6 + [one(0.9, topic="Repairs", wrong=True)] * 2 + [one(0.9)] * 3
    found = groups(outcomes, lambda o: o.topic, 0.5)
    assert {name: (p.answered, p.wrong) for name, p in found.items()} == {"Delivery": (6, 0), "others": (5, 2)}
    assert list(groups(outcomes, lambda o: o.language, 0.5)) == ["en"]


def test_the_page_says_what_the_lines_say_and_escapes_names():
    outcomes = [one(n / 100, wrong=n < 30, topic="<b>Delivery</b>") for n in range(100)]
    steps = points(outcomes, LEVELS, least=0.2)
    page = page_of(outcomes, steps, (points(outcomes, 60), steps), [1, 30], 0.2, {"model": "<i>"})
    told = lines(outcomes, steps, [1, 30], 0.2)
    assert told[-1] in page.replace("&#x27;", "'") and told[-2] in page
    assert "Nothing is known below 0.2" in page
    assert "&lt;b&gt;Delivery&lt;/b&gt;" in page and "<b>" not in page and "<i>" not in page
    assert "http" not in page and "<script" not in page
