"""What `bench burst` and `bench sockets` make of what they hear; and a small burst against the whole product."""

import pytest

from chat.bench import burst, sockets

REPLY = "0199"


def told(*frames):
    """What a visitor has noted after these frames, one a second."""
    visitor, said = burst.Visitor("ws://127.0.0.1:1/"), ""
    for second, frame in enumerate(frames, 1):
        said = visitor._note({"reply": REPLY} | frame, said, float(second))
    return visitor._asked


ACCEPTED = {"type": "accepted", "conversation": "0198"}
QUEUED = {"type": "stage", "stage": "queued", "position": 4}
DONE = {"type": "done", "text": "Within 60 days.", "outcome": "answered", "reason": None}


def delta(text):
    return {"type": "delta", "text": text}


def test_place_word_and_end_are_timed():
    asked = told(ACCEPTED, QUEUED, delta("Within "), delta("60 days."), DONE)
    assert (asked.accepted, asked.place, asked.position, asked.word, asked.end) == (1.0, 2.0, 4, 3.0, 5.0)
    assert (asked.outcome, asked.faults) == ("answered", [])


def test_what_was_taken_back_is_no_part_of_the_text():
    asked = told(ACCEPTED, delta("Perhaps "), {"type": "restart", "epoch": 2}, delta("Within 60 days."), DONE)
    assert (asked.restarts, asked.faults) == (1, [])


def test_pieces_that_do_not_make_the_text_are_a_fault():
    assert told(ACCEPTED, delta("Within "), DONE).faults == ["the pieces are not the text"]


def test_a_refusal_is_an_ending_and_a_fault():
    asked = told({"type": "error", "code": "rate_limited"})
    assert (asked.outcome, asked.faults) == ("refused: rate_limited", ["refused: rate_limited"])


def test_the_summary_counts_who_was_lost():
    rows = [told(ACCEPTED, QUEUED, delta("Within 60 days."), DONE), burst.Asked("?", faults=["lost: TimeoutError"])]
    summary = burst.summary_of(rows)
    assert (summary["lost"], summary["generated"], summary["told_a_position"]) == (1, 1, 1)
    assert summary["faults"] == {"lost: TimeoutError": 1}


def test_a_spread_names_the_middle_and_the_end():
    assert sockets.spread([float(n) for n in range(101)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


@pytest.mark.stack
def test_a_few_at_once_are_all_answered(live_stack):
    url = live_stack.url.replace("http://", "ws://") + "/ws/chat/demo/"
    said = []
    result = burst.measure(url, {"n": 4, "seconds": 120.0}, said.append)
    summary = result["summary"]
    assert (summary["lost"], summary["faults"], len(result["rows"])) == (0, {}, 4)
    assert any(line.startswith("end_seconds") for line in said)
