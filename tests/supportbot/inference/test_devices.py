"""The engine computes where its weights are. Without a GPU, torch's device of shapes alone tells whether a tensor was
made elsewhere: it refuses to be mixed with any other."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from supportbot.inference.llama import Llama, Part
from supportbot.inference.machine import choose_ways, prompt_dtype

from .conftest import VOCABULARY

SHAPES_ALONE = torch.device("meta")


def test_every_tensor_of_a_step_is_made_where_the_weights_are(tmp_path):
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    base = Llama(LlamaForCausalLM(config).to(SHAPES_ALONE), dtype=torch.bfloat16, context=64)
    assert choose_ways(base, "auto", 1, tmp_path) == ("torch bf16", "torch bf16")
    shapes = {"q_proj": (32, 32), "k_proj": (32, 16)}
    tensors = {}
    for layer in range(2):
        for name, (into, out) in shapes.items():
            prefix = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            tensors[f"{prefix}.lora_A.weight"], tensors[f"{prefix}.lora_B.weight"] = (
                torch.ones(4, into),
                torch.ones(out, 4),
            )
    tuned = base.tuned(tensors, 2.0)
    first, second = Part([1, 2, 3], base.new_states(16)), Part([4, 5], tuned.new_states(16), tuned.adapter)
    assert base.prefill(first, last=True).device == SHAPES_ALONE
    tuned.prefill(second, last=False)
    logits = base.decode([Part([7], first.states), Part([8, 9], second.states, tuned.adapter)])
    assert (logits.device, logits.shape) == (SHAPES_ALONE, (3, VOCABULARY))
    assert first.states.keys.device == SHAPES_ALONE


def test_a_gpu_without_16_bits_computes_in_32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert prompt_dtype("auto", torch.device("cuda")) == torch.float32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert prompt_dtype("auto", torch.device("cuda")) == torch.bfloat16
    assert prompt_dtype("fp32", torch.device("cuda")) == torch.float32
