"""The best sentences of the best passage, word for word: the answer when there is no model, or no time; pure.

A sentence is never cut. The lead of a list comes with its items, and an item never without its lead; a list that the
question asks for stays whole as far as the bound goes.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chat.cues import asks_for_steps
from chat.likelihood import PRONOUN, Candidate, candidates
from chat.quotable import Quotable
from chat.sentence_support import only_points, title_stems
from chat.sentences import Sentence
from chat.visible import visible

MAX_SENTENCES = 3  # a list that is kept whole may have more
MAX_WORDS = 60  # one sentence may be longer
MARKER = re.compile(r"\[(\s*\d+(?:\s*[,;]\s*\d+)*\s*)\]")
# A sentence that begins so says little without the one before it.
LEANING = re.compile(
    PRONOUN.pattern
    + r"|^\W*(?:(?:after|before|above|below|in|for|with|without) (?:that|this|these|those)|if (?:so|not)"
    r"|later|instead|both|danach|davor|dafür|in diesem fall|dans ce cas|après cela|ensuite|en (?:este|ese) caso|después"
    r"|luego)\b",
    re.IGNORECASE,
)
NEAR = 0.2  # a neighbour comes along if it is at least so likely as the best sentence is, times this


@dataclass(frozen=True, slots=True)
class Extract:
    text: str  # with a marker [n] after what was taken from passage n
    cited: list[int]
    sentences: list[Candidate]  # that it is made of

    @property
    def chance(self) -> float:
        """That the answer is among these sentences, if it is in the passages."""
        return sum(one.chance for one in self.sentences)


def extract(question: str, passages: Sequence[Quotable], asked: str = "") -> Extract:
    """One to three sentences of the best passage, in their order there. Needs at least one passage.

    `asked` is the question without what was carried over from the turns before.
    """
    return extract_of(candidates(question, passages, asked), passages, asked or question)


def extract_of(found: Sequence[Candidate], passages: Sequence[Quotable], asked: str) -> Extract:
    """`extract`, where the candidates are known."""
    if not found:
        return Extract(f"{_safe(passages[0].title)} [1]", [1], [])
    best = _best(found, passages)
    passage = [one for one in found if one.number == best.number]
    chosen = _chosen(best.sentence.place, passage, steps=asks_for_steps(asked))
    shown = [passage[place] for place in chosen]
    text = _laid_out([one.sentence for one in shown])
    return Extract(f"{_safe(text)} [{best.number}]", [best.number], shown)


def _best(found: Sequence[Candidate], passages: Sequence[Quotable]) -> Candidate:
    """The likeliest sentence; one that only names another article is passed over where any other is left."""
    likeliest, about = sorted(found, key=lambda one: -one.chance), title_stems(passages)
    return next((one for one in likeliest if not only_points(one.sentence.text, about)), likeliest[0])


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
    if _opens(parts[best]) or (steps and parts[best].item >= 0):
        _add_list(best, parts, add)
    while len(chosen) < MAX_SENTENCES:
        beside = [place for place in _beside(best, chosen, len(parts)) if _is_near(passage[place], passage[best])]
        if not any(add(place) for place in sorted(beside, key=lambda place: -passage[place].chance)):
            break
    chosen = _from_first(chosen, best, parts, steps=steps)
    if max(chosen) != best and _opens(parts[max(chosen)]):  # a list of which nothing is shown
        chosen.remove(max(chosen))
    if LEANING.search(parts[min(chosen)].text) and min(chosen) and parts[min(chosen)].item < 0:
        add(min(chosen) - 1)
    return sorted(chosen)


def _from_first(chosen: set[int], best: int, parts: Sequence[Sentence], *, steps: bool) -> set[int]:
    """Numbered steps from the first one on, where they are asked for or introduced; else only the best one of them."""
    listed = sorted(place for place in chosen if parts[place].item >= 0)
    shown_alone = len({parts[one].item for one in listed}) < 2 and not any(parts[one].lead in chosen for one in listed)
    if shown_alone or not any(parts[one].mark[:1].isdigit() for one in listed):
        return chosen
    start = listed[0]
    while start and not (parts[start].mark and parts[start].item == 0):
        start -= 1
    whole = chosen | set(range(start, listed[0]))
    asked = steps or parts[start].lead in chosen
    if asked and sum(_words(parts[place]) for place in whole) <= MAX_WORDS:
        return whole
    return {place for place in chosen if parts[place].item in (-1, parts[best].item)}


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


def _safe(text: str) -> str:
    """Without what nobody sees, and without a number that would be taken for that of a passage."""
    return MARKER.sub(r"(\1)", visible(text, joined=True))


def _opens(sentence: Sentence) -> bool:
    return sentence.text.endswith((":", "："))


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
