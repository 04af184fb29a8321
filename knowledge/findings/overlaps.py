"""Passages that say the same in the same words; pure.

Measured on the demo and on wixqa, techqa, awsdocs and login.gov's help in four languages, a passage of another article
that is nearer than 0.8 and shares 0.7 of its runs of three words is a repetition that an editor would want to see. By
nearness alone (0.88 and more) two articles on one subject are found as often as a repetition. What stands in several
articles alike is a template ("See also"), and no news to anybody. docs/findings.md has the figures.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from knowledge.findings.neighbours import Pair

NEAR = 0.8
SHARED = 0.7
LEAST_WORDS = 15
ENTRY_WORDS = 10  # a list of shorter lines without a number is a list of links to other pages
TEMPLATE = 3  # other articles with the same passage
RUN = 3
# Scripts without spaces are read character by character.
WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W぀-ヿ㐀-鿿가-힯]+")

LISTED = re.compile(r"\s*[-*•] ")
NUMBER = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Overlap:
    """Passages of two articles that repeat each other; `share` is of the words of the shorter ones, 0 to 1.

    `pairs` are for people: each passage once. `alike` are all that are alike: the same from whichever side one looks.
    """

    other: UUID
    pairs: tuple[Pair, ...]
    share: float
    alike: tuple[Pair, ...]


def words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def runs(text: str) -> set[tuple[str, ...]]:
    said = words(text)
    return {tuple(said[start : start + RUN]) for start in range(max(1, len(said) - RUN + 1))}


def says_something(text: str) -> bool:
    """Not a few words, and not a list of links."""
    lines = text.split("\n")
    listed = all(LISTED.match(line) and len(words(line)) < ENTRY_WORDS and not NUMBER.search(line) for line in lines)
    return len(words(text)) >= LEAST_WORDS and not listed


def shared(one: str, another: str) -> float:
    """The share of the shorter text's runs of words that the other text has too; 0 for a text that says nothing."""
    return _shared(_told(one), _told(another))


def _told(text: str) -> set[tuple[str, ...]]:
    return runs(text) if says_something(text) else set()


def _shared(left: set[tuple[str, ...]], right: set[tuple[str, ...]]) -> float:
    return len(left & right) / min(len(left), len(right)) if left and right else 0.0


def overlaps(pairs: Sequence[Pair]) -> list[Overlap]:
    """The articles that repeat passages of this one, most repeated passages first."""
    near = [pair for pair in pairs if pair.cosine >= NEAR and pair.own.language == pair.other.language]
    told = {passage.chunk_id: _told(passage.text) for pair in near for passage in (pair.own, pair.other)}
    shares = [(pair, _shared(told[pair.own.chunk_id], told[pair.other.chunk_id])) for pair in near]
    alike = [(pair, share) for pair, share in shares if share >= SHARED]
    spread: dict[int, set[UUID]] = defaultdict(set)
    for pair, _ in alike:
        spread[pair.own.chunk_id].add(pair.other.article_id)
    by_article: dict[UUID, list[tuple[Pair, float]]] = defaultdict(list)
    every: dict[UUID, list[Pair]] = defaultdict(list)
    for pair, share in alike:
        every[pair.other.article_id].append(pair)
        if len(spread[pair.own.chunk_id]) < TEMPLATE:
            by_article[pair.other.article_id].append((pair, share))
    found = [_overlap(other, repeated, every[other]) for other, repeated in by_article.items()]
    return sorted(found, key=lambda overlap: (-len(overlap.pairs), -overlap.share))


def _overlap(other: UUID, repeated: list[tuple[Pair, float]], alike: list[Pair]) -> Overlap:
    """Each passage with the one that it repeats most."""
    best: dict[int, tuple[Pair, float]] = {}
    for pair, share in sorted(repeated, key=lambda each: (-each[1], each[0].own.chunk_id, each[0].other.chunk_id)):
        best.setdefault(pair.own.chunk_id, (pair, share))
    kept = list(best.values())
    share = sum(share for _, share in kept) / len(kept)
    return Overlap(other, tuple(pair for pair, _ in kept), share, tuple(alike))
