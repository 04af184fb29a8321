"""What an evaluation of retrieval found, as figures and as lines: ours beside the peers, set by set and pooled. Pure.

A difference is paired: on each question, ours less the peer's, so better is +. Pooled means all questions of all sets
together, each question being worth the same.
"""

from collections.abc import Sequence
from typing import Any

from knowledge.evaluation import SetResult, summarise, times
from knowledge.metrics import RANKING, Estimate, mean_with_interval

DIFFERENCES = ("ndcg@10", "recall@1")
STRONGEST = "strongest"  # of a peer's ways of asking in each set, the one of the best nDCG@10
Values = dict[str, list[float]]  # by measure, a value for each question that has a gold article


def values(result: SetResult, rankings: Sequence[Sequence[str]]) -> Values:
    gold = [
        (ranked, question.gold)
        for ranked, question in zip(rankings, result.questions, strict=True)
        if question.answerable and question.gold
    ]
    return {name: [measure(ranked, wanted) for ranked, wanted in gold] for name, measure in RANKING.items()}


def our_values(result: SetResult) -> Values:
    return values(result, [row.ranked_article_ids for row in result.rows])


def figures(result: SetResult) -> dict[str, Any]:
    """The summary of one set, for JSON: ours as ever, and under `peers` each one's figures and the differences."""
    ours = our_values(result)
    summary: dict[str, Any] = {name: one.as_json() for name, one in summarise(result.questions, result.rows).items()}
    summary |= {"ms": times(result.rows), "articles": result.articles, "questions": len(result.rows)}
    summary |= {"recipe": result.recipe, "read": result.read}
    if result.peers:
        summary["peers"] = {}
    for name, rankings in result.peers.items():
        theirs = values(result, rankings)
        summary["peers"][name] = {
            **{measure: mean_with_interval(theirs[measure]).as_json() for measure in RANKING},
            "difference": {measure: one.as_json() for measure, one in differences(ours, theirs).items()},
        }
    return summary


def differences(ours: Values, theirs: Values) -> dict[str, Estimate]:
    return {
        name: mean_with_interval([own - other for own, other in zip(ours[name], theirs[name], strict=True)])
        for name in DIFFERENCES
    }


def lines(result: SetResult) -> list[str]:
    """A table of one set, and a marked line for each difference that is wholly below 0."""
    ours, summary = our_values(result), summarise(result.questions, result.rows)
    gold, ms = len(ours["ndcg@10"]), times(result.rows)
    told = [
        f"{result.name}: {result.articles:,} articles, {len(result.rows):,} questions, {gold:,} with a gold article",
        f"  {'':22} " + " ".join(f"{name:20}" for name in RANKING),
        f"  {'ours':22} " + " ".join(_short(summary[name]) for name in RANKING),
    ]
    for name, rankings in result.peers.items():
        theirs = values(result, rankings)
        told.append(f"  {name:22} " + " ".join(_short(mean_with_interval(theirs[one])) for one in RANKING))
    for name, rankings in result.peers.items():
        told.append(_difference_line(name, differences(ours, values(result, rankings))))
    if "auroc" in summary:
        told.append(f"  {'auroc':22} {summary['auroc']}")
    told.append(f"  {'ms':22} p50 {ms['p50']:g}, p95 {ms['p95']:g}")
    return told


def short_lines(result: SetResult) -> list[str]:
    """Ours alone, a line for each measure."""
    ms = times(result.rows)
    told = [f"{name:10} {estimate}" for name, estimate in summarise(result.questions, result.rows).items()]
    return [*told, f"{'ms':10} p50 {ms['p50']:g}, p95 {ms['p95']:g} n={len(result.rows)}"]


def pooled(results: Sequence[SetResult]) -> dict[str, dict[str, Estimate]]:
    """By peer (`bm25 last`, `bm25 strongest`, ...): the differences over the questions of all sets that have it."""
    pairs: dict[str, list[tuple[Values, Values]]] = {}
    for result in results:
        ours, theirs = our_values(result), {name: values(result, ranked) for name, ranked in result.peers.items()}
        for name, other in theirs.items():
            pairs.setdefault(name, []).append((ours, other))
        for peer in dict.fromkeys(name.split()[0] for name in theirs):
            ways = [other for name, other in theirs.items() if name.split()[0] == peer]
            pairs.setdefault(f"{peer} {STRONGEST}", []).append((ours, max(ways, key=lambda one: sum(one["ndcg@10"]))))
    return {
        name: differences(_joined([own for own, _ in both]), _joined([other for _, other in both]))
        for name, both in sorted(pairs.items())
    }


def pooled_lines(results: Sequence[SetResult]) -> list[str]:
    told = [f"pooled over {', '.join(result.name for result in results)}:"]
    told += [_difference_line(name, estimates) for name, estimates in pooled(results).items()]
    for result in results:
        ours = our_values(result)
        for name, rankings in result.peers.items():
            below = [
                measure for measure, one in differences(ours, values(result, rankings)).items() if one.is_below_zero
            ]
            if below:
                told.append(f"  worse than {name} on {result.name}: {', '.join(below)}")
    return told


def _joined(parts: Sequence[Values]) -> Values:
    return {name: [value for part in parts for value in part[name]] for name in DIFFERENCES}


def _short(one: Estimate) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _difference_line(name: str, estimates: dict[str, Estimate]) -> str:
    told = ", ".join(f"{measure} {one.signed}" for measure, one in estimates.items())
    mark = "  BELOW" if any(one.is_below_zero for one in estimates.values()) else ""
    return f"  {'ours - ' + name:25} {told}{mark}"


def as_json(results: Sequence[SetResult], *, several: bool) -> dict[str, Any]:
    """`rows` and `summary`; of several sets, each row names its set and the summary has a part for each."""
    if not several:
        return {"rows": [row.as_json() for row in results[0].rows], "summary": figures(results[0])}
    rows = [{"set": result.name, **row.as_json()} for result in results for row in result.rows]
    together = {
        name: {measure: one.as_json() for measure, one in estimates.items()}
        for name, estimates in pooled(results).items()
    }
    return {"rows": rows, "summary": {"sets": {one.name: figures(one) for one in results}, "pooled": together}}
