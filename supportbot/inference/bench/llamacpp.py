"""The peer `llamacpp`: llama.cpp called by its own functions, without a server between, with continuous batching.

It goes about it as llama.cpp's server does: each step takes a token of everybody who writes, and fills the batch with
prompts; a slot keeps what its last prompt has in common with the next one. Runs in any Python that has llama_cpp.
"""

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from supportbot.inference.bench.talking import Answer, Job, job_of, queue_of, round_told, talk

BATCH = 512  # tokens a step; with the server's 2,048 those who write would stand still for seconds


@dataclass(slots=True)
class Slot:
    """A sequence of the cache: what it holds, and who has it."""

    number: int
    held: list[int] = field(default_factory=list)
    job: Job | None = None


def load(given: dict[str, Any]) -> tuple[dict[str, Any], Answer]:
    """`file` is the GGUF file, `context` the most tokens of one question and its answer."""
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        return {"missing": f"{error}"}, lambda _work: {}
    engine = Engine(llama_cpp, given)
    told = {
        "version": f"llama-cpp-python {llama_cpp.__version__}",
        "weights": llama_cpp.llama_model_size(engine.model),
        "precision": engine.describe(),
        "processor": llama_cpp.llama_print_system_info().decode(),
    }
    return told, lambda work: engine.answer(work["asked"], work["streams"])


class Engine:
    def __init__(self, lib: Any, given: dict[str, Any]) -> None:
        self.lib = lib
        lib.llama_backend_init()
        self.model = lib.llama_model_load_from_file(given["file"].encode(), lib.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp does not read {given['file']}.")
        wanted = lib.llama_context_default_params()
        wanted.n_seq_max = given["streams"]
        wanted.n_ctx = given["streams"] * given["context"]
        wanted.n_batch = wanted.n_ubatch = BATCH
        wanted.n_threads = wanted.n_threads_batch = given["threads"]
        self.context = lib.llama_init_from_model(self.model, wanted)
        if not self.context:
            raise SystemExit("llama.cpp made no context; the lines above say why.")
        self.memory = lib.llama_get_memory(self.context)
        self.vocabulary = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self.model))
        self.batch = lib.llama_batch_init(BATCH, 0, 1)
        self.slots = [Slot(number) for number in range(given["streams"])]

    def describe(self) -> str:
        text = ctypes.create_string_buffer(200)
        self.lib.llama_model_desc(self.model, text, len(text))
        return text.value.decode()

    def answer(self, asked: Sequence[dict[str, Any]], streams: int) -> dict[str, Any]:
        """So many streams ask at once; each asks its next question when it has its answer."""
        began, waiting = time.perf_counter(), queue_of(asked)
        over: list[Job] = []
        while len(over) < len(asked):
            for slot in self.slots[:streams]:
                if slot.job is None and waiting:
                    self._take(slot, job_of(*waiting.popleft()))
            over += self._step([slot for slot in self.slots if slot.job is not None])
        return round_told(over, began)

    def _take(self, slot: Slot, job: Job) -> None:
        """The slot forgets all but the beginning that both prompts share; the last token is read in any case."""
        shared = 0
        for known, wanted in zip(slot.held, job.ids[:-1], strict=False):
            if known != wanted:
                break
            shared += 1
        self.lib.llama_memory_seq_rm(self.memory, slot.number, shared, -1)
        slot.job, slot.held = job, job.ids[:shared]

    def _step(self, slots: Sequence[Slot]) -> list[Job]:
        """One batch; those who have all their tokens leave their slots."""
        self.batch.n_tokens = 0
        asking: list[tuple[int, Slot]] = []  # the place in the batch whose logits say a slot's next token
        for slot in sorted(slots, key=lambda slot: not _writing(slot)):
            text = slot.job.ids + slot.job.output if slot.job else []
            part = text[len(slot.held) :][: BATCH - self.batch.n_tokens]
            for token in part:
                slot.held.append(token)
                last = len(slot.held) == len(text)
                if last:
                    asking.append((self.batch.n_tokens, slot))
                self._add(token, len(slot.held) - 1, slot.number, last)
        if status := self.lib.llama_decode(self.context, self.batch):
            raise SystemExit(f"llama_decode gave {status}.")
        return [job for place, slot in asking if (job := self._write(place, slot)) is not None]

    def _add(self, token: int, position: int, sequence: int, last: bool) -> None:
        batch, place = self.batch, self.batch.n_tokens
        batch.token[place], batch.pos[place] = token, position
        batch.n_seq_id[place], batch.seq_id[place][0] = 1, sequence
        batch.logits[place] = last
        batch.n_tokens = place + 1

    def _write(self, place: int, slot: Slot) -> Job | None:
        """The likeliest token, whatever it means: all peers write the same number of them."""
        import numpy

        logits = self.lib.llama_get_logits_ith(self.context, place)
        token = int(numpy.ctypeslib.as_array(logits, (self.vocabulary,)).argmax())
        job = slot.job
        assert job is not None
        job.output.append(token)
        job.written.append(time.perf_counter() - job.asked)
        if not job.over:
            return None
        slot.job = None
        return job


def _writing(slot: Slot) -> bool:
    return slot.job is not None and bool(slot.job.output)


if __name__ == "__main__":
    talk(load)
