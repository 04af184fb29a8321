"""How far a faster way to write agrees with an exact one: where it first chooses another word, and how near."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from supportbot.inference.llama import Llama, Part


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first word of an answer that the exact model would not have written."""

    answer: int  # which of the answers
    place: int  # its place among the answer's tokens
    gap: float  # by how much the exact model's logit of its own word is higher


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of some answers with the exact model that reads them."""

    answers: int
    tokens: int  # that both would write after the same words
    compared: int
    divergences: tuple[Divergence, ...]  # at most one an answer

    @property
    def token_share(self) -> float:
        return self.tokens / self.compared

    @property
    def same_share(self) -> float:
        """Of the answers, those that the exact model would have written word for word."""
        return 1 - len(self.divergences) / self.answers

    @property
    def widest_gap(self) -> float:
        return max((divergence.gap for divergence in self.divergences), default=0.0)


def agreement(exact: Llama, answers: Sequence[tuple[list[int], list[int]]]) -> Agreement:
    """`answers` are prompts with what was written greedily after them; `exact` judges each of their words."""
    same, compared, divergences = 0, 0, []
    for number, (prompt, output) in enumerate(answers):
        part = Part([*prompt, *output[:-1]], exact.new_states(len(prompt) + len(output)), exact.adapter)
        logits = exact.torch_step([part])[len(prompt) - 1 :]
        chosen = torch.tensor(output, device=logits.device)
        gaps = logits.amax(-1) - logits.gather(1, chosen[:, None])[:, 0]
        wrong = gaps.nonzero()[:, 0].tolist()
        same, compared = same + len(output) - len(wrong), compared + len(output)
        if wrong:
            divergences.append(Divergence(number, wrong[0], float(gaps[wrong[0]])))
    return Agreement(len(answers), same, compared, tuple(divergences))
