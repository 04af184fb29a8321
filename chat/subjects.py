"""Whether a fact is told of what its passage tells it of; pure.

A sentence of an answer shares words with the sentences of the passages. Where those that hold another amount of the
same sort share clearly more than those that hold this one, the fact is tied to another subject: "Heron 2 costs £229"
where £229 is the Heron 3's. docs/decisions/fact-gate.md has what this rule costs and what it catches.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log

from knowledge.atoms import Atom
from knowledge.facts import Fact
from knowledge.folding import latin
from knowledge.languages import STOPWORDS
from knowledge.units import UNITS

# What an amount does, whatever it is of: a passage that says it in the answer's word is hardly nearer for that.
FAINT_VERBS = frozenset(
    ("cost", "charg", "pay", "paid", "take", "took", "last", "get", "need", "koste", "dauer", "coute", "prend", "dure")
)
FAINT = 0.5
# Words that say nothing of the subject; units are of the fact itself.
COMMON = UNITS.keys() | {latin(word) for words in STOPWORDS.values() for word in words}
ABOUT = 0.5  # what a word counts that stands only in the title or the heading
LEAD = 1.0  # by which others must be ahead: about one telling word
UNTIED = ("", "ordinal", "times", "person")  # bare numbers are names and counts of anything: too often of no subject


@dataclass(frozen=True, slots=True)
class Place:
    """A sentence, line or row of a passage, and what stands above it."""

    stems: frozenset[str]
    about: frozenset[str]
    before: frozenset[str]  # of the sentence before it
    values: frozenset[tuple[str, str]]  # (kind, value)
    sorts: frozenset[tuple[str, str]]  # (kind, unit)


class Subjects:
    """Add the places of the passages, then ask."""

    def __init__(self, question: Sequence[Atom]) -> None:
        self._asked = stems(question)
        self._places: list[Place] = []

    def add(self, row: Sequence[Atom], facts: Iterable[Fact], about: frozenset[str], before: frozenset[str]) -> None:
        tied = [fact for fact in facts if is_tied(fact)]
        values = frozenset((fact.kind, fact.value) for fact in tied)
        self._places.append(
            Place(stems(row), about, before, values, frozenset((fact.kind, fact.unit) for fact in tied))
        )

    def holds(self, fact: Fact, said: Iterable[Atom], *, over: bool) -> bool:
        """Whether the words said, and those asked, are as near to a place of this fact as to one of another.

        Where they are near to none of this fact's places, the sentences before those may tell what they are about
        ("Five years is a minimum."). Else any place that they are near to is another subject; if there is no such
        place either, nothing can be told, which will do when the sentence is `over`.
        """
        own = [place for place in self._places if (fact.kind, fact.value) in place.values]
        if not own:
            return True
        words = stems(said) | self._asked
        nearest = max(self._nearness(words, place) for place in own)
        if not nearest and not over:
            return False
        if not nearest:
            nearest = ABOUT * max(sum(self._weights.get(word, 0.0) for word in words & place.before) for place in own)
        rivals = [p for p in self._places if (fact.kind, fact.unit) in p.sorts] if nearest else self._places
        return all(self._nearness(words, place) <= nearest + LEAD for place in rivals)

    def _nearness(self, words: Collection[str], place: Place) -> float:
        return sum(
            self._weights[word] * (1.0 if word in place.stems else ABOUT)
            for word in words
            if word in place.stems or word in place.about
        )

    @cached_property
    def _weights(self) -> dict[str, float]:
        """A word counts the more, the fewer places have it."""
        spread = Counter(word for place in self._places for word in place.stems)
        spread.update({word: 0 for place in self._places for word in place.about})
        return {
            word: log(1 + len(self._places) / (1 + count)) * (FAINT if word in FAINT_VERBS else 1.0)
            for word, count in spread.items()
        }


def is_tied(fact: Fact) -> bool:
    """Prices, durations, shares, measures, times, dates and days."""
    return fact.kind in ("time", "date", "day") or (fact.kind == "number" and fact.unit not in UNTIED)


def stems(row: Iterable[Atom]) -> frozenset[str]:
    """The telling words of a row, cut to five letters; numbers too, which name a model, or the amount beside it."""
    found: set[str] = set()
    for atom in row:
        if atom.kind == "code" or (atom.kind == "number" and not atom.unit):
            found.add(atom.text)
        elif atom.kind == "word" and atom.text not in COMMON:
            found.add(atom.text.removesuffix("s")[:5] if len(atom.text) > 3 else atom.text)
    return frozenset(found)
