"""The model may answer while it quotes what the extract would show, or what is nearly as likely."""

from dataclasses import dataclass

import pytest

from chat.choosing import Choice
from chat.extracts import extract_of
from chat.likelihood import candidates
from chat.speech import Outdone, Speech


@dataclass
class Passage:
    text: str
    title: str = "Returns"
    heading: str = ""
    score: float = 1.0


PASSAGES = [
    Passage("You can return unused items within 60 days of delivery. Bring the receipt to any of our four shops."),
    Passage("A repair of a broken zip takes 7 working days in summer and costs £15.", title="Repairs", score=0.7),
]
ASKED = "How long do I have to return unused items?"
RIGHT = "You can return unused items within 60 days of delivery. [1]"
WRONG = "A repair of a broken zip takes 7 working days in summer. [2]"


def choice(floor: float = 0.8) -> Choice:
    found = candidates(ASKED, PASSAGES)
    return Choice(extract_of(found, PASSAGES, ASKED), found, floor)


def heard(text: str, floor: float = 0.8) -> tuple[list[str], bool]:
    """What came out letter by letter, and whether the model was stopped."""
    speech, said = Speech(ASKED, PASSAGES, gate=False, choice=choice(floor)), []
    try:
        for letter in text:
            said.append(speech.feed(letter))
        said.append(speech.end())
    except Outdone:
        return said, True
    return said, False


def test_what_the_extract_would_show_may_be_said():
    said, stopped = heard(RIGHT)
    assert not stopped and "".join(said) == RIGHT


def test_what_another_sentence_says_is_stopped_before_it_is_over():
    said, stopped = heard(WRONG)
    assert stopped and len("".join(said)) < len(WRONG) - 15


def test_what_no_passage_says_is_stopped_when_the_sentence_is_over():
    said, stopped = heard("Kayaks and paddles are sold by the river every Monday morning. [1] More.")
    assert stopped and "More" not in "".join(said)


def test_a_piece_broken_off_is_stopped_when_it_is_over():
    whole = Passage("Engraving costs £6 a line and holds up to eighteen letters. Mugs are sold in the shop.")
    found = candidates("How many letters fit on one line?", [whole])
    made = Choice(extract_of(found, [whole], "How many letters fit?"), found, 0.8)
    assert made.may_speak("Engraving costs £6. [1]", over=True) is False
    assert made.may_speak(f"{whole.text.split('. ')[0]}. [1]", over=True) is True


def test_a_better_model_is_given_a_lower_floor():
    assert heard(WRONG, floor=0.0)[1] is False


@pytest.mark.parametrize("beginning", ["", "You", "You can return unused"])
def test_too_few_words_decide_nothing(beginning):
    assert choice().may_speak(beginning, over=False) is None


def test_a_short_answer_is_judged_when_it_is_over():
    assert choice().may_speak("Return unused items within 60 days. [1]", over=True) is True
    assert choice().may_speak("It costs £15. [2]", over=True) is False
    assert choice().may_speak("Yes. [1]", over=True) is True
