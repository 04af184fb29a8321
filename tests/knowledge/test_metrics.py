"""Rankings made by hand, whose figures are known."""

import math

import pytest

from knowledge.metrics import (
    auroc,
    auroc_with_interval,
    hit,
    mean_with_interval,
    ndcg,
    recall,
    reciprocal_rank,
)

TWO_GOLD = 1 + 1 / math.log2(3)


@pytest.mark.parametrize(
    ("ranked", "gold", "recall_1", "recall_5", "hit_1", "mrr", "gain"),
    [
        ("abc", "a", 1, 1, 1, 1, 1),
        ("abc", "c", 0, 1, 0, 1 / 3, 1 / 2),
        ("abc", "ac", 0.5, 1, 1, 1, 1.5 / TWO_GOLD),
        ("abc", "x", 0, 0, 0, 0, 0),
        ("", "a", 0, 0, 0, 0, 0),
        ("abcdefghijk", "k", 0, 0, 0, 0, 0),
        ("ba", "ab", 0.5, 1, 1, 1, 1),
    ],
)
def test_a_ranking_is_worth_what_it_should_be(ranked, gold, recall_1, recall_5, hit_1, mrr, gain):
    assert recall(ranked, gold, 1) == recall_1
    assert recall(ranked, gold, 5) == recall_5
    assert hit(ranked, gold) == hit_1
    assert reciprocal_rank(ranked, gold) == pytest.approx(mrr)
    assert ndcg(ranked, gold) == pytest.approx(gain)


@pytest.mark.parametrize(
    ("positive", "negative", "area"),
    [([2, 3], [0, 1], 1), ([0, 1], [2, 3], 0), ([1, 1], [1, 1], 0.5), ([1, 3], [0, 2], 0.75), ([2], [2, 0], 0.75)],
)
def test_auroc_is_the_share_of_pairs_in_the_right_order(positive, negative, area):
    assert auroc(positive, negative) == area


def test_an_interval_holds_its_mean_and_is_the_same_each_time():
    values = [0.0, 1.0] * 50
    first = mean_with_interval(values)
    assert first == mean_with_interval(values)
    assert first.value == 0.5 and first.n == 100
    assert 0.38 < first.low < 0.45 and 0.55 < first.high < 0.62


def test_a_perfect_score_has_no_width():
    estimate = auroc_with_interval([0.9, 0.8], [0.1, 0.2, 0.3])
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (1, 1, 1, 5)
