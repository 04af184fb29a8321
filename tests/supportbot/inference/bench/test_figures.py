"""The arithmetic of the engine's benchmark: what is said of times that are known."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbot.inference.bench.figures import Heard, Round, interval, quantile, ratio, row, share_of_roof, token


def heard(question: str, whole: float, *, first: float = 0.5, tokens: int = 11, prompt: int = 100) -> Heard:
    return Heard(question, prompt, tokens, first, whole)


def taken(peer: str, repeat: int, *wholes: float, streams: int = 1) -> Round:
    answers = tuple(heard(f"q{repeat}-{number}", whole) for number, whole in enumerate(wholes))
    return Round(peer, streams, repeat, sum(wholes), answers)


def test_the_rates_of_one_stream_are_those_of_its_parts():
    told = row([Round("ours", 1, 0, 2.0, (heard("a", 1.5), heard("b", 0.5, tokens=1)))])
    assert told["prefill_rate"] == pytest.approx(200)
    assert told["decode_rate"] == pytest.approx(10), "ten tokens in the second after the first one"
    assert told["rate_in_all"] == pytest.approx(6), "twelve tokens in two seconds"
    assert (told["answers"], told["new_tokens"], told["rounds"]) == (2, 12, 1)


def test_of_several_streams_no_prompt_is_read_alone():
    assert row([Round("ours", 4, 0, 2.0, (heard("a", 1.5),))])["prefill_rate"] is None


def test_answers_of_one_token_have_no_rate_of_writing():
    assert row([Round("ours", 1, 0, 0.5, (heard("a", 0.5, tokens=1),))])["decode_rate"] is None


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.25, 1), (0.5, 2), (0.51, 3), (0.95, 4), (1.0, 4)])
def test_a_quantile_is_a_value_that_was_measured(share, value):
    assert quantile([4, 2, 1, 3], share) == value


def test_a_ratio_pairs_the_same_question_of_the_same_repeat_alone():
    rounds = [taken("ours", 0, 1.0, 2.0), taken("peer", 0, 3.0, 6.0), taken("ours", 1, 10.0), taken("peer", 1, 30.0)]
    rounds += [taken("peer", 2, 1.0), taken("ours", 0, 5.0, streams=4), taken("peer", 0, 5.0, streams=4)]
    found = ratio(rounds, "ours", "peer", 1)
    assert (found.value, found.low, found.high) == (3.0, 3.0, 3.0)
    assert (found.pairs, found.rounds) == (3, 2)
    assert ratio(rounds, "ours", "peer", 4).value == 1.0
    assert ratio(rounds, "ours", "nobody", 1) is None


def test_the_seconds_of_a_token_are_compared_without_the_prompts():
    rounds = [
        Round("ours", 1, 0, 1.5, (heard("a", 1.5), heard("b", 0.5, tokens=1))),
        Round("peer", 1, 0, 3.5, (heard("a", 5.5, first=3.5), heard("b", 9.0, tokens=1))),
    ]
    found = ratio(rounds, "ours", "peer", 1, token)
    assert (found.value, found.pairs) == (pytest.approx(2.0), 1), "an answer of one token has no such time"


def test_a_slow_minute_that_hits_both_changes_no_ratio():
    chance = random.Random(3)
    rounds = []
    for repeat in range(8):
        slow = chance.uniform(1, 5)
        rounds += [taken("ours", repeat, slow, 2 * slow), taken("peer", repeat, 2 * slow, 4 * slow)]
    found = ratio(rounds, "ours", "peer", 1)
    assert found.low == pytest.approx(2) and found.high == pytest.approx(2)


def test_a_disturbed_round_widens_the_interval_and_leaves_the_middle():
    found = interval([[2.0, 2.1], [1.9, 2.0], [2.0, 2.2], [9.0, 9.5]])
    assert 1.9 <= found.value <= 2.2
    assert found.high > 2.2 and found.low >= 1.9


@settings(max_examples=20)
@given(st.lists(st.lists(st.floats(0.01, 100), min_size=1, max_size=5), min_size=1, max_size=6))
def test_an_interval_holds_its_middle_and_is_the_same_each_time(groups):
    found = interval(groups)
    values = [value for group in groups for value in group]
    assert min(values) <= found.low <= found.high <= max(values)
    assert found == interval(groups)


def test_the_share_of_the_roof_is_of_reading_every_weight_once_a_token():
    assert share_of_roof(rate=50, weights=200_000_000, bandwidth=20e9) == pytest.approx(0.5)
