"""The page that `evaluate answers --html` writes: what was measured of the answers, drawn and said."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from chat.evaluation.marks import MEANING
from chat.evaluation.pictures import Axis, Bar, Line, curve, facts, folded, heading, intervals, page, shares, table
from chat.evaluation.summary import ENDS, Judged, SetSummary
from knowledge.metrics import Estimate

SHOWN = 8  # answers of each kind
MAX_CHARS = 400
TONES = dict(zip(ENDS, ("good", "bad", "warn", "dull", "fair"), strict=True))
SECONDS = (0.1, 0.3, 1, 3, 10, 30)


def page_of(
    recipe: Mapping[str, Any], summaries: Sequence[SetSummary], paired: Mapping[str, Estimate], against: str
) -> str:
    """The whole page. `paired` are the differences to the run in the file `against`."""
    count = len(summaries[-1].judged)
    lead = (
        f"{count:,} questions, {datetime.now(UTC):%d %B %Y}. Marks show the mean, bars its 95 % interval by resampling "
        "the questions."
    )
    parts = [_recipe(recipe)]
    if paired:
        parts += _differences(paired, against)
    for one in reversed(summaries):
        parts += _set(one, alone=len(summaries) == 1)
    parts += [heading("Answers to read by eye", f"At most {SHOWN} of each kind."), *_examples(summaries[-1].judged)]
    return page("How good the answers are", lead, parts)


def percent(one: Estimate) -> str:
    return f"{100 * one.value:.0f} % [{100 * one.low:.0f}, {100 * one.high:.0f}], n = {one.n:,}"


def _recipe(recipe: Mapping[str, Any]) -> SafeString:
    told = {name: value for name, value in recipe.items() if name != "settings"} | dict(recipe.get("settings", {}))
    return folded("How the answers were made", [facts((name, value) for name, value in told.items())])


def _set(one: SetSummary, *, alone: bool) -> list[SafeString]:
    name = "The answers" if alone else one.name or "All sets together"
    bars = [
        Bar(mark, MEANING[mark][0], estimate, "good" if MEANING[mark][1] else "warn", percent(estimate))
        for mark, estimate in one.means.items()
    ]
    return [
        heading(f"{name}: {len(one.judged):,} questions"),
        shares(f"What became of the questions, {name}", [(end, n, TONES[end]) for end, n in one.ends.items()]),
        intervals(bars),
        folded("Times and tokens", [*_times(one)]),
    ]


def _times(one: SetSummary) -> list[SafeString]:
    """How many answers had their first words, and their end, after how many seconds."""
    lines = []
    for name, label, tone in (("first", "first words", "fair"), ("total", "end of the answer", "good")):
        times = sorted(judged.row.ms[name] / 1000 for judged in one.judged if name in judged.row.ms)
        points = [(_scaled(seconds), (place + 1) / len(times)) for place, seconds in enumerate(times)]
        lines.append(Line(label, tone, points))
    ticks = [(_scaled(seconds), f"{seconds:g} s") for seconds in SECONDS]
    shown = [(label, f"{value:,.0f}") for label, value in one.times.items()]
    picture = curve(
        "Answers by time",
        [line for line in lines if line.points],
        x=Axis("seconds since the question", ticks),
        y=Axis("share of the answers", [(0, "0 %"), (0.5, "50 %"), (1, "100 %")]),
    )
    return [picture, table(["", "milliseconds or tokens"], shown)]


def _scaled(seconds: float) -> float:
    """On an axis where each of SECONDS is as far from the next: seconds and tenths of them are both to be seen."""
    for place, (low, high) in enumerate(zip(SECONDS, SECONDS[1:], strict=False)):
        if seconds < high:
            return place + max(0.0, (seconds - low) / (high - low))
    return len(SECONDS) - 1


def _differences(paired: Mapping[str, Estimate], against: str) -> list[SafeString]:
    most = max(0.05, *(max(abs(one.low), abs(one.high)) for one in paired.values()))
    bars = []
    for mark, one in paired.items():
        better = one.is_above_zero if MEANING[mark][1] else one.is_below_zero
        worse = one.is_below_zero if MEANING[mark][1] else one.is_above_zero
        verdict = "better" if better else "worse" if worse else "level"
        points = [round(100 * value) for value in (one.value, one.low, one.high)]
        text = f"{points[0]:+d} [{points[1]:+d}, {points[2]:+d}] points, n = {one.n:,}: {verdict}"
        bars.append(Bar(mark, "", one, {"better": "good", "worse": "bad", "level": "dull"}[verdict], text))
    told = (
        f"The same questions in both runs: this run less {against}. Better or worse is said only where the whole "
        "interval lies on one side of the bold rule, which is 0."
    )
    return [heading("Beside the other run", told), intervals(bars, -most, most)]


def _examples(judged: Sequence[Judged]) -> list[SafeString]:
    kinds = {
        end: [one for one in judged if one.end == end]
        for end in ("wrong", "wrongly refused", "answered without an answer")
    }
    kinds["unsupported facts"] = [one for one in judged if one.marks.get("unsupported facts")]
    kinds["stopped by the gate"] = [one for one in judged if one.row.is_stopped]
    return [
        folded(f"{kind}: {len(found)}", [_example(one) for one in found[:SHOWN]])
        for kind, found in kinds.items()
        if found
    ]


def _example(one: Judged) -> SafeString:
    row = one.row
    asked = format_html("<p><strong>{}</strong></p>", _cut(row.question))
    answer = format_html("<p>{}</p>", _cut(row.answer) or "(nothing)")
    wanted = format_html('<p class="soft">Wanted: {}</p>', _cut(one.wanted)) if one.wanted else ""
    stopped = format_html('<p class="soft">Stopped: {}. The model wrote: {}</p>', row.stopped, _cut(row.model_answer))
    place = format_html(
        '<p class="soft">{} {}, {} {}; cites {}</p>',
        row.set,
        row.id,
        row.outcome,
        row.reason,
        ", ".join(row.cited_article_ids) or "nothing",
    )
    return format_html(
        '<div class="card">{}{}{}{}{}</div>', asked, answer, wanted, stopped if row.is_stopped else "", place
    )


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]} …"
