"""Models in the ways that are fastest on this machine: those that an earlier start found, else measured now.

What was found is kept in a file beside the weights, named by all that it depends on: processor, threads, weights,
versions, our own code. A start that finds it makes the weights in the numbers that are used and no others.
"""

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from transformers import PreTrainedModel

from supportbot.inference import native
from supportbot.inference.digests import WeightsError, file_sha256
from supportbot.inference.encoders import Encoders
from supportbot.inference.llama import Llama
from supportbot.inference.machine import PRECISION_NAMES, choose_ways, faster_dtype, prompt_dtype, use_ways
from supportbot.inference.products import Kinds
from supportbot.inference.runtime import Plan

PRECISIONS = {name: dtype for dtype, name in PRECISION_NAMES.items()}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ways:
    """How prompts are read and words written, as `native int8`; the precisions of the model's own numbers and of the
    encoder, as `bf16`."""

    plain: str
    reader: str
    writer: str
    encoder: str

    @property
    def kinds(self) -> Kinds:
        used = {name.split()[1] for name in (self.reader, self.writer)}
        return Kinds(plain=self.plain in used, int8="int8" in used)


class Fitting:
    """One start's. `known` tells whether nothing had to be measured."""

    def __init__(self, plan: Plan, weights_sha256: str) -> None:
        """Raises WeightsError where there is no such device."""
        self._plan = plan
        self.device = torch.device(plan.device)
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise WeightsError("MODEL_DEVICE is cuda, but torch sees no such device: set it to cpu, or see to it.")
        self._note = plan.built / f"ways-{_key(plan, weights_sha256)}.json"
        self._found = _read(self._note)
        self.known = self._found is not None

    def chat(self, loaded: PreTrainedModel, context: int) -> Llama:
        """The chat model. Raises UnsupportedModel."""
        plan, found = self._plan, self._found
        if found is not None:
            model = Llama(loaded, dtype=PRECISIONS[found.plain], context=context, kinds=found.kinds)
            if use_ways(model, found.reader, found.writer, plan.threads, plan.built):
                return model
            logger.warning("the ways that %s names do not run here any more: measured again", self._note.name)
            self.known = False
        dtype = prompt_dtype(plan.weights, self.device)
        able = self.device.type == "cpu" and plan.weights in ("auto", "int8")
        model = Llama(loaded, dtype=dtype, context=context, kinds=Kinds(int8=able))
        reader, writer = choose_ways(model, plan.weights, plan.threads, plan.built)
        self._found = Ways(PRECISION_NAMES[dtype], reader, writer, "")
        return model

    def encoder(self, encoders: Encoders) -> None:
        """The precision of the encoders, once `chat` is through; then all that was measured is kept."""
        assert self._found is not None
        if not self.known:
            exact = self._found.plain == "fp32"
            dtype = torch.float32 if exact else faster_dtype(encoders.first())
            self._found = Ways(self._found.plain, self._found.reader, self._found.writer, PRECISION_NAMES[dtype])
            _write(self._note, self._found)
        encoders.compute_in(PRECISIONS[self._found.encoder])


def _key(plan: Plan, weights_sha256: str) -> str:
    """Of everything that the fastest ways depend on."""
    try:
        library = file_sha256(native.library(plan.built))
    except native.Unavailable:
        library = ""
    code = Path(__file__).parent
    told = [weights_sha256, plan.weights, str(plan.threads), plan.embedding, plan.device, torch.__version__, library]
    told += [native.processor(), str(os.cpu_count())]
    told += [file_sha256(file) for file in sorted((*code.glob("*.py"), *code.glob("*.c")))]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def _read(note: Path) -> Ways | None:
    """None where nothing was found yet, or where the file is none of ours."""
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        ways = Ways(**{field.name: str(told[field.name]) for field in fields(Ways)})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    known = {ways.plain, ways.encoder} <= PRECISIONS.keys() and all(" " in name for name in (ways.reader, ways.writer))
    return ways if known else None


def _write(note: Path, ways: Ways) -> None:
    """In the place of what other versions and settings found."""
    note.parent.mkdir(parents=True, exist_ok=True)
    for old in note.parent.glob("ways-*.json"):
        old.unlink(missing_ok=True)
    draft = note.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(asdict(ways)) + "\n", encoding="utf-8")
    draft.replace(note)
