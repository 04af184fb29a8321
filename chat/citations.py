"""[n] markers in a stream of words: known ones pass, unknown ones vanish, unfinished ones wait; pure."""

import re
from collections.abc import Collection

# As far as a marker may have come: "[", "[1", "[1, 2", with the blank before it, which goes if the marker goes.
OPEN = re.compile(r"[ \t]*\[[\d,;\s]{0,16}$")
BLANK = re.compile(r"[ \t]+$")
MARKER = re.compile(r"([ \t]*)\[(\s*\d{1,4}(?:\s*[,;]\s*\d{1,4})*\s*)\]")
MAX_MARKERS = 24


class Citations:
    """Feed it pieces of text; what it gives holds markers of known numbers only, each as `[n]`."""

    def __init__(self, known: Collection[int]) -> None:
        self.cited: list[int] = []
        self._known = frozenset(known)
        self._held = ""
        self._markers = 0

    def feed(self, piece: str) -> str:
        self._held += piece
        waiting = OPEN.search(self._held) or BLANK.search(self._held)
        end = waiting.start() if waiting else len(self._held)
        ready, self._held = self._held[:end], self._held[end:]
        return self._clean(ready)

    def flush(self) -> str:
        """The rest; a marker that was never closed is cut off."""
        ready, self._held = OPEN.sub("", self._held), ""
        return self._clean(ready)

    def _clean(self, text: str) -> str:
        return MARKER.sub(self._known_only, text)

    def _known_only(self, match: re.Match[str]) -> str:
        kept = []
        for number in (int(n) for n in re.findall(r"\d+", match[2])):
            if number in self._known and self._markers < MAX_MARKERS:
                self._markers += 1
                kept.append(f"[{number}]")
                if number not in self.cited:
                    self.cited.append(number)
        return match[1] + "".join(kept) if kept else ""
