"""What `evaluate facts` tells: delivered facts, false stops and kinds of answers, by set, by language and in all."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from chat.evaluation.coarse_facts import unlicensed
from chat.evaluation.facts_rows import Pair
from chat.evaluation.rows import Row
from chat.evaluation.shares import Share, share_of

SHOWN = 40  # answers of a list that is to be read
ALL = "all"
HEARD = 160  # characters of an answer in such a list


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer as the independent checker sees it: facts of what was delivered, and of all that the model wrote."""

    row: Row
    delivered: list[str]
    before: list[str]

    @property
    def wrote(self) -> bool:
        return self.row.heard_model and bool(self.row.model_answer)

    @property
    def is_false_stop(self) -> bool:
        return self.row.is_stopped and not self.before


def judge(row: Row) -> Judged:
    delivered = unlicensed(row.answer, row.texts, row.asked) if row.is_delivered else []
    before = unlicensed(row.model_answer, row.texts, row.asked) if row.model_answer else []
    return Judged(row, delivered, before)


@dataclass(frozen=True, slots=True)
class Group:
    """What customers got, and what they got when the model was asked wherever there was a passage."""

    live: list[Judged] = field(default_factory=list)
    model: list[Judged] = field(default_factory=list)

    @property
    def wrote(self) -> list[Judged]:
        return [one for one in self.model if one.wrote]

    @property
    def delivered(self) -> list[Judged]:
        """Every answer once: of most, what customers got is what the model said."""
        both = {id(one): one for one in (*self.live, *self.model) if one.row.is_delivered}
        return list(both.values())

    def figures(self) -> dict[str, Share]:
        live = [one for one in self.live if one.row.is_delivered]
        model = [one for one in self.model if one.row.is_delivered]
        return {
            "unsupported, as customers are answered": share_of(live, lambda one: bool(one.delivered)),
            "unsupported, model asked each time": share_of(model, lambda one: bool(one.delivered)),
            "unsupported in the model's words, before the gate": share_of(self.wrote, lambda one: bool(one.before)),
            "stopped by the gate": share_of(self.wrote, lambda one: one.row.is_stopped),
            "stopped, every fact licensed": share_of(self.wrote, lambda one: one.is_false_stop),
        }


def lines(pairs: Sequence[Pair]) -> list[str]:
    """Tables in Markdown, then what is to be read."""
    by_set = grouped(pairs, lambda one: one.live.set)
    told = [f"{len(pairs):,} questions; shares with Wilson's intervals of 95 %", "", *_table("set", by_set)]
    by_language = grouped(pairs, lambda one: one.live.language or "not told")
    if len(by_language) > 2:
        told += ["", *_table("language", by_language)]
    by_answer = grouped(pairs, lambda one: "with an answer" if one.answerable else "without an answer")
    told += ["", *_kinds("set", by_set), "", *_kinds("questions", by_answer), "", *_stops(by_set[ALL].wrote)]
    false = [one for one in by_set[ALL].wrote if one.is_false_stop]
    passed = [one for one in by_set[ALL].delivered if one.delivered]
    told += _to_read("Delivered with a fact that stands in no passage", [(one, one.delivered) for one in passed])
    told += _to_read("Stopped, and every fact stands in a passage", [(one, [one.row.stopped]) for one in false])
    return told


def grouped(pairs: Sequence[Pair], name: Callable[[Pair], str]) -> dict[str, Group]:
    """By name, and all of them together behind the others."""
    groups: dict[str, Group] = {}
    everything = Group()
    for pair in pairs:
        live = judge(pair.live)
        model = live if pair.model is pair.live else judge(pair.model)
        for group in (groups.setdefault(name(pair), Group()), everything):
            group.live.append(live)
            group.model.append(model)
    return dict(sorted(groups.items())) | {ALL: everything}


def kind_of(row: Row) -> str:
    """What a customer got, in words."""
    if row.is_small_talk:
        return "small talk"
    if row.outcome == "extracted":
        return f"extract, {row.reason}"
    if row.outcome == "abstained":
        return f"declined, {row.reason}"
    return "the model's words" if row.outcome == "answered" else row.outcome


def _table(head: str, groups: dict[str, Group]) -> Iterator[str]:
    names = list(Group().figures())
    yield f"| {head} | {' | '.join(names)} |"
    yield f"|---{'|---' * len(names)}|"
    for name, group in groups.items():
        yield f"| {name} | {' | '.join(map(str, group.figures().values()))} |"


def _kinds(head: str, groups: dict[str, Group]) -> Iterator[str]:
    """What became of the questions, and how long it took."""
    yield f"| {head} | asked | seconds, p50 and p95 | the model asked | what customers got |"
    yield "|---|---|---|---|---|"
    for name, group in groups.items():
        kinds = Counter(kind_of(one.row) for one in group.live)
        told = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        asked = [one for one in group.model if one.row.heard_model]
        yield f"| {name} | {len(group.live)} | {_times(group.live)} | {_times(asked)} of {len(asked)} | {told} |"


def _times(judged: Sequence[Judged]) -> str:
    times = sorted(one.row.ms["total"] / 1000 for one in judged if "total" in one.row.ms)
    return f"{median(times):.1f} and {times[int(0.95 * (len(times) - 1))]:.1f}" if times else "-"


def _stops(wrote: Sequence[Judged]) -> Iterator[str]:
    """By the kind of fact, which stands before the colon."""
    stopped = [one for one in wrote if one.row.is_stopped]
    every = Counter(one.row.stopped.partition(":")[0] for one in stopped)
    false = Counter(one.row.stopped.partition(":")[0] for one in stopped if one.is_false_stop)
    told = ", ".join(f"{kind} {count} ({false[kind]})" for kind, count in every.most_common()) or "none"
    yield f"stopped by kind, and in brackets with every fact licensed: {told}"


def _to_read(title: str, found: Sequence[tuple[Judged, Sequence[str]]]) -> Iterator[str]:
    yield ""
    yield f"{title}: {len(found)}"
    for one, facts in found[:SHOWN]:
        said = " ".join((one.row.model_answer if one.row.is_stopped else one.row.answer).split())
        yield f"- {one.row.set} {one.row.id}: {', '.join(facts)}: {said[:HEARD]}"
