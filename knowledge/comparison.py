"""Two embedding spaces asked the same questions: is the candidate worse than the one in use?

Both are searched as customers' questions are, over the live articles; nothing is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from knowledge.evaluation import EvaluationFailed, Progress, Say, ask, reading_seconds
from knowledge.evaluation_files import GivenQuestion
from knowledge.metrics import Estimate, mean_with_interval, ndcg, recall
from knowledge.models import Article, EmbeddingSpace


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of `n` questions: the means in nDCG@10, and the paired differences, candidate less current."""

    n: int
    ndcg: Estimate
    recall: Estimate  # of R@1
    current_ndcg: float
    candidate_ndcg: float
    read: bool = False  # whether both were read word by word, as customers' questions are

    @property
    def worse(self) -> bool:
        """Beyond chance: the upper end of the 95 % interval is below 0."""
        return self.ndcg.is_below_zero

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "ndcg@10": self.ndcg.as_json(),
            "recall@1": self.recall.as_json(),
            "current_ndcg@10": round(self.current_ndcg, 4),
            "candidate_ndcg@10": round(self.candidate_ndcg, 4),
            "worse": self.worse,
            "read": self.read,
        }


def compare_spaces(
    current: EmbeddingSpace,
    candidate: EmbeddingSpace,
    questions: Sequence[GivenQuestion],
    *,
    ids: Mapping[UUID, str] | None = None,
    audience: str = "internal",
    say: Say = lambda _: None,
) -> Comparison:
    """Ask every question whose gold articles are live. EvaluationFailed where there is none, or without an encoder.

    Every question is read word by word or, where no server reads, none; EvaluationFailed if the server fails.
    `ids` are the names that the questions call the articles by; their slugs unless others are given.
    """
    names = dict(ids) if ids is not None else dict(_live_slugs())
    known = set(names.values())
    asked = [question for question in questions if question.answerable and question.gold and known >= {*question.gold}]
    if not asked:
        raise EvaluationFailed("None of these questions names an article that is published here as its answer.")
    seconds = reading_seconds(say)
    progress = Progress(say, "compared", len(asked))
    pairs = []
    for number, question in enumerate(asked, 1):
        pairs.append([_ranked(space, question, names, audience, seconds) for space in (current, candidate)])
        progress.at(number)
    gains = [[ndcg(ranked, question.gold) for ranked in pair] for question, pair in zip(asked, pairs, strict=True)]
    firsts = [
        [recall(ranked, question.gold, 1) for ranked in pair] for question, pair in zip(asked, pairs, strict=True)
    ]
    return Comparison(
        n=len(asked),
        ndcg=mean_with_interval([new - old for old, new in gains]),
        recall=mean_with_interval([new - old for old, new in firsts]),
        current_ndcg=sum(old for old, _ in gains) / len(asked),
        candidate_ndcg=sum(new for _, new in gains) / len(asked),
        read=seconds > 0,
    )


def _live_slugs() -> list[tuple[UUID, str]]:
    return list(Article.objects.filter(status=Article.Status.PUBLISHED).values_list("pk", "slug"))


def _ranked(
    space: EmbeddingSpace, question: GivenQuestion, names: Mapping[UUID, str], audience: str, seconds: float
) -> list[str]:
    found = ask(question, audience=audience, seconds=seconds, space=space)
    return [names[article] for article in found.ranked_article_ids if article in names]
