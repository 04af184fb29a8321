"""How likely it is that what was found answers the question: the search's own probability, the chance of the best
sentences, and the question's form. Pure.

The search knows whether the articles speak of the matter. Where one sentence stands out the answer is more likely there
than where ten are alike; and who asks whether something is so ("Do you deliver?") asks for what the articles leave out
far more often than who asks how, when or how much. A logistic regression on the three; docs/decisions/support.md says
on what it was fitted, and what else was tried.
"""

from math import log

from chat.cues import asks_whether
from knowledge.answerability import logistic

INTERCEPT = -0.12
SEARCH, CHANCE, WHETHER = 1.06, 0.16, -0.73
MOST = 9.0  # log odds: a probability of 1 that was given, not fitted, stays above every floor
MOST_OF_CHANCE = 5.0  # the only sentence of a passage has a chance of 1, and tells nothing by it


def certainty(searched: float, chance: float, question: str) -> float:
    """`searched` is the search's probability, `chance` that of the extract, `question` as it was asked last."""
    told = INTERCEPT + SEARCH * _log_odds(searched, MOST) + CHANCE * _log_odds(chance, MOST_OF_CHANCE)
    return logistic(told + WHETHER * asks_whether(question))


def _log_odds(probability: float, most: float) -> float:
    held = min(max(probability, logistic(-most)), logistic(most))
    return log(held / (1 - held))
