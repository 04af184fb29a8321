"""Two opinions, one order: tables."""

from dataclasses import dataclass

import pytest

from knowledge.answerability import answerable, stands_out
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
    assert rank(split + single).article_scores == pytest.approx([0.6 + 0.48, 0.55 + 0.42])
    assert rank(split + single).chunk_ids == [3, 2, 1]


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


def test_nothing_found_is_not_answerable():
    assert answerable([]) == answerable([], by_words_alone=True) == 0


def test_answerable_grows_with_the_score_and_with_its_lead():
    assert answerable([0.32, 0.26]) < 0.3 < 0.9 < answerable([1.24, 0.32])
    assert answerable([1.24, 1.2]) < answerable([1.24, 0.32])


def test_words_alone_have_a_scale_of_their_own():
    assert answerable([0.54, 0.06], by_words_alone=True) > 0.8 > 0.4 > answerable([0.06, 0.05], by_words_alone=True)


@pytest.mark.parametrize(("scores", "lead"), [([0.5], 0), ([0.9, 0.5, 0.3], 0.5), ([1.0] + [0.0] * 20, 1.0)])
def test_the_lead_is_over_the_mean_of_the_next(scores, lead):
    assert stands_out(scores) == pytest.approx(lead)
