"""How well it is known that the passages answer: the shipped probability, and fits on other sets. Figures and lines.

A set is fit for it when it holds questions of both kinds. Turns that ask for nothing (`not_knowledge_seeking`) are left
out: not to need an answer is not to have none. The groups of a set are the titles of the articles that questions are
about, so that a fit across groups has never seen the article.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from knowledge.answerability import SEARCH_FEATURES, SEARCHED, Evidence
from knowledge.calibration import Labelled, across_groups, expected_error, fit, left_out, reliability
from knowledge.evaluation import Row, SetResult
from knowledge.evaluation_files import GivenArticle, GivenQuestion
from knowledge.evaluation_sets import GivenSet
from knowledge.metrics import Estimate, auroc_with_interval, mean_with_interval

JUDGED = ("shipped", "left out", "other titles")
NEEDS_NOTHING = "not_knowledge_seeking"
NOTHING_FOUND = Evidence(0.0, 0.0, 1.0, 0.0)


def labelled(result: SetResult, articles: Sequence[GivenArticle]) -> Labelled:
    """Of a run that read nothing there are the features of the search alone: an average was never observed."""
    titles = {article.id: article.title for article in articles}
    pairs = judged(result)
    known = [(row.evidence or NOTHING_FOUND).features()[: None if result.read else SEARCH_FEATURES] for _, row in pairs]
    return Labelled(
        np.array(known, float).reshape(len(pairs), -1),
        np.array([question.answerable for question, _ in pairs], bool),
        np.array([_group(question, row, titles) for question, row in pairs], str),
    )


def judged(result: SetResult) -> list[tuple[GivenQuestion, Row]]:
    pairs = zip(result.questions, result.rows, strict=True)
    return [(question, row) for question, row in pairs if question.kind != NEEDS_NOTHING]


def is_fit(questions: Sequence[GivenQuestion]) -> bool:
    kinds = {question.answerable for question in questions if question.kind != NEEDS_NOTHING}
    return kinds == {True, False}


def _group(question: GivenQuestion, row: Row, titles: dict[str, str]) -> str:
    about = [*question.gold, *question.near, *row.ranked_article_ids][:1]
    return titles.get(about[0], about[0]) if about else ""


def auroc_of(chances: np.ndarray, answerable: np.ndarray) -> Estimate:
    return auroc_with_interval(chances[answerable], chances[~answerable])


def figures(sets: dict[str, Labelled]) -> dict[str, Any]:
    """The summary: AUROCs by set, the reliability of the shipped probability, and the fit on all sets."""
    shipped = {
        name: np.array([SEARCHED.probability(Evidence(*row)) for row in one.features]) for name, one in sets.items()
    }
    by_set: dict[str, Any] = {}
    for name, one in sets.items():
        told: dict[str, Any] = {"questions": len(one.answerable), "answerable": int(one.answerable.sum())}
        told["shipped"] = auroc_of(shipped[name], one.answerable)
        if len(sets) > 1:
            told["left out"] = auroc_of(left_out(sets, name), one.answerable)
        across = across_groups(one)
        if across is not None:
            told["other titles"] = auroc_of(across, one.answerable)
        bins = reliability([(shipped[name], one.answerable)])
        told["mean probability"] = mean_with_interval(shipped[name].tolist())
        told["calibration error"] = round(expected_error(bins), 4)
        by_set[name] = told
    bins = reliability([(shipped[name], one.answerable) for name, one in sets.items()])
    everything = fit(list(sets.values()))
    names = [field.name for field in fields(Evidence)][: len(everything.weights)]
    return {
        "sets": by_set,
        "reliability": [asdict(one) for one in bins],
        "calibration error": round(expected_error(bins), 4),
        "fit": {"intercept": everything.intercept, **dict(zip(names, everything.weights.tolist(), strict=True))},
    }


def lines(summary: dict[str, Any]) -> list[str]:
    told = [f"{'AUROC':14} {'shipped':30} {'fitted on the other sets':30} on other titles of the set"]
    for name, one in summary["sets"].items():
        told.append(
            f"{name:14} " + " ".join(f"{one.get(kind) or '-'!s:30}" for kind in ("shipped", "left out", "other titles"))
        )
    told += ["", "reliability of the shipped probability, each set weighing the same:"]
    told.append(f"{'bin':12} {'predicted':>10} {'observed':>10} {'n':>6}")
    for one in summary["reliability"]:
        drawn = "#" * round(40 * one["observed"])
        span = f"{one['low']:.1f} to {one['high']:.1f}"
        told.append(f"{span:12} {one['predicted']:10.3f} {one['observed']:10.3f} {one['n']:6} {drawn}")
    told.append(
        f"expected calibration error {summary['calibration error']:.3f}; by set: "
        + ", ".join(f"{name} {one['calibration error']:.3f}" for name, one in summary["sets"].items())
    )
    told.append("fitted on all of them: " + ", ".join(f"{name} {value:.3f}" for name, value in summary["fit"].items()))
    return told


def as_json(summary: dict[str, Any]) -> dict[str, Any]:
    plain = {
        name: {kind: value.as_json() if isinstance(value, Estimate) else value for kind, value in one.items()}
        for name, one in summary["sets"].items()
    }
    return summary | {"sets": plain}


def rows_of(result: SetResult) -> list[dict[str, Any]]:
    """A row for each question that was judged, with its evidence, for those who fit something of their own."""
    return [
        {"set": result.name, "answerable": question.answerable, **row.as_json()} for question, row in judged(result)
    ]


def results_of(rows: Sequence[dict[str, Any]], given: GivenSet) -> SetResult:
    """A set as an earlier run of `evaluate retrieval` has searched it; the questions that it asked."""
    own = {row["id"]: row for row in rows if row.get("set", given.name) == given.name}
    asked = [question for question in given.questions if question.id in own]
    found = [
        Row(
            one.id,
            own[one.id]["ranked_article_ids"],
            own[one.id]["answerable_score"],
            own[one.id]["ms"],
            Evidence(**own[one.id]["evidence"]) if own[one.id]["evidence"] else None,
        )
        for one in asked
    ]
    read = any((row.get("evidence") or {}).get("relevance") is not None for row in rows)  # all sets of a run, or none
    return SetResult(given.name, len(given.articles), asked, found, {}, read=read)
