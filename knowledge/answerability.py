"""How likely it is that the passages found hold the answer: a number from 0 to 1. Pure.

A logistic regression on two things that retrieval knows: how good the best article is, and how far it stands out from
the nine behind it. Fitted on 22 November 2026 on the development halves of mtrag_un, techqa and squad2 and on the
training questions of the demo content; each set and, within it, each class of equal weight. Left-out sets are judged
as well as with all (AUROC 0.89, 0.84, 0.63, 0.81); eighteen more features gave nothing that carried over. See
docs/decisions/retrieval.md for those, and for what each floor costs.

The score says whether the knowledge base speaks of the matter. Whether a passage on the matter holds this very fact is
for the reader of the passage to find out: most unanswerable questions of squad2 are of that kind.
"""

import math
from collections.abc import Sequence

BEHIND = 9  # articles that the best one is compared with


def answerable(scores: Sequence[float], *, by_words_alone: bool = False) -> float:
    """The chance that these articles hold the answer; `scores` are their fused scores, best first.

    Without vectors the scores are of another scale and have coefficients of their own.
    """
    if not scores:
        return 0.0
    best, lead = scores[0], stands_out(scores)
    if by_words_alone:
        return logistic(-1.53 + 3.4 * best + 4.8 * lead)
    return logistic(-3.45 + 2.96 * best + 3.68 * lead)


def stands_out(scores: Sequence[float]) -> float:
    """How far the best is ahead of the mean of those behind it; 0 when it is alone."""
    behind = scores[1 : 1 + BEHIND]
    return scores[0] - sum(behind) / len(behind) if behind else 0.0


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
