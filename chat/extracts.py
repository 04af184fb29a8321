"""The best sentences of the best passage, word for word: the answer when there is no model, or no time; pure.

A sentence is never cut. The lead of a list comes with its items, and an item never without its lead; a list that the
question asks for stays whole as far as the bound goes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chat.cues import asks_for_steps
from chat.likelihood import PRONOUN, Candidate, Quotable, candidates
from chat.sentences import Sentence

MAX_SENTENCES = 3  # a list that is kept whole may have more
MAX_WORDS = 60  # one sentence may be longer
NEAR = 0.2  # a neighbour comes along if it is at least so likely as the best sentence is, times this


@dataclass(frozen=True, slots=True)
class Extract:
    text: str  # with a marker [n] after what was taken from passage n
    cited: list[int]
    chance: float  # that the answer is among these sentences, if it is in the passages


def extract(question: str, passages: Sequence[Quotable], asked: str = "") -> Extract:
    """One to three sentences of the best passage, in their order there. Needs at least one passage.

    `asked` is the question without what was carried over from the turns before.
    """
    found = candidates(question, passages, asked)
    if not found:
        return Extract(f"{passages[0].title} [1]", [1], 0.0)
    best = max(found, key=lambda one: one.chance)
    passage = [one for one in found if one.number == best.number]
    chosen = _chosen(best.sentence.place, passage, steps=asks_for_steps(asked or question))
    text = _laid_out([passage[place].sentence for place in chosen])
    return Extract(f"{text} [{best.number}]", [best.number], sum(passage[place].chance for place in chosen))


def _chosen(best: int, passage: Sequence[Candidate], *, steps: bool) -> list[int]:
    """The places of the best sentence and of those that belong to it, as far as the bounds go."""
    parts = [one.sentence for one in passage]
    chosen = {best}

    def add(place: int) -> bool:
        fits = sum(_words(parts[one]) for one in {*chosen, place}) <= MAX_WORDS
        if fits:
            chosen.add(place)
        return fits

    if parts[best].lead >= 0:
        add(parts[best].lead)
    if PRONOUN.search(parts[best].text) and best:
        add(best - 1)
    if parts[best].text.endswith((":", "：")) or (steps and parts[best].item >= 0):
        _add_list(best, parts, add)
    while len(chosen) < MAX_SENTENCES:
        beside = [place for place in _beside(best, chosen, len(parts)) if _is_near(passage[place], passage[best])]
        if not any(add(place) for place in sorted(beside, key=lambda place: -passage[place].chance)):
            break
    return sorted(chosen)


def _add_list(best: int, parts: Sequence[Sentence], add: Callable[[int], bool]) -> None:
    """The items of the best sentence's list, from the best one on and then before it, until one does not fit."""
    after = range(best + 1, len(parts))
    for places in (after, range(best - 1, -1, -1)):
        for place in places:
            if parts[place].item < 0 or not add(place):
                break


def _beside(best: int, chosen: set[int], count: int) -> list[int]:
    """The places at both ends of the run of sentences around the best one."""
    low = high = best
    while low - 1 in chosen:
        low -= 1
    while high + 1 in chosen:
        high += 1
    return [place for place in (low - 1, high + 1) if 0 <= place < count]


def _is_near(one: Candidate, best: Candidate) -> bool:
    return one.chance >= NEAR * best.chance


def _words(sentence: Sentence) -> int:
    return len(sentence.text.split())


def _laid_out(chosen: Sequence[Sentence]) -> str:
    """Sentences one after the other; items of lists and lines of code on lines of their own."""
    listed = sum(bool(one.mark) for one in chosen) > 1 or any(one.lead >= 0 for one in chosen)
    text, in_list = "", False
    for one in chosen:
        begins = listed and bool(one.mark)
        if text and (begins or one.code):
            text += "\n"
        elif text:
            text += "\n\n" if in_list and one.item < 0 else " "
        text += one.shown if begins else one.text
        in_list = one.item >= 0 and listed
    return text
