"""What the rows of a run come to: means with intervals by set and together, times, and a run less another. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from chat.evaluation.marks import MEANING, gold_sentence, marks
from chat.evaluation.rows import Row
from knowledge.evaluation_files import GivenArticle, GivenQuestion
from knowledge.metrics import Estimate, mean_with_interval

ENDS = ("right", "wrong", "answered without an answer", "wrongly refused", "rightly refused")
Key = tuple[str, str]  # a question's id and its words: the same question in two runs, whatever its set was called


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer and what was measured of it."""

    given: GivenQuestion
    row: Row
    marks: dict[str, float]
    wanted: str  # the sentence that a good answer is near to

    @property
    def key(self) -> Key:
        return self.given.id, self.given.question

    @property
    def end(self) -> str:
        if self.given.answerable:
            return "right" if self.marks["right answers"] else "wrong" if self.row.is_answered else "wrongly refused"
        return "answered without an answer" if self.row.is_answered else "rightly refused"


@dataclass(frozen=True, slots=True)
class SetSummary:
    name: str  # empty: all sets together, each question weighing the same
    judged: list[Judged]
    means: dict[str, Estimate]
    ends: dict[str, int]
    times: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {name: estimate.as_json() for name, estimate in self.means.items()}
        return told | {"ms": self.times, "ends": self.ends, "questions": len(self.judged)}


def judge(
    questions: Sequence[GivenQuestion], rows: Sequence[Row], articles: Mapping[str, GivenArticle]
) -> list[Judged]:
    """The questions that have a row. `articles` by id."""
    found = {row.id: row for row in rows}
    judged = []
    for given in (one for one in questions if one.id in found):
        wanted = gold_sentence(given, dict(articles))
        judged.append(Judged(given, found[given.id], marks(given, found[given.id], wanted), wanted))
    return judged


def summarise(name: str, judged: Sequence[Judged]) -> SetSummary:
    means = {
        mark: mean_with_interval(values)
        for mark in MEANING
        if (values := [one.marks[mark] for one in judged if mark in one.marks])
    }
    ends = Counter(one.end for one in judged)
    times = speed([one.row for one in judged])
    return SetSummary(name, list(judged), means, {end: ends[end] for end in ENDS if ends[end]}, times)


def speed(rows: Sequence[Row]) -> dict[str, float]:
    """Milliseconds to the first words and to the end, and the mean tokens of a prompt and of what was written."""
    told: dict[str, float] = {}
    for name in ("first", "total"):
        if times := sorted(row.ms[name] for row in rows if name in row.ms):
            told |= {f"{name} p50": round(median(times), 1), f"{name} p95": times[int(0.95 * (len(times) - 1))]}
    for name, counts in (
        ("tokens in", [row.tokens_in for row in rows if row.tokens_in]),
        ("tokens", [row.tokens_out for row in rows if row.tokens_out]),
    ):
        told[name] = round(sum(counts) / len(counts), 1) if counts else 0.0
    return told


def differences(ours: Sequence[Judged], theirs: Sequence[Judged]) -> dict[str, Estimate]:
    """Paired, ours less theirs, over the questions that both runs were marked on."""
    other = {one.key: one.marks for one in theirs}
    told = {}
    for mark in MEANING:
        pairs = [
            one.marks[mark] - other[one.key][mark]
            for one in ours
            if mark in one.marks and mark in other.get(one.key, {})
        ]
        if pairs:
            told[mark] = mean_with_interval(pairs)
    return told


def lines(summary: SetSummary) -> list[str]:
    told = [f"{name:28} {estimate}" for name, estimate in summary.means.items()]
    told.append(f"{'ends':28} " + ", ".join(f"{end} {n}" for end, n in summary.ends.items()))
    return [*told, f"{'ms':28} " + ", ".join(f"{name} {value:g}" for name, value in summary.times.items())]


def difference_lines(told: Mapping[str, Estimate]) -> list[str]:
    return [f"{name:28} {one.signed} more than in the other run" for name, one in told.items()]
