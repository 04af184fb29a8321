"""A sheet as one sequence: the passages once, then each question with its answer as a branch that sees no other branch.

Ten questions over three passages cost about a fourth of ten prompts, with the same gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

from chat.prompts import build_prompt
from chat.tuning.examples import Sheet

if TYPE_CHECKING:
    import torch

MAX_TOKENS = 1600
END_OF_TURN = "<|im_end|>"


@dataclass(frozen=True, slots=True)
class Packed:
    tokens: list[int]
    positions: list[int]
    branches: list[int]  # 0 for the shared beginning, then 1, 2, ...
    predicts: list[int]  # indices whose next token is a token of an answer
    wanted: list[int]  # those next tokens


def pack(sheet: Sheet, tokenizer: Any) -> Packed:
    """Lines that no longer fit into MAX_TOKENS are left out."""
    prompts = [prompt_tokens(sheet, number, tokenizer) for number in range(len(sheet.lines))]
    answers = [tokenizer.encode(line.target + END_OF_TURN, add_special_tokens=False) for line in sheet.lines]
    shared = len(commonprefix(prompts)) if len(prompts) > 1 else len(prompts[0]) - 1
    packed = Packed(prompts[0][:shared], list(range(shared)), [0] * shared, [], [])
    for branch, (prompt, answer) in enumerate(zip(prompts, answers, strict=True), start=1):
        own = prompt[shared:] + answer[:-1]  # the last token is predicted, never read
        if branch > 1 and len(packed.tokens) + len(own) > MAX_TOKENS:
            continue
        first = len(packed.tokens) + len(prompt) - shared - 1
        packed.predicts.extend(range(first, first + len(answer)))
        packed.wanted.extend(answer)
        packed.tokens.extend(own)
        packed.positions.extend(range(shared, shared + len(own)))
        packed.branches.extend([branch] * len(own))
    return packed


def prompt_tokens(sheet: Sheet, number: int, tokenizer: Any) -> list[int]:
    """The prompt of one line, token for token as serving makes it."""
    messages = build_prompt(sheet.lines[number].question, sheet.passages)
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return tokenizer.encode(text, add_special_tokens=False)


def answer_loss(model: Any, packed: Packed) -> torch.Tensor:
    """Sum of the cross-entropy over the answers' tokens."""
    return losses(answer_logits(model, packed), packed).sum()


def losses(logits: torch.Tensor, packed: Packed) -> torch.Tensor:
    """Cross-entropy of each token of the answers: [answer tokens]."""
    import torch

    return torch.nn.functional.cross_entropy(
        logits, torch.tensor(packed.wanted, device=logits.device), reduction="none"
    )


def answer_logits(model: Any, packed: Packed) -> torch.Tensor:
    """What the model thinks of each token of the answers: float32, [answer tokens, vocabulary].

    The output layer, a fifth of the model, runs on those alone.
    """
    import torch

    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    states = base.model(
        input_ids=torch.tensor([packed.tokens], device=base.device),
        position_ids=torch.tensor([packed.positions], device=base.device),
        attention_mask=attention(packed).to(base.device),
        use_cache=False,
    ).last_hidden_state
    return base.lm_head(states[0, packed.predicts]).float()


def attention(packed: Packed) -> torch.Tensor:
    """Which earlier tokens each token sees: bool, [1, 1, tokens, tokens]."""
    import torch

    branch = torch.tensor(packed.branches)
    earlier = torch.ones(len(branch), len(branch), dtype=torch.bool).tril()
    return (earlier & ((branch[None, :] == 0) | (branch[None, :] == branch[:, None])))[None, None]
