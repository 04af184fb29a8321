"""One answer in the making: what was asked for, and how far it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from supportbot.inference.completion import Chance, Event, Finished, Piece, Sampling
from supportbot.inference.detokenizer import Detokenizer
from supportbot.inference.speculation import FIRST_GUESS, Told, next_length

if TYPE_CHECKING:
    from supportbot.inference.cache import States
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
    output: list[int] = field(default_factory=list)
    cancelled: bool = False
    text: Detokenizer = field(init=False)
    states: "States" = field(init=False)  # from its admission on
    _told: Told | None = field(init=False, default=None)  # of greedy answers only, where guessing is exact
    _guess_length: int = field(init=False, default=FIRST_GUESS)
    _dice: torch.Generator | None = field(init=False, default=None)
    _chances: list[Chance] = field(init=False, default_factory=list)  # not delivered yet

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

    def guess(self, most: int) -> list[int]:
        """Up to `most` tokens that may come next, judged by the prompt and the answer so far."""
        left = self.sampling.max_tokens - len(self.output) - 1
        length = min(self._guess_length, left, most)
        if self._dice is not None or length < 1:
            return []
        if self._told is None:
            self._told = Told(self.prompt + self.output)
        return self._told.guess(length)

    def take(self, logits: Tensor, likeliest: list[int], guessed: list[int]) -> tuple[int, bool]:
        """The words after the newest one, and after each of `guessed` as long as these are what the model writes.

        `logits` [1 + guessed, vocabulary], with the likeliest token of each. How many words that was, and whether the
        answer is over.
        """
        written, over = 0, False
        for row, hoped in enumerate([*guessed, None]):
            token = likeliest[row] if self._dice is None else self._draw(logits[row])
            if self.sampling.chances is not None:
                self._chances.append(self._chance(token, logits[row], self.sampling.chances))
            over = self._write(token)
            written += 1
            if over or self.output[-1] != hoped:
                break
        if guessed:
            self._guess_length = next_length(written - 1)
        return written, over

    def drop(self) -> None:
        """Tell whoever may still listen that the answer was given up."""
        self.deliver(Finished("cancelled", len(self.prompt), len(self.output)))

    def _write(self, token: int) -> bool:
        """Hand out the token's text; True when the answer is over."""
        self.output.append(token)
        if self._told is not None:
            self._told.add(token)
        if token in self.ends:
            return self._end("stop")
        piece = self.text.add(token)
        if piece:
            self.deliver(Piece(piece, self._take_chances()))
        if self.text.stopped:
            return self._end("stop")
        if len(self.output) >= self.sampling.max_tokens:
            return self._end("length")
        return False

    def _end(self, reason: str) -> bool:
        rest = self.text.finish()
        if rest:
            self.deliver(Piece(rest))
        self.deliver(Finished(reason, len(self.prompt), len(self.output), self._take_chances()))
        return True

    def _chance(self, token: int, logits: Tensor, most: int) -> Chance:
        logprobs = torch.log_softmax(logits.float(), dim=-1)
        values, likeliest = logprobs.topk(min(most, len(logprobs)))
        others = tuple(
            (self.decode([other]), value) for other, value in zip(likeliest.tolist(), values.tolist(), strict=True)
        )
        return Chance(self.decode([token]), float(logprobs[token]), others)

    def _take_chances(self) -> tuple[Chance, ...]:
        told, self._chances = tuple(self._chances), []
        return told

    def _draw(self, logits: Tensor) -> int:
        """The likeliest where the numbers are none, as an adapter may cause: a draw would end the computing thread."""
        chances, tokens = torch.softmax(logits.cpu() / self.sampling.temperature, dim=-1).sort(descending=True)
        kept = chances.cumsum(0) - chances < self.sampling.top_p  # the first is always kept
        if not torch.isfinite(chances).all():
            return int(tokens[0])
        return int(tokens[torch.multinomial(chances * kept, 1, generator=self._dice)])
