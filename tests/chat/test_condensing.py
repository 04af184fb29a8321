import pytest

from chat.condensing import condense


def talk(*questions):
    turns = []
    for question in questions:
        turns += [{"role": "user", "text": question}, {"role": "assistant", "text": "An answer. [1]"}]
    return turns


@pytest.mark.parametrize(
    ("earlier", "question"),
    [
        ("How long do I have to return an item?", "And for Trail Club members?"),
        ("My parcel seems to be lost, can you look for it?", "And how long does that take?"),
        ("What does bike hire cost?", "What about at weekends?"),
        ("Do you repair zips?", "How much is it?"),
        ("Can I return shoes?", "why?"),
        ("What does delivery cost?", "to France?"),
    ],
)
def test_a_follow_up_takes_its_subject_along(earlier, question):
    assert condense(question, talk(earlier)) == f"{earlier} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "How long do I have to return an item that I bought in a shop?",
        "What does a prepaid label for a return cost in the United Kingdom?",
        "Which payment methods do you take?",
    ],
)
def test_a_question_that_stands_by_itself_is_left_as_it_is(question):
    assert condense(question, talk("Do you repair zips?")) == question


def test_without_a_history_nothing_is_added():
    assert condense("And for members?", []) == "And for members?"
    assert condense("And for members?", [{"role": "assistant", "text": "Hello!"}]) == "And for members?"


def test_a_follow_up_of_a_follow_up_keeps_the_first_subject():
    history = talk("How long do I have to return an item?", "And for members?")
    assert condense("And abroad?", history) == "How long do I have to return an item? And for members? And abroad?"


def test_a_long_history_does_not_make_a_long_question():
    assert len(condense("And that?", talk("x" * 2000, "And " + "y" * 2000))) < 700
