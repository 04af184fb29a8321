"""In float32 every answer is that of transformers' `generate`, token for token, in whatever company it is written.

Where two words are all but equally likely (their logits nearer than NEAR_TIE) the order of a sum may decide: such a
place is logged, and what follows it is not compared.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from supportbot.inference import native
from supportbot.inference.agreement import agreement
from supportbot.inference.completion import Sampling
from supportbot.inference.engine import Engine
from supportbot.inference.llama import Llama, Part
from supportbot.inference.machine import choose_ways
from supportbot.inference.products import Kinds
from supportbot.inference.template import prompt_ids
from supportbot.inference.weights import generator_folder

from .conftest import VOCABULARY, Client, run

NEAR_TIE = 1e-3  # between logits in float32, whose largest are about 20
SHIPPED = Path(__file__).resolve().parents[3] / "chat" / "tuning" / "shipped" / "support-v1"
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

logger = logging.getLogger(__name__)


@dataclass
class Case:
    """A prompt, who reads it, and what transformers writes."""

    model: Llama
    prompt: list[int]
    expected: list[int]
    judge: Callable[[list[int]], torch.Tensor]  # tokens -> transformers' logits after the last


@dataclass
class Mix:
    """A model with its adapters in our engine and in transformers, and cases for each of them in turn."""

    base: Llama
    cases: list[Case]
    ties: list[str] = field(default_factory=list)

    def check(self, *, batch: int, warm: bool, guessing: bool) -> None:
        engine = Engine(self.base, max_batch=batch, max_waiting=len(self.cases))
        spare, self.base.spare_rows = self.base.spare_rows, self.base.spare_rows if guessing else 0
        try:
            for _ in range(2 if warm else 1):
                clients = [Client(case.model, case.prompt, Sampling(len(case.expected))) for case in self.cases]
                for client in clients:
                    engine.submit(client.sequence)
                run(engine)
        finally:
            self.base.spare_rows = spare
        for case, client in zip(self.cases, clients, strict=True):
            self._compare(case, client.sequence.output)
        assert not warm or engine.reused_tokens > 0
        assert guessing or engine.guessed_tokens == 0

    def _compare(self, case: Case, output: list[int]) -> None:
        for place, (written, hoped) in enumerate(zip(output, case.expected, strict=True)):
            if written != hoped:
                logits = case.judge([*case.prompt, *output[:place]])
                gap = float(logits[hoped] - logits[written])
                assert gap < NEAR_TIE, f"at {place} of {output}, {case.expected} was expected (gap {gap:.4f})"
                logger.warning("a near-tie at token %d: %.6f", place, gap)
                self.ties.append(f"{place}: {gap:.6f}")
                return


def with_adapter(model: PreTrainedModel, folder: Path, seed: int) -> Path:
    """A LoRA on every product, large enough to change the answers."""
    torch.manual_seed(seed)
    tuned = get_peft_model(model, LoraConfig(r=5, lora_alpha=10, target_modules=TARGETS))
    size = 0.3 if model.config.hidden_size < 100 else 0.01
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, size)
    tuned.save_pretrained(folder)
    tuned.unload()
    return folder


def mix_of(base: Llama, folder: Path, adapters: list[tuple[Path, float]], prompts: list[list[int]], count: int) -> Mix:
    """`adapters` with what each is scaled by; every prompt has the next reader: none, the first, the second."""
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    peft = PeftModel.from_pretrained(plain, str(adapters[0][0]), adapter_name="0")
    for number, (path, _) in enumerate(adapters[1:], 1):
        peft.load_adapter(str(path), adapter_name=str(number))
    readers = [base, *(base.tuned(load_file(path / "adapter_model.safetensors"), scale) for path, scale in adapters)]

    def read(number: int, tokens: list[int]) -> Iterator[None]:
        if number == 0:
            with peft.disable_adapter():
                yield
        else:
            peft.set_adapter(str(number - 1))
            yield

    def generate(number: int, prompt: list[int]) -> list[int]:
        for _ in read(number, prompt):
            output = peft.generate(
                input_ids=torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=count,
                min_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=0,
            )  # fmt: skip
        return output[0, len(prompt) :].tolist()

    def judge(number: int, tokens: list[int]) -> torch.Tensor:
        with torch.inference_mode():
            for _ in read(number, tokens):
                logits = peft(input_ids=torch.tensor([tokens])).logits
        return logits[0, -1]

    cases = []
    for index, prompt in enumerate(prompts):
        number = index % len(readers)
        expected = generate(number, prompt)
        cases.append(Case(readers[number], prompt, expected, lambda tokens, number=number: judge(number, tokens)))
    return Mix(base, cases)


@pytest.fixture(scope="module")
def tiny_adapters(tiny_folder, tmp_path_factory) -> list[tuple[Path, float]]:
    folder = tmp_path_factory.mktemp("adapters")
    return [
        (with_adapter(AutoModelForCausalLM.from_pretrained(tiny_folder), folder / str(seed), seed), 2.0)
        for seed in (1, 2)
    ]


@pytest.fixture
def tiny_mix(each_llama, tiny_folder, tiny_adapters) -> Mix:
    """Prompts of all lengths, some with a common beginning, some that repeat themselves."""
    shared = list(range(20, 44))
    prompts = [
        [*shared, 3, 4], [*shared, 9], [*shared, 3, 4, 8], [5, 9, 17, 33] * 4, list(range(100, 40, -3)), [3],
        [*shared, 7, 7, 7], list(range(20, 70)), [150, 2, 2, 60, 7, 90, 111], [8, 9] * 12, [*shared, 9, 11], [77, 3],
    ]  # fmt: skip
    return mix_of(each_llama, tiny_folder, tiny_adapters, prompts, 20)


def test_every_mix_of_batch_adapters_cache_and_guesses_writes_what_transformers_writes(tiny_mix):
    assert len({tuple(case.expected) for case in tiny_mix.cases}) > 8  # adapters and prompts make a difference
    for batch, warm, guessing in product((1, 2, 3, 8), (False, True), (False, True)):
        tiny_mix.check(batch=batch, warm=warm, guessing=guessing)
    assert not tiny_mix.ties


def test_guesses_are_made_for_several_answers_at_once(each_llama, expected):
    engine, starts = Engine(each_llama, max_batch=2, max_waiting=2), (9, 15)  # after which this model repeats itself
    clients = [Client(each_llama, [start], Sampling(100)) for start in starts]
    for client in clients:
        engine.submit(client.sequence)
    run(engine)
    assert engine.guessed_tokens > 5
    for start, client in zip(starts, clients, strict=True):
        assert client.sequence.output == expected([start], 100)


def test_the_compiled_step_computes_each_row_alike_in_any_company(native_llama):
    """Bit for bit: what one customer reads must not depend on who else asks."""

    def logits(rows: list[list[int]], others: int) -> torch.Tensor:
        parts = []
        for number in range(1 + others):
            states = native_llama.new_states(60)
            native_llama.prefill(Part(list(range(number, number + 30)), states), last=False)
            parts.append(Part(rows[0] if number == 0 else [number], states))
        return native_llama.decode(parts)[: len(rows[0])]

    alone = logits([[5]], 0)
    for others in range(1, 20):
        assert torch.equal(logits([[5]], others), alone)
    assert torch.equal(logits([[5, 6, 7]], 4)[0], alone[0])


@pytest.mark.parametrize("int8", [False, True], ids=["bf16", "int8"])
def test_coarser_weights_choose_the_same_words_but_for_near_ties(tiny, llama, int8):
    """A model of random weights has no sure words: it shows that nothing is broken, not how good the answers are."""
    coarse = Llama(tiny, dtype=torch.float32 if int8 else torch.bfloat16, context=128, kinds=Kinds(int8=int8))
    coarse.step = coarse.int8_step if int8 else coarse.torch_step
    engine, clients = Engine(coarse, max_batch=4, max_waiting=16), []
    for first in range(2, 14):
        clients.append(Client(coarse, list(range(first, first + 20)), Sampling(12)))
        engine.submit(clients[-1].sequence)
    run(engine)
    found = agreement(llama, [(client.sequence.prompt, client.sequence.output) for client in clients])
    assert found.token_share > 0.8
    assert found.widest_gap < 1.0


def test_an_exact_model_agrees_with_itself(llama, expected):
    prompt = [5, 9, 17, 33]
    written = expected(prompt, 12)
    assert agreement(llama, [(prompt, written)]).same_share == 1
    spoilt = [*written[:4], (written[4] + 1) % VOCABULARY, *written[5:]]
    found = agreement(llama, [(prompt, written), (prompt, spoilt)])
    assert (found.same_share, found.divergences[0].place) == (0.5, 4)
    assert found.divergences[0].gap > 0


@pytest.mark.parametrize("weights", ["auto", "bf16", "int8", "fp32"])
def test_a_way_to_write_is_chosen_by_measurement(tiny, built, weights):
    dtype = torch.bfloat16 if weights == "bf16" else torch.float32
    model = Llama(tiny, dtype=dtype, context=128, kinds=Kinds(int8=weights in ("auto", "int8")))
    _, name = choose_ways(model, weights, 1, built)
    assert name.split()[1] == weights or weights == "auto"
    states = model.new_states(8)
    model.prefill(Part([5, 9, 17], states), last=False)
    assert model.decode([Part([33], states)]).shape == (1, VOCABULARY)


def test_a_way_that_fails_or_computes_something_else_is_left_out(tiny, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(native, "COMPILERS", ())
    model = Llama(tiny, dtype=torch.float32, context=128, kinds=Kinds(int8=True))
    for layer in model.layers:
        layer.products[0].scales *= 3
    assert choose_ways(model, "auto", 1, tmp_path) == ("torch fp32", "torch fp32")
    assert "left out" in caplog.text


def test_an_operator_that_is_missing_is_left_out(tiny, tmp_path, monkeypatch, caplog):
    def missing(*_tensors: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    monkeypatch.setattr(native, "COMPILERS", ())
    monkeypatch.setattr(torch, "_weight_int8pack_mm", missing)
    monkeypatch.setattr(torch, "_int_mm", missing)
    model = Llama(tiny, dtype=torch.float32, context=128, kinds=Kinds(int8=True))
    assert choose_ways(model, "int8", 1, tmp_path) == ("torch fp32", "torch fp32")
    assert "torch int8 does not run here" in caplog.text


@pytest.mark.model
@pytest.mark.parametrize("way", ["torch", "native"])
def test_the_real_weights_and_the_shipped_adapter_write_what_transformers_writes(way, built, tmp_path_factory, request):
    folder = generator_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    base = Llama(model, dtype=torch.float32, context=512)
    if way == "native":
        request.getfixturevalue("native_llama")  # skips where it cannot be built
        library = native.build(built)
        base.step, base.spare_rows = native.Native(library, base, int8=False, threads=1).step, native.SPARE_ROWS
    other = with_adapter(model, tmp_path_factory.mktemp("adapters") / "other", 3)
    passage = "[1] Returns\nYou can send an order back within 30 days. Write to us first, and keep the receipt.\n\n"
    questions = ["Name three fruits.", f"{passage}Question: How long may I return it?", f"{passage}Question: Who pays?"]
    prompts = [prompt_ids(tokenizer, [{"role": "user", "content": question}]) for question in questions]
    mix = mix_of(base, folder, [(SHIPPED, 2.0), (other, 2.0)], prompts, 12)
    for batch, warm, guessing in ((1, False, True), (2, True, False), (3, False, True)):
        mix.check(batch=batch, warm=warm, guessing=guessing)
    assert len(mix.ties) <= 1
