"""Each sentence of the passages has its chance of holding the answer; what the reader says of it counts."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.likelihood import FEATURES, WEIGHTS, candidates, features

TEXT = "Canisters are sold in all shops. Bring them back and we recycle them."
ASKED = "Where can I get rid of empties?"


@dataclass(frozen=True)
class Passage:
    text: str
    title: str = "Gas"
    heading: str = ""
    score: float = 1.0
    gain: float = 0.0
    read: tuple[tuple[int, float, float], ...] = ()


def chances(passage: Passage) -> list[float]:
    return [one.chance for one in candidates(ASKED, [passage])]


def test_every_feature_has_a_weight():
    assert len(WEIGHTS) == len(FEATURES)
    assert all(len(row) == len(FEATURES) for _, _, row in features(ASKED, [Passage(TEXT)]))


def test_a_sentence_that_was_read_as_near_is_likelier():
    unread = Passage(TEXT)
    near = replace(unread, read=((0, 0.3, 0.4), (33, 0.7, 0.8)))
    far = replace(unread, read=((0, 0.7, 0.8), (33, 0.3, 0.4)))
    assert chances(near)[1] > chances(unread)[1] > chances(far)[1]


def test_a_passage_that_nobody_read_is_neither_near_nor_far():
    read = Passage(TEXT, read=((0, 0.5, 0.5), (33, 0.5, 0.5)))
    first = [one.chance for one in candidates(ASKED, [read, Passage(TEXT)])]
    assert first[0] > first[2] > 0 and first[1] > first[3] > 0


def test_the_order_of_the_search_counts():
    first, second = Passage(TEXT, score=1.0), Passage(TEXT, score=0.8)
    assert sum(one.chance for one in candidates(ASKED, [first, second]) if one.number == 1) > 0.5
    raised = replace(second, gain=0.5)
    assert sum(one.chance for one in candidates(ASKED, [first, raised]) if one.number == 2) > 0.45


@given(st.text(max_size=100), st.lists(st.text(max_size=200), max_size=4))
def test_the_chances_of_all_sentences_make_one(question, texts):
    found = candidates(question, [Passage(text) for text in texts])
    assert not found or sum(one.chance for one in found) == pytest.approx(1)
