"""The fact gate: a number, date, price, duration, address, link or code reaches a customer only if a passage holds it.

Deterministic and without a model. It works on the live stream: a word is held back until it, and what follows it as far
as its meaning depends on that, is known; so the decision is the same wherever the stream was cut into tokens.
"""

import re
from collections.abc import Sequence

from knowledge.facts import Facts, identifiers, licences, unsupported, waits

WORD = re.compile(r"\S+\s*")
AHEAD = 3  # words that the meaning of a number may depend on: "14 full working days"
BEHIND = 3  # words before it that may: "from 9 to"


class Unsupported(Exception):
    """The model said a fact that stands in no passage; nothing of it was given out. `kind` names the sort of fact."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Gate:
    """Feed it text; what it gives holds supported facts only."""

    def __init__(self, passages: Sequence[str], question: str) -> None:
        self._licensed: Facts = licences(passages, identifiers(question))
        self._behind: list[str] = []
        self._held = ""
        self._items = 0  # the last number of a numbered list

    def feed(self, text: str) -> str:
        """What may be said now. Raises Unsupported."""
        self._held += text
        words = WORD.findall(self._held)
        lead = self._held[: len(self._held) - sum(map(len, words))]
        # The last word may go on in the next token, and it decides nothing for those before it until it is whole.
        return self._release(lead, words, len(words) - 1)

    def flush(self) -> str:
        """The rest, when nothing more will come. Raises Unsupported."""
        words = WORD.findall(self._held)
        lead = self._held[: len(self._held) - sum(map(len, words))]
        return self._release(lead, words, len(words), end=True)

    def _is_numbering(self, word: str) -> bool:
        """The next number of a list, at the beginning of a line: it counts the items and says nothing."""
        at_start = not self._behind or "\n" in self._behind[-1][-8:]
        return at_start and re.fullmatch(rf"{self._items + 1}[.)][ \t]+", word) is not None

    def _release(self, lead: str, words: list[str], whole: int, end: bool = False) -> str:
        """Check the words one by one as far as enough of what follows is there."""
        said = lead if words or end else ""
        if not words:
            self._held = "" if end else lead
            return said
        done = 0
        for index in range(whole):
            window = words[index : index + 1 + AHEAD]
            if not end and index + AHEAD >= whole and waits(window[0]):
                break
            if self._is_numbering(window[0]):
                self._items += 1
            elif kind := unsupported(self._behind, window, self._licensed):
                raise Unsupported(kind)
            said += words[index]
            self._behind = [*self._behind[-BEHIND + 1 :], words[index]]
            done += 1
        self._held = "".join(words[done:])
        return said
