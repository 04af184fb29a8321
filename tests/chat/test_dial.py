"""CHAT_MOST_WRONG_PERCENT: the floor comes from the curve, where the curve is of this model and this prompt."""

import pytest
from django.core.checks import Error, Warning

from chat import dial
from chat.answering import Options, is_enough
from chat.checks import risk_dial_is_kept
from chat.evaluation.risk import LEVELS, Outcome, points
from chat.prompts import PROMPT_VERSION
from knowledge.retrieval import Retrieval


@pytest.fixture
def curve(tmp_path, settings, monkeypatch):
    """Writes a curve of 500 questions: all right from 0.9 on, every second wrong at 0.5."""
    monkeypatch.setattr(dial, "CURVE", tmp_path / "curve.json")
    settings.CHAT_ANSWERABLE_FLOOR = 0.42
    dial._floor.cache_clear()

    def write(**made):
        outcomes = [Outcome(0.9, True, False)] * 400 + [Outcome(0.5, True, n % 2 == 0) for n in range(100)]
        with_these = {"model": settings.CHAT_MODEL, "prompt": PROMPT_VERSION} | made
        weights = dial.weights_of(settings.CHAT_MODEL)
        found = dial.curve_of(points(outcomes, LEVELS), sets=["demo"], **{"weights": weights} | with_these)
        dial.write_curve(found, dial.CURVE)

    yield write
    dial._floor.cache_clear()


def test_without_the_dial_the_floor_is_the_setting(curve, settings):
    settings.CHAT_MOST_WRONG_PERCENT = 0
    assert dial.answerable_floor() == 0.42 and risk_dial_is_kept(None) == []


def test_the_floor_is_taken_from_the_curve(curve, settings):
    curve()
    settings.CHAT_MOST_WRONG_PERCENT = 5
    assert dial.answerable_floor() == 0.9 and risk_dial_is_kept(None) == []
    settings.CHAT_MOST_WRONG_PERCENT = 20
    assert dial.answerable_floor() == 0.5


@pytest.mark.parametrize("other", [{"model": "other"}, {"prompt": "000000000000"}, {"weights": "000000000000"}])
def test_a_curve_of_another_model_or_prompt_is_refused_and_the_floor_stays(curve, settings, other):
    curve(**other)
    settings.CHAT_MOST_WRONG_PERCENT = 5
    (told,) = risk_dial_is_kept(None)
    assert isinstance(told, Warning) and "was measured with" in told.msg and next(iter(other)) in told.msg
    assert dial.answerable_floor() == 0.42


def test_a_missing_or_broken_curve_is_a_warning_with_a_sentence(curve, settings):
    settings.CHAT_MOST_WRONG_PERCENT = 5
    assert "There is no risk curve" in risk_dial_is_kept(None)[0].msg
    for text in ("", "[]", '{"points": []}', '{"points": [{"threshold": 1}]}'):
        dial.CURVE.write_text(text)
        assert isinstance(risk_dial_is_kept(None)[0], Warning)
    assert dial.answerable_floor() == 0.42


def test_a_promise_that_cannot_be_kept_stops_the_start(curve, settings):
    curve()
    settings.CHAT_MOST_WRONG_PERCENT = 0.1
    (told,) = risk_dial_is_kept(None)
    assert isinstance(told, Error) and "0.1 % wrong is not reachable" in told.msg
    assert dial.answerable_floor() == 0.42


def test_an_answer_needs_what_the_dial_asks_for(curve, settings):
    curve()
    found = Retrieval(passages=["a passage"], answerable=0.7)
    settings.CHAT_MOST_WRONG_PERCENT = 5
    assert not is_enough(found, Options())
    settings.CHAT_MOST_WRONG_PERCENT = 20
    assert is_enough(found, Options())


def test_the_curve_that_ships_can_be_read():
    found = dial.read_curve(dial.CURVE)
    assert found.points and found.model and found.prompt and found.made and found.questions > 0
