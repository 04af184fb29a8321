"""How well each sentence of an answer is supported by the passages it cites: 0 not at all, 1 as the passage says it.

Lexical, about a millisecond a sentence: which two neighbouring sentences of a passage say most of it, in which order,
with the same numbers and denials, and about the same thing. The weights were fitted on sentences of passages, worded
anew, and on sentences that were made untrue (docs/decisions/support.md). It is no proof: the fact gate (`chat.support`)
stops single facts whatever is said here.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from math import exp

from chat.likelihood import COMMON, STEM
from chat.quotable import Quotable
from chat.sentences import ABBREVIATION, sentences

WORD = re.compile(r"\w+(?:[.,:/]\w+)*")
MARKER = re.compile(r"\[(\d{1,4})\]")
# A sentence of an answer ends at a full stop, with the markers that follow it, or at a line's end.
END = re.compile(r"(?:[.!?…。！？][\"'”’)]*(?:[ \t]*\[\d{1,4}\])*|(?:[ \t]*\[\d{1,4}\])+)(?=\s)|\n+")
# "The steps are described in Return an item by post": it names where the answer stands, and does not give it.
POINTS = re.compile(
    r"\b(?:described|explained|listed|detailed|outlined|covered|found|given|shown|stated|see|read|refer|"
    r"beschrieben|erklärt|siehe|décrit\w*|expliqu\w*|voir|descrit\w*|explicad\w*|véase|consulte)\b",
    re.IGNORECASE,
)
POINTED = """
answer article details found following full given guide help here information instructions list listed more page
passage procedure process question section shown source step steps title topic under way
"""
NUMBERING = re.compile(r"\s*(?:\d{1,3}[.)]|[-*+])\s*")
MAX_SENTENCES = 40  # of an answer; what stands behind them is not scored
MAX_TEXT_CHARS = 400  # of a sentence, as it is kept
MAX_WORDS = 120  # of a sentence, and of a window
UNTOLD = 0.5  # the score of a sentence like "Yes.": there is nothing to look for
NEAR_WORDS = 3  # before the first word in common: as far as a denial may stand from what it denies
SUBJECT = 2  # telling words at the beginning of a sentence that say what it is about
# Words that an honest answer may put in place of the passage's, or leave out: they say little of the matter.
GLUE = re.findall(
    r"\w+",
    """
    yes please also too just then may might must need needs want have has had having been being be become will
    would shall could receive received receives require required requires allow allowed able possible possibly
    available customer customers user users people person someone somebody anyone they them their he she his her
    one ones make makes made take takes taken give gives given use uses used using see go let lets thing things
    such so as well more most some any each every all both other another same only about around up out into over
    after before during while until till since than there here now via per like within without between because
    however therefore still already once again
    """,
)


@dataclass(frozen=True, slots=True)
class Supported:
    """A sentence of an answer, the passages that it cites, and how well they support it."""

    text: str
    cited: tuple[int, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Coefficients:
    intercept: float
    weights: tuple[float, ...]  # in the order of `compare`

    def chance(self, features: Sequence[float]) -> float:
        return 1 / (1 + exp(-self.intercept - sum(w * x for w, x in zip(self.weights, features, strict=True))))


FITTED = Coefficients(-5.89, (-0.14, -0.61, -1.33, -0.82, 3.83, 4.74, -2.97, -3.19, -0.13, -1.00, -3.51, -1.67))


@dataclass(frozen=True, slots=True)
class Window:
    """Two neighbouring sentences of a passage."""

    text: str
    stems: tuple[str, ...]
    held: frozenset[str]


@dataclass(frozen=True, slots=True)
class Changes:
    swapped: int  # telling words that stand where the passage has others
    denied: int  # denials that the passage does not have there
    granted: int  # denials of the passage that are left out there


def title_stems(passages: Sequence[Quotable]) -> frozenset[str]:
    """Those of all titles and headings."""
    return frozenset(one for passage in passages for one in _stems(f"{passage.title} {passage.heading}"))


def only_points(sentence: str, about: Collection[str]) -> bool:
    """Whether it says no more than where the answer stands: only words like "see", and stems of titles (`about`)."""
    rest = POINTS.sub(" ", sentence)
    return rest != sentence and all(one in about or one in POINTED_STEMS or one in LIGHT for one in _telling(rest))


class Ground:
    """What an answer may rest on: passages, prepared for the comparison with its sentences."""

    def __init__(self, passages: Sequence[Quotable]) -> None:
        self._windows = [_windows(passage.text) for passage in passages]
        self._about = [title_stems([one]) for one in passages]
        self._titles = frozenset().union(*self._about)

    def judge(self, sentence: str) -> Supported:
        """Against the passages it cites, or against all where it cites none."""
        cited = tuple(dict.fromkeys(int(n) for n in MARKER.findall(sentence) if 0 < int(n) <= len(self._windows)))
        found = self.features(sentence, cited)
        untold = all(one in LIGHT for one in _telling(sentence))
        best = UNTOLD if untold else max((FITTED.chance(one) for one in found), default=0.0)
        return Supported(sentence[:MAX_TEXT_CHARS], cited, round(best, 3))

    def only_points(self, sentence: str) -> bool:
        return only_points(sentence, self._titles)

    def features(self, sentence: str, cited: Sequence[int] = ()) -> list[tuple[float, ...]]:
        """What is known of a sentence beside each passage."""
        plain = MARKER.sub(" ", sentence)
        said, telling = _stems(plain)[:MAX_WORDS], _telling(sentence)[:MAX_WORDS]
        numbers = [n - 1 for n in cited] or range(len(self._windows))
        return [
            compare(said, telling, self._windows[n], self._about[n]) for n in numbers if self._windows[n] and telling
        ]


def score(answer: str, passages: Sequence[Quotable]) -> list[Supported]:
    """Each sentence of an answer with its support."""
    ground = Ground(passages)
    done, rest = ended(answer)
    return [ground.judge(text) for text in [*done, *([rest] if is_said(rest) else [])][:MAX_SENTENCES]]


def ended(text: str) -> tuple[list[str], str]:
    """The sentences that are over, whatever follows them, each with its markers, and what is not over yet."""
    text = text.lstrip()
    found, start = [], 0
    for end in END.finditer(text):
        part, follows = text[start : end.end()], text[end.end() :].lstrip()
        if not follows or follows.startswith("["):
            break  # a marker of it may still come
        if ABBREVIATION.search(part.rstrip()) or NUMBERING.fullmatch(part):
            continue
        start = end.end()
        if is_said(part):
            found.append(part.strip())
    return found, text[start:].lstrip()


def is_said(text: str) -> bool:
    return any(c.isalnum() for c in NUMBERING.sub("", MARKER.sub("", text)))


def compare(said: list[str], telling: list[str], windows: Sequence[Window], about: frozenset[str]) -> tuple[float, ...]:
    """What is known of a sentence beside the part of a passage that says most of it."""
    best = max(windows, key=lambda one: sum(stem in one.held for stem in telling) - 0.001 * len(one.stems))
    held, count = best.held, len(telling)
    elsewhere = frozenset().union(*(one.held for one in windows)) - held
    heavy, own = _heavy(telling), _heavy(best.stems)
    common, run = overlap(heavy, own)
    changes = changed(said, best.stems)
    numbers = [one for one in telling if any(c.isdigit() for c in one)]
    unknown = [one for one in telling if one not in held and one not in about]
    return (
        sum(one in held for one in telling) / count,
        min(len(unknown), 4) / 4,
        sum(one in elsewhere for one in telling) / count,
        common / max(1, len(heavy)),
        run / max(1, len(heavy)),
        side_by_side(heavy, own),
        float(changes.denied > 0),
        float(changes.granted > 0),
        sum(one not in held for one in numbers) / max(1, len(numbers)),
        sum(one in unknown for one in telling[:SUBJECT]) / min(SUBJECT, count),
        min(changes.swapped, 3) / 3,
        min(sum(one not in LIGHT for one in unknown), 4) / 4,
    )


def side_by_side(said: Sequence[str], own: Sequence[str]) -> float:
    """The share of neighbours in a sentence that are neighbours in the passage too, in whichever order."""
    near = {frozenset(pair) for step in (1, 2, 3) for pair in zip(own, own[step:], strict=False)}
    pairs = list(pairwise(said))
    return sum(frozenset(pair) in near for pair in pairs) / len(pairs) if pairs else 1.0


def _heavy(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in LIGHT]


def changed(said: Sequence[str], own: Sequence[str]) -> Changes:
    """What differs where a sentence follows a passage's words."""
    swapped = denied = granted = 0
    for kind, a, b, c, d in SequenceMatcher(None, said, own, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if kind == "replace":
            new = sum(one not in LIGHT and one not in own for one in said[a:b])
            swapped += min(new, sum(one not in LIGHT for one in own[c:d]))
        left_out = own[max(c, d - NEAR_WORDS) if a == 0 else c : d] if b < len(said) else ()
        if len(left_out) <= NEAR_WORDS:
            granted += max(0, _denials(left_out) - _denials(said[a:b]))
        denied += max(0, _denials(said[a:b]) - _denials(own[c:d]))
    return Changes(swapped, denied, granted)


def _denials(words: Sequence[str]) -> int:
    return sum(word in DENIALS for word in words)


def overlap(said: Sequence[str], own: Sequence[str]) -> tuple[int, int]:
    """How many words stand in the same order in both, and how many of them in a row at most."""
    common = [0] * (len(own) + 1)
    runs = [0] * (len(own) + 1)
    longest = 0
    for word in said:
        before_common = before_run = 0
        for at, other in enumerate(own, 1):
            kept_common, kept_run = common[at], runs[at]
            if word == other:
                common[at], runs[at] = before_common + 1, before_run + 1
                longest = max(longest, runs[at])
            else:
                common[at], runs[at] = max(common[at], common[at - 1]), 0
            before_common, before_run = kept_common, kept_run
    return common[-1], longest


def _windows(text: str) -> list[Window]:
    parts = [one.text for one in sentences(text)]
    found = []
    for at in range(len(parts)):
        joined = " ".join(parts[at : at + 2])
        stems = _stems(joined)[:MAX_WORDS]
        found.append(Window(joined, tuple(stems), frozenset(stems)))
    return found


def _telling(sentence: str) -> list[str]:
    words = WORD.findall(MARKER.sub(" ", NUMBERING.sub(" ", sentence, count=1) if sentence[:1] in "-*+" else sentence))
    return [stem(word) for word in map(str.casefold, words) if word not in COMMON]


def _stems(text: str) -> list[str]:
    return [stem(word) for word in WORD.findall(text.casefold())]


def stem(word: str) -> str:
    """As in `chat.likelihood`, but a word with a figure is kept whole."""
    return word if any(c.isdigit() for c in word) or len(word) < 4 else word.removesuffix("s")[:STEM]


# The t is that of "don't".
NOS = "no not never none nor neither cannot nobody nothing t nicht nie kein keine keinen keiner pas jamais sin nunca"
DENIALS = frozenset(stem(word) for word in WORD.findall(NOS))
LIGHT = frozenset(stem(word) for word in [*GLUE, *COMMON])
POINTED_STEMS = frozenset(stem(word) for word in POINTED.split())
