"""Two opinions, one order: tables."""

from dataclasses import dataclass

import pytest

from knowledge.fusion import LANGUAGE_BONUS, choose, rank


@dataclass(frozen=True)
class Passage:
    chunk_id: int
    article_id: str
    similarity: float | None
    lexical: float
    language: str = "en"


@pytest.mark.parametrize(
    ("candidates", "order"),
    [
        ([], []),
        ([Passage(1, "a", 0.4, 0), Passage(2, "b", 0.5, 0)], [2, 1]),
        ([Passage(1, "a", 0.4, 0.5), Passage(2, "b", 0.5, 0)], [1, 2]),
        ([Passage(1, "a", 0.5, 0.1), Passage(2, "b", 0.5, 0.1)], [1, 2]),
        ([Passage(1, "a", None, 0.9), Passage(2, "b", 0.3, 0.1), Passage(3, "c", 0.2, 0.1)], [1, 2, 3]),
        ([Passage(1, "a", None, 0.2), Passage(2, "b", None, 0.7)], [2, 1]),
    ],
)
def test_passages_are_ordered_by_meaning_and_words(candidates, order):
    assert rank(candidates).chunk_ids == order


def test_an_article_is_as_good_as_its_best_passages_together():
    split = [Passage(1, "a", 0.6, 0), Passage(2, "a", 0.2, 0.8)]
    single = [Passage(3, "b", 0.55, 0.7)]
    assert rank(split + single).article_ids == ["a", "b"]
    scores = [(0.6 + 0.48 + 0.1 * 0.6) / 1.1, (0.55 + 0.42 + 0.1 * 0.97) / 1.1]  # a tenth for the second passage
    assert rank(split + single).article_scores == pytest.approx(scores)
    assert rank(split + single).chunk_ids == [3, 2, 1]


def test_a_second_good_passage_decides_between_near_equals():
    twice = [Passage(1, "a", 0.6, 0), Passage(2, "a", 0.59, 0)]
    once = [Passage(3, "b", 0.605, 0), Passage(4, "b", 0.1, 0)]
    assert rank(twice + once).article_ids == ["a", "b"]
    assert rank(twice + once[:1]).article_ids == ["b", "a"]  # an article of one passage is not punished for it


@pytest.mark.parametrize(("ahead", "first"), [(LANGUAGE_BONUS / 2, 2), (LANGUAGE_BONUS * 2, 1)])
def test_the_asked_language_wins_between_near_equals_only(ahead, first):
    candidates = [Passage(1, "a", 0.5 + ahead, 0, "en"), Passage(2, "b", 0.5, 0, "de")]
    assert rank(candidates, "de").chunk_ids[0] == first
    assert rank(candidates).chunk_ids[0] == 1


def test_two_passages_of_an_article_at_most_are_chosen():
    ranked = [Passage(n, article, 0.5, 0) for n, article in enumerate("aaaabb")]
    assert [passage.article_id for passage in choose(ranked, 3)] == ["a", "a", "b"]
    assert [passage.article_id for passage in choose(ranked, 9)] == ["a", "a", "b", "b"]
    assert choose(ranked, 0) == []
