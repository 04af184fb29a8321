"""What the report tells of a fault: how long it was held, and when all was well again."""

from tests.chaos.checker import check
from tests.chaos.report import as_text, summarise


def got(t, kind, who="dora.1", **fields):
    return {"t": t, "what": "got", "who": who, "frame": {"type": kind, **fields}}


def done(t, reply):
    end = {"text": "", "outcome": "answered", "reason": None, "citations": []}
    return got(t, "done", reply=reply, epoch=1, seq=1, **end)


EVENTS = [
    {"t": 1.0, "what": "ask", "who": "dora.1", "id": "one"},
    got(1.5, "accepted", id="one", message="m1", reply="r1", conversation="c"),
    {"t": 2.0, "what": "fault", "n": 1, "kind": "web killed"},
    {"t": 2.1, "what": "lost", "who": "dora.1", "why": "closed"},
    {"t": 2.1, "what": "lost", "who": "gone.1", "why": "closed"},
    {"t": 3.0, "what": "ask", "who": "emil.1", "id": "two"},
    got(3.5, "accepted", "emil.1", id="two", message="m2", reply="r2", conversation="d"),
    {"t": 4.0, "what": "healed", "n": 1, "kind": "web killed"},
    got(4.5, "welcome", resumed=None, messages=[]),
    done(5.0, "r2"),
    done(6.0, "r1"),
    {"t": 6.5, "what": "fact", "name": "seconds to settle", "value": 0.5},
]


ABOUT = {"seed": 7, "seconds": 6.0, "memory_mb": {}, "logged": {"web-1: lease lost": 2}, "raised": {}}


def test_a_recovery_is_measured_from_the_beginning_of_the_fault():
    report = summarise(EVENTS, check(EVENTS, 8.0), ABOUT)
    row = report["faults"]["web killed"]
    assert row["times"] == report["faults_in_all"] == 1
    assert row["held"] == {"p50": 2.0, "worst": 2.0}
    assert row["lines back"] == {"p50": 2.5, "worst": 2.5}  # whoever has gone for good is not waited for
    assert row["running answers ended"] == {"p50": 4.0, "worst": 4.0}
    assert row["next answer"] == {"p50": 3.0, "worst": 3.0}
    assert report["answer_seconds"]["worst"] == 4.5
    assert report["welcomes"] == {"None": 1}


def test_the_table_names_the_fault_the_seed_and_every_violation():
    report = summarise(EVENTS, check(EVENTS, 8.0), ABOUT)
    text = as_text(report)
    assert "web killed" in text
    assert "seed 7" in text
    assert len(report["violations"]) == text.count("not_stored_once: ") == 2  # no row was noted
