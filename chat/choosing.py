"""The model's answer, or the passages' own sentences? By what was measured (docs/decisions/support.md); pure.

A small model quotes well and finds badly. What its first sentence quotes has a chance of holding the answer, and so has
what the extract shows; the model may answer while its chance is no less than CHAT_CHOICE_FLOOR times the extract's. The
better a model finds by itself, the lower that number may be.
"""

from collections.abc import Sequence

from chat.extracts import Extract
from chat.likelihood import Candidate
from chat.sentence_support import LIGHT, MARKER, WORD, stem

EARLY_WORDS = 4  # telling words that may decide before the sentence is over
QUOTED = 0.75  # share of them in the sentence that is quoted
WHOLE = 0.6  # share of that sentence's telling words that must be said: less is a piece broken off


class Choice:
    """Tell it the beginning of the model's answer; it says whether the model may go on."""

    def __init__(self, taken: Extract, candidates: Sequence[Candidate], floor: float) -> None:
        self._floor = floor
        best = taken.chance or 1.0
        self._known = [(heavy(one.sentence.text), one.chance / best) for one in candidates]

    def may_speak(self, beginning: str, *, over: bool) -> bool | None:
        """None while it cannot be told; `over` when `beginning` is a whole sentence."""
        said = heavy(beginning)[: None if over else -1]  # the last word may not be whole
        if over:
            return self.agreement(said, whole=True) >= self._floor
        if len(said) < EARLY_WORDS:
            return None
        quotes = any(_share(said, words) >= QUOTED for words, _ in self._known)
        return self.agreement(said, whole=False) >= self._floor if quotes else None

    def agreement(self, said: Sequence[str], *, whole: bool) -> float:
        """The chance of the sentence that is quoted, beside the extract's; 0 where none is, 1 where nothing is said."""
        if not said:
            return 1.0
        quoted = [
            (_share(said, words), likely * (min(1.0, _share(words, said) / WHOLE) if whole else 1.0))
            for words, likely in self._known
        ]
        share, likely = max(quoted, default=(0.0, 0.0))
        return likely if share >= QUOTED else 0.0


def heavy(text: str) -> list[str]:
    """The stems of the words that tell something."""
    words = WORD.findall(MARKER.sub(" ", text).casefold())
    return [one for one in map(stem, words) if one not in LIGHT]


def _share(some: Sequence[str], words: Sequence[str]) -> float:
    return sum(one in words for one in some) / len(some) if some else 0.0
