"""Does this history keep every promise of the conversation? Pure: events in, violations out."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.history import Event
from tests.chaos.views import ENDED, NUMBERED, View

EDITION = re.compile(r"\b([A-Z]\w+) lantern, edition (\d+)")
EXPECTED_ERRORS = {"busy", "not_found"}
HANDED_BACK = "nobody_listening"


@dataclass(frozen=True, slots=True)
class Violation:
    kind: str
    about: str  # a reply, a question or a tab
    text: str
    at: float = 0.0

    def __str__(self) -> str:
        return f"{self.at:9.3f}  {self.kind}: {self.text} ({self.about})"


@dataclass(slots=True)
class Question:
    """One `ask` id, however often it was sent."""

    sent: float
    once: bool = False  # by somebody who does not send it again when the line breaks
    sends: int = 0
    accepted: float | None = None
    pairs: set[tuple[str, str, str]] = field(default_factory=set)  # message, reply, conversation


@dataclass(slots=True)
class Tab:
    views: dict[str, View] = field(default_factory=dict)
    last_seen: str | None = None
    people: set[str] = field(default_factory=set)  # messages of people, since the last welcome


@dataclass(slots=True)
class Findings:
    violations: list[Violation]
    counts: dict[str, int]
    outcomes: dict[str, int]


class Checker:
    """Feed it every event in order, then `conclude`. `grace`: seconds that an unheard answer goes on."""

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self.tabs: defaultdict[str, Tab] = defaultdict(Tab)
        self.questions: dict[str, Question] = {}
        self.ends: defaultdict[str, dict[tuple[Any, ...], str]] = defaultdict(dict)  # reply -> each end -> who saw it
        self.texts: dict[tuple[str, int, int], str] = {}  # the text at a place is the same for everybody
        self.joined: dict[str, str] = {}  # reply -> the deltas of its last epoch, over all lines of one tab
        self.stops: set[str] = set()
        self.rows: dict[str, Event] = {}
        self.at_end: list[Event] = []
        self.counts: Counter[str] = Counter()
        self.violations: list[Violation] = []

    def wrong(self, kind: str, about: str, text: str, at: float = 0.0) -> None:
        self.violations.append(Violation(kind, about, text, at))

    def hear(self, event: Event) -> None:
        self.counts[event["what"]] += 1
        match event["what"]:
            case "hello":
                seen = event["last_seen"]
                self.tabs[event["who"]].last_seen = seen["reply"] if seen else None
            case "ask":
                question = Question(event["t"], once=event.get("once", False))
                self.questions.setdefault(event["id"], question).sends += 1
            case "stop":
                self.stops.add(event["reply"])
            case "got":
                self._got(event)
            case "row":
                self.rows[event["id"]] = event
            case "at_end":
                self.at_end.append(event)
            case "wrong":
                self.wrong(event["kind"], event.get("about", "harness"), event["text"], event["t"])

    def _got(self, event: Event) -> None:
        frame, tab = event["frame"], self.tabs[event["who"]]
        kind = frame["type"]
        self.counts[f"frames {kind}"] += 1
        if kind == "welcome":
            self._welcome(tab, frame, event)
        elif kind == "message" and frame["role"] == "agent":
            if frame["id"] in tab.people:
                self.wrong("message_twice", frame["id"], f"{event['who']} heard a person's message again", event["t"])
            tab.people.add(frame["id"])
        elif kind == "accepted":
            self._accepted(tab, frame, event)
        elif kind == "restart" or kind in NUMBERED:
            self._numbered(tab, frame, event)
        elif kind == "error" and frame["code"] not in EXPECTED_ERRORS:
            self.wrong("refused", event["who"], f"{frame['code']}: {frame['text']}", event["t"])

    def _welcome(self, tab: Tab, frame: dict[str, Any], event: Event) -> None:
        """What the server shows is what the tab has from now on, but for the reply that goes on (`resumed`)."""
        before, tab.views = tab.views, {}
        tab.people = {row["id"] for row in frame["messages"] if row["role"] == "agent"}
        if (frame["resumed"] is None) != (tab.last_seen is None):
            self.wrong("resumed_unasked", event["who"], f"resumed is {frame['resumed']}", event["t"])
        if frame["resumed"] is True and tab.last_seen:
            kept = tab.views[tab.last_seen] = before.get(tab.last_seen) or View(event["t"])
            kept.since = event["t"]
        for row in frame["messages"]:
            if row["role"] != "bot" or row["id"] in tab.views:
                continue
            view = tab.views[row["id"]] = View.of_row(row, event["t"])
            if row["status"] == "done":
                self.ends[row["id"]].setdefault(("done", row["text"], row["outcome"], row["reason"]), event["who"])
            elif not view.ended:
                self._compare(row["id"], view, event["t"])

    def _accepted(self, tab: Tab, frame: dict[str, Any], event: Event) -> None:
        question = self.questions.get(frame["id"])
        if question is None:
            self.wrong("accepted_unasked", frame["id"], "nobody has asked this", event["t"])
            return
        question.accepted = question.accepted or event["t"]
        question.pairs.add((frame["message"], frame["reply"], frame["conversation"]))
        view = tab.views.get(frame["reply"])
        if view is None:
            tab.views[frame["reply"]] = View(event["t"])
        else:
            view.again = True

    def _numbered(self, tab: Tab, frame: dict[str, Any], event: Event) -> None:
        reply = frame["reply"]
        view = tab.views.setdefault(reply, View(event["t"]))
        before = f"{view.epoch}-{view.seq}"
        if wrong := view.hear(frame):
            now = f"{frame['type']} {frame['epoch']}-{frame.get('seq', 0)} after {before}"
            self.wrong(wrong, reply, f"{event['who']} heard {now}", event["t"])
        if frame["type"] == "delta":
            self._compare(reply, view, event["t"])
        if frame["type"] == "done":
            if not view.spoiled:
                self.joined[reply] = view.text
            self.ends[reply].setdefault(("done", frame["text"], frame["outcome"], frame["reason"]), event["who"])
            heard = event["t"] - view.since
            if frame["reason"] == HANDED_BACK and heard > self.grace:
                self.wrong("stopped_while_heard", reply, f"{event['who']} had listened for {heard:.1f} s", event["t"])
        elif frame["type"] == "failed":
            self.ends[reply].setdefault(("failed", frame["code"]), event["who"])

    def _compare(self, reply: str, view: View, at: float) -> None:
        """Whoever is at this place of this reply has this text."""
        if view.spoiled or view.epoch is None:
            return
        if self.texts.setdefault((reply, view.epoch, view.seq), view.text) != view.text:
            self.wrong("texts_differ", reply, f"two tabs have different texts at {view.epoch}-{view.seq}", at)

    def conclude(self) -> Findings:
        replies = {row["reply_to"]: row for row in self.rows.values() if row["role"] == "bot"}
        asked: defaultdict[str, list[Event]] = defaultdict(list)
        for row in self.rows.values():
            if row["role"] == "customer":
                asked[row["client_id"]].append(row)
        for key, question in self.questions.items():
            self._check_question(key, question, asked.get(key, []), replies)
        for key in asked.keys() - self.questions.keys():
            self.wrong("from_nowhere", key, "a message is stored that nobody has sent")
        for row in replies.values():
            self._check_row(row)
        self._check_tabs()
        self._check_order(asked)
        outcomes = Counter(
            f"{row['outcome'] or row['status']}{': ' + row['reason'] if row['reason'] else ''}"
            for row in replies.values()
        )
        for reply, text in self.joined.items():
            row = self.rows.get(reply)
            self.counts["identical"] += row is not None and text == row["text"]
            if row is not None and text != row["text"]:
                self.wrong("stored_is_not_heard", reply, f"its deltas make {text[:60]!r}")
        self.counts["questions"], self.counts["replies"] = len(self.questions), len(replies)
        return Findings(self.violations, dict(self.counts), dict(outcomes.most_common()))

    def _check_question(self, key: str, question: Question, stored: list[Event], replies: dict[str, Event]) -> None:
        lost = question.once and not question.pairs
        if question.accepted is None and not lost:
            self.wrong("never_accepted", key, f"sent {question.sends} times, first at {question.sent:.3f}")
        if len(question.pairs) > 1:
            self.wrong("one_question_two_answers", key, f"{len(question.pairs)} pairs were told")
        if len(stored) != 1 and not (lost and not stored):
            self.wrong("not_stored_once", key, f"{len(stored)} rows hold it")
        for row in stored:
            reply = replies.get(row["id"])
            if reply is None:
                self.wrong("no_reply", key, "its message has no reply")
            elif question.pairs and (row["id"], reply["id"], row["conversation"]) not in question.pairs:
                self.wrong("another_reply", key, f"{sorted(question.pairs)} were told, {reply['id']} is stored")

    def _check_row(self, row: Event) -> None:
        about = row["id"]
        if row["status"] not in ENDED:
            self.wrong("unfinished", about, f"{row['status']} at epoch {row['epoch']} after everything had settled")
        if row["leased"]:
            self.wrong("lease_left", about, f"a lease is held on a reply that is {row['status']}")
        if row["outcome"] == "stopped" and not row["reason"] and about not in self.stops:
            self.wrong("stopped_unasked", about, "nobody has said stop")
        end = ("done", row["text"], row["outcome"], row["reason"] or None)
        if row["status"] == "failed":
            end = ("failed", row["reason"])
        for seen, who in self.ends[about].items():
            if row["status"] in ENDED and seen != end:
                self.wrong("stored_is_not_seen", about, f"{who} saw {_short(seen)}, stored is {_short(end)}")
        revisions: defaultdict[str, set[str]] = defaultdict(set)
        for _n, article, revision in row["passages"]:
            revisions[article].add(revision)
        if any(len(several) > 1 for several in revisions.values()):
            self.wrong("passages_mixed", about, "it rests on two revisions of one article")
        editions: defaultdict[str, set[str]] = defaultdict(set)
        for name, edition in EDITION.findall(row["text"]):
            editions[name].add(edition)
        if any(len(several) > 1 for several in editions.values()):
            self.wrong("editions_mixed", about, "its text is of two editions of one article")

    def _check_tabs(self) -> None:
        for event in self.at_end:
            if not event["online"]:
                self.wrong("not_back", event["who"], "the tab has no line after everything had settled", event["t"])
            for row in self.rows.values():
                heard = row["id"] in self.tabs[event["who"]].people
                if row["role"] == "agent" and row["conversation"] == event["talk"] and not heard:
                    self.wrong(
                        "message_not_heard", row["id"], f"a person wrote it, {event['who']} lacks it", event["t"]
                    )
            for reply in event["waits"]:
                self.wrong("never_told_the_end", reply, f"{event['who']} still waits for it", event["t"])

    def _check_order(self, asked: dict[str, list[Event]]) -> None:
        """In each conversation, in the order of its rows, no question was accepted before an earlier one was sent."""
        rows = sorted((row for several in asked.values() for row in several), key=lambda row: row["id"])
        latest: dict[str, Event] = {}
        for row in rows:
            before = latest.get(row["conversation"])
            latest[row["conversation"]] = row
            now = self.questions.get(row["client_id"])
            then = self.questions.get(before["client_id"]) if before else None
            if now and then and now.accepted is not None and now.accepted < then.sent:
                self.wrong("out_of_order", row["id"], "it is stored after a question that was asked later")


def _short(end: tuple[Any, ...]) -> str:
    return " ".join(f"{str(part)[:60]!r}" for part in end)


def check(events: Iterable[Event], grace: float) -> Findings:
    checker = Checker(grace)
    for event in events:
        checker.hear(event)
    return checker.conclude()
