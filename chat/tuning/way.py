"""One way to tune, measured beside others: what it costs, and what it thinks of each held-out answer."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from chat.tuning.plan import Plan
from chat.tuning.train import Progress, prepare, train, trained_weights
from chat.tuning.trial import judge
from supportbot.inference.bench.peers import memory_of
from supportbot.inference.weights import generator_folder

SAY_EVERY = 15.0  # seconds
BYTES = 2  # of a weight that is shipped: bfloat16


@dataclass(slots=True)
class Watch:
    """How long each step took, told now and then."""

    say: Callable[[str], object]
    ends: list[float] = field(default_factory=list)
    _said: float = 0.0

    def report(self, progress: Progress) -> None:
        self.ends.append(progress.seconds)
        if time.monotonic() - self._said >= SAY_EVERY:
            self._said = time.monotonic()
            self.say(f"  step {progress.step}/{progress.steps}, loss {progress.loss:.3f}")

    def median(self) -> float | None:
        """Seconds of a step. None where fewer than two were seen: the first one is of loading too."""
        each = [after - before for before, after in zip(self.ends, self.ends[1:], strict=False)]
        return round(median(each), 3) if each else None


def measure(
    plan: Plan, checkpoint: Path, *, minutes: float, threads: int, say: Callable[[str], object]
) -> dict[str, Any]:
    """Train the stock base as the plan says and judge what it holds out. For a process of its own: memory is its peak.

    Raises TrainingFailed, WeightsError.
    """
    model, tokenizer = prepare(plan.recipe, generator_folder(), None, threads)
    weights = sum(weight.numel() for weight in trained_weights(model).values()) if plan.sheets else 0
    watch = Watch(say)
    outcome = train(model, tokenizer, plan, checkpoint, minutes=minutes, report=watch.report, report_every=0)
    peaks = {"peak_mib": memory_of(os.getpid())["peak_mib"], "device_peak_mib": _device_peak(model)}
    say(f"  {outcome.steps} steps done; judging {sum(len(sheet.lines) for sheet in plan.held)} held-out answers")
    return peaks | {
        "rank": plan.recipe.rank,
        "learning_rate": plan.recipe.learning_rate,
        "device": model.device.type,
        "threads": threads,
        "steps": outcome.steps,
        "is_whole": outcome.is_whole,
        "seconds": round(outcome.seconds, 1),
        "seconds_a_step": watch.median(),
        "trained": weights,
        "bytes": BYTES * weights,
        "judged": [asdict(one) for one in judge(model, tokenizer, plan.held)],
    }


def _device_peak(model: Any) -> int:
    """MiB of an accelerator's own memory."""
    import torch

    return torch.cuda.max_memory_allocated() // 2**20 if model.device.type == "cuda" else 0
