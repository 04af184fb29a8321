"""A tiny model with random weights: the engine's arithmetic and scheduling need no more."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from supportbot.inference import native
from supportbot.inference.completion import Event, Finished, Piece, Sampling
from supportbot.inference.engine import Engine
from supportbot.inference.llama import Llama
from supportbot.inference.sequence import Sequence

VOCABULARY = 200
END = 1


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory) -> Path:
    """Two blocks, two query heads for each key head, heads wider together than the model; large initial values so that
    greedy choices differ."""
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=128,
        initializer_range=0.3,
        tie_word_embeddings=True,
        eos_token_id=END,
        bos_token_id=0,
        pad_token_id=END,
    )
    folder = tmp_path_factory.mktemp("tiny")
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder):
    return AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)


@pytest.fixture(scope="session")
def llama(tiny) -> Llama:
    return Llama(tiny, dtype=torch.float32, context=128)


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """Where the compiled step is kept between tests."""
    return tmp_path_factory.mktemp("built")


@pytest.fixture(scope="session")
def native_llama(tiny, built) -> Llama:
    """The same model by the compiled step."""
    model = Llama(tiny, dtype=torch.float32, context=128)
    try:
        library = native.build(built)
    except native.Unavailable as reason:
        pytest.skip(f"no native step: {reason}")
    model.step = native.Native(library, model, int8=False, threads=1).step
    model.spare_rows = native.SPARE_ROWS
    return model


@pytest.fixture(params=["torch", "native"])
def each_llama(request) -> Llama:
    """By torch, and by the compiled step."""
    return request.getfixturevalue({"torch": "llama", "native": "native_llama"}[request.param])


@pytest.fixture(scope="session")
def expected(tiny) -> Callable[[list[int], int], list[int]]:
    """What transformers itself writes after a prompt, greedily and without an end."""

    def generate(prompt: list[int], count: int) -> list[int]:
        output = tiny.generate(
            torch.tensor([prompt]), max_new_tokens=count, min_new_tokens=count, do_sample=False, eos_token_id=None
        )
        return output[0, len(prompt) :].tolist()

    return generate


class Client:
    """Collects what the engine delivers for one sequence."""

    def __init__(self, model: Llama, prompt: list[int], sampling: Sampling, ends: frozenset[int] = frozenset()) -> None:
        self.events: list[Event] = []
        self.sequence = Sequence(model, prompt, sampling, ends, spell, self.events.append)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Piece))

    @property
    def finished(self) -> Finished | None:
        return next((event for event in self.events if isinstance(event, Finished)), None)


def spell(ids: list[int]) -> str:
    """A readable stand-in for a tokenizer: `3.17.42.`"""
    return "".join(f"{token}." for token in ids)


def run(engine: Engine, most: int = 2000) -> None:
    """Step until nothing is left to do."""
    for _ in range(most):
        if not engine.busy:
            return
        engine.step()
    pytest.fail(f"the engine still has work after {most} steps")
