"""What the server holds: the loaded models, the thread that computes, and the state that /health tells."""

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from supportbot.inference.adapters import AdapterRefused, AdapterStore
from supportbot.inference.embedder import Embedder, EmbeddingRequest
from supportbot.inference.engine import Engine
from supportbot.inference.llama import Llama, UnsupportedModel
from supportbot.inference.scheduler import Scheduler
from supportbot.inference.weights import WeightsError, base_sha256, encoder_folder, generator_folder

CONTEXT = 4096  # tokens of prompt and answer; a support prompt has about 600
MAX_LANES = 3  # models that may have running sequences at once

logger = logging.getLogger(__name__)


class UnknownModel(Exception):
    """No model of this name is served here."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the models are called in the API."""

    base: str
    chat: str
    embedding: str


@dataclass(frozen=True, slots=True)
class Health:
    """`status` is ready, loading, failed or stuck; `reason` is a sentence."""

    status: str
    reason: str


class Runtime:
    """Made at once; usable when `load` is through."""

    def __init__(
        self, names: Names, adapter_dirs: list[Path], *, threads: int, max_batch: int, max_waiting: int
    ) -> None:
        self.names = names
        self._adapter_dirs = adapter_dirs
        self._threads = threads
        self._failure = ""
        self._ready = threading.Event()
        self.engine = Engine(max_batch=max_batch, max_waiting=max_waiting, max_lanes=MAX_LANES)
        self.tokenizer: PreTrainedTokenizerBase
        self.embedder: Embedder
        self.base: Llama
        self.adapters: AdapterStore
        self.scheduler: Scheduler
        self.ends: frozenset[int] = frozenset()
        self.load_seconds = 0.0

    def load(self) -> None:
        """Load everything and start to compute. What goes wrong is kept as the sentence that `health` gives."""
        started = time.monotonic()
        try:
            self._load()
        except (WeightsError, UnsupportedModel, SafetensorError, OSError, ValueError) as error:
            self._failure = f"The models could not be loaded: {error}"
            logger.error("models not loaded: %s", error)
            return
        self.load_seconds = time.monotonic() - started
        self._ready.set()

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    @property
    def dead(self) -> bool:
        """The computing thread ended by a fault: only a new process helps."""
        return self.ready and not self.scheduler.is_alive()

    def health(self) -> Health:
        if self._failure:
            return Health("failed", self._failure)
        if not self.ready:
            return Health("loading", "The models are being loaded; a first start converts them, which takes a minute.")
        if self.dead:
            return Health("failed", "The computing thread ended; see the log.")
        if self.scheduler.stuck_seconds:
            return Health("stuck", f"Work waits, but no step was made for {self.scheduler.stuck_seconds:.0f} s.")
        return Health("ready", "")

    def chat_model(self, name: str) -> Llama:
        """The merged model of an adapter, or the base; may take seconds. UnknownModel, AdapterRefused."""
        if name == self.names.base:
            return self.base
        adapter = self.adapters.find(name)
        if adapter is None:
            raise UnknownModel(f"No adapter of this name is in {' or '.join(str(d) for d in self._adapter_dirs)}.")
        return self.adapters.load(adapter)

    def stop(self) -> None:
        """Let the computing thread end after its step."""
        if self.ready:
            self.scheduler.stop()
            self.scheduler.join(timeout=5)

    def _load(self) -> None:
        transformers_logging.disable_progress_bar()
        torch.set_num_threads(self._threads)
        torch.set_flush_denormal(True)
        dtype = best_dtype()
        folder = generator_folder()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.base = Llama(model, dtype=dtype, context=CONTEXT)
        self.ends = _end_tokens(model, self.tokenizer)
        del model
        self.adapters = AdapterStore(self._adapter_dirs, folder, base_sha256(), self.base)
        self.embedder = Embedder(encoder_folder(), dtype)
        self._warm_up()
        self.scheduler = Scheduler(self.engine, self.embedder)
        self.scheduler.start()

    def _warm_up(self) -> None:
        """The first use of each kernel is slow; the adapter that customers talk to should be merged before they ask."""
        cache = self.base.new_cache(1)
        self.base.prefill([0] * 64, cache, 0, last=True)
        self.base.verify([0] * 4, cache, 0)
        self.base.decode([0], cache)
        self.embedder.submit(EmbeddingRequest(self.embedder.tokenize(["warm"]), lambda _vectors: None))
        self.embedder.step_questions()
        try:
            self.chat_model(self.names.chat)
        except (UnknownModel, AdapterRefused) as error:
            logger.warning("chat model %s is not served: %s", self.names.chat, error)


def best_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it natively, which is about twice as fast; else float32."""
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16") else torch.float32


def _end_tokens(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    return frozenset(token for token in [*ends, tokenizer.eos_token_id] if token is not None)
