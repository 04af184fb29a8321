"""What `evaluate risk` tells: the promises, the curve, topics and languages, as lines and as a page."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from chat.dial import Point, not_reachable, promise
from chat.evaluation.pictures import Axis, Line, curve, facts, folded, heading, page, table
from chat.evaluation.risk import Outcome, groups

SHOWN_GROUPS = 20
HEAD = ("from probability", "answered", "of", "coverage", "wrong", "risk", "95 % interval", "holds at most")
SHARES = [(0, "0 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1, "100 %")]


def lines(found: Sequence[Outcome], steps: Sequence[Point], percents: Sequence[float], least: float) -> list[str]:
    told = [f"{len(found):,} questions", f"{'from':>6} {'coverage':>9} {'answered':>9} {'wrong':>6} {'risk':>6}  95 %"]
    for one in steps:
        told.append(
            f"{one.threshold:6.3f} {one.coverage:9.0%} {one.answered:9} {one.wrong:6} {one.risk:6.0%}  "
            f"[{one.low:.0%}, {one.high:.0%}], holds at most {one.upper:.0%}"
        )
    told += [f"nothing is known below {least:g}: these answers were declined there"] if least else []
    return told + [promised(steps, percent) for percent in percents]


def promised(steps: Sequence[Point], percent: float) -> str:
    """One sentence: the threshold and what it costs, or that there is none."""
    one = promise(steps, percent)
    if one is None:
        return not_reachable(steps, percent)
    return (
        f"At most {percent:g} % wrong: answer from {one.threshold:.3f} on. {one.coverage:.0%} of the questions are "
        f"answered then ({one.answered} of {one.questions}), {one.wrong} of them wrong here ({one.risk:.0%} "
        f"[{one.low:.0%}, {one.high:.0%}])."
    )


def page_of(
    found: Sequence[Outcome],
    steps: Sequence[Point],
    pictures: tuple[Sequence[Point], Sequence[Point]],
    percents: Sequence[float],
    least: float,
    recipe: Mapping[str, Any],
) -> str:
    """`pictures`: many points by the search's probability, and by that and support."""
    sets = ", ".join(sorted({one.set for one in found if one.set})) or "the given files"
    lead = f"{len(found):,} questions of {sets}, {datetime.now(UTC):%d %B %Y}."
    chosen = next((one for percent in sorted(percents) if (one := promise(steps, percent))), steps[-1])
    below = f" Nothing is known below {least:g}: these answers were declined there." if least else ""
    parts = [
        heading("What can be promised", "With 95 % confidence, for questions like these."),
        *(_promise(steps, percent) for percent in percents),
        heading("Risk against coverage", f"The more is answered, the more of it is wrong.{below}"),
        _picture(*pictures),
        folded("The same as a table", [table(HEAD, (_row(one) for one in steps))]),
        heading("By topic", f"Answered from {chosen.threshold:.3f} on; intervals hold for each line alone."),
        _groups(groups(found, lambda one: one.topic, chosen.threshold)),
        heading("By language"),
        _groups(groups(found, lambda one: one.language, chosen.threshold)),
        heading("By set"),
        _groups(groups(found, lambda one: one.set, chosen.threshold)),
        folded("How the answers were made", [facts((name, value) for name, value in recipe.items())]),
    ]
    return page("How much may be answered", lead, parts)


def _promise(steps: Sequence[Point], percent: float) -> SafeString:
    tone = "good" if promise(steps, percent) else "warn"
    return format_html('<p class="promise {}">{}</p>', tone, promised(steps, percent))


def _picture(by_search: Sequence[Point], by_both: Sequence[Point]) -> SafeString:
    drawn = [
        Line(
            "by the search's probability, with 95 % intervals",
            "fair",
            [(one.coverage, one.risk) for one in by_search if one.answered],
            [(one.coverage, one.low, one.high) for one in by_search if one.answered],
        ),
        Line(
            "by that and what the answer itself shows",
            "warn",
            [(one.coverage, one.risk) for one in by_both if one.answered],
            dashed=True,
        ),
    ]
    x, y = Axis("coverage, questions answered", SHARES), Axis("risk, answers that are wrong", SHARES)
    return curve("Risk against coverage", drawn, x=x, y=y)


def _groups(found: Mapping[str, Point]) -> SafeString:
    shown = list(found.items())[:SHOWN_GROUPS]
    rows = [(name, one.questions, one.answered, f"{one.coverage:.0%}", one.wrong, *_risk(one)) for name, one in shown]
    return table(("", "questions", "answered", "coverage", "wrong", "risk", "95 % interval"), rows)


def _row(one: Point) -> tuple[object, ...]:
    share = f"{one.coverage:.0%}"
    return (f"{one.threshold:.3f}", one.answered, one.questions, share, one.wrong, *_risk(one), f"{one.upper:.0%}")


def _risk(one: Point) -> tuple[str, str]:
    return (f"{one.risk:.0%}", f"{one.low:.0%} to {one.high:.0%}") if one.answered else ("-", "-")
