"""How likely each sentence of the passages is to hold the answer: a few features, weights fitted on questions; pure.

The weights are those of a softmax over all sentences of a question's passages (docs/decisions/support.md says on what
they were fitted, and what each set gave that was left out of the fit).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, log

from chat.cues import CUES
from chat.quotable import Quotable
from chat.sentences import Sentence, sentences
from knowledge.languages import STOPWORDS

WORD = re.compile(r"\w+")
COMMON = frozenset().union(*STOPWORDS.values())  # such words say nothing of the subject
STEM = 5
PRONOUN = re.compile(
    r"^\W*(?:it|this|that|these|those|they|he|she|its|their|there|then|so|otherwise|however|but|also|dies\w*|sie|es|il|elle"
    r"|ils|elles)\b",
    re.IGNORECASE,
)
UNREAD = (-0.18, -0.15)  # how far a sentence is behind on the average; of those that nobody read
LATE = 10  # from this place on a sentence is as late as can be
FEATURES = (
    "told", "together", "heading", "title", "before", "after", "place", "second", "later", "gap", "new", "opens",
    "asks", "short", "long", "pronoun", *(cue.name for cue in CUES), "near", "near below its headings",
)  # fmt: skip
WEIGHTS = (
    3.36, 4.54, 0.12, 0.11, 0.59, -0.58, -0.40, -0.28, -0.60, -1.36, -0.10, -0.27,
    0.22, -0.65, 0.48, 0.10, 1.55, 1.81, 0.97, 0.86, 0.18, 0.46, 1.14, 1.32,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    number: int  # of the passage, from 1
    sentence: Sentence
    chance: float  # that this sentence holds the answer, if one does; the sum over all candidates is 1


Nearness = tuple[float, float]  # to the question, by the encoder: alone, and below its headings


@dataclass(frozen=True, slots=True)
class _Passage:
    number: int
    sentences: list[Sentence]
    said: list[frozenset[str]]  # the stems of each sentence
    heading: frozenset[str]
    title: frozenset[str]
    gap: float  # how far it is behind the best one by the search
    near: list[Nearness | None]  # of each sentence; None where nobody read it


def candidates(question: str, passages: Sequence[Quotable], asked: str = "") -> list[Candidate]:
    """Every sentence with its chance, in order. `asked` is the question without what was carried over from before."""
    rows = list(features(question, passages, asked))
    values = [sum(w * x for w, x in zip(WEIGHTS, row, strict=True)) for _, _, row in rows]
    highest = max(values, default=0.0)
    powers = [exp(value - highest) for value in values]
    total = sum(powers)
    return [
        Candidate(number, sentence, power / total) for (number, sentence, _), power in zip(rows, powers, strict=True)
    ]


def features(
    question: str, passages: Sequence[Quotable], asked: str = ""
) -> Iterator[tuple[int, Sentence, tuple[float, ...]]]:
    """For each sentence its passage's number and what is known of it, in the order of FEATURES."""
    prepared = _prepare(passages)
    wanted = frozenset(stems(question))
    said = [own for passage in prepared for own in passage.said]
    spread = Counter(stem for own in said for stem in own)
    weight = {stem: log(1 + len(said) / (0.5 + spread[stem])) for stem in wanted}
    total = sum(weight.values()) or 1.0

    def share(have: frozenset[str]) -> float:
        return sum(weight[stem] for stem in wanted & have) / total

    cues = frozenset(cue.name for cue in CUES if cue.asks.search(asked or question))
    read = [near for passage in prepared for near in passage.near if near]
    nearest = (max(near[0] for near in read), max(near[1] for near in read)) if read else None
    for passage in prepared:
        for at, sentence in enumerate(passage.sentences):
            known = _features(passage, at, wanted, share, cues)
            yield passage.number, sentence, (*known, *_behind(passage.near[at], nearest))


def _behind(near: Nearness | None, nearest: Nearness | None) -> Nearness:
    """How far it is behind the nearest sentence of all, by both measures; 0 where nothing was read."""
    if nearest is None:
        return (0.0, 0.0)
    return (near[0] - nearest[0], near[1] - nearest[1]) if near else UNREAD


def _prepare(passages: Sequence[Quotable]) -> list[_Passage]:
    scores = [getattr(passage, "score", 1.0) + getattr(passage, "gain", 0.0) for passage in passages]
    best = max(scores, default=0.0) or 1.0
    prepared = []
    for number, (passage, score) in enumerate(zip(passages, scores, strict=True), 1):
        parts = sentences(passage.text)
        said = [frozenset(stems(one.text)) for one in parts]
        heading, title = frozenset(stems(passage.heading)), frozenset(stems(passage.title))
        near = [_nearness(parts, at, getattr(passage, "read", ())) for at in range(len(parts))]
        prepared.append(_Passage(number, parts, said, heading, title, 1 - score / best, near))
    return prepared


def _nearness(parts: Sequence[Sentence], at: int, read: Sequence[tuple[int, float, float]]) -> Nearness | None:
    """That of the nearest of the pieces that the reader makes of this sentence: its cut is another, and finer."""
    end = parts[at + 1].start if at + 1 < len(parts) else None
    inside = [one for one in read if parts[at].start <= one[0] and (end is None or one[0] < end)]
    if not inside:
        return None
    return max(one[1] for one in inside), max(one[2] for one in inside)


def _features(
    passage: _Passage,
    at: int,
    wanted: frozenset[str],
    share: Callable[[frozenset[str]], float],
    cues: frozenset[str],
) -> tuple[float, ...]:
    sentence, own = passage.sentences[at], passage.said[at]
    nothing: frozenset[str] = frozenset()
    lead = passage.said[sentence.lead] if sentence.lead >= 0 else nothing
    before = passage.said[at - 1] if at else nothing
    after = passage.said[at + 1] if at + 1 < len(passage.said) else nothing
    return (
        share(own),
        share(own | lead | passage.heading | passage.title),
        share(passage.heading),
        share(passage.title),
        share(before - own),
        share(after - own),
        min(at, LATE) / LATE,
        float(passage.number == 2),
        float(passage.number > 2),
        passage.gap,
        min(len(own - wanted), 8) / 8,
        float(sentence.text.endswith((":", "："))),
        float(sentence.text.endswith(("?", "？"))),
        float(len(own) < 4),
        float(len(own) > 25),
        float(PRONOUN.search(sentence.text) is not None),
        *(float(cue.name in cues and cue.has.search(sentence.text) is not None) for cue in CUES),
    )


def stems(text: str) -> list[str]:
    """Words cut to five letters, without a plural's s: a crude stemmer that serves several languages."""
    words = (word for word in WORD.findall(text.casefold()) if word not in COMMON)
    return [word.removesuffix("s")[:STEM] if len(word) > 3 else word for word in words]
