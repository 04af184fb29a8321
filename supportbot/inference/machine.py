"""What this machine computes fastest, measured when the server starts: the next words of answers, and vectors.

It takes about a second, and saves from guessing by the processor's name: on one machine bfloat16 halves the time of
a product, on another it doubles it.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from supportbot.inference import native
from supportbot.inference.encoder import Encoder
from supportbot.inference.llama import Llama, Part, Step

PRECISION_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
ROWS = (1, 4, 8)  # answers at once, by which ways to write are compared
KNOWN_TOKENS = 256  # that each of them has before
TRIES = 3  # the fastest counts: others may use the machine too
ENCODED = (4, 96)  # texts and tokens of each
TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 0.05}  # of logits, to their largest; a broken way is far beyond
INT8_TOLERANCE = 0.15

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to compute a step, how many rows cost it little more than one, and how far its logits may be off."""

    step: Step
    spare_rows: int
    tolerance: float


def prompt_dtype(weights: str) -> torch.dtype:
    """The precision for prompts: bfloat16 where the processor multiplies it natively, which is about twice as fast."""
    if weights == "fp32":
        return torch.float32
    able = torch.cpu.get_capabilities()
    native_bf16 = able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16")
    return torch.bfloat16 if weights == "bf16" or native_bf16 else torch.float32


def choose_step(model: Llama, weights: str, threads: int, folder: Path) -> str:
    """Let the model write its next words in the way that is fastest here; the way's name.

    `folder` keeps what is compiled. A way that fails, or whose result differs, is left out with a line in the log.
    """
    parts = _samples(model)
    reference = _forgetting(model.torch_step, parts)
    times: dict[str, float] = {}
    ways = _ways(model, weights, threads, folder)
    for name, way in ways.items():
        try:
            difference = _difference(_forgetting(way.step, parts), reference)
        except (RuntimeError, AttributeError) as error:  # what torch says of an operator that it does not have here
            logger.warning("the way to write %s does not run here: %s", name, type(error).__name__)
            continue
        if difference > way.tolerance:
            logger.warning("the way to write %s is left out: its result differs by %.3f", name, difference)
            continue
        times[name] = sum(_fastest(partial(_forgetting, way.step, parts[:rows])) for rows in ROWS)
    if not times:
        return f"torch {PRECISION_NAMES[model.dtype]}"
    name = min(times, key=times.__getitem__)
    model.step, model.spare_rows = ways[name].step, ways[name].spare_rows
    if not name.endswith("int8"):
        model.forget_bytes()
    told = ", ".join(f"{other} {1000 * seconds / len(ROWS):.0f} ms" for other, seconds in times.items())
    logger.info("words are written by %s (a step: %s)", name, told)
    return name


def faster_dtype(encoder: Encoder) -> torch.dtype:
    """float32, or bfloat16 where that is faster by a tenth at least."""
    tokens = [[1 + number % 900 for number in range(ENCODED[1])] for _ in range(ENCODED[0])]
    times = {}
    for dtype in (torch.bfloat16, torch.float32):
        encoder.to(dtype)
        times[dtype] = _fastest(lambda: encoder.vectors(tokens))
    return torch.bfloat16 if times[torch.bfloat16] < 0.9 * times[torch.float32] else torch.float32


def _ways(model: Llama, weights: str, threads: int, folder: Path) -> dict[str, Way]:
    """Ways to compute a step, by name."""
    plain = PRECISION_NAMES[model.dtype]
    ways: dict[str, Way] = {}
    if weights != "int8":
        ways[f"torch {plain}"] = Way(model.torch_step, model.spare_rows, TOLERANCES[model.dtype])
    if model.has_bytes:
        ways["torch int8"] = Way(model.int8_step, model.spare_rows, INT8_TOLERANCE)
    try:
        kept = native.Native(native.build(folder), model, int8=model.has_bytes, threads=threads)
    except native.Unavailable as reason:
        logger.info("words are written by torch alone: %s", reason)
        return ways
    tolerance = INT8_TOLERANCE if model.has_bytes else TOLERANCES[model.dtype]
    return ways | {f"native {'int8' if model.has_bytes else plain}": Way(kept.step, native.SPARE_ROWS, tolerance)}


def _samples(model: Llama) -> list[Part]:
    """As many sequences as the largest batch of ROWS, each with a newest word to be read."""
    known = min(KNOWN_TOKENS, model.context - 2)
    first = model.new_states(known + 1)
    model.prefill(Part([(7 * number) % len(model.embeddings) for number in range(known)], first), last=False)
    parts = []
    for row in range(max(ROWS)):
        states = model.new_states(known + 1)
        states.copy(first, known)
        parts.append(Part([11 + row], states))
    return parts


def _forgetting(step: Step, parts: list[Part]) -> Tensor:
    """The logits of a step, whose tokens are forgotten again."""
    logits = step(parts)
    for part in parts:
        del part.states.tokens[-len(part.tokens) :]
    return logits


def _difference(logits: Tensor, reference: Tensor) -> float:
    """The largest, relative to the largest value; infinite where a value is none."""
    if not torch.isfinite(logits).all():
        return float("inf")
    return float((logits - reference).abs().max() / reference.abs().max().clamp(min=1e-6))


def _fastest(act: Callable[[], object]) -> float:
    times = []
    for _ in range(1 + TRIES):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return min(times[1:])
