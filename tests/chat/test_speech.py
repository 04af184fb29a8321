"""The model's stream: a sentence that the passages do not support ends it, and each one has its score."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.prompts import REFUSAL
from chat.speech import Speech, Unfounded

FLOOR = 0.3


@dataclass
class Passage:
    text: str
    title: str = "Returns"
    heading: str = ""


PASSAGES = [
    Passage("You can return unused items within 60 days of delivery. Trail Club members have 120 days."),
    Passage("A repair of a zip takes 7 working days.", title="Book a repair"),
]
SAID = "Trail Club members have 120 days. [1] A repair of a zip takes 7 working days. [2]"
UNTRUE = "Trail Club members may keep every kayak. [1] A repair of a zip takes 7 working days. [2]"


def heard(pieces: list[str], floor: float = FLOOR) -> tuple[str, Speech]:
    speech = Speech("How long?", PASSAGES, floor=floor)
    return "".join([*(speech.feed(piece) for piece in pieces), speech.end()]), speech


def test_a_supported_answer_passes_with_its_scores():
    text, speech = heard(SAID.split(" ")[:1] + [f" {word}" for word in SAID.split(" ")[1:]])
    assert text == SAID and speech.cited == [1, 2]
    assert [one.cited for one in speech.support] == [(1,), (2,)]
    assert all(one.score > FLOOR for one in speech.support)


def test_an_unsupported_sentence_ends_the_answer_when_it_is_over():
    speech = Speech("How long?", PASSAGES, floor=FLOOR)
    said = ""
    with pytest.raises(Unfounded) as stopped:
        for character in UNTRUE:
            said += speech.feed(character)
    assert stopped.value.sentence.text == "Trail Club members may keep every kayak. [1]"
    assert "repair" not in said


def test_an_unsupported_last_sentence_is_found_at_the_end():
    speech = Speech("How long?", PASSAGES, floor=FLOOR)
    speech.feed("Trail Club members may keep every kayak. [1]")
    with pytest.raises(Unfounded):
        speech.end()


@pytest.mark.parametrize(
    "answer",
    [
        "The steps are described in Book a repair. [2]", "See Book a repair. [2]", "This is explained in Returns [1].",
        "You find more information in the article Book a repair. [2]", "Please refer to Returns. [1]",
    ],
)  # fmt: skip
def test_an_answer_that_only_names_where_it_stands_is_none(answer):
    with pytest.raises(Unfounded) as stopped:
        heard([answer])
    assert stopped.value.sentence.score == 0


def test_an_answer_may_end_with_where_more_stands():
    text, speech = heard([SAID + " See Book a repair. [2]"])
    assert text.endswith("See Book a repair. [2]") and len(speech.support) == 3


def test_what_is_found_in_a_passage_is_an_answer_although_it_says_see():
    passages = [Passage("See Account > Orders for your invoice.", title="Invoices")]
    speech = Speech("Where is my invoice?", passages, floor=FLOOR)
    assert speech.feed("See Account > Orders for your invoice. [1]") + speech.end()


def test_without_a_floor_all_is_said_and_still_scored():
    text, speech = heard([UNTRUE], floor=0.0)
    assert text == UNTRUE
    assert [one.score > FLOOR for one in speech.support] == [False, True]


def test_a_refusal_is_not_judged():
    text, speech = heard([REFUSAL[:9], REFUSAL[9:]])
    assert (text, speech.refused, speech.support) == ("", True, [])


@given(st.lists(st.integers(0, len(SAID)), max_size=6))
def test_where_the_stream_is_cut_changes_no_score(cuts):
    places = [0, *sorted(cuts), len(SAID)]
    _, cut = heard([SAID[a:b] for a, b in zip(places, places[1:], strict=False)])
    _, whole = heard([SAID])
    assert cut.support == whole.support
