"""How likely it is that the passages found hold the answer: a probability from 0 to 1. Pure.

A logistic regression on what retrieval knows: how good the best article is, how far it stands out from the nine behind
it, whether a name or a number of the question stands in none of the first passages, whether the question denies what
they do not, and what reading the best passage word by word tells (`knowledge.reading`). `manage.py evaluate
answerability` fits it, judges it on sets that it was not fitted on, and prints coefficients. Those that stand here were
fitted with both classes of a set weighing the same, and the intercept then at the sets' natural shares. What was tried
besides, and what each floor costs, is in docs/decisions/retrieval.md and docs/experiments.md.

The score says whether the knowledge base speaks of the matter. Whether a passage on the matter holds this very fact is
for the reader of the passage to find out: most unanswerable questions of squad2 are of that kind.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace

from supportbot.inference.reranking import Reading

BEHIND = 9  # articles that the best one is compared with
READ_PASSAGES = 3  # in which a name may stand
LEAST_STEM = 4
MAX_NAMES = 20
WORD = re.compile(r"[^\W_]+")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
SEARCH_FEATURES = 4  # of Evidence, known without a reading
DENIAL = re.compile(r"\b(?:not|never|none|nor|neither|without|cannot|nobody|nothing)\b|n['’]t\b", re.IGNORECASE)
AVERAGE = (0.0, 0.0, 0.0, 0.0, 0.71, 0.70, 0.41, 0.36)  # of each field of Evidence; of the first ones, never needed


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a question's passages. Each field is a feature; another one is fitted as soon as it is here."""

    best: float  # the best article's fused score
    lead: float  # how far it is ahead of the mean of those behind it; 0 when it is alone
    missing: float  # 1 if a name or a number of the question stands in none of the first passages
    denied: float  # 1 if the question denies something and none of the first passages denies anything
    # What reading tells of the best article's passage (`supportbot.inference.reader.Reading`); None if nobody read it.
    relevance: float | None = None
    shallow: float | None = None
    least: float | None = None
    least_shallow: float | None = None

    @property
    def was_read(self) -> bool:
        return self.relevance is not None

    def features(self) -> tuple[float, ...]:
        """A number for each field: what reading tells on the average where nobody read."""
        given = zip(astuple(self), AVERAGE, strict=True)
        return tuple(average if value is None else value for value, average in given)


@dataclass(frozen=True, slots=True)
class Coefficients:
    intercept: float
    weights: tuple[float, ...]  # in the order of Evidence

    def probability(self, evidence: Evidence) -> float:
        return logistic(self.intercept + sum(w * x for w, x in zip(self.weights, evidence.features(), strict=True)))


SEARCHED = Coefficients(-0.79, (2.64, 3.78, -0.46, -0.47, 4.57, -7.27, 1.77, -1.06))
BY_WORDS_ALONE = Coefficients(
    -0.62, (2.51, 6.04, -0.1, 0, 0, 0, 0, 0)
)  # without vectors the scores are of another scale


def answerable(evidence: Evidence, *, by_words_alone: bool = False) -> float:
    """The chance that the answer is there."""
    return (BY_WORDS_ALONE if by_words_alone else SEARCHED).probability(evidence)


def evidence_of(
    question: str,
    scores: Sequence[float],
    passages: Sequence[str],
    reading: Reading | None = None,
    *,
    leaning: Sequence[float] = (),
) -> Evidence:
    """`scores` are the articles' fused scores and `passages` their texts with titles and headings, both best first.

    `reading` is of the first article; one that says nothing of single words is as none. `leaning` are the articles'
    scores for a question that may go on with what was said before it, if it does.
    """
    first = passages[:READ_PASSAGES]
    found = Evidence(
        best=max([scores[0], *leaning[:1]]),
        lead=max(stands_out(scores), stands_out(leaning)),
        missing=float(is_missing(question, first)),
        denied=float(is_denied(question, first)),
    )
    if reading is None or reading.shallow is None or reading.least is None or reading.least_shallow is None:
        return found
    return replace(
        found,
        relevance=reading.relevance,
        shallow=reading.shallow,
        least=reading.least,
        least_shallow=reading.least_shallow,
    )


def stands_out(scores: Sequence[float]) -> float:
    """How far the best is ahead of those behind it; 0 where it is alone."""
    behind = scores[1 : 1 + BEHIND]
    return scores[0] - sum(behind) / len(behind) if behind else 0.0


def is_missing(question: str, texts: Iterable[str]) -> bool:
    """Whether a name or a number of the question stands in none of the texts; an ending may differ."""
    wanted = {stem(name) for name in names(question)[:MAX_NAMES]}
    if not wanted:
        return False
    said = {word.casefold() for text in texts for word in WORD.findall(text)}
    return not all(any(word.startswith(name) for word in said) for name in wanted)


def is_denied(question: str, texts: Iterable[str]) -> bool:
    """Whether the question denies something ("not", "never", "without") where the texts deny nothing. English."""
    return bool(DENIAL.search(question)) and not any(DENIAL.search(text) for text in texts)


def names(question: str) -> list[str]:
    """Words with a figure, and words with a capital that do not begin a sentence."""
    found = []
    for sentence in SENTENCE.split(question):
        for place, word in enumerate(WORD.findall(sentence)):
            if any(letter.isdigit() for letter in word) or (place and len(word) > 1 and word[0].isupper()):
                found.append(word)
    return found


def stem(name: str) -> str:
    folded = name.casefold()
    return folded if any(letter.isdigit() for letter in name) else folded[: max(LEAST_STEM, len(folded) - 2)]


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
