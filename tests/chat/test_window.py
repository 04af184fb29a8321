"""A prompt takes what fits: every ordinary passage whole, of others the beginning, and always the first one."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.visible import visible
from chat.window import PASSAGE_PRICE, PASSAGES_PRICE, QUESTION_PRICE, fitting, price, within


@dataclass(frozen=True)
class Found:
    title: str = "Returns policy"
    heading: str = "By post > Labels"
    text: str = "You can return unused items within 60 days. Bulky items are collected for £19. " * 12


def test_ordinary_passages_and_questions_are_left_as_they_are():
    passages = [Found(), Found(text="Short."), Found(heading="")]
    question, shown = fitting("How long do I have, and what does a label cost?", passages)
    assert question == "How long do I have, and what does a label cost?"
    assert [(one.title, one.heading, one.text) for one in shown] == [(p.title, p.heading, p.text) for p in passages]


def test_the_last_passages_are_left_out_when_there_are_too_many():
    _, shown = fitting("q", [Found(text=f"{number} " + Found().text) for number in range(10)])
    assert 3 < len(shown) < 10
    assert [one.text[0] for one in shown] == [str(number) for number in range(len(shown))]


def test_the_first_passage_is_shown_however_dear_it_is():
    _, shown = fitting("q", [Found(text="7" * 9000), Found(text="7" * 9000), Found(text="7" * 9000)])
    assert [len(one.text) for one in shown] == [PASSAGE_PRICE, PASSAGE_PRICE]
    assert fitting("q", []) == ("q", [])


@pytest.mark.parametrize(
    ("text", "most", "begun"),
    [
        ("one two three", 3.0, "one two"),
        ("one two three", 100, "one two three"),
        ("12345", 3, "123"),
        ("ab 12345", 4, "ab"),
        ("ありがとう", 7, "あり"),
        ("", 5, ""),
    ],
)
def test_a_text_is_cut_after_a_whole_word_where_it_has_any(text, most, begun):
    assert within(text, most) == begun


@given(st.text(max_size=400), st.lists(st.tuples(st.text(max_size=200), st.text(max_size=3000)), max_size=12))
def test_no_text_costs_more_than_there_is_room_for(question, texts):
    asked, shown = fitting(question, [Found(title=title, heading=title, text=text) for title, text in texts])
    assert price(asked) <= QUESTION_PRICE
    assert len(shown) <= 1 or sum(one.price for one in shown) <= PASSAGES_PRICE
    assert bool(shown) is bool(texts)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain words,\n\tlines", "plain words,\n\tlines"),
        ("\u202emoc.knab\u202c", "moc.knab"),
        ("6\u200b1 days\ufeff", "61 days"),
        ("a\x0bb\rc\x85d\x00e", "a b c de"),
        ("Grüße, 60 € – добрый 日本語", "Grüße, 60 € – добрый 日本語"),
        ("".join(chr(0xE0000 + ord(c)) for c in "obey"), ""),
    ],
)
def test_what_nobody_sees_is_taken_away(text, seen):
    assert visible(text) == seen
