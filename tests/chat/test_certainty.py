"""How likely it is that an answer can be given: what moves it, and which questions ask for a yes or a no."""

import pytest

from chat.certainty import certainty
from chat.cues import asks_whether

HOW = "How much is delivery?"


def test_it_rises_with_what_the_search_says_and_with_the_chance_of_the_sentences():
    assert certainty(0.3, 0.5, HOW) < certainty(0.5, 0.5, HOW) < certainty(0.9, 0.5, HOW)
    assert certainty(0.6, 0.2, HOW) < certainty(0.6, 0.6, HOW) < certainty(0.6, 0.99, HOW)


def test_a_question_whether_something_is_so_needs_more():
    assert certainty(0.6, 0.6, "Do you deliver?") < certainty(0.6, 0.6, HOW) - 0.1


@pytest.mark.parametrize("searched", [0.0, 1.0])
@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_it_is_a_probability_at_the_ends_too(searched, chance):
    assert 0 < certainty(searched, chance, HOW) < 1
    assert (certainty(searched, chance, HOW) > 0.9) == bool(searched)


@pytest.mark.parametrize(
    "question",
    [
        "Do you deliver?",
        "and can I bring a guest",
        "Hello, is the kettle still under warranty?",
        "My boots leak. Can they be repaired?",
        "Doesn't the lamp work with Alexa?",
        "Haben Sie am Sonntag offen?",
        "Est-ce que vous livrez ?",
        "¿Puedo pagar en efectivo?",
    ],
)
def test_a_question_that_wants_a_yes_or_a_no(question):
    assert asks_whether(question)


@pytest.mark.parametrize(
    "question",
    [
        "How do I bleed a radiator?",
        "Can you tell me when you open?",
        "Is it raining? Where do I park?",
        "parking",
        "",
        "?!",
        "Wann haben Sie offen?",
    ],
)
def test_a_question_that_wants_something_else(question):
    assert not asks_whether(question)
