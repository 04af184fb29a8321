"""`manage.py evaluate refusals`: what is rightly refused, against what is wrongly refused, by what could tell them.

From rows of `evaluate answers`. Ways to refuse: where the search's probability is below a floor, the model refusing
besides as it will; by that probability alone; by the model's own probability of refusing, at its first token; and by
both, in a logistic regression that was fitted on the other titles.
"""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chat.evaluation.refusals_curve import REFUSED, Case, Way
from chat.evaluation.refusals_report import lines, page_of
from chat.evaluation.results import write_text
from chat.evaluation.risk_curve import check_alike
from chat.evaluation.rows import Row, read_run
from chat.evaluation.summary import ENDS
from knowledge.calibration import LEAST_GROUPS, Labelled, across_groups
from knowledge.evaluation import EvaluationFailed, Say

HELP = "what is rightly refused against what is wrongly refused, by which threshold?"


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--answers", type=Path, nargs="+", required=True, metavar="FILE", help="what `evaluate answers --json` wrote")
    add("--most-wrong", type=float, default=15.0, metavar="PERCENT", help="of the answerable questions, refused")
    add("--titles", nargs="+", default=[], metavar="TITLE", help="count what is about articles of these titles alone")
    add("--html", type=Path, metavar="FILE", dest="html_path", help="write a page with the curves here")


def measure(
    *,
    answers: Sequence[Path],
    most_wrong: float,
    titles: Sequence[str],
    html_path: Path | None,
    tell: Say,
    **_others: object,
) -> None:
    """Raises NotARun, NoCurve, EvaluationFailed."""
    runs = [read_run(path) for path in answers]
    check_alike(runs)
    rows = [row for run in runs for row in run.rows if not titles or row.title in titles]
    cases = cases_of(rows)
    if {one.answerable for one in cases} != {True, False}:
        raise EvaluationFailed("These rows are not of both kinds, questions with an answer and questions without one.")
    ways = ways_of(cases)
    tell("\n".join(lines(cases, ways, most_wrong / 100)))
    if html_path:
        write_text(html_path, page_of(cases, ways, most_wrong / 100, runs[0].recipe))
        tell(f"The report is at {html_path}.")


def cases_of(rows: Sequence[Row]) -> list[Case]:
    """Those that were judged."""
    return [
        Case(
            answerable=row.end in ("right", "wrong", "wrongly refused"),
            refused=not row.is_answered,
            right=row.end == "right",
            search=row.answerable,
            model=None if row.refusal is None else 1 - row.refusal,
            title=f"{row.set} {row.title}",
            article=f"{row.set} {row.about}",
        )
        for row in rows
        if row.end in ENDS
    ]


def ways_of(cases: Sequence[Case]) -> list[Way]:
    """Every way that the rows know enough for; a score is higher the more likely there is an answer."""
    ways = []
    search = [one.search for one in cases if one.search is not None]
    model = [one.model for one in cases if one.model is not None]
    if len(search) == len(cases):
        floor = [REFUSED if one.refused else score for one, score in zip(cases, search, strict=True)]
        ways += [Way("the floor, and the model as it refuses", floor, "good"), Way("the floor alone", search, "fair")]
    if len(model) == len(cases):
        ways.append(Way("the model's probability alone", model, "warn"))
    if len(ways) == 3 and (both := _both(cases, search, model)):
        ways.append(both)
    return ways or [Way("the model as it refuses", [float(not one.refused) for one in cases], "good")]


def _both(cases: Sequence[Case], search: Sequence[float], model: Sequence[float]) -> Way | None:
    """Fitted on other titles; with too few of them, on other articles."""
    titles, articles = [one.title for one in cases], [one.article for one in cases]
    by_title = len(set(titles)) >= LEAST_GROUPS
    known = Labelled(
        np.column_stack([_log_odds(search), _log_odds(model)]),
        np.array([one.answerable for one in cases], bool),
        np.array(titles if by_title else articles, str),
    )
    found = across_groups(known)
    name = f"both, fitted on other {'titles' if by_title else 'articles'}"
    return None if found is None else Way(name, found.tolist(), "bad")


def _log_odds(chances: Sequence[float]) -> np.ndarray:
    kept = np.clip(np.asarray(chances, float), 1e-6, 1 - 1e-6)
    return np.log(kept / (1 - kept))
