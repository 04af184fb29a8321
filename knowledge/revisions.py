"""What changed between two texts, word by word, as rows for a page."""

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from knowledge.models import LANGUAGES, Revision

MAX_LINES = 4_000  # difflib takes seconds beyond
MAX_PAIRS_OF_WORDS = 4_000_000  # a second or two at worst; lines beyond are shown as taken out and put in
CONTEXT = 3
ALIKE = 0.4  # the share of words that two lines have in common when one is the other, changed
LOOK_AHEAD = 8  # lines among which what became of one is looked for
# Numbers whole, each letter of scripts that put no blanks between words, words, blanks, and signs.
WORD = re.compile(r"\d+(?:[.,:]\d+)*|\s+|[\u2e80-\uffff]|[^\W\u2e80-\uffff]+|.")


@dataclass(frozen=True, slots=True)
class Part:
    kind: str  # same, added or removed
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line as it was and as it is; a line that only one side has leaves the other empty."""

    kind: str  # same, changed, added, removed; gap: equal lines that are left out; note: a sentence for the reader
    old: tuple[Part, ...] = ()
    new: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """Something beside the text that changed."""

    name: str
    old: str
    new: str


def compare(old: str, new: str) -> list[Row]:
    """The lines that differ with a few around them; none if the texts are equal. Longer ones than MAX_LINES are not."""
    before, after = old.splitlines(), new.splitlines()
    if before == after:
        return []
    if len(before) + len(after) > MAX_LINES:
        return [Row("note", new=(Part("same", "These texts have too many lines to be compared here."),))]
    rows: list[Row] = []
    effort = Effort()
    reached = 0
    for group in difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(CONTEXT):
        if group[0][1] > reached:
            rows.append(Row("gap"))
        for tag, first, last, start, end in group:
            rows += _rows(tag, before[first:last], after[start:end], effort)
        reached = group[-1][2]
    if reached < len(before):
        rows.append(Row("gap"))
    return rows


def facts_changed(revision: Revision, previous: Revision | None) -> list[Fact]:
    """What a revision changed beside its text."""
    if previous is None:
        return []
    languages = dict(LANGUAGES)
    both = (
        ("Title", previous.title, revision.title),
        ("Language", languages.get(previous.language, previous.language), languages.get(revision.language, "")),
        ("Audience", previous.get_audience_display(), revision.get_audience_display()),
        ("Category", previous.category, revision.category),
    )
    return [Fact(name, old, new) for name, old, new in both if old != new]


class Effort:
    """Bounds what one comparison may cost."""

    def __init__(self) -> None:
        self.left = MAX_PAIRS_OF_WORDS

    def allows(self, pairs: int) -> bool:
        self.left -= pairs
        return self.left >= 0


def _rows(tag: str, old: Sequence[str], new: Sequence[str], effort: Effort) -> Iterator[Row]:
    match tag:
        case "equal":
            for line in old:
                yield Row("same", _whole("same", line), _whole("same", line))
        case "delete":
            for line in old:
                yield Row("removed", old=_whole("removed", line))
        case "insert":
            for line in new:
                yield Row("added", new=_whole("added", line))
        case "replace":
            yield from _replaced(old, new, effort)


def _replaced(old: Sequence[str], new: Sequence[str], effort: Effort) -> Iterator[Row]:
    """Lines beside what became of them, in their order; those that have nothing alike stand alone."""
    place = 0
    counts = [_counted(line) for line in new]
    for line in old:
        words = _counted(line)
        near = range(place, min(place + LOOK_AHEAD, len(new)))
        match = next((at for at in near if _alike(words, counts[at])), None)
        if match is None:
            yield Row("removed", old=_whole("removed", line))
            continue
        for alone in new[place:match]:
            yield Row("added", new=_whole("added", alone))
        yield Row("changed", *_word_by_word(line, new[match], effort))
        place = match + 1
    for alone in new[place:]:
        yield Row("added", new=_whole("added", alone))


def _counted(line: str) -> Counter[str]:
    return Counter(word for word in WORD.findall(line) if not word.isspace())


def _alike(old: Counter[str], new: Counter[str]) -> bool:
    said = old.total() + new.total()
    return bool(said) and 2 * (old & new).total() >= ALIKE * said


def _word_by_word(old: str, new: str, effort: Effort) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    before, after = WORD.findall(old), WORD.findall(new)
    if not effort.allows(len(before) * len(after)):
        return _whole("removed", old), _whole("added", new)
    was: list[Part] = []
    becomes: list[Part] = []
    for tag, first, last, start, end in difflib.SequenceMatcher(None, before, after).get_opcodes():
        # A lone blank between two changed words is no island worth showing.
        same = tag == "equal" and not (last - first == 1 and before[first].isspace())
        was.append(Part("same" if same else "removed", "".join(before[first:last])))
        becomes.append(Part("same" if same else "added", "".join(after[start:end])))
    return _joined(was), _joined(becomes)


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Neighbours of one kind as one; none of them empty."""
    runs = ((kind, "".join(part.text for part in run)) for kind, run in groupby(parts, key=lambda part: part.kind))
    return tuple(Part(kind, text) for kind, text in runs if text)


def _whole(kind: str, line: str) -> tuple[Part, ...]:
    return (Part(kind, line),)
