"""The checker finds what is planted, and finds nothing in a good story."""

import copy

import pytest

from tests.chaos.checker import check

GRACE = 8.0
ASK, MESSAGE, REPLY, TALK = "ask-1", "message-1", "reply-1", "talk-1"
SOURCES = [{"n": 1, "title": "Lamps", "url": "", "heading": ""}]


def got(t, kind, who="dora.1", **fields):
    return {"t": t, "what": "got", "who": who, "frame": {"type": kind, **fields}}


def numbered(t, kind, epoch, seq, who="dora.1", **fields):
    return got(t, kind, who, reply=REPLY, epoch=epoch, seq=seq, **fields)


def done(t, epoch, seq, text, who="dora.1", outcome="answered", reason=None, citations=()):
    end = {"text": text, "outcome": outcome, "reason": reason, "citations": list(citations)}
    return numbered(t, "done", epoch, seq, who, **end)


def hello(t, who="dora.1", last_seen=None):
    return {"t": t, "what": "hello", "who": who, "last_seen": last_seen}


def welcome(t, who="dora.1", resumed=None, messages=()):
    return got(t, "welcome", who, resumed=resumed, messages=list(messages))


def seen(epoch, seq):
    return {"reply": REPLY, "epoch": epoch, "seq": seq}


def bot_row(epoch, seq, text, status="streaming", outcome=None, reason=None):
    row = {"id": REPLY, "role": "bot", "epoch": epoch, "seq": seq, "text": text, "status": status}
    return row | {"outcome": outcome, "reason": reason, "sources": SOURCES}


def rows(text="two words", epoch=2, status="done", outcome="answered", reason="", leased=False, passages=()):
    own = {"t": 60, "what": "row", "conversation": TALK}
    customer = {"id": MESSAGE, "role": "customer", "client_id": ASK, "reply_to": None, "text": "?", "status": "done"}
    bot = {"id": REPLY, "role": "bot", "client_id": None, "reply_to": MESSAGE, "text": text, "status": status}
    rest = {"outcome": outcome, "reason": reason, "epoch": epoch, "leased": leased, "passages": list(passages)}
    return [own | customer | rest | {"passages": [], "leased": False}, own | bot | rest]


def row_of_person():
    return rows()[0] | {"id": "message-9", "role": "agent", "client_id": None, "text": "Hi"}


def story():
    """Asked, cut off, resumed, restarted in a new epoch by another owner, and ended; a second tab comes in between."""
    return [
        hello(0),
        welcome(1),
        {"t": 2, "what": "ask", "who": "dora.1", "id": ASK},
        got(3, "accepted", id=ASK, message=MESSAGE, reply=REPLY, conversation=TALK),
        numbered(4, "sources", 1, 1, sources=SOURCES),
        numbered(5, "delta", 1, 2, text="half "),
        {"t": 6, "what": "lost", "who": "dora.1", "why": "closed"},
        hello(7, last_seen=seen(1, 2)),
        welcome(8, resumed=True, messages=[bot_row(1, 0, "")]),
        numbered(9, "delta", 1, 3, text="a"),
        got(10, "restart", reply=REPLY, epoch=2),
        numbered(11, "sources", 2, 1, sources=SOURCES),
        numbered(12, "delta", 2, 2, text="two "),
        hello(13, "dora.2"),
        welcome(14, "dora.2", messages=[bot_row(2, 2, "two ")]),
        numbered(15, "delta", 2, 3, text="words"),
        numbered(15, "delta", 2, 3, "dora.2", text="words"),
        done(16, 2, 4, "two words", citations=[1]),
        done(16, 2, 4, "two words", "dora.2", citations=[1]),
        {"t": 50, "what": "at_end", "who": "dora.1", "online": True, "waits": [], "talk": TALK},
        *rows(),
    ]


def kinds(events):
    return {violation.kind for violation in check(events, GRACE).violations}


def change(events, at, **fields):
    """The same history with other fields in the frame heard at this second."""
    changed = copy.deepcopy(events)
    for event in changed:
        if event["t"] == at and event["what"] == "got":
            event["frame"].update(fields)
    return changed


def without(events, at):
    return [event for event in events if event["t"] != at]


def test_a_good_story_has_no_violation():
    found = check(story(), GRACE)
    assert not found.violations
    assert found.outcomes == {"answered": 1}
    assert found.counts["questions"] == found.counts["replies"] == 1


def test_a_question_asked_again_after_its_end_may_be_told_again():
    again = [
        {"t": 20, "what": "ask", "who": "dora.1", "id": ASK},
        got(21, "accepted", id=ASK, message=MESSAGE, reply=REPLY, conversation=TALK),
        numbered(22, "sources", 2, 1, sources=SOURCES),
        numbered(23, "delta", 2, 2, text="two "),
        numbered(24, "delta", 2, 3, text="words"),
        done(25, 2, 4, "two words", citations=[1]),
    ]
    assert kinds([*story(), *again]) == set()


PLANTED = {
    "a frame is missing": (lambda s: without(s, 9), set()),  # the restart makes it good
    "a frame is missing before the end": (lambda s: without(s, 12), {"gap", "never"}),
    "a frame comes twice": (lambda s: [*s[:6], s[5], *s[6:]], {"repeated"}),
    "a restart is missing": (lambda s: without(s, 10), {"epoch_without_restart"}),
    "an owner that has lost speaks on": (
        lambda s: [*s[:13], numbered(12.5, "delta", 1, 4, text="old"), *s[13:]],
        {"older_epoch", "epoch_without_restart"},
    ),
    "a restart goes back": (
        lambda s: [*s[:13], got(12.5, "restart", reply=REPLY, epoch=1), *s[13:]],
        {"restart_of_an_old_epoch", "epoch_without_restart"},
    ),
    "the end is told twice": (lambda s: [*s, done(17, 2, 5, "two words")], {"after_end"}),
    "done is not what was told": (lambda s: change(s, 16, text="other words"), {"deltas_are_not_the_text"}),
    "a passage is cited that was not shown": (lambda s: change(s, 16, citations=[3]), {"cited_without_source"}),
    "the row is another text": (lambda s: [*s[:-2], *rows("two wards")], {"stored_is_not_seen"}),
    "the row has another outcome": (lambda s: [*s[:-2], *rows(outcome="extracted")], {"stored_is_not_seen"}),
    "the row failed": (lambda s: [*s[:-2], *rows(status="failed", outcome="")], {"stored_is_not_seen"}),
    "the reply never ended": (lambda s: [*s[:-2], *rows(status="streaming", outcome="")], {"unfinished"}),
    "a lease is left": (lambda s: [*s[:-2], *rows(leased=True)], {"lease_left"}),
    "it was stopped by nobody": (lambda s: [*s[:-2], *rows(outcome="stopped")], {"stopped_unasked"}),
    "two tabs have different texts": (
        lambda s: change(s, 14, messages=[bot_row(2, 2, "too ")]),
        {"texts_differ", "deltas_are_not_the_text"},
    ),
    "one question has two answers": (
        lambda s: [*s[:4], got(3.5, "accepted", id=ASK, message="m", reply="r", conversation=TALK), *s[4:]],
        {"one_question_two_answers"},
    ),
    "one question is stored twice": (lambda s: [*s, s[-2] | {"id": "message-2"}], {"not_stored_once"}),
    "a question is lost": (lambda s: s[:-2], {"not_stored_once"}),
    "a message comes from nowhere": (
        lambda s: [*s, s[-2] | {"id": "message-2", "client_id": "ask-2"}],
        {"from_nowhere"},
    ),
    "a question was never accepted": (lambda s: without(s, 3), {"never_accepted"}),
    "a tab never hears the end": (
        lambda s: [*s, {"t": 51, "what": "at_end", "who": "dora.2", "online": True, "waits": [REPLY], "talk": TALK}],
        {"never_told_the_end"},
    ),
    "a tab does not come back": (
        lambda s: [*s, {"t": 51, "what": "at_end", "who": "dora.2", "online": False, "waits": [], "talk": TALK}],
        {"not_back"},
    ),
    "a person's message is not heard": (lambda s: [*s, row_of_person()], {"message_not_heard"}),
    "a person's message is heard twice": (
        lambda s: [*s, row_of_person(), *2 * [got(40, "message", id="message-9", role="agent", text="Hi")]],
        {"message_twice"},
    ),
    "two revisions are quoted": (
        lambda s: [*s[:-2], *rows(passages=[[1, "lamps", "old"], [2, "lamps", "new"]])],
        {"passages_mixed"},
    ),
    "an error that nobody deserves": (
        lambda s: [*s, got(20, "error", code="bad_token", text="Your session has ended.")],
        {"refused"},
    ),
    "the harness itself saw something": (
        lambda s: [*s, {"t": 20, "what": "wrong", "kind": "drain_too_long", "text": "web-1"}],
        {"drain_too_long"},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name):
    plant, expected = PLANTED[name]
    found = kinds(plant(story()))
    assert expected - {"never"} <= found
    assert bool(found) == bool(expected)


def test_an_answer_that_is_given_up_while_somebody_listens_is_found():
    end = {"outcome": "stopped", "reason": "nobody_listening"}
    gave_up = change(change(story(), 16, **end), 16, **end)[:-2]
    early = [*gave_up, *rows(**end)]
    assert kinds(early) == set()  # each tab had come only a moment before
    late = [event | {"t": event["t"] + (20 if event["t"] >= 16 else 0)} for event in early]
    assert "stopped_while_heard" in kinds(late)


def test_two_editions_in_one_text_are_found():
    text = "The Aster lantern, edition 2, lasts. The Aster lantern, edition 3, does not."
    assert "editions_mixed" in kinds(rows(text) + [{"t": 2, "what": "ask", "who": "dora.1", "id": ASK}])


def test_a_question_that_sorts_before_an_earlier_one_is_found():
    later = {"t": 30, "what": "ask", "who": "dora.1", "id": "ask-0"}
    accepted = got(31, "accepted", id="ask-0", message="message-0", reply="reply-0", conversation=TALK)
    stored = [row | {"id": row["id"].replace("-1", "-0")} for row in rows("")]
    stored[0]["client_id"], stored[1]["reply_to"] = "ask-0", "message-0"
    assert kinds([*story(), later, accepted, *stored]) == {"out_of_order"}
