"""The same statement with another number in another article.

Two sentences are the same statement if most of their words are the same without the numbers, and if the names in them
(codes, models, bare numbers) are the same ones. docs/findings.md has how many are found, and how many falsely.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from knowledge.findings.neighbours import Pair, Passage
from knowledge.findings.statements import Statement, statements
from knowledge.units import DATE_WORDS

SAME = 0.6  # share of their words that two sentences have both
NEARLY = 0.5  # is enough if those are several words
LEAST_WORDS, SEVERAL = 2, 3
LIKE = 0.25  # share of their words; rows of one table have more in common
ALONE = ("link",)  # a sentence with another link is no contradiction: pages link to what they are about
NAME = re.compile(r"\w*\d\w*")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two sentences, and the unit of what differs ("day", "£", "phone")."""

    own: Statement
    other: Statement
    unit: str

    @property
    def article(self) -> UUID:
        return self.other.passage.article_id


def contradictions(pairs: Sequence[Pair]) -> list[Contradiction]:
    """What the other articles state otherwise, by article and in reading order."""
    near = [pair for pair in pairs if pair.own.language == pair.other.language and _one_subject(pair.own, pair.other)]
    passages = {passage.chunk_id: passage for pair in near for passage in (pair.own, pair.other)}
    stated: dict[int, list[Statement]] = defaultdict(list)
    for statement in statements(list(passages.values())):
        stated[statement.passage.chunk_id].append(statement)
    found: dict[tuple[str, str], Contradiction] = {}
    for pair in near:
        for each in _between(stated[pair.own.chunk_id], stated[pair.other.chunk_id]):
            found.setdefault((each.own.text, each.other.text), each)
    return list(found.values())


def _one_subject(own: Passage, other: Passage) -> bool:
    """Titles that both name a model, a version or a number must name the same ones."""
    left, right = set(NAME.findall(own.title.casefold())), set(NAME.findall(other.title.casefold()))
    return not left or not right or left == right


def _between(own: Sequence[Statement], other: Sequence[Statement]) -> Iterator[Contradiction]:
    for one in own:
        for another in other:
            unit = differing_unit(one, another)
            if unit and not (_says(own, unit, another) or _says(other, unit, one)):
                yield Contradiction(one, another, unit)


def differing_unit(one: Statement, another: Statement) -> str:
    """The unit of which the two state other values, or nothing where they are not the same statement."""
    units = [unit for unit in one.values.keys() & another.values.keys() if unit not in ALONE]
    differing = sorted(unit for unit in units if not one.values[unit] & another.values[unit])
    if not differing or one.names != another.names or not _same_words(one.stems, another.stems):
        return ""
    return differing[0] if one.stems & DATE_WORDS == another.stems & DATE_WORDS else ""


def _same_words(one: frozenset[str], another: frozenset[str]) -> bool:
    both = len(one & another)
    share = both / max(1, len(one | another))
    return (share >= SAME and both >= LEAST_WORDS) or (share >= NEARLY and both >= SEVERAL)


def _says(passage: Sequence[Statement], unit: str, statement: Statement) -> bool:
    """A value that stands in a like sentence of the passage too is one of a list of cases, not a contradiction."""
    return any(
        statement.values[unit] & each.values.get(unit, set())
        and len(statement.stems & each.stems) >= LIKE * len(statement.stems | each.stems)
        for each in passage
    )
