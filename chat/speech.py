"""A model's stream on its way to the customer: markers, refusal and facts are settled before a word goes out; pure."""

from collections.abc import Sequence

from chat.citations import Citations
from chat.extracts import Quotable
from chat.prompts import REFUSAL
from chat.support import Gate


class Speech:
    """Feed it the model's pieces; say what it gives. `feed` and `end` raise Unsupported."""

    def __init__(self, question: str, passages: Sequence[Quotable], *, gate: bool = True) -> None:
        self._citations = Citations(range(1, len(passages) + 1))
        quoted = [f"{p.title}\n{p.heading}\n{p.text}" for p in passages]
        self._gate = Gate(quoted, question) if gate else None
        self._opening: str | None = ""  # the beginning, as long as it may become the refusal
        self.refused = False
        self.spoke = False

    @property
    def cited(self) -> list[int]:
        return self._citations.cited

    def feed(self, piece: str) -> str:
        return self._pass_on(self._citations.feed(piece))

    def end(self) -> str:
        """What was still held back."""
        text = self._pass_on(self._citations.flush())
        if self._opening and not self.refused:
            text, self._opening = self._through_gate(self._opening), None
        rest = self._gate.flush() if self._gate and not self.refused else ""
        return self._spoken((text + rest).rstrip())

    def _pass_on(self, text: str) -> str:
        if self.refused:
            return ""
        if self._opening is None:
            return self._spoken(self._through_gate(text))
        self._opening = (self._opening + text).lstrip()
        heard, sentence = self._opening.casefold(), REFUSAL.rstrip(".").casefold()
        if heard.startswith(sentence):
            self.refused = True
            return ""
        if sentence.startswith(heard):
            return ""
        text, self._opening = self._opening, None
        return self._spoken(self._through_gate(text))

    def _through_gate(self, text: str) -> str:
        return self._gate.feed(text) if self._gate else text

    def _spoken(self, text: str) -> str:
        self.spoke = self.spoke or bool(text.strip())
        return text
