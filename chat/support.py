"""The fact gate: a number, date, price, duration, address, link or code reaches a customer only if a passage holds it.

Deterministic and without a model. It works on the live stream: a word is held back until it, and what follows it as
far as its meaning depends on that, is known; so the decision is the same wherever the stream was cut into tokens. What
is held is bounded: a word by MAX_WORD, words by what a reading may need, at most by the end of the sentence, where
the subject of a fact must be clear. docs/decisions/fact-gate.md has each case with its reason.
"""

import re
from collections import deque
from collections.abc import Sequence

from chat.licences import Licences, writes_comma
from knowledge.atoms import ENDLESS, MAX_WORD, WORD, Atom, atoms
from knowledge.facts import AHEAD, BEHIND, Fact, closes, may_begin, read
from knowledge.units import MONEY, MONTHS, TIME, UNITS

MAX_FACT = 80
PIECE = re.compile(rf"\s+|{WORD.pattern}")
ITEM = re.compile(r"[*_]{0,2}(\d{1,2})[.)][*_]{0,2}")
STEPS = frozenset(("step", "schritt", "etape", "paso"))
LINE = Atom("mark", "\n")
SENTENCE = 60  # atoms; what is longer is judged by so many before and after a fact
ENDS = frozenset((LINE, Atom("mark", "."), Atom("mark", "!"), Atom("mark", "?")))
AMOUNTS = TIME | MONEY | {"%"}


class Unsupported(Exception):
    """The model said a fact that stands in no passage; nothing of it was given out.

    `kind` names the sort of fact; `fact` is what was said, for those who review the answer: it is not for logs.
    """

    def __init__(self, kind: str, fact: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.fact = fact[:MAX_FACT]


class Gate:
    """Feed it text; what it gives holds supported facts only."""

    def __init__(self, passages: Sequence[str], question: str) -> None:
        self._licences = Licences(passages, question)
        self._markers = {str(n) for n in range(1, len(passages) + 1)}
        self._comma = writes_comma(question)
        self._tail = ""  # the last word, as far as it has come
        self._held: deque[tuple[str, int]] = deque()  # words and blanks, each with the number of its atoms
        self._row: list[Atom] = [LINE]  # the atoms of what is held, and some before them
        self._at = 1  # the first atom that is not decided
        self._decided = 0  # atoms of held words that are
        self._doubt: tuple[list[Fact], int] | None = None  # facts of which the sentence's end must tell the subject
        self._items = 0  # the last number of a numbered list

    def feed(self, text: str) -> str:
        """What may be said now. Raises Unsupported."""
        pieces = PIECE.findall(self._tail + text)
        self._tail = pieces.pop() if pieces and not pieces[-1].isspace() else ""
        for piece in pieces:
            self._take(piece)
        if len(self._tail) > MAX_WORD:  # a word is whole when something follows it; this one is never read
            self._take(self._tail)
        return self._release(end=False)

    def flush(self) -> str:
        """The rest, when nothing more will come. Raises Unsupported."""
        if self._tail:
            self._take(self._tail)
            self._tail = ""
        return self._release(end=True)

    def _take(self, piece: str) -> None:
        if len(piece) > MAX_WORD and not piece.isspace():
            piece, found = piece[:MAX_FACT], [ENDLESS]
        elif piece.isspace():
            found = [LINE] if len(piece.splitlines()) > 1 or piece.splitlines() != [piece] else []
            found = [] if self._row[-1] is LINE else found
        elif self._row[-1].kind == "mark" and (item := ITEM.fullmatch(piece)):
            found = [Atom("item", item[1]), Atom("mark", ".")]
        else:
            found = atoms(piece)
            if "`" in piece:
                found = [atom._replace(kind="code") if atom.kind == "word" else atom for atom in found]
        self._held.append((piece, len(found)))
        self._row += found

    def _release(self, *, end: bool) -> str:
        """Decide as far as enough of what follows is there, and give the words that are decided whole."""
        while self._at < len(self._row) and (used := self._decided_next(end)):
            self._at += used
            self._decided += used
        said = []
        while self._held and self._held[0][1] <= self._decided:
            piece, count = self._held.popleft()
            self._decided -= count
            said.append(piece)
        if self._at > 2 * SENTENCE:
            forgotten = self._at - SENTENCE
            self._row, self._at = self._row[forgotten:], SENTENCE
        return "".join(said)

    def _decided_next(self, end: bool) -> int:
        """How many of the next atoms may be said; none if that cannot be told yet. Raises Unsupported."""
        if self._doubt is None:
            window = self._row[self._at : self._at + AHEAD]
            known = end or len(window) == AHEAD or any(closes(atom) for atom in window[1:])
            if may_begin(window[0]) and not known:
                return 0
            found, used = self._read(self._row[max(0, self._at - BEHIND) : self._at], window)
            before = self._sentence_before()
            if all(self._licences.is_told_of(fact, before, over=False) for fact in found):
                return used
            self._doubt = found, used
        return self._cleared(*self._doubt, end)

    def _cleared(self, found: list[Fact], used: int, end: bool) -> int:
        """The same, of facts whose subject may only follow: at the end of the sentence."""
        after = self._row[self._at + used : self._at + used + SENTENCE]
        length = next((place for place, atom in enumerate(after) if atom in ENDS), None)
        if length is None and not end and len(after) < SENTENCE:
            return 0
        sentence = [*self._sentence_before(), *after[:length]]
        if not all(self._licences.is_told_of(fact, sentence, over=True) for fact in found):
            raise self._stop("subject", used)
        self._doubt = None
        return used

    def _sentence_before(self) -> list[Atom]:
        """What was said of this sentence before the next atom."""
        said = self._row[max(0, self._at - SENTENCE) : self._at]
        start = next((place for place in range(len(said), 0, -1) if said[place - 1] in ENDS), 0)
        return said[start:]

    def _read(self, behind: list[Atom], window: list[Atom]) -> tuple[list[Fact], int]:
        """The licensed facts that the window begins with, and how many atoms they take. Raises Unsupported."""
        first = window[0]
        if first.kind == "endless":
            raise self._stop("length", 1)
        if first.kind == "marker" and first.text in self._markers and not _counts(behind, window[1:2]):
            return [], 1
        if self._is_numbering(behind, window):
            self._items = int(first.text)
            return [], 1
        if first.kind in ("item", "marker"):
            window = [Atom("number", first.text), *window[1:]]
        found, end = read([*behind, *window], len(behind), self._comma)
        used = end - len(behind)
        for place, fact in enumerate(found):
            kind = self._licences.refuses(fact, behind)
            if not kind and fact.bound:
                kind = self._licences.refuses_range(found[place - 1], fact)
            if kind:
                raise self._stop(kind, used)
        return found, used

    def _is_numbering(self, behind: list[Atom], window: list[Atom]) -> bool:
        """The next number of a list, or of steps: it counts them and says nothing."""
        first, after = window[0], window[2] if len(window) > 2 else LINE
        is_next = first.text in ("1", str(self._items + 1))
        if first.kind == "number":
            return is_next and not first.unit and behind[-1].text in STEPS and behind[-2:-1] == [LINE]
        place = behind[-1].text
        if not (place == "\n" or (place == "." and self._items) or (place == ":" and first.text == "1")):
            return False
        names_it = after.kind == "word" and after.text not in UNITS and after.text not in MONTHS
        return first.kind == "item" and is_next and (names_it or after.kind in ("link", "code"))

    def _stop(self, kind: str, used: int) -> Unsupported:
        """The words that these atoms are of."""
        said, before = [], -self._decided
        for piece, count in self._held:
            if before >= used:
                break
            if before + count > 0 or before >= 0:
                said.append(piece)
            before += count
        return Unsupported(kind, "".join(said).strip())


def _counts(behind: list[Atom], after: list[Atom]) -> bool:
    """Whether a marker reads as an amount: "within [2] days", "it costs £[2]"."""
    said = [atom for atom in behind if atom.kind != "marker"] or [LINE]  # [1][2] days
    before, earlier = said[-1], said[-2] if len(said) > 1 else LINE
    if UNITS.get(before.text) in MONEY and earlier.kind != "number":
        return True
    is_amount = bool(after) and UNITS.get(after[0].text) in AMOUNTS and after[0].text != "an" and not after[0].case
    return is_amount and before.kind == "word" and before.text not in UNITS
