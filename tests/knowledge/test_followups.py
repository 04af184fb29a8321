"""Which questions lean on what was said before them."""

import pytest

from knowledge.followups import context_share, is_follow_up, kind_of


@pytest.mark.parametrize(
    "question",
    [
        "Does it have parking?",
        "Do they serve beer?",
        "and abroad?",
        "What is the process for applying for it?",
        "Is the wifi there stable?",
        "Which one is cheaper?",
        "Kostet das extra?",
        "We like beer. Do they sell it?",
    ],
)
def test_a_question_that_points_back_leans_on_the_turns_before(question):
    assert kind_of(question) == "pointing" and is_follow_up(question)


@pytest.mark.parametrize(
    "question",
    [
        "How do I get my money back?",
        "Is it possible to export messages?",
        "How long does it take to pitch a tent?",
        "Are there lockers at petrol stations?",
        "My password link says its no longer valid",  # what "its" points at stands before it
        "Does the item that I bought have a warranty?",
        "I wrote a very long message about the tent and the zip and now it does not close any more, why?",
        "*",
        "",
    ],
)
def test_a_question_that_names_its_subject_stands_alone(question):
    assert kind_of(question) == "alone" and not is_follow_up(question)


def test_the_turns_before_count_most_where_the_question_points_at_them():
    pointing, bare, alone = (context_share(text) for text in ("Does it?", "Delivery costs", "What does delivery cost?"))
    assert 1 > pointing > bare > alone > 0
