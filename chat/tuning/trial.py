"""The held-out questions, asked of a model before and after its training."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chat.prompts import REFUSAL
from chat.tuning.examples import Line, Sheet
from chat.tuning.packing import Packed, answer_logits, losses, pack, prompt_tokens
from chat.tuning.precision import mixed

MAX_ASKED = 24
MAX_ANSWER_TOKENS = 80
BATCH = 8
RIGHT_F1 = 0.6  # an answer this near the target, and not refused, counts as right


@dataclass(frozen=True, slots=True)
class Scores:
    asked: int
    loss: float
    right: float  # share of the answerable questions, as the next two
    wrongly_refused: float
    cited: float
    rightly_refused: float  # share of the unanswerable questions

    def told(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model thinks of one held-out answer, given its prompt and nothing of its own."""

    question_id: str
    tokens: int
    loss: float  # mean per token
    word_for_word: bool  # each token is the likeliest one, so greedy decoding writes this very answer


def judge(model: Any, tokenizer: Any, sheets: Sequence[Sheet]) -> list[Judged]:
    """Every line of the sheets that fits into its sequence."""
    import torch

    was_training = model.training
    model.eval()
    with torch.inference_mode(), mixed(model):
        judged = [one for sheet in sheets for one in _judge_sheet(model, sheet, pack(sheet, tokenizer))]
    model.train(was_training)
    return judged


def _judge_sheet(model: Any, sheet: Sheet, packed: Packed) -> Iterator[Judged]:
    logits = answer_logits(model, packed)
    branches = [packed.branches[index] for index in packed.predicts]  # of each token of an answer
    each = list(zip(branches, losses(logits, packed).tolist(), logits.argmax(-1).tolist(), packed.wanted, strict=True))
    for number, line in enumerate(sheet.lines, start=1):
        own = [(loss, likeliest == wanted) for branch, loss, likeliest, wanted in each if branch == number]
        if own:
            mean = sum(loss for loss, _ in own) / len(own)
            yield Judged(line.question_id, len(own), mean, all(right for _, right in own))


def try_out(model: Any, tokenizer: Any, sheets: Sequence[Sheet]) -> Scores | None:
    """Loss on every held-out sheet, and greedy answers to its first MAX_ASKED questions; None where nothing is held."""
    import torch

    if not sheets:
        return None
    judged = judge(model, tokenizer, sheets)
    loss = sum(one.tokens * one.loss for one in judged) / sum(one.tokens for one in judged)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        asked = [(sheet, number) for sheet in sheets for number in range(len(sheet.lines))][:MAX_ASKED]
        answers: list[str] = []
        for start in range(0, len(asked), BATCH):
            answers += _generate(model, tokenizer, asked[start : start + BATCH])
    model.train(was_training)
    return score([sheet.lines[number] for sheet, number in asked], answers, loss)


def score(lines: Sequence[Line], answers: Sequence[str], loss: float) -> Scores:
    answerable = [(line, answer) for line, answer in zip(lines, answers, strict=True) if line.answerable]
    others = [answer for line, answer in zip(lines, answers, strict=True) if not line.answerable]
    right = [not refuses(answer) and token_f1(answer, line.target) >= RIGHT_F1 for line, answer in answerable]
    cited = [_markers(answer) == _markers(line.target) for line, answer in answerable]
    return Scores(
        asked=len(lines),
        loss=loss,
        right=_share(right),
        wrongly_refused=_share([refuses(answer) for _, answer in answerable]),
        cited=_share(cited),
        rightly_refused=_share([refuses(answer) for answer in others]),
    )


def refuses(answer: str) -> bool:
    return REFUSAL.rstrip(".") in answer


def token_f1(answer: str, wanted: str) -> float:
    """Overlap of the words, markers left out: 1 the same words, 0 none of them."""
    ours, theirs = _words(answer), _words(wanted)
    common = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", re.sub(r"\[\d+\]", " ", text).lower())


def _markers(text: str) -> set[str]:
    return set(re.findall(r"\[\d+\]", text))


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0


def _generate(model: Any, tokenizer: Any, asked: Sequence[tuple[Sheet, int]]) -> list[str]:
    import torch

    prompts = [prompt_tokens(sheet, number, tokenizer) for sheet, number in asked]
    longest = max(len(prompt) for prompt in prompts)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    made = model.generate(
        input_ids=torch.tensor([[end] * (longest - len(prompt)) + prompt for prompt in prompts], device=model.device),
        attention_mask=torch.tensor(
            [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device
        ),
        max_new_tokens=MAX_ANSWER_TOKENS,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=end,
    )
    return [tokenizer.decode(row[longest:], skip_special_tokens=True).strip() for row in made]
