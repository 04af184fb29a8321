"""A sentence that a passage says scores high, one that was made untrue scores low, and nothing else is looked at."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.sentence_support import MAX_SENTENCES, MAX_TEXT_CHARS, UNTOLD, ended, overlap, score

FLOOR = 0.3  # as CHAT_SUPPORT_FLOOR is where nobody sets it


@dataclass
class Passage:
    text: str
    title: str = "Returns"
    heading: str = ""


RETURNS = Passage(
    "You can return unused items within 60 days of delivery. Trail Club members have 120 days. We do not pay for "
    "parcels that are sent without a label."
)
REPAIRS = Passage("A repair of a zip costs £15 and takes 7 working days.", title="Book a repair")
SHOWN = [RETURNS, REPAIRS]


def only(answer: str) -> float:
    (found,) = score(answer, SHOWN)
    return found.score


@pytest.mark.parametrize(
    "sentence",
    [
        "You can return unused items within 60 days of delivery. [1]",
        "Unused items can be returned within 60 days. [1]",
        "Yes, a repair of a zip costs £15. [2]",
        "Trail Club members have 120 days [1].",
    ],
)
def test_what_the_passage_says_is_supported(sentence):
    assert only(sentence) > FLOOR


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("You can return used kayaks within 60 days of delivery. [1]", "another subject"),
        ("You can not return unused items within 60 days of delivery. [1]", "denied"),
        ("We pay for parcels that are sent without a label. [1]", "no longer denied"),
        ("A repair of a tent costs £15 and takes 7 working days. [2]", "another subject"),
        ("Trail Club members have 90 days. [1]", "another number"),
        ("A repair of a zip costs £15 and takes 7 working days. [1]", "of another passage"),
        ("Our shops open on Sundays. [1]", "nothing of it is there"),
    ],
)
def test_what_the_passage_does_not_say_is_not_supported(sentence, why):
    assert only(sentence) < FLOOR, why


def test_each_sentence_is_judged_by_the_passages_it_cites():
    answer = "Trail Club members have 120 days. [1] A repair of a zip takes 7 working days. [2]\n- Kayaks are free. [9]"
    first, second, third = score(answer, SHOWN)
    assert (first.text, first.cited) == ("Trail Club members have 120 days. [1]", (1,))
    assert (second.cited, third.cited) == ((2,), ())
    assert min(first.score, second.score) > FLOOR > third.score


def test_a_sentence_that_cites_nothing_may_rest_on_any_passage():
    assert only("A repair of a zip costs £15.") > FLOOR


def test_of_a_sentence_that_tells_nothing_nothing_is_known():
    assert only("Yes. [1]") == UNTOLD


def test_without_passages_nothing_is_supported():
    assert score("A repair costs £15.", [])[0].score == 0.0


def test_a_sentence_is_over_when_the_next_one_has_begun():
    assert ended("It costs £15.") == ([], "It costs £15.")
    assert ended("It costs £15. ") == ([], "It costs £15. ")
    assert ended("It costs £15. [1") == ([], "It costs £15. [1")
    assert ended("It costs £15. [1] Y") == (["It costs £15. [1]"], "Y")
    assert ended("It costs 15.50 e.g. for a zip") == ([], "It costs 15.50 e.g. for a zip")
    assert ended("1. Open it.\n2. Close") == (["1. Open it."], "2. Close")


def test_what_is_kept_is_bounded():
    found = score("word " * 500 + ". " + "A repair. Now. " * 100, SHOWN)
    assert len(found) == MAX_SENTENCES
    assert all(len(one.text) <= MAX_TEXT_CHARS for one in found)


def test_words_in_the_same_order_and_in_a_row():
    assert overlap(list("abcd"), list("xabyced")) == (4, 2)
    assert overlap([], ["a"]) == (0, 0)


@given(st.text(max_size=300), st.lists(st.text(max_size=200), max_size=3))
def test_every_score_is_a_share_and_every_citation_a_passage(answer, texts):
    for one in score(answer, [Passage(text) for text in texts]):
        assert 0 <= one.score <= 1
        assert all(1 <= number <= len(texts) for number in one.cited)


@given(st.text(alphabet="ab. \n[1]", max_size=60), st.integers(0, 60))
def test_where_the_stream_was_cut_does_not_matter(text, at):
    done, rest = ended(text[:at])
    more, left = ended(rest + text[at:])
    whole, last = ended(text)
    assert [*done, *more] == whole and left.strip() == last.strip()
