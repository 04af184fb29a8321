"""The loaded models and the thread that computes with them."""

import logging
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Many
from functools import partial
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from supportbot.inference.adapters import AdapterStore
from supportbot.inference.completion import Event, Sampling
from supportbot.inference.embedder import Embedder, EmbeddingRequest
from supportbot.inference.encoders import Encoders
from supportbot.inference.engine import CHUNK, CHUNK_BESIDE_OTHERS, Engine
from supportbot.inference.llama import Llama, Part
from supportbot.inference.machine import choose_ways, faster_dtype, prompt_dtype, release_memory
from supportbot.inference.reader import Reader, Reading, ReadingRequest
from supportbot.inference.refusals import AdapterRefused, BadRequest, UnknownModel
from supportbot.inference.runtime import Plan
from supportbot.inference.scheduler import Scheduler
from supportbot.inference.sequence import Sequence
from supportbot.inference.template import prompt_ids
from supportbot.inference.weights import base_sha256, encoder_folders, generator_folder, verified

CONTEXT = 4096  # tokens of prompt and answer; a support prompt has about 600

logger = logging.getLogger(__name__)


class Models:
    """Everything that answers. Made in the loading thread; afterwards its methods may be called from any thread."""

    def __init__(self, plan: Plan) -> None:
        """Load, warm up, start to compute. WeightsError, UnsupportedModel, OSError and ValueError say what failed."""
        transformers_logging.disable_progress_bar()
        torch.set_num_threads(plan.threads)
        torch.set_flush_denormal(True)
        self.plan = plan
        folder = generator_folder()
        with verified(folder):
            self._load_generator(folder)
        self.engine = Engine(self.base, max_batch=plan.max_batch, max_waiting=plan.max_waiting)
        self.embedder = Embedder()
        self.encoders = Encoders(partial(encoder_folders, plan.embedding), torch.float32)
        self._warm_up()
        release_memory()
        self.scheduler = Scheduler(self.engine, self.embedder, Reader())
        self.scheduler.start()

    def _load_generator(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
        weights = self.plan.weights
        self.base = Llama(model, dtype=prompt_dtype(weights), context=CONTEXT, int8=weights in ("auto", "int8"))
        self._ends = _end_tokens(model, self.tokenizer)
        self.adapters = AdapterStore(
            list(self.plan.adapter_dirs),
            folder,
            base_sha256(),
            self.base,
            prompt_version=self.plan.prompt_version,
        )

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
        """The base, or an adapter beside it, whose files are read the first time."""
        if name == self.plan.base:
            return self.base
        return self.adapters.model(name)

    def stop(self) -> None:
        """Let the computing thread end after its step."""
        self.scheduler.stop()
        self.scheduler.join(timeout=5)

    def _decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def _warm_up(self) -> None:
        """Find the fastest ways of this machine. The first use of each kernel is slow: nobody should wait for it."""
        choose_ways(self.base, self.plan.weights, self.plan.threads, self.plan.built)
        encoder = self.encoders.first()
        if self.base.dtype is torch.bfloat16:
            self.encoders.compute_in(faster_dtype(encoder))
        encoder.vectors(encoder.tokenize(["warm"]))
        encoder.piece_vectors(encoder.pieces(["Is it warm?", "It is warm."]))
        try:
            model = self.chat_model(self.plan.chat)
        except (UnknownModel, AdapterRefused) as error:
            logger.warning("chat model %s is not served: %s", self.plan.chat, error)
            return
        part = Part(list(range(CHUNK_BESIDE_OTHERS)), model.new_states(CHUNK), model.adapter)
        model.prefill(part, last=True)
        self.base.decode([Part([0], part.states, model.adapter)])


def _end_tokens(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    return frozenset(token for token in [*ends, tokenizer.eos_token_id] if token is not None)
