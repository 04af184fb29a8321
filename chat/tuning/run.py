"""One tuning run from its plan to the adapter's folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from chat.tuning.folder import write_adapter
from chat.tuning.plan import Plan
from chat.tuning.train import Progress, TrainingFailed, prepare, train, trained_weights
from chat.tuning.trial import Scores, try_out
from supportbot.inference.weights import base_sha256, generator_folder


def run(
    plan: Plan,
    folder: Path,
    *,
    start: Path | None,
    minutes: float,
    threads: Callable[[], int],
    say: Callable[[str, str], None],
) -> dict[str, Any]:
    """Train, try, write. Gives the manifest. A checkpoint that the minutes ended stays: more minutes go on from it.

    Raises TrainingFailed.
    """
    checkpoint = settings.DATA_DIR / "tuning" / f"{folder.name}.checkpoint"
    model, tokenizer = prepare(plan.recipe, generator_folder(), start, threads())
    trained = sum(weight.numel() for weight in trained_weights(model).values())
    say("Preparing", f"{trained / 1e6:.1f} M of {sum(w.numel() for w in model.parameters()) / 1e6:.0f} M parameters")
    outcome = train(
        model, tokenizer, plan, checkpoint, minutes=minutes, threads=threads, report=lambda one: _report(one, say)
    )
    if outcome.resumed_at:
        say("Resumed", f"at step {outcome.resumed_at}")
    if not outcome.steps:
        raise TrainingFailed(f"No step was done in {minutes:g} minutes: give more, or try again when less else runs.")
    if not outcome.is_whole:
        say("Ended", f"by its minutes, after {outcome.steps} steps: the same command with more --minutes goes on")
    say("Trying", f"held-out questions on {len(plan.held)} sheets, after and before")
    after = try_out(model, tokenizer, plan.held)
    with model.disable_adapter():
        before = try_out(model, tokenizer, plan.held)
    scores = {"base": before, "adapter": after}
    for name, one in scores.items():
        say(name.capitalize(), _told(one))
    manifest = write_adapter(folder, model, plan, outcome, scores, base=settings.BASE_MODEL, base_sha256=base_sha256())
    if outcome.is_whole:
        checkpoint.unlink(missing_ok=True)
    return manifest


def _report(progress: Progress, say: Callable[[str, str], None]) -> None:
    say(
        "Training",
        f"step {progress.step}/{progress.steps}  loss {progress.loss:.3f}  {progress.seconds_per_step:.1f} s/step  "
        f"{progress.seconds_left / 60:.0f} min left",
    )


def _told(scores: Scores | None) -> str:
    if scores is None:
        return "nothing is held out"
    return (
        f"loss {scores.loss:.3f}  right {scores.right:.0%}  wrongly refused {scores.wrongly_refused:.0%}  "
        f"cited {scores.cited:.0%}  rightly refused {scores.rightly_refused:.0%}  ({scores.asked} asked)"
    )
