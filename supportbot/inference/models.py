"""The loaded models and the thread that computes with them."""

import logging
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Many
from functools import partial
from pathlib import Path

import torch
from jinja2 import TemplateError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from supportbot.inference.adapters import AdapterStore
from supportbot.inference.completion import Event, Sampling
from supportbot.inference.embedder import Embedder, EmbeddingRequest
from supportbot.inference.encoder import Encoder
from supportbot.inference.encoders import Encoders
from supportbot.inference.engine import CHUNK_BESIDE_OTHERS, Engine
from supportbot.inference.fitting import Fitting
from supportbot.inference.llama import Llama, Part, UnsupportedModel
from supportbot.inference.machine import release_memory
from supportbot.inference.reader import Reader, Reading, ReadingRequest
from supportbot.inference.refusals import AdapterRefused, BadRequest, UnknownModel
from supportbot.inference.runtime import Plan
from supportbot.inference.scheduler import Scheduler
from supportbot.inference.sequence import Sequence
from supportbot.inference.stages import Stages
from supportbot.inference.template import prompt_ids
from supportbot.inference.weights import base_sha256, encoder_folders

CONTEXT = 4096  # tokens of prompt and answer; a support prompt has about 600
LEAST_CONTEXT = 64

logger = logging.getLogger(__name__)


class Models:
    """Everything that answers. Made in the loading thread; after `start` its methods may be called from any thread."""

    def __init__(self, plan: Plan, folder: Path, stages: Stages) -> None:
        """Load the base in `folder` and all else, and warm up; nothing is computed before `start`.

        WeightsError, OSError and ValueError say what failed.
        """
        transformers_logging.disable_progress_bar()
        torch.set_num_threads(plan.threads)
        torch.set_flush_denormal(True)
        self.plan = plan
        stages.begin("chat model")
        sha256 = base_sha256()
        fitting = Fitting(plan, sha256)
        self.base = self._read_base(folder, fitting)
        self.adapters = AdapterStore(
            list(plan.adapter_dirs), folder, sha256, self.base, prompt_version=plan.prompt_version
        )
        self.engine = Engine(self.base, max_batch=plan.max_batch, max_waiting=plan.max_waiting)
        stages.begin("encoder")
        self.embedder = Embedder()
        self.encoders = Encoders(partial(encoder_folders, plan.embedding), torch.float32, fitting.device)
        encoder = self.encoders.first()
        fitting.encoder(self.encoders)
        stages.begin("first words")
        self._warm_up(encoder)
        release_memory()
        self.scheduler = Scheduler(self.engine, self.embedder, Reader())

    def _read_base(self, folder: Path, fitting: Fitting) -> Llama:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        loaded = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
        if loaded.config.max_position_embeddings < LEAST_CONTEXT:
            raise UnsupportedModel(f"The model in {folder} reads fewer than {LEAST_CONTEXT} tokens: too few to ask it.")
        self._ends = _end_tokens(loaded, self.tokenizer)
        return fitting.chat(loaded.to(fitting.device), CONTEXT)

    def start(self) -> None:
        """Compute from now on what is asked for."""
        self.scheduler.start()

    def start_answer(
        self,
        name: str,
        messages: Many[Mapping[str, str]],
        sampling: Sampling,
        deliver: Callable[[Event], None],
        *,
        goes_on: bool = False,
    ) -> Sequence:
        """Queue an answer by the model `name`, which may have to be loaded first: call it where waiting is allowed.

        `goes_on`: the last message is the answer's beginning; what is delivered follows it.
        """
        model = self.chat_model(name)
        try:
            prompt = prompt_ids(self.tokenizer, messages, goes_on=goes_on)
        except TemplateError as error:  # of models whose template knows no system, or wants turns
            raise BadRequest(f"The model's chat template does not take these messages: {error}.") from error
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

    def _warm_up(self, encoder: Encoder) -> None:
        """The first use of each kernel is slow: nobody should wait for it."""
        encoder.vectors(encoder.tokenize(["warm"]))
        encoder.piece_vectors(encoder.pieces(["Is it warm?", "It is warm."]))
        try:
            model = self.chat_model(self.plan.chat)
        except (UnknownModel, AdapterRefused) as error:
            logger.warning("chat model %s is not served: %s", self.plan.chat, error)
            return
        length = min(CHUNK_BESIDE_OTHERS, model.context - 1)
        part = Part(list(range(length)), model.new_states(length + 1), model.adapter)
        model.prefill(part, last=True)
        self.base.decode([Part([0], part.states, model.adapter)])


def _end_tokens(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    return frozenset(token for token in [*ends, tokenizer.eos_token_id] if token is not None)
