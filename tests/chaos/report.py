"""What a run showed: how often each fault was met, how fast all was well again, what came of the questions; pure."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.chaos.checker import Findings
from tests.chaos.history import OWN_CUT, Event
from tests.chaos.views import ENDED

AFTER_SECONDS = 1.0  # lines lost so soon after the healing were lost by the fault
MOST_SHOWN, MOST_LOGGED = 40, 15


@dataclass(slots=True)
class Timeline:
    """The moments of the history that recoveries are measured between."""

    faults: dict[int, list[Any]] = field(default_factory=dict)  # n -> [kind, from, to]
    lost: list[tuple[float, str]] = field(default_factory=list)
    welcomes: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    sent: dict[str, float] = field(default_factory=dict)
    replies: dict[str, str] = field(default_factory=dict)  # question -> reply
    accepted: dict[str, float] = field(default_factory=dict)  # reply -> when
    ended: dict[str, float] = field(default_factory=dict)
    resumed: Counter[str] = field(default_factory=Counter)
    texts: defaultdict[tuple[str, str], str] = field(default_factory=lambda: defaultdict(str))  # of who and reply
    void: dict[tuple[str, str], str] = field(default_factory=dict)  # the text before a restart
    restarts: Counter[bool] = field(default_factory=Counter)  # by whether the first words were those before
    facts: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def hear(self, event: Event) -> None:
        now = event["t"]
        match event["what"]:
            case "fault":
                self.faults[event["n"]] = [event["kind"], now, now]
            case "healed":
                self.faults[event["n"]][2] = now
            case "lost" if event["why"] != OWN_CUT:
                self.lost.append((now, event["who"]))
            case "ask":
                self.sent.setdefault(event["id"], now)
            case "fact":
                self.facts[event["name"]].append(event.get("value", event.get("text")))
            case "got":
                self._got(event["frame"], event["who"], now)

    def _got(self, frame: dict[str, Any], who: str, now: float) -> None:
        if frame["type"] == "welcome":
            self.welcomes[who].append(now)
            self.resumed[str(frame["resumed"])] += 1
            if not frame["resumed"]:
                self.texts.update({(who, row["id"]): row["text"] for row in frame["messages"]})
        elif frame["type"] == "accepted":
            self.replies[frame["id"]] = frame["reply"]
            self.accepted.setdefault(frame["reply"], now)
        elif frame["type"] in ("restart", "delta"):
            self._spoken(frame, (who, frame["reply"]))
        elif frame["type"] in ENDED:
            self.ended.setdefault(frame["reply"], now)

    def _spoken(self, frame: dict[str, Any], place: tuple[str, str]) -> None:
        if frame["type"] == "restart":
            self.void[place], self.texts[place] = self.texts[place], ""
            return
        self.texts[place] += frame["text"]
        before = self.void.pop(place, "")
        if len(before.split()) > 1:  # the gate keeps the last word back until it is whole
            self.restarts[self.texts[place].startswith(before.rsplit(maxsplit=1)[0])] += 1

    def recoveries(self) -> dict[str, list[dict[str, float | None]]]:
        """Of each kind, for each time that it was met: seconds from its beginning."""
        found: defaultdict[str, list[dict[str, float | None]]] = defaultdict(list)
        for kind, since, until in self.faults.values():
            back = [self._back(who, at) for at, who in self.lost if since <= at <= until + AFTER_SECONDS]
            running = [self.ended[r] for r, at in self.accepted.items() if at < since <= self.ended.get(r, 0.0)]
            later = [self.ended.get(self.replies.get(key, "")) for key, at in self.sent.items() if at >= since]
            found[kind].append(
                {
                    "held": round(until - since, 2),
                    "lines back": _since(since, [at for at in back if at is not None], max),
                    "running answers ended": _since(since, running, max),
                    "next answer": _since(since, [at for at in later if at is not None], min),
                }
            )
        return dict(found)

    def _back(self, who: str, at: float) -> float | None:
        """When this tab was welcomed again; None if it had gone for good."""
        welcomes = self.welcomes[who]
        place = bisect_left(welcomes, at)
        return welcomes[place] if place < len(welcomes) else None


def _since(beginning: float, moments: Sequence[float], choose: Any) -> float | None:
    return round(choose(moments) - beginning, 2) if moments else None


def summarise(events: Iterable[Event], findings: Findings, about: dict[str, Any]) -> dict[str, Any]:
    """The report as data; `about` is what the run itself knows: seed, seconds, settings, logs."""
    timeline = Timeline()
    for event in events:
        timeline.hear(event)
    faults = {}
    for kind, times in sorted(timeline.recoveries().items()):
        faults[kind] = {"times": len(times)}
        for name in times[0]:
            known = [time[name] for time in times if time[name] is not None]
            faults[kind][name] = {"p50": round(median(known), 2), "worst": max(known)} if known else None
    waits = sorted(timeline.ended[reply] - at for reply, at in timeline.accepted.items() if reply in timeline.ended)
    return {
        **about,
        "faults": faults,
        "faults_in_all": sum(row["times"] for row in faults.values()),
        "restarts": timeline.restarts.total(),
        "went_on": timeline.restarts[True],
        "questions": findings.counts.get("questions", 0),
        "sends": findings.counts.get("ask", 0),
        "identical": findings.counts.get("identical", 0),
        "lines": findings.counts.get("dial", 0),
        "lines_lost": findings.counts.get("lost", 0),
        "welcomes": dict(timeline.resumed),
        "frames": sum(n for name, n in findings.counts.items() if name.startswith("frames ")),
        "answer_seconds": {"p50": _at(waits, 0.5), "p99": _at(waits, 0.99), "worst": _at(waits, 1.0)},
        "outcomes": findings.outcomes,
        "facts": {name: values for name, values in timeline.facts.items()},
        "violations": [{"kind": v.kind, "about": v.about, "text": v.text, "at": v.at} for v in findings.violations],
    }


def _at(values: Sequence[float], share: float) -> float | None:
    return round(values[min(len(values) - 1, int(share * len(values)))], 2) if values else None


def as_text(report: dict[str, Any]) -> str:
    """For people."""
    names = ("held", "lines back", "running answers ended", "next answer")
    lines = [f"{'fault':28}{'times':>6}" + "".join(f"{name:>24}" for name in names)]
    lines.append(f"{'':34}" + f"{'p50 / worst, s':>24}" * len(names))
    for kind, row in report["faults"].items():
        cells = [f"{row[n]['p50']:.1f} / {row[n]['worst']:.1f}" if row[n] else "-" for n in names]
        lines.append(f"{kind:28}{row['times']:>6}" + "".join(f"{cell:>24}" for cell in cells))
    lines += [
        "",
        f"{report['faults_in_all']} faults in {report['seconds']:.0f} s, seed {report['seed']}; "
        f"{report['questions']} questions sent {report['sends']} times over {report['lines']} lines, "
        f"{report['lines_lost']} of them lost; welcomes by `resumed`: {report['welcomes']}; "
        f"{report['frames']} frames heard",
        f"answers whose deltas, over all lines of a tab, are byte by byte what is stored: {report['identical']}",
        f"`restart`s that went on with the words before: {report['went_on']} of {report['restarts']}",
        f"an answer took {report['answer_seconds']['p50']} s (p50), {report['answer_seconds']['p99']} s (p99), "
        f"{report['answer_seconds']['worst']} s (worst)",
        "outcomes: " + ", ".join(f"{name} {count}" for name, count in report["outcomes"].items()),
    ]
    lines += [f"{name}: {_short(values)}" for name, values in report["facts"].items()]
    lines.append(f"memory, MB: {report['memory_mb']}")
    for name in ("logged", "raised"):
        most = list(report[name].items())[:MOST_LOGGED]
        lines += [f"{name} {count} times: {what}" for what, count in most]
    kinds = Counter(violation["kind"] for violation in report["violations"])
    lines.append(f"{len(report['violations'])} violations" + (f": {dict(kinds)}" if kinds else ""))
    for violation in report["violations"][:MOST_SHOWN]:
        lines.append(f"  {violation['at']:9.3f}  {violation['kind']}: {violation['text']} ({violation['about']})")
    return "\n".join(lines)


def _short(values: Sequence[Any]) -> str:
    numbers = [value for value in values if isinstance(value, int | float)]
    if numbers and len(numbers) == len(values):
        return f"{len(numbers)} times, p50 {median(numbers):.1f}, worst {max(numbers):.1f}"
    return ", ".join(f"{value} ({count})" for value, count in Counter(map(str, values)).most_common(10))
