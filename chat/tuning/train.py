"""The run itself: packed sheets through an adapter on the base, with a checkpoint that a killed run goes on from."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chat.tuning.packing import Packed, answer_loss, pack
from chat.tuning.plan import Plan, Recipe
from chat.tuning.precision import device_to_take, has_bfloat16, mixed

if TYPE_CHECKING:
    import torch

# Beside other work, OpenMP's spinning barriers slow a step tenfold; waiting asleep costs nothing on a quiet machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

CHECKPOINT_EVERY = 10  # steps
LEAST_RATE = 0.02  # of the learning rate, at the very end


class TrainingFailed(Exception):
    """The sentence is for the operator."""


@dataclass(frozen=True, slots=True)
class Progress:
    step: int
    steps: int
    loss: float  # mean per answer token over the last steps
    seconds: float  # of this run and the runs it goes on from
    seconds_per_step: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Outcome:
    steps: int
    seconds: float
    resumed_at: int
    is_whole: bool = True  # every sheet of the plan was seen


def prepare(recipe: Recipe, weights: Path, adapter: Path | None, threads: int) -> tuple[Any, Any]:
    """The base with a fresh adapter on every linear layer, or with `adapter` to go on from; and its tokenizer.

    At rank 0 the base alone, with all its weights to be trained: what an adapter is compared with.
    """
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    device = device_to_take()
    frozen = torch.bfloat16 if has_bfloat16(device) else torch.float32  # of a base that stays as it is
    dtype = frozen if recipe.rank else torch.float32
    base = AutoModelForCausalLM.from_pretrained(weights, dtype=dtype, attn_implementation="sdpa").to(device)
    tokenizer = AutoTokenizer.from_pretrained(weights)
    if adapter is not None:
        return PeftModel.from_pretrained(base, str(adapter), is_trainable=True), tokenizer
    if not recipe.rank:
        return base, tokenizer
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, config), tokenizer


def trained_weights(model: Any) -> dict[str, torch.Tensor]:
    """What a run changes, by name; float32."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def train(
    model: Any,
    tokenizer: Any,
    plan: Plan,
    checkpoint: Path,
    *,
    minutes: float = 0,
    threads: Callable[[], int] | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    report_every: float = 15,
) -> Outcome:
    """Train until the sheets or the minutes are used up. The rate falls with whichever is nearer its end.

    `threads` is asked before each step: what else runs on this machine may change.
    """
    import torch

    recipe = plan.recipe
    weights = list(trained_weights(model).values())
    optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.0)
    step, before = _resume(checkpoint, plan, model, optimizer)
    resumed_at, began, told, recent = step, time.monotonic(), 0.0, []
    steps = math.ceil(len(plan.sheets) / recipe.sheets_per_step)
    model.train()
    while step < steps and not (minutes and _seconds(before, began) >= 60 * minutes):
        spent = _seconds(before, began)
        rate = rate_at(recipe, step, steps, spent / (60 * minutes) if minutes else 0)
        for group in optimizer.param_groups:
            group["lr"] = rate
        if threads is not None and (wanted := threads()) != torch.get_num_threads():
            torch.set_num_threads(wanted)
        recent.append(_step(model, optimizer, weights, _batch(plan, step, tokenizer), recipe.clip))
        step += 1
        recent = recent[-20:]
        if step % CHECKPOINT_EVERY == 0:
            _keep(checkpoint, plan, model, optimizer, step, _seconds(before, began))
        if time.monotonic() - told >= report_every or step == steps:
            told = time.monotonic()
            report(_progress(step, steps, resumed_at, recent, before, told - began, minutes))
    _keep(checkpoint, plan, model, optimizer, step, _seconds(before, began))
    return Outcome(step, _seconds(before, began), resumed_at, is_whole=step == steps)


def rate_at(recipe: Recipe, step: int, steps: int, time_used: float) -> float:
    """Learning rate: a linear warm-up, then a half cosine over the used part of the steps or of the time."""
    warm = max(1, round(recipe.warm_up * steps))
    used = min(1.0, max(step / steps, time_used))
    fall = LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * used))
    return recipe.learning_rate * min(1.0, (step + 1) / warm) * fall


def _batch(plan: Plan, step: int, tokenizer: Any) -> Iterator[Packed]:
    size = plan.recipe.sheets_per_step
    return (pack(sheet, tokenizer) for sheet in plan.sheets[step * size : (step + 1) * size])


def _step(model: Any, optimizer: Any, weights: list[torch.Tensor], batch: Iterator[Packed], clip: float) -> float:
    """One update; gives the loss per answer token."""
    import torch

    sheets = list(batch)
    tokens = sum(len(packed.wanted) for packed in sheets)
    total = 0.0
    for packed in sheets:
        with mixed(model):
            loss = answer_loss(model, packed) / tokens
        loss.backward()
        total += loss.detach().item()
    if not math.isfinite(total):
        raise TrainingFailed("The loss is not finite: lower the learning rate and start again.")
    torch.nn.utils.clip_grad_norm_(weights, clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def _progress(
    step: int, steps: int, resumed_at: int, recent: list[float], before: float, ran: float, minutes: float
) -> Progress:
    each = ran / max(1, step - resumed_at)
    left = (steps - step) * each
    if minutes:
        left = min(left, max(0.0, 60 * minutes - before - ran))
    return Progress(step, steps, sum(recent) / len(recent), before + ran, each, left)


def _seconds(before: float, began: float) -> float:
    return before + time.monotonic() - began


def _keep(checkpoint: Path, plan: Plan, model: Any, optimizer: Any, step: int, seconds: float) -> None:
    """Written beside and renamed: a kill leaves the last whole checkpoint."""
    import torch

    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    draft = checkpoint.with_suffix(".tmp")
    kept = {
        "plan": plan.sha256,
        "step": step,
        "seconds": seconds,
        "weights": trained_weights(model),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
    }
    with draft.open("wb") as file:
        torch.save(kept, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(checkpoint)


def _resume(checkpoint: Path, plan: Plan, model: Any, optimizer: Any) -> tuple[int, float]:
    """The step and the seconds that a checkpoint of this very plan ends at; (0, 0) without one."""
    import torch

    if not checkpoint.is_file():
        return 0, 0.0
    kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
    if kept["plan"] != plan.sha256 or "weights" not in kept:  # an earlier version kept them in another form
        return 0, 0.0
    with torch.no_grad():
        for name, weight in trained_weights(model).items():
            weight.copy_(kept["weights"][name])
    optimizer.load_state_dict(kept["optimizer"])
    torch.set_rng_state(kept["random"])
    return kept["step"], kept["seconds"]
