"""The sentences beside the question in a prompt: the frozen choice that the shipped adapter was trained with; pure.

`chat.extracts` chooses what a customer is shown, and may get better any day. What stands here changes only together
with an adapter that was trained on it (`chat.prompts.CLEANING`).
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from chat.quotable import Quotable
from knowledge.languages import STOPWORDS

MAX_SENTENCES = 3
MAX_CHARS = 700
WORD = re.compile(r"\w+")
# A sentence ends at . ! ? before a blank and what may begin the next one; a line of a list or a table is one too.
ENDS = re.compile(r"((?:[.!?…][\"'”’)]*))\s+(?=[\"'“‘(]?[A-ZÀ-ÞÄÖÜ0-9¿¡])")
ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|no|nr|approx|incl|z\.B|bzw|ca|St|Dr|Mr|Mrs|Ms|p\.ex)\.)$")
COMMON = frozenset().union(*STOPWORDS.values())  # such words say nothing of the subject
LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")


@dataclass(frozen=True, slots=True)
class Closest:
    text: str
    number: int  # of the passage, from 1


@dataclass(frozen=True, slots=True)
class _Sentence:
    number: int
    place: int
    text: str
    score: float


def closest(question: str, passages: Sequence[Quotable]) -> Closest:
    """One to three sentences of the best passage, in their order there. Needs at least one passage."""
    wanted = _stems(question)
    pool = [(n, place, text) for n, p in enumerate(passages, 1) for place, text in enumerate(sentences(p.text))]
    if not pool:
        return Closest(passages[0].title, 1)
    spread = Counter(stem for _, _, text in pool for stem in _stems(text))
    weight = {stem: log(1 + len(pool) / (1 + spread[stem])) for stem in wanted}
    about = {n: _stems(f"{p.title} {p.heading}") for n, p in enumerate(passages, 1)}

    def score(n: int, place: int, text: str) -> float:
        said = _stems(text)
        overlap = sum(weight[stem] for stem in wanted & said)
        context = 0.3 * sum(weight[stem] for stem in wanted & about[n])
        return (overlap + context) / (1 + 0.15 * (n - 1)) - 0.02 * place - (0.5 if len(said) < 3 else 0)

    scored = [_Sentence(*item, score(*item)) for item in pool]
    best = max(scored, key=lambda one: one.score)
    chosen = _neighbours(best, [one for one in scored if one.number == best.number])
    return Closest(" ".join(one.text for one in chosen)[:MAX_CHARS].rstrip(), best.number)


def _neighbours(best: _Sentence, passage: list[_Sentence]) -> list[_Sentence]:
    """The best sentence with those beside it that belong to it: the next one, and any that scores nearly as well."""
    floor = 0.6 * best.score
    near = [one for one in passage if one == best or (one.score >= floor > 0 and abs(one.place - best.place) <= 3)]
    following = next((one for one in passage if one.place == best.place + 1), None)
    if len(near) == 1 and following is not None and len(best.text) < 160:
        near.append(following)
    kept = sorted(near, key=lambda one: (one != best, -one.score))[:MAX_SENTENCES]
    return sorted(kept, key=lambda one: one.place)


def sentences(text: str) -> list[str]:
    """The sentences of a passage, plain: markdown's marks are taken off, not one word is changed."""
    found: list[str] = []
    for part in ENDS.sub(r"\1\n", LINK.sub(r"\1", text)).splitlines():
        plain = part.strip().strip("|").lstrip("#>-*+ ").replace("**", "").replace("`", "").strip()
        if found and ABBREVIATION.search(found[-1]):
            found[-1] += f" {plain}"
        elif any(c.isalnum() for c in plain):
            found.append(plain)
    return found


def _stems(text: str) -> set[str]:
    """Words cut to five letters, without a plural's s: a crude stemmer that serves several languages."""
    words = (word for word in WORD.findall(text.casefold()) if word not in COMMON)
    return {word.removesuffix("s")[:5] if len(word) > 3 else word for word in words}
