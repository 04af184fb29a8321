"""What this machine computes fastest, measured at the first start: the next words of answers, and vectors.

It takes a second or two, and saves from guessing by the processor's name: on one machine bfloat16 halves the time of
a product, on another it doubles it. The time of the processor is what counts, not that of the clock: at a start other
programs are busy too.
"""

import ctypes
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from supportbot.inference import native
from supportbot.inference.encoder import Encoder
from supportbot.inference.llama import Llama, Part, Step
from supportbot.inference.products import Multiply, Product

PRECISION_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
ROWS = (1, 4, 8)  # answers at once, by which ways to write are compared
KNOWN_TOKENS = 128  # that each of them has before
FEW_TOKENS = 16  # of a prompt that shows whether a known way runs
PROMPT_TOKENS = 64  # of a prompt, by which ways to read are compared
THRIFT = 1.1  # so much slower may 8 bits be: they take a quarter of the memory of float32
CLEARLY = 0.9  # of the time of float32: for less gain no precision is given up
TRIES = 2  # the fastest counts
SHORT_TRIES = 5  # of what takes a millisecond
MOST_THREADS = 8  # of the compiled step, whose parts are small: more of them mostly wait for each other
ENCODED = (4, 96)  # texts and tokens of each
TOLERANCES = {"fp32": 1e-3, "bf16": 0.05, "int8": 0.15}  # of logits, to their largest; a broken way is far beyond

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """Something that gives logits for a size of work, and the sizes by which it is compared."""

    act: Callable[[int], Tensor]
    sizes: tuple[int, ...]


def prompt_dtype(weights: str, device: torch.device) -> torch.dtype:
    """The precision to compute in, if `weights` leaves it open: bfloat16 where its products are faster."""
    if weights in ("bf16", "fp32"):
        return torch.bfloat16 if weights == "bf16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    able = torch.cpu.get_capabilities()
    if not (able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16")):
        return torch.float32
    rows, weight = torch.rand(2 * PROMPT_TOKENS, 512), torch.rand(1024, 512)
    coarse_rows, coarse_weight = rows.bfloat16(), weight.bfloat16()
    times = [
        (_fastest(partial(F.linear, rows, weight)), _fastest(partial(F.linear, coarse_rows, coarse_weight)))
        for _ in range(SHORT_TRIES)
    ]
    exact, coarse = (min(both) for both in zip(*times, strict=True))
    return torch.bfloat16 if coarse < CLEARLY * exact else torch.float32


def choose_ways(model: Llama, weights: str, threads: int, folder: Path) -> tuple[str, str]:
    """Let the model read prompts and write words in the ways that are fastest here; their names, like `native int8`.

    `folder` keeps what is compiled. A way that fails, or whose result differs, is left out with a line in the log.
    """
    plain = PRECISION_NAMES[model.dtype]
    if model.device.type != "cpu":
        return f"torch {plain}", f"torch {plain}"
    compiled = _compiled(model, threads, folder)
    multiplies = _multiplies(model, compiled)
    forced = weights == "int8"
    reads = {name: Way(partial(_reading, model, way), (PROMPT_TOKENS,)) for name, way in multiplies.items()}
    model.multiply = multiplies[reader := _fastest_of(reads, forced)]
    parts, steps = _samples(model), _steps(model, compiled)
    writes = {name: Way(partial(_forgetting, way, parts), ROWS) for name, (way, _) in steps.items()}
    writer = _fastest_of(writes, forced)
    model.step, model.spare_rows = steps[writer]
    used = {name.split()[1] for name in (reader, writer)}
    model.forget(plain=plain not in used, int8=model.has_bytes and "int8" not in used)
    logger.info("prompts are read by %s, words are written by %s", reader, writer)
    return reader, writer


def use_ways(model: Llama, reader: str, writer: str, threads: int, folder: Path) -> bool:
    """The same by the names that an earlier start found; False where one of them does not run here."""
    compiled = _compiled(model, threads, folder) if model.device.type == "cpu" else None
    multiplies, steps = _multiplies(model, compiled), _steps(model, compiled)
    if reader not in multiplies or writer not in steps:
        return False
    model.multiply = multiplies[reader]
    model.step, model.spare_rows = steps[writer]
    try:
        states = model.new_states(FEW_TOKENS + 1)
        model.prefill(Part(list(range(1, FEW_TOKENS + 1)), states), last=False)
        return bool(torch.isfinite(model.decode([Part([0], states)])).all())
    except (RuntimeError, AttributeError) as error:
        logger.warning("%s and %s do not run here: %s", reader, writer, type(error).__name__)
        return False


def faster_dtype(encoder: Encoder) -> torch.dtype:
    """float32, or bfloat16 where that is faster by a tenth at least."""
    tokens = [[1 + number % 900 for number in range(ENCODED[1])] for _ in range(ENCODED[0])]
    times = {}
    for dtype in (torch.bfloat16, torch.float32):
        encoder.to(dtype)
        times[dtype] = _fastest(lambda: encoder.vectors(tokens))
    return torch.bfloat16 if times[torch.bfloat16] < CLEARLY * times[torch.float32] else torch.float32


def _compiled(model: Llama, threads: int, folder: Path) -> native.Native | None:
    try:
        return native.Native(native.build(folder), model, int8=model.has_bytes, threads=min(threads, MOST_THREADS))
    except native.Unavailable as reason:
        logger.info("nothing is compiled: %s", reason)
        return None


def _multiplies(model: Llama, compiled: native.Native | None) -> dict[str, Multiply]:
    """Ways to compute the products of prompts, by name; the first needs nothing special."""
    ways: dict[str, Multiply] = {f"torch {PRECISION_NAMES[model.dtype]}": Product.plainly}
    if model.has_bytes and compiled is not None:
        ways["native int8"] = compiled.by_halves
    elif model.has_bytes:
        ways["torch int8"] = Product.by_halves
    return ways


def _steps(model: Llama, compiled: native.Native | None) -> dict[str, tuple[Step, int]]:
    """Ways to compute a step, by name, with how many rows cost it little more than one; the first as above."""
    plain = PRECISION_NAMES[model.dtype]
    steps: dict[str, tuple[Step, int]] = {f"torch {plain}": (model.torch_step, model.spare_rows)}
    if compiled is not None:
        steps[f"native {'int8' if model.has_bytes else plain}"] = (compiled.step, native.SPARE_ROWS)
    elif model.has_bytes:
        steps["torch int8"] = (model.int8_step, model.spare_rows)
    return steps


def _fastest_of(ways: dict[str, Way], forced: bool) -> str:
    """Its name. All must come near to the result of the first, which is what is left when no other works, and counts
    only then if another way is forced."""
    reference = next(iter(ways))
    exact = ways[reference].act(max(ways[reference].sizes))
    costs: dict[str, float] = {}
    for name, way in ways.items():
        if name == reference:
            difference = 0.0
        else:
            try:
                difference = _difference(way.act(max(way.sizes)), exact)
            except (RuntimeError, AttributeError) as error:  # what torch says of an operator that it does not have here
                logger.warning("the way %s does not run here: %s", name, type(error).__name__)
                continue
        if difference > TOLERANCES[name.split()[1]]:
            logger.warning("the way %s is left out: its result differs by %.3f", name, difference)
            continue
        if not (forced and name == reference):
            costs[name] = sum(_fastest(partial(way.act, size)) for size in way.sizes)
    logger.info("processor time: %s", ", ".join(f"{name} {1000 * cost:.0f} ms" for name, cost in costs.items()))
    return min(costs, key=lambda name: costs[name] / (THRIFT if name.endswith("int8") else 1), default=reference)


def _reading(model: Llama, multiply: Multiply, length: int) -> Tensor:
    """The logits after a prompt."""
    model.multiply = multiply
    tokens = [(7 * number) % len(model.embeddings) for number in range(min(length, model.context - 2))]
    logits = model.prefill(Part(tokens, model.new_states(len(tokens))), last=True)
    assert logits is not None
    return logits


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


def _forgetting(step: Step, parts: list[Part], rows: int) -> Tensor:
    """The logits of a step of the first parts, whose tokens are forgotten again."""
    logits = step(parts[:rows])
    for part in parts[:rows]:
        del part.states.tokens[-len(part.tokens) :]
    return logits


def _difference(logits: Tensor, reference: Tensor) -> float:
    """The largest, relative to the largest value; infinite where a value is none."""
    if not torch.isfinite(logits).all():
        return float("inf")
    return float((logits - reference).abs().max() / reference.abs().max().clamp(min=1e-6))


def _fastest(act: Callable[[], object]) -> float:
    """Seconds of all threads together."""
    times = []
    for _ in range(TRIES):
        started = time.process_time()
        act()
        times.append(time.process_time() - started)
    return min(times)


def release_memory() -> None:
    """Give back what loading left unused: the C library would keep hundreds of megabytes."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):  # of glibc
        library.malloc_trim(0)
