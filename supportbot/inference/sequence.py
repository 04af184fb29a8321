"""One answer in the making: what was asked for, and how far it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from supportbot.inference import speculation
from supportbot.inference.completion import Event, Finished, Piece, Sampling
from supportbot.inference.detokenizer import Detokenizer

if TYPE_CHECKING:
    from supportbot.inference.llama import Llama


@dataclass(slots=True, eq=False)
class Sequence:
    """A prompt that becomes an answer. `deliver` is called on the engine's thread and must not block."""

    model: "Llama"
    prompt: list[int]
    sampling: Sampling
    ends: frozenset[int]
    decode: Callable[[list[int]], str]
    deliver: Callable[[Event], None]
    read: int = 0
    output: list[int] = field(default_factory=list)
    cancelled: bool = False
    text: Detokenizer = field(init=False)
    _guess_length: int = field(init=False, default=speculation.FIRST_GUESS)
    _dice: torch.Generator | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.text = Detokenizer(self.decode, self.sampling.stop)
        if self.sampling.temperature > 0:
            self._dice = torch.Generator()
            if self.sampling.seed is None:
                self._dice.seed()
            else:
                self._dice.manual_seed(self.sampling.seed)

    def cancel(self) -> None:
        """From any thread: nobody waits for the answer any more. The engine drops it before its next step."""
        self.cancelled = True

    def take(self, logits: Tensor) -> bool:
        """Choose the next token from `logits` [vocabulary], hand out its text; True when the answer is over."""
        token = self._choose(logits)
        self.output.append(token)
        if token in self.ends:
            return self._end("stop")
        piece = self.text.add(token)
        if piece:
            self.deliver(Piece(piece))
        if self.text.stopped:
            return self._end("stop")
        if len(self.output) >= self.sampling.max_tokens:
            return self._end("length")
        return False

    def guess(self) -> list[int]:
        """What may come next, judged by the prompt and the answer so far; greedy answers only, where it is exact."""
        left = self.sampling.max_tokens - len(self.output) - 1
        if self._dice is not None or left < 1:
            return []
        return speculation.guess(self.prompt + self.output, min(self._guess_length, left))

    def learn(self, right: int) -> None:
        """So many guessed tokens were right."""
        self._guess_length = speculation.next_length(right)

    def drop(self) -> None:
        """Tell whoever may still listen that the answer was given up."""
        self.deliver(Finished("cancelled", len(self.prompt), len(self.output)))

    def _end(self, reason: str) -> bool:
        rest = self.text.finish()
        if rest:
            self.deliver(Piece(rest))
        self.deliver(Finished(reason, len(self.prompt), len(self.output)))
        return True

    def _choose(self, logits: Tensor) -> int:
        if self._dice is None:
            return int(logits.argmax())
        chances, tokens = torch.softmax(logits / self.sampling.temperature, dim=-1).sort(descending=True)
        kept = chances.cumsum(0) - chances < self.sampling.top_p  # the first is always kept
        return int(tokens[torch.multinomial(chances * kept, 1, generator=self._dice)])
