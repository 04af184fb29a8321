"""`manage.py evaluate answerability`: how true is the probability that the passages answer?"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from chat.evaluation import sets
from chat.evaluation.results import write_json
from chat.evaluation.retrieval import searched
from knowledge import answerability_report as report
from knowledge import evaluation
from knowledge.evaluation import EvaluationFailed, Say

HELP = "is it known, and with what probability?"


def add_arguments(parser: ArgumentParser) -> None:
    sets.add_arguments(parser)
    parser.add_argument("--rows", type=Path, metavar="FILE", help="judge what `evaluate retrieval --json` has found")


def measure(
    *,
    audience: str,
    limit: int | None,
    json_path: Path | None,
    rows: Path | None,
    say: Say,
    tell: Say,
    **options: Any,
) -> None:
    """Ask as `retrieval` does, without peers, or take the rows that it wrote; judge the probability alone."""
    given = sets.given_sets(options, say)
    fit = [one for one in given if report.is_fit(evaluation.sample(one.questions, limit))]
    for name in sorted({one.name for one in given} - {one.name for one in fit}):
        say(f"{name}: left out, its questions are not of both kinds")
    if not fit:
        raise EvaluationFailed("None of these sets holds questions that can be answered and others that cannot.")
    if rows:
        earlier = read_rows(rows)
        results = [report.results_of(earlier, one) for one in fit]
    else:
        results = list(searched(fit, peers=(), audience=audience, limit=limit, say=say))
    pairs = [(found, one) for found, one in zip(results, fit, strict=True) if report.is_fit(found.questions)]
    summary = report.figures({one.name: report.labelled(found, one.articles) for found, one in pairs})
    tell("\n".join(report.lines(summary)))
    told = [row for found, _ in pairs for row in report.rows_of(found)]
    write_json(json_path, {"rows": told, "summary": report.as_json(summary)})


def read_rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [dict(row) for row in json.loads(path.read_text())["rows"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluationFailed(f"{path} is not the JSON of `evaluate retrieval`: {error}") from None
