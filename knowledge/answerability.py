"""How likely it is that the passages found hold the answer: a number from 0 to 1. Pure.

A logistic regression on three things that retrieval knows: how good the best passage is, how far it stands out from the
nine behind it, and whether meaning and words agree on the article. Fitted on 22 November 2026 by `evaluate`'s features
on the development halves of mtrag_un, techqa and squad2 (each set and each class of equal weight). The score says
whether the knowledge base speaks of the matter at all; whether a passage on the matter holds this very fact is for the
reader of the passage to find out (squad2's unanswerable questions are of that kind).
"""

import math
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

BEHIND = 9  # passages that the best one is compared with


class Judged(Protocol):
    @property
    def article_id(self) -> UUID: ...
    @property
    def similarity(self) -> float | None: ...
    @property
    def lexical(self) -> float: ...


def answerable(candidates: Sequence[Judged], scores: Sequence[float]) -> float:
    """The chance that these candidates hold the answer; `scores` are their fused scores, in the same order."""
    if not candidates:
        return 0.0
    near = [candidate for candidate in candidates if candidate.similarity is not None]
    if not near:
        lexical = sorted((candidate.lexical for candidate in candidates), reverse=True)
        return logistic(-1.43 + 1.81 * lexical[0] + 2.41 * stands_out(lexical))
    ordered = sorted(scores, reverse=True)
    nearest = max(near, key=lambda candidate: candidate.similarity or 0.0)
    wordiest = max(candidates, key=lambda candidate: candidate.lexical)
    agree = wordiest.lexical > 0 and nearest.article_id == wordiest.article_id
    return logistic(-3.26 + 3.33 * ordered[0] + 1.88 * stands_out(ordered) + 0.38 * agree)


def stands_out(ordered: Sequence[float]) -> float:
    """How far the best is ahead of the mean of those behind it; 0 when it is alone."""
    behind = ordered[1 : 1 + BEHIND]
    return ordered[0] - sum(behind) / len(behind) if behind else 0.0


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
