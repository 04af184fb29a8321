"""`manage.py evaluate risk`: rows of `evaluate answers` as a curve of risk against coverage, and what it promises."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from math import floor
from pathlib import Path

from chat import dial
from chat.dial import NoCurve
from chat.evaluation.results import write_text
from chat.evaluation.risk import FINE, LEVELS, Outcome, points
from chat.evaluation.risk_report import lines, page_of
from chat.evaluation.rows import Row, Run, read_run
from chat.evaluation.summary import ENDS
from knowledge.evaluation import Say

HELP = "how much is answered if at most x % of it may be wrong?"
PERCENTS = (5.0, 10.0, 20.0, 30.0, 40.0, 50.0)
ALIKE = ("answerer", "model", "weights", "prompt", "gate", "passages", "engine")  # in runs that are told together


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--answers", type=Path, nargs="+", required=True, metavar="FILE", help="what `evaluate answers --json` wrote")
    add("--most-wrong", type=float, nargs="+", default=PERCENTS, metavar="PERCENT", help="of what is answered")
    add("--html", type=Path, metavar="FILE", dest="html_path", help="write a page with the curve here")
    add(
        "--write",
        action="store_true",
        help=f"make it the curve that CHAT_MOST_WRONG_PERCENT goes by: {dial.CURVE.name}",
    )


def measure(
    *, answers: Sequence[Path], most_wrong: Sequence[float], html_path: Path | None, write: bool, tell: Say, **_: object
) -> None:
    """Raises NotARun, NoCurve."""
    runs = [read_run(path) for path in answers]
    check_alike(runs)
    found = [one for run in runs for one in outcomes_of(run.rows)]
    if not found:
        raise NoCurve("No row tells what the search thought: ask with --passages retrieved and write --json.")
    least = max(float(run.recipe.get("settings", {}).get("CHAT_ANSWERABLE_FLOOR", 0.0)) for run in runs)
    least = least if runs[0].recipe.get("answerer") == "live" else 0.0
    steps = points(found, LEVELS, least=least)
    for line in lines(found, steps, most_wrong, least):
        tell(line)
    if html_path:
        weighed = [one for run in runs for one in outcomes_of(run.rows, by_support=True)]
        pictures = points(found, FINE, least=least), points(weighed, FINE)
        write_text(html_path, page_of(found, steps, pictures, most_wrong, least, runs[0].recipe))
        tell(f"The report is at {html_path}.")
    if write:
        tell(write_curve(runs, found, least))


def outcomes_of(rows: Sequence[Row], *, by_support: bool = False) -> list[Outcome]:
    """Those that were searched for and judged.

    `by_support`: the score is the search's times the answer's own: its weakest sentence's, or the extract's chance.
    """
    told = []
    for row in rows:
        if row.answerable is None or row.end not in ENDS:
            continue
        weakest = min((float(one["score"]) for one in row.support), default=1.0)
        if row.outcome == "extracted" and row.chance is not None:
            weakest = row.chance
        told.append(
            Outcome(
                score=row.answerable * (weakest if by_support else 1.0),
                answered=row.is_answered,
                wrong=row.end != "right",
                topic=row.topic,
                language=row.language,
                set=row.set,
            )
        )
    return told


def check_alike(runs: Sequence[Run]) -> None:
    """Raises NoCurve where runs were made in ways that cannot be told together."""
    other = [name for name in ALIKE if len({str(run.recipe.get(name)) for run in runs}) > 1]
    if other:
        raise NoCurve(f"These runs were made in different ways ({', '.join(other)}): tell them apart.")


def write_curve(runs: Sequence[Run], found: Sequence[Outcome], least: float) -> str:
    """The shipped curve is of answers as customers get them, by the model of our own server."""
    recipe = runs[0].recipe
    if recipe.get("answerer") != "live" or recipe.get("engine") or recipe.get("gate") != "on":
        raise NoCurve(
            "Only answers as customers get them make a curve to go by: --answerer live, no --engine, gate on."
        )
    if any(run.recipe.get("settings", {}).get("CHAT_MOST_WRONG_PERCENT") for run in runs):
        raise NoCurve("These answers were given with the dial set: measure them with CHAT_MOST_WRONG_PERCENT empty.")
    steps = [replace(one, threshold=floor(1e4 * one.threshold) / 1e4) for one in points(found, LEVELS, least=least)]
    sets = sorted({one.set for one in found})
    curve = dial.curve_of(steps, model=recipe["model"], weights=recipe["weights"], prompt=recipe["prompt"], sets=sets)
    dial.write_curve(curve, dial.CURVE)
    return f"{dial.CURVE} now holds this curve: {len(found):,} questions of {', '.join(sets)}, prompt {curve.prompt}."
