import pytest

from chat.tuning.targets import sentences, target_of
from knowledge.evaluation_files import GivenQuestion

PASSAGE = (
    "Every shop takes returns. A prepaid label costs £2.95, which we take off the refund. "
    "Dr. Smith of the U.S. office agrees. Bikes are collected for £19."
)


def asked(question: str, *, span: str = "", answer: str = "") -> GivenQuestion:
    return GivenQuestion("q", question, [], ("a",), True, span=span, answer=answer)


def test_a_bare_span_becomes_the_sentence_that_holds_it():
    target = target_of(asked("What does a label cost?", span="£2.95", answer="£2.95"), PASSAGE, 2)
    assert target == "A prepaid label costs £2.95, which we take off the refund. [2]"


def test_a_sentence_of_the_passage_goes_before_a_gold_answer_in_other_words():
    target = target_of(asked("What is a label?", span="£2.95", answer="It costs £2.95 for a label."), PASSAGE, 1)
    assert target == "A prepaid label costs £2.95, which we take off the refund. [1]"


def test_a_gold_answer_in_whole_sentences_goes_before_the_row_of_a_table_and_each_sentence_is_cited():
    table = "Label | £2.95 | all bikes\nBikes | £19 | collected"
    answer = "A label costs £2.95. Bikes are £19."
    target = target_of(asked("What do returns cost?", span="£2.95", answer=answer), table, 1)
    assert target == "A label costs £2.95. [1] Bikes are £19. [1]"
    assert target_of(asked("What does a label cost?", span="£2.95"), table, 1) == "Label | £2.95 | all bikes. [1]"


def test_a_sentence_with_a_link_is_no_target():
    passage = "See https://example.org for £19 bikes. They are collected."
    assert target_of(asked("What is a bike?", span="£19"), passage, 1) is None


def test_the_number_of_an_item_is_no_part_of_the_answer():
    assert (
        target_of(asked("What first?", span="Open it"), "1. Open it at once.\n2. Close it.", 1)
        == "Open it at once. [1]"
    )


@pytest.mark.parametrize(
    ("span", "answer"),
    [
        ("£99", "A label costs £99."),  # the passage does not say it
        ("£2", "A label costs £2."),  # nor this
        ("", "We love our customers more than anything else in the world."),
        ("", "£2.95"),  # a span that nobody marked
        ("", " ".join(["A prepaid label costs £2.95."] * 4)),
    ],
)
def test_what_the_passage_does_not_say_shortly_is_no_target(span, answer):
    assert target_of(asked("q", span=span, answer=answer), PASSAGE, 1) is None


def test_sentences_end_at_full_stops_but_not_at_abbreviations_or_numbers_of_items():
    assert sentences(PASSAGE)[2:] == ["Dr. Smith of the U.S. office agrees.", "Bikes are collected for £19."]
    assert sentences("- One item\n2. Two items") == ["- One item", "2. Two items"]
