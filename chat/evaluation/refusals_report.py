"""What `evaluate refusals` tells, as lines and as a page."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.html import format_html

from chat.evaluation.pictures import Axis, Line, facts, folded, heading, page, table
from chat.evaluation.pictures import curve as picture
from chat.evaluation.refusals_curve import Case, Operating, Way, at_most, auroc, curve
from chat.evaluation.shares import share_of

LEVELS = (0.05, 0.10, 0.15, 0.20, 0.30, 0.45)
TICKS = [(0, "0 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1, "100 %")]


def lines(cases: Sequence[Case], ways: Sequence[Way], most: float) -> list[str]:
    told = [*as_answered(cases), ""]
    told += [f"{'AUROC, ' + way.name:46} {auroc(cases, way)}" for way in ways]
    told += [
        "",
        f"| wrongly refused, at most | {' | '.join(way.name for way in ways)} |",
        "|---" * (len(ways) + 1) + "|",
    ]
    for level in LEVELS:
        cells = [_cell(at_most(cases, way, level)) for way in ways]
        told.append(f"| {100 * level:.0f} % | {' | '.join(cells)} |")
    return [*told, "", *(promised(cases, way, most) for way in ways)]


def as_answered(cases: Sequence[Case]) -> Iterator[str]:
    """Wilson's intervals of 95 %."""
    yes, no = [one for one in cases if one.answerable], [one for one in cases if not one.answerable]
    yield f"{len(cases):,} questions, {len(yes):,} with an answer; as they were answered:"
    yield f"right              {share_of(yes, lambda one: one.right)}"
    yield f"wrongly refused    {share_of(yes, lambda one: one.refused)}"
    yield f"rightly refused    {share_of(no, lambda one: one.refused)}"


def promised(cases: Sequence[Case], way: Way, most: float) -> str:
    found = at_most(cases, way, most)
    if found is None:
        return f"{way.name}: {100 * most:g} % wrongly refused is not reachable, the model refuses more by itself."
    return (
        f"{way.name}: from {found.threshold:.3f} on, {100 * found.wrongly:.0f} % are wrongly refused, {_cell(found)} "
        f"rightly, and {100 * found.right:.0f} % of the answerable ones are right."
    )


def _cell(found: Operating | None) -> str:
    if found is None:
        return "not reachable"
    one = found.rightly
    return f"{100 * one.value:.0f} % [{100 * one.low:.0f}, {100 * one.high:.0f}]"


def page_of(cases: Sequence[Case], ways: Sequence[Way], most: float, recipe: Mapping[str, Any]) -> str:
    drawn = [Line(way.name, way.tone, curve(cases, way), dashed=place % 2 == 1) for place, way in enumerate(ways)]
    rows = [
        (way.name, f"{auroc(cases, way).value:.3f}", *(_cell(at_most(cases, way, level)) for level in LEVELS))
        for way in ways
    ]
    ended = [line.partition("  ") for line in list(as_answered(cases))[1:]]
    parts = [
        heading("As they were answered"),
        facts((name, value.strip()) for name, _, value in ended),
        heading(f"At {100 * most:g} % wrongly refused"),
        *(format_html('<p class="promise {}">{}</p>', way.tone, promised(cases, way, most)) for way in ways),
        heading("Right refusals against wrong ones"),
        picture("Refusals", drawn, x=Axis("answerable, refused", TICKS), y=Axis("unanswerable, refused", TICKS)),
        heading("As a table", "Rightly refused, while no more of the answerable questions are refused than so many."),
        table(["", "AUROC", *(f"{100 * level:.0f} %" for level in LEVELS)], rows),
        folded("How the answers were made", [facts((name, value) for name, value in recipe.items())]),
    ]
    lead = f"{len(cases):,} questions, {datetime.now(UTC):%d %B %Y}. Intervals are of 95 %."
    return page("What is refused", lead, parts)
