from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from chat.extracts import extract, sentences


@dataclass
class Passage:
    text: str
    title: str = "Returns"
    heading: str = ""


RETURNS = Passage(
    "You can return unused items within 60 days. The period starts on the day of delivery. Trail Club members have 120 "
    "days.\n\n- Bring the receipt, e.g. as a photo.\n- Faulty items are **another** matter, see [faults](/help/f/)."
)
LABEL = Passage("A prepaid label costs £2.95. We take it off the refund.", heading="By post")


def test_the_sentence_that_answers_is_shown_word_for_word():
    taken = extract("How long do I have to return an item?", [RETURNS, LABEL])
    assert taken.text.startswith("You can return unused items within 60 days.")
    assert taken.text.endswith("[1]") and taken.cited == [1]


def test_the_passage_that_answers_may_be_another_than_the_first():
    taken = extract("What does a prepaid label cost?", [RETURNS, LABEL])
    assert taken.text.startswith("A prepaid label costs £2.95.")
    assert taken.cited == [2]


def test_a_passage_falls_into_sentences_and_lines():
    assert sentences(RETURNS.text) == [
        "You can return unused items within 60 days.",
        "The period starts on the day of delivery.",
        "Trail Club members have 120 days.",
        "Bring the receipt, e.g. as a photo.",
        "Faulty items are another matter, see faults.",
    ]
    assert sentences('He said "Stop." Then he left.') == ['He said "Stop."', "Then he left."]
    assert sentences("It takes approx. 3 days. Wait.") == ["It takes approx. 3 days.", "Wait."]


def test_a_passage_without_a_sentence_is_named():
    assert extract("What?", [Passage("| | |")]).text == "Returns [1]"


@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=4))
def test_no_word_is_made_up_and_the_length_is_bounded(question, texts):
    taken = extract(question, [Passage(text) for text in texts])
    number = taken.cited[0]
    words = taken.text.removesuffix(f" [{number}]").split()
    source = set(texts[number - 1].replace("**", "").replace("`", "").split()) | {"Returns"}
    assert len(taken.text) <= 710
    assert all(any(word in own for own in source) for word in words)
