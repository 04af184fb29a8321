"""The loaded models and the thread that computes with them."""

import logging
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Many
from functools import partial

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from supportbot.inference.adapters import AdapterStore
from supportbot.inference.completion import Event, Sampling
from supportbot.inference.embedder import Embedder, EmbeddingRequest
from supportbot.inference.encoders import Encoders
from supportbot.inference.engine import Engine
from supportbot.inference.llama import Llama
from supportbot.inference.reader import Reader, Reading, ReadingRequest
from supportbot.inference.refusals import AdapterRefused, BadRequest, UnknownModel
from supportbot.inference.runtime import Plan
from supportbot.inference.scheduler import Scheduler
from supportbot.inference.sequence import Sequence
from supportbot.inference.template import prompt_ids
from supportbot.inference.weights import base_sha256, encoder_folders, generator_folder

CONTEXT = 4096  # tokens of prompt and answer; a support prompt has about 600
MAX_LANES = 3  # models that may have running sequences at once

logger = logging.getLogger(__name__)


class Models:
    """Everything that answers. Made in the loading thread; afterwards its methods may be called from any thread."""

    def __init__(self, plan: Plan) -> None:
        """Load, warm up, start to compute. WeightsError, UnsupportedModel, OSError and ValueError say what failed."""
        transformers_logging.disable_progress_bar()
        torch.set_num_threads(plan.threads)
        torch.set_flush_denormal(True)
        self.plan = plan
        dtype, folder = best_dtype(), generator_folder()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.base = Llama(model, dtype=dtype, context=CONTEXT)
        self._ends = _end_tokens(model, self.tokenizer)
        # A base in float32 computes with these very tensors, so a merge must not write into them.
        spare = None if dtype is torch.float32 else model
        del model
        self.adapters = AdapterStore(list(plan.adapter_dirs), folder, base_sha256(), self.base, spare)
        del spare
        self.engine = Engine(max_batch=plan.max_batch, max_waiting=plan.max_waiting, max_lanes=MAX_LANES)
        self.embedder = Embedder()
        self.encoders = Encoders(partial(encoder_folders, plan.embedding), dtype)
        self._warm_up()
        self.adapters.spare = None
        self.scheduler = Scheduler(self.engine, self.embedder, Reader())
        self.scheduler.start()

    def start_answer(
        self, name: str, messages: Many[Mapping[str, str]], sampling: Sampling, deliver: Callable[[Event], None]
    ) -> Sequence:
        """Queue an answer by the model `name`, which may have to be loaded first: call it where waiting is allowed."""
        model = self.chat_model(name)
        prompt = prompt_ids(self.tokenizer, messages)
        if len(prompt) + sampling.max_tokens > model.context:
            raise BadRequest(
                f"The prompt has {len(prompt)} tokens and the answer may have {sampling.max_tokens}; "
                f"together the model reads {model.context}."
            )
        ends = frozenset() if sampling.ignore_end else self._ends
        sequence = Sequence(model, prompt, sampling, ends, self._decode, deliver)
        self.scheduler.chat(sequence)
        return sequence

    def start_embedding(
        self, name: str, texts: list[str], deliver: Callable[[list[list[float]]], None]
    ) -> EmbeddingRequest:
        """Queue texts for their vectors. An encoder that was not used before is loaded, which takes seconds."""
        encoder = self.encoders.get(name)
        request = EmbeddingRequest(encoder, encoder.tokenize(texts), deliver)
        self.scheduler.embed(request)
        return request

    def start_reading(
        self, name: str, query: str, documents: list[str], deliver: Callable[[list[Reading]], None]
    ) -> ReadingRequest:
        """Queue a question and the texts that may speak of it, for the encoder `name` to compare word by word."""
        encoder = self.encoders.get(name)
        asked, *texts = encoder.pieces([query, *documents])
        request = ReadingRequest(encoder, asked, list(zip(documents, texts, strict=True)), deliver)
        self.scheduler.read(request)
        return request

    def chat_model(self, name: str) -> Llama:
        """The base, or an adapter merged into it, which takes seconds the first time."""
        if name == self.plan.base:
            return self.base
        adapter = self.adapters.find(name)
        if adapter is None:
            raise UnknownModel(f"No adapter of this name is in {' or '.join(str(d) for d in self.plan.adapter_dirs)}.")
        return self.adapters.load(adapter)

    def stop(self) -> None:
        """Let the computing thread end after its step."""
        self.scheduler.stop()
        self.scheduler.join(timeout=5)

    def _decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def _warm_up(self) -> None:
        """The first use of each kernel is slow; the adapter that customers talk to should be merged before they ask."""
        cache = self.base.new_cache(1)
        self.base.prefill([0] * 64, cache, 0, last=True)
        self.base.verify([0] * 4, cache, 0)
        self.base.decode([0], cache)
        encoder = self.encoders.first()
        self.embedder.submit(EmbeddingRequest(encoder, encoder.tokenize(["warm"]), lambda _vectors: None))
        self.embedder.step_questions()
        try:
            self.chat_model(self.plan.chat)
        except (UnknownModel, AdapterRefused) as error:
            logger.warning("chat model %s is not served: %s", self.plan.chat, error)


def best_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it natively, which is about twice as fast; else float32."""
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16") else torch.float32


def _end_tokens(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    return frozenset(token for token in [*ends, tokenizer.eos_token_id] if token is not None)
