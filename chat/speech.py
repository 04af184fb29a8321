"""A model's stream on its way to the customer: markers, refusal and facts are settled before a word goes out; pure.

A sentence is judged when it is over. Its words have been heard by then, but for the last ones: what the passages do not
support is taken back by whoever asked for it.
"""

from collections.abc import Sequence
from dataclasses import replace

from chat.choosing import Choice
from chat.citations import Citations
from chat.prompts import REFUSAL
from chat.quotable import Quotable
from chat.sentence_support import MAX_SENTENCES, UNTOLD, Ground, Supported, ended, is_said
from chat.support import Gate
from chat.visible import visible


class Unfounded(Exception):
    """The passages do not support this sentence well enough."""

    def __init__(self, sentence: Supported) -> None:
        super().__init__("unsupported")
        self.sentence = sentence


class Outdone(Exception):
    """The passages' own sentences are the better answer."""


class Speech:
    """Feed it the model's pieces; say what it gives. `feed` and `end` raise Unsupported, Unfounded and Outdone.

    A sentence whose support is below `floor` is Unfounded; `choice` is between the model and the extract.
    """

    def __init__(
        self,
        question: str,
        passages: Sequence[Quotable],
        *,
        gate: bool = True,
        floor: float = 0.0,
        choice: Choice | None = None,
    ) -> None:
        self._citations = Citations(range(1, len(passages) + 1))
        quoted = [f"{p.title}\n{p.heading}\n{p.text}" for p in passages]
        self._gate = Gate(quoted, question) if gate else None
        self._ground = Ground(passages)
        self._floor = floor
        self._opening: str | None = ""  # the beginning, as long as it may become the refusal
        self._choice = choice  # as long as it is not made
        self.undecided = choice is not None  # nothing speaks for the model's words yet, nor against them
        self._first = ""  # what was said until then
        self._unjudged = ""
        self.support: list[Supported] = []
        self.refused = False
        self.spoke = False

    @property
    def cited(self) -> list[int]:
        return self._citations.cited

    def feed(self, piece: str) -> str:
        return self._pass_on(self._citations.feed(visible(piece)))

    def end(self) -> str:
        """What was still held back."""
        text = self._pass_on(self._citations.flush())
        if self._opening and not self.refused:
            text, self._opening = self._through_gate(self._opening), None
        rest = self._gate.flush() if self._gate and not self.refused else ""
        text = self._spoken((text + rest).rstrip(), over=True)
        if is_said(self._unjudged):
            self._judge([self._unjudged])
        return text

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

    def _spoken(self, text: str, *, over: bool = False) -> str:
        self._choose(text, over)
        self.spoke = self.spoke or bool(text.strip())
        sentences, self._unjudged = ended(self._unjudged + text)
        self._judge(sentences)
        return text

    def _choose(self, text: str, over: bool) -> None:
        """Raises Outdone as soon as the first sentence is known to be no better than the extract."""
        if self._choice is None:
            return
        self._first += text
        sentences, _ = ended(self._first)
        whole = bool(sentences) or (over and is_said(self._first))
        may_speak = self._choice.may_speak(sentences[0] if sentences else self._first, over=whole)
        if may_speak is False:
            raise Outdone
        self.undecided = may_speak is None
        if whole:
            self._choice = None  # it is made

    def _judge(self, sentences: Sequence[str]) -> None:
        for sentence in sentences[: MAX_SENTENCES - len(self.support)]:
            judged = self._ground.judge(sentence.strip())
            if self._ground.only_points(sentence):  # an answer may end so, but not begin
                judged = replace(judged, score=max(UNTOLD, judged.score) if self.support else 0.0)
            if judged.score < self._floor:
                raise Unfounded(judged)
            self.support.append(judged)
